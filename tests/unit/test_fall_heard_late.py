"""Bursts as radios bring them: stamped to the ms, jittering, seconds late, twice. The same fall at the same time, live
and out of the journal."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable

import pytest
from acted_falls import SIDE, Sample, fall, impact, still, walk

from gateway.alarms.life import State
from gateway.controller import Controller, Result
from gateway.home.model import CONSENTS, Device, HomeView
from gateway.observations import Kind, Observation, check_value
from gateway.recording import length_ms
from gateway.rules.fall.stream import LOST_MS, Stream
from gateway.rules.fall.wearable import bursts_of
from gateway.runtime.wearables import RecentSignal

VIEW = HomeView(devices={"belt": Device("belt", "wearable", placement="waist")}, consents=dict.fromkeys(CONSENTS, True))
Detected = tuple[str, int, float]


def acted(hz: float, lead_s: float = 0.0) -> list[Sample]:
    return fall(walk(12 + lead_s, hz=hz) + still(5, hz=hz), still(20, SIDE, hz=hz), hz=hz)


def cut(samples: list[Sample], size: int, hz: float) -> list[tuple[float, list[Sample]]]:
    """The pieces and when the last sample of each was taken, ms."""
    return [
        ((min(i + size, len(samples)) - 1) * 1000 / hz, samples[i : i + size]) for i in range(0, len(samples), size)
    ]


def heard(g: list[Sample], hz: float, t: int, lag_ms: int = 0) -> Observation:
    value = {"rate_hz": hz, "g": g} | ({"lag_ms": lag_ms} if lag_ms else {})
    return Observation(Kind.ACCELERATION, check_value(Kind.ACCELERATION, value), t, "belt")


class Life:
    """A controller, what it detects, and what would be written down."""

    def __init__(self) -> None:
        self.controller = Controller(VIEW, trust="NTP")
        self.detected: list[Detected] = []
        self.written: list[Observation] = []
        self._recent = RecentSignal()

    def hear(self, observations: Iterable[Observation]) -> Life:
        for observation in observations:
            while (due := self.controller.due_within(observation.t - 1)) is not None:
                self._note(self.controller.advance(due), None, due)
            self._note(self.controller.handle(observation), observation, observation.t)
        assert self.controller.faults == {}
        return self

    def _note(self, result: Result, observation: Observation | None, t: int) -> None:
        book = self.controller.book
        for event in result.events:
            if event.state is State.DETECTED:
                alarm = book.alarms[event.alarm]
                self.detected.append((alarm.code, event.t, alarm.evidence.get("score", 0.0)))
        if observation is not None and observation.kind is Kind.ACCELERATION:
            kept = self._recent.kept_with(observation, result.events, book)
            self.written += [] if kept is None else [kept]
        else:
            self.written += self._recent.decided_without(result.events, book, t)


def read_again(written: list[Observation]) -> list[Observation]:
    """As the journal gives them back."""
    return [
        Observation(o.kind, check_value(o.kind, json.loads(json.dumps(o.value))), o.t, o.device)
        for o in sorted(written, key=lambda o: o.t)
    ]


@pytest.mark.parametrize("stamped", [math.floor, round], ids=["cut off", "rounded"])
@pytest.mark.parametrize("hz", [12.5, 20, 26, 31.25, 52, 104])
def test_a_stamp_to_the_ms_does_not_let_the_size_of_bursts_move_a_decision(stamped: object, hz: float) -> None:
    """A recording gives the first sample's time; at 52 Hz most samples lie between two ms."""
    assert callable(stamped)
    signal = acted(hz)
    told = []
    for size in (1, 2, 5, 7, 25, len(signal)):
        said = []
        for i in range(0, len(signal), size):
            value = {"rate_hz": hz, "g": signal[i : i + size]}
            said.append(heard(value["g"], hz, 1_000 + stamped(i * 1000 / hz) + length_ms(value)))  # type: ignore[arg-type]
        told.append(Life().hear(said).detected)
    assert len(told[0]) == 1
    assert told == [told[0]] * len(told)


