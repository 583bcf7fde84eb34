"""A detector's test is told from a fire, and a test that does not end is one."""

from __future__ import annotations

import pytest
from detector_home import HEAT, smoky
from sensor_rooms import HOUR, MINUTE, house_of, noted, raised

from gateway.actions import Publish
from gateway.home.model import Device
from gateway.observations import Kind


def test_a_detectors_own_test_is_marked_test_and_raises_nothing() -> None:
    house = smoky()
    house.say(Kind.TEST, True, "smoke")
    house.say(Kind.SMOKE, True, "smoke")
    house.wait(8)
    house.say(Kind.SMOKE, False, "smoke")
    house.say(Kind.TEST, False, "smoke")
    house.wait(10 * MINUTE)
    assert raised(house) == []
    assert noted(house, "TEST_MANUAL") == [("RAISED", "detector_test"), ("RESTORED", "smoke_cleared")]
    events = [a.body for a in house.actions if isinstance(a, Publish) and a.body["code"] == "TEST_MANUAL"]
    assert [e["test"] for e in events] == [True, True]
    assert house.texts() == []


def test_a_test_that_does_not_end_is_a_fire() -> None:
    house = smoky()
    house.say(Kind.TEST, True, "smoke")
    house.say(Kind.SMOKE, True, "smoke")
    house.wait(59)
    assert raised(house) == []
    house.wait(1)
    assert raised(house) == [("SMOKE", "smoke")]
    assert house.events[0].reason == "test_outlasted"


def test_a_test_that_chatters_past_its_time_is_a_fire_too() -> None:
    house = smoky()
    house.say(Kind.TEST, True, "smoke")
    for _ in range(7):
        house.say(Kind.SMOKE, True, "smoke")
        house.wait(9)
        house.say(Kind.SMOKE, False, "smoke")
        house.wait(1)
    house.say(Kind.SMOKE, True, "smoke")
    assert raised(house) == [("SMOKE", "smoke")]


@pytest.mark.parametrize(("after_s", "alarms"), [(60, 0), (60.001, 1)])
def test_a_test_flag_that_is_never_taken_back_covers_a_minute(after_s: float, alarms: int) -> None:
    house = smoky()
    house.say(Kind.TEST, True, "smoke")
    house.wait(after_s)
    house.say(Kind.SMOKE, True, "smoke")
    assert len(raised(house)) == alarms


def test_the_test_of_one_detector_does_not_cover_another() -> None:
    house = smoky(HEAT)
    house.say(Kind.TEST, True, "smoke")
    house.say(Kind.HEAT, True, "shrine")
    assert raised(house) == [("HEAT_FIRE", "shrine")]


def test_a_key_of_role_test_announces_a_test_and_is_no_call() -> None:
    house = house_of(Device("smoke", "smoke", role="test"))
    house.press("smoke")
    house.say(Kind.SMOKE, True, "smoke")
    assert raised(house) == []
    assert noted(house, "TEST_MANUAL") == [("RAISED", "detector_test")]


def test_an_installer_tests_all_detectors_for_half_an_hour() -> None:
    house = smoky(HEAT)
    house.say(Kind.TEST, True)
    house.wait(10 * MINUTE)
    for kind, device in ((Kind.SMOKE, "smoke"), (Kind.HEAT, "shrine")):
        house.say(kind, True, device)
        house.wait(5)
        house.say(kind, False, device)
    house.wait(20 * MINUTE)
    assert raised(house) == []
    house.say(Kind.SMOKE, True, "smoke")
    assert raised(house) == [("SMOKE", "smoke")]


def test_the_installer_ends_the_test_of_all() -> None:
    house = smoky()
    house.say(Kind.TEST, True)
    house.say(Kind.TEST, False)
    house.say(Kind.SMOKE, True, "smoke")
    assert raised(house) == [("SMOKE", "smoke")]


def test_a_tampered_detector_is_no_test() -> None:
    """It may fall from a burning ceiling."""
    house = smoky()
    house.say(Kind.TAMPER, True, "smoke")
    house.say(Kind.SMOKE, True, "smoke")
    assert raised(house) == [("SMOKE", "smoke")]


def test_a_key_that_is_not_for_testing_announces_no_test() -> None:
    house = house_of(Device("smoke", "smoke", role="call"))
    house.press("smoke")
    house.say(Kind.SMOKE, True, "smoke")
    assert ("SMOKE", "smoke") in raised(house)


def test_a_test_that_became_a_fire_ends_as_a_fire() -> None:
    house = smoky()
    house.say(Kind.TEST, True, "smoke")
    house.say(Kind.SMOKE, True, "smoke")
    house.wait(2 * MINUTE)
    house.say(Kind.SMOKE, False, "smoke")
    house.wait(HOUR)
    assert noted(house, "HAZARD_CLEARED") == [("RESTORED", "smoke_cleared")]
    assert noted(house, "TEST_MANUAL") == [("RAISED", "detector_test")]
