"""What the electricity meter shows of people: a kettle counts as somebody at home, and answers nothing."""

from __future__ import annotations

from sensor_rooms import HOUR, MINUTE, house_of, restarted
from virtual_home import House

from gateway.home.model import Device
from gateway.observations import Kind

HALL = Device("hall", "motion")
METER = Device("m", "electricity_meter")


def quiet() -> House:
    """She was seen; then nothing but the refrigerator, a reading every five minutes."""
    house = house_of(HALL, METER, settings={"inactivity.enabled": 1.0, "inactivity.learned": 0.0})
    house.say(Kind.MOTION, True, "hall")
    return house


def fridge(house: House, hours: float) -> None:
    for n in range(round(hours * 12)):
        house.wait(5 * MINUTE)
        house.say(Kind.POWER, 150.0 if n % 4 == 0 else 60.0, "m")


def kettle(house: House) -> None:
    for watts in (60.0, 1900.0, 1900.0, 60.0):
        house.wait(2 * MINUTE)
        house.say(Kind.POWER, watts, "m")


def codes(house: House) -> list[str]:
    return [a.code for a in house.controller.book.alarms.values()]


def test_a_refrigerator_is_nobody() -> None:
    house = quiet()
    fridge(house, 12.1)
    assert codes(house) == ["INACTIVITY"]


def test_tea_at_the_eleventh_hour_is_a_sign_of_life() -> None:
    house = quiet()
    fridge(house, 11)
    kettle(house)
    fridge(house, 11.5)
    assert codes(house) == []
    fridge(house, 0.6)
    assert codes(house) == ["INACTIVITY"]
    assert house.controller.book.alarms[1].evidence["last_sign"]["device"] == "m"


def test_a_plug_that_tells_only_its_power_shows_the_kettle_as_well() -> None:
    numbers = {"inactivity.enabled": 1.0, "inactivity.learned": 0.0}
    house = house_of(HALL, Device("m", "appliance"), settings=numbers)
    house.say(Kind.MOTION, True, "hall")
    house.wait(11 * HOUR)
    for watts in (0.0, 1900.0, 1900.0, 0.0):
        house.wait(2 * MINUTE)
        house.say(Kind.POWER, watts, "m")
    house.wait(11.8 * HOUR)
    assert codes(house) == []
    house.wait(0.3 * HOUR)
    assert codes(house) == ["INACTIVITY"]
    assert house.controller.book.alarms[1].evidence["last_sign"]["device"] == "m"


def test_a_kettle_that_goes_off_during_the_question_is_no_answer_to_it() -> None:
    house = quiet()
    house.wait(12 * HOUR - 9 * MINUTE)
    for watts in (60.0, 1900.0, 1900.0):
        house.wait(90)
        house.say(Kind.POWER, watts, "m")
    house.wait(2 * MINUTE)
    assert house.states() == ["DETECTED", "PRE_ALARM"]
    house.say(Kind.POWER, 60.0, "m")
    assert house.states()[-1] == "PRE_ALARM"  # it was put on before
    house.wait(5 * MINUTE)
    assert house.states()[-1] == "RAISED"


def test_a_lost_meter_blinds_nobody_and_alone_it_is_no_witness() -> None:
    house = quiet()
    house.say(Kind.SEEN, False, "m")
    assert house.controller.statuses()["inactivity"].readiness == "LEARNING" or (
        house.controller.statuses()["inactivity"].readiness == "ARMED"
    )
    alone = house_of(METER, settings={"inactivity.enabled": 1.0})
    assert alone.controller.statuses()["inactivity"].reason == "no_activity_sensor"


def test_a_timer_in_an_empty_home_brings_nobody_back() -> None:
    door, bath = Device("door", "contact", entrance=True), Device("bath", "motion")
    devices = (HALL, bath, Device("bed", "bed"), METER, door)
    house = house_of(*devices, settings={"inactivity.enabled": 1.0})
    for value in ("closed", "open", "closed"):
        house.say(Kind.CONTACT, value, "door")
    fridge(house, 2)
    kettle(house)
    assert house.controller.statuses()["inactivity"].reason == "away"


def test_a_restart_with_the_kettle_on_forgets_nothing() -> None:
    house = quiet()
    fridge(house, 11)
    for watts in (60.0, 1900.0):
        house.wait(2 * MINUTE)
        house.say(Kind.POWER, watts, "m")
    restarted(house)
    for watts in (1900.0, 60.0):
        house.wait(2 * MINUTE)
        house.say(Kind.POWER, watts, "m")
    fridge(house, 11.5)
    assert codes(house) == []
