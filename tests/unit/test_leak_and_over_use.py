"""Leaks and over-use, on meters that are swapped, lost, shared or a well's."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from metered_home import HIGH, LEAK, drip, metered
from sensor_rooms import DAY, HOUR, MINUTE, house_of, lose, noted, power_cut, raised, reading, recording, restarted
from virtual_home import House, home

from gateway.home.model import BadHome, Device, view_from_json
from gateway.observations import Kind

# ---- leak


def test_flow_in_every_half_hour_of_a_day_is_a_leak() -> None:
    house = metered()
    drip(house, 23.5)
    assert noted(house, LEAK) == []
    drip(house, 0.5)
    assert noted(house, LEAK) == [("RAISED", "flow_in_every_slot")]
    assert raised(house) == []  # a matter for a plumber
    drip(house, 48)
    assert len(noted(house, LEAK)) == 1


def test_one_dry_half_hour_and_it_is_none() -> None:
    house = metered()
    for _ in range(4):
        drip(house, 23)
        house.wait(31 * MINUTE)
    assert noted(house, LEAK) == []


def test_a_leak_that_is_mended_is_told_within_an_hour() -> None:
    house = metered()
    drip(house, 24)
    house.wait(61 * MINUTE)
    assert noted(house, LEAK)[-1] == ("RESTORED", "flow_stopped")


def test_a_register_shows_a_leak_as_well() -> None:
    house = metered()
    for n in range(24 * 12 + 1):
        reading(house, Kind.WATER_VOLUME, 100 + n * 0.0001, "w", 5 * MINUTE)
    assert noted(house, LEAK) == [("RAISED", "flow_in_every_slot")]


@pytest.mark.parametrize("every_h", [1, 24])
def test_a_register_read_now_and_then_silences_no_interval(every_h: int) -> None:
    house, register = metered(), 100.0
    for n in range(23 * 12 + 10):
        house.wait(5 * MINUTE)
        register += 0.0003
        house.say(Kind.WATER, 0.3, "w")
        if n % (every_h * 12) == 10:
            house.say(Kind.WATER_VOLUME, round(register, 3), "w")
        if n == 200:
            restarted(house)
    assert noted(house, LEAK) == [("RAISED", "flow_in_every_slot")]


def test_a_register_that_stands_still_is_no_leak_and_readings_of_zero_are_no_flow() -> None:
    house = metered()
    for _ in range(24 * 6):
        reading(house, Kind.WATER_VOLUME, 100.0, "w", 10 * MINUTE)
        house.say(Kind.WATER, 0, "w")
    assert noted(house, LEAK) == []


def test_a_meter_read_hourly_is_judged_by_the_hour() -> None:
    house = metered(interval_s=3600)
    drip(house, 23, every_min=60)
    assert noted(house, LEAK) == []
    drip(house, 1, every_min=60)
    assert noted(house, LEAK) == [("RAISED", "flow_in_every_slot")]


def shown(house: House) -> float:
    """What the register shows now."""
    return next((float(o.value) for o, _ in reversed(house.history) if o.kind is Kind.WATER_VOLUME), 100.0)


def grow(house: House, every_min: float, hours: float, litres: float = 5.0, jitter: Random | None = None) -> None:
    """A register that grows by so much from reading to reading."""
    begin, value = house.now_ms, shown(house)
    for n in range(1, round(hours * 60 / every_min) + 1):
        value += litres / 1000
        off = jitter.uniform(-3000, 3000) if jitter else 0
        house.now_ms = round(begin + n * every_min * 60_000 + off)
        house.say(Kind.WATER_VOLUME, round(value, 4), "w")


@pytest.mark.parametrize("stated", [None, 3600])
def test_an_hourly_register_shows_a_leak_whether_or_not_it_states_its_pace(stated: float | None) -> None:
    house = house_of(Device("w", "water_meter", interval_s=stated))
    grow(house, 60, 24)
    assert noted(house, LEAK) == []  # of the first reading nobody knows what it counted
    grow(house, 60, 1)
    assert noted(house, LEAK) == [("RAISED", "flow_in_every_slot")]
    house.wait(70 * MINUTE)
    assert len(noted(house, LEAK)) == 1  # the next reading is a little late
    reading(house, Kind.WATER_VOLUME, shown(house) + 0.005, "w")
    assert len(noted(house, LEAK)) == 1
    reading(house, Kind.WATER_VOLUME, shown(house), "w", HOUR)
    assert noted(house, LEAK)[-1] == ("RESTORED", "flow_stopped")


@pytest.mark.parametrize("every_min", [30, 60])
@pytest.mark.parametrize("stated", [True, False])
def test_a_reading_some_seconds_early_or_late_hides_no_leak(every_min: float, stated: bool) -> None:
    seed = 20_261_126
    house = house_of(Device("w", "water_meter", interval_s=every_min * MINUTE if stated else None))
    grow(house, every_min, 40, jitter=Random(seed))
    assert noted(house, LEAK) == [("RAISED", "flow_in_every_slot")], seed


@pytest.mark.parametrize("every_min", [30, 60])
def test_one_reading_without_flow_and_it_is_no_leak(every_min: float) -> None:
    house = metered(interval_s=every_min * MINUTE)
    for _ in range(3):
        grow(house, every_min, 23)
        reading(house, Kind.WATER_VOLUME, shown(house), "w", every_min * MINUTE)
    assert noted(house, LEAK) == []


def test_a_reading_that_is_missing_ends_the_run_of_a_meter_that_states_its_pace() -> None:
    house = metered(interval_s=3600)
    grow(house, 60, 20)
    house.wait(HOUR)
    grow(house, 60, 23)
    assert noted(house, LEAK) == []


@pytest.mark.parametrize("every_h", [6, 24])
def test_a_meter_that_is_read_a_few_times_a_day_shows_no_leak(every_h: float) -> None:
    """Every home draws water in six hours; the first two days of such a meter were told as a leak once."""
    house = metered(interval_s=every_h * HOUR)
    grow(house, every_h * 60, 10 * 24, litres=100)
    assert noted(house, LEAK) == []
    status = house.controller.statuses()["leak"]
    assert (status.readiness, status.reason) == ("OFF", "read_too_seldom")
    unstated = house_of(Device("w", "water_meter"))
    grow(unstated, every_h * 60, 10 * 24, litres=100)
    assert noted(unstated, LEAK) == []


@pytest.mark.parametrize("blind", ["cut", "recorder", "lost"])
def test_what_nobody_read_proves_no_leak(blind: str) -> None:
    house = metered()
    drip(house, 20)
    if blind == "cut":
        power_cut(house, 20 * MINUTE)
    elif blind == "recorder":
        recording(house, False)
        house.wait(20 * MINUTE)
        recording(house, True)
    else:
        lose(house, "w")
    drip(house, 23.5)
    assert noted(house, LEAK) == []
    drip(house, 0.5)
    assert noted(house, LEAK) == [("RAISED", "flow_in_every_slot")]


def test_a_leak_that_was_told_is_not_over_because_nobody_looks() -> None:
    house = metered()
    drip(house, 24)
    lose(house, "w")
    house.wait(10 * HOUR)
    assert len(noted(house, LEAK)) == 1
    drip(house, 1)
    assert len(noted(house, LEAK)) == 1


def test_a_swapped_meter_ends_the_leak_of_the_old_one() -> None:
    house = metered()
    for n in range(24 * 12 + 1):
        reading(house, Kind.WATER_VOLUME, 100 + n * 0.0001, "w", 5 * MINUTE)
    for value in (0.0, 0.0):
        reading(house, Kind.WATER_VOLUME, value, "w", 5 * MINUTE)
    assert noted(house, LEAK)[-1] == ("RESTORED", "meter_rebased")


@pytest.mark.parametrize("supply", ["shared", "well"])
def test_water_that_is_not_this_homes_own_arms_no_rule(supply: str) -> None:
    house = metered(supply, water_preset__rule=1)
    drip(house, 30, litres=100)
    house.wait(3 * DAY)
    assert noted(house, LEAK) == noted(house, HIGH) == raised(house) == []
    for rule in ("leak", "high_water_use", "low_water_preset"):
        status = house.controller.statuses()[rule]
        assert (status.readiness, status.reason) == ("OFF", "not_own_supply")


def test_a_meter_that_turns_out_to_be_shared_takes_its_leak_back() -> None:
    house = metered()
    drip(house, 24)
    shared = {"w": Device("w", "water_meter", interval_s=300, supply="shared")}
    house.say(Kind.CONFIG, home(devices=shared, consents={"MONITORING": True}).to_json())
    assert noted(house, LEAK)[-1] == ("RESTORED", "removed")


def test_a_supply_is_own_shared_or_well_and_survives_the_journal() -> None:
    view = home(devices={"w": Device("w", "water_meter", supply="well")})
    assert view_from_json(view.to_json()) == view
    with pytest.raises(BadHome, match=r"supply: expected one of own, shared, well"):
        view_from_json({"devices": [{"id": "w", "kind": "water_meter", "supply": "river"}]})


# ---- over-use


def test_more_than_two_cubic_metres_in_a_day_is_over_use() -> None:
    house = metered()
    for _ in range(20):
        reading(house, Kind.WATER, 100, "w", HOUR)
    assert noted(house, HIGH) == []  # 2,000 L are not more than 2,000 L
    reading(house, Kind.WATER, 1, "w", HOUR)
    assert noted(house, HIGH) == [("RAISED", "over_use")]
    house.wait(30 * HOUR)
    assert noted(house, HIGH) == [("RAISED", "over_use"), ("RESTORED", "back_to_normal")]


def test_a_meter_that_tells_both_its_litres_and_its_register_has_used_them_once() -> None:
    house = metered()
    for n in range(30):  # 1.5 m3 in 15 h
        reading(house, Kind.WATER_VOLUME, 100 + n * 0.05, "w", 30 * MINUTE)
        house.say(Kind.WATER, 50, "w")
    assert noted(house, HIGH) == []


def test_over_use_is_over_only_well_below_its_limit() -> None:
    house = metered()
    for hour in range(48):  # 90 L an hour are 2,160 in 24 h; then 75, 1,800 in 24 h; then less and less
        reading(house, Kind.WATER, 90.0 if hour < 24 else 75.0, "w", HOUR)
    assert noted(house, HIGH) == [("RAISED", "over_use")]
    for _ in range(24):
        reading(house, Kind.WATER, 60.0, "w", HOUR)
    assert noted(house, HIGH)[1:] == [("RESTORED", "back_to_normal")]


def test_over_use_is_over_by_the_half_hour_in_which_it_was_and_no_sooner() -> None:
    house = metered()
    for litres in (300, 1800):  # 1800 alone are more than four fifths
        for _ in range(6):
            reading(house, Kind.WATER, litres / 6, "w", 5 * MINUTE)
    house.wait(24 * HOUR - 1)
    assert [status for status, _ in noted(house, HIGH)] == ["RAISED"]
    house.wait(1)
    assert noted(house, HIGH)[1:] == [("RESTORED", "back_to_normal")]


def test_the_same_litres_over_two_days_are_not() -> None:
    house = metered()
    for _ in range(60):
        reading(house, Kind.WATER, 79, "w", HOUR)
    assert noted(house, HIGH) == []


def test_a_swapped_meter_is_no_over_use() -> None:
    house = metered()
    for value in (100.0, 900.0, 900.1, 0.0, 0.1):
        reading(house, Kind.WATER_VOLUME, value, "w", HOUR)
    assert noted(house, HIGH) == []


def test_what_a_register_grew_by_in_three_days_without_a_reading_is_not_one_days_use() -> None:
    house = metered()
    reading(house, Kind.WATER_VOLUME, 100.0, "w")
    reading(house, Kind.WATER_VOLUME, 103.0, "w", 3 * DAY)
    assert noted(house, HIGH) == []
    reading(house, Kind.WATER_VOLUME, 104.5, "w", HOUR)
    assert noted(house, HIGH) == [("RAISED", "over_use")]


def test_over_use_survives_a_snapshot() -> None:
    house = metered()
    for _ in range(20):
        reading(house, Kind.WATER, 100, "w", HOUR)
    restarted(house)
    reading(house, Kind.WATER, 10, "w", HOUR)
    assert noted(house, HIGH) == [("RAISED", "over_use")]
    restarted(house)
    house.wait(30 * HOUR)
    assert noted(house, HIGH)[-1] == ("RESTORED", "back_to_normal")


@pytest.mark.parametrize("blind", ["lost", "not_recorded", "off"])
def test_over_use_is_not_over_because_nobody_looks(blind: str) -> None:
    house = metered()
    for _ in range(21):
        reading(house, Kind.WATER, 100, "w", HOUR)
    assert noted(house, HIGH) == [("RAISED", "over_use")]
    if blind == "lost":
        lose(house, "w")
        house.wait(30 * HOUR)
        assert house.controller.statuses()["high_water_use"].reason == "sensor_lost"
        reading(house, Kind.WATER, 1, "w")
    elif blind == "not_recorded":
        recording(house, False)
        house.wait(30 * HOUR)
        assert house.controller.statuses()["high_water_use"].reason == "recording_lost"
        recording(house, True)
    else:
        power_cut(house, 30 * HOUR)
    assert len(noted(house, HIGH)) == 1
    restarted(house)
    house.wait(24 * HOUR - 1)
    assert len(noted(house, HIGH)) == 1
    house.wait(HOUR)
    assert noted(house, HIGH)[1:] == [("RESTORED", "back_to_normal")]


def over_use_of_two() -> House:
    """A bath of two cubic metres in each flat's meter, an hour apart, days after the start."""
    house = house_of(Device("w", "water_meter", interval_s=300), Device("hot", "water_meter", interval_s=300))
    house.wait(3 * DAY)
    for meter in ("w", "hot"):
        for _ in range(9):
            reading(house, Kind.WATER, 230, meter, 5 * MINUTE)
        house.wait(15 * MINUTE)
    return house


