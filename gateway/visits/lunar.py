"""The Chinese calendar, computed: months begin with the new moon, month 11 holds the winter solstice (GB/T 33661-2017).

Days are those of China, UTC+8. Valid from 1930 to 2096 (equal to lunar_python in every year of it). A month without a
major term (中气) in a year of thirteen is the leap month and bears the number of the one before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from math import floor
from typing import Final

from gateway.visits.sky import J2000, SYNODIC_MONTH, TT_MINUS_UT_DAYS, new_moon, solar_longitude, when_sun_at

FIRST_YEAR: Final = 1930  # before 1929 the calendar was reckoned by the local time of Beijing
LAST_YEAR: Final = 2096  # in 2097 a new moon falls within a minute of midnight
WINTER_SOLSTICE_DEG: Final = 270.0
_CHINA_DAYS: Final = 8 / 24
_JD_OF_ORDINAL_0: Final = 1721424.5  # JD of the midnight that begins ordinal 0 of datetime.date


@dataclass(frozen=True, slots=True)
class LunarDate:
    """A day of the Chinese calendar; `year` is the one in which its month 1 began."""

    year: int
    month: int
    day: int
    leap: bool = False


def term_date(year: int, longitude: float) -> date:
    """The day in China on which the sun reaches `longitude` degrees in the Gregorian `year` (15: Qingming).

    Raises ValueError outside 1930 to 2096.
    """
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"year: expected {FIRST_YEAR} to {LAST_YEAR}, found {year}")
    return date.fromordinal(_term_day(year, longitude))


def _term_day(year: int, longitude: float) -> int:
    near = J2000 + (year - 2000) * 365.2422 + (longitude - 280) % 360 * 365.2422 / 360  # the sun on January 1: 280
    return _china_day(when_sun_at(longitude, near))


def gregorian(year: int, month: int, day: int, *, leap: bool = False) -> date:
    """The date of a day of the Chinese calendar; raises ValueError for one that does not exist."""
    for wanted in (year, year + 1):  # months 11 and 12 belong to the solstice year before
        for start, length, y, m, is_leap in _sui(wanted):
            if (y, m, is_leap) == (year, month, leap):
                if not 1 <= day <= length:
                    break
                return date.fromordinal(start + day - 1)
    raise ValueError(f"no day {day} of month {month}{' (leap)' if leap else ''} in the Chinese year {year}")


def lunar(day: date) -> LunarDate:
    """The day of the Chinese calendar; raises ValueError outside 1930 to 2096."""
    n = day.toordinal()
    for wanted in (day.year, day.year + 1):
        for start, length, y, m, is_leap in _sui(wanted):
            if start <= n < start + length:
                return LunarDate(y, m, n - start + 1, is_leap)
    raise ValueError(f"{day}: outside the calendar")


def eve_of_spring_festival(year: int) -> date:
    """除夕: the day before the Spring Festival that falls into the Gregorian `year`."""
    return date.fromordinal(gregorian(year, 1, 1).toordinal() - 1)


@lru_cache(maxsize=16)
def _sui(year: int) -> tuple[tuple[int, int, int, int, bool], ...]:
    """From the month with the solstice of `year - 1` to the one before the next: (start, length, year, month, leap)."""
    first = _month_of(_term_day(year - 1, WINTER_SOLSTICE_DEG))
    last = _month_of(_term_day(year, WINTER_SOLSTICE_DEG))
    starts = [_china_day(new_moon(k)) for k in range(first, last + 1)]
    leap_due = last - first == 13
    months: list[tuple[int, int, int, int, bool]] = []
    number, of_year = 11, year - 1
    for i in range(len(starts) - 1):
        leap = leap_due and i > 0 and not _has_major_term(starts[i], starts[i + 1])
        if leap:
            leap_due = False
        elif i > 0:
            number = number % 12 + 1
            of_year = year if number == 1 else of_year
        months.append((starts[i], starts[i + 1] - starts[i], of_year, number, leap))
    return tuple(months)


def _month_of(ordinal: int) -> int:
    """The number `k` of the new moon that begins the month of this day."""
    k = round((ordinal + _JD_OF_ORDINAL_0 - 2451550.1) / SYNODIC_MONTH) + 1
    while _china_day(new_moon(k)) > ordinal:
        k -= 1
    return k


def _has_major_term(start: int, end: int) -> bool:
    """Whether the sun passes a multiple of 30 degrees on a day from `start` to before `end`."""
    return _sector(start) != _sector(end)


def _sector(ordinal: int) -> int:
    midnight = ordinal + _JD_OF_ORDINAL_0 - _CHINA_DAYS + TT_MINUS_UT_DAYS
    return floor(solar_longitude(midnight) / 30)


def _china_day(jde: float) -> int:
    """The ordinal of the day in China at `jde`."""
    return floor(jde - TT_MINUS_UT_DAYS + _CHINA_DAYS - _JD_OF_ORDINAL_0)
