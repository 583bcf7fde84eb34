"""Long in the bathroom: certain where a radar or a closed door says so, learned where only motion tells."""

from __future__ import annotations

from typing import Any

import pytest
from sensor_rooms import HOUR, MINUTE, house_of, lose, power_cut, raised, recording, restarted
from virtual_home import House, home

from gateway.home.model import CONSENTS, Device
from gateway.observations import Kind
from gateway.rules.room_overstay import is_bathroom

PIR = Device("bath-pir", "motion", room="r2")
RADAR = Device("bath-radar", "occupancy", room="r2")
BATH_DOOR = Device("bath-door", "contact", room="r2")
HALL = Device("hall", "motion", room="r3")
GREEN = Device("green", "button", role="ok")


def status(house: House) -> tuple[str, str]:
    found = house.controller.statuses()["room_overstay"]
    return found.readiness.value, found.reason


def seen(house: House, device: str, after_min: float = 0, value: Any = True) -> None:
    house.wait(after_min * MINUTE)
    house.say(Kind.OCCUPANCY if device == "bath-radar" else Kind.MOTION, value, device)


def behind_the_door(**settings: float) -> House:
    """She went into the bathroom and closed the door."""
    house = house_of(PIR, BATH_DOOR, HALL, GREEN, settings={k.replace("__", "."): v for k, v in settings.items()})
    seen(house, "hall")
    house.say(Kind.CONTACT, "open", "bath-door")
    house.wait(3)
    house.say(Kind.CONTACT, "closed", "bath-door")
    seen(house, "bath-pir", 0.1)
    return house


def accustomed(stay_min: float, *, days: int = 8) -> House:
    """A home with motion sensors only, whose bathroom stays are known: each day one, then the hall."""
    house = house_of(PIR, HALL, GREEN)
    for _ in range(days):
        house.at_the_hour(10)
        seen(house, "bath-pir")
        seen(house, "hall", stay_min)
        seen(house, "hall", 600)
    house.at_the_hour(10)
    return house


@pytest.mark.parametrize(
    ("room", "label", "expected"),
    [
        ("r2", "卫生间", True),
        ("r9", "厕所", True),
        ("bathroom", "", True),
        ("Toilet-2", "", True),
        ("wc", "", True),
        ("r1", "卧室", False),
        ("kitchen", "厨房", False),
    ],
)
def test_a_bathroom_is_known_by_its_name(room: str, label: str, expected: bool) -> None:
    assert is_bathroom(room, label) is expected


def test_an_hour_behind_the_closed_door_is_asked_about_and_then_told() -> None:
    house = behind_the_door()
    house.wait(HOUR - 1)
    assert raised(house) == []
    house.wait(1)
    assert raised(house) == [("ROOM_OVERSTAY", "bath-pir")]
    assert house.controller.book.alarms[1].room == "r2"
    house.wait(5 * MINUTE)
    assert house.states()[-1] == "RAISED"
    assert house.told("S22")[0] == "c1"


def test_a_move_behind_the_door_neither_ends_the_stay_nor_answers_the_question() -> None:
    house = behind_the_door()
    seen(house, "bath-pir", 50)
    house.wait(10 * MINUTE)
    assert raised(house) == [("ROOM_OVERSTAY", "bath-pir")]
    seen(house, "bath-pir", 1)  # one who cannot get up moves as well
    assert house.states()[-1] == "PRE_ALARM"
    house.say(Kind.CONTACT, "open", "bath-door")
    assert house.states()[-1] == "RECOVERED"


def test_who_comes_out_in_time_is_not_asked() -> None:
    house = behind_the_door()
    house.wait(40 * MINUTE)
    house.say(Kind.CONTACT, "open", "bath-door")
    seen(house, "hall", 0.1)
    house.wait(3 * HOUR)
    assert raised(house) == []


def test_the_green_key_in_there_is_an_answer_and_the_stay_is_counted_anew() -> None:
    house = behind_the_door()
    house.wait(61 * MINUTE)
    house.press("green")
    assert house.states()[-1] == "RECOVERED"
    house.wait(59 * MINUTE)
    assert len(raised(house)) == 1
    house.wait(MINUTE)
    assert len(raised(house)) == 2


