"""How often a device speaks by itself, learned from sixteen sightings (after habluetooth's advertisement tracker).

Only what a device says on its own schedule counts: a beacon, a battery or climate report, an answered poll. Motion and
doors speak when people act, and their pace is no device's. A device whose gaps are not alike has no interval; after a
week of them it is known how long it has been silent at the most.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from gateway.observations import Kind

ROUTINE: Final = frozenset({Kind.SEEN, Kind.BATTERY, Kind.VOLTAGE, Kind.TEMPERATURE, Kind.HUMIDITY})
SIGHTINGS: Final = 16
REGULAR: Final = 3
"""The longest of the gaps is at most so many times the middle one: else it speaks on change, not by the clock."""
STEADY: Final = 0.5
"""An interval is corrected at once if it grew, and only if it halved if it shrank."""
BURST_MS: Final = 900
"""Signs closer than this are one packet with several readings, or its repeats."""
WEEK_MS: Final = 7 * 86_400_000
"""So long a device that speaks at no regular pace is watched before anything is made of it, and no longer is it waited
for: one that is silent for more than a third of it at a time is not held to anything."""
STRETCH_MS: Final = 28 * 86_400_000  # its longest silence is that of this stretch and of the one before


@dataclass(slots=True)
class Sightings:
    """The last sixteen gaps of one device, and the longest of late."""

    last: int | None = None
    gaps: list[int] = field(default_factory=list)
    interval: int | None = None  # ms, the longest gap of a regular device; None while it is not known
    longest: int | None = None  # ms, the same of one that is not regular
    _since: int | None = None  # the first sign
    _stretch: int = 0  # this stretch began then
    _of_stretch: int = 0  # its longest gap
    _of_last: int = 0  # and that of the stretch before

    def seen(self, t: int, *, lost: bool = False) -> bool:
        """A sign of life by schedule at `t`; returns whether interval or longest silence changed.

        `lost`: it was taken for lost, so that this silence may have been a flat battery and no pace of its own.
        """
        if self.last is not None and t - self.last < BURST_MS:
            return False
        if self.last is not None:
            self.gaps.append(t - self.last)
            del self.gaps[:-SIGHTINGS]
            self._longest_so_far(t, min(t - self.last, WEEK_MS // REGULAR) if lost else t - self.last)
        self.last = t
        if self._since is None:
            self._since = self._stretch = t
        before, found = (self.interval, self.longest), self._judge()
        if self.interval is None or found is None or not self.interval * STEADY <= found <= self.interval:
            self.interval = found  # so a beacon's jitter is no news
        known = self.interval is None and len(self.gaps) == SIGHTINGS and t - self._since >= WEEK_MS
        self.longest = max(self._of_stretch, self._of_last) if known else None
        return before != (self.interval, self.longest)

    def _longest_so_far(self, t: int, gap: int) -> None:
        if t - self._stretch >= STRETCH_MS:
            self._stretch, self._of_last, self._of_stretch = t, self._of_stretch, 0
        self._of_stretch = max(self._of_stretch, gap)

    def pause(self) -> None:
        """Nobody could hear it for a while: the next gap says nothing of the device."""
        self.last = None

    def _judge(self) -> int | None:
        if len(self.gaps) < SIGHTINGS:
            return None
        ordered = sorted(self.gaps)
        longest, middle = ordered[-1], ordered[len(ordered) // 2]
        return longest if longest <= REGULAR * middle else None

    def to_json(self) -> list[Any]:
        """For a snapshot."""
        return [
            self.last, list(self.gaps), self.interval,
            self.longest, self._since, self._stretch, self._of_stretch, self._of_last,
        ]  # fmt: skip

    @classmethod
    def from_json(cls, row: list[Any]) -> Sightings:
        """The inverse of `to_json`."""
        last, gaps, interval, longest, since, *stretch = row if len(row) > 3 else [*row, None, None, 0, 0, 0]  # 0.1
        return cls(
            None if last is None else int(last),
            [int(gap) for gap in gaps][-SIGHTINGS:],
            None if interval is None else int(interval),
            None if longest is None else int(longest),
            None if since is None else int(since),
            *(int(ms) for ms in stretch),
        )
