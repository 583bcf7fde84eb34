"""Civil time as rules may use it: the hour people live by, and whether anything vouches for it.

Knows the mapping the controller is told and nothing of where it comes from. A duration never depends on it (invariant
v): whatever a rule does with the hour of the day, it falls back to fixed times while `trusted` says no.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

SHANGHAI_MS: Final = 8 * 3_600_000  # no DST since 1991
DAY_MS: Final = 86_400_000
STEP_MS: Final = 5 * 60_000
"""A wall-clock step beyond this: time-of-day rules use their fixed cap for `DISTRUST_MS` (architecture, Time)."""
DISTRUST_MS: Final = 24 * 3_600_000
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()


class CivilTime:
    """The mapping from controller time to the local day. Shared by all rules of one controller, changed by it alone."""

    def __init__(self, offset_ms: int = 0, trust: str = "NONE") -> None:
        self.offset_ms = offset_ms
        self.trust = trust
        self.distrusted_until: int | None = None

    def set(self, offset_ms: int, trust: str, t: int) -> None:
        """A new mapping at `t`. A step of a clock that was believed before makes the hour doubtful for a day."""
        if self.trust != "NONE" and abs(offset_ms - self.offset_ms) > STEP_MS:
            self.distrusted_until = t + DISTRUST_MS
        self.offset_ms, self.trust = offset_ms, trust

    def trusted(self, t: int) -> bool:
        """Whether a rule may go by the hour of the day at `t`."""
        return self.trust != "NONE" and (self.distrusted_until is None or t >= self.distrusted_until)

    def believed_from(self, t: int) -> int | None:
        """When the hour may be gone by: `t` itself, the end of a doubt, or None while nothing vouches for it."""
        if self.trust == "NONE":
            return None
        return t if self.distrusted_until is None else max(t, self.distrusted_until)

    def ms_of_day(self, t: int) -> int:
        """Local milliseconds since midnight."""
        return (t + self.offset_ms + SHANGHAI_MS) % DAY_MS

    def day(self, t: int) -> int:
        """The local day as a running number (days since 1970-01-01); `date_of` makes a date of it."""
        return (t + self.offset_ms + SHANGHAI_MS) // DAY_MS

    def at(self, day: int, ms_of_day: int) -> int:
        """Controller time of a local moment, by the mapping in force."""
        return day * DAY_MS + ms_of_day - SHANGHAI_MS - self.offset_ms

    def to_json(self) -> dict[str, Any]:
        """What a snapshot must keep beside offset and trust."""
        return {"distrusted_until": self.distrusted_until}

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        until = data.get("distrusted_until")
        self.distrusted_until = None if until is None else int(until)


def date_of(day: int) -> date:
    """The calendar date of a day number of `CivilTime.day`."""
    return date.fromordinal(_EPOCH_ORDINAL + day)
