"""Out of bed at night and seen nowhere: asked about, extended by whoever is up and about, ended by the morning."""

from __future__ import annotations

import pytest
from sensor_rooms import HOUR, MINUTE, house_of, lose, power_cut, raised, recording, restarted
from virtual_home import House, home

from gateway.home.model import Device
from gateway.observations import Kind

BED = Device("bed", "bed", room="r1")
HALL = Device("hall", "motion", room="r3")
DOOR = Device("door", "contact", entrance=True)
GREEN = Device("green", "button", role="ok")


def asleep(*more: Device, at: int = 23, **settings: float) -> House:
    """She has lain in bed since `at` o'clock, and an hour has passed."""
    numbers = {k.replace("__", "."): v for k, v in settings.items()} | {"night_exit.enabled": 0.0}
    house = house_of(BED, HALL, GREEN, *more, settings=numbers)
    house.at_the_hour(at)
    house.say(Kind.BED, True, "bed")
    house.wait(HOUR)
    return house


def rise(house: House) -> None:
    house.say(Kind.BED, False, "bed")


def status(house: House) -> tuple[str, str]:
    found = house.controller.statuses()["bed_absence"]
    return found.readiness.value, found.reason


def test_who_rises_at_midnight_and_is_seen_nowhere_is_asked_after_45_minutes_and_then_told() -> None:
    house = asleep()
    rise(house)
    house.wait(45 * MINUTE - 1)
    assert raised(house) == []
    house.wait(1)
    assert raised(house) == [("BED_ABSENCE", "bed")]
    assert house.states() == ["DETECTED", "PRE_ALARM"]
    assert "V08" in house.said()
    house.wait(5 * MINUTE)
    assert house.states()[-1] == "RAISED"
    assert house.told("S22")[0] == "c1"
    assert house.controller.book.alarms[1].severity == "P1"


def test_the_hour_that_is_told_is_when_she_rose() -> None:
    """ "23:15离床后还没回去": not three quarters of an hour later, when it was found."""
    house = asleep()
    rise(house)
    minutes = house.controller.civil.ms_of_day(house.now_ms) // 60_000
    house.wait(50 * MINUTE)
    assert house.texts("S22")[0].params["time"] == f"{minutes // 60:02d}:{minutes % 60:02d}"


def test_back_in_bed_nobody_is_asked_and_during_the_question_it_ends() -> None:
    house = asleep()
    rise(house)
    house.wait(30 * MINUTE)
    house.say(Kind.BED, True, "bed")
    house.wait(HOUR)
    assert raised(house) == []
    rise(house)
    house.wait(46 * MINUTE)
    house.say(Kind.BED, True, "bed")
    assert house.states() == ["DETECTED", "PRE_ALARM", "RECOVERED"]


def test_activity_elsewhere_extends_the_absence() -> None:
    house = asleep()
    rise(house)
    for _ in range(4):  # tea in the kitchen
        house.wait(30 * MINUTE)
        house.say(Kind.MOTION, True, "hall")
    assert raised(house) == []
    house.wait(45 * MINUTE)
    assert raised(house) == [("BED_ABSENCE", "bed")]
    evidence = house.controller.book.alarms[1].evidence
    assert evidence == evidence | {"absent_min": 165, "unseen_min": 45, "limit_min": 45}


def test_the_green_key_answers_and_the_absence_is_counted_anew() -> None:
    house = asleep()
    rise(house)
    house.wait(46 * MINUTE)
    house.press("green")
    assert house.states()[-1] == "RECOVERED"
    house.wait(44 * MINUTE)
    assert len(raised(house)) == 1
    house.wait(MINUTE)
    assert len(raised(house)) == 2


def test_the_night_ends_the_matter() -> None:
    house = asleep(at=3)
    house.wait(30 * MINUTE)  # 04:30
    rise(house)
    house.wait(3 * HOUR)
    assert raised(house) == []


def test_an_afternoon_nap_and_the_edge_of_the_bed_are_no_night() -> None:
    nap = asleep(at=13)
    rise(nap)
    nap.wait(3 * HOUR)
    assert raised(nap) == []
    house = asleep()
    house.say(Kind.BED, False, "bed")
    house.say(Kind.BED, True, "bed")
    house.wait(5 * MINUTE)
    house.say(Kind.BED, False, "bed")  # sat down for five minutes
    house.wait(2 * HOUR)
    assert raised(house) == []


