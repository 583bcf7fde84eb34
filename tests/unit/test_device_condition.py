"""Batteries, tampers, worn-out detectors: events for who maintains the home, in measure."""

from __future__ import annotations

import pytest
from sensor_rooms import DAY, HOUR, MINUTE, house_of, noted, power_cut, raised, reading, restarted
from virtual_home import House, home

from gateway.actions import Publish
from gateway.home.model import Device
from gateway.observations import Kind

LOW = "DEVICE_BATTERY_LOW"


def kitchen() -> House:
    return house_of(Device("pir", "motion"), Device("smoke", "smoke"))


@pytest.mark.parametrize(("kind", "value"), [(Kind.BATTERY_LOW, True), (Kind.BATTERY, 15), (Kind.BATTERY, 0)])
def test_a_low_battery_is_told_at_its_first_word(kind: Kind, value: object) -> None:
    house = kitchen()
    house.say(kind, value, "smoke")
    assert noted(house, LOW) == [("RAISED", "battery_low")]
    body = next(a.body for a in house.actions if isinstance(a, Publish))
    assert (body["code"], body["device"], body["severity"], body["state"]) == (LOW, "smoke", "P3", "RAISED")
    assert raised(house) == []


@pytest.mark.parametrize(("kind", "value"), [(Kind.BATTERY_LOW, False), (Kind.BATTERY, 15.5), (Kind.BATTERY, 100)])
def test_a_good_battery_is_not_told(kind: Kind, value: object) -> None:
    house = kitchen()
    house.say(kind, value, "smoke")
    assert noted(house, LOW) == []


def test_it_is_told_every_seven_days_and_overdue_after_fourteen() -> None:
    """T-23."""
    house = kitchen()
    house.wait(30 * DAY)
    house.say(Kind.BATTERY_LOW, True, "pir")
    for _ in range(8 * 24):
        reading(house, Kind.BATTERY_LOW, True, "pir", HOUR)
    assert noted(house, LOW) == [("RAISED", "battery_low"), ("RAISED", "battery_still_low")]
    house.wait(14 * DAY)
    assert [reason for _, reason in noted(house, LOW)[2:]] == ["battery_overdue", "battery_overdue"]
    keys = [a.key for a in house.actions]
    assert len(set(keys)) == len(keys)


def test_a_new_battery_ends_it_a_warm_day_does_not() -> None:
    house = kitchen()
    for percent in (14, 17, 15, 19, 34):
        house.say(Kind.BATTERY, percent, "pir")
    assert noted(house, LOW) == [("RAISED", "battery_low")]
    house.say(Kind.BATTERY, 35, "pir")
    assert noted(house, LOW)[-1] == ("RESTORED", "battery_replaced")
    house.wait(30 * DAY)
    assert len(noted(house, LOW)) == 2


def test_the_devices_own_word_and_its_percentage_must_both_be_well() -> None:
    house = kitchen()
    house.say(Kind.BATTERY_LOW, True, "pir")
    house.say(Kind.BATTERY, 80, "pir")  # some report 80 % until they die
    assert noted(house, LOW) == [("RAISED", "battery_low")]
    house.say(Kind.BATTERY, 9, "pir")
    house.say(Kind.BATTERY_LOW, False, "pir")
    assert noted(house, LOW) == [("RAISED", "battery_low")]
    house.say(Kind.BATTERY, 100, "pir")
    assert noted(house, LOW)[-1] == ("RESTORED", "battery_replaced")


def test_a_loose_cover_does_not_flood() -> None:
    house = kitchen()
    for _ in range(50):
        reading(house, Kind.TAMPER, True, "smoke", 10)
        reading(house, Kind.TAMPER, False, "smoke", 10)
    assert noted(house, "DEVICE_TAMPER") == [("RAISED", "tampered")]
    house.wait(59)
    assert len(noted(house, "DEVICE_TAMPER")) == 1
    house.wait(1)
    assert noted(house, "DEVICE_TAMPER")[-1] == ("RESTORED", "restored")


def test_a_cover_that_was_never_open_has_nothing_to_end() -> None:
    house = kitchen()
    house.say(Kind.TAMPER, False, "smoke")
    house.wait(HOUR)
    assert house.notices == []


def test_a_worn_out_detector_is_told_once_and_ends_when_it_is_exchanged() -> None:
    house = kitchen()
    for value in (False, True, True, False):
        house.say(Kind.END_OF_LIFE, value, "smoke")
    assert noted(house, "DEVICE_END_OF_LIFE") == [("RAISED", "worn_out"), ("RESTORED", "restored")]


def test_a_device_nobody_registered_has_nobody_to_maintain_it() -> None:
    house = kitchen()
    house.say(Kind.BATTERY_LOW, True, "neighbours-sensor")
    assert house.notices == []


def test_what_is_taken_down_is_told_no_more() -> None:
    house = kitchen()
    house.say(Kind.BATTERY_LOW, True, "smoke")
    house.say(Kind.TAMPER, True, "smoke")
    house.say(Kind.CONFIG, home(devices={"pir": Device("pir", "motion")}).to_json())
    assert noted(house, LOW)[-1] == ("RESTORED", "removed")
    assert noted(house, "DEVICE_TAMPER")[-1] == ("RESTORED", "removed")
    house.wait(30 * DAY)
    assert len(noted(house, LOW)) == 2


def test_a_snapshot_and_a_power_cut_repeat_nothing() -> None:
    house = kitchen()
    house.say(Kind.BATTERY, 10, "pir")
    house.say(Kind.TAMPER, True, "smoke")
    house.say(Kind.TAMPER, False, "smoke")
    restarted(house)
    house.say(Kind.BATTERY, 9, "pir")
    power_cut(house, 3 * DAY)
    assert noted(house, LOW) == [("RAISED", "battery_low")]
    assert noted(house, "DEVICE_TAMPER") == [("RAISED", "tampered"), ("RESTORED", "restored")]
    house.wait(4 * DAY + MINUTE)
    assert noted(house, LOW)[-1] == ("RAISED", "battery_still_low")
    power_cut(house, 30 * DAY)
    assert len(noted(house, LOW)) == 3  # four weeks are one word, not four


def test_a_cover_that_is_open_through_a_power_cut_is_open_after_it() -> None:
    house = kitchen()
    house.say(Kind.TAMPER, True, "smoke")
    house.say(Kind.TAMPER, True, "pir")
    house.say(Kind.TAMPER, False, "pir")
    power_cut(house, HOUR)
    house.wait(HOUR)
    over = [(n.subject, n.status) for n in house.notices if n.code == "DEVICE_TAMPER"][2:]
    assert over == [("pir", "RESTORED")]
    house.say(Kind.TAMPER, False, "smoke")
    power_cut(house, 30)
    house.wait(30)
    assert noted(house, "DEVICE_TAMPER")[3:] == [("RESTORED", "restored")]


def test_a_cover_of_what_was_taken_down_is_nobodys_when_it_hangs_again() -> None:
    house = kitchen()
    hung = house.controller.home.devices
    house.say(Kind.TAMPER, True, "smoke")
    house.say(Kind.CONFIG, home(devices={"pir": hung["pir"]}).to_json())
    house.say(Kind.CONFIG, home(devices=hung).to_json())
    house.say(Kind.TAMPER, True, "smoke")
    assert [s for s, _ in noted(house, "DEVICE_TAMPER")] == ["RAISED", "RESTORED", "RAISED"]
