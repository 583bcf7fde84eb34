"""T-15: one report a day to the platform, in this gateway's own slot, and what it may and may not say (domain 5.2)."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from every_kind_home import Script, fresh, observations, scripts
from hypothesis import given, settings
from virtual_home import House, home

from gateway.alarms.life import State
from gateway.controller import Controller
from gateway.controller.signals import heed
from gateway.home.model import Device, HomeView
from gateway.observations import Kind
from gateway.rules.civil import CivilTime
from gateway.rules.rule import PlainRule, Rule, Technical
from gateway.rules.table import all_rules
from gateway.rules.technical import TechnicalConditions
from gateway.upstream.messages import MAX_EVENT_BYTES, upward

MIN, HOUR, DAY = 60.0, 3600.0, 86400.0


class Row:
    seq, prio, channel, created_t = 1, 3, "summary", 0

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body


def summaries(house: House) -> list[dict[str, Any]]:
    return house.published("summary")


def condition(house: House, code: str, *, on: bool, subject: str = "") -> None:
    """What the machine reports, and has for so long that it is believed."""
    technical = next(rule for rule in house.controller.rules if isinstance(rule, TechnicalConditions))
    (technical.on.add if on else technical.on.discard)((code, subject))
    heed(house.controller, (Technical(code, subject, on, "test"),), house.now_ms)
    house._keep(house.controller.advance(house.now_ms))


def lives(house: House, days: int, hours: range = range(7, 21)) -> None:
    """Days of ordinary life: somebody moves at these hours."""
    for _ in range(days * 24):
        hour = house.controller.civil.ms_of_day(house.now_ms) // 3_600_000
        house.say(Kind.MOTION, hour in hours, "hall-pir")
        house.wait(HOUR)


# ---- once, in its slot


@pytest.mark.parametrize("slot", [0, 1, 77, 120])
def test_it_goes_once_a_day_in_this_gateways_own_slot(slot: int) -> None:
    house = House(summary__slot_min=slot)
    house.at_the_hour(6)
    house.wait(slot * MIN - 0.001 if slot else 0)
    assert len(summaries(house)) == (slot == 0)
    house.wait(0.001)
    assert len(summaries(house)) == 1
    house.wait(DAY - 1)
    assert len(summaries(house)) == 1
    house.wait(1)
    assert [s["date"] for s in summaries(house)] == ["2026-03-01", "2026-03-02"]


def test_each_speaks_of_the_time_since_the_last() -> None:
    house = House()
    house.wait(3 * DAY)
    first, second, third = summaries(house)
    assert first["from"] == "2026-03-01T00:15:30.000Z"  # since the gateway came, at a quarter past eight
    assert first["to"] == second["from"] == "2026-03-01T22:00:00.000Z"
    assert second["to"] == third["from"]


def test_on_the_day_the_gateway_comes_a_slot_that_is_over_is_let_pass() -> None:
    house = House(summary__slot_min=0)  # it is a quarter past eight
    house.wait(21 * HOUR)
    assert summaries(house) == []


def test_a_gateway_that_was_off_in_its_slot_writes_it_when_it_is_on_again_and_only_once() -> None:
    house = House()
    house.at_the_hour(5, 30)
    house.now_ms += 4 * 3_600_000
    house.say(Kind.RESTART)
    house.wait(MIN)
    (late,) = summaries(house)
    assert (late["date"], late["service"]["off_s"], late["service"]["restarts"]) == ("2026-03-01", 4 * 3600, 1)
    house.wait(DAY - 6 * HOUR)
    assert len(summaries(house)) == 1
    house.wait(4 * HOUR)
    assert len(summaries(house)) == 2


def test_after_days_off_there_is_one_that_says_since_when_and_not_one_for_each_day() -> None:
    house = House()
    house.wait(DAY)
    house.now_ms += 3 * 86_400_000
    house.say(Kind.RESTART)
    house.wait(HOUR)
    assert [s["date"] for s in summaries(house)] == ["2026-03-01", "2026-03-04"]
    assert summaries(house)[1]["from"] == summaries(house)[0]["to"]


def test_a_clock_that_was_set_is_waited_for_and_without_one_it_goes_a_day_after_the_last() -> None:
    house = House()
    step = {"offset_ms": house.controller.offset_ms + 7_200_000, "trust": "NTP", "step_ms": 7_200_000}
    house.say(Kind.CLOCK, step)
    house.wait(DAY - 1)
    assert summaries(house) == []
    house.wait(2)
    assert len(summaries(house)) == 1
    house.say(Kind.CLOCK, {"offset_ms": house.controller.offset_ms, "trust": "NONE", "step_ms": 0})
    house.wait(DAY - 3)
    assert len(summaries(house)) == 1
    house.wait(2 * DAY)
    assert [s["date"] for s in summaries(house)] == ["2026-03-01", None, None]
    assert summaries(house)[1]["to"] == summaries(house)[2]["from"]
    assert "activity" not in summaries(house)[2] or summaries(house)[2]["activity"]["trend"] == "UNKNOWN"


def test_it_can_be_switched_off() -> None:
    house = House(summary__enabled=0)
    house.wait(3 * DAY)
    assert summaries(house) == []


def test_a_restart_neither_repeats_nor_forgets() -> None:
    house = House()
    house.press()
    condition(house, "MAINS_FAIL", on=True)
    house.wait(HOUR)
    state = json.loads(json.dumps(house.controller.to_json()))
    house.controller = Controller.from_json(state)
    assert json.loads(json.dumps(house.controller.to_json())) == state
    house.at_the_hour(6)
    (summary,) = summaries(house)
    assert summary["alarms"] == {"CALL_FIXED": 1}
    house.controller = Controller.from_json(house.controller.to_json())
    house.wait(23 * HOUR)
    assert len(summaries(house)) == 1


def test_recovery_from_the_record_alone_comes_to_the_same_account() -> None:
    house = House()
    house.press()
    lives(house, 2)
    house.say(Kind.RECORDER, False)
    house.wait(2 * HOUR)
    house.say(Kind.RECORDER, True)
    rebuilt = Controller(home(), offset_ms=house.controller.offset_ms, trust="NTP")
    for observation, events in house.history:
        rebuilt.rebuild(observation, events)
    rebuilt.rebuilt()
    for name in ("daily_summary", "daily_line"):
        now, again = (next(r for r in c.rules if r.name == name).to_json() for c in (house.controller, rebuilt))
        assert again == now


# ---- what it says


def test_what_was_wrong_and_for_how_long() -> None:
    house = House()
    house.wait(HOUR)
    condition(house, "MAINS_FAIL", on=True)
    house.wait(2 * HOUR)
    condition(house, "MAINS_FAIL", on=False)
    condition(house, "UPLINK_LOST", on=True)
    condition(house, "DEVICE_LOST", on=True, subject="hall-pir")
    house.at_the_hour(6)
    lost_s = (house.now_ms - 3 * 3_600_000) // 1000
    (summary,) = summaries(house)
    assert summary["service"] == {
        "restarts": 0, "off_s": 0, "mains_off_s": 7200, "uplink_lost_s": lost_s, "cell_lost_s": 0,
    }  # fmt: skip
    assert (summary["conditions"], summary["conditions_n"]) == ([["DEVICE_LOST", "hall-pir"], ["UPLINK_LOST", ""]], 2)
    house.wait(DAY)
    assert summaries(house)[1]["service"]["uplink_lost_s"] == 86_400  # it goes on, and is not counted twice


def test_no_alarm_is_worth_what_was_armed_to_find_one() -> None:
    house = House()
    house.at_the_hour(6)
    rules = summaries(house)[0]["rules"]
    statuses = house.controller.statuses()
    assert rules["armed"] == sum(s.readiness.value == "ARMED" for s in statuses.values())
    assert set(rules) == {"armed", "learning", "unavailable", "off"}
    assert "inactivity" in rules["unavailable"] or statuses["inactivity"].readiness.value != "UNAVAILABLE"


def cancelled(house: House) -> None:
    house.press()
    house.wait(5)
    house.press("cancel")
    house.wait(MIN)


def test_three_presses_by_mistake_in_a_week_want_somebody_to_show_how_it_is_done() -> None:
    """Domain A11. What people closed as false counts with what the elder cancelled in time."""
    house = House()
    cancelled(house)
    cancelled(house)
    house.at_the_hour(6)
    assert (summaries(house)[-1]["mistaken"], summaries(house)[-1]["coach"]) == ({"since": 2, "week": 2}, False)
    house.press()
    house.wait(11)
    house.platform(3, "CLOSED", outcome="FALSE_ALARM")
    house.press("bathroom")
    house.wait(11)
    house.platform(4, "CLOSED", outcome="HELPED")
    rebuilt = Controller(home(), offset_ms=house.controller.offset_ms, trust="NTP")
    for observation, events in house.history:
        rebuilt.rebuild(observation, events)
    rebuilt.rebuilt()
    now, again = (next(r for r in c.rules if r.name == "daily_summary").to_json() for c in (house.controller, rebuilt))
    assert again == now
    house.at_the_hour(5)
    house.at_the_hour(6)
    assert (summaries(house)[-1]["mistaken"], summaries(house)[-1]["coach"]) == ({"since": 1, "week": 3}, True)
    for _ in range(6):
        house.wait(DAY)
    assert (summaries(house)[-1]["mistaken"], summaries(house)[-1]["coach"]) == ({"since": 0, "week": 1}, False)


def test_a_question_of_ours_that_the_elder_cancels_is_no_mistake_of_theirs() -> None:
    house = House(inactivity__limit_h=4, inactivity__learned=0)
    for _ in range(3):
        house.say(Kind.MOTION, True, "hall-pir")
        for _ in range(4):
            house.say(Kind.SEEN, True, "hall-pir")
            house.wait(HOUR - MIN)  # asked five minutes before
        house.press("cancel")
    assert [a.state for a in house.controller.book.alarms.values()] == [State.CANCELLED_LOCAL] * 3
    house.at_the_hour(6)
    assert (summaries(house)[-1]["mistaken"]["week"], summaries(house)[-1]["coach"]) == (0, False)


def test_an_exchanged_meter_is_no_condition_for_ever() -> None:
    house = House()
    heed(house.controller, (Technical("METER_REBASED", "w", True, "meter_rebased"),), house.now_ms)
    house.at_the_hour(6)
    assert "METER_REBASED" not in [code for code, _ in summaries(house)[-1]["conditions"]]


@pytest.mark.parametrize(
    ("name", "question", "block"), [("visits", "assessments", "visits"), ("daily_line", "yesterday", "activity")]
)
def test_a_rule_that_fails_when_it_is_asked_costs_its_block_and_nothing_else(
    name: str, question: str, block: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A23: the summary goes, and what was decided in the same moment with it."""
    house = House()
    rule = next(r for r in house.controller.rules if r.name == name)

    def fails(_: int) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(rule, question, fails)
    house.at_the_hour(6)
    assert len(summaries(house)) == 1
    assert block not in summaries(house)[-1]
    assert set(house.controller.faults) == {name}
    house.wait(DAY)
    assert len(summaries(house)) == 2


