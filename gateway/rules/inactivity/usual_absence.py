"""How long this home's people usually stay out, and how long is too long for it: a back-test on its own last weeks.

What happened on two of the last 56 days is usual; what happened once is not, be it a night at the daughter's or one at
the end of which an accident was found. Half as long again as the longest usual absence is too long, between the fixed
limit of silence and the notice every home has. Whoever was out beyond that notice was told of anyhow: a holiday
teaches nothing. Neither does one short week, for nothing is forgotten before its 56 days are over; and whoever stops
going out is nobody of whom this knows anything, as in the beginning.

Knows no device and no clock; durations in controller ms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

DAY_MS: Final = 86_400_000
KEEP_DAYS: Final = 56  # eight weeks, as the dry spells of a lone meter
ENOUGH_RETURNS: Final = 8  # absences that ended by the door: before so many nobody knows what this door tells
USUAL_DAYS: Final = 2  # on so many days an absence must have lasted as long to be usual
STEP_MS: Final = 30 * 60_000  # told in half-hours: no more is known


@dataclass(frozen=True, slots=True)
class Terms:
    """Between what bounds, by which margin and after how many days the notice is learned."""

    least_ms: int
    most_ms: int
    margin: float
    after_days: int


class UsualAbsence:
    """The absences of the last weeks by the day on which they ended, and the wait they teach."""

    __slots__ = ("_days",)

    def __init__(self) -> None:
        self._days: dict[int, tuple[int, int]] = {}  # day -> (how many ended by the door, the longest in ms)

    def ended(self, length: int, t: int, *, by_door: bool, most_ms: int) -> None:
        """Nobody was back for `length` ms, and at `t` somebody was. What `most_ms` tells of anyhow teaches nothing.

        Without the door that brings them in (`by_door`) it is no evidence of what the door tells, and would have been
        a notice all the same.
        """
        if length >= most_ms:
            return
        day = t // DAY_MS
        returns, longest = self._days.get(day, (0, 0))
        self._days[day] = (returns + by_door, max(longest, length))
        self._days = {d: row for d, row in self._days.items() if d > day - KEEP_DAYS}

    def wait_ms(self, t: int, terms: Terms) -> int | None:
        """How long an absence that began at `t` may last; None while too little is known of this home."""
        lately = self._lately(t)
        returns = sum(row[0] for row in lately.values())
        if returns < ENOUGH_RETURNS or t // DAY_MS - min(lately) < terms.after_days:
            return None
        wait = -(-round(self._usual(lately) * terms.margin) // STEP_MS) * STEP_MS
        return min(max(wait, terms.least_ms), terms.most_ms)

    def _lately(self, t: int) -> dict[int, tuple[int, int]]:
        return {day: row for day, row in self._days.items() if day > t // DAY_MS - KEEP_DAYS}

    @staticmethod
    def _usual(days: dict[int, tuple[int, int]]) -> int:
        """The longest that was reached on `USUAL_DAYS` days."""
        longest = sorted((row[1] for row in days.values()), reverse=True)
        return longest[USUAL_DAYS - 1] if len(longest) >= USUAL_DAYS else 0

    def told(self, t: int) -> dict[str, Any]:
        """For people, at `t`: on how many days, how many returns by the door, and the longest usual absence."""
        lately = self._lately(t)
        return {
            "returns": sum(row[0] for row in lately.values()),
            "days": t // DAY_MS - min(lately) if lately else 0,
            "usual_h": round(self._usual(lately) / 3_600_000, 1),
        }

    def to_json(self) -> list[Any]:
        """The days, oldest first: at most 56 rows."""
        return [[day, *row] for day, row in sorted(self._days.items())]

    def from_json(self, data: list[Any]) -> None:
        """The inverse of `to_json`; raises ValueError for more days than are kept."""
        if len(data) > KEEP_DAYS:
            raise ValueError("absences of more days than are kept")
        self._days = {int(day): (int(returns), int(longest)) for day, returns, longest in data}
