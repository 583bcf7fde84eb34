"""The entrance not used for a day: the whole watch of a home with a door contact, elsewhere a city's rule."""

from __future__ import annotations

import pytest
from sensor_rooms import DAY, HOUR, MINUTE, house_of, lose, power_cut, raised, restarted
from virtual_home import House

from gateway.home.model import Device
from gateway.observations import Kind

DOOR = Device("door", "contact", entrance=True)
HALL = Device("hall", "motion")
GREEN = Device("green", "button", role="ok")


def door_only(**settings: float) -> House:
    """At nine in the morning the door, which is all there is, was used."""
    house = house_of(DOOR, GREEN, settings={k.replace("__", "."): v for k, v in settings.items()})
    house.at_the_hour(9)
    use(house)
    return house


def use(house: House) -> None:
    house.say(Kind.CONTACT, "open", "door")
    house.say(Kind.CONTACT, "closed", "door")


def status(house: House) -> tuple[str, str]:
    found = house.controller.statuses()["door_not_used"]
    return found.readiness.value, found.reason


def test_a_day_without_the_door_is_asked_about_and_then_told() -> None:
    house = door_only()
    house.wait(DAY - 1)
    assert raised(house) == []
    house.wait(1)
    assert raised(house) == [("DOOR_NOT_USED", None)]
    assert house.controller.book.alarms[1].severity == "P2"
    house.wait(5 * MINUTE)
    assert house.states()[-1] == "RAISED"
    assert house.controller.book.alarms[1].evidence["unused_h"] == 24.0


def test_the_door_the_green_key_and_nothing_else_answer() -> None:
    house = door_only()
    house.wait(DAY + MINUTE)
    use(house)
    assert house.states()[-1] == "RECOVERED"
    house.wait(DAY + MINUTE)
    house.press("green")
    assert house.states(2)[-1] == "RECOVERED"
    house.wait(DAY - 2 * MINUTE)
    assert len(raised(house)) == 2  # the key began the day anew


def test_what_falls_due_at_night_waits_for_the_morning() -> None:
    house = house_of(DOOR)
    house.at_the_hour(2)
    use(house)
    house.wait(DAY)
    assert raised(house) == []
    house.wait(4 * HOUR - 1)
    assert raised(house) == []
    house.wait(1)
    assert raised(house) == [("DOOR_NOT_USED", None)]


def test_a_clock_that_is_set_while_it_waits_for_the_morning_asks_now_and_not_in_the_past() -> None:
    house = house_of(DOOR)
    house.at_the_hour(2)
    use(house)
    house.wait(DAY + HOUR)
    house.say(Kind.CLOCK, {"offset_ms": 0, "trust": "NONE"})  # no hour any more: no night
    assert house.states() == ["DETECTED", "PRE_ALARM"]
    house.wait(4 * MINUTE)
    assert house.states()[-1] == "PRE_ALARM"


def test_where_others_see_people_it_is_for_districts_that_ask_for_it() -> None:
    house = house_of(DOOR, HALL)
    assert status(house) == ("OFF", "others_see_more")
    asked = house_of(DOOR, HALL, settings={"door_not_used.watch": 2.0, "away.notice_h": 72.0})
    assert status(asked) == ("ARMED", "")
    asked.at_the_hour(9)
    use(asked)
    asked.say(Kind.MOTION, True, "hall")
    assert status(asked) == ("OFF", "away")  # the hall sees also who leaves
    asked.wait(MINUTE)
    asked.say(Kind.MOTION, True, "hall")
    asked.wait(DAY)
    assert raised(asked) == [("DOOR_NOT_USED", None)]
    asked.say(Kind.MOTION, True, "hall")
    assert asked.states()[-1] == "RECOVERED"


def test_the_door_of_a_cupboard_leads_nowhere() -> None:
    house = house_of(DOOR, HALL, Device("cupboard", "contact"), settings={"door_not_used.watch": 2.0})
    house.at_the_hour(9)
    use(house)
    house.wait(MINUTE + 1)
    house.say(Kind.MOTION, True, "hall")
    for _ in range(6):
        house.wait(4 * HOUR - 2)
        for value in ("open", "closed"):
            house.say(Kind.CONTACT, value, "cupboard")
    assert raised(house) == []
    house.wait(MINUTE)
    assert raised(house) == [("DOOR_NOT_USED", None)]


def test_who_left_by_the_door_and_is_not_back_is_the_absence_notices_matter() -> None:
    house = house_of(DOOR, HALL, settings={"door_not_used.watch": 2.0, "inactivity.enabled": 1.0})
    house.say(Kind.MOTION, True, "hall")
    use(house)
    house.wait(25 * HOUR)
    assert raised(house) == [("AWAY_TOO_LONG", None)]


def test_where_nothing_sees_people_inside_nobody_is_said_to_be_away() -> None:
    house = house_of(DOOR, settings={"inactivity.enabled": 1.0})
    house.at_the_hour(9)
    use(house)
    house.wait(25 * HOUR)
    assert raised(house) == [("DOOR_NOT_USED", None)]  # and no AWAY_TOO_LONG beside it


def test_who_said_that_they_leave_is_missed_also_where_only_the_door_is_watched() -> None:
    house = house_of(DOOR, settings={"inactivity.enabled": 1.0})
    house.at_the_hour(9)
    house.say(Kind.AWAY, True)
    use(house)
    house.wait(25 * HOUR)
    assert ("AWAY_TOO_LONG", None) in raised(house)


def test_a_lost_door_sensor_is_no_unused_door() -> None:
    house = door_only()
    house.wait(20 * HOUR)
    lose(house, "door")
    assert status(house) == ("UNAVAILABLE", "sensor_lost")
    house.wait(20 * HOUR)
    assert raised(house) == []
    house.say(Kind.SEEN, None, "door")  # it is back: the count goes on where it stood
    house.wait(5 * HOUR)  # four, and the night ends at six
    assert raised(house) == [("DOOR_NOT_USED", None)]


@pytest.mark.parametrize("said", [True, {"guests": True}])
def test_absence_and_guests_stand_still(said: object) -> None:
    house = door_only()
    house.wait(20 * HOUR)
    house.say(Kind.AWAY, said)
    house.wait(11 * HOUR)
    assert raised(house) == []


def test_a_power_cut_is_not_counted_and_a_restart_changes_nothing() -> None:
    house = door_only()
    house.wait(20 * HOUR)
    power_cut(house, 3 * HOUR)
    restarted(house)
    house.wait(3 * HOUR)
    assert raised(house) == []
    house.wait(HOUR)
    assert raised(house) == [("DOOR_NOT_USED", None)]


def test_it_says_why_it_is_off() -> None:
    assert status(house_of(HALL)) == ("OFF", "no_entrance_contact")
    assert status(house_of(DOOR, settings={"door_not_used.watch": 0.0})) == ("OFF", "setting")
    assert status(house_of(DOOR, MONITORING=False)) == ("OFF", "no_consent")
