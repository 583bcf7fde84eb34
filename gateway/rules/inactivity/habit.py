"""The line in force: the learned one where it may be trusted, the fixed limit everywhere else.

The line changes once a day, at the first sign of life after midnight: a silence is judged by one line from its
beginning to its end. Whatever makes the hour of the day or the learned habit doubtful brings the fixed limit back.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.rules.civil import CivilTime
from gateway.rules.inactivity.survival import ENOUGH_DAYS, KEEP_DAYS, SLOT_MS, SLOTS, UNKNOWN, SurvivalLine

SECOND_RESIDENT: Final = 1.25
"""Two people are quieter together than either alone only when both are still; but one may be ill while the other goes
about, so the line says less: it is widened, never under the cap."""
TAILS: Final = 4.0  # a look in 270 of the tail, about 0.7 crossings a month with six looks a day
TAILS_NO_EXIT: Final = 5.0  # without an exit sensor every trip is a silence: wait longer
STEP_MS: Final = 5 * 60_000  # a clock set by more than this moves the hours


class Habit:
    """Learns silences and answers how long one may last at an hour."""

    def __init__(self, civil: CivilTime) -> None:
        self._civil = civil
        self.survival = SurvivalLine()
        self.limit_ms = 12 * 3_600_000
        self.wide = 1.0
        self.tails = TAILS
        self._learns = True
        self._line: list[int] = []  # minutes for each half-hour; empty while learning
        self._day: int | None = None  # for which the line was made
        self._offset = civil.offset_ms  # by which the silence in progress began
        self._moved = False  # the clock was set during the silence in progress

    def configure(self, limit_ms: int, residents: int, *, exit_sensor: bool, learns: bool = True) -> None:
        """The fixed limit, and what widens the line."""
        self.limit_ms = limit_ms
        self.wide = SECOND_RESIDENT if residents > 1 else 1.0
        self._learns = learns
        if not learns:
            self._line = []
        self.tails = TAILS if exit_sensor else TAILS_NO_EXIT

    @property
    def learned(self) -> bool:
        """Whether the evidence suffices, or there is nothing to learn."""
        return bool(self._line) or not self._learns

    def silence_ended(self, began: int | None, t: int, *, whole: bool) -> None:
        """Somebody at home ended a silence at `t`; learned if all of it was observed and nothing doubtful about it."""
        trusted = self._civil.trusted(t)
        if began is not None and whole and trusted and not self._moved and t - began < self.limit_ms:
            self.survival.learn(self._civil.day(began), self._civil.ms_of_day(began), t - began)
        self._moved, self._offset = False, self._civil.offset_ms
        if trusted and (today := self._civil.day(t)) != self._day:
            self._day = today
            enough = self._learns and self.survival.evidence_days(today) >= ENOUGH_DAYS
            self._line = self.survival.line(today, self.tails) if enough else []

    def clock_changed(self) -> None:
        """A step during a silence: what remains of it is judged by the fixed limit (invariant v)."""
        if abs(self._civil.offset_ms - self._offset) > STEP_MS or self._civil.trust == "NONE":
            self._moved = True

    def least_ms(self) -> int:
        """What no silence falls under, whatever the hour."""
        if not self._line or self._moved:
            return self.limit_ms
        return min(self.limit_ms, round(min(self._line) * self.wide) * 60_000)

    def at_ms(self, t: int) -> int:
        """How long a silence may be at `t`, ms."""
        if not self._line or self._moved or not self._civil.trusted(t):
            return self.limit_ms
        line = self._line[self._civil.ms_of_day(t) // SLOT_MS]
        return min(self.limit_ms, round(line * self.wide) * 60_000)

    def next_slot(self, t: int) -> int:
        """When the next half-hour begins."""
        return t + SLOT_MS - self._civil.ms_of_day(t) % SLOT_MS

    def evidence(self, t: int) -> dict[str, Any]:
        """What the alarm at `t` says of the line it crossed."""
        if self.at_ms(t) == self.limit_ms:
            return {"line": "fixed", "why": self._why_fixed(t)}
        slot = self._civil.ms_of_day(t) // SLOT_MS
        return {
            "line": "learned",
            "hour": f"{slot // 2:02d}:{slot % 2 * 30:02d}",
            "line_min": self._line[slot],
            "widened": self.wide,
            "learned_days": self.survival.counts(self._day or 0)[slot],
        }

    def _why_fixed(self, t: int) -> str:
        if self._moved or not self._civil.trusted(t):
            return "clock_doubtful"
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
        }

    def to_json(self) -> dict[str, Any]:
        """The days, the line and for which day it was made."""
        return {
            "days": self.survival.to_json(),
            "line": list(self._line),
            "day": self._day,
            "offset": self._offset,
            "moved": self._moved,
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self.survival.from_json(data["days"])
        self._line = [int(minutes) for minutes in data["line"]]
        if len(self._line) not in (0, SLOTS):
            raise ValueError("a learned line of another shape")
        self._day = None if data["day"] is None else int(data["day"])
        self._offset, self._moved = int(data["offset"]), bool(data["moved"])
