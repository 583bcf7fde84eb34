"""The button flow of domain 3.2, from press to close, on a virtual clock."""

from __future__ import annotations

import pytest
from virtual_home import House

from gateway.actions import AckDevice, Lamp
from gateway.alarms.codes import CODES, Flow
from gateway.alarms.life import ENDED, KEPT_ENDED, MOVES, WAITING, Move, State
from gateway.home.model import HomeView
from gateway.observations import GESTURES, Kind

HOUR = 3600


@pytest.mark.parametrize("gesture", GESTURES)
def test_any_gesture_on_a_call_device_is_a_call(gesture: str) -> None:
    house = House()
    house.say(Kind.BUTTON, gesture, "bedroom")
    assert house.states() == ["DETECTED", "PRE_ALARM"]


def test_a_press_is_answered_at_once_and_raised_after_ten_seconds() -> None:
    house = House()
    house.press()
    assert house.said() == ["V01"]
    assert any(isinstance(a, AckDevice) and a.device == "bedroom" for a in house.actions)
    assert [a.pattern for a in house.actions if isinstance(a, Lamp)] == ["calling"]
    assert house.published() == []
    assert house.texts() == []
    house.wait(9.999)
    assert house.states() == ["DETECTED", "PRE_ALARM"]
    house.wait(0.001)
    assert house.states() == ["DETECTED", "PRE_ALARM", "RAISED"]
    assert house.at_s(State.RAISED) == 10.0


def test_raised_tells_platform_and_first_contact_in_the_same_result() -> None:
    house = House()
    house.press()
    result = house.wait(10)
    kinds = [a.kind for a in result.actions]
    assert "publish" in kinds
    assert "text" in kinds
    (message,) = house.published()
    assert (message["code"], message["severity"], message["state"]) == ("CALL_FIXED", "P0", "RAISED")
    (text,) = house.texts()
    assert (text.contact, text.template) == ("c1", "S01")
    assert text.params["place"] == "卧室"
    assert text.params["time"] == "08:15"
    assert text.params["ref"] == "01"


def test_nothing_an_action_carries_names_a_person() -> None:
    house = House()
    house.press()
    house.wait(HOUR)
    assert house.actions
    assert all(str(a.__class__.__dataclass_fields__.keys()).find("phone") < 0 for a in house.actions)
    assert {t.contact for t in house.texts()} <= {"c1", "c2", "n1"}


def test_cancel_within_the_window_ends_it_and_only_informs_the_platform() -> None:
    house = House()
    house.press()
    house.wait(5)
    house.press("cancel")
    house.wait(HOUR)
    assert house.states() == ["DETECTED", "PRE_ALARM", "CANCELLED_LOCAL"]
    assert house.said() == ["V01", "V06"]
    assert house.texts() == []
    assert house.published("alarm") == []
    (message,) = house.published("event")
    assert (message["state"], message["code"]) == ("CANCELLED_LOCAL", "CALL_FIXED")


def test_a_pre_alarm_of_zero_raises_at_once() -> None:
    house = House(call_button__pre_alarm_s=0)
    house.press()
    assert house.states() == ["DETECTED", "RAISED"]


def test_cancel_after_sending_withdraws_nothing() -> None:
    house = House()
    house.press()
    house.wait(12)
    house.press("cancel")
    assert house.states()[-1] == "CANCELLED_BY_USER"
    assert house.told("S11") == ["c1"]
    house.wait(120)
    assert house.told("S01") == ["c1", "c2"]  # the chain goes on
    house.reply("c2", "1")
    assert house.state() is State.ACCEPTED


def test_the_contact_answers_one_and_the_elder_hears_it() -> None:
    house = House()
    house.press()
    house.wait(15)
    house.reply("c1", "1")
    assert house.states()[-1] == "ACCEPTED"
    assert house.said()[-1] == "V03"
    assert house.published()[-1]["state"] == "ACCEPTED"
    house.wait(600)
    assert house.told("S01") == ["c1"]  # the chain stopped


def test_the_others_who_were_told_learn_who_goes() -> None:
    house = House()
    house.press()
    house.wait(10 + 121)
    house.reply("c2", "1")
    (text,) = house.texts("S10")
    assert text.contact == "c1"
    assert text.params["contact"] == "c2"


def test_two_means_no_and_the_next_contact_is_told_at_once() -> None:
    house = House()
    house.press()
    house.wait(20)
    house.reply("c1", "2")
    assert house.told("S01") == ["c1", "c2"]
    assert house.state() is State.RAISED


