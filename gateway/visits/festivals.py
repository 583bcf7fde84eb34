"""Traditional festivals, computed offline: before them, one more visit is due (J-4(2)2: 传统节日 适当增加)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

from gateway.visits.lunar import FIRST_YEAR, LAST_YEAR, eve_of_spring_festival, gregorian, term_date


@dataclass(frozen=True, slots=True)
class Festival:
    """One festival of one year: `name` is a word for code, `label` the one people use."""

    name: str
    label: str
    on: date


_BY_MOON: Final = (
    ("SPRING_FESTIVAL", "春节", 1, 1),
    ("LANTERN", "元宵", 1, 15),
    ("DRAGON_BOAT", "端午", 5, 5),
    ("ZHONGYUAN", "中元", 7, 15),
    ("ZHONGQIU", "中秋", 8, 15),
    ("CHONGYANG", "重阳", 9, 9),
)
_BY_SUN: Final = (("QINGMING", "清明", 15.0), ("WINTER_SOLSTICE", "冬至", 270.0))


@lru_cache(maxsize=8)
def festivals(year: int) -> tuple[Festival, ...]:
    """The traditional festivals of a Gregorian year, in order; none outside 1930 to 2096."""
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return ()
    found = [Festival("EVE", "除夕", eve_of_spring_festival(year))]
    found += [Festival(name, label, gregorian(year, month, day)) for name, label, month, day in _BY_MOON]
    found += [Festival(name, label, term_date(year, longitude)) for name, label, longitude in _BY_SUN]
    return tuple(sorted(found, key=lambda festival: festival.on))


def festival_windows(today: date, days: int) -> tuple[tuple[date, date, str], ...]:
    """The windows (from, to, name) of `days` days that end with a festival and hold `today`; the eve has none."""
    if days <= 0:
        return ()
    soon = [f for year in (today.year, today.year + 1) for f in festivals(year) if f.name != "EVE"]
    windows = ((f.on - timedelta(days=days - 1), f.on, f.name) for f in soon)
    return tuple(window for window in windows if window[0] <= today <= window[1])
