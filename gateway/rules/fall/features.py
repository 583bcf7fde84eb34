"""What a moment looks like: some thirty numbers in physical units, the same at every sample rate and mounting.

All are lengths, angles and times in the sensor's own frame, so that how it is turned on its belt does not matter. The
samples are put on a grid of 25 Hz around the anchor first: more are averaged (40 ms), fewer are interpolated.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

from gateway.rules.fall.seeking import DECIDE_MS, ROUNDING_MS
from gateway.rules.fall.stream import Stream

STEP_MS: Final = 40
BEFORE: Final = 150  # steps: 6 s
AFTER: Final = DECIDE_MS // STEP_MS
_G: Final = 9.80665
_IMPACT: Final = 13  # steps either side: half a second
_SAME: Final = 0.02  # g: a clipped reading is the same again
_LEAST: Final = 3  # steps a mean is taken of at least, however short the signal is

NAMES: Final = (
    "peak_g", "impact_g", "swing_g", "jerk_g", "hard_s", "dip_g", "dip_s", "fall_mps", "side_g",
    "turn_deg", "turn_long_deg", "turn_fast_deg", "turn_mid_deg", "settle_deg", "drift_deg", "bent_deg",
    "still_g", "sway_g", "after_peak_g", "after_knocks", "after_mean_g",
    "before_g", "before_sway_g", "before_peak_g", "before_knocks",
    "lost_impact", "lost", "tail_s", "rate_hz", "top_axis_g", "flat_top",
)  # fmt: skip
"""In the order in which `measure` gives them; a model file names those it uses."""


class Grid:
    """The samples around an anchor at 25 Hz: index 0 is the anchor. What lies in a gap is interpolated and marked.

    Nothing after `DECIDE_MS` counts, though a long burst may have brought it: in short ones it would not be there yet.
    """

    __slots__ = ("first", "flat", "gone", "last", "m", "top", "x", "y", "z")

    def __init__(self, stream: Stream, anchor: float) -> None:
        size = BEFORE + AFTER + 1
        x, y, z, n = [0.0] * size, [0.0] * size, [0.0] * size, [0] * size
        start, end = anchor - (BEFORE + 0.5) * STEP_MS, anchor + DECIDE_MS + ROUNDING_MS
        self.gone = [False] * size
        self.top, self.flat = 0.0, 0  # the greatest reading of one axis at the impact, and how often: a sensor's range
        before: float | None = None
        for t, (gx, gy, gz) in stream.between(start, end):
            k = int((t - start) / STEP_MS)
            if k >= size:
                break
            x[k] += gx
            y[k] += gy
            z[k] += gz
            n[k] += 1
            if -_IMPACT <= k - BEFORE <= _IMPACT:
                self._note_top(max(gx, gy, gz, -gx, -gy, -gz))
            if before is not None and t - before > 100:
                for hole in range(int((before - start) / STEP_MS) + 1, k):
                    self.gone[hole] = True
            before = t
        have = [k for k in range(size) if n[k]]
        for k in have:
            if n[k] > 1:
                x[k], y[k], z[k] = x[k] / n[k], y[k] / n[k], z[k] / n[k]
        for a, b in pairwise(have):
            for k in range(a + 1, b):
                w = (k - a) / (b - a)
                x[k], y[k], z[k] = x[a] + w * (x[b] - x[a]), y[a] + w * (y[b] - y[a]), z[a] + w * (z[b] - z[a])
        self.x, self.y, self.z = x, y, z
        self.first, self.last = (have[0] - BEFORE, have[-1] - BEFORE) if have else (0, 0)
        self.m = [math.sqrt(a * a + b * b + c * c) for a, b, c in zip(x, y, z, strict=True)]

    def _note_top(self, reading: float) -> None:
        if reading > self.top + _SAME:
            self.top, self.flat = reading, 1
        elif reading > self.top - _SAME:
            self.flat += 1

    def window(self, start_s: float, end_s: float) -> range:
        """Indices of [start, end] seconds from the anchor, moved to where there is signal."""
        first, last = round(start_s * 25), round(end_s * 25)
        first, last = max(first, self.first), min(last, self.last)
        if last - first < _LEAST - 1:
            if first >= self.last - _LEAST:
                first, last = max(self.first, self.last - _LEAST + 1), self.last
            else:
                last = min(self.last, first + _LEAST - 1)
        return range(first + BEFORE, last + BEFORE + 1)

    def mean(self, window: range) -> tuple[float, float, float]:
        """The mean vector: gravity, where the wearer does not speed up."""
        n, s = len(window), slice(window.start, window.stop)
        return sum(self.x[s]) / n, sum(self.y[s]) / n, sum(self.z[s]) / n

    def sway(self, window: range) -> float:
        """Root mean square distance from the mean vector, g."""
        mx, my, mz = self.mean(window)
        x, y, z = self.x, self.y, self.z
        total = sum((x[k] - mx) ** 2 + (y[k] - my) ** 2 + (z[k] - mz) ** 2 for k in window)
        return math.sqrt(total / len(window))

    def restless(self, window: range) -> float:
        """Mean distance of the length from 1 g."""
        m = self.m
        return sum(abs(m[k] - 1.0) for k in window) / len(window)

    def highest(self, window: range) -> float:
        """The greatest length, g."""
        return max(self.m[window.start : window.stop])

    def knocks(self, window: range, above: float) -> float:
        """How often the length rises above `above`."""
        m = self.m
        return float(sum(1 for k in window[1:] if m[k - 1] <= above < m[k]))


def angle(a: tuple[float, float, float], b: tuple[float, float, float]) -> float:
    """Degrees between two vectors; 0 where one has no length."""
    la, lb = math.hypot(*a), math.hypot(*b)
    if la < 1e-6 or lb < 1e-6:
        return 0.0
    cos = (a[0] * b[0] + a[1] * b[1] + a[2] * b[2]) / (la * lb)
    return math.degrees(math.acos(max(-1.0, min(1.0, cos))))


def measure(stream: Stream, anchor: float) -> list[float]:
    """The features of the moment `anchor`, in the order of `NAMES`."""
    grid = Grid(stream, anchor)
    w = grid.window
    around, before, after = w(-0.5, 0.5), w(-2.5, -1.0), w(1.4, 2.4)
    gravity, lying, midway = grid.mean(before), grid.mean(after), grid.mean(w(0.3, 1.0))
    long_ago = grid.mean(w(-6.0, -3.0))
    dip = w(-1.0, 0.0)
    m = grid.m
    return [
        grid.highest(around),
        grid.restless(around),
        grid.highest(around) - min(m[k] for k in around),
        _jerk(grid, w(-0.4, 0.4)),
        0.04 * sum(1 for k in w(-0.6, 1.0) if m[k] > 1.5),
        min(m[k] for k in dip),
        0.04 * sum(1 for k in dip if m[k] < 0.8),
        _fall_speed(grid, gravity, w(-1.0, -0.04)),
        _side(grid, gravity, w(-0.6, 0.6)),
        angle(gravity, lying),
        angle(long_ago, lying),
        angle(grid.mean(w(-0.8, -0.4)), grid.mean(w(0.4, 0.8))),
        angle(gravity, midway),
        angle(midway, lying),
        angle(grid.mean(w(1.4, 1.9)), grid.mean(w(1.9, 2.4))),
        angle(long_ago, grid.mean(w(-1.4, -0.7))),
        grid.restless(w(1.0, 2.4)),
        grid.sway(after),
        grid.highest(w(0.8, 2.4)),
        grid.knocks(w(0.6, 2.4), 1.25),
        math.hypot(*lying),
        grid.restless(w(-3.5, -1.0)),
        grid.sway(before),
        grid.highest(w(-3.5, -0.7)),
        grid.knocks(w(-3.5, -0.7), 1.15),
        sum(grid.gone[k] for k in around) / len(around),
        sum(grid.gone) / len(grid.gone),
        min(DECIDE_MS, grid.last * STEP_MS) / 1000,
        min(50.0, stream.rate_hz),
        grid.top,
        float(grid.flat),
    ]


def _jerk(grid: Grid, window: range) -> float:
    """The greatest change between two steps of 40 ms, g."""
    x, y, z = grid.x, grid.y, grid.z
    steps = [(x[k] - x[k - 1]) ** 2 + (y[k] - y[k - 1]) ** 2 + (z[k] - z[k - 1]) ** 2 for k in window[1:]]
    return math.sqrt(max(steps, default=0.0))


def _fall_speed(grid: Grid, gravity: tuple[float, float, float], window: range) -> float:
    """How fast it went down before the impact, m/s: what is missing of gravity, summed up."""
    length = math.hypot(*gravity)
    if length < 1e-6:
        return 0.0
    ux, uy, uz = (c / length for c in gravity)
    speed = worst = 0.0
    for k in window:
        speed = min(0.0, speed + (grid.x[k] * ux + grid.y[k] * uy + grid.z[k] * uz - length) * _G * 0.04)
        worst = min(worst, speed)
    return -worst


def _side(grid: Grid, gravity: tuple[float, float, float], window: range) -> float:
    """Spread across the vertical of before, g (the C8 of SisFall's authors)."""
    length = math.hypot(*gravity) or 1.0
    ux, uy, uz = (c / length for c in gravity)
    px, py, pz = [], [], []
    for k in window:
        along = grid.x[k] * ux + grid.y[k] * uy + grid.z[k] * uz
        px.append(grid.x[k] - along * ux)
        py.append(grid.y[k] - along * uy)
        pz.append(grid.z[k] - along * uz)
    n = len(px)
    return math.sqrt(sum(sum((v - sum(p) / n) ** 2 for v in p) / n for p in (px, py, pz)))
