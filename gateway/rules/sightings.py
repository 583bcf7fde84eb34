"""How often a device speaks by itself, learned from sixteen sightings (after habluetooth's advertisement tracker).

Only what a device says on its own schedule counts: a beacon, a battery or climate report, an answered poll. Motion and
doors speak when people act, and their pace is no device's. A device whose gaps are not alike has no interval.
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


@dataclass(slots=True)
class Sightings:
    """The last sixteen gaps of one device."""

    last: int | None = None
    gaps: list[int] = field(default_factory=list)
    interval: int | None = None  # ms, the longest gap of a regular device; None while it is not known

    def seen(self, t: int) -> bool:
        """A sign of life by schedule at `t`; returns whether the interval changed."""
        if self.last is not None and t - self.last < BURST_MS:
            return False
        if self.last is not None:
            self.gaps.append(t - self.last)
            del self.gaps[:-SIGHTINGS]
        self.last = t
        before, found = self.interval, self._judge()
        if before is None or found is None or not before * STEADY <= found <= before:
            self.interval = found  # so a beacon's jitter is no news
        return before != self.interval

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
        return [self.last, list(self.gaps), self.interval]

    @classmethod
    def from_json(cls, row: list[Any]) -> Sightings:
        """The inverse of `to_json`."""
        last, gaps, interval = row
        return cls(
            None if last is None else int(last),
            [int(gap) for gap in gaps][-SIGHTINGS:],
            None if interval is None else int(interval),
        )
