"""Silence measured by what this home would have done meanwhile: two hours at noon weigh more than two at night.

For each quarter of an hour the home's own days say how likely somebody is heard in it. A silence has missed the acts
that were to be expected in its quarters (the time-rescaled silence of a Poisson process), so that all hours share one
limit: what no ordinary day has missed at a stretch, and a tail above it. It sees what the line by the hour cannot, a
restless sleeper who has stopped stirring, an evening that ends at seven; and it is blind where nobody ever stirs.

Knows no device and no clock but the ms of the local day it is given. Acts are counted in thousandths.
"""

from __future__ import annotations

import math
from typing import Any, Final

from gateway.rules.inactivity.survival import (
    FLOOR_MIN,
    KEEP_DAYS,
    PRIOR_BED_SLOT,
    PRIOR_NIGHT_SLOTS,
    SLOTS,
    Tail,
    tail_above,
)

QUARTER_MS: Final = 15 * 60_000
QUARTERS: Final = 96
NEAR: Final = 4  # quarters on each side that speak for one, the nearer the louder: 1/2, 1/3, …
ACT: Final = 1000
PRIOR_DAYS: Final = 2  # what homes in general do weighs as much as so many days
PRIOR_HEARD: Final = (0.1, 0.5)  # the chance to be heard in a quarter of the pooled night, and day
MOST_HEARD: Final = 0.98  # nobody is as regular as a few days make believe
PRIOR_MISSED: Final = 3 * ACT  # what homes in general miss at a stretch on most days
PRIOR_MISSED_DAYS: Final = 4
TAIL: Final = Tail(1 * ACT, 2, 0.3 * ACT, 3 * ACT)
FLOOR_MS: Final = FLOOR_MIN * 60_000  # however busy a home is, two hours with a book are nothing
NEVER_MS: Final = 24 * 3_600_000  # beyond every cap
_UNSEEN: Final = -(10**9)  # more than all the acts of the days kept: whatever is added to it stays below nothing
_YES: Final = "1"


