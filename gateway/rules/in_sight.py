"""Whether a presence radar's word is a sign of life: what one `occupancy: true` means beside those before it. Pure.

A radar says "somebody is here" for as long as it sees somebody sit, sleep or lie on the floor, and again and again by
its own clock; covered or stuck it says so for ever. So only that somebody comes into its sight is a sign of life, and
its repeats are none: a person asleep under it is as quiet as without it, and no stuck radar vouches for anybody.
Whoever moves under it is told of as `motion` by a radar that can tell, and counts each time.

One that has never said that nobody is there may know no such word, as a motion sensor that speaks when it sees
somebody: it is believed each time, until it has said so for longer than anybody is about without a pause.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any, Final

PAUSE_MS: Final = 90 * 60_000  # states are reported again within the hour at the latest (Zigbee's usual maximum)
STAY_MS: Final = 16 * 3_600_000  # a day awake; nobody is about for longer without `PAUSE_MS` unseen


class InSight:
    """The radars of a home: which see somebody, since when, and which ever said that they do not."""

    __slots__ = ("_clears", "_sees")

    def __init__(self) -> None:
        self._sees: dict[str, tuple[int, int]] = {}  # radar -> since when without a pause, when it said so last
        self._clears: set[str] = set()

    def keep(self, devices: Container[str]) -> None:
        """Forgets the radars that are not among these."""
        self._sees = {d: times for d, times in self._sees.items() if d in devices}
        self._clears = {d for d in self._clears if d in devices}

    def is_sign(self, radar: str, present: bool, t: int) -> bool:
        """Whether somebody must be about for this to be said at `t`. Asked once for each word: it remembers."""
        if not present:
            self._clears.add(radar)
            self._sees.pop(radar, None)
            return False
        since, last = self._sees.get(radar, (t, None))
        if last is not None and t - last >= PAUSE_MS:
            since = t
        self._sees[radar] = (since, t)
        return last is None or (radar not in self._clears and t - since < STAY_MS)

    def to_json(self) -> dict[str, Any]:
        """For a snapshot."""
        return {"sees": {d: list(times) for d, times in self._sees.items()}, "clears": sorted(self._clears)}

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._sees = {str(d): (int(since), int(last)) for d, (since, last) in data["sees"].items()}
        self._clears = {str(d) for d in data["clears"]}
