"""The voice muted for a while, and test alarms that go the whole way (issue 4, domain 3.5)."""

from __future__ import annotations

import pytest
from virtual_home import House, home

from gateway.actions import AckDevice, Call
from gateway.alarms.life import State
from gateway.home.model import Contact
from gateway.observations import Kind

MINUTE = 60
HOUR = 3600


# ---- the mute


def test_a_mute_silences_what_is_soft_and_ends_by_itself() -> None:
    house = House()
    house.say(Kind.MUTE, {"on": True, "minutes": 500})
    house.press("green")
    assert house.said() == []
    house.press()
    assert house.said() == ["V01"]  # a call is never muted
    house.wait(30 * MINUTE)
    before = len(house.actions)
    house.press("green")
    assert house.said(before) == ["V20"]


@pytest.mark.parametrize("value", [{"on": True, "minutes": 5}, {"on": True, "minutes": "soon"}, True, {}])
def test_a_mute_can_be_taken_back(value: object) -> None:
    house = House()
    house.say(Kind.MUTE, value)
    house.press("service")
    assert house.said() == []
    house.say(Kind.MUTE, False)
    house.press("green")
    assert house.said() == ["V20"]


def test_a_mute_survives_a_restart_both_ways() -> None:
    house = House()
    house.say(Kind.MUTE, {"on": True, "minutes": 20})
    house.wait(60)
    copy = type(house.controller).from_json(house.controller.to_json())
    assert copy.desk.quiet.muted("P3", house.now_ms)
    rebuilt = type(house.controller)(home())
    for observation, events in house.history:
        rebuilt.rebuild(observation, events)
    assert rebuilt.desk.quiet.muted_until == copy.desk.quiet.muted_until


# ---- tests


def test_a_test_goes_the_whole_way_and_says_everywhere_that_it_is_one() -> None:
    house = House(home(contacts=(Contact("c1", 1, channels=("sms", "call")), Contact("c2", 2))))
    house.say(Kind.COMMAND, {"cmd": "test_alarm"})
    assert house.told("S17") == ["c1"]
    (call,) = [a for a in house.actions if isinstance(a, Call)]
    assert (call.params["test"], call.severity) == (True, "TEST")
    assert [(m["test"], m["code"]) for m in house.published()] == [(True, "TEST_MANUAL")]
    assert "V16" not in house.said()
    house.reply("c1", "1")
    assert house.state() is State.CLOSED
    assert house.published()[-1]["outcome"] == "TEST"
    assert house.published()[-1]["test"] is True
    assert house.said() == ["V16"]
    house.wait(HOUR)
    assert house.told("S10", "S12", "S11") == []


def test_a_button_test_waits_for_the_press_and_a_second_press_is_a_call() -> None:
    house = House()
    house.say(Kind.COMMAND, {"cmd": "test_alarm", "press": True})
    assert house.said() == ["V15"]
    assert house.texts() == []
    house.wait(5)
    house.press("bathroom")
    assert house.told("S17") == ["c1"]
    assert any(isinstance(a, AckDevice) and a.device == "bathroom" for a in house.actions)
    house.press("bathroom")
    house.wait(10)
    assert house.told("S01") == ["c1"]
    assert house.controller.book.alarms[2].test is False


def test_a_button_test_without_a_press_is_told_as_that() -> None:
    house = House()
    house.say(Kind.COMMAND, {"cmd": "test_alarm", "press": True})
    house.wait(60)
    assert house.states()[-1] == "RECOVERED"
    assert "V16" not in house.said()
    (message,) = house.published("event")
    assert (message["reason"], message["test"]) == ("test_not_pressed", True)


def test_a_test_is_told_to_nobody_who_did_not_agree_and_asks_each_once() -> None:
    house = House(home(consents={"MONITORING": True}))
    house.say(Kind.COMMAND, {"cmd": "test_alarm"})
    assert house.texts() == []
    house = House()
    house.say(Kind.COMMAND, {"cmd": "test_alarm"})
    house.say(Kind.COMMAND, {"cmd": "test_alarm"})
    house.wait(HOUR)
    assert house.told("S17") == ["c1", "c2", "n1"]
    assert list(house.controller.book.alarms) == [1]
