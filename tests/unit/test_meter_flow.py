"""Readings that cannot be trusted (A27): swaps, resets, roll-overs, wrong units; and kettles told from heaters."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.home.model import Device
from gateway.observations import Kind, Observation
from gateway.rules.appliance_events import ApplianceEvents
from gateway.rules.meter_flow import Flow, Register, WaterFlow

MIN = 60_000
HOUR = 60 * MIN


def register(*readings: tuple[float, int], cap: float = 3.125) -> tuple[Register, list[Flow | None]]:
    made = Register(cap)
    return made, [made.read(value, t) for value, t in readings]


def test_what_a_register_grew_by_was_used() -> None:
    _, flows = register((100.0, 0), (100.05, 5 * MIN), (100.05, 10 * MIN))
    assert flows[0] is None
    assert flows[1] is not None
    assert flows[1].amount == pytest.approx(0.05)
    assert flows[1:] == [Flow(flows[1].amount, 0, 5 * MIN), Flow(0.0, 5 * MIN, 10 * MIN)]


def test_a_swapped_meter_is_believed_at_its_second_reading_and_was_no_use() -> None:
    made, flows = register((812.4, 0), (0.0, 5 * MIN), (0.02, 10 * MIN), (0.05, 15 * MIN))
    assert flows[1] is None
    assert flows[2] == Flow(None, 5 * MIN, 10 * MIN)
    assert flows[3] is not None
    assert flows[3].amount == pytest.approx(0.03)
    assert made.discarded == 2


def test_one_garbled_reading_costs_nothing() -> None:
    for wrong in (0.0, 55_000.0):
        made, flows = register((812.4, 0), (wrong, 5 * MIN), (812.5, 10 * MIN))
        assert flows[1] is None
        assert flows[2] is not None
        assert flows[2].amount == pytest.approx(0.1)
        assert made.discarded == 1


def test_litres_told_as_cubic_metres_are_no_flood() -> None:
    """A unit error: from m3 to L, and staying so."""
    _, flows = register((812.4, 0), (812_450.0, 5 * MIN), (812_452.0, HOUR), cap=3.125)
    assert [f.amount for f in flows if f is not None] == [None]


@pytest.mark.parametrize(
    ("before", "after", "used"), [(99_999.8, 0.1, 0.3), (9_999.9, 0.0, 0.1), (999_999.9, 0.2, 0.3)]
)
def test_a_register_that_rolls_over_goes_on(before: float, after: float, used: float) -> None:
    _, flows = register((before, 0), (after, HOUR))
    assert flows[1] is not None
    assert flows[1].amount == pytest.approx(used)


def test_a_meter_reset_from_half_way_did_not_roll_over() -> None:
    _, flows = register((5_000.0, 0), (0.1, HOUR))
    assert flows[1] is None


def test_late_and_repeated_readings_say_nothing() -> None:
    made, flows = register((10.0, 0), (10.5, HOUR), (10.2, 30 * MIN), (10.5, HOUR))
    assert flows[2:] == [None, None]
    assert made.discarded == 2


def test_after_a_long_gap_much_may_have_flowed_but_not_more_than_the_pipe_allows() -> None:
    _, flows = register((10.0, 0), (70.0, 24 * HOUR))
    assert flows[1] is not None
    assert flows[1].amount == 60.0
    _, flows = register((10.0, 0), (90.0, 24 * HOUR))
    assert flows[1] is None


@given(st.lists(st.tuples(st.floats(0, 1e7), st.integers(-HOUR, 48 * HOUR)), max_size=40))
def test_no_reading_whatever_makes_more_than_the_pipe_allows_or_less_than_nothing(
    rows: list[tuple[float, int]],
) -> None:
    made, flows = register(*rows)
    for flow in flows:
        if flow is not None and flow.amount is not None:
            assert 0 <= flow.amount <= 3.125 * ((flow.end - flow.start) / HOUR + 0.1) + 1e-9
            assert flow.start < flow.end
    again = Register(3.125)
    again.from_json(json.loads(json.dumps(made.to_json())))
    assert again.to_json() == made.to_json()


def water(value: float, t: int, kind: Kind = Kind.WATER, *, late: bool = False) -> Observation:
    return Observation(kind, value, t, "w", late=late)


def test_an_interval_of_water_ends_when_it_is_told() -> None:
    meter = WaterFlow(Device("w", "water_meter", interval_s=600))
    assert meter.read(water(4.0, HOUR)) == Flow(4.0, 50 * MIN, HOUR)
    assert meter.read(water(2.0, HOUR + 5 * MIN)) == Flow(2.0, HOUR, HOUR + 5 * MIN)  # never twice the same minute


@pytest.mark.parametrize("observation", [water(2000.0, HOUR), water(4.0, HOUR, late=True)])
def test_what_no_pipe_carries_or_comes_late_is_counted_and_dropped(observation: Observation) -> None:
    meter = WaterFlow(Device("w", "water_meter", interval_s=600))
    assert meter.read(observation) is None
    assert meter.discarded == 1


def test_a_register_in_cubic_metres_is_told_in_litres() -> None:
    meter = WaterFlow(None)
    meter.read(water(10.0, 0, Kind.WATER_VOLUME))
    flow = meter.read(water(10.012, 5 * MIN, Kind.WATER_VOLUME))
    assert flow is not None
    assert flow.amount == pytest.approx(12.0)


def test_a_meter_that_tells_its_litres_both_ways_is_counted_once_also_after_a_restart() -> None:
    meter = WaterFlow(None)
    litres = 0.0
    for n in range(12):
        both = (water(10.0 + n * 0.004, n * 5 * MIN, Kind.WATER_VOLUME), water(4.0, n * 5 * MIN))
        litres += sum(flow.amount or 0 for word in both if (flow := meter.read(word)) is not None)
        again = WaterFlow(None)
        again.from_json(json.loads(json.dumps(meter.to_json())))
        meter = again
    assert litres == pytest.approx(44.0)
    old = meter.to_json()
    del old["has_register"]  # a snapshot of 0.1
    again.from_json(old)
    assert again.read(water(4.0, HOUR)) is None


def told(meter: WaterFlow, *words: Observation) -> list[Flow]:
    return [flow for word in words if (flow := meter.read(word)) is not None]


def total(flows: list[Flow]) -> float:
    return sum(flow.amount or 0.0 for flow in flows)


@pytest.mark.parametrize("digits", [3, 2, 1])
@pytest.mark.parametrize("every", [12, 288])
def test_beside_a_register_read_now_and_then_each_interval_counts_and_nothing_twice(every: int, digits: int) -> None:
    meter, flows = WaterFlow(None), []
    for n in range(1, 5 * 288 + 1):
        words = [water(0.3, n * 5 * MIN)]
        if n % every == 10:
            words.append(water(round(100 + n * 0.0003, digits), n * 5 * MIN, Kind.WATER_VOLUME))
        flows += told(meter, *words)
        if n % 50 == 0:
            again = WaterFlow(None)
            again.from_json(json.loads(json.dumps(meter.to_json())))
            assert again.to_json() == meter.to_json()
            meter = again
    assert len(flows) == 5 * 288
    assert total(flows) == pytest.approx(5 * 288 * 0.3)


def test_much_that_only_the_register_saw_is_told_by_it() -> None:
    meter = WaterFlow(None)
    told(meter, water(100.0, 0, Kind.WATER_VOLUME), water(20.0, 10 * HOUR))
    (flow,) = told(meter, water(100.5, 24 * HOUR, Kind.WATER_VOLUME))
    assert flow.amount == pytest.approx(480.0)
    assert (flow.start, flow.end) == (10 * HOUR, 24 * HOUR)
    assert told(meter, water(20.0, 25 * HOUR), water(100.52, 48 * HOUR, Kind.WATER_VOLUME)) == [
        Flow(20.0, 25 * HOUR - 5 * MIN, 25 * HOUR)
    ]


def test_a_meter_that_lists_intervals_no_more_is_read_by_its_register() -> None:
    meter = WaterFlow(None)
    told(meter, water(100.0, 0, Kind.WATER_VOLUME), water(20.0, HOUR))
    assert told(meter, water(100.015, 2 * HOUR, Kind.WATER_VOLUME)) == []  # it rounds down: 5 L are to come
    flows = told(meter, *(water(100.015 + n * 0.01, (2 + n) * HOUR, Kind.WATER_VOLUME) for n in range(1, 4)))
    assert [flow.amount for flow in flows] == pytest.approx([5.0, 10.0, 10.0])
    assert told(meter, water(100.045, 6 * HOUR, Kind.WATER_VOLUME)) == [Flow(0.0, 5 * HOUR, 6 * HOUR)]


def test_what_was_rounded_is_no_flow_in_a_dry_hour() -> None:
    meter = WaterFlow(None)
    told(meter, water(100.0, 0, Kind.WATER_VOLUME), water(20.0, HOUR), water(100.08, 2 * HOUR, Kind.WATER_VOLUME))
    assert told(meter, water(100.08, 3 * HOUR, Kind.WATER_VOLUME)) == [Flow(0.0, 2 * HOUR, 3 * HOUR)]


def test_a_register_that_falls_silent_gives_way_to_the_intervals_and_takes_over_again() -> None:
    meter = WaterFlow(None)
    flows: list[Flow] = []
    for n in range(60):
        reads = n < 20 or n >= 40
        words = [water(10.0 + n * 0.004, n * 5 * MIN, Kind.WATER_VOLUME)] if reads else []
        flows += told(meter, *words, water(4.0, n * 5 * MIN))
    assert 59 * 4 - 3 * 4 <= total(flows) <= 59 * 4 + 1e-6  # what flowed until the silence was noticed waits


@pytest.mark.parametrize("swap", [0.0, 5000.0])
def test_a_swapped_register_owes_nothing(swap: float) -> None:
    meter = WaterFlow(None)
    told(meter, water(100.0, 0, Kind.WATER_VOLUME), water(20.0, HOUR))
    flows = told(
        meter,
        water(swap, 24 * HOUR, Kind.WATER_VOLUME),
        water(swap + 0.001, 25 * HOUR, Kind.WATER_VOLUME),
        water(swap + 0.01, 26 * HOUR, Kind.WATER_VOLUME),
    )
    assert [flow.amount for flow in flows] == [None, pytest.approx(9.0)]


@given(
    st.lists(st.tuples(st.sampled_from([5, 5, 10, 60, 300]), st.sampled_from("lrbn"), st.integers(0, 40)), max_size=60)
)
def test_however_the_two_are_mixed_no_more_is_told_than_flowed(rows: list[tuple[int, str, int]]) -> None:
    """l: an interval is told, r: the register, b: both, n: none; litres flow in the last interval of each row."""
    meter, flowed, t = WaterFlow(None), 0, 0
    flows: list[Flow] = []
    for minutes, tells, litres in rows:
        t, flowed = t + minutes * MIN, flowed + litres
        words = []
        if tells in "lb":
            words.append(water(litres, t))
        if tells in "rb":
            words.append(water(100 + flowed / 1000, t, Kind.WATER_VOLUME))
        flows += told(meter, *words)
    assert total(flows) <= flowed + 1e-3
    assert all(flow.start < flow.end for flow in flows)


# ---- appliances


def events(*watts: float, step_min: float = 1.0) -> list[tuple[int, int, float]]:
    decoder = ApplianceEvents()
    found = [decoder.observe(w, round(n * step_min * MIN)) for n, w in enumerate(watts)]
    return [(e.start, e.end, e.watts) for e in found if e is not None]


def test_a_kettle_is_somebody_at_home() -> None:
    assert events(90, 92, 1890, 1895, 1890, 1880, 95, 90) == [(2 * MIN, 6 * MIN, 1803)]


@pytest.mark.parametrize(
    "watts",
    [
        [90, 180, 180, 90, 90, 180, 90],  # a refrigerator
        [90, 889, 889, 889, 90],  # 799 W
        [90] + [2100] * 45 + [90],  # a water heater
        [90, 90, 90],
        [3000, 3000, 3000],  # on before anybody looked
    ],
)
def test_what_comes_by_itself_is_not(watts: list[float]) -> None:
    assert events(*watts) == []


def test_eight_hundred_watts_for_a_minute_is_enough() -> None:
    assert events(90, 890, 90) == [(MIN, 2 * MIN, 800)]
    assert events(90, 890, 90, step_min=0.5) == []


def test_a_thermostat_gives_itself_away_by_its_clock() -> None:
    day = ([90] * 55 + [1500] * 5) * 8
    assert len(events(*day)) == 3  # then three equal intervals were seen
    seed = 7
    draw = random.Random(seed)
    person = [w for _ in range(8) for w in [90] * draw.randint(20, 300) + [1500] * 5]
    assert len(events(*person, 90)) == 8, f"seed {seed}"


def test_a_heater_that_comes_all_night_is_not_a_cook() -> None:
    """However unevenly it comes: three steps may be a meal, thirty are a thermostat."""
    seed = 11
    draw = random.Random(seed)
    night = [w for _ in range(30) for w in [90] * draw.randint(3, 12) + [2000] * draw.randint(3, 5)]
    assert len(events(*night, 90)) <= 4, f"seed {seed}"
    after = [90] * 150 + [1800] * 4 + [90]
    assert events(*night, *after)[-1][0] >= (len(night) + 150) * MIN  # and a kettle in the morning is one again


def test_a_step_across_a_hole_in_the_readings_was_not_seen() -> None:
    assert events(90, 1800, 90, step_min=11) == []


def test_two_appliances_at_once_are_one_event() -> None:
    assert events(90, 1090, 2890, 1090, 90) == [(MIN, 4 * MIN, 2800)]


def test_the_decoder_goes_on_from_its_snapshot() -> None:
    decoder = ApplianceEvents()
    for n, watts in enumerate((90.0, 1900.0, 1900.0)):
        decoder.observe(watts, n * MIN)
    again = ApplianceEvents()
    again.from_json(json.loads(json.dumps(decoder.to_json())))
    assert again.to_json() == decoder.to_json()
    assert again.observe(90.0, 3 * MIN) == decoder.observe(90.0, 3 * MIN) is not None
    assert again.observe(90.0, 3 * MIN) is None  # not newer


def test_a_kettle_beside_a_heater_that_is_on_already_is_seen_to_go_off() -> None:
    assert events(1000, 2900, 2900, 1000) == [(60_000, 180_000, 1900.0)]


@pytest.mark.parametrize(("keeps_warm", "told"), [(399, 1), (400, 0)])
def test_what_keeps_half_a_step_of_warmth_is_still_on(keeps_warm: float, told: int) -> None:
    assert len(events(100, 1900, 1900, 100 + keeps_warm)) == told


def test_an_appliance_whose_end_nobody_read_is_no_event() -> None:
    """Nor is it still on when readings come again: the next kettle is a kettle."""
    decoder = ApplianceEvents()
    readings = [(0, 60.0), (1, 1900.0), (12, 1900.0), (13, 60.0), (14, 1900.0), (16, 60.0)]
    told = [decoder.observe(watts, minute * MIN) for minute, watts in readings]
    assert [event and (event.start, event.end) for event in told] == [None] * 5 + [(14 * MIN, 16 * MIN)]


def test_a_meter_that_has_run_for_months_is_held_to_the_same_pipe() -> None:
    meter = Register(3.125)
    months = 100 * 24 * HOUR
    meter.read(500.0, months)
    assert meter.read(504.0, months + HOUR) is None  # 4 m3 in an hour
    assert meter.discarded == 1
    assert meter.read(502.0, months + 2 * HOUR) == Flow(2.0, months, months + 2 * HOUR)