def test_time_of_which_nothing_was_recorded_or_in_which_it_was_off_was_not_watched() -> None:
    house = House()
    house.at_the_hour(9)
    house.say(Kind.RECORDER, False)
    house.wait(3 * HOUR)
    house.say(Kind.RECORDER, True)
    house.at_the_hour(20)
    house.now_ms += 2 * 3_600_000
    house.say(Kind.RESTART)
    house.at_the_hour(6)
    (summary,) = summaries(house)
    assert summary["watched_min"] == (house.now_ms - 5 * 3_600_000) // 60_000
    house.say(Kind.RECORDER, False)
    house.wait(2 * DAY)
    assert summaries(house)[-1]["watched_min"] == 0


def test_the_day_against_the_usual_ones_as_an_index_of_tens() -> None:
    house = House()
    lives(house, 6)
    assert summaries(house)[0]["activity"] == {"blind_h": 0, "trend": "UNKNOWN"}
    assert summaries(house)[-1]["activity"] == {"blind_h": 0, "trend": "NORMAL", "index": 100}
    house.at_the_hour(0)
    lives(house, 1, range(9, 12))
    house.at_the_hour(6)
    assert summaries(house)[-1]["activity"] == {"blind_h": 0, "trend": "VERY_LOW", "index": 20}


