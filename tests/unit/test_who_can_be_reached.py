"""Whom the chain can reach at all, and what the elder is told while nobody can be."""

from __future__ import annotations

from virtual_home import House, home

from gateway.alarms.life import State
from gateway.home.model import Contact
from gateway.observations import Kind


def test_without_a_contact_the_platform_gets_one_interval() -> None:
    house = House(home(contacts=()))
    house.press()
    house.wait(10 + 120)
    assert house.states()[-1] == "UNANSWERED"


def test_with_both_paths_down_nothing_is_promised() -> None:
    house = House()
    house.say(Kind.CONDITION, {"code": "CELL_LOST", "on": True})
    house.say(Kind.CONDITION, {"code": "UPLINK_LOST", "on": True})
    house.press()
    house.wait(71)
    assert house.said() == ["V01", "V05", "V05"]


def test_without_consent_family_is_not_told_of_what_is_not_urgent() -> None:
    house = House(home(consents={"MONITORING": True}))
    house.press("service")
    assert house.texts() == []
    house.press("bedroom")
    house.wait(10)
    assert house.told("S01") == ["c1"]  # an open life-safety alarm needs none


def test_a_text_that_can_never_arrive_hands_over_to_the_next_contact() -> None:
    house = House()
    house.press()
    house.wait(12)
    house.say(Kind.DELIVERY, {"alarm": 1, "contact": "c1", "result": "failed"})
    assert house.told("S01") == ["c1", "c2"]


def test_what_waited_too_long_is_no_longer_wanted() -> None:
    house = House()
    house.press()
    house.wait(11)
    (text,) = house.texts("S01")
    said = next(a for a in house.actions if a.kind == "say" and a.prompt == "V01")
    assert house.controller.desk.wanted(text)
    assert not house.controller.desk.wanted(said)  # "seconds to cancel" is over
    house.reply("c2", "1")
    assert not house.controller.desk.wanted(text)  # somebody goes: c1 need not be called out any more


def test_an_hour_without_power_is_not_an_hours_texts_at_once() -> None:
    house = House()
    house.press()
    house.wait(12)
    before = len(house.actions)
    house.now_ms += 3_600_000
    house.say(Kind.RESTART, {"gap_ms": 3_600_000})
    assert house.told("S01", "S09") == ["c1", "c2"]  # the overdue step, once
    assert house.state() is State.RAISED
    assert house.said(before).count("V04") == 1
    house.wait(119)
    assert house.told("S01", "S09") == ["c1", "c2"]
    house.wait(1)
    assert house.told("S01", "S09") == ["c1", "c2", "n1"]


def test_a_landline_is_called_and_promised_and_never_texted() -> None:
    landline = Contact("land", 0, channels=("call",))
    house = House(home(contacts=(landline, Contact("c2", 2))))
    house.press()
    house.wait(11)
    assert [a.params.get("contact") for a in house.actions if a.kind == "say"] == ["land", "land"]
    assert (house.called(), house.texts()) == (["land"], [])


def test_who_can_be_reached_by_no_way_of_ours_is_not_promised() -> None:
    house = House(home(contacts=(Contact("pusher", 1, channels=()), Contact("c2", 2))))
    house.press()
    house.wait(11)
    assert [a.params.get("contact") for a in house.actions if a.kind == "say"] == ["c2", "c2"]


def test_a_press_with_both_paths_down_promises_nobody() -> None:
    house = House()
    house.say(Kind.CONDITION, {"code": "CELL_LOST", "on": True})
    house.say(Kind.CONDITION, {"code": "UPLINK_LOST", "on": True})
    house.press()
    assert house.actions[-1].params["alone"] is True  # type: ignore[union-attr]


def test_a_contact_removed_in_the_middle_does_not_hide_the_next() -> None:
    house = House()
    house.press()
    house.wait(12)
    view = home(contacts=(Contact("c2", 2), Contact("n1", 1, "primary_visit_contact")))
    house.say(Kind.CONFIG, view.to_json())
    house.wait(120)
    assert house.told("S01") == ["c1", "c2"]
