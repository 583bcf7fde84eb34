"""Domain 2.2 at its edges: what holds a millisecond before a moment, and what holds from it on.

Which T is shown where is in `test_numbers_of_the_domain.py`; here are those that no test of a rule or a channel shows.
"""

from __future__ import annotations

import pytest
from sensor_rooms import HOUR, MINUTE
from virtual_home import House, home

from gateway.actions import PRIORITY, AckDevice, Call, Publish, Say, Text
from gateway.alarms.codes import CODES, Flow
from gateway.alarms.life import State
from gateway.drivers.modem.encode import split_ucs2
from gateway.home.model import Contact
from gateway.observations import Kind

MS = 0.001
BOTH = ("sms", "call")


def found(house: House, code: str, device: str | None = None) -> None:
    """A rule finds something now."""
    house.controller.desk.found(code, house.now_ms, "test", device)
    house._keep(house.controller.advance(house.now_ms))


def test_t01_every_press_is_answered_in_the_same_breath() -> None:
    """The figure of 1 s is the radio's and the loudspeaker's (`make bench`); the heart asks for all of it at once."""
    house = House()
    for n in range(5):
        before = len(house.actions)
        house.press()
        made = house.actions[before:]
        assert any(isinstance(a, AckDevice) for a in made), f"press {n + 1}: the device is not told"
        assert any(isinstance(a, Say) for a in made), f"press {n + 1}: nothing is said"
        house.wait(3)


@pytest.mark.parametrize("window", [1, 10, 99])
def test_t03_the_window_of_a_press(window: int) -> None:
    house = House(call_button__pre_alarm_s=window)
    house.press()
    house.wait(window - MS)
    assert house.state() is State.PRE_ALARM
    house.wait(MS)
    assert house.state() is State.RAISED
    assert house.at_s(State.RAISED) == window


def test_t03_a_cancel_in_the_last_millisecond_still_counts() -> None:
    house = House()
    house.press()
    house.wait(10 - MS)
    house.press("cancel")
    assert house.state() is State.CANCELLED_LOCAL
    assert house.texts() == []


def test_t03_ten_seconds_where_nobody_has_set_another_window() -> None:
    house = House()
    house.press()
    house.wait(10 - MS)
    assert house.state() is State.PRE_ALARM
    house.wait(MS)
    assert house.state() is State.RAISED


def test_t04_the_question_after_a_fall_is_asked_every_ten_seconds() -> None:
    house = House()
    found(house, "FALL", "pendant")
    asked = [len(house.said())]
    for _ in range(2):
        house.wait(10 - MS)
        asked.append(len(house.said()))
        house.wait(MS)
        asked.append(len(house.said()))
    assert asked == [1, 1, 2, 2, 3]


@pytest.mark.parametrize("code", ["FALL", "UNVERIFIED_PRESS"])
def test_t04_the_window_of_a_fall(code: str) -> None:
    house = House()
    found(house, code, "pendant")
    house.wait(30 - MS)
    assert house.state() is State.PRE_ALARM
    house.wait(MS)
    assert house.state() is State.RAISED


def test_t04_a_press_sends_and_does_not_cancel() -> None:
    house = House()
    found(house, "FALL", "pendant")
    house.wait(15)
    house.press("bedroom")
    assert house.state(1) is State.RAISED
    assert house.at_s(State.RAISED) == 15


@pytest.mark.parametrize("code", ["INACTIVITY", "WATER_LOW_USE", "ROOM_OVERSTAY", "BED_ABSENCE", "STOVE_ON"])
def test_t05_the_question_of_five_minutes_each_minute(code: str) -> None:
    house = House(inactivity__enabled=0)
    found(house, code)
    for minute in range(1, 5):
        assert house.said().count("V08") == minute
        house.wait(60 - MS)
        assert house.said().count("V08") == minute
        house.wait(MS)
    house.wait(60 - MS)
    assert house.state() is State.PRE_ALARM
    house.wait(MS)
    assert house.state() is State.RAISED
    assert house.said().count("V08") == 5


@pytest.mark.parametrize("code", sorted(c for c, row in CODES.items() if row.flow in (Flow.HAZARD, Flow.SILENT)))
def test_t06_no_window_for_detectors(code: str) -> None:
    house = House()
    found(house, code, "d")
    assert house.states() == ["DETECTED", "RAISED"]
    assert house.at_s(State.RAISED) == 0
    assert house.texts()


def test_t07_both_paths_in_the_same_breath() -> None:
    house = House(home(contacts=(Contact("c1", 1, channels=BOTH),)))
    house.press()
    result = house.wait(10)
    kinds = {type(a) for a in result.actions}
    assert {Text, Call, Publish} <= kinds
    alarm = next(a for a in result.actions if isinstance(a, Publish))
    assert (alarm.channel, alarm.severity) == ("alarm", "P0")


