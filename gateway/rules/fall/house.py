"""What the house knows that a wearable does not: who else is in, where there was activity, who lies in bed.

Speaks only where one person lives and nobody visits: steps of another prove nothing about the wearer.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.rules.in_sight import InSight
from gateway.rules.switched import Switched

_ACTIVE: Final = frozenset({Kind.MOTION, Kind.OCCUPANCY, Kind.FLUSH})
HEARD: Final = _ACTIVE | {Kind.APPLIANCE, Kind.BED, Kind.CONTACT, Kind.VISIT}
"""All that `observe` makes something of."""
LASTING: Final = frozenset({Kind.APPLIANCE, Kind.BED, Kind.CONTACT, Kind.VISIT})
"""And what of it holds until something else is said; a movement means nothing after some minutes."""
_RECENT_MS: Final = 10 * 60_000  # older: nobody knows in which room the wearer was
_IN_TRANSIT_MS: Final = 5_000  # seen so shortly before: perhaps on the way into the next room, and fallen there
_SETTLED_MS: Final = 8_000  # a motion sensor may still report what was before the fall
_VISIT_MS: Final = 4 * 3_600_000  # who forgets to sign out does not stay longer


class House:
    """Rooms and their last activity, beds, visitors."""

    def __init__(self) -> None:
        self._home = HomeView()
        self._room: str | None = None
        self._room_t = 0
        self._beds: dict[str, bool] = {}
        self._visitors_until = 0
        self._doors: dict[str, Any] = {}
        self._switched = Switched()
        self._radars = InSight()

    def configure(self, home: HomeView) -> None:
        """Takes up the home; beds that are gone say nothing any more."""
        self._home = home
        self._beds = {d: v for d, v in self._beds.items() if d in home.devices}
        self._doors = {d: v for d, v in self._doors.items() if d in home.devices}
        self._switched.keep(home.devices)
        self._radars.keep(home.devices)

    def observe(self, observation: Observation) -> str | None:
        """Returns the room in which somebody was active just now, if that can only be the wearer."""
        kind, t = observation.kind, observation.t
        if kind is Kind.VISIT:
            value = observation.value
            left = isinstance(value, dict) and value.get("event", "arrived") != "arrived"
            self._visitors_until = t if left else t + _VISIT_MS
            return None
        device = self._home.devices.get(observation.device or "")
        if device is None:
            return None
        if kind is Kind.BED:
            self._beds[device.id] = observation.value is True
            return None
        if kind is Kind.CONTACT:
            before, self._doors[device.id] = self._doors.get(device.id), observation.value
            active = before is not None and before != observation.value and not device.entrance
        elif kind is Kind.OCCUPANCY:
            active = self._radars.is_sign(device.id, observation.value is True, t)
        elif kind is Kind.APPLIANCE:
            active = self._switched.is_act(device.id, observation.value is True, t)
        else:
            active = kind in _ACTIVE and observation.value is True
        return device.room if active and self._alone(t) else None

    def _alone(self, t: int) -> bool:
        return len(self._home.residents) == 1 and t >= self._visitors_until

    def was_in(self, room: str, t: int) -> None:
        """Remembers the room of an activity, once whoever asks has compared it."""
        self._room, self._room_t = room, t

    def room_at(self, t: float) -> str | None:
        """The room the wearer was in at `t`; None if unknown, or if they may have been leaving it."""
        age = t - self._room_t
        return self._room if self._room is not None and _IN_TRANSIT_MS <= age <= _RECENT_MS else None

    def in_bed(self) -> bool | None:
        """Whether somebody lies in bed; None without a bed sensor."""
        return any(self._beds.values()) if self._beds else None

    def to_json(self) -> dict[str, Any]:
        """For a snapshot."""
        return {
            "room": self._room, "room_t": self._room_t, "beds": dict(self._beds), "doors": dict(self._doors),
            "visitors_until": self._visitors_until, "switched": self._switched.to_json(),
            "radars": self._radars.to_json(),
        }  # fmt: skip

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        room = data["room"]
        self._room, self._room_t = None if room is None else str(room), int(data["room_t"])
        self._beds = {str(d): bool(v) for d, v in data["beds"].items()}
        self._doors = dict(data["doors"])
        self._visitors_until = int(data["visitors_until"])
        if "switched" in data:  # not in snapshots of 0.1
            self._switched.from_json(data["switched"])
        if "radars" in data:  # nor this
            self._radars.from_json(data["radars"])


class Whereabouts:
    """The rooms in which there was activity since one fall, against the one in which it happened."""

    __slots__ = ("fell_in", "fell_t", "seen")

    def __init__(self, fell_in: str | None, fell_t: float, seen: str | None = None) -> None:
        self.fell_in = fell_in
        self.fell_t = fell_t
        self.seen = seen

    def elsewhere(self, room: str, t: int) -> bool:
        """Whether activity in `room` shows that the wearer has walked on."""
        if t < self.fell_t + _SETTLED_MS:
            return False
        if self.fell_in is not None:
            return room != self.fell_in
        first, self.seen = self.seen, self.seen or room
        return first is not None and room != first
