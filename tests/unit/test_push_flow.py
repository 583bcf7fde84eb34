"""Who has push addresses gets the same words there as well: beside the text, never instead, and it proves nothing."""

from __future__ import annotations

from typing import Any

import pytest
from virtual_home import House, home

from gateway.actions import Call, Push, Text
from gateway.alarms import words
from gateway.alarms.life import State
from gateway.channels.push import ASKING
from gateway.home.model import Contact
from gateway.observations import Kind

BOTH = ("sms", "call", "push")


def family(*contacts: Contact, **changes: Any) -> House:
    return House(home(contacts=contacts, **changes))


def pushed(house: House) -> list[tuple[str, str]]:
    return [(a.contact, a.template) for a in house.actions if isinstance(a, Push)]


def test_at_raised_the_push_goes_beside_the_text_and_the_call() -> None:
    house = family(Contact("c1", 1, channels=BOTH), Contact("c2", 2, channels=("sms",)))
    house.press()
    assert pushed(house) == []
    house.wait(10)
    assert pushed(house) == [("c1", "S01")]
    assert house.told("S01") == ["c1"]
    assert house.called() == ["c1"]
    text = next(a for a in house.actions if isinstance(a, Text))
    push = next(a for a in house.actions if isinstance(a, Push))
    assert (push.params, push.alarm, push.severity) == (text.params, text.alarm, text.severity)
    assert push.key != text.key


def test_each_hop_is_pushed_when_it_is_texted_and_only_then() -> None:
    house = family(*(Contact(f"c{n}", n, channels=BOTH) for n in (1, 2, 3)))
    house.press()
    for n in (1, 2, 3):
        house.wait(10 if n == 1 else 120)
        assert [c for c, _ in pushed(house)] == [f"c{m}" for m in range(1, n + 1)]
        assert [c for c, _ in pushed(house)] == house.told("S01")


def test_who_else_was_told_hears_by_push_that_somebody_goes_and_that_it_is_over() -> None:
    house = family(*(Contact(f"c{n}", n, channels=BOTH) for n in (1, 2)))
    house.press()
    house.wait(10 + 120)
    house.reply("c2", "1")
    assert pushed(house)[2:] == [("c1", "S10")]
    house.platform(1, "CLOSED", outcome="HELPED")
    assert pushed(house)[3:] == [("c1", "S12")]


def test_a_cancel_after_sending_is_pushed_too() -> None:
    house = family(Contact("c1", 1, channels=BOTH))
    house.press()
    house.wait(15)
    house.say(Kind.CANCEL)
    assert pushed(house) == [("c1", "S01"), ("c1", "S11")]


def test_a_landline_is_called_and_reads_by_push_what_it_could_not_otherwise() -> None:
    house = family(Contact("c1", 1, channels=("call", "push")), Contact("c2", 2))
    house.press()
    house.wait(10)
    assert house.texts() == []
    assert house.called() == ["c1"]
    assert pushed(house) == [("c1", "S01")]
    house.call_ended("c1", "no_answer")
    house.wait(20)
    house.call_ended("c1", "no_answer")  # the push does not hold the chain up
    assert house.told("S01") == ["c2"]


def test_who_has_nothing_but_push_is_told_by_it() -> None:
    house = family(Contact("c1", 1, channels=("push",)), Contact("c2", 2))
    house.press()
    house.wait(10)
    assert pushed(house) == [("c1", "S01")]
    house.wait(120)
    assert house.told("S01") == ["c2"]


@pytest.mark.parametrize("result", ["sent", "failed"])
def test_whether_a_push_arrives_moves_nothing(result: str) -> None:
    house = family(Contact("c1", 1, channels=BOTH), Contact("c2", 2))
    house.press()
    house.wait(10)
    before = house.controller.book.to_json()
    house.say(Kind.DELIVERY, {"alarm": 1, "contact": "c1", "channel": "push", "template": "S01", "result": result})
    assert house.controller.book.to_json() == before
    assert house.state() is State.RAISED


def test_an_unreadable_text_is_answered_by_text_alone() -> None:
    house = family(Contact("c1", 1, channels=BOTH))
    house.press()
    house.wait(10)
    house.reply("c1", "other")
    assert house.told("S21") == ["c1"]
    assert pushed(house) == [("c1", "S01")]


def test_everybody_is_pushed_at_once_for_smoke() -> None:
    house = family(*(Contact(f"c{n}", n, channels=BOTH) for n in (1, 2, 3)))
    house.say(Kind.SMOKE, True, "smoke")
    assert pushed(house) == [("c1", "S05"), ("c2", "S05"), ("c3", "S05")]


def test_a_p2_push_needs_the_familys_consent_and_waits_for_the_morning_with_the_text() -> None:
    house = family(Contact("c1", 1, channels=BOTH), consents={"MONITORING": True})
    house.say(Kind.BUTTON, "press", "service")
    assert pushed(house) == []


def test_a_push_that_waited_is_sent_only_while_it_is_true() -> None:
    house = family(Contact("c1", 1, channels=BOTH), Contact("c2", 2, channels=BOTH))
    house.press()
    house.wait(10)
    push = next(a for a in house.actions if isinstance(a, Push))
    wanted = house.controller.desk.wanted
    assert wanted(push)
    house.platform(1, "ACCEPTED")
    assert not wanted(push)


def test_the_redial_pushes_nothing() -> None:
    house = family(Contact("c1", 1, channels=BOTH))
    house.press()
    house.wait(10)
    house.call_ended("c1", "busy")
    house.wait(20)
    assert len([a for a in house.actions if isinstance(a, Call)]) == 2
    assert pushed(house) == [("c1", "S01")]


def test_what_asks_for_an_answer_is_what_carries_a_link() -> None:
    texts = words.load().sms
    asking = {name for name, text in texts.items() if "回1" in text}
    assert asking - {"S21", "S21-ref", "S-bare"} == ASKING - {"S18"}  # the three that only a text can be
    assert "确认平安" in texts["S18"]  # no number to answer with in its seventy characters: the link says it
