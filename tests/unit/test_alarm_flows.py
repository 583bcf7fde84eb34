"""The flows beside the button: falls, detectors, duress, tests, night, mute, stuck keys (domain 3.2, 4.1, issue 4)."""

from __future__ import annotations

import pytest
from sensor_rooms import house_of
from virtual_home import House, home

from gateway.actions import AckDevice, Call, Say
from gateway.alarms.life import WAITING, State
from gateway.home.model import Contact, Device
from gateway.observations import Kind

MINUTE = 60
HOUR = 3600


def find(house: House, code: str, device: str | None = None, **more: object) -> None:
    """A rule finds something now."""
    desk = house.controller.desk
    desk.found(code, house.now_ms, "test", device, **more)  # type: ignore[arg-type]
    house._keep(house.controller.advance(house.now_ms))


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


# ---- smoke, gas, CO, water


@pytest.mark.parametrize(("code", "template"), [("SMOKE", "S05"), ("GAS", "S05-gas"), ("CO", "S05")])
def test_smoke_gas_and_co_tell_everybody_at_once_and_sound_the_siren(code: str, template: str) -> None:
    house = House()
    find(house, code)
    assert house.states() == ["DETECTED", "RAISED"]
    assert house.told(template) == ["c1", "c2", "n1"]
    assert house.sirens() == ["on"]


@pytest.mark.parametrize("code", ["FLOOD", "HEAT_FIRE", "GEOFENCE_EXIT", "CALL_FIXED", "DURESS", "FALL"])
def test_the_siren_is_for_smoke_gas_and_co_only(code: str) -> None:
    house = House()
    find(house, code)
    house.wait(HOUR)
    house.platform(1, "CLOSED", outcome="HELPED")
    assert house.sirens() == []


@pytest.mark.parametrize(
    ("code", "prompt", "in_a_minute"), [("SMOKE", "V09", 5), ("GAS", "V10", 5), ("FLOOD", "V11", 2)]
)
def test_the_warning_is_spoken_again_and_again(code: str, prompt: str, in_a_minute: int) -> None:
    house = House()
    find(house, code)
    house.wait(60)
    assert house.said().count(prompt) == in_a_minute
    house.wait(HOUR)
    before = len(house.actions)
    house.wait(HOUR)
    assert prompt not in house.said(before)


def test_a_promise_from_afar_ends_no_warning_but_somebody_at_the_door_does() -> None:
    house = House()
    find(house, "SMOKE")
    house.reply("c1", "1")
    before = len(house.actions)
    house.wait(60)
    assert "V09" in house.said(before)
    house.say(Kind.VISIT, {"event": "arrived", "by": "n1"})
    before = len(house.actions)
    house.wait(60)
    assert house.said(before) == []
    assert house.sirens() == ["on", "off"]


def test_the_cancel_key_hushes_the_home_and_withdraws_nothing() -> None:
    house = House()
    find(house, "SMOKE")
    house.press("cancel")
    before = len(house.actions)
    house.wait(59)
    assert house.sirens() == ["on", "off"]
    assert "V09" not in house.said(before)
    assert house.state() is State.RAISED
    assert house.told("S11") == []


def test_a_detector_that_chatters_has_one_alarm() -> None:
    house = House()
    for _ in range(20):
        find(house, "SMOKE", "kitchen-smoke")
        house.wait(3)
    assert list(house.controller.book.alarms) == [1]
    assert house.told("S05") == ["c1", "c2", "n1"]


def test_in_a_gas_alarm_every_contact_with_a_telephone_is_called_and_the_home_is_not() -> None:
    view = home(contacts=(Contact("c1", 1, channels=("sms", "call")), Contact("land", 2, channels=("call",))))
    house = House(view)
    find(house, "GAS")
    assert house.called() == ["c1", "land"]
    assert house.told("S05-gas") == ["c1"]


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


# ---- the night


@pytest.fixture
def night() -> House:
    house = House()
    house.at_the_hour(23)
    return house


def test_by_night_what_is_not_urgent_is_the_platforms_first_and_the_contacts_in_the_morning(night: House) -> None:
    find(night, "TEMP_LOW")
    night.wait(5 * MINUTE)
    night.controller.desk.recovered("TEMP_LOW", night.now_ms, "back_in_range")
    assert night.states() == ["DETECTED", "PRE_ALARM", "RAISED"]
    assert [m["state"] for m in night.published()] == ["RAISED"]
    assert night.texts() == []
    assert "V02" not in night.said()  # nobody is being reached
    night.at_the_hour(5, 59)
    assert night.texts() == []
    night.wait(60)
    assert night.told("S22") == ["c1"]
    night.wait(10 * MINUTE)
    assert night.told("S22") == ["c1", "c2"]