def test_of_two_meters_each_is_over_and_well_by_itself() -> None:
    house = over_use_of_two()
    house.wait(23 * HOUR)
    assert [(n.subject, n.status) for n in house.notices if n.code == HIGH] == [
        ("w", "RAISED"), ("hot", "RAISED"), ("w", "RESTORED")
    ]  # fmt: skip
    house.wait(HOUR)
    assert [(n.subject, n.status) for n in house.notices if n.code == HIGH][3:] == [("hot", "RESTORED")]


@pytest.mark.parametrize("way", ["taken_down", "consent"])
def test_over_use_of_a_meter_that_may_be_read_no_more_ends_and_its_litres_are_forgotten(way: str) -> None:
    house = over_use_of_two()
    before = house.controller.home
    devices = {d: device for d, device in before.devices.items() if d == "hot"}
    changed = replace(before, devices=devices) if way == "taken_down" else replace(before, consents={})
    house.say(Kind.CONFIG, changed.to_json())
    gone = {"taken_down": [("w", "RESTORED")], "consent": [("hot", "RESTORED"), ("w", "RESTORED")]}[way]
    assert [(n.subject, n.status) for n in house.notices if n.code == HIGH][2:] == gone
    house.say(Kind.CONFIG, before.to_json())
    reading(house, Kind.WATER, 230, "w", 5 * MINUTE)
    assert [n.subject for n in house.notices if n.code == HIGH][2 + len(gone) :] == []


@pytest.mark.parametrize("blind", ["lost", "not_recorded"])
def test_a_meter_nobody_could_read_before_a_restart_ends_nothing_after_it(blind: str) -> None:
    house = over_use_of_two()
    drip(house, 25)
    assert noted(house, LEAK) == [("RAISED", "flow_in_every_slot")]
    told = len(house.notices)
    for meter in ("w", "hot"):
        lose(house, meter)
    if blind == "not_recorded":
        for meter in ("w", "hot"):
            house.say(Kind.SEEN, True, meter)
        recording(house, False)
    restarted(house)
    house.wait(3 * DAY)
    assert [n for n in house.notices[told:] if n.code in (LEAK, HIGH)] == []
