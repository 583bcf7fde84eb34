"""Smoke, gas, CO, water, fire: raised at once, and one alarm a spell."""

from __future__ import annotations

import pytest
from detector_home import smoky
from sensor_rooms import HOUR, MINUTE, house_of, noted, power_cut, raised
from virtual_home import House

from gateway.alarms.life import State
from gateway.home.model import Device
from gateway.observations import Kind


@pytest.mark.parametrize(
    ("kind", "code", "severity", "prompt"),
    [
        (Kind.SMOKE, "SMOKE", "P0", "V09"),
        (Kind.HEAT, "HEAT_FIRE", "P0", "V09"),
        (Kind.GAS, "GAS", "P0", "V10"),
        (Kind.CO, "CO", "P0", "V10"),
        (Kind.FLOOD, "FLOOD", "P1", "V11"),
    ],
)
def test_a_detector_raises_at_once_and_tells_everybody(kind: Kind, code: str, severity: str, prompt: str) -> None:
    house = house_of(Device("d", kind.value, room="r2"))
    house.say(kind, True, "d")
    assert house.states() == ["DETECTED", "RAISED"]
    assert house.at_s(State.RAISED) == 0
    alarm = house.controller.book.alarms[1]
    assert (alarm.code, alarm.severity, alarm.room) == (code, severity, "r2")
    assert prompt in house.said()
    assert set(alarm.told) == {"c1", "c2", "n1"}


def test_no_consent_no_clock_and_no_registration_are_needed() -> None:
    house = House()
    house.say(Kind.CLOCK, {"trust": "NONE", "offset_ms": 0})
    house.say(Kind.SMOKE, True, "nobody-enrolled-this")
    assert raised(house) == [("SMOKE", "nobody-enrolled-this")]


@pytest.mark.parametrize("kind", [Kind.SMOKE, Kind.GAS, Kind.CO, Kind.FLOOD, Kind.HEAT])
def test_a_detector_that_is_well_raises_nothing(kind: Kind) -> None:
    house = smoky()
    house.say(kind, False, "smoke")
    house.wait(HOUR)
    assert raised(house) == []
    assert house.notices == []


def test_the_end_of_smoke_is_an_event_and_never_ends_the_alarm() -> None:
    house = smoky()
    house.say(Kind.SMOKE, True, "smoke")
    house.wait(20)
    house.say(Kind.SMOKE, False, "smoke")
    house.wait(59)
    assert noted(house, "HAZARD_CLEARED") == []
    house.wait(1)
    assert noted(house, "HAZARD_CLEARED") == [("RESTORED", "smoke_cleared")]
    assert house.state() is State.RAISED


def test_a_chattering_detector_is_one_alarm() -> None:
    """A25: on and off every five seconds for an hour."""
    house = smoky()
    for _ in range(360):
        house.say(Kind.SMOKE, True, "smoke")
        house.wait(5)
        house.say(Kind.SMOKE, False, "smoke")
        house.wait(5)
    assert raised(house) == [("SMOKE", "smoke")]
    assert noted(house, "HAZARD_CLEARED") == []
    assert house.controller.book.alarms[1].presses <= 3  # told again every half-hour
    assert len(house.texts("S05")) <= 2 * 3 + 1  # each contact a round, not one a flicker


def test_a_chattering_detector_never_holds_up_another() -> None:
    house = smoky(Device("gas", "gas"))
    house.say(Kind.SMOKE, True, "smoke")
    house.say(Kind.GAS, True, "gas")
    assert raised(house) == [("SMOKE", "smoke"), ("GAS", "gas")]


def test_smoke_that_comes_again_later_joins_the_alarm_that_is_open() -> None:
    house = smoky()
    house.say(Kind.SMOKE, True, "smoke")
    house.say(Kind.SMOKE, False, "smoke")
    house.wait(10 * MINUTE)
    published = len(house.published())
    house.say(Kind.SMOKE, True, "smoke")
    assert raised(house) == [("SMOKE", "smoke")]
    assert house.controller.book.alarms[1].presses == 2
    assert house.published()[published:][-1]["reason"] == "detected_again"
    assert house.said()[-1] == "V09"


def test_smoke_after_the_alarm_was_closed_is_another_alarm() -> None:
    house = smoky()
    house.say(Kind.SMOKE, True, "smoke")
    house.say(Kind.SMOKE, False, "smoke")
    house.wait(2 * MINUTE)
    house.platform(1, "CLOSED", outcome="FALSE_ALARM")
    house.say(Kind.SMOKE, True, "smoke")
    assert raised(house) == [("SMOKE", "smoke")] * 2
    assert house.state(2) is State.RAISED


def test_smoke_that_goes_on_after_the_alarm_was_closed_is_told_again() -> None:
    house = smoky()
    house.say(Kind.SMOKE, True, "smoke")
    house.wait(MINUTE)
    house.platform(1, "CLOSED", outcome="FALSE_ALARM")
    house.wait(29 * MINUTE - 1)
    assert len(raised(house)) == 1
    house.wait(1)
    assert len(raised(house)) == 2
    assert house.events[-1].alarm == 2


# ---- heat by thermometer


def test_two_readings_of_a_burning_room_are_a_fire_one_is_a_broken_wire() -> None:
    house = house_of(Device("t", "temperature", room="r1"))
    house.say(Kind.TEMPERATURE, 57.0, "t")
    assert raised(house) == []
    house.wait(10)
    house.say(Kind.TEMPERATURE, 61.0, "t")
    assert raised(house)[0] == ("HEAT_FIRE", "t")
    assert house.controller.book.alarms[1].evidence == {
        "rule": "hazard",
        "celsius": 61.0,
        "limit_c": 57,
        "readings": 2,
    }


def test_a_lone_spike_between_good_readings_is_no_fire() -> None:
    house = house_of(Device("t", "temperature"))
    for celsius in (24.0, 140.0, 24.0, 140.0, 24.0):
        house.say(Kind.TEMPERATURE, celsius, "t")
    assert raised(house) == []


@pytest.mark.parametrize(("cooled", "anew"), [(52.1, False), (52.0, True)])
def test_a_fire_is_over_for_a_thermometer_five_degrees_below_and_no_sooner(cooled: float, anew: bool) -> None:
    house = house_of(Device("t", "temperature"))
    for celsius in (60.0, 60.0, cooled):
        house.wait(10)
        house.say(Kind.TEMPERATURE, celsius, "t")
    house.wait(2 * MINUTE)
    assert bool(noted(house, "HAZARD_CLEARED")) == anew


def test_a_detector_that_fell_quiet_before_a_power_cut_is_over_at_its_end() -> None:
    house = smoky()
    house.say(Kind.SMOKE, True, "smoke")
    house.say(Kind.SMOKE, False, "smoke")
    power_cut(house, HOUR)
    assert [(n.code, n.t) for n in house.notices if n.code == "HAZARD_CLEARED"] == [("HAZARD_CLEARED", house.now_ms)]


def test_what_is_hot_by_nature_is_no_fire() -> None:
    pipe, door = Device("pipe", "other"), Device("door", "contact")
    house = house_of(Device("plate", "stove"), Device("band", "wearable", placement="wrist"), pipe, door)
    for device in ("plate", "band", "pipe", "door"):
        for _ in range(3):
            house.say(Kind.TEMPERATURE, 90.0, device)
    assert raised(house) == []


def test_a_thermostat_that_says_warm_gives_no_alarm() -> None:
    house = house_of(Device("t", "temperature"))
    house.say(Kind.HEAT, True, "t")
    assert raised(house) == []