def test_a_day_nobody_could_see_has_no_index() -> None:
    house = House()
    lives(house, 6)
    house.at_the_hour(0)
    house.say(Kind.RECORDER, False)
    for hour in range(24):
        if hour == 10:
            house.say(Kind.RECORDER, True)
        house.say(Kind.MOTION, hour in range(10, 21), "hall-pir")
        house.wait(HOUR)
    house.at_the_hour(6)
    assert summaries(house)[-1]["activity"] == {"blind_h": 10, "trend": "UNKNOWN"}


def test_without_the_consent_nothing_is_said_of_the_elder_nor_of_visits() -> None:
    settings = {"visits.class": 2.0}
    house = House(home(consents={"NOTIFY_FAMILY": True, "MONITORING": False}, settings=settings))
    lives(house, 6)
    for summary in summaries(house):
        assert "activity" not in summary
        assert "visits" not in summary
    house = House(home(consents={"MONITORING": True, "VISITS": True}, settings=settings))
    lives(house, 6)
    last = summaries(house)[-1]
    assert last["activity"]["trend"] == "NORMAL"
    assert last["visits"][0]["next_due_on"] == "2026-03-15"
    assert last["consents"] == {"MONITORING": True, "VISITS": True}


CONSENTED = {
    "HEALTH_DATA": ["VITAL_OUT_OF_RANGE"],
    "WHEREABOUTS": ["GEOFENCE_EXIT"],
    "MONITORING": ["FALL", "INACTIVITY", "NIGHT_EXIT", "WATER_LOW_USE"],
}
ALWAYS = ["CALL_FIXED", "DURESS", "SERVICE_REQUEST", "SMOKE", "TEST_MANUAL", "UNVERIFIED_PRESS"]


