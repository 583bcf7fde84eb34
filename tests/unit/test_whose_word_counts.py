"""Replies: whose word moves an alarm, which alarm it is about, and what moves nothing (domain 4.3)."""

from __future__ import annotations

from typing import Any

import pytest
from virtual_home import House, home

from gateway.actions import Call, Text
from gateway.alarms.life import State
from gateway.home.model import Contact
from gateway.observations import Kind


def visited_and_asked_for_service(house: House) -> None:
    """A call that somebody attends to, and then the green key's wish, which c1 has never heard of."""
    house.press("bedroom")
    house.wait(20)
    house.platform(1, "ATTENDED")
    house.press("service")


def test_an_unreadable_reply_changes_nothing_and_is_answered_once() -> None:
    house = House()
    house.press()
    house.wait(20)
    house.reply("c1", "other")
    house.reply("c1", "other")
    assert house.told("S21") == ["c1"]
    assert house.state() is State.RAISED


def test_a_reply_from_somebody_not_listed_changes_nothing() -> None:
    house = House()
    house.press()
    house.wait(20)
    house.reply("stranger", "1")
    assert house.state() is State.RAISED


def test_with_two_open_alarms_a_bare_one_is_not_enough() -> None:
    house = House()
    house.press("bedroom")
    house.press("bathroom")
    house.wait(20)
    house.reply("c1", "1")
    assert (house.state(1), house.state(2)) == (State.RAISED, State.RAISED)
    house.reply("c1", "1", "02")
    assert (house.state(1), house.state(2)) == (State.RAISED, State.ACCEPTED)


def test_a_close_needs_an_outcome() -> None:
    house = House()
    house.press()
    house.wait(20)
    house.platform(1, "CLOSED")
    house.platform(1, "CLOSED", outcome="WHATEVER")
    assert house.state() is State.RAISED


def test_received_by_a_machine_accepts_nothing() -> None:
    house = House()
    house.press()
    house.wait(20)
    house.say(Kind.ACK, {"epoch": "ab", "seq": [1], "stage": "RECEIVED"})
    assert house.state() is State.RAISED
    assert house.said()[-1] == "V02"


def test_a_belated_one_says_nothing_of_another_matter_the_contact_was_not_told_of() -> None:
    house = House(home(consents={"MONITORING": True}))
    visited_and_asked_for_service(house)
    house.platform(2, "ACCEPTED")
    before = len(house.texts())
    house.reply("c1", "1")
    assert house.texts()[before:] == []  # it was answered "somebody goes" for the wish, without consent


def test_a_belated_one_does_not_take_over_a_matter_the_contact_was_not_told_of() -> None:
    house = House(home(consents={"MONITORING": True}))
    visited_and_asked_for_service(house)
    house.reply("c1", "1")
    house.reply("c1", "1", "02")
    assert house.states(2) == ["DETECTED", "RAISED"]
    agreed = House()
    visited_and_asked_for_service(agreed)
    agreed.reply("c1", "1")
    assert agreed.states(2)[-1] == "ACCEPTED"  # who was told of it may take it


def test_in_round_two_the_one_who_is_asked_decides() -> None:
    house = House()
    house.press()
    house.wait(10 + 3 * 120)  # c1 is asked again
    assert house.told("S01", "S09") == ["c1", "c2", "n1", "c1"]
    house.reply("n1", "2")  # was asked before: moves nothing
    assert len(house.told("S01", "S09")) == 4
    house.reply("c1", "2")
    assert house.told("S01", "S09")[-1] == "c2"


def test_the_acceptor_takes_it_back_and_the_next_is_told_at_once() -> None:
    house = House()
    house.press()
    house.wait(20)
    house.reply("c1", "1")
    house.wait(60)
    house.reply("c1", "2")
    assert house.states()[-1] == "RAISED"
    assert house.told("S01") == ["c1", "c2"]
    assert house.said()[-1] == "V02"


def test_one_bare_digit_answers_several_calls_of_one_device() -> None:
    house = House()
    house.press()
    house.wait(45)
    house.press()
    house.wait(15)
    assert len(house.controller.book.alarms) == 2
    house.reply("c1", "1")
    assert (house.state(1), house.state(2)) == (State.ACCEPTED, State.ACCEPTED)


def test_with_alarms_of_two_devices_the_contact_is_told_what_to_write() -> None:
    house = House()
    house.press("bedroom")
    house.press("bathroom")
    house.wait(20)
    house.reply("c1", "1")
    assert house.told("S21-ref") == ["c1"]
    assert house.told("S21") == []


@pytest.mark.parametrize("via", ["call", "callback", "link"])
def test_a_key_pressed_in_a_call_about_what_is_over_puzzles_nobody(via: str) -> None:
    """Its telephone still rang when the desk closed the alarm, and the next call for help came meanwhile."""
    house = House()
    house.press()
    house.wait(10)
    first = house.controller.book.alarms[1].reference
    house.platform(1, "CLOSED", outcome="HELPED")
    house.wait(60)
    house.press()
    house.wait(10)
    house.say(Kind.REPLY, {"contact": "c1", "answer": "1", "ref": first, "via": via})
    assert house.state(2) is State.RAISED, "that was not asked"
    assert house.told("S21-ref") == house.told("S21") == []
    house.say(Kind.REPLY, {"contact": "c1", "answer": "1", "ref": first})
    assert house.told("S21-ref") == ["c1"], "a text may mean the new one: it is asked about"


