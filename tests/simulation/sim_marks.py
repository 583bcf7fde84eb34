"""Which clock marks a simulated machine writes: those a start could read, and those that would notice another time.

A mark moves nothing. Written as often as in life they are half of a simulated machine's work, and nearly all of them
are never read: a start reads the last one. So they keep life's rhythm before a crash, after a start and after whatever
was done to the clocks; while a crash waits for the next decision they are twelve times rarer, and else a few a day. One
story in sixty-four has them all.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Any, Final

from sim_story import START_MS, Story

from gateway.runtime.heart import MARK_S, Heart

READ_MS: Final = 2 * round(MARK_S * 1000)  # so long before a crash they are as in life: the start finds what it would
TRAPPED: Final = 12  # an alarm may be hours off: so many times rarer than in life
IDLE_S: Final = 6 * 3_600.0  # and never rarer: trust in a clock ages by itself


class Marks:
    """Says how long the machine may go without a mark, as things stand in its world."""

    def __init__(self, story: Story) -> None:
        self._all: bool = story.traits["every_mark"]
        self._crashes = [START_MS + h["at"] for h in story.happenings if h["what"] in ("kill", "cut")]
        self.clock_touched = True  # nobody has looked at the clocks since: set by the world, ended by a mark

    def delay(self, now_ms: int, usual_s: float, *, trapped: bool) -> float:
        """Seconds until the next one, where the machine by itself would take `usual_s`."""
        if self._all or self.clock_touched:
            return usual_s
        if trapped:
            return usual_s * TRAPPED
        at = bisect_left(self._crashes, now_ms)
        asleep_s = IDLE_S if at == len(self._crashes) else (self._crashes[at] - READ_MS - now_ms) / 1000
        return max(usual_s, min(asleep_s, IDLE_S))


class MarkingHeart(Heart):
    """The heart as it is, but for the marks that nobody reads."""

    def __init__(self, *parts: Any, marks: Marks, delay: Callable[[float], float]) -> None:
        super().__init__(*parts)
        self._marks, self._delay = marks, delay

    def wake_for_mark(self) -> None:
        """The next one may be due sooner than it was."""
        self._rearm_mark()

    def _mark_delay(self) -> float:
        return self._delay(super()._mark_delay())

    def _mark(self) -> None:
        self._marks.clock_touched = False
        super()._mark()
