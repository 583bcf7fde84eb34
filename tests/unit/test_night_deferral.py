"""The night: what can wait for the morning, what breaks into it, and by which clock (domain 4.1)."""

from __future__ import annotations

import pytest
from sensor_rooms import house_of
from virtual_home import House, find

from gateway.alarms.life import State
from gateway.home.model import Device
from gateway.observations import Kind

MINUTE = 60
HOUR = 3600


@pytest.fixture
def night() -> House:
    house = House()
    house.at_the_hour(23)
    return house


def test_by_night_what_is_not_urgent_is_the_platforms_first_and_the_contacts_in_the_morning(night: House) -> None:
    find(night, "TEMP_LOW")
    night.wait(5 * MINUTE)
    night.controller.desk.recovered("TEMP_LOW", night.now_ms, "back_in_range")
    assert night.states() == ["DETECTED", "PRE_ALARM", "RAISED"]
    assert [m["state"] for m in night.published()] == ["RAISED"]
    assert night.texts() == []
    assert "V02" not in night.said()  # nobody is being reached
    night.at_the_hour(5, 59)
    assert night.texts() == []
    night.wait(60)
    assert night.told("S22") == ["c1"]
    night.wait(10 * MINUTE)
    assert night.told("S22") == ["c1", "c2"]


def test_what_lasts_does_not_wait_for_the_morning(night: House) -> None:
    find(night, "TEMP_LOW")
    night.wait(HOUR)
    find(night, "TEMP_LOW")
    assert night.told("S22") == ["c1"]
    assert list(night.controller.book.alarms) == [1]


def test_what_goes_on_for_an_hour_does_not_wait_for_the_morning(night: House) -> None:
    find(night, "TEMP_LOW")
    night.wait(5 * MINUTE + HOUR - 1)
    assert night.texts() == []
    night.wait(1)
    assert night.told("S22") == ["c1"]
    assert [e.reason for e in night.events if e.what == "persisting"] == ["goes_on"]
    night.wait(10 * MINUTE)
    assert night.told("S22") == ["c1", "c2"]


def test_what_is_over_within_the_hour_waits_and_is_still_told_in_the_morning(night: House) -> None:
    find(night, "TEMP_LOW")
    night.wait(30 * MINUTE)
    night.controller.desk.recovered("TEMP_LOW", night.now_ms, "back_in_range")
    assert night.state() is State.RAISED  # only people end it
    night.at_the_hour(5, 59)
    assert night.texts() == []
    night.wait(60)
    assert night.told("S22") == ["c1"]


def test_a_sensor_lost_is_no_sign_that_it_is_over(night: House) -> None:
    find(night, "TEMP_LOW")
    night.wait(30 * MINUTE)
    night.controller.desk.recovered("TEMP_LOW", night.now_ms, "rule_unavailable")
    night.wait(35 * MINUTE)
    assert night.told("S22") == ["c1"]


def test_what_begins_shortly_before_the_morning_is_told_with_it() -> None:
    house = House(inactivity__enabled=0)
    house.at_the_hour(5, 30)
    find(house, "TEMP_LOW")
    house.wait(5 * MINUTE)
    assert "persist" not in house.controller.book.alarms[1].timers
    house.wait(25 * MINUTE)
    assert house.told("S22") == ["c1"]


def test_who_takes_it_at_night_is_not_overtaken_by_its_going_on(night: House) -> None:
    find(night, "TEMP_LOW")
    night.wait(10 * MINUTE)
    night.platform(1, "ACCEPTED")
    assert night.controller.book.alarms[1].timers == {}
    night.wait(9 * HOUR)
    assert night.texts() == []


def test_a_real_room_that_stays_cold_wakes_the_family_and_one_that_warms_up_does_not() -> None:
    for warms_up in (False, True):
        house = house_of(Device("th", "temperature", room="r1"))
        house.at_the_hour(23)
        for minute in range(120):
            cold = not (warms_up and minute > 20)
            house.say(Kind.TEMPERATURE, 5.0 if cold else 15.0, "th")
            house.wait(60)
        assert house.told("S22")[:1] == ([] if warms_up else ["c1"])


def test_a_long_absence_noticed_at_night_waits_and_who_comes_home_lets_it_wait() -> None:
    def away_since_yesterday() -> House:
        house = House()
        house.at_the_hour(23)
        house.say(Kind.AWAY, True)
        house.wait(24 * HOUR)
        assert house.states() == ["DETECTED", "RAISED"]
        return house

    house = away_since_yesterday()
    assert (house.texts(), "V02" in house.said()) == ([], False)  # P2; and nobody is there to hear
    house.wait(HOUR)
    assert house.told("S22") == ["c1"]
    house = away_since_yesterday()
    house.wait(30 * MINUTE)
    house.say(Kind.CONTACT, "open", "front-door")
    house.wait(5)
    house.say(Kind.MOTION, True, "hall-pir")
    house.wait(2 * HOUR)
    assert house.texts() == []


@pytest.mark.parametrize("code", ["SERVICE_REQUEST", "INACTIVITY", "CALL_FIXED", "SMOKE", "FALL"])
def test_neither_urgency_nor_the_green_key_waits_for_the_morning(night: House, code: str) -> None:
    find(night, code)
    night.wait(5 * MINUTE)
    assert night.texts()


def test_by_a_clock_that_nobody_vouches_for_nothing_waits(night: House) -> None:
    night.say(Kind.CLOCK, {"offset_ms": night.controller.offset_ms, "trust": "NONE"})
    find(night, "TEMP_LOW")
    night.wait(5 * MINUTE)
    assert night.told("S22") == ["c1"]


def test_at_night_what_is_not_urgent_is_asked_three_times_at_most(night: House) -> None:
    find(night, "TEMP_LOW")
    night.wait(5 * MINUTE)
    assert night.said().count("V08") == 3
    find(night, "INACTIVITY")
    before = len(night.actions)
    night.wait(5 * MINUTE - 1)
    assert night.said(before).count("V08") == 4
