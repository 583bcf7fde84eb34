"""The parts of the fall rule: times of samples, moments, features, models."""

from __future__ import annotations

import json
import math
import random
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from acted_falls import SIDE, UP, bursts, fall, still, walk
from hypothesis import given, settings
from hypothesis import strategies as st
from test_fall_flow import found

from gateway.observations import MAX_BURSTS, BadObservation, Kind, check_value
from gateway.rules.fall.features import NAMES, measure
from gateway.rules.fall.model import MAX_BYTES, BadModel, model_from_json, shipped
from gateway.rules.fall.seeking import APART_MS, DECIDE_MS, Look, Seeker
from gateway.rules.fall.stream import LOST_MS, Stream

PLACEMENTS = ("waist", "chest", "wrist")


def times(stream: Stream) -> list[float]:
    return [t for t, _ in stream.between(-1e12, 1e12)] if stream.runs else []


def sent(samples: int) -> list[list[float]]:
    return [[0.0, -1.0, 0.0]] * samples


# ---- times


@pytest.mark.parametrize("hz", [12.5, 20.0, 26.0, 30.0, 64.0, 100.0])
def test_samples_without_a_gap_lie_on_one_grid_whatever_the_bursts(hz: float) -> None:
    whole, cut = Stream(), Stream()
    n = round(8 * hz)
    whole.append(1_000 + math.ceil((n - 1) * 1000 / hz - 1e-6), hz, sent(n))
    for i in range(0, n, 7):
        part = min(7, n - i)
        cut.append(1_000 + math.ceil((i + part - 1) * 1000 / hz - 1e-6), hz, sent(part))
    assert times(cut) == pytest.approx(times(whole), abs=1e-6)


def test_bursts_that_arrive_with_jitter_stay_in_order_and_near_their_times() -> None:
    rng = random.Random(7)
    stream = Stream()
    for i in range(200):
        stream.append(1_000 + 200 * i + 160 + rng.randrange(40), 25.0, sent(5))
    steps = [b - a for a, b in pairwise(times(stream))]
    assert min(steps) > 0
    assert max(steps) <= 40 + 60
    assert stream.last == pytest.approx(1_000 + 200 * 199 + 160, abs=60)


def test_a_clock_that_is_a_percent_off_is_followed() -> None:
    stream = Stream()
    for i in range(600):
        stream.append(round(1_000 + 990 * i + 960), 25.0, sent(25))
    assert stream.last == pytest.approx(1_000 + 990 * 599 + 960, abs=40)
    assert all(b > a for a, b in pairwise(times(stream)))


def test_a_lost_packet_is_a_gap_and_a_lost_link_forgets() -> None:
    stream = Stream()
    stream.append(1_160, 25.0, sent(5))
    assert stream.append(1_560, 25.0, sent(5))[1] == pytest.approx(200)
    before = stream.last
    assert before is not None
    assert stream.append(round(before) + LOST_MS + 200, 25.0, sent(5))[1] >= LOST_MS
    assert len(times(stream)) == 5


def test_what_is_all_in_the_past_is_dropped_and_a_clock_set_back_costs_no_order() -> None:
    stream = Stream()
    stream.append(100_000, 25.0, sent(25))
    assert stream.append(50_000, 25.0, sent(25)) == (None, 0.0)
    stream.append(100_200, 50.0, sent(50))  # another rate, and overlapping
    assert all(b > a for a, b in pairwise(times(stream)))


def test_memory_is_ten_seconds() -> None:
    stream = Stream()
    for i in range(100):
        stream.append(1_000 + 1_000 * i, 100.0, sent(100))
    assert len(times(stream)) <= 1_200


# ---- moments


def looked(signal: list[list[float]], hz: float = 25.0) -> list[Look]:
    """The looks at a signal that is heard in bursts of a second."""
    stream, seeker, size = Stream(), Seeker(1.5), round(hz)
    looks: list[Look] = []
    for i in range(0, len(signal), size):
        part = signal[i : i + size]
        run, _ = stream.append((i + len(part) - 1) * 1000 / hz, hz, part)
        assert run is not None
        looks += seeker.take(run)
    return looks


def test_the_highest_sample_of_a_blow_is_its_anchor_and_what_is_lower_after_it_changes_nothing() -> None:
    signal = [*sent(50), [0, -2.0, 0], [0, -3.0, 0], [0, -4.0, 0], *sent(10), [0, -3.5, 0], *sent(80)]
    (look,) = looked(signal)
    assert (look.moment.t, look.t, look.surpassed) == (52 * 40, 52 * 40 + DECIDE_MS, False)