@pytest.mark.parametrize(("jitter_ms", "drift"), [(8, 0.0), (30, 0.0), (0, 0.01), (5, -0.01)])
@pytest.mark.parametrize(("hz", "size"), [(12.5, 5), (25, 25), (52, 7), (100, 1)])
def test_what_the_journal_keeps_decides_at_the_very_time_life_did(
    hz: float, size: int, jitter_ms: float, drift: float
) -> None:
    """Ten seconds of it do not show where the grid lies that a minute of jittering arrivals was put on."""
    for seed in range(2):
        rng = random.Random(f"{seed} {hz} {size} {jitter_ms} {drift}")
        t, said = 0, []
        for last, g in cut(acted(hz, seed * 0.3), size, hz):
            t = max(t, 1_000 + math.ceil(last * (1 + drift) + abs(rng.gauss(0, jitter_ms))))
            said.append(heard(g, hz, t))
        life = Life().hear(said)
        assert len(life.detected) == 1
        assert Life().hear(read_again(life.written)).detected == life.detected, f"seed {seed}"


@pytest.mark.parametrize("late_ms", [500, 3_500, 4_900, 20_000])
def test_a_link_that_is_seconds_behind_is_no_lost_link(late_ms: int) -> None:
    signal = acted(25)
    at_once = Life().hear([heard(g, 25, 1_000 + math.ceil(last)) for last, g in cut(signal, 5, 25)])
    late = Life().hear([heard(g, 25, 1_000 + math.ceil(last) + late_ms, late_ms) for last, g in cut(signal, 5, 25)])
    assert len(at_once.detected) == 1
    assert late.detected == at_once.detected
    assert Life().hear(read_again(late.written)).detected == late.detected


@pytest.mark.parametrize("size", [1, 5, 25, 60])
@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_packet_that_comes_twice_is_heard_once(size: int, after: int) -> None:
    """A radio that heard no acknowledgement sends again, at once or some packets later."""
    pieces = cut(acted(25), size, 25)
    once = Life().hear([heard(g, 25, 1_000 + math.ceil(last)) for last, g in pieces])
    said = []
    for n, (last, g) in enumerate(pieces):
        t = 1_000 + math.ceil(last)
        said.append(heard(g, 25, t))
        if n >= after:
            before, again = pieces[n - after]
            said.append(heard(again, 25, t, t - 1_000 - math.ceil(before)))
    twice = Life().hear(said)
    assert len(once.detected) == 1
    assert twice.detected == once.detected
    assert Life().hear(read_again(twice.written)).detected == once.detected


def furthest_ahead(written: list[Observation]) -> float:
    """How long after the observation that holds it a burst was put, ms."""
    return max(-place for o in written if o.kind is Kind.ACCELERATION for place, _ in o.value["bursts"])


@pytest.mark.parametrize(
    ("hz", "true_hz", "size", "lead_s"), [(50, 50.5, 100, 220), (25, 26, 50, 60), (100, 102, 300, 60)]
)
def test_a_fast_clock_and_long_bursts_are_no_fall_lost_to_the_journal(
    hz: float, true_hz: float, size: int, lead_s: float
) -> None:
    """The grid gives way by 0.4 of a sample a burst; such a wearable runs ahead of it, up to a burst and a second."""
    life = Life().hear(
        heard(g, hz, 1_000 + math.ceil(last * hz / true_hz)) for last, g in cut(acted(hz, lead_s), size, hz)
    )
    assert len(life.detected) == 1
    assert furthest_ahead(life.written) > 1_000
    assert Life().hear(read_again(life.written)).detected == life.detected


def test_a_link_lost_right_after_a_fall_is_lost_at_one_time_live_and_in_the_journal() -> None:
    """Three seconds after the last sample, also where a fast clock has put that sample after the burst came."""
    signal = walk(232, hz=50) + still(5, hz=50) + impact(50)
    pieces = [heard(g, 50, 1_000 + math.ceil(last * 50 / 50.5)) for last, g in cut(signal, 100, 50)]
    silence = Observation(Kind.TICK, None, pieces[-1].t + 40_000)
    life = Life().hear([*pieces, silence])
    (kept,) = (o for o in life.written if o.kind is Kind.ACCELERATION)
    last = kept.t - kept.value["bursts"][-1][0]
    assert last > pieces[-1].t
    assert [t for _, t, _ in life.detected] == [math.floor(last + LOST_MS)]
    again = Life().hear([*read_again(life.written), silence])
    assert again.detected == life.detected
    assert again.controller.book.to_json() == life.controller.book.to_json()