def raised_at_eight(**n1: Any) -> House:
    """In the evening, just after n1 was sent the line about the day: "收到请随手回一句"."""
    contacts = (Contact("c1", 1), Contact("c2", 2), Contact("n1", 3, **({"daily_line": "20:00"} | n1)))
    house = House(home(contacts=contacts))
    house.at_the_hour(20)
    house.wait(30)
    house.press()
    house.wait(20)
    return house


@pytest.mark.parametrize("word", ["1", "2", "arrived"])
def test_a_bare_word_to_the_line_about_the_day_stops_no_chain_and_promises_nobody(word: str) -> None:
    """They were never told of the call: who heard "会马上来看您" would have waited for nobody."""
    house = raised_at_eight()
    before = len(house.actions)
    house.reply("n1", word)
    assert house.state() is State.RAISED
    assert "V03" not in house.said(), "nobody has promised to come"
    assert house.told("S01") == ["c1", "n1"], "but they know now what is open"
    assert [a.contact for a in house.actions[before:] if isinstance(a, (Text, Call))] == ["n1"]
    house.wait(120)
    assert house.told("S01")[-1] == "c2", "the chain goes its way"
    house.reply("n1", "1")
    assert house.states()[-1] == "ACCEPTED"
    assert sorted(house.told("S10")) == ["c1", "c2"]


def test_who_is_told_so_is_told_once_and_asked_in_their_turn_all_the_same() -> None:
    house = raised_at_eight()
    house.reply("n1", "1")
    house.wait(240)
    assert house.told("S01") == ["c1", "n1", "c2", "n1"]


def test_who_was_told_of_the_call_answers_the_call_whatever_else_waits() -> None:
    house = raised_at_eight()
    house.wait(240)
    assert house.told("S01")[-1] == "n1"
    house.reply("n1", "1")
    assert house.state() is State.ACCEPTED


def test_a_line_that_was_answered_or_is_of_yesterday_waits_for_no_word() -> None:
    """A sister told them by telephone: "can you go? just send a 1"."""
    house = raised_at_eight(daily_line=None)
    house.reply("n1", "1")
    assert house.state() is State.ACCEPTED
    answered = House(home(contacts=(Contact("c1", 1), Contact("n1", 2, daily_line="20:00"))))
    answered.at_the_hour(20)
    answered.wait(30)
    answered.reply("n1", "other")
    answered.press()
    answered.wait(20)
    answered.reply("n1", "1")
    assert answered.state() is State.ACCEPTED


@pytest.mark.parametrize(("ref", "via"), [("01", "sms"), ("01", "callback"), ("01", "call"), ("01", "link")])
def test_who_names_the_alarm_or_was_just_told_it_by_telephone_may_take_it(ref: str, via: str) -> None:
    house = raised_at_eight()
    house.say(Kind.REPLY, {"contact": "n1", "answer": "1", "ref": ref, "via": via})
    assert house.state() is State.ACCEPTED


def test_a_belated_one_for_a_test_is_no_promise_to_go_to_a_call_they_never_heard_of() -> None:
    """S17 says: "收到请回1"."""
    house = House()
    house.controller.desk.test(0, {"press": False})
    house.wait(130)
    assert house.told("S17") == ["c1", "c2"]
    house.reply("c1", "1")  # the test is over
    house.press()
    house.wait(20)
    house.reply("c2", "1")
    assert house.state(2) is State.RAISED
    assert house.told("S01") == ["c1", "c2"]
    house.reply("c2", "1")
    assert house.state(2) is State.ACCEPTED, "now they know what it is about"


def test_who_takes_no_texts_and_was_not_told_is_rung() -> None:
    house = House(home(contacts=(Contact("c1", 1), Contact("c2", 2, channels=("call",)))))
    house.controller.desk.test(0, {"press": False})
    house.wait(130)
    house.reply("c1", "1")
    house.press()
    house.wait(20)
    before = len(house.actions)
    house.reply("c2", "1")
    assert house.state(2) is State.RAISED
    assert [(a.kind, a.contact) for a in house.actions[before:] if isinstance(a, (Text, Call))] == [("call", "c2")]


def test_who_took_it_after_hearing_that_another_goes_is_not_told_so_twice() -> None:
    house = House()
    house.press()
    house.wait(20)
    house.reply("c1", "2")
    house.reply("c2", "1")
    house.reply("c1", "1")
    assert house.told("S10") == ["c1"]
    house.reply("c2", "2")  # takes it back: what was said is over, and said anew of the next
    house.wait(10)
    house.reply("n1", "1")
    assert house.told("S10") == ["c1", "c1", "c2"]
