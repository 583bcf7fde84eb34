"""Signals of a worn sensor, made by rule: standing, walking, a fall, lying, a dropped device. No recorded data."""

from __future__ import annotations

import math
import random
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


FINE_HZ = 200.0


def two_blows(rng: random.Random, apart_s: float, arm: bool = False) -> tuple[list[Sample], float]:
    """A fall at 200 Hz, and when its impact is: a hard blow, then a longer one that a slow sensor finds the higher.

    Between them the wearer rolls to the side. Turned as the sensor happens to be mounted. `arm`: an arm that swings in
    walking, is thrown up in falling and comes to rest last, as the wrist feels it.
    """
    before_s, after_s = rng.uniform(6.5, 7.5), 4.0
    first, second = rng.uniform(4.5, 6.0), rng.uniform(2.8, 3.2)
    axes, phase, thrown = _mounting(rng), rng.uniform(0, 6), 0.9 if arm else 0.0
    made: list[Sample] = []
    for i in range(round((before_s + after_s) * FINE_HZ)):
        t = i / FINE_HZ - before_s  # the impact is at 0
        lying = 1 / (1 + math.exp(-9 * (t - 0.1)))
        weight = 1 - (0.6 * math.sin(math.pi * (t + 0.45) / 0.45) if -0.45 < t < 0 else 0.0)
        blow = first * _bump(t, 0.02) + second * _bump(t - apart_s, 0.05)
        throw = thrown * (_bump(t + 0.5, 0.15) - _bump(t + 0.25, 0.1) + 0.6 * _bump(t - apart_s - 0.6, 0.08))
        unrest = 0.012 * math.sin(7 * t + phase)
        step = (0.3 if arm else 0.2) * math.sin(4 * math.pi * t) if t < -0.8 else 0.0
        x = lying * 0.97 * weight + unrest + 0.7 * blow + throw
        y = -(1 - lying) * (weight + step) - 0.05 * lying - 0.6 * blow - 0.5 * throw
        z = 0.24 * lying * weight + 0.3 * blow + 0.7 * throw + (0.4 * _bump(t + 4, 1.0) if arm else 0.0)
        made.append([sum(a * v for a, v in zip(axis, (x, y, z), strict=True)) for axis in axes])
    return made, before_s


def _bump(t: float, width_s: float) -> float:
    return math.exp(-((t / width_s) ** 2))


def _mounting(rng: random.Random) -> list[list[float]]:
    """A rotation by three angles."""
    a, b, c = (rng.uniform(0, 2 * math.pi) for _ in range(3))
    ca, sa, cb, sb, cc, sc = math.cos(a), math.sin(a), math.cos(b), math.sin(b), math.cos(c), math.sin(c)
    return [
        [ca * cb, ca * sb * sc - sa * cc, ca * sb * cc + sa * sc],
        [sa * cb, sa * sb * sc + ca * cc, sa * sb * cc - ca * sc],
        [-sb, cb * sc, cb * cc],
    ]


def sensed(fine: list[Sample], hz: float, phase: float, range_g: float = 4.0) -> list[Sample]:
    """What a sensor of `hz` makes of a signal at 200 Hz: the mean over each of its steps, within its range."""
    step, made, start = FINE_HZ / hz, [], phase * FINE_HZ / hz
    while start + step <= len(fine):
        part = fine[round(start) : round(start + step)]
        made.append([round(max(-range_g, min(range_g, sum(s[k] for s in part) / len(part))), 3) for k in range(3)])
        start += step
    return made
