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
TRIGGER_G: Final = {"waist": 1.5, "chest": 1.5, "wrist": 1.6}
"""Falls below: soft ones that no accelerometer sees. Not far above what brisk walking gives, the look is cheap."""
_GAP_G: Final = 1.0  # what a gap counts for: any impact that was heard is the better anchor
LEAST_GAP_MS: Final = 100


@dataclass(frozen=True, slots=True)
class Moment:
    """An event's anchor: when, how high (g, squared), and whether it was seen or lies in a gap."""

    t: float
    size: float
    heard: bool = True


@dataclass(frozen=True, slots=True)
class Look:
    """A moment to be judged now. `t`: the deciding sample's time."""

    moment: Moment
    t: float
    lost: bool = False  # the signal ended before its time


class Seeker:
    """Follows one wearable's bursts and says which moments are ripe."""

    __slots__ = ("_limit", "pending")

    def __init__(self, trigger_g: float) -> None:
        self._limit = trigger_g * trigger_g
        self.pending: Moment | None = None

    def gap(self, start: float, end: float) -> None:
        """No sample between `start` and `end`: an impact may lie there."""
        if self.pending is None and end - start >= LEAST_GAP_MS:
            self.pending = Moment((start + end) / 2, _GAP_G, heard=False)

    def take(self, run: Run) -> list[Look]:
        """The looks that become due within this burst, in order."""
        samples = run.samples
        sizes = [x * x + y * y + z * z for x, y, z in samples]
        if self.pending is None and max(sizes) < self._limit:
            return []
        looks: list[Look] = []
        t0, dt, limit = run.t0, run.dt, self._limit
        for i, size in enumerate(sizes):
            if size < limit and (self.pending is None or t0 + i * dt < self.pending.t + DECIDE_MS):
                continue
            t = t0 + i * dt
            if self.pending is not None and t >= self.pending.t + DECIDE_MS:
                looks.append(Look(self.pending, t))
                self.pending = None
            if size >= limit and (self.pending is None or size > self.pending.size):
                self.pending = Moment(t, size)
        return looks

    def give_up(self, t: float) -> Look | None:
        """No more samples will come: what is pending is judged as it is."""
        pending, self.pending = self.pending, None
        return None if pending is None else Look(pending, t, lost=True)
