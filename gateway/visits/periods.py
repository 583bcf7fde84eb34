"""The periods in which a visit is due (J-4(2)2): half a month for a key elder, a month for a general one.

Pure dates. "每半月" is read two ways (domain 0-7): the calendar's halves (1 to 15, 16 to the end; the default, because
the figure the county reports is per calendar month), or never more than 15 days from one visit to the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

ROLLING_DAYS: Final = 15
FIRST_PERIOD_MIN_DAYS: Final = 7
"""Enrolled with fewer days left in the period than this: due at the end of the next one (domain 8, question 4)."""
DAY: Final = timedelta(days=1)


class PriorityClass(StrEnum):
    """重点对象 or 一般对象: the form's tick box decides, never a rule."""

    KEY = "KEY"
    GENERAL = "GENERAL"


class Reading(StrEnum):
    """How "every half-month" is read."""

    CALENDAR = "calendar_half_month"
    ROLLING = "rolling_15_days"


@dataclass(frozen=True, slots=True)
class Period:
    """One stretch of days, both ends included, in which one on-site visit is due by `end`."""

    kind: str  # half_month, rolling_15_days or month
    start: date
    end: date

    def __contains__(self, day: date) -> bool:
        return self.start <= day <= self.end

    def next(self) -> Period:
        """The period that follows."""
        return calendar_period(self.end + DAY, PriorityClass.GENERAL if self.kind == "month" else PriorityClass.KEY)


def calendar_period(day: date, priority: PriorityClass) -> Period:
    """The calendar period of this class that holds `day`."""
    first, last = day.replace(day=1), month_end(day)
    if priority is PriorityClass.GENERAL:
        return Period("month", first, last)
    if day.day <= 15:
        return Period("half_month", first, day.replace(day=15))
    return Period("half_month", day.replace(day=16), last)


def first_due_period(enrolled: date, priority: PriorityClass) -> Period:
    """The first period that counts after an enrolment (or a change of class) on this day; begins with that day.

    A period with fewer than seven days left when the elder came is joined to the next.
    """
    period = calendar_period(enrolled, priority)
    if (period.end - enrolled).days + 1 < FIRST_PERIOD_MIN_DAYS:
        period = period.next()
    return Period(period.kind, enrolled, period.end)


def rolling_period(since: date) -> Period:
    """The 15 days after the day of a visit, or from the day of enrolment."""
    return Period(Reading.ROLLING.value, since, since + timedelta(days=ROLLING_DAYS))


def month_end(day: date) -> date:
    """The last day of the month of `day`."""
    return (day.replace(day=28) + 4 * DAY).replace(day=1) - DAY


def months_later(day: date, months: int) -> date:
    """The same day so many months later, or the last of that month if it has no such day (31 Aug + 6: 28 or 29 Feb)."""
    index = day.year * 12 + day.month - 1 + months
    first = date(index // 12, index % 12 + 1, 1)
    return first.replace(day=min(day.day, month_end(first).day))
