"""Which moments are worth a look: an impact, or a gap that may hide one.

The highest sample of an event is its anchor; it is judged once 2.4 s of signal after it are there, or once it is clear
that they will not come. Knows times and sizes of samples and nothing of what they mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.rules.fall.stream import Run

DECIDE_MS: Final = 2_400
"""Signal after the impact that a look needs; issue 5 allows 2.6 s, and at 12.5 Hz a sample is 80 ms."""
ROUNDING_MS: Final = 1e-3
"""What times of samples differ by, as sums of thirds of a millisecond, when bursts are cut otherwise."""
TRIGGER_G: Final = {"waist": 1.5, "chest": 1.5, "wrist": 1.6}
"""Falls below: soft ones that no accelerometer sees. Not far above what brisk walking gives, the look is cheap."""
_GAP_G: Final = 1.0  # what a gap counts for: any impact that was heard is the better anchor
LEAST_GAP_MS: Final = 100
APART_MS: Final = 160
"""A higher sample so much later is another blow: two steps of the slowest sensor, in which one blow still rises."""


@dataclass(frozen=True, slots=True)
class Moment:
    """An event's anchor: when, how high (g, squared), and whether it was seen or lies in a gap."""

    t: float
    size: float
    heard: bool = True
    again: bool = False  # a gap while another waited already


@dataclass(frozen=True, slots=True)
class Look:
    """A moment to be judged now. `t`: the deciding sample's time."""

    moment: Moment
    t: float
    lost: bool = False  # the signal ended before its time
    surpassed: bool = False  # not the one of its event: a higher blow followed, or a gap was before this gap


class Seeker:
    """Follows one wearable's bursts and says which moments are ripe."""

    __slots__ = ("_limit", "_waiting")

    def __init__(self, trigger_g: float) -> None:
        self._limit = trigger_g * trigger_g
        self._waiting: list[Moment] = []  # in order of time; none is lower than the one before

    @property
    def pending(self) -> bool:
        """Whether a moment waits to be judged."""
        return bool(self._waiting)

    def forget(self) -> None:
        """What waits will not be judged."""
        self._waiting.clear()

    def gap(self, start: float, end: float) -> None:
        """No sample between `start` and `end`: an impact may lie there."""
        waiting = self._waiting
        if end - start >= LEAST_GAP_MS and not (waiting and waiting[-1].heard):
            waiting.append(Moment((start + end) / 2, _GAP_G, heard=False, again=not all(m.again for m in waiting)))

    def take(self, run: Run) -> list[Look]:
        """The looks that become due within this burst, in order."""
        samples, waiting = run.samples, self._waiting
        sizes = [x * x + y * y + z * z for x, y, z in samples]
        if not waiting and max(sizes) < self._limit:
            return []
        looks: list[Look] = []
        t0, dt, limit = run.t0, run.dt, self._limit
        for i, size in enumerate(sizes):
            t = t0 + i * dt
            while waiting and t >= waiting[0].t + DECIDE_MS - ROUNDING_MS:
                looks.append(self._look(waiting.pop(0), t))
            if size >= limit and (not waiting or size > waiting[-1].size):
                self._rise(Moment(t, size))
        return looks

    def _rise(self, moment: Moment) -> None:
        """A sample higher than all that wait: the same blow still rising, or another that does not hide the first."""
        waiting = self._waiting
        if waiting and moment.t - waiting[-1].t < APART_MS - ROUNDING_MS:
            waiting.pop()
        waiting.append(moment)

    def give_up(self, t: float) -> list[Look]:
        """No more samples will come: what is pending is judged as it is."""
        looks = [self._look(moment, t, lost=True) for moment in self._waiting]
        self._waiting.clear()
        return looks

    def _look(self, moment: Moment, t: float, *, lost: bool = False) -> Look:
        highest = self._waiting[-1].size if self._waiting else 0.0
        return Look(moment, t, lost, surpassed=moment.again or highest > moment.size)