def test_a_higher_blow_takes_nothing_of_the_first_ones_time() -> None:
    signal = [*sent(50), [0, -2.0, 0], *sent(20), [0, -3.0, 0], *sent(10), [0, -2.5, 0], *sent(80)]
    assert [(look.moment.t, look.t, look.surpassed) for look in looked(signal)] == [
        (50 * 40, 50 * 40 + DECIDE_MS, True),
        (71 * 40, 71 * 40 + DECIDE_MS, False),
    ]


@pytest.mark.parametrize("hz", [12.5, 25.0, 100.0])
def test_however_long_it_gets_worse_looks_are_at_least_a_blow_apart(hz: float) -> None:
    rising = [[0.0, -1.5 - 0.01 * i, 0.0] for i in range(round(4 * hz))]
    times_of = [look.moment.t for look in looked([*sent(100), *rising, *sent(round(3 * hz))], hz)]
    assert times_of
    assert all(b - a >= APART_MS - 0.01 for a, b in pairwise(times_of))


def test_every_gap_before_a_blow_is_looked_at_and_none_while_a_blow_waits() -> None:
    seeker, stream = Seeker(1.5), Stream()
    seeker.gap(1_000, 1_200)
    seeker.gap(2_000, 2_200)
    run, _ = stream.append(3_200, 25.0, [*sent(20), [0, -3.0, 0], *sent(4)])
    assert run is not None
    assert seeker.take(run) == []
    seeker.gap(3_200, 3_400)
    looks = seeker.give_up(9_000)
    assert [(look.moment.t, look.moment.heard, look.surpassed) for look in looks] == [
        (1_100, False, True),
        (2_100, False, True),
        (run.t0 + 20 * 40, True, False),
    ]


def test_a_link_that_is_lost_leaves_every_blow_to_be_judged() -> None:
    seeker, stream = Seeker(1.5), Stream()
    run, _ = stream.append(4_000, 25.0, [*sent(50), [0, -2.0, 0], *sent(20), [0, -3.0, 0], *sent(29)])
    assert run is not None
    assert seeker.take(run) == []
    assert [(look.lost, look.surpassed, look.t) for look in seeker.give_up(7_000)] == [
        (True, True, 7_000),
        (True, False, 7_000),
    ]
    assert not seeker.pending


@pytest.mark.parametrize("hz", [12.5, 25.0, 50.0, 100.0])
def test_features_are_much_the_same_at_every_rate(hz: float) -> None:
    def measured(rate: float) -> dict[str, float]:
        stream = Stream()
        signal = fall(walk(5, hz=rate) + still(3, hz=rate), still(6, SIDE, hz=rate), hz=rate)
        stream.append(round((len(signal) - 1) * 1000 / rate), rate, signal)
        return dict(zip(NAMES, measure(stream, 8_500), strict=True))

    here, there = measured(hz), measured(25.0)
    assert here["turn_deg"] == pytest.approx(there["turn_deg"], abs=5)
    assert here["still_g"] == pytest.approx(there["still_g"], abs=0.03)
    assert here["dip_g"] == pytest.approx(there["dip_g"], abs=0.15)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_features_are_finite_whatever_was_heard(seed: int) -> None:
    rng, stream = random.Random(seed), Stream()
    t = 1_000
    for _ in range(rng.randrange(1, 12)):
        n = rng.randrange(1, 60)
        rate = rng.choice([12.5, 25.0, 100.0])
        t += round(n * 1000 / rate) + rng.choice([0, 0, 120, 900])
        stream.append(t, rate, [[rng.uniform(-4, 4) for _ in range(3)] for _ in range(n)])
    features = measure(stream, rng.uniform(stream.runs[0].t0, stream.last or 0))
    assert len(features) == len(NAMES)
    assert all(math.isfinite(value) for value in features)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_no_signal_is_decided_by_how_its_bursts_are_cut(seed: int) -> None:
    rng = random.Random(seed)
    hz = rng.choice([12.5, 20.0, 25.0, 50.0, 64.0, 100.0])
    signal = walk(rng.uniform(1, 4), hz=hz, size=rng.uniform(0.1, 1.0))
    for _ in range(rng.randrange(1, 4)):
        after = still(
            rng.uniform(0.2, 6), rng.choice([SIDE, UP, [0.1, 0.2, 0.97]]), hz=hz, tremor=rng.uniform(0.005, 0.3)
        )
        signal = fall(signal, after, hz=hz)
    one = found(list(bursts(signal, 5_000, len(signal), hz=hz)))
    other = found(list(bursts(signal, 5_000, rng.randrange(1, 60), hz=hz)))
    assert one == other, f"seed {seed}"


