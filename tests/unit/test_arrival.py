"""到了: a contact who has promised says that they are there, and nobody is reminded or asked any more (domain 3.2)."""

from __future__ import annotations

import pytest
from virtual_home import House, home

from gateway.alarms.life import State
from gateway.home.model import Contact


def promised(*contacts: Contact) -> House:
    house = House(home(contacts=contacts) if contacts else None)
    house.press()
    house.wait(20)
    house.reply("c1", "1")
    return house


def test_who_promised_and_arrives_is_neither_reminded_nor_relieved() -> None:
    house = promised()
    house.wait(600)
    house.reply("c1", "arrived")
    assert house.state() is State.ATTENDED
    told = house.published()[-1]
    assert (told["state"], told["by"], told["via"]) == ("ATTENDED", "c1", "sms")
    house.wait(3 * 3600)
    assert (house.state(), house.told("S25")) == (State.ATTENDED, [])
    assert house.told("S01") == ["c1"]


def test_the_reminder_says_what_to_write_and_its_answer_counts() -> None:
    house = promised()
    house.wait(31 * 60)
    assert house.told("S25") == ["c1"]
    house.reply("c1", "arrived")
    assert house.state() is State.ATTENDED


def test_the_reminder_can_be_answered_with_no_and_the_next_is_asked_at_once() -> None:
    house = promised()
    house.wait(31 * 60)
    house.reply("c1", "2")
    assert (house.state(), house.told("S01")[-1]) == (State.RAISED, "c2")


def test_arrival_closes_nothing() -> None:
    house = promised()
    house.reply("c1", "arrived")
    house.reply("c1", "arrived")
    assert house.states()[-1] == "ATTENDED"
    assert house.told("S12") == []


def test_who_arrives_without_a_word_before_is_there_all_the_same_and_the_others_learn_who() -> None:
    house = House()
    house.press()
    house.wait(140)
    assert house.told("S01") == ["c1", "c2"]
    house.reply("c2", "arrived")
    assert house.states()[-2:] == ["ACCEPTED", "ATTENDED"]
    assert house.told("S10") == ["c1"]


def test_somebody_else_at_the_door_is_somebody_at_the_door() -> None:
    house = House()
    house.press()
    house.wait(140)
    house.reply("c1", "1")
    house.reply("c2", "arrived")
    assert house.state() is State.ATTENDED


def test_what_one_promised_is_meant_and_not_the_other_alarm_that_waits() -> None:
    house = promised()
    house.press("bathroom")
    house.wait(20)
    house.reply("c1", "arrived")
    assert (house.state(1), house.state(2)) == (State.ATTENDED, State.RAISED)
    house.reply("c1", "arrived", "02")
    assert house.state(2) is State.ATTENDED


def test_with_several_alarms_and_none_promised_the_contact_is_told_what_to_write() -> None:
    house = House()
    house.press()
    house.press("bathroom")
    house.wait(20)
    house.reply("c1", "arrived")
    assert (house.state(1), house.state(2)) == (State.RAISED, State.RAISED)
    assert house.told("S21-ref") == ["c1"]


@pytest.mark.parametrize("contact", ["stranger", "c2"])
def test_it_is_nobodys_word_who_is_not_listed_and_nothing_when_nothing_is_open(contact: str) -> None:
    house = promised()
    house.reply("stranger", "arrived")
    assert house.state() is State.ACCEPTED
    house.platform(1, "CLOSED", outcome="HELPED")
    before = len(house.actions)
    house.reply(contact, "arrived")
    assert len(house.actions) == before


def test_a_test_answered_so_is_a_test_that_worked() -> None:
    house = House()
    house.controller.desk.test(0, {"press": False})
    house.wait(1)
    house.reply("c1", "arrived")
    assert (house.state(), house.controller.book.alarms[1].outcome) == (State.CLOSED, "TEST")


def test_the_desk_that_promised_is_reminded_on_its_own_channel() -> None:
    house = House()
    house.press()
    house.wait(20)
    house.platform(1, "ACCEPTED")
    house.wait(30 * 60)
    assert [b["reason"] for b in house.published()][-1] == "not_attended"
    assert house.told("S25") == []
    house.wait(15 * 60)
    assert house.state() is State.RAISED
