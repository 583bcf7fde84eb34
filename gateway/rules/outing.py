"""Who went out by the door may have taken what can be worn: its silence meanwhile is not its own (T-26).

Supervision's own view of who is out, by the entrance and what moves inside. Each passage of the door begins a stretch
of its own, so that of a return and a new departure each is judged by what was heard then.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Observation
from gateway.parameters import Parameters
from gateway.rules.household import HEARD, Household
from gateway.rules.inactivity.presence import Where

STILL_HEARD_MS: Final = 10 * 60_000
"""What is heard later than this after the door was used has stayed at home: on its way out it is heard for minutes."""


class Outing:
    """Since when the door has somebody out; for as long as an absence goes untold at most."""

    def __init__(self) -> None:
        self._household = Household()
        self._follows = False
        self._longest = 0
        self._over: int | None = None  # the stretch that lasted too long to excuse anything

    def configure(self, home: HomeView, parameters: Parameters) -> None:
        """Followed only where something can be taken along, and a door tells."""
        self._household.configure(home, parameters)
        self._longest = parameters.ms("away.notice_h")
        self._follows = bool(self._household.presence.entrances) and any(
            device.kind == "wearable" for device in home.devices.values()
        )

    @property
    def since(self) -> int | None:
        """When the door was used last, if nobody is thought to be inside."""
        out_since = self._household.presence.out_since
        if not self._follows or out_since is None or out_since == self._over:
            return None
        return out_since if self._household.presence.where() is Where.AWAY else None

    def took(self, seen: int) -> bool:
        """Whether what was heard at `seen` for the last time may be out as well."""
        since = self.since
        return since is not None and seen <= since + STILL_HEARD_MS

    def hear(self, observation: Observation) -> bool:
        """Takes up what was said; whether that changed who is out, or when anything is due."""
        if not self._follows or observation.kind not in HEARD:
            return False
        before = self.since, self._household.next_due()
        self._household.hear(observation)
        return before != (self.since, self._household.next_due())

    def next_due(self) -> int | None:
        """When it has lasted too long, or a door that stands open tells no more."""
        if not self._follows:
            return None
        since, due = self.since, self._household.next_due()
        if since is None or (due is not None and due < since + self._longest):
            return due
        return since + self._longest

    def advance(self, t: int) -> None:
        """Ends what is due."""
        if (since := self.since) is not None and since + self._longest <= t:
            self._over = since
        if self._follows:
            self._household.advance(t)

    def gap(self, start: int, end: int) -> None:
        """Nobody watched."""
        if self._over is not None:
            self._over += end - start
        self._household.gap(start, end)

    def to_json(self) -> dict[str, Any]:
        """For a snapshot."""
        return {"household": self._household.to_json(), "over": self._over}

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._household.from_json(data["household"])
        self._over = None if data["over"] is None else int(data["over"])