@pytest.mark.parametrize(("code", "wait"), [("CALL_FIXED", 120), ("FALL", 120), ("TEMP_LOW", 600)])
def test_t12_the_next_contact(code: str, wait: int) -> None:
    house = House(inactivity__enabled=0)
    found(house, code, "bedroom")
    template = CODES[code].template or ""
    while house.state() is not State.RAISED:
        house.wait(1)
    assert house.told(template) == ["c1"]
    house.wait(wait - MS)
    assert house.told(template) == ["c1"]
    house.wait(MS)
    assert house.told(template) == ["c1", "c2"]


def test_t12_twice_round_then_the_platform_alone() -> None:
    house = House()
    house.press()
    house.wait(10 + 6 * 120 - MS)
    assert [a.contact for a in house.texts()] == ["c1", "c2", "n1"] * 2
    assert house.state() is State.RAISED
    house.wait(MS)
    assert house.state() is State.UNANSWERED
    texts, told = len(house.texts()), len(house.published())
    house.wait(600 - MS)
    assert len(house.published()) == told
    house.wait(MS)
    assert (len(house.published()), len(house.texts())) == (told + 1, texts)


def test_t18_the_elder_hears_of_the_mains() -> None:
    house = House()
    house.say(Kind.CONDITION, {"code": "MAINS_FAIL", "on": True})
    house.wait(60 - MS)
    assert house.said() == []
    house.wait(MS)
    assert house.said() == ["V12"]
    house.wait(3 * HOUR - MS)
    assert house.said() == ["V12"]
    house.wait(MS)
    assert house.said() == ["V12", "V12"]
    house.say(Kind.MUTE, {"on": True})
    house.wait(30 * MINUTE)
    assert house.said() == ["V12", "V12"]  # T-18: mutable


def test_t18_a_mute_holds_back_the_mains() -> None:
    house = House()
    house.say(Kind.MUTE, {"on": True})
    house.say(Kind.CONDITION, {"code": "MAINS_FAIL", "on": True})
    house.wait(2 * MINUTE)
    assert house.said() == []
    house.wait(3 * HOUR)
    assert house.said() == ["V12"]


def test_t28_a_network_gone_for_ninety_seconds() -> None:
    def lost(house: House) -> list[str]:
        return [n.status for n in house.notices if n.code == "UPLINK_LOST"]

    house = House()
    house.say(Kind.CONDITION, {"code": "UPLINK_LOST", "on": True})
    house.wait(90 - MS)
    assert lost(house) == []
    house.wait(MS)
    assert lost(house) == ["RAISED"]
    house = House()
    house.say(Kind.CONDITION, {"code": "UPLINK_LOST", "on": True})
    house.wait(90 - MS)
    house.say(Kind.CONDITION, {"code": "UPLINK_LOST", "on": False})
    house.wait(HOUR)
    assert lost(house) == []


def test_t30_alarms_before_everything_and_then_in_order() -> None:
    assert PRIORITY["P0"] == PRIORITY["P1"] == 0
    assert PRIORITY["P0"] < PRIORITY["P2"] < PRIORITY["P3"] < PRIORITY["P4"]
    assert PRIORITY["P2"] < PRIORITY["TEST"]


@pytest.mark.parametrize(("after", "alarms"), [(30 - MS, 1), (30, 1), (30 + MS, 2)])
def test_t31_a_press_within_thirty_seconds_joins(after: float, alarms: int) -> None:
    house = House()
    house.press()
    house.wait(after)
    before = len(house.actions)
    house.press()
    assert len(house.controller.book.alarms) == alarms
    assert any(isinstance(a, AckDevice) for a in house.actions[before:])  # each press gets feedback


def test_t31_the_thirty_seconds_count_from_the_last_press() -> None:
    house = House()
    for _ in range(4):
        house.press()
        house.wait(30)
    assert house.controller.book.alarms[1].presses == 4
    assert list(house.controller.book.alarms) == [1]


@pytest.mark.parametrize(("after", "state"), [(10 - MS, "CANCELLED_LOCAL"), (10, "CANCELLED_BY_USER")])
def test_t32_a_cancel_is_one_until_it_is_sent(after: float, state: str) -> None:
    house = House()
    house.press()
    house.wait(after)
    house.press("cancel")
    assert house.states()[-1] == state
    if state == "CANCELLED_BY_USER":
        assert house.told("S11") == ["c1"]
        assert house.published()[-1]["state"] == "CANCELLED_BY_USER"
        house.wait(120)
        assert house.told("S01") == ["c1", "c2"]  # nothing is withdrawn: the chain goes on
    else:
        assert house.texts() == []


@pytest.mark.parametrize(("length", "parts"), [(70, 1), (71, 2), (134, 2), (135, 3)])
def test_t36_seventy_units_are_one_message_and_seventy_one_are_two(length: int, parts: int) -> None:
    assert len(split_ucs2("家" * length)) == parts
