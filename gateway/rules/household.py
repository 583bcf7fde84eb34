"""What a rule that asks must know of the home around its own sensor: who acts, who is out, who is a guest, who records.

The same judgement as the inactivity rule's, for rules that watch one bed, one room, one door or one meter: each keeps a
household of its own, so that none depends on another's health (A23).
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.inactivity.presence import Presence, Where
from gateway.rules.inactivity.witnesses import ACTS, Witnesses
from gateway.rules.rule import Readiness, Status

HEARD: Final = ACTS | {Kind.RECORDER, Kind.AWAY}
"""What `Household.hear` can make anything of."""


class Sign(Enum):
    """What an observation tells of people; None stands for nothing."""

    DOOR = "DOOR"  # somebody passed an entrance, in or out
    INSIDE = "INSIDE"  # somebody is at home, and that is believed


_INSIDE: Final = Sign.INSIDE
_HOME: Final = Where.HOME


class Household:
    """Follows the people of a home by everything that is said."""

    def __init__(self) -> None:
        self.witnesses = Witnesses()
        self.presence = Presence()
        self.lost: frozenset[str] = frozenset()
        self.consented = False
        self.doubted = False  # what was heard last is an act, and nobody is thought to be in who could do it
        self._recording = True
        self._away_max = 0

    def configure(self, home: HomeView, parameters: Parameters) -> None:
        """Who bears witness, and which doors lead out."""
        self.consented = home.consented("MONITORING")
        self._away_max = parameters.ms("away.max_h")
        self.witnesses.configure(home)
        doors = {d.id for d in home.devices.values() if d.kind == "contact" and d.entrance}
        self.presence.configure(home, len(self.witnesses.needed - doors))

    @property
    def inside(self) -> frozenset[str]:
        """The witnesses beside the entrance doors."""
        return self.witnesses.needed - self.presence.entrances

    def hear(self, observation: Observation) -> Sign | None:
        """Takes up what was said, and says what it tells of people."""
        kind, t = observation.kind, observation.t
        self.doubted = False
        if kind in ACTS:
            if not self.witnesses.is_activity(observation):
                return None
            device = observation.device
            if device in self.presence.entrances and kind is Kind.CONTACT:
                self.witnesses.passage(t)
                self.presence.passage(device or "", observation.value == "open", t)
                return Sign.DOOR
            self.doubted = not self.presence.inside(observation)
            return None if self.doubted else _INSIDE
        if kind is Kind.RECORDER:
            self._recording = observation.value is True
        elif kind is Kind.AWAY:
            self._declared(observation.value, t)
        return None

    def _declared(self, value: Any, t: int) -> None:
        """`true`/`false`, `{"away": bool}` or `{"guests": bool}`."""
        if isinstance(value, dict) and "guests" in value:
            self.presence.guests(value["guests"] is True, t)
        else:
            self.presence.declare(value is True or (isinstance(value, dict) and value.get("away") is True),
                                  t, self._away_max)  # fmt: skip

    def hindrance(self, *, by_door: bool) -> Status | None:
        """Why nothing can be judged now; None: somebody lives here, is at home and can be seen.

        Without `by_door` only what was declared keeps anybody out: where nothing sees people inside, a door cannot.
        """
        if not self.consented:
            return Status(Readiness.OFF, "no_consent")
        if not self._recording:
            return Status(Readiness.UNAVAILABLE, "recording_lost")
        where = self.presence.where()
        if where is _HOME:
            return None
        if where is Where.GUESTS:
            return Status(Readiness.UNAVAILABLE, "guests")
        if where is Where.DECLARED_AWAY or (by_door and where is Where.AWAY):
            return Status(Readiness.OFF, "away")
        if by_door and where is Where.UNKNOWN:
            return Status(Readiness.UNAVAILABLE, "door_open")
        return None

    def next_due(self) -> int | None:
        """When something declared ends, or a door has stood open for long."""
        return self.presence.next_due()

    def advance(self, t: int) -> None:
        """Ends it."""
        self.presence.advance(t)

    def gap(self, start: int, end: int) -> None:
        """Nobody watched."""
        self.presence.gap(start, end)

    def forget(self) -> None:
        """The consent was withdrawn. Who is lost and whether anybody records is no matter of people."""
        self.witnesses, self.presence = Witnesses(), Presence()

    def to_json(self) -> dict[str, Any]:
        """The state, for a snapshot."""
        return {
            "presence": self.presence.to_json(), "witnesses": self.witnesses.to_json(),
            "lost": sorted(self.lost), "recording": self._recording,
        }  # fmt: skip

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self.presence.from_json(data["presence"])
        self.witnesses.from_json(data["witnesses"])
        self.lost = frozenset(str(d) for d in data["lost"])
        self._recording = bool(data["recording"])
