"""Whether a presence radar's word is a sign of life: what one `occupancy: true` means beside those before it. Pure.

A radar says "somebody is here" for as long as it sees somebody sit, sleep or lie on the floor, and again and again by
its own clock; covered or stuck it says so for ever. So only that somebody comes into its sight is a sign of life, and
its repeats are none: a person asleep under it is as quiet as without it, and no stuck radar vouches for anybody.
Whoever moves under it is told of as `motion` by a radar that can tell, and counts each time.

One that has never said that nobody is there may know no such word, as a motion sensor that speaks when it sees
somebody: it is believed each time, until it has said so for longer than anybody is about without a pause.

Two things make news of a repeat, unless the radar has said so for longer than anybody stays:

- An entrance was used. Who opens to the postman and sits down again never left the radar's sight, and no edge will say
  so. What it sees once the tail of a departure is over is somebody inside: that counts once for each passage.
- A long pause: a `false` was lost on the radio or in a restart, and somebody comes into sight again.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any, Final

PAUSE_MS: Final = 90 * 60_000  # states are reported again within the hour at the latest (Zigbee's usual maximum)
STAY_MS: Final = 16 * 3_600_000  # a day awake; nobody is about for longer without `PAUSE_MS` unseen
SETTLE_MS: Final = 120_000
"""How long after an entrance a radar may still say `true` of who left by it: it holds on for 10 to 60 s as it is sold,
and the last repeat comes a little later."""
_NEVER: Final = -(1 << 40)  # the clock of the controller begins at 0; a snapshot holds no larger numbers than JSON can


class InSight:
    """The radars of a home: which see somebody, since when, and which ever said that they do not."""

    __slots__ = ("_clears", "_passages", "_sees", "settle_ms")

    def __init__(self) -> None:
        self._sees: dict[str, tuple[int, int, int]] = {}
        """Radar -> since when without a pause, when it said so last, when that was a sign beyond doubt last."""
        self._clears: set[str] = set()
        self._passages = (_NEVER, _NEVER)  # when an entrance was used last, and before that
        self.settle_ms = SETTLE_MS

    def keep(self, devices: Container[str]) -> None:
        """Forgets the radars that are not among these."""
        self._sees = {d: times for d, times in self._sees.items() if d in devices}
        self._clears = {d for d in self._clears if d in devices}
        if not self._sees:
            self._passages = (_NEVER, _NEVER)  # who comes into sight from now on is a sign anyway

    def is_sign(self, radar: str, present: bool, t: int) -> bool:
        """Whether somebody must be about for this to be said at `t`. Asked once for each word: it remembers."""
        if not present:
            self._clears.add(radar)
            self._sees.pop(radar, None)
            return False
        used = self._used_before(t)
        settled = t - used >= self.settle_ms
        seen = self._sees.get(radar)
        if seen is None:
            self._sees[radar] = (t, t, t if settled else used)
            return True
        since, last, counted = seen
        clears = radar in self._clears
        if t - last >= (STAY_MS if clears else PAUSE_MS):
            since = t
        if clears:
            sign = settled and (counted <= used or t - last >= PAUSE_MS) and last - since < STAY_MS
        else:
            sign = t - since < STAY_MS
        self._sees[radar] = (since, t, t if sign else counted)
        return sign

    def passage(self, t: int) -> None:
        """An entrance was used at `t`: who is still in sight when a departure would be over is in."""
        if self._passages[0] != t:
            self._passages = (t, self._passages[0])

    def _used_before(self, t: int) -> int:
        """When an entrance was used last. Who speaks first at one moment, the door or the radar, must not matter: what
        is used at `t` itself was not used yet."""
        last, before = self._passages
        return last if last != t else before

    def to_json(self) -> dict[str, Any]:
        """For a snapshot."""
        return {
            "sees": {d: list(times) for d, times in self._sees.items()},
            "clears": sorted(self._clears),
            "passages": list(self._passages),
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._sees = {}
        for radar, (since, last, *counted) in data["sees"].items():  # two in the first snapshots
            self._sees[str(radar)] = (int(since), int(last), int(counted[0] if counted else since))
        self._clears = {str(d) for d in data["clears"]}
        used, before = data.get("passages", (_NEVER, _NEVER))
        self._passages = (int(used), int(before))
