"""How long after the impact a fall is found: 2.6 s of signal at most in 95 of 100, at every rate, with loss or without.

Falls are made with two blows: the first is the impact, the second is what a slow sensor takes for the higher one. The
recorded falls in which DETECTED came late were of this kind.
"""

from __future__ import annotations

import math
import random
from functools import cache

import pytest
from acted_falls import Sample, bursts, sensed, two_blows

from gateway.controller import Controller
from gateway.home.model import CONSENTS, Device, HomeView
from gateway.observations import Observation

FALLS = 20
RATES = (12.5, 20.0, 25.0, 50.0, 100.0)
LATEST_S = 2.6  # issue 5: DETECTED at most so much signal after the impact, p95
PACKET_S = 0.2  # five samples at 25 Hz, as issue 5 loses them


def delays(placement: str, hz: float, lost: float) -> list[float]:
    """Of each fall that was found: s from the impact to the time DETECTED carries."""
    made = []
    for n in range(FALLS):
        rng = random.Random(f"{placement} {hz} {n}")
        fine, impact_s = a_fall(n, arm=placement == "wrist")
        phase = rng.random()
        samples = sensed(fine, hz, phase)
        packets = bursts(samples, 1_000, round(PACKET_S * hz), hz=hz)
        found = detected([o for o in packets if rng.random() >= lost], placement)
        # A sample is the mean of its step and stands for the middle of it.
        impact_ms = 1_000 + 1000 * impact_s - (phase + 0.5) * 1000 / hz
        made += [(t - impact_ms) / 1000 for t in found[:1]]
    return made


@cache
def a_fall(n: int, *, arm: bool) -> tuple[list[Sample], float]:
    return two_blows(random.Random(n), 0.25 + 0.6 * n / FALLS, arm=arm)


def detected(observations: list[Observation], placement: str) -> list[int]:
    devices = {"belt": Device("belt", "wearable", placement=placement)}
    controller = Controller(HomeView(devices=devices, consents=dict.fromkeys(CONSENTS, True)))
    events = [e for o in observations for e in controller.handle(o).events]
    events += controller.advance(controller.t + 20_000).events
    return [e.t for e in events if e.what == "opened" and e.patch["code"] == "FALL"]


def in_time(found: list[float], of: int) -> None:
    found = sorted(found)
    assert len(found) >= 0.9 * of, f"found only {len(found)} of {of}"
    assert found[0] > 0
    p95 = found[math.ceil(0.95 * len(found)) - 1]
    assert p95 <= LATEST_S, f"p95 {p95:.2f} s; the latest: {[round(d, 2) for d in found[-10:]]}"


@pytest.mark.parametrize("hz", RATES)
@pytest.mark.parametrize("placement", ["waist", "chest", "wrist"])
def test_a_fall_is_found_in_time(placement: str, hz: float) -> None:
    in_time(delays(placement, hz, lost=0.0), FALLS)


@pytest.mark.parametrize("placement", ["waist", "chest", "wrist"])
def test_a_fall_is_found_in_time_though_every_tenth_packet_is_lost(placement: str) -> None:
    in_time([d for hz in RATES for d in delays(placement, hz, lost=0.1)], FALLS * len(RATES))
