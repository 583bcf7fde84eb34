"""A walk at dawn that is this home's habit: out about the same hour on most mornings, and in again by themselves.

Many an elder is out at half past four every day, and a question every day is one nobody hears any more. What is learned
is how long such a walk takes, and it buys nothing but that much patience: who is not back by then is asked about as
ever. Nothing before three is a walk: whoever leaves at two is looked for, however often it went well. Pure.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.rules.civil import CivilTime

EARLIEST_MS: Final = 3 * 3_600_000
"""Before this hour of the day nothing is learned [P]: wandering is a matter of the night, markets open at four."""
LATEST_MS: Final = 9 * 3_600_000  # later it is no early walk
LONGEST_MS: Final = 2 * 3_600_000
"""An absence beyond this is no walk, and no habit buys more patience [P]."""
ABOUT_MS: Final = 30 * 60_000  # so much sooner or later is the same hour
LATELY_DAYS: Final = 10
ENOUGH: Final = 7  # of those mornings
LONGER: Final = 1.25  # a quarter over the longest, as for a stay in the bathroom (Cuddihy et al. 2007)


class EarlyWalks:
    """The first outing of each of the last mornings, and the patience they teach."""

    __slots__ = ("_walks",)

    def __init__(self) -> None:
        self._walks: dict[int, tuple[int, int]] = {}  # day -> (left, ms of the day; how long they were out)

    def came_back(self, civil: CivilTime, left: int, t: int) -> None:
        """Who left at `left` was seen to come in by the door and is inside at `t`."""
        day, hour = civil.day(left), civil.ms_of_day(left)
        if not (civil.trusted(left) and civil.trusted(t)) or not EARLIEST_MS <= hour < LATEST_MS:
            return
        if t - left <= LONGEST_MS:
            self._walks.setdefault(day, (hour, t - left))
        for old in [d for d in self._walks if not day - LATELY_DAYS < d <= day]:
            del self._walks[old]

    def patience(self, civil: CivilTime, left: int) -> int:
        """How long who leaves at `left` may be out, by habit; 0: there is none for this hour."""
        if not civil.trusted(left) or civil.ms_of_day(left) < EARLIEST_MS:
            return 0
        day, hour = civil.day(left), civil.ms_of_day(left)
        alike = [
            out
            for of_day, (at, out) in self._walks.items()
            if 0 < day - of_day <= LATELY_DAYS and abs(at - hour) <= ABOUT_MS
        ]
        return min(round(LONGER * max(alike)), LONGEST_MS) if len(alike) >= ENOUGH else 0

    def forget(self) -> None:
        """It is not to be learned, or may not be known."""
        self._walks.clear()

    def learned(self) -> dict[str, Any]:
        """The mornings, for people."""
        if not self._walks:
            return {}
        hours = sorted(at for at, _ in self._walks.values())
        middle = hours[len(hours) // 2] // 60_000
        longest = max(out for _, out in self._walks.values()) // 60_000
        return {
            "early_walks": len(self._walks),
            "leaves_about": f"{middle // 60:02d}:{middle % 60:02d}",
            "longest_walk_min": longest,
        }

    def to_json(self) -> list[list[int]]:
        """For a snapshot."""
        return [[day, *walk] for day, walk in self._walks.items()]

    def from_json(self, rows: list[list[int]]) -> None:
        """The inverse of `to_json`."""
        self._walks = {int(day): (int(at), int(out)) for day, at, out in rows}
