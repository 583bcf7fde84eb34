"""When each sample was taken: bursts, gaps and jitter in, a short memory of timed samples out.

A burst arrives when its last sample is there. What follows the samples before without a gap continues their grid, so
that the size of the bursts changes no sample's time; what does not begins anew at its own time.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.observations import MAX_EARLY_MS  # more, and the sensor's clock was set anew

Sample = Sequence[float]

KEPT_MS: Final = 10_000
"""How far back from the newest burst is remembered: a look needs 6 s before an impact and 2.4 s after it."""
LOST_MS: Final = 3_000
"""No sample for so long and the link is lost: what comes then has nothing to do with what was before."""
HOLE_MS: Final = 60
"""A burst this much later than the one before foretold (and a sample and a half) lacks what was sent between."""
_DEAD_BAND: Final = 0.25  # of a sample: rounding to whole ms, and nothing to correct
_CORRECTION: Final = 0.4  # of a sample a burst: a nominal rate is wrong by a percent, and order must stay


@dataclass(slots=True)
class Run:
    """One burst on the time axis: sample `i` was taken at `t0 + i * dt` (controller ms).

    `said`: when its last sample was taken by the burst's own word, before it was put on the grid.
    """

    t0: float
    dt: float
    samples: Sequence[Sample]
    said: float

    @property
    def last(self) -> float:
        """When its last sample was taken."""
        return self.t0 + (len(self.samples) - 1) * self.dt


class Stream:
    """The last ten seconds of one wearable. `append` tells what came between this burst and the one before."""

    __slots__ = ("_anchor", "_count", "_dt", "runs")

    def __init__(self) -> None:
        self.runs: deque[Run] = deque()
        self._anchor = 0.0
        self._count = 0  # samples since `_anchor` without a gap
        self._dt = 0.0

    @property
    def last(self) -> float | None:
        """When the newest sample was taken, None before the first."""
        return self.runs[-1].last if self.runs else None

    @property
    def rate_hz(self) -> float:
        """Samples a second, as the sensor last said."""
        return 1000.0 / self._dt if self._dt else 0.0

    def append(
        self, last_t: float, rate_hz: float, samples: Sequence[Sample], *, on_grid: bool = False
    ) -> tuple[Run | None, float]:
        """Places a burst whose last sample was taken at `last_t`; returns (its run, ms missing before it).

        None for a burst that is all in the past, or that was heard before. A gap of `LOST_MS` or more empties the
        memory first. `on_grid`: it was placed when it was heard, and the journal kept the place.
        """
        dt = 1000.0 / rate_hz
        start: float = last_t - (len(samples) - 1) * dt
        if not on_grid:
            start = math.floor(start + 1e-6)
        missing = 0.0
        if self.runs:
            newest = self.runs[-1].last
            foretold = self._anchor + self._count * self._dt
            late = start - foretold
            if late >= LOST_MS:
                missing = late
                self.runs.clear()
            elif on_grid:
                missing = late if late > max(HOLE_MS, 1.5 * dt) else 0.0
            elif last_t <= newest - MAX_EARLY_MS or (late < -dt / 2 and self._heard_before(last_t, samples)):
                return None, 0.0
            elif -MAX_EARLY_MS <= late <= max(HOLE_MS, 1.5 * dt) and abs(dt - self._dt) < 1e-9:
                return self._keep(Run(self._continued(late, dt), dt, samples, last_t)), 0.0
            elif start <= newest:  # another rate, or a sensor whose clock was set: never two samples of one time
                start = math.ceil(newest + 1)
            else:
                missing = late if late > max(HOLE_MS, 1.5 * dt) else 0.0
        self._anchor, self._count, self._dt = float(start), 0, dt
        return self._keep(Run(float(start), dt, samples, last_t)), missing

    def _continued(self, late: float, dt: float) -> float:
        """The next time on the grid, moved a little towards what the clock says where they have drifted apart."""
        if abs(late) > max(2.0, _DEAD_BAND * dt):
            self._anchor += math.copysign(min(abs(late), _CORRECTION * dt), late)
        return self._anchor + self._count * self._dt

    def _heard_before(self, last_t: float, samples: Sequence[Sample]) -> bool:
        """Whether this very burst is remembered: a radio that was not sure sends again."""
        return any(run.said == last_t and run.samples == samples for run in reversed(self.runs))

    def _keep(self, run: Run) -> Run:
        self._count += len(run.samples)
        self.runs.append(run)
        oldest = run.t0 - KEPT_MS  # not from its end: an impact early in a long burst has a past as well
        while self.runs[0].last < oldest:
            self.runs.popleft()
        return run

    def between(self, start: float, end: float) -> Iterator[tuple[float, Sample]]:
        """Every remembered sample taken in [start, end], in order, with its time."""
        for run in self.runs:
            if run.last < start or run.t0 > end:
                continue
            t0, dt = run.t0, run.dt
            first = max(0, math.ceil((start - t0) / dt))
            after = min(len(run.samples), math.floor((end - t0) / dt) + 1)
            for i in range(first, after):
                yield t0 + i * dt, run.samples[i]
