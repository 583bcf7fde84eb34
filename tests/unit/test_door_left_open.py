"""Doors that stand open: by day, by night, and when nobody can hear them close."""

from __future__ import annotations

from night_door import HOUR, MIN, TO_TWO_AT_NIGHT, codes, night_house
from sensor_rooms import power_cut, recording
from virtual_home import START_WALL_MS, House, home

from gateway.home.model import Device
from gateway.observations import Kind
from gateway.rules.rule import Readiness


def door_notices(house: House) -> list[tuple[str, float]]:
    return [(n.status, n.t / 1000 - TO_TWO_AT_NIGHT) for n in house.notices if n.code == "DOOR_LEFT_OPEN"]


def test_a_door_open_for_an_hour_by_day_is_told_and_its_closing_too() -> None:
    house = night_house()
    house.wait(12 * HOUR)  # two in the afternoon
    house.say(Kind.CONTACT, "open", "door")
    house.wait(90 * MIN)
    house.say(Kind.CONTACT, "closed", "door")
    assert door_notices(house) == [("RAISED", 13 * HOUR), ("RESTORED", 13.5 * HOUR)]
    assert codes(house) == []  # a technical condition, no alarm


def test_by_night_it_is_told_sooner_and_an_evening_door_when_night_begins() -> None:
    house = night_house()
    house.say(Kind.CONTACT, "open", "door")
    house.wait(20 * MIN)
    assert door_notices(house) == [("RAISED", 15 * MIN)]
    late = night_house(door_left_open__after_min=240)
    late.wait(19 * HOUR)  # nine in the evening
    late.say(Kind.CONTACT, "open", "door")
    late.wait(3 * HOUR)
    assert door_notices(late) == [("RAISED", 21 * HOUR)]  # eleven


def test_a_door_opened_as_the_night_ends_is_a_door_of_the_day() -> None:
    house = night_house()
    house.wait(2 * HOUR + 50 * MIN)  # ten to five
    house.say(Kind.CONTACT, "open", "door")
    house.wait(59 * MIN)
    assert door_notices(house) == []
    house.wait(2 * MIN)
    assert door_notices(house) == [("RAISED", 3 * HOUR + 50 * MIN)]


def test_a_door_opened_just_before_night_is_given_its_quarter_of_an_hour() -> None:
    house = night_house(door_left_open__after_min=240)
    house.wait(20 * HOUR + 55 * MIN)  # five to eleven
    house.say(Kind.CONTACT, "open", "door")
    house.wait(HOUR)
    assert door_notices(house) == [("RAISED", 21 * HOUR + 10 * MIN)]


def test_a_home_that_wants_no_night_has_none() -> None:
    house = night_house(door_left_open__after_min=240, night_exit__from_h=23, night_exit__until_h=23)
    house.wait(20 * HOUR)  # ten in the evening
    house.say(Kind.CONTACT, "open", "door")
    house.wait(5 * HOUR)
    assert door_notices(house) == [("RAISED", 24 * HOUR)]


def test_a_door_that_repeats_open_is_told_once() -> None:
    house = night_house()
    for _ in range(30):
        house.say(Kind.CONTACT, "open", "door")
        house.wait(10 * MIN)
    assert door_notices(house) == [("RAISED", 15 * MIN)]


def test_a_lost_contact_is_no_open_door() -> None:
    house = night_house()
    house.say(Kind.CONTACT, "open", "door")
    house.wait(5 * MIN)
    house.say(Kind.SEEN, False, "door")
    house.wait(5 * HOUR)
    assert door_notices(house) == []
    assert house.controller.statuses()["door_left_open"].readiness is Readiness.UNAVAILABLE
    house.say(Kind.CONTACT, "open", "door")
    house.wait(10 * MIN)
    assert door_notices(house) == []  # seen again: it counts from here


def test_time_in_which_nobody_could_hear_it_close_does_not_count() -> None:
    for blind in ("cut", "recorder"):
        house = night_house()
        house.say(Kind.CONTACT, "open", "door")
        house.wait(10 * MIN)
        if blind == "cut":
            power_cut(house, 30 * MIN)
        else:
            recording(house, False)
            house.wait(30 * MIN)
            assert door_notices(house) == [], blind
            assert house.controller.statuses()["door_left_open"].reason == "recording_lost"
            recording(house, True)
        house.wait(5 * MIN - 1)
        assert door_notices(house) == [], blind
        house.wait(10 * MIN + 1)
        assert [status for status, _ in door_notices(house)] == ["RAISED"], blind


def test_a_clock_that_is_set_moves_an_open_door_into_the_night() -> None:
    house = night_house()
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS, "trust": "NONE"})
    house.say(Kind.CONTACT, "open", "door")
    house.wait(20 * MIN)
    assert door_notices(house) == []  # nobody knows that it is night
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS, "trust": "NTP"})
    house.wait(1)
    assert door_notices(house) == [("RAISED", 20 * MIN)]


def test_an_inner_door_is_nobodys_business() -> None:
    house = night_house(Device("pantry", "contact"))
    house.say(Kind.CONTACT, "open", "pantry")
    house.wait(10 * HOUR)
    assert door_notices(house) == []


def test_a_door_taken_off_the_wall_is_over() -> None:
    house = night_house()
    house.say(Kind.CONTACT, "open", "door")
    house.wait(20 * MIN)
    view = home(devices={"hall": Device("hall", "motion")}, consents={"MONITORING": True})
    house.say(Kind.CONFIG, view.to_json())
    assert [s for s, _ in door_notices(house)] == ["RAISED", "RESTORED"]