def test_the_list_is_gone_through_twice_then_nobody_is_left_but_the_platform() -> None:
    house = House()
    house.press()
    house.wait(10 + 6 * 120)
    assert house.told("S01", "S09") == ["c1", "c2", "n1", "c1", "c2", "n1"]
    assert house.states()[-1] == "UNANSWERED"
    before = len(house.published())
    house.wait(601)
    assert len(house.published()) == before + 1  # told again every ten minutes
    house.platform(1, "ACCEPTED")
    assert house.state() is State.ACCEPTED


def test_while_nobody_has_accepted_the_elder_hears_every_minute_that_we_try() -> None:
    house = House()
    house.press()
    house.wait(10)
    house.wait(180)
    assert house.said() == ["V01", "V02", "V04", "V04", "V04"]


def test_accepted_but_nobody_comes_reminds_and_then_goes_on() -> None:
    house = House()
    house.press()
    house.wait(20)
    house.reply("c1", "1")
    house.wait(30 * 60)
    assert (house.told("S01"), house.told("S25")) == (["c1"], ["c1"])  # reminded
    assert house.state() is State.ACCEPTED
    house.wait(15 * 60)
    assert house.state() is State.RAISED
    assert house.told("S01")[-1] == "c2"


def test_arrival_and_close_by_the_platform() -> None:
    house = House()
    house.press()
    house.wait(20)
    house.reply("c1", "1")
    house.say(Kind.VISIT, {"event": "arrived", "by": "c1"})
    assert house.state() is State.ATTENDED
    house.platform(1, "CLOSED", outcome="HELPED")
    assert house.states() == ["DETECTED", "PRE_ALARM", "RAISED", "ACCEPTED", "ATTENDED", "CLOSED"]
    assert house.published()[-1]["outcome"] == "HELPED"
    assert house.told("S12") == []  # c1 went; nobody else was told
    house.wait(24 * HOUR)
    assert house.states()[-1] == "CLOSED"


def test_who_was_told_and_did_not_go_learns_that_it_is_over() -> None:
    house = House()
    house.press()
    house.wait(131)
    house.reply("c2", "1")
    house.platform(1, "CLOSED", outcome="HELPED")
    (text,) = house.texts("S12")
    assert (text.contact, text.params["contact"]) == ("c1", "c2")


def test_a_press_comes_through_while_away_with_a_clock_of_1970() -> None:
    house = House()
    house.say(Kind.CLOCK, {"offset_ms": 0, "trust": "NONE"})
    house.say(Kind.AWAY, True)
    house.press()
    house.wait(10)
    assert house.state() is State.RAISED
    assert house.texts("S01")[0].params["time"] is None  # no clock vouches for an hour


def test_an_unknown_button_is_better_asked_than_missed() -> None:
    house = House(HomeView())
    house.press("never-enrolled")
    assert house.states() == ["DETECTED", "PRE_ALARM"]


def test_the_green_key_asks_for_service_without_urgency() -> None:
    house = House()
    house.press("service")
    assert house.states() == ["DETECTED", "RAISED"]
    assert house.controller.book.alarms[1].severity == "P2"
    assert house.told("S22") == ["c1"]
    house.wait(300)
    assert house.told("S22") == ["c1"]
    house.wait(301)
    assert house.told("S22") == ["c1", "c2"]


@pytest.mark.parametrize("code", [c for c in CODES.values() if c.flow not in (Flow.INFO, Flow.TECHNICAL)])
def test_every_alarm_code_can_be_raised_and_closed(code: object) -> None:
    house = House()
    desk = house.controller.desk
    desk.found(code.name, 0, "test")  # type: ignore[attr-defined]
    house._keep(house.controller.advance(0))
    house.wait(HOUR)
    assert "RAISED" in house.states()
    house.platform(1, "CLOSED", outcome="FALSE_ALARM")
    assert house.states()[-1] == "CLOSED"


def test_no_way_leads_from_raised_to_silence_but_a_person() -> None:
    """Invariant (ii) on the table itself."""
    person = {Move.ACCEPT, Move.ATTEND, Move.CLOSE}
    for (state, move), target in MOVES.items():
        if state in WAITING and move not in person:
            assert target in WAITING
        assert state not in ENDED
    assert {m for (s, m), t in MOVES.items() if t is State.CLOSED} == {Move.CLOSE}