class Pace:
    """In which quarters of the last days somebody was heard, and how long a silence may grow from an hour on."""

    def __init__(self) -> None:
        self._days: dict[int, list[int]] = {}  # day -> [quarters observed with somebody at home, heard], as bits
        self._expected: list[int] = []  # thousandths of an act in each quarter; empty until `update`
        self._limit = 0

    def learn(self, day: int, ms_of_day: int, length: int) -> None:
        """A silence that somebody at home ended, `length` ms long, begun on `day` at `ms_of_day`."""
        start = day * QUARTERS + ms_of_day // QUARTER_MS
        end = day * QUARTERS + (ms_of_day + length) // QUARTER_MS
        for quarter in range(start, end + 1):
            bits = self._days.get(quarter // QUARTERS)
            if bits is None:
                bits = self._new_day(quarter // QUARTERS)
            bit = 1 << quarter % QUARTERS
            bits[0] |= bit
            if quarter in (start, end):
                bits[1] |= bit

    def _new_day(self, day: int) -> list[int]:
        bits = self._days[day] = [0, 0]
        while len(self._days) > KEEP_DAYS + 1 and min(self._days) != day:
            del self._days[min(self._days)]
        return bits

    def update(self, today: int, tails: float) -> None:
        """Makes the limit of the days before `today`; `tails` is how far out on the tail."""
        days = [bits for day, bits in sorted(self._days.items()) if today - KEEP_DAYS <= day < today]
        self._expected = self._acts_expected(days)
        missed = [m for m in self._most_missed(today) if m] + [PRIOR_MISSED] * PRIOR_MISSED_DAYS
        usual, tail = tail_above(missed, len(missed) - PRIOR_MISSED_DAYS, TAIL)
        self._limit = round(usual + tails * tail)

    def forget(self) -> None:
        """No limit, until the next `update`."""
        self._expected, self._limit = [], 0

    @staticmethod
    def _acts_expected(days: list[list[int]]) -> list[int]:
        observed, heard = (_days_in_each([bits[which] for bits in days]) for which in (0, 1))
        expected = []
        for q in range(QUARTERS):
            near = [(1 / (1 + abs(k)), (q + k) % QUARTERS) for k in range(-NEAR, NEAR + 1)]
            asleep = (q * SLOTS // QUARTERS - PRIOR_BED_SLOT) % SLOTS <= PRIOR_NIGHT_SLOTS
            known = sum(w * heard[n] for w, n in near) + PRIOR_DAYS * PRIOR_HEARD[not asleep]
            chance = known / (sum(w * observed[n] for w, n in near) + PRIOR_DAYS)
            expected.append(round(-math.log(1 - min(chance, MOST_HEARD)) * ACT))
        return expected

    def _most_missed(self, today: int) -> list[int]:
        """For each day before `today` the most that was missed at a stretch that ended on it; 0 if nobody was in."""
        most = []
        halves = [acts // 2 for acts in self._expected]  # a stretch ends, and begins anew, somewhere within the quarter
        missed = _UNSEEN  # the stretch was not seen from its beginning
        last = None
        for day, (observed, heard) in sorted(self._days.items()):
            if not today - KEEP_DAYS <= day < today:
                continue
            if last != day - 1:
                missed = _UNSEEN
            last, longest = day, 0
            for acts, half, was_seen, was_heard in zip(
                self._expected, halves, _quarters(observed), _quarters(heard), strict=True
            ):
                if was_heard == _YES:
                    longest = max(longest, missed + half)
                    missed = half
                elif was_seen == _YES:
                    missed += acts
                else:
                    missed = _UNSEEN
            most.append(longest)
        return most

    def length_ms(self, ms_of_day: int) -> int:
        """How long a silence that begins at `ms_of_day` may last until it has missed more than the limit, ms."""
        if not self._expected:
            return NEVER_MS
        first, into = divmod(ms_of_day, QUARTER_MS)
        left, length, rest = self._limit, 0, QUARTER_MS - into
        for quarter in range(first, first + QUARTERS):
            acts = self._expected[quarter % QUARTERS]
            here = acts * rest // QUARTER_MS
            if here >= left and acts:
                return max(length + left * QUARTER_MS // acts, FLOOR_MS)
            left, length, rest = left - here, length + rest, QUARTER_MS
        return NEVER_MS

    @property
    def limit_acts(self) -> float:
        """How many expected acts may be missed at a stretch."""
        return round(self._limit / ACT, 1)

    def heard_pct(self) -> list[int]:
        """For people: how likely somebody is heard in each half-hour, percent; empty until `update`."""
        both = [self._expected[q] + self._expected[q + 1] for q in range(0, len(self._expected), 2)]
        return [round(100 * (1 - math.exp(-acts / ACT))) for acts in both]

    def to_json(self) -> dict[str, Any]:
        """The days as bits in hexadecimal, oldest first; the limit in force."""
        days = [[day, f"{bits[0]:x}", f"{bits[1]:x}"] for day, bits in sorted(self._days.items())]
        return {"days": days, "expected": list(self._expected), "limit": self._limit}

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`; raises ValueError for days of another shape."""
        days = {int(day): [int(observed, 16), int(heard, 16)] for day, observed, heard in data["days"]}
        expected = [int(acts) for acts in data["expected"]]
        if len(days) > KEEP_DAYS + 1 or len(expected) not in (0, QUARTERS) or min(expected, default=0) < 0:
            raise ValueError("a learned pace of another shape")
        if any(not 0 <= bits < 1 << QUARTERS for both in days.values() for bits in both):
            raise ValueError("quarters beyond the day")
        self._days, self._expected, self._limit = days, expected, int(data["limit"])


def _quarters(bits: int) -> str:
    """A day's bits as `0` and `1`, the first quarter first."""
    return f"{bits:0{QUARTERS}b}"[::-1]


def _days_in_each(days: list[int]) -> list[int]:
    """On how many days each quarter's bit is set."""
    return [column.count(_YES) for column in zip(*map(_quarters, days), strict=True)] if days else [0] * QUARTERS