@pytest.mark.parametrize("withdrawn", ["HEALTH_DATA", "WHEREABOUTS", "MONITORING", "NOTIFY_FAMILY"])
def test_alarms_of_a_consent_that_is_withdrawn_are_counted_no_longer(withdrawn: str) -> None:
    """Domain 5.4. Who calls for help, and what smokes, is told of whatever was agreed."""
    consents = dict.fromkeys([*CONSENTED, "NOTIFY_FAMILY"], True)
    house = House(home(consents=consents))
    for code in [*ALWAYS, *(code for codes in CONSENTED.values() for code in codes)]:
        house.controller.daily_summary.alarmed(code, house.now_ms)
    house.wait(HOUR)
    house.say(Kind.CONFIG, home(consents=consents | {withdrawn: False}).to_json())
    house.at_the_hour(6)
    told = [code for consent, codes in CONSENTED.items() if consent != withdrawn for code in codes]
    assert summaries(house)[-1]["alarms"] == dict.fromkeys(sorted([*ALWAYS, *told]), 1)


def test_a_heart_that_raced_before_health_data_was_withdrawn_is_told_of_no_more() -> None:
    consents = {"MONITORING": True, "NOTIFY_FAMILY": True, "HEALTH_DATA": True}
    house = House(home(consents=consents))
    house.press()
    for _ in range(40):
        house.say(Kind.HEART_RATE, 190, "pendant")
        house.wait(30)
    assert "VITAL_OUT_OF_RANGE" in {alarm.code for alarm in house.controller.book.alarms.values()}
    house.say(Kind.CONFIG, home(consents=consents | {"HEALTH_DATA": False}).to_json())
    house.at_the_hour(6)
    assert summaries(house)[-1]["alarms"] == {"CALL_FIXED": 1}


def test_a_consent_withdrawn_forgets_yesterday() -> None:
    house = House()
    lives(house, 6)
    house.at_the_hour(3)
    house.say(Kind.CONFIG, home(consents={"MONITORING": False}).to_json())
    house.say(Kind.CONFIG, home().to_json())
    house.at_the_hour(6)
    assert "index" not in summaries(house)[-1].get("activity", {})


def test_it_names_nobody_and_tells_no_curve() -> None:
    house = House(home(consents={"MONITORING": True, "VISITS": True, "HEALTH_DATA": True}))
    house.say(Kind.HEART_RATE, 71, "pendant")
    house.press()
    house.wait(11)
    house.reply("c1", "1")
    lives(house, 4)
    text = json.dumps(summaries(house), ensure_ascii=False)
    for never in ("c1", "71", "卧室", "bedroom", "heart_rate"):
        assert never not in text, never


def test_it_fits_one_message_whatever_is_wrong() -> None:
    house = House()
    for n in range(300):
        condition(house, "DEVICE_BATTERY_LOW", on=True, subject=f"{n:04d}-" + "x" * 59)
    house.at_the_hour(6)
    (summary,) = summaries(house)
    assert (len(summary["conditions"]), summary["conditions_n"]) == (40, 301)  # and the motion sensor
    channel, data = upward(Row(summary), gateway="g" * 64, epoch="e" * 32, late=False)
    assert (channel, "cut" in json.loads(data)) == ("summary", False)
    assert len(data) <= MAX_EVENT_BYTES


def test_a_home_of_which_nothing_is_known_has_one_too() -> None:
    house = House(HomeView())
    house.at_the_hour(6)
    (summary,) = summaries(house)
    assert "activity" not in summary
    assert summary["alarms"] == {}


def test_an_account_begins_with_the_rule_and_not_with_the_gateway() -> None:
    """Of an old gateway that was updated: it has not watched a month since yesterday."""
    house = House()
    house.wait(30 * DAY)
    data = house.controller.to_json()
    del data["rules"]["daily_summary"]
    house.controller = Controller.from_json(data)
    before = len(summaries(house))
    house.wait(DAY)
    assert summaries(house)[before]["watched_min"] <= 24 * 60


