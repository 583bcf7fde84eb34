"""Signals of a worn sensor, made by rule: standing, walking, a fall, lying, a dropped device. No recorded data."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from gateway.observations import Kind, Observation

Sample = list[float]
UP: Sample = [0.0, -1.0, 0.0]  # gravity's reaction along the body, sensor upside down as on SisFall's belt
SIDE: Sample = [0.96, 0.05, 0.27]


def still(seconds: float, direction: Sample = UP, hz: float = 25.0, tremor: float = 0.012) -> list[Sample]:
    """Standing or lying quietly: gravity and the small unrest of a living body."""
    return [
        [round(d + tremor * math.sin(0.9 * i + axis) * math.cos(0.37 * i), 3) for axis, d in enumerate(direction)]
        for i in range(round(seconds * hz))
    ]


def walk(seconds: float, direction: Sample = UP, hz: float = 25.0, size: float = 0.22) -> list[Sample]:
    """Two steps a second."""
    return [
        [round(d * (1 + size * math.sin(4 * math.pi * i / hz)) + 0.06 * math.sin(2 * math.pi * i / hz + axis), 3)
         for axis, d in enumerate(direction)]
        for i in range(round(seconds * hz))
    ]  # fmt: skip


def impact(hz: float = 25.0, peak_g: float = 4.0) -> list[Sample]:
    """Tipping over: weight lost for 0.4 s, the blow, and rolling to the side within a second."""
    made: list[Sample] = []
    for i in range(round(0.5 * hz)):
        weight = 1.0 - 0.75 * math.sin(math.pi * i / (0.5 * hz)) ** 0.7
        tip = 0.9 * (i / (0.5 * hz)) ** 2
        made.append([round(tip * weight, 3), round(-(1 - 0.6 * tip) * weight, 3), round(0.1 * weight, 3)])
    for t in (i / hz for i in range(round(0.8 * hz))):
        blow = (peak_g - 1) * math.exp(-t / 0.09) * math.cos(9 * t)
        made.append(
            [round(0.85 + 0.8 * blow, 3), round(-0.3 * math.exp(-3 * t) - 0.5 * blow, 3), round(0.27 + 0.3 * blow, 3)]
        )
    return made


def fall(before: list[Sample], after: list[Sample], hz: float = 25.0) -> list[Sample]:
    """What a belt says of somebody who falls and what they do then."""
    return before + impact(hz) + after


def bursts(
    samples: list[Sample], start_ms: int, size: int, device: str = "belt", hz: float = 25.0
) -> Iterable[Observation]:
    """The samples as observations of `size` samples, each at its last one."""
    for i in range(0, len(samples), size):
        part = samples[i : i + size]
        t = start_ms + math.ceil((i + len(part) - 1) * 1000 / hz - 1e-6)
        value: dict[str, Any] = {"rate_hz": hz, "g": part}
        yield Observation(Kind.ACCELERATION, value, t, device)
