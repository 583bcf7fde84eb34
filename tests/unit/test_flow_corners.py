"""Corners of an alarm's life that a careless hand could bend without anybody noticing: each was bent once to see."""

from __future__ import annotations

import pytest
from virtual_home import House, home

from gateway.actions import Say
from gateway.alarms.life import State
from gateway.home.model import Contact
from gateway.observations import Kind

HOUR = 3600


def test_the_green_key_pressed_twice_is_one_request_and_each_press_is_answered() -> None:
    house = House()
    house.press("service")
    before = len(house.said())
    house.wait(240)
    house.press("service")
    assert list(house.controller.book.alarms) == [1]
    assert (house.controller.book.alarms[1].presses, len(house.said()) - before) == (2, 1)


def test_a_cancel_when_everybody_was_asked_is_told_too() -> None:
    house = House()
    house.press()
    house.wait(HOUR)
    assert house.state() is State.UNANSWERED
    house.press("cancel")
    assert house.state() is State.CANCELLED_BY_USER
    assert house.told("S11") == ["c1", "c2", "n1"]


def test_a_test_that_is_under_way_is_not_cancelled_by_the_key() -> None:
    house = House()
    house.controller.desk.test(0, {"press": False})
    house.wait(1)
    house.press("cancel")
    assert (house.state(), house.told("S11")) == (State.RAISED, [])


def test_a_press_after_the_desk_promised_tells_the_first_contact_again() -> None:
    house = House()
    house.press()
    house.wait(20)
    house.platform(1, "ACCEPTED")
    house.wait(60)
    house.press()
    assert (house.state(), house.told("S01")) == (State.ACCEPTED, ["c1", "c1"])


def test_after_a_lapse_a_late_one_hears_of_the_new_promise() -> None:
    house = House()
    house.press()
    house.wait(140)
    house.reply("c1", "1")
    house.reply("c2", "1")
    house.wait(46 * 60)
    assert house.state() is State.RAISED
    before = len(house.told("S10"))
    house.reply("n1", "1")
    house.reply("c2", "1")
    assert house.told("S10")[before:] == ["c1", "c2"], "once each, however often they write"


def test_nobody_is_said_to_have_a_key_who_has_none() -> None:
    house = House()
    house.press()
    house.wait(20)
    house.reply("c1", "1")
    assert house.published()[-1].get("can_enter") is None


def test_what_nobody_answered_for_a_day_is_repeated_hourly_and_the_voice_rests() -> None:
    house = House()
    house.press()
    house.wait(25 * HOUR)
    published, said = len(house.published()), len(house.said())
    house.wait(6 * HOUR)
    assert (len(house.published()) - published, len(house.said()) - said) == (6, 0)


def test_who_went_is_not_sent_to_ask_themselves_when_it_is_over() -> None:
    house = House()
    house.press()
    house.wait(140)
    house.reply("c2", "1")
    house.platform(1, "CLOSED", outcome="HELPED")
    assert house.told("S12") == ["c1"]


def test_when_nobody_came_the_platform_knows_that_it_is_open_again() -> None:
    house = House()
    house.press()
    house.wait(20)
    house.reply("c1", "1")
    house.wait(45 * 60)
    told = house.published()[-1]
    assert (told["state"], told["reason"]) == ("RAISED", "nobody_came")


def test_of_what_can_wait_nobody_is_told_how_to_dial_120() -> None:
    far = Contact("c1", 1, distance="other_city")
    house = House(home(contacts=(far,)))
    house.press("service")
    assert (house.told("S22"), house.told("S-area")) == (["c1"], [])


@pytest.mark.parametrize("by", ["c1", "desk"])
def test_only_who_was_asked_whether_they_go_is_said_to_come(by: str) -> None:
    house = House()
    house.press()
    house.wait(20)
    if by == "c1":
        house.reply("c1", "1")
    else:
        house.platform(1, "ACCEPTED")
    (said,) = [a for a in house.actions if isinstance(a, Say) and a.prompt == "V03"]
    assert (said.params["coming"], said.params["contact"]) == ((True, "c1") if by == "c1" else (False, None))


def test_a_neighbour_is_told_of_smoke_in_its_own_words_in_the_second_round_too() -> None:
    house = House()
    house.say(Kind.SMOKE, True, "kitchen-smoke")
    house.wait(500)
    assert house.told("S05").count("n1") == 2
    assert house.told("S09") == []


def test_a_visitor_at_the_door_attends_what_is_open_and_no_test() -> None:
    house = House()
    house.controller.desk.test(0, {"press": False})
    house.wait(1)
    house.say(Kind.VISIT, {"event": "arrived", "by": "n1"})
    assert house.state() is State.RAISED


def test_an_unreadable_answer_to_a_test_is_forwarded_and_nobody_is_told_that_somebody_waits() -> None:
    house = House()
    house.controller.desk.test(0, {"press": False})
    house.wait(1)
    house.reply("c1", "other")
    assert house.published()[-1]["reason"] == "unreadable_reply"
    assert house.told("S21") == []