def updated(house: House) -> None:
    """By a version that had no daily summary."""
    data = json.loads(json.dumps(house.controller.to_json()))
    del data["rules"]["daily_summary"]
    house.controller = Controller.from_json(data)


def test_what_was_wrong_before_an_update_is_wrong_after_it() -> None:
    house = House()
    house.say(Kind.BATTERY, 3, "pendant")
    house.say(Kind.CONDITION, {"code": "MAINS_FAIL", "on": True})
    house.wait(5 * HOUR)  # the motion sensor, which tells each hour, is lost by then
    updated(house)
    at_s = house.now_ms // 1000
    house.at_the_hour(6)
    summary = summaries(house)[-1]
    assert summary["conditions"] == [["DEVICE_BATTERY_LOW", "pendant"], ["DEVICE_LOST", "hall-pir"], ["MAINS_FAIL", ""]]
    assert summary["conditions_n"] == 3
    assert summary["service"]["mains_off_s"] == house.now_ms // 1000 - at_s  # what was before, it cannot know
    house.say(Kind.CONDITION, {"code": "MAINS_FAIL", "on": False})
    house.say(Kind.BATTERY, 100, "pendant")
    house.say(Kind.MOTION, True, "hall-pir")
    house.wait(HOUR)
    house.say(Kind.MOTION, True, "hall-pir")
    house.at_the_hour(5)
    house.say(Kind.MOTION, True, "hall-pir")
    house.at_the_hour(6)
    assert "METER_REBASED" not in [code for code, _ in summaries(house)[-1]["conditions"]]
    assert summaries(house)[-1]["service"]["mains_off_s"] == 300  # until it was believed to be back


def test_what_only_happens_is_not_on_for_ever() -> None:
    """A meter that begins anew is told of once; it has no end."""
    house = House(home(devices={"m": Device("m", "electricity_meter", interval_s=3600)}))
    for kwh in (100.0, 100.5, 3.0, 3.1):  # one strange reading is no news
        house.say(Kind.ENERGY, kwh, "m")
        house.wait(HOUR)
    assert [e["state"] for e in house.published("event") if e["code"] == "METER_REBASED"] == ["RAISED"]
    for _ in range(24):
        kwh += 0.1
        house.say(Kind.ENERGY, kwh, "m")
        house.wait(HOUR)
    assert "METER_REBASED" not in [code for code, _ in summaries(house)[-1]["conditions"]]


def test_a_rule_that_fails_when_it_is_asked_what_is_on_costs_its_own_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    condition(house, "UPLINK_LOST", on=True)

    def fails() -> None:
        raise ZeroDivisionError("a fault of ours")

    rule = next(r for r in house.controller.rules if r.name == "leak")
    monkeypatch.setattr(rule, "conditions", fails)
    house.at_the_hour(6)
    (summary,) = summaries(house)
    assert ["UPLINK_LOST", ""] in summary["conditions"]
    assert set(house.controller.faults) == {"leak"}
    assert "leak" in summary["rules"]["unavailable"]
    updated(house)  # by a snapshot of then, which is read
    assert house.controller.faults == {}


PASSING = {"METER_REBASED", "HAZARD_CLEARED", "TEST_MANUAL"}
"""Told, and neither on nor off from then; or a test that became a fire, which is no end."""


@given(scripts)
@settings(deadline=None, max_examples=25)
def test_what_rules_hold_on_is_what_they_said_began_and_did_not_say_ended(script: Script) -> None:
    controller = fresh(visits__class=2.0)
    told: set[tuple[str, str]] = set()

    def changed(signal: Technical, _t: int) -> None:
        (told.add if signal.on else told.discard)((signal.code, signal.subject))

    controller.daily_summary.changed = changed  # type: ignore[method-assign]
    for observation in observations(script):
        controller.handle(observation)
        on = {what for rule in controller.rules for what in rule.conditions()}
        assert {what for what in on ^ told if what[0] not in PASSING} == set()
    assert controller.faults == {}


@pytest.mark.parametrize("rule", all_rules(CivilTime()), ids=lambda rule: str(rule.name))
def test_a_rule_that_tells_of_conditions_says_which_are_on(rule: Rule) -> None:
    tells = "Technical" in vars(sys.modules[type(rule).__module__])
    assert tells == (type(rule).conditions is not PlainRule.conditions) or rule.name in HEAR_ONLY


HEAR_ONLY = {"daily_line", "daily_summary", "upkeep"}
"""Are told of the conditions of others."""
