"""Who says no is left in peace at once: what rings stops, what waits is not sent, and the line is the next one's."""

from __future__ import annotations

import pytest
from virtual_home import House, home

from gateway.actions import Action, Call, Push, Text
from gateway.alarms.life import State
from gateway.controller import Controller
from gateway.home.model import Contact
from gateway.observations import Kind

ALL = ("sms", "call", "push")


def raised(*contacts: Contact) -> House:
    house = House(home(contacts=contacts or tuple(Contact(f"c{n}", n, channels=ALL) for n in (1, 2, 3))))
    house.press()
    house.wait(10)
    return house


def to(house: House, contact: str, *kinds: type[Action]) -> list[Action]:
    """Every text, push and call that was asked for to a contact, in order."""
    return [a for a in house.actions if isinstance(a, kinds or (Text, Push, Call)) and a.contact == contact]


def still(house: House, action: Action) -> bool:
    return house.controller.desk.wanted(action, house.now_ms)


def test_who_declines_by_text_is_rung_no_longer_and_the_next_one_is() -> None:
    house = raised()
    mine = to(house, "c1")
    assert {a.kind for a in mine} == {"text", "push", "call"}
    house.wait(15)
    assert all(still(house, a) for a in mine), "nobody has said anything yet"
    house.reply("c1", "2")
    assert not any(still(house, a) for a in mine)
    assert all(still(house, a) for a in to(house, "c2"))
    assert {a.kind for a in to(house, "c2")} == {"text", "push", "call"}


@pytest.mark.parametrize("via", ["sms", "link", "callback"])
def test_it_does_not_matter_by_which_way_the_no_comes(via: str) -> None:
    house = raised()
    house.say(Kind.REPLY, {"contact": "c1", "answer": "2", "ref": "01", "via": via})
    assert not any(still(house, a) for a in to(house, "c1"))


@pytest.mark.parametrize("who", ["c1", "c2"])
def test_once_anybody_goes_nobody_is_rung_about_it_not_even_who_goes(who: str) -> None:
    house = raised()
    house.wait(121)
    asked = to(house, "c1") + to(house, "c2")
    house.reply(who, "1")
    assert not any(still(house, a) for a in asked)


def test_a_no_stops_the_redial_and_what_was_told_to_dial_120_elsewhere() -> None:
    house = raised(Contact("c1", 1, channels=ALL, distance="other_city"), Contact("c2", 2, channels=ALL))
    house.call_ended("c1", "busy")
    house.reply("c1", "2")
    assert not any(still(house, a) for a in to(house, "c1"))
    house.wait(60)
    assert house.called() == ["c1", "c2"]


def test_what_is_no_request_to_go_still_reaches_who_said_no() -> None:
    house = raised()
    house.reply("c1", "2")
    house.reply("c2", "1")
    (somebody_goes,) = house.texts("S10")
    assert (somebody_goes.contact, still(house, somebody_goes)) == ("c1", True)
    house.platform(1, "CLOSED", outcome="HELPED")
    assert all(still(house, text) for text in house.texts("S12"))
    assert house.told("S12") == ["c1"]


def test_the_only_contact_is_not_rung_again_in_the_moment_of_saying_no() -> None:
    house = raised(Contact("c1", 1, channels=ALL))
    house.wait(30)
    house.reply("c1", "2")
    first = to(house, "c1", Call)
    assert len(first) == 1
    house.wait(89)
    assert to(house, "c1", Call) == first
    house.wait(1)  # the time they had to answer is over, as if they had not
    first_call, again = to(house, "c1", Call)
    assert (still(house, first_call), still(house, again)) == (False, True), "a new question, not the old one"
    house.reply("c1", "2")
    assert house.states()[-1] == "UNANSWERED", "asked twice: the platform knows at once"


def test_when_all_have_just_declined_the_first_is_asked_again_when_the_last_ones_time_is_over() -> None:
    house = raised()
    for contact in ("c1", "c2", "c3"):
        house.wait(5)
        house.reply(contact, "2")
    assert house.told("S01") == ["c1", "c2", "c3"]
    assert house.controller.book.alarms[1].asking is None
    house.wait(114)
    assert house.told("S01") == ["c1", "c2", "c3"]
    house.wait(1)
    assert house.told("S01") == ["c1", "c2", "c3", "c1"]
    assert house.state() is State.RAISED


