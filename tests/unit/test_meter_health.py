"""Meters that come no more, stand still or were swapped; the silence of the gateway is not theirs."""

from __future__ import annotations

import pytest
from sensor_rooms import DAY, HOUR, MINUTE, house_of, lose, noted, power_cut, raised, reading, recording, restarted
from virtual_home import House, home

from gateway.home.model import Device
from gateway.observations import Kind

STALE, REBASED = "METER_STALE", "METER_REBASED"


def metered(kind: str = "electricity_meter", **more: float) -> House:
    return house_of(Device("m", kind, interval_s=more.get("interval_s", 300)))


def test_a_register_that_comes_no_more_is_stale_after_a_day() -> None:
    house = metered()
    house.say(Kind.ENERGY, 100.0, "m")
    house.wait(24 * HOUR - 1)
    assert noted(house, STALE) == []
    house.wait(1)
    assert noted(house, STALE) == [("RAISED", "silent")]
    house.say(Kind.ENERGY, 101.0, "m")
    assert noted(house, STALE)[-1] == ("RESTORED", "heard_again")
    assert raised(house) == []


def test_a_register_that_shows_the_same_for_a_day_is_frozen() -> None:
    house = metered()
    for _ in range(24):
        reading(house, Kind.ENERGY, 100.05, "m", HOUR)
    assert noted(house, STALE) == []
    reading(house, Kind.ENERGY, 100.05, "m", HOUR)
    assert noted(house, STALE) == [("RAISED", "frozen")]
    reading(house, Kind.ENERGY, 100.05, "m", HOUR)
    assert len(noted(house, STALE)) == 1
    reading(house, Kind.ENERGY, 100.1, "m", HOUR)
    assert noted(house, STALE)[-1] == ("RESTORED", "heard_again")


def test_a_register_of_whole_kilowatt_hours_may_rest_while_only_the_refrigerator_runs() -> None:
    """0.3 kWh a day: the next whole one comes after eighty hours."""
    house = metered()
    for hour in range(14 * 24):
        reading(house, Kind.ENERGY, float(100 + hour // 80), "m", HOUR)
    assert noted(house, STALE) == []
    for _ in range(4 * 24 + 1):
        reading(house, Kind.ENERGY, 104.0, "m", HOUR)
    assert noted(house, STALE) == [("RAISED", "frozen")]


def test_a_water_register_may_rest_for_days_but_not_for_a_week() -> None:
    house = metered("water_meter")
    for _ in range(7 * 24):
        reading(house, Kind.WATER_VOLUME, 100.0, "m", HOUR)
    assert noted(house, STALE) == []
    reading(house, Kind.WATER_VOLUME, 100.0, "m", HOUR)
    assert noted(house, STALE) == [("RAISED", "frozen")]


@pytest.mark.parametrize(("watts", "stale"), [(431.7, True), (0, False)])
def test_a_power_that_does_not_tremble_is_frozen_but_nothing_is_nothing(watts: float, stale: bool) -> None:
    house = metered()
    for _ in range(30):
        reading(house, Kind.POWER, watts, "m", HOUR)
    assert bool(noted(house, STALE)) == stale


def test_a_meter_that_lists_only_flow_is_not_stale_when_nothing_flows() -> None:
    house = metered("water_meter")
    house.say(Kind.WATER, 4.0, "m")
    house.wait(30 * DAY)
    assert noted(house, STALE) == []


def test_a_meter_read_once_a_day_has_three_days() -> None:
    house = metered(interval_s=86400)
    house.say(Kind.ENERGY, 100.0, "m")
    house.wait(3 * DAY - 1)
    assert noted(house, STALE) == []
    house.wait(1)
    assert noted(house, STALE) == [("RAISED", "silent")]


def test_the_silence_of_the_gateway_is_not_the_meters() -> None:
    house = metered()
    house.say(Kind.ENERGY, 100.0, "m")
    power_cut(house, 2 * DAY)
    recording(house, False)
    house.wait(2 * DAY)
    recording(house, True)
    house.wait(23 * HOUR)
    assert noted(house, STALE) == []


def test_a_register_that_nobody_could_read_for_days_is_not_frozen_yet() -> None:
    house = metered()
    for _ in range(2):
        for _ in range(23):
            reading(house, Kind.ENERGY, 100.0, "m", HOUR)
        power_cut(house, 3 * DAY)
    assert noted(house, STALE) == []


def test_a_lost_meter_is_told_as_lost_and_not_as_stale() -> None:
    house = metered()
    house.say(Kind.ENERGY, 100.0, "m")
    lose(house, "m")
    house.wait(3 * DAY)
    assert noted(house, STALE) == []
    assert house.controller.statuses()["meter_health"].reason == "sensor_lost"


def test_a_swapped_meter_is_an_event_once() -> None:
    house = metered("water_meter")
    for value in (812.4, 0.0, 0.01, 0.02):
        reading(house, Kind.WATER_VOLUME, value, "m", 5 * MINUTE)
    assert noted(house, REBASED) == [("RAISED", "meter_rebased")]


def test_a_meter_in_a_snapshot_goes_on() -> None:
    house = metered()
    house.say(Kind.ENERGY, 100.0, "m")
    house.wait(23 * HOUR)
    restarted(house)
    house.wait(HOUR)
    assert noted(house, STALE) == [("RAISED", "silent")]
    restarted(house)
    house.say(Kind.ENERGY, 100.5, "m")
    assert noted(house, STALE)[-1] == ("RESTORED", "heard_again")


def test_a_meter_that_was_taken_down_is_stale_no_more_and_its_successor_begins_anew() -> None:
    house = metered()
    hung = house.controller.home.devices
    house.say(Kind.ENERGY, 5000.5, "m")
    house.wait(2 * DAY)
    assert noted(house, STALE) == [("RAISED", "silent")]
    house.say(Kind.CONFIG, home(devices={}).to_json())
    assert noted(house, STALE)[1:] == [("RESTORED", "removed")]
    house.say(Kind.CONFIG, home(devices=hung).to_json())
    for kwh in (3.1, 3.2):
        reading(house, Kind.ENERGY, kwh, "m", MINUTE)
    assert noted(house, REBASED) == []
    assert len(noted(house, STALE)) == 2


@pytest.mark.parametrize("blind", ["lost", "not_recorded"])
def test_a_meter_nobody_could_read_before_a_restart_is_not_stale_after_it(blind: str) -> None:
    house = metered()
    house.say(Kind.ENERGY, 5000.5, "m")
    if blind == "lost":
        lose(house, "m")
    else:
        recording(house, False)
    restarted(house)
    house.wait(3 * DAY)
    assert noted(house, STALE) == []
    assert house.controller.statuses()["meter_health"].readiness == "UNAVAILABLE"


def test_of_two_meters_each_is_stale_by_itself() -> None:
    house = house_of(Device("m", "electricity_meter"), Device("w", "water_meter"))
    house.say(Kind.ENERGY, 5000.5, "m")
    house.say(Kind.WATER_VOLUME, 100.0, "w")
    for n in range(48):
        reading(house, Kind.WATER_VOLUME, 100.1 + n, "w", HOUR)
    assert [(n.subject, n.status) for n in house.notices if n.code == STALE] == [("m", "RAISED")]
