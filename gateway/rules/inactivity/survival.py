"""How long a silence this home has had at each time of day, and the line no ordinary silence crosses.

For each half-hour of each day the longest silence that reached into it is kept (after Cuddihy et al. 2007), days the
resident was out or nothing was recorded left out. The line of a half-hour is the level that seven days in ten stay
under, plus an exponential tail above it: how far the home's own excesses go, tempered by what homes in general do.
It says by itself how sure it is: with no evidence it is the pooled line of the development homes, slow and safe.

Knows no device and no clock but the ms of the local day it is given. Pure arithmetic on whole minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

SLOT_MS: Final = 30 * 60_000
SLOTS: Final = 48
KEEP_DAYS: Final = 45
"""Long enough to have seen the habit of every weekday six times, short enough to follow the seasons."""
ENOUGH_DAYS: Final = 7  # 7 days did as well as 21 on the development homes (research/inactivity.md, 3)
SHORTEST_DAY: Final = SLOTS // 4  # a day counts as evidence with so many half-hours observed at home
UNKNOWN: Final = -1

QUANTILE: Final = 0.7
PRIOR_DAYS: Final = 4  # the pooled habit weighs as much as so many days
PRIOR_BED_SLOT: Final = 44
"""The pooled habit: nothing heard from 22 h on until 8 h, then up, and by day 90 minutes at most. A home that stirs at
night is soon known for it; one that does not must not be called every morning of its second week."""
PRIOR_NIGHT_SLOTS: Final = 20
PRIOR_DAY_MIN: Final = 90
FLOOR_MIN: Final = 150


@dataclass(frozen=True, slots=True)
class Tail:
    """How far a home's own excesses go beyond the usual: what is believed before it has shown any, and the bounds."""

    prior: float
    weight: float  # excesses of its own the prior counts as
    least: float
    most: float


WITH_EXIT: Final = Tail(36, 1.6, 20, 45)
"""Minutes. What four days of the development homes showed, counted twice; within bounds, for one holiday or one lucky
fortnight must not decide alone."""
WITHOUT_EXIT: Final = Tail(60, 4, 20, 120)
"""Where trips cannot be told from silences they are to be expected until this home has shown otherwise."""


class SurvivalLine:
    """The levels of the last days and the line made of them."""

    def __init__(self) -> None:
        self._days: dict[int, list[int]] = {}  # day -> longest silence in minutes in each half-hour, or UNKNOWN

    def learn(self, day: int, ms_of_day: int, length: int) -> None:
        """A silence that somebody at home ended, `length` ms long, begun on `day` at `ms_of_day`."""
        start = day * SLOTS * SLOT_MS + ms_of_day
        end = start + length
        last = end // SLOT_MS
        for slot in range(start // SLOT_MS, last):
            self._reached(slot, ((slot + 1) * SLOT_MS - start) // 60_000)
        self._reached(last, length // 60_000)

    def _reached(self, slot: int, level: int) -> None:
        levels = self._day(slot // SLOTS)
        if level > levels[slot % SLOTS]:
            levels[slot % SLOTS] = level

    def _day(self, day: int) -> list[int]:
        levels = self._days.get(day)
        if levels is None:
            levels = self._days[day] = [UNKNOWN] * SLOTS
            while len(self._days) > KEEP_DAYS + 1:
                del self._days[min(self._days)]
        return levels

    def evidence_days(self, before: int) -> int:
        """How many days before day `before` have shown enough."""
        return sum(
            1 for day, levels in self._days.items() if day < before and SLOTS - levels.count(UNKNOWN) >= SHORTEST_DAY
        )

    def line(self, today: int, tails: float, tail: Tail = WITH_EXIT) -> list[int]:
        """The line in minutes for each half-hour, from the days before `today`; `tails` is how far out on the tail.

        The chance of crossing it, per look, is about 0.3 x exp(-tails).
        """
        days = [
            _with_neighbours(levels) for day, levels in sorted(self._days.items()) if today - KEEP_DAYS <= day < today
        ]
        by_slot = zip(*days, strict=True) if days else [()] * SLOTS
        return [_of_slot(list(levels), slot, tails, tail) for slot, levels in enumerate(by_slot)]

    def longest(self, slot: int) -> int:
        """The longest silence kept for this half-hour, minutes; UNKNOWN if there is none."""
        return max((levels[slot] for levels in self._days.values()), default=UNKNOWN)

    def counts(self, today: int) -> list[int]:
        """On how many of the days before `today` each half-hour was observed with somebody at home."""
        days = [levels for day, levels in self._days.items() if day < today]
        return [sum(1 for levels in days if levels[slot] != UNKNOWN) for slot in range(SLOTS)]

    def to_json(self) -> list[Any]:
        """The days, oldest first: at most 46 x 48 whole minutes."""
        return [[day, *levels] for day, levels in sorted(self._days.items())]

    def from_json(self, data: list[Any]) -> None:
        """The inverse of `to_json`; raises ValueError for days of another shape."""
        if len(data) > KEEP_DAYS + 1 or any(len(row) != SLOTS + 1 for row in data):
            raise ValueError("learned days of another shape")
        self._days = {int(row[0]): [int(level) for level in row[1:]] for row in data}


def _with_neighbours(levels: list[int]) -> list[int]:
    """A day's levels, each half-hour's raised to that of the one before and after: nobody rises by the half-hour."""
    return list(map(max, levels[-1:] + levels[:-1], levels, levels[1:] + levels[:1]))


def _of_slot(levels: list[int], slot: int, tails: float, tail: Tail) -> int:
    """The line of one half-hour, of its levels on each day."""
    seen = [level for level in levels if level != UNKNOWN]
    usual, excess = tail_above(seen + [prior_level(slot)] * PRIOR_DAYS, len(seen), tail)
    return max(round(usual + tails * excess), FLOOR_MIN)


def prior_level(slot: int) -> int:
    """What homes in general have in this half-hour, minutes."""
    asleep = (slot - PRIOR_BED_SLOT) % SLOTS
    if asleep > PRIOR_NIGHT_SLOTS:  # getting up: a half-hour is worth an hour
        return max(PRIOR_DAY_MIN, 30 * PRIOR_NIGHT_SLOTS - 60 * (asleep - PRIOR_NIGHT_SLOTS))
    return max(PRIOR_DAY_MIN, 30 * asleep)


def tail_above(values: list[int], own: int, tail: Tail) -> tuple[float, float]:
    """The usual level of `values`, and how far the first `own` of them go beyond it on average, tempered by `tail`."""
    usual = quantile(values)
    excesses = [value - usual for value in values[:own] if value > usual]
    mean = (sum(excesses) + tail.weight * tail.prior) / (len(excesses) + tail.weight)
    return usual, min(max(mean, tail.least), tail.most)


def quantile(values: list[int]) -> float:
    """The level that `QUANTILE` of the values stay under, linear between neighbours."""
    ordered = sorted(values)
    place = QUANTILE * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