def test_who_did_not_answer_comes_before_who_has_just_said_no() -> None:
    house = raised()
    house.wait(120 + 110)  # c1 did not answer; c2 is being asked
    house.reply("c2", "2")
    house.reply("c3", "2")
    assert house.told("S01", "S09")[-1] == "c1"


def test_while_all_have_declined_the_elder_is_not_told_that_one_of_them_is_being_reached() -> None:
    house = raised(Contact("c1", 1, channels=ALL))
    house.reply("c1", "1")
    house.wait(30)
    house.reply("c1", "2")  # takes it back, and nobody else is there
    said = [a for a in house.actions if a.kind == "say"][-1]
    assert (said.prompt, said.params.get("contact")) == ("V02", None)
    assert house.state() is State.RAISED
    house.wait(119)
    assert len(to(house, "c1", Call)) == 1
    house.wait(1)
    assert len(to(house, "c1", Call)) == 2


def test_who_takes_it_back_is_reminded_no_more() -> None:
    house = raised(Contact("land", 1, channels=("call",)), Contact("c2", 2, channels=ALL))
    house.say(Kind.REPLY, {"contact": "land", "answer": "1", "ref": "01", "via": "call"})
    house.wait(30 * 60)
    _, reminder = to(house, "land", Call)
    assert still(house, reminder)
    house.say(Kind.REPLY, {"contact": "land", "answer": "2", "ref": "01", "via": "callback"})
    assert not still(house, reminder)
    assert all(still(house, a) for a in to(house, "c2"))


def test_who_said_no_and_then_goes_is_reminded_like_anybody() -> None:
    house = raised()
    house.reply("c1", "2")
    house.reply("c1", "1")
    assert house.controller.book.alarms[1].accepted_by == "c1"
    house.wait(30 * 60)
    assert still(house, to(house, "c1", Text)[-1])
    assert house.controller.book.alarms[1].declined == {}


def test_after_a_press_that_follows_a_promise_who_goes_is_still_told() -> None:
    house = raised()
    house.reply("c2", "2")
    house.reply("c1", "1")
    house.wait(60)
    house.press()
    assert still(house, to(house, "c1", Text)[-1])


def test_a_text_that_waited_for_the_cell_is_not_made_up_for_to_who_declined_by_key() -> None:
    house = raised()
    house.say(Kind.CONDITION, {"code": "CELL_LOST", "on": True})
    house.say(Kind.REPLY, {"contact": "c1", "answer": "2", "ref": "01", "via": "link"})
    house.wait(30 * 60)
    house.say(Kind.CONDITION, {"code": "CELL_LOST", "on": False})
    late = [a.contact for a in house.actions if isinstance(a, Text) and a.key.rpartition(":")[2].startswith("late")]
    assert late
    assert "c1" not in late


def test_a_call_we_gave_up_ourselves_is_neither_redialled_nor_counted_against_anybody() -> None:
    house = raised(Contact("land", 1, channels=("call",)), Contact("c2", 2, channels=ALL))
    house.call_ended("land", "withdrawn")
    house.wait(60)
    assert house.called() == ["land"]
    assert house.controller.book.alarms[1].asking == "land"
    assert any(e.what == "call_withdrawn" for e in house.events), "the record says so"


def test_a_no_outlives_a_restart() -> None:
    house = raised()
    mine = to(house, "c1")
    house.reply("c1", "2")
    copy = Controller.from_json(house.controller.to_json())
    assert not any(copy.desk.wanted(a, house.now_ms) for a in mine)
    rebuilt = Controller(house.controller.home, offset_ms=house.controller.offset_ms, trust="NTP")
    for observation, events in house.history:
        rebuilt.rebuild(observation, events)
    assert not any(rebuilt.desk.wanted(a, house.now_ms) for a in mine)


def test_a_test_is_declined_like_an_alarm() -> None:
    house = House(home(contacts=(Contact("c1", 1, channels=ALL), Contact("c2", 2, channels=ALL))))
    house.say(Kind.COMMAND, {"cmd": "test_alarm"})
    mine = to(house, "c1")
    house.reply("c1", "2")
    assert not any(still(house, a) for a in mine)
    assert house.told("S17") == ["c1", "c2"]
