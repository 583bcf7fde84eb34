"""When something of the day is due: `HH:MM`, weekdays, and what a gap or a moved clock makes of it.

Pure. Goes by civil time only; where nothing vouches for the hour, nothing is due.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gateway.rules.civil import CivilTime

HH_MM: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAILY: Final = "daily"
_THURSDAY: Final = 3  # 1970-01-01


def minutes_of(text: object) -> int | None:
    """Minutes since midnight of `HH:MM`; None for what is no time of day."""
    found = HH_MM.fullmatch(text) if isinstance(text, str) else None
    return int(found[1]) * 60 + int(found[2]) if found else None


def days_of(text: object) -> frozenset[int] | None:
    """Weekdays (0: Monday) of `daily` or `mon,thu`; None for what is neither."""
    if text == DAILY:
        return frozenset(range(7))
    if not isinstance(text, str):
        return None
    words = text.split(",")
    return frozenset(DAYS.index(w) for w in words) if all(w in DAYS for w in words) else None


def of_a_wrong_clock(done_day: int, today: int) -> bool:
    """Whether what was done on `done_day` was done by a clock years ahead: a battery clock gone wrong, since set right.

    A clock set back over midnight leaves one that is tomorrow's: that was done today.
    """
    return done_day > today + 1


@dataclass(frozen=True, slots=True)
class Daily:
    """A time of day on some weekdays."""

    minute: int
    days: frozenset[int] = frozenset(range(7))

    def on(self, day: int) -> bool:
        """Whether it is due on this day (`CivilTime.day`)."""
        return (day + _THURSDAY) % 7 in self.days

    def due(self, civil: CivilTime, t: int, done_day: int | None) -> int | None:
        """Controller time at which it is due next, for the first day from today on that is after `done_day`.

        May lie before `t`: then it is overdue since. Nothing is due before the hour can be trusted, and what was due by
        then is overdue in that moment, whether or not anybody says a word; None if nothing vouches for the hour.
        """
        believed = civil.believed_from(t)
        if believed is None:
            return None
        if believed > t:
            due = self.due(civil, believed, done_day)
            return None if due is None else max(due, believed)
        today = civil.day(t)
        first = today if done_day is None or of_a_wrong_clock(done_day, today) else max(today, done_day + 1)
        for day in range(first, first + 8):
            if self.on(day):
                return civil.at(day, self.minute * 60_000)
        return None