def two_in_bed_and_one_rises() -> House:
    devices = {d.id: d for d in (BED, Device("bed2", "bed"), HALL)}
    house = House(
        home(devices=devices, residents=("a", "b"), consents={"MONITORING": True}, settings={"inactivity.enabled": 0.0})
    )
    house.at_the_hour(23)
    for bed in ("bed", "bed2"):
        house.say(Kind.BED, True, bed)
    house.wait(HOUR)
    rise(house)
    return house


def test_of_two_who_share_a_home_the_one_who_sleeps_on_answers_for_nobody_but_the_wait_is_longer() -> None:
    house = two_in_bed_and_one_rises()
    house.wait(30 * MINUTE)
    house.say(Kind.BED, False, "bed2")  # the other one turns over, and sleeps on
    house.say(Kind.BED, True, "bed2")
    house.wait(16 * MINUTE)
    assert raised(house) == []
    house.wait(11 * MINUTE)
    assert raised(house) == [("BED_ABSENCE", "bed")]


def test_of_two_the_one_who_is_back_in_her_own_bed_is_back() -> None:
    house = two_in_bed_and_one_rises()
    house.wait(10 * MINUTE)
    house.say(Kind.BED, True, "bed")
    house.wait(3 * HOUR)
    assert raised(house) == []


def test_who_lives_alone_and_lies_down_in_another_bed_is_back_in_bed() -> None:
    house = asleep(Device("sofa-bed", "bed"))
    rise(house)
    house.wait(10 * MINUTE)
    house.say(Kind.BED, True, "sofa-bed")
    house.wait(3 * HOUR)
    assert raised(house) == []


def test_a_bed_that_is_taken_away_in_the_night_is_waited_for_no_more() -> None:
    house = asleep(Device("sofa-bed", "bed"))
    rise(house)
    view = house.controller.home
    left = {d: device for d, device in view.devices.items() if d != "bed"}
    house.say(Kind.CONFIG, home(devices=left, consents=view.consents, settings=view.settings).to_json())
    house.wait(3 * HOUR)
    assert raised(house) == []


def test_who_left_the_house_is_the_door_rules_matter() -> None:
    house = asleep(DOOR)
    house.say(Kind.CONTACT, "closed", "door")
    rise(house)
    house.wait(MINUTE)
    house.say(Kind.CONTACT, "open", "door")
    house.say(Kind.CONTACT, "closed", "door")
    house.wait(3 * HOUR)
    assert raised(house) == []
    assert status(house) == ("OFF", "away")


def test_a_lost_bed_sensor_takes_the_question_back_and_says_so() -> None:
    house = asleep()
    rise(house)
    house.wait(46 * MINUTE)
    lose(house, "bed")
    assert house.states()[-1] == "RECOVERED"
    assert status(house) == ("UNAVAILABLE", "sensor_lost")
    assert "V20" not in house.said()  # nobody is known to be well


@pytest.mark.parametrize("blind", ["cut", "recorder"])
def test_time_nobody_watched_is_not_counted(blind: str) -> None:
    house = asleep()
    rise(house)
    house.wait(20 * MINUTE)
    if blind == "cut":
        power_cut(house, HOUR)
    else:
        recording(house, False)
        house.wait(HOUR)
        recording(house, True)
    house.wait(24 * MINUTE)
    assert raised(house) == []
    house.wait(21 * MINUTE)
    assert raised(house) == [("BED_ABSENCE", "bed")]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"guests": True}, ("UNAVAILABLE", "guests")),
        (True, ("OFF", "away")),
    ],
)
def test_guests_and_a_declared_absence_still_the_rule(said: object, expected: tuple[str, str]) -> None:
    house = asleep()
    house.say(Kind.AWAY, said)
    rise(house)
    house.wait(2 * HOUR)
    assert raised(house) == []
    assert status(house) == expected


def test_without_consent_a_bed_or_an_hour_it_says_why_it_does_nothing() -> None:
    assert status(asleep()) == ("ARMED", "")
    assert status(house_of(BED, MONITORING=False)) == ("OFF", "no_consent")
    assert status(house_of(HALL)) == ("OFF", "no_bed_sensor")
    assert status(house_of(BED, settings={"bed_absence.enabled": 0.0})) == ("OFF", "setting")
    house = asleep()
    house.say(Kind.CLOCK, {"offset_ms": 0, "trust": "NONE"})
    assert status(house) == ("OFF", "clock")


def test_a_restart_in_the_middle_of_it_changes_nothing() -> None:
    house = asleep()
    rise(house)
    house.wait(30 * MINUTE)
    restarted(house)
    house.wait(15 * MINUTE)
    assert raised(house) == [("BED_ABSENCE", "bed")]
    restarted(house)
    house.say(Kind.BED, True, "bed")
    assert house.states()[-1] == "RECOVERED"
