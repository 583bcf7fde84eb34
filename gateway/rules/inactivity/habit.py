"""The line in force: the learned one where it may be trusted, the fixed limit everywhere else.

Two views of the same days judge a silence, and the first to be surprised speaks: `survival` by the hour it has reached,
`pace` by what was to be expected since it began. Either alone misses what the other sees (docs/inactivity.md).

The line changes once a day, at the first sign of life after midnight: a silence is judged by one line from its
beginning to its end. Whatever makes the hour of the day or the learned habit doubtful brings the fixed limit back.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.rules.civil import CivilTime
from gateway.rules.inactivity.pace import QUARTER_MS, Pace
from gateway.rules.inactivity.survival import (
    ENOUGH_DAYS,
    FLOOR_MIN,
    KEEP_DAYS,
    SLOT_MS,
    SLOTS,
    UNKNOWN,
    WITH_EXIT,
    WITHOUT_EXIT,
    SurvivalLine,
)

SECOND_RESIDENT: Final = 1.25
"""Two people are quieter together than either alone only when both are still; but one may be ill while the other goes
about, so the line says less: it is widened, never under the cap."""
TAILS: Final = (4.5, 5.0, 2.0)
"""How far out on the tail the line by the hour and the limit of the pace lie, and how much longer both are while little
is known: by 1 + 2/days, for seven days have not shown what six weeks have. Amid what is chosen with one development
home left out, 4.0 to 5.5, 4.0 to 7.0 and 0 to 4 (tests/fitting/fit_inactivity.py); shorter is quicker."""
TAILS_NO_EXIT: Final = (4.0, 5.0, 0.0)  # on a tail that is longer of itself there
MINUTE_MS: Final = 60_000
STEP_MS: Final = 5 * 60_000  # a clock set by more than this moves the hours


class Habit:
    """Learns silences and answers how long one may last at an hour."""

    def __init__(self, civil: CivilTime) -> None:
        self._civil = civil
        self.survival = SurvivalLine()
        self.limit_ms = 12 * 3_600_000
        self.wide = 1.0
        self.pace = Pace()
        self.tails = TAILS
        self._tail = WITH_EXIT
        self._learns = True
        self._line: list[int] = []  # minutes for each half-hour; empty while learning
        self._day: int | None = None  # for which the line was made
        self._offset = civil.offset_ms  # by which the silence in progress began
        self._moved = False  # the clock was set during the silence in progress
        self._lively = (0, 0)  # the quarter of an hour learned of last: from, until

    def configure(
        self, limit_ms: int, residents: int, *, exit_sensor: bool, learns: bool = True, caution: float = 1.0
    ) -> None:
        """The fixed limit, and what widens the line; `caution` moves it along one curve, from the next day on."""
        self.limit_ms = limit_ms
        self.wide = SECOND_RESIDENT if residents > 1 else 1.0
        self._learns = learns
        if not learns:
            self._unlearn()
        by_hour, by_pace, few_days = TAILS if exit_sensor else TAILS_NO_EXIT
        self.tails = (by_hour * caution, by_pace * caution, few_days)
        self._tail = WITH_EXIT if exit_sensor else WITHOUT_EXIT

    @property
    def learned(self) -> bool:
        """Whether the evidence suffices, or there is nothing to learn."""
        return bool(self._line) or not self._learns

    def silence_ended(self, began: int | None, t: int, *, whole: bool) -> bool:
        """Somebody at home ended a silence at `t`; learned if all of it was observed and nothing doubtful about it.

        Returns whether the line may be another now.
        """
        if whole and began is not None and t - began < MINUTE_MS and self._lively[0] <= began and t < self._lively[1]:
            return False  # as nearly always: less than a minute, where somebody was heard before, is nothing new
        trusted, moved = self._civil.trusted(t), self._moved
        if began is not None and whole and trusted and not moved and 0 < t - began < self.limit_ms:
            day, ms_of_day = self._civil.day(began), self._civil.ms_of_day(began)
            self.survival.learn(day, ms_of_day, t - began)
            self.pace.learn(day, ms_of_day, t - began)
            quarter = t - self._civil.ms_of_day(t) % QUARTER_MS
            self._lively = (quarter, quarter + QUARTER_MS)
        self._moved, self._offset = False, self._civil.offset_ms
        if trusted and (today := self._civil.day(t)) != self._day:
            self.draw_line(today)
            return True
        return moved

    def draw_line(self, today: int) -> None:
        """The line for `today`, of what the days before have shown."""
        self._day = today
        days = self.survival.evidence_days(today)
        if not self._learns or days < ENOUGH_DAYS:
            self._unlearn()
            return
        by_hour, by_pace, few_days = self.tails
        longer = 1 + few_days / days
        self._line = self.survival.line(today, by_hour * longer, self._tail)
        self.pace.update(today, by_pace * longer)

    def _unlearn(self) -> None:
        self._line = []
        self.pace.forget()

    def clock_changed(self) -> None:
        """A step during a silence: what remains of it is judged by the fixed limit (invariant v)."""
        self._lively = (0, 0)
        if abs(self._civil.offset_ms - self._offset) > STEP_MS or self._civil.trust == "NONE":
            self._moved = True

    def least_ms(self) -> int:
        """What no silence falls under, whatever the hour."""
        if not self._line or self._moved:
            return self.limit_ms
        return min(self.limit_ms, round(FLOOR_MIN * self.wide) * 60_000)

    def at_ms(self, t: int, began: int | None) -> int:
        """How long a silence may be at `t`, ms; `began` tells when it began if all of it was observed."""
        if not self._line or self._moved or not self._civil.trusted(t):
            return self.limit_ms
        return min(self.limit_ms, self._by_hour(t), self._by_pace(began))

    def _by_hour(self, t: int) -> int:
        return round(self._line[self._civil.ms_of_day(t) // SLOT_MS] * self.wide) * 60_000

    def _by_pace(self, began: int | None) -> int:
        if began is None:
            return self.limit_ms
        return round(self.pace.length_ms(self._civil.ms_of_day(began)) * self.wide)

    def next_slot(self, t: int) -> int:
        """When the next half-hour begins."""
        return t + SLOT_MS - self._civil.ms_of_day(t) % SLOT_MS

    def evidence(self, t: int, began: int | None) -> dict[str, Any]:
        """What the alarm at `t` says of the line it crossed."""
        limit = self.at_ms(t, began)
        if limit == self.limit_ms:
            return {"line": "fixed", "why": self._why_fixed(t)}
        slot = self._civil.ms_of_day(t) // SLOT_MS
        return {
            "line": "learned",
            "view": "hour" if limit == self._by_hour(t) else "pace",
            "hour": f"{slot // 2:02d}:{slot % 2 * 30:02d}",
            "line_min": self._line[slot],
            "acts_missed": self.pace.limit_acts if limit != self._by_hour(t) else None,
            "widened": self.wide,
            "learned_days": self.survival.counts(self._day or 0)[slot],
        }

    def _why_fixed(self, t: int) -> str:
        if self._moved or not self._civil.trusted(t):
            return "clock_doubtful"
        if not self._learns:
            return "not_learned"
        return "learned_line_at_cap" if self._line else "learning"

    def learned_day(self) -> dict[str, Any]:
        """The learned day for people: line, longest silence and days of evidence of each half-hour."""
        today = self._day or 0
        cap = self.limit_ms // 60_000
        return {
            "days": self.survival.evidence_days(today),
            "days_needed": ENOUGH_DAYS,
            "days_kept": KEEP_DAYS,
            "line_min": [min(round(line * self.wide), cap) for line in self._line] or [cap] * SLOTS,
            "longest_min": [None if m == UNKNOWN else m for m in map(self.survival.longest, range(SLOTS))],
            "observed_days": self.survival.counts(today),
            "heard_pct": self.pace.heard_pct(),
            "acts_to_miss": self.pace.limit_acts or None,
        }

    def to_json(self) -> dict[str, Any]:
        """The days, the line and for which day it was made."""
        return {
            "days": self.survival.to_json(),
            "pace": self.pace.to_json(),
            "line": list(self._line),
            "day": self._day,
            "offset": self._offset,
            "moved": self._moved,
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self.survival.from_json(data["days"])
        self.pace.from_json(data["pace"])
        self._line = [int(minutes) for minutes in data["line"]]
        if len(self._line) not in (0, SLOTS):
            raise ValueError("a learned line of another shape")
        self._day = None if data["day"] is None else int(data["day"])
        self._offset, self._moved = int(data["offset"]), bool(data["moved"])