def test_a_radar_says_who_is_in_and_who_is_out() -> None:
    house = house_of(RADAR, HALL)
    seen(house, "bath-radar")
    seen(house, "bath-radar", 40, value=False)  # out, whatever the hall saw
    house.wait(2 * HOUR)
    assert raised(house) == []
    seen(house, "bath-radar")
    house.wait(HOUR)
    assert raised(house) == [("ROOM_OVERSTAY", "bath-radar")]
    assert house.controller.book.alarms[1].evidence["stay_min"] == 60


def test_a_radars_repeats_say_that_somebody_is_in_there_whatever_moved_elsewhere() -> None:
    """They are no sign of life (`in_sight`), but somebody is in there: the cat in the hall is not the one."""
    house = house_of(RADAR, HALL)
    seen(house, "bath-radar", value=False)
    seen(house, "bath-radar")
    seen(house, "hall", 10)
    for _ in range(7):
        seen(house, "bath-radar", 10)
    assert raised(house) == [("ROOM_OVERSTAY", "bath-radar")]


def test_a_radars_repeats_answer_nothing() -> None:
    house = house_of(RADAR, HALL)
    seen(house, "bath-radar", value=False)
    seen(house, "bath-radar")
    house.wait(61 * MINUTE)
    seen(house, "bath-radar")
    assert house.states()[-1] == "PRE_ALARM"


def test_motion_alone_waits_until_the_homes_own_stays_are_known() -> None:
    house = house_of(PIR, HALL)
    assert status(house) == ("LEARNING", "")
    seen(house, "bath-pir")
    house.wait(4 * HOUR)  # she may be in a bed nobody sees
    assert raised(house) == []


def test_motion_alone_asks_a_quarter_after_the_longest_stay() -> None:
    house = accustomed(80)
    assert status(house) == ("ARMED", "")
    seen(house, "bath-pir")
    house.wait(99 * MINUTE)
    assert raised(house) == []
    house.wait(MINUTE)
    assert raised(house) == [("ROOM_OVERSTAY", "bath-pir")]
    assert house.controller.book.alarms[1].evidence["limit_min"] == 100
    learned = next(r for r in house.controller.rules if r.name == "room_overstay").learned()
    assert learned == {"days": 8, "longest_stay_by_day_min": 80, "longest_stay_by_night_min": 0}


def test_short_stays_never_make_a_limit_under_the_hour() -> None:
    house = accustomed(10)
    seen(house, "bath-pir")
    house.wait(59 * MINUTE)
    assert raised(house) == []
    house.wait(MINUTE)
    assert raised(house) == [("ROOM_OVERSTAY", "bath-pir")]


def test_long_stays_of_the_night_say_nothing_of_the_day() -> None:
    house = house_of(PIR, HALL, GREEN)
    for _ in range(8):
        for hour, stay_min in ((2, 80), (10, 10)):
            house.at_the_hour(hour)
            seen(house, "bath-pir")
            seen(house, "hall", stay_min)
    house.at_the_hour(14)
    seen(house, "bath-pir")
    house.wait(HOUR)
    assert raised(house) == [("ROOM_OVERSTAY", "bath-pir")]
    seen(house, "hall", 1)
    house.at_the_hour(2)
    seen(house, "bath-pir")
    house.wait(99 * MINUTE)
    assert len(raised(house)) == 1
    house.wait(MINUTE)
    assert len(raised(house)) == 2


def test_a_stay_that_was_asked_about_or_not_seen_whole_is_not_what_is_usual() -> None:
    house = accustomed(20)
    seen(house, "bath-pir")
    seen(house, "hall", 90)
    assert raised(house) == [("ROOM_OVERSTAY", "bath-pir")]
    house.at_the_hour(10)
    seen(house, "bath-pir")
    house.wait(20 * MINUTE)
    power_cut(house, 40 * MINUTE)
    seen(house, "hall", 30)
    learned = next(r for r in house.controller.rules if r.name == "room_overstay").learned()
    assert learned["longest_stay_by_day_min"] == 20


def test_a_cupboard_in_the_kitchen_says_that_she_is_out_and_is_no_door_of_a_bathroom() -> None:
    house = house_of(PIR, BATH_DOOR, HALL, Device("cupboard", "contact", room="kitchen"))
    seen(house, "bath-pir")
    house.say(Kind.CONTACT, "closed", "bath-door")
    seen(house, "bath-pir", 1)
    for value in ("open", "closed"):
        house.wait(5 * MINUTE)
        house.say(Kind.CONTACT, value, "cupboard")
    house.wait(3 * HOUR)
    assert raised(house) == []