def test_a_burst_put_after_its_observation_was_here_when_that_was() -> None:
    value = {"rate_hz": 25, "on_grid": True, "bursts": [[-12.5, [[0, 0, 1]]], [-52.5, [[0, 0, 1]]]]}
    bursts = list(bursts_of(Observation(Kind.ACCELERATION, value, 9_000, "belt")))
    assert [(burst.last_t, burst.arrived) for burst in bursts] == [(9_012.5, 9_000), (9_052.5, 9_000)]


@pytest.mark.parametrize("size", [50, 100])
def test_a_long_burst_sent_again_without_its_lag_is_in_the_journal_where_it_was_put(size: int) -> None:
    """Nobody can tell it from a signal that repeats itself, so it is put after the first; live and in the journal."""
    said = [heard(g, 25, 1_000 + math.ceil(last)) for last, g in cut(acted(25), size, 25)]
    again = Observation(said[2].kind, said[2].value, said[2].t + 300, said[2].device)
    life = Life().hear([*said[:3], again, *said[3:]])
    assert len(life.detected) == 1
    assert furthest_ahead(life.written) > 1_000
    assert Life().hear(read_again(life.written)).detected == life.detected


@pytest.mark.parametrize("hz", [1, 12.5, 26, 52, 1_000])
def test_wherever_a_burst_is_put_the_journal_takes_it(hz: float) -> None:
    """Fast and slow clocks, sizes that change, packets sent twice, arrivals early and late by seconds."""
    early = 0
    for seed in range(20):
        rng = random.Random(f"{seed} {hz}")
        stream, t, fast = Stream(), 1_000_000, rng.choice([0.9, 0.98, 1.0, 1.02])
        sizes = rng.choice([(1,), (1, 5), (50,), (3, 400)])
        for _ in range(150):
            g = [[0.0, 0.0, 1.0]] * rng.choice(sizes)
            t += max(0, round(len(g) * 1000 / hz * fast) + rng.choice([0, 0, 0, -1, 1, -900, 900]))
            run, _missing = stream.append(t, hz, g)
            if run is None:
                continue
            value = {"rate_hz": hz, "bursts": [[t - run.last, g]], "on_grid": True}
            assert check_value(Kind.ACCELERATION, value) == value, f"seed {seed}"
            early += run.last > t + 1_000
    assert early > 0, "none was put ahead of its time: nothing was tried"


@pytest.mark.parametrize(("silent_ms", "kept"), [(598_000, 3), (598_001, 2), (600_000, 1), (600_001, 0)])
def test_samples_too_old_for_an_observation_are_not_written_with_a_later_decision(silent_ms: int, kept: int) -> None:
    """A pendant out of reach for ten minutes, then its button: what it said last decided nothing about that."""
    last_heard = 3_960
    signal = [heard(g, 25, 1_000 + math.ceil(last)) for last, g in cut(still(3, hz=25), 25, 25)]
    assert signal[-1].t == last_heard
    life = Life().hear([*signal, Observation(Kind.BUTTON, "press", last_heard + silent_ms, "belt")])
    assert [alarm.code for alarm in life.controller.book.alarms.values()] == ["CALL_PERSONAL"]
    again = [o for o in read_again(life.written) if o.kind is Kind.ACCELERATION]
    assert sum(len(o.value["bursts"]) for o in again) == kept


def test_two_bursts_that_say_the_same_at_different_times_are_two() -> None:
    """Lying on a table a sensor says one number for ever."""
    stream, flat = Stream(), [[0.0, 0.0, 1.0]] * 5
    for t in (200, 395, 590):  # its clock is a little fast
        assert stream.append(t, 25, flat)[0] is not None


@pytest.mark.parametrize("place", [-1_042.5, -1_000, "1", None, True, float("nan"), 600_001.0])
def test_a_place_on_the_grid_that_cannot_be_is_refused(place: object) -> None:
    with pytest.raises(ValueError, match="bursts"):
        check_value(Kind.ACCELERATION, {"rate_hz": 25, "on_grid": True, "bursts": [[place, [[0, 0, 1]]]]})


def test_only_what_says_that_it_is_on_the_grid_may_have_parts_of_a_ms() -> None:
    with pytest.raises(ValueError, match="bursts"):
        check_value(Kind.ACCELERATION, {"rate_hz": 25, "bursts": [[0.5, [[0, 0, 1]]]]})
