"""The night as a rule may know it: a span of local hours, and when it begins next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.rules.civil import DAY_MS, CivilTime

HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Night:
    """From `start` to `end`, ms of the local day; the span may hold midnight. Equal ends: never night."""

    start: int
    end: int

    @classmethod
    def of_hours(cls, start_h: float, end_h: float) -> Night:
        """The night between two local hours."""
        return cls(round(start_h * HOUR_MS), round(end_h * HOUR_MS))

    def holds(self, civil: CivilTime, t: int) -> bool:
        """Whether `t` is at night, by a clock that is trusted; without one nobody can tell, and it is not."""
        return civil.trusted(t) and (civil.ms_of_day(t) - self.start) % DAY_MS < (self.end - self.start) % DAY_MS

    def next_start(self, civil: CivilTime, t: int) -> int | None:
        """When the next night begins after `t`; None while no clock is trusted."""
        if not civil.trusted(t) or self.start == self.end:
            return None
        return t + ((self.start - civil.ms_of_day(t)) % DAY_MS or DAY_MS)

    def end_after(self, civil: CivilTime, t: int) -> int:
        """When the night that holds `t` ends."""
        return t + ((self.end - civil.ms_of_day(t)) % DAY_MS or DAY_MS)
