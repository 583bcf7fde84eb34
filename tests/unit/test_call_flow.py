"""The button flow of domain 3.2, from press to close, on a virtual clock."""

from __future__ import annotations

import pytest
from virtual_home import House, home

from gateway.actions import AckDevice, Lamp
from gateway.alarms.codes import CODES, Flow
from gateway.alarms.life import ENDED, KEPT_ENDED, MOVES, WAITING, Move, State
from gateway.home.model import Contact, HomeView
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


def test_without_a_contact_the_platform_gets_one_interval() -> None:
    house = House(home(contacts=()))
    house.press()
    house.wait(10 + 120)
    assert house.states()[-1] == "UNANSWERED"


def test_while_nobody_has_accepted_the_elder_hears_every_minute_that_we_try() -> None:
    house = House()
    house.press()
    house.wait(10)
    house.wait(180)
    assert house.said() == ["V01", "V02", "V04", "V04", "V04"]


def test_with_both_paths_down_nothing_is_promised() -> None:
    house = House()
    house.say(Kind.CONDITION, {"code": "CELL_LOST", "on": True})
    house.say(Kind.CONDITION, {"code": "UPLINK_LOST", "on": True})
    house.press()
    house.wait(71)
    assert house.said() == ["V01", "V05", "V05"]


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


def test_repeat_presses_join_and_each_gets_feedback() -> None:
    house = House()
    house.press()
    house.wait(3)
    house.press()
    house.wait(1)
    house.press()
    assert list(house.controller.book.alarms) == [1]
    assert house.controller.book.alarms[1].presses == 3
    assert house.said() == ["V01", "V01", "V01"]
    house.wait(6)
    assert house.at_s(State.RAISED) == 10.0  # repeats do not put it off


def test_a_press_of_another_button_is_an_alarm_of_its_own() -> None:
    house = House()
    house.press("bedroom")
    house.wait(2)
    house.press("pendant")
    assert [a.code for a in house.controller.book.alarms.values()] == ["CALL_FIXED", "CALL_PERSONAL"]


def test_a_press_long_after_the_first_is_a_new_alarm() -> None:
    house = House()
    house.press()
    house.wait(31)
    house.press()
    assert len(house.controller.book.alarms) == 2


def test_a_press_after_acceptance_tells_the_acceptor_and_the_platform_again() -> None:
    house = House()
    house.press()
    house.wait(20)
    house.reply("c1", "1")
    before = len(house.published())
    house.wait(60)
    house.press()
    assert house.state() is State.ACCEPTED
    assert house.told("S01") == ["c1", "c1"]
    assert house.published()[before]["presses"] == 2
    assert list(house.controller.book.alarms) == [1]


def test_the_same_packet_heard_twice_is_one_press() -> None:
    house = House()
    house.press(key="ble:bedroom:5001:0")
    house.press(key="ble:bedroom:5001:0")
    assert house.controller.book.alarms[1].presses == 1


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


def test_without_consent_family_is_not_told_of_what_is_not_urgent() -> None:
    house = House(home(consents={"MONITORING": True}))
    house.press("service")
    assert house.texts() == []
    house.press("bedroom")
    house.wait(10)
    assert house.told("S01") == ["c1"]  # an open life-safety alarm needs none


def visited_and_asked_for_service(house: House) -> None:
    """A call that somebody attends to, and then the green key's wish, which c1 has never heard of."""
    house.press("bedroom")
    house.wait(20)
    house.platform(1, "ATTENDED")
    house.press("service")


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


# ---- found in review


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


def test_a_press_that_cannot_be_verified_opens_one_alarm_however_often_it_comes() -> None:
    house = House()
    for _ in range(60):
        house.say(Kind.CONDITION, {"code": "UNVERIFIED_PRESS"}, "bedroom")
        house.wait(60)
    assert list(house.controller.book.alarms) == [1]
    house = House()
    for n in range(20):
        house.press(key=f"ble:bedroom:{n}:0:suspect")
        house.wait(40)
    assert list(house.controller.book.alarms) == [1]


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


def test_a_contact_removed_in_the_middle_does_not_hide_the_next() -> None:
    house = House()
    house.press()
    house.wait(12)
    view = home(contacts=(Contact("c2", 2), Contact("n1", 1, "primary_visit_contact")))
    house.say(Kind.CONFIG, view.to_json())
    house.wait(120)
    assert house.told("S01") == ["c1", "c2"]


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