@given(seed=st.integers(0, 2**32))
@settings(max_examples=15, deadline=None)
def test_no_signal_with_holes_is_decided_by_how_its_bursts_are_cut(seed: int) -> None:
    rng = random.Random(seed)
    hz = rng.choice([12.5, 25.0, 50.0])
    signal = fall(walk(4, hz=hz), still(6, SIDE, hz=hz), hz=hz)
    heard, at = [], 0
    while at < len(signal):
        size = rng.randrange(5, 40)
        heard.append((at, signal[at : at + size]))
        at += size + rng.choice([0, 5, 5, 10])  # what is between is lost on the air

    def told(most: int) -> list[tuple[str, str | None, int]]:
        return found([o for at, part in heard for o in bursts(part, 5_000 + round(at * 1000 / hz), most, hz=hz)])

    assert told(1_000) == told(rng.randrange(1, 10)), f"seed {seed}"


# ---- models


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_what_a_model_gives_to_each_feature_adds_up_to_its_score(placement: str) -> None:
    model, rng = shipped(placement), random.Random(3)
    for _ in range(50):
        verdict = model.judge([rng.uniform(0, 4) * rng.choice([1, 20]) for _ in NAMES])
        assert verdict.base + sum(verdict.gave.values()) == pytest.approx(verdict.score, abs=1e-6)


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_shipped_model_is_small_and_quiet_asks_most(placement: str) -> None:
    text = resources.files("gateway.rules.fall").joinpath("models", f"{placement}.json").read_bytes()
    assert len(text) <= MAX_BYTES
    limits = [shipped(placement).limit(s / 4) for s in range(9)]
    assert limits == sorted(limits, reverse=True)


def test_less_is_asked_of_a_slow_or_short_ranged_wrist_sensor_and_of_no_other() -> None:
    def eased(placement: str, hz: float, top_g: float) -> float:
        heard = dict.fromkeys(NAMES, 0.0) | {"rate_hz": hz, "top_axis_g": top_g}
        return shipped(placement).ease(list(heard.values()))

    slow, short = eased("wrist", 12.5, 4.0), eased("wrist", 25.0, 2.0)
    assert slow > short > 0
    assert eased("wrist", 12.5, 2.0) == pytest.approx(slow + short)
    assert eased("wrist", 20.0, 4.0) == eased("wrist", 25.0, 1.7) == 0
    assert {eased(p, 12.5, 2.0) for p in ("waist", "chest")} == {0}


def good() -> dict[str, Any]:
    path = resources.files("gateway.rules.fall").joinpath("models", "waist.json")
    made: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return made | {"trees": made["trees"][:3]}


@pytest.mark.parametrize(
    "change",
    [
        {"fall_model": 2},
        {"placement": "ankle"},
        {"limits": {"quiet": 0, "balanced": 1, "sensitive": 2}},
        {"limits": {"quiet": math.nan, "balanced": 0, "sensitive": 0}},
        {"features": ["of_next_year"]},
        {"features": []},
        {"eased": [-1, 0]},
        {"eased": 3},
        {"trees": []},
        {"trees": [[[0, -1, -1], [1, 0, 0], [0, 0, 0], [0, 1, 2]]]},  # no child on the right: would turn round for ever
        {"trees": [[[0], [1], [1], [0]]]},
        {"trees": [[[-1], [0], [0], ["1"]]]},
        {"trees": [[[-1] * 64, [0] * 64, [0] * 64, [0] * 64]]},
        {"trees": [[[99, -1, -1], [1, 0, 0], [2, 0, 0], [0, 1, 2]]]},
        {"trees": "many"},
    ],
)
def test_what_is_no_model_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadModel):
        model_from_json(good() | change)


def test_the_file_for_the_set_that_was_never_seen_is_a_model() -> None:
    path = Path(__file__).parents[1] / "fitting" / "waist_without_umafall.json"
    (content,) = json.loads(path.read_text(encoding="utf-8"))["fall_models"]
    assert model_from_json(content).fitted_on == ("sisfall",)


# ---- what is accepted


@pytest.mark.parametrize(
    "value",
    [
        {"rate_hz": 25, "bursts": []},
        {"rate_hz": 25, "bursts": [[-1, [[0, 0, 1]]]]},
        {"rate_hz": 25, "bursts": [[0, []]]},
        {"rate_hz": 25, "bursts": [[0, [[0, 0, 99]]]]},
        {"rate_hz": 25, "bursts": [[0, [[0, 0, 1]]]] * (MAX_BURSTS + 1)},
        {"rate_hz": 25, "bursts": {"0": 1}},
        {"rate_hz": 25, "g": [[0, 0, 1]], "lag_ms": -5},
        {"rate_hz": 25, "g": [[0, 0, 1]], "lag_ms": 1.5},
        {"rate_hz": 0, "g": [[0, 0, 1]]},
    ],
)
def test_acceleration_out_of_bounds_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(BadObservation):
        check_value(Kind.ACCELERATION, value)
