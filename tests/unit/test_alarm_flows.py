"""The flows beside the button: falls, duress, a press nobody can verify, several at once (domain 3.2, issue 4)."""

from __future__ import annotations

from virtual_home import House, find, home

from gateway.actions import AckDevice, Say
from gateway.alarms.life import WAITING, State
from gateway.home.model import Device
from gateway.observations import Kind

HOUR = 3600


def upgrade(house: House, code: str, to: str, device: str | None = None) -> None:
    house.controller.desk.upgraded(code, to, device, house.now_ms, "immobile", {})
    house._keep(house.controller.advance(house.now_ms))


# ---- a fall


def test_a_fall_is_asked_about_ever_louder_and_then_sent() -> None:
    house = House()
    find(house, "FALL", "pendant")
    house.wait(29)
    asked = [a for a in house.actions if isinstance(a, Say)]
    assert [(a.prompt, a.params["level"]) for a in asked] == [("V07", 1), ("V07", 2), ("V07", 3)]
    assert house.texts() == []
    house.wait(1)
    assert house.at_s(State.RAISED) == 30.0
    assert house.told("S02") == ["c1"]


def test_the_red_button_answers_the_question_with_yes() -> None:
    house = House()
    find(house, "FALL", "pendant")
    house.wait(5)
    house.press("bedroom")
    assert house.at_s(State.RAISED) == 5.0
    assert house.told("S02") == ["c1"]


def test_who_did_not_fall_cancels_and_nobody_is_told() -> None:
    house = House()
    find(house, "FALL", "pendant")
    house.press("cancel")
    house.wait(HOUR)
    assert house.states() == ["DETECTED", "PRE_ALARM", "CANCELLED_LOCAL"]
    assert house.texts() == []


def test_one_fall_is_one_alarm_that_can_turn_worse() -> None:
    house = House()
    find(house, "FALL", "pendant")
    house.wait(31)
    upgrade(house, "FALL", "FALL_IMMOBILE", "pendant")
    (alarm,) = house.controller.book.alarms.values()
    assert (alarm.code, alarm.severity, alarm.state) == ("FALL_IMMOBILE", "P0", State.RAISED)
    assert house.published()[-1]["code"] == "FALL_IMMOBILE"


def test_who_lies_there_is_told_not_to_force_themselves_up() -> None:
    house = House()
    find(house, "FALL", "pendant")
    house.wait(91)
    said = [a for a in house.actions if isinstance(a, Say)][-1]
    assert (said.prompt, said.params) == ("V04", {"fall": True})


# ---- duress


def test_duress_shows_nothing_at_home_and_tells_the_contacts_in_order() -> None:
    devices = {**home().devices, "hidden": Device("hidden", "button", role="duress")}
    house = House(home(devices=devices))
    house.press("hidden")
    house.wait(HOUR)
    house.reply("c1", "1")
    house.say(Kind.VISIT, {"event": "arrived", "by": "c1"})
    house.platform(1, "CLOSED", outcome="HELPED")
    assert house.states() == ["DETECTED", "RAISED", "UNANSWERED", "ACCEPTED", "ATTENDED", "CLOSED"]
    assert house.told("S22", "S09")[:3] == ["c1", "c2", "n1"]
    assert house.said() == []
    assert house.sirens() == []
    assert set(house.lamps()) <= {"off"}
    assert not any(isinstance(a, AckDevice) for a in house.actions)


def test_a_lamp_of_another_alarm_hides_duress() -> None:
    devices = {**home().devices, "hidden": Device("hidden", "button", role="duress")}
    house = House(home(devices=devices))
    house.press("bedroom")
    house.wait(20)
    house.reply("c1", "1")
    house.press("hidden")
    assert house.lamps()[-1] == "accepted"


# ---- a press that could not be verified


def test_a_press_that_cannot_be_verified_is_announced_first() -> None:
    house = House()
    house.say(Kind.CONDITION, {"code": "UNVERIFIED_PRESS"}, "bedroom")
    (said,) = [a for a in house.actions if isinstance(a, Say)]
    assert (said.prompt, said.params["n"]) == ("V01", 30)
    house.wait(30)
    assert house.told("S22") == ["c1"]  # "may have pressed": S01 would say that she did


def test_a_true_press_makes_one_call_of_it() -> None:
    house = House()
    house.say(Kind.CONDITION, {"code": "UNVERIFIED_PRESS"}, "bedroom")
    house.press("bedroom")
    house.wait(60)
    assert house.state(1) is State.RECOVERED
    assert house.told("S01") == ["c1"]


# ---- several at once


def test_alarms_of_several_kinds_go_their_own_ways() -> None:
    house = House()
    find(house, "SMOKE")
    house.press()
    find(house, "FALL", "pendant")
    house.wait(30)
    assert {house.state(n) for n in (1, 2, 3)} <= WAITING
    house.reply("c1", "1", "01")
    assert (house.state(1), house.state(2), house.state(3)) == (State.ACCEPTED, State.RAISED, State.RAISED)
    severities = {a.prompt: a.severity for a in house.actions if isinstance(a, Say)}
    assert (severities["V09"], severities["V01"], severities["V07"]) == ("P0", "P0", "P1")


def test_away_suspends_no_call_no_detector_and_no_fall() -> None:
    house = House()
    house.say(Kind.AWAY, True)
    house.press()
    find(house, "SMOKE")
    find(house, "FALL", "pendant")
    house.wait(31)
    assert {house.state(n) for n in (1, 2, 3)} == {State.RAISED}


def test_where_every_press_is_to_be_an_alarm_of_its_own_none_is_one_too_many() -> None:
    house = House(call_button__join_s=0, call_button__pre_alarm_s=0)
    for n in range(60):
        house.press("bedroom", key=f"mqtt:{n}")
        house.wait(0.02)
    assert [a.evidence["key"] for a in house.controller.book.alarms.values()] == [f"mqtt:{n}" for n in range(60)]
    assert [n for n in house.notices if n.code == "DEVICE_STUCK"] == []