def test_a_door_that_never_said_a_word_is_not_closed() -> None:
    house = house_of(PIR, BATH_DOOR, HALL)
    seen(house, "bath-pir")
    house.wait(3 * HOUR)  # nothing is learned yet, and nothing certain
    assert raised(house) == []


def test_the_hall_that_falls_quiet_in_that_very_moment_saw_nobody() -> None:
    house = house_of(PIR, RADAR, HALL)
    seen(house, "hall")
    house.wait(MINUTE)
    seen(house, "hall", value=False)
    seen(house, "bath-radar")
    house.wait(HOUR)
    assert raised(house) == [("ROOM_OVERSTAY", "bath-radar")]


def test_who_comes_home_and_goes_straight_to_the_bathroom_is_watched_from_then_on() -> None:
    house = house_of(RADAR, HALL, Device("door", "contact", entrance=True))
    seen(house, "hall")
    for value in ("open", "closed"):
        house.wait(5)
        house.say(Kind.CONTACT, value, "door")
    house.wait(3 * HOUR)
    assert status(house) == ("OFF", "away")
    house.say(Kind.CONTACT, "open", "door")
    house.wait(5)
    seen(house, "bath-radar")
    house.wait(HOUR - 1)
    assert raised(house) == []
    house.wait(1)
    assert raised(house) == [("ROOM_OVERSTAY", "bath-radar")]


def test_a_home_that_looks_three_hours_in_the_bathroom_is_left_to_the_inactivity_rule() -> None:
    house = accustomed(180)  # back to a bed without a sensor
    seen(house, "bath-pir")
    house.wait(8 * HOUR)
    assert raised(house) == []


def test_a_lost_sensor_makes_it_unavailable_and_takes_the_question_back() -> None:
    house = behind_the_door()
    house.wait(61 * MINUTE)
    lose(house, "hall")  # she may have come out unseen
    assert house.states()[-1] == "RECOVERED"
    assert status(house) == ("UNAVAILABLE", "sensor_lost")


def test_a_power_cut_is_no_part_of_the_stay_and_after_lost_recording_nobody_knows() -> None:
    house = behind_the_door()
    house.wait(30 * MINUTE)
    power_cut(house, 2 * HOUR)
    house.wait(29 * MINUTE)
    assert raised(house) == []
    house.wait(MINUTE)
    assert len(raised(house)) == 1
    other = behind_the_door()
    recording(other, False)
    other.wait(10 * MINUTE)
    recording(other, True)
    other.wait(5 * HOUR)
    assert raised(other) == []


def test_the_other_of_two_who_is_seen_elsewhere_makes_the_rule_say_less() -> None:
    rooms = {"r2": "卫生间", "r3": "客厅"}
    house = House(
        home(devices={d.id: d for d in (RADAR, HALL)}, rooms=rooms, residents=("a", "b"),
             consents=dict.fromkeys(CONSENTS, True), settings={"inactivity.enabled": 0.0})
    )  # fmt: skip
    seen(house, "bath-radar")
    seen(house, "hall", 50)
    house.wait(HOUR)
    assert raised(house) == []


def test_guests_and_absence_still_it_and_it_says_why_it_is_off() -> None:
    house = behind_the_door()
    house.say(Kind.AWAY, {"guests": True})
    assert status(house) == ("UNAVAILABLE", "guests")
    house.wait(3 * HOUR)
    assert raised(house) == []
    assert status(house_of(HALL)) == ("OFF", "no_bathroom_sensor")
    assert status(house_of(PIR)) == ("OFF", "no_sensor_elsewhere")
    assert status(house_of(RADAR)) == ("ARMED", "")
    assert status(house_of(PIR, HALL, settings={"room_overstay.enabled": 0.0})) == ("OFF", "setting")
    assert status(house_of(PIR, HALL, MONITORING=False)) == ("OFF", "no_consent")


def test_a_restart_in_the_middle_of_it_changes_nothing() -> None:
    house = behind_the_door()
    house.wait(40 * MINUTE)
    restarted(house)
    house.wait(20 * MINUTE)
    assert raised(house) == [("ROOM_OVERSTAY", "bath-pir")]
    restarted(accustomed(80))