def test_after_a_lapse_the_whole_list_is_asked_again_and_the_elder_hears_it() -> None:
    house = House()
    house.press()
    house.wait(10 + 5 * 120)
    house.reply("n1", "1")  # at the end of round two
    house.wait(46 * 60)
    assert house.state() is State.RAISED
    house.wait(2 * 120)
    assert house.told("S01", "S09")[-3:] == ["c1", "c2", "c1"]  # the first at the lapse, then one by one
    assert "V04" in house.said(len(house.actions) - 10)
    assert [a.pattern for a in house.actions if isinstance(a, Lamp)][-1] == "sent"


def test_a_rule_that_raises_costs_no_call_and_says_so() -> None:
    house = House()

    def broken(_: object) -> None:
        raise ZeroDivisionError("our fault")

    house.controller.rules[3].observe = broken  # type: ignore[method-assign,assignment]
    house.press()
    assert house.states() == ["DETECTED", "PRE_ALARM"]
    assert ("RULE_UNAVAILABLE", "inactivity", "fault") in [(n.code, n.subject, n.reason) for n in house.notices]
    house.wait(10)
    assert house.state() is State.RAISED


def test_one_lamp_shows_the_alarm_that_is_least_looked_after() -> None:
    house = House()
    house.press("bedroom")
    house.press("bathroom")
    house.wait(20)
    house.reply("c1", "1", "01")
    assert [a.pattern for a in house.actions if isinstance(a, Lamp)][-1] == "sent"
    house.reply("c1", "1", "02")
    assert [a.pattern for a in house.actions if isinstance(a, Lamp)][-1] == "accepted"


def test_an_alarm_that_outlived_a_hundred_others_is_still_there_when_its_end_is_told() -> None:
    """`replay` and the log look up what ended; the oldest was once forgotten in the very moment it ended."""
    house = House()
    house.press()
    house.wait(20)
    house.reply("c1", "1")
    for _ in range(KEPT_ENDED + 5):
        house.press("bathroom")
        house.press("cancel")
        house.wait(40)
    house.platform(1, "CLOSED", outcome="HELPED")
    assert house.state(1) is State.CLOSED
    assert len(house.controller.book.alarms) <= KEPT_ENDED + 2


def test_the_cancel_key_answers_after_sending_too_and_says_what_is_true() -> None:
    """Who presses and hears nothing presses again and again (domain 0-10)."""
    house = House()
    house.press()
    house.wait(20)
    before = len(house.actions)
    house.press("cancel")
    assert house.said(before) == ["V04"], "it goes on"
    assert house.state() is State.CANCELLED_BY_USER
    house.press("cancel")
    assert house.said(before) == ["V04"], "once"
    assert house.told("S11") == ["c1"]


def test_the_cancel_key_speaks_once_of_several_and_never_of_a_duress() -> None:
    house = House()
    house.press("bedroom")
    house.press("bathroom")
    house.controller.desk.found("DURESS", 0, "duress_pressed", None, {})
    house.wait(20)
    before = len(house.actions)
    house.press("cancel")
    assert house.said(before) == ["V04"]
    assert [house.state(n) for n in (1, 2, 3)] == [State.CANCELLED_BY_USER] * 2 + [State.RAISED]


@pytest.mark.parametrize("key", ["green", None])
def test_an_answer_that_comes_after_five_minutes_withdraws_nothing_and_is_told(key: str | None) -> None:
    """She walks slowly. Her son has read "问话没有回应", and is not to think so any longer than it is true."""
    house = House()
    house.controller.desk.found("INACTIVITY", 0, "no_activity", None, {"limit_h": 12})
    house.wait(5 * 60 + 30)
    assert house.told("S03") == ["c1"]
    before = len(house.actions)
    house.press(key) if key else house.say(Kind.OK)
    assert house.said(before) == ["V20", "V04"]
    assert house.told("S11") == ["c1"]
    assert house.states()[-1] == "CANCELLED_BY_USER"
    assert (house.published()[-1]["state"], house.published()[-1]["reason"]) == ("CANCELLED_BY_USER", "ok_reported")
    house.press(key) if key else house.say(Kind.OK)
    assert house.told("S11") == ["c1"], "once"
    house.wait(120)
    assert house.told("S03") == ["c1", "c2"], "nobody has accepted: the chain goes on"
    house.reply("c1", "1")
    assert house.state() is State.ACCEPTED


def test_the_green_key_says_nothing_of_a_call_for_help() -> None:
    house = House()
    house.press()
    house.wait(20)
    house.press("green")
    assert house.state() is State.RAISED
    assert house.told("S11") == []