def test_what_lasts_does_not_wait_for_the_morning(night: House) -> None:
    find(night, "TEMP_LOW")
    night.wait(HOUR)
    find(night, "TEMP_LOW")
    assert night.told("S22") == ["c1"]
    assert list(night.controller.book.alarms) == [1]


def test_what_goes_on_for_an_hour_does_not_wait_for_the_morning(night: House) -> None:
    find(night, "TEMP_LOW")
    night.wait(5 * MINUTE + HOUR - 1)
    assert night.texts() == []
    night.wait(1)
    assert night.told("S22") == ["c1"]
    assert [e.reason for e in night.events if e.what == "persisting"] == ["goes_on"]
    night.wait(10 * MINUTE)
    assert night.told("S22") == ["c1", "c2"]


def test_what_is_over_within_the_hour_waits_and_is_still_told_in_the_morning(night: House) -> None:
    find(night, "TEMP_LOW")
    night.wait(30 * MINUTE)
    night.controller.desk.recovered("TEMP_LOW", night.now_ms, "back_in_range")
    assert night.state() is State.RAISED  # only people end it
    night.at_the_hour(5, 59)
    assert night.texts() == []
    night.wait(60)
    assert night.told("S22") == ["c1"]


def test_a_sensor_lost_is_no_sign_that_it_is_over(night: House) -> None:
    find(night, "TEMP_LOW")
    night.wait(30 * MINUTE)
    night.controller.desk.recovered("TEMP_LOW", night.now_ms, "rule_unavailable")
    night.wait(35 * MINUTE)
    assert night.told("S22") == ["c1"]


def test_what_begins_shortly_before_the_morning_is_told_with_it() -> None:
    house = House(inactivity__enabled=0)
    house.at_the_hour(5, 30)
    find(house, "TEMP_LOW")
    house.wait(5 * MINUTE)
    assert "persist" not in house.controller.book.alarms[1].timers
    house.wait(25 * MINUTE)
    assert house.told("S22") == ["c1"]


def test_who_takes_it_at_night_is_not_overtaken_by_its_going_on(night: House) -> None:
    find(night, "TEMP_LOW")
    night.wait(10 * MINUTE)
    night.platform(1, "ACCEPTED")
    assert night.controller.book.alarms[1].timers == {}
    night.wait(9 * HOUR)
    assert night.texts() == []


def test_a_real_room_that_stays_cold_wakes_the_family_and_one_that_warms_up_does_not() -> None:
    for warms_up in (False, True):
        house = house_of(Device("th", "temperature", room="r1"))
        house.at_the_hour(23)
        for minute in range(120):
            cold = not (warms_up and minute > 20)
            house.say(Kind.TEMPERATURE, 5.0 if cold else 15.0, "th")
            house.wait(60)
        assert house.told("S22")[:1] == ([] if warms_up else ["c1"])


def test_a_long_absence_noticed_at_night_waits_and_who_comes_home_lets_it_wait() -> None:
    def away_since_yesterday() -> House:
        house = House()
        house.at_the_hour(23)
        house.say(Kind.AWAY, True)
        house.wait(24 * HOUR)
        assert house.states() == ["DETECTED", "RAISED"]
        return house

    house = away_since_yesterday()
    assert (house.texts(), "V02" in house.said()) == ([], False)  # P2; and nobody is there to hear
    house.wait(HOUR)
    assert house.told("S22") == ["c1"]
    house = away_since_yesterday()
    house.wait(30 * MINUTE)
    house.say(Kind.CONTACT, "open", "front-door")
    house.wait(5)
    house.say(Kind.MOTION, True, "hall-pir")
    house.wait(2 * HOUR)
    assert house.texts() == []


@pytest.mark.parametrize("code", ["SERVICE_REQUEST", "INACTIVITY", "CALL_FIXED", "SMOKE", "FALL"])
def test_neither_urgency_nor_the_green_key_waits_for_the_morning(night: House, code: str) -> None:
    find(night, code)
    night.wait(5 * MINUTE)
    assert night.texts()


def test_by_a_clock_that_nobody_vouches_for_nothing_waits(night: House) -> None:
    night.say(Kind.CLOCK, {"offset_ms": night.controller.offset_ms, "trust": "NONE"})
    find(night, "TEMP_LOW")
    night.wait(5 * MINUTE)
    assert night.told("S22") == ["c1"]


def test_at_night_what_is_not_urgent_is_asked_three_times_at_most(night: House) -> None:
    find(night, "TEMP_LOW")
    night.wait(5 * MINUTE)
    assert night.said().count("V08") == 3
    find(night, "INACTIVITY")
    before = len(night.actions)
    night.wait(5 * MINUTE - 1)
    assert night.said(before).count("V08") == 4


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
