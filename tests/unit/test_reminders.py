"""What is said at its hour, and answered by the green key. None of it is ever an alarm."""

from __future__ import annotations

import json

import pytest
from day_rig import FROM_0815_TO_0900, HOUR, a_home, notes, prompts
from virtual_home import START_WALL_MS, home

from gateway.actions import Say
from gateway.controller import Controller
from gateway.home.model import BadHome, read_home, view_from_json
from gateway.home.shape import Reminder
from gateway.observations import Kind
from gateway.rules.civil import CivilTime
from gateway.rules.reminders import Reminders
from gateway.rules.rule import Readiness
from gateway.rules.schedule import Daily, days_of, minutes_of

# ---- the hour of the day


@pytest.mark.parametrize(("text", "minutes"), [("00:00", 0), ("09:30", 570), ("23:59", 1439)])
def test_a_time_of_day_is_read(text: str, minutes: int) -> None:
    assert minutes_of(text) == minutes


@pytest.mark.parametrize("text", ["24:00", "9:30", "09:60", "0930", "", None, 5])
def test_what_is_no_time_of_day_is_none(text: object) -> None:
    assert minutes_of(text) is None


def test_weekdays_are_read() -> None:
    assert days_of("daily") == frozenset(range(7))
    assert days_of("mon,sun") == frozenset({0, 6})
    assert days_of("monday") is None
    assert days_of(None) is None


def test_a_weekday_is_the_one_of_the_calendar() -> None:
    civil = CivilTime(START_WALL_MS, "NTP")  # a Sunday
    assert Daily(600, frozenset({6})).due(civil, 0, None) == civil.at(civil.day(0), 600 * 60_000)
    assert Daily(600, frozenset({0})).due(civil, 0, None) == civil.at(civil.day(0) + 1, 600 * 60_000)


def test_nothing_is_due_in_a_day_of_doubt_and_what_was_is_overdue_at_its_end() -> None:
    civil = CivilTime(START_WALL_MS, "NTP")
    civil.set(START_WALL_MS + 600_000, "NTP", 0)  # 08:25, believed from 08:25 tomorrow on
    tomorrow = civil.day(0) + 1
    assert Daily(8 * 60).due(civil, 0, None) == 86_400_000
    assert Daily(9 * 60).due(civil, 0, None) == civil.at(tomorrow, 9 * 3_600_000)
    civil.set(START_WALL_MS, "NONE", 0)
    assert Daily(9 * 60).due(civil, 0, None) is None


def test_after_a_day_of_doubt_a_reminder_needs_no_word_from_anybody() -> None:
    house = a_home(MEDICINE)
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS + 10 * 60_000, "trust": "NTP"})
    house.wait(24 * HOUR)
    assert prompts(house) == []
    house.wait(35 * 60)
    assert prompts(house) == ["V18"]


def test_what_was_done_by_a_clock_years_ahead_is_due_today_and_by_one_set_back_over_midnight_tomorrow() -> None:
    civil = CivilTime(START_WALL_MS, "NTP")
    today = civil.day(0)
    due = [Daily(600).due(civil, 0, today + ahead) for ahead in (-1, 0, 1, 2, 3_653)]
    assert [None if d is None else civil.day(d) - today for d in due] == [0, 1, 2, 0, 0]


# ---- reminders


MEDICINE = Reminder("tablets", "medication", "09:00")


def test_a_reminder_is_said_at_its_hour_and_answered_by_the_green_key() -> None:
    house = a_home(MEDICINE)
    house.wait(FROM_0815_TO_0900 - 1)
    assert prompts(house) == []
    house.wait(1)
    assert prompts(house) == ["V18"]
    house.wait(60)
    house.press("green")
    assert prompts(house) == ["V18", "V20"]
    assert [n["reason"] for n in notes(house, "REMINDER_ANSWERED")] == ["medication"]
    assert notes(house, "OK_REPORTED") == []
    house.wait(2 * HOUR)
    assert prompts(house) == ["V18", "V20"]
    assert house.controller.book.alarms == {}


def test_the_service_key_is_the_answer_while_a_reminder_waits_and_a_wish_for_service_otherwise() -> None:
    house = a_home(MEDICINE)
    house.wait(FROM_0815_TO_0900)
    house.press("service")
    assert house.controller.book.alarms == {}
    house.press("service")
    assert house.controller.book.alarms[1].code == "SERVICE_REQUEST"


def test_nobody_answers_it_is_said_once_more_then_counted_and_never_raised() -> None:
    house = a_home(MEDICINE)
    house.wait(FROM_0815_TO_0900 + 10 * 60)
    assert prompts(house) == ["V18", "V18"]
    house.wait(10 * 60)
    assert len(notes(house, "REMINDER_MISSED")) == 1
    house.wait(5 * HOUR)
    assert prompts(house) == ["V18", "V18"]
    assert house.controller.book.alarms == {}


def test_it_is_said_every_day_or_on_its_weekdays() -> None:
    house = a_home(MEDICINE, Reminder("monday", "test_button", "10:00", "mon"))
    house.wait(24 * HOUR * 7)
    assert prompts(house).count("V18") == 14  # each said twice
    assert prompts(house).count("V15") == 2


def test_a_visit_names_the_visitor_and_a_call_the_child() -> None:
    house = a_home(Reminder("v", "visit", "09:00", about="n1"), Reminder("c", "child_call", "09:00", about="c1"))
    house.wait(FROM_0815_TO_0900)
    said = {a.prompt: a.params for a in house.actions if isinstance(a, Say)}
    assert (said["V17"]["visitor"], said["V22"]["contact"]) == ("n1", "c1")


@pytest.mark.parametrize(("warmth", "said"), [(34.0, ["V21"]), (26.0, [])])
def test_water_is_reminded_of_in_heat_only(warmth: float, said: list[str]) -> None:
    house = a_home(Reminder("w", "water", "09:00"))
    house.wait(600)
    house.say(Kind.TEMPERATURE, warmth, "hall-pir")
    house.wait(FROM_0815_TO_0900 - 600)
    assert prompts(house) == said


def test_how_warm_it_was_three_hours_ago_says_nothing_of_now() -> None:
    house = a_home(Reminder("w", "water", "12:00"))
    house.say(Kind.TEMPERATURE, 34.0, "hall-pir")
    house.wait(4 * HOUR)
    assert prompts(house) == []


def test_the_home_says_itself_what_heat_is() -> None:
    house = a_home(Reminder("w", "water", "09:00"), settings={"reminder.heat_c": 36.0})
    house.say(Kind.TEMPERATURE, 34.0, "hall-pir")
    house.wait(FROM_0815_TO_0900)
    assert prompts(house) == []


def test_what_is_asked_for_after_its_hour_begins_tomorrow() -> None:
    house = a_home()
    house.wait(FROM_0815_TO_0900 + 600)
    house.say(Kind.CONFIG, home(reminders=(MEDICINE,)).to_json())
    house.wait(20 * HOUR)
    assert prompts(house) == []
    house.wait(4 * HOUR)
    assert "V18" in prompts(house)


def test_the_day_counts_what_was_said_answered_and_missed() -> None:
    house = a_home(MEDICINE, Reminder("noon", "medication", "12:00"))
    house.wait(FROM_0815_TO_0900)
    house.press("green")
    house.wait(6 * HOUR)
    rule = next(r for r in house.controller.rules if isinstance(r, Reminders))
    today = house.controller.civil.day(house.now_ms)
    assert rule.counts(today) == (2, 1, 1)
    assert rule.counts(today + 1) == (0, 0, 0)


def test_without_a_thermometer_nobody_knows_whether_it_is_hot() -> None:
    house = a_home(Reminder("w", "water", "09:00"))
    house.wait(FROM_0815_TO_0900)
    assert prompts(house) == []


def test_a_tablet_for_eight_is_not_for_noon() -> None:
    """The gateway was off at the hour: half an hour late it is still said, three hours late not any more."""
    for slept, said in ((HOUR, ["V18"]), (4 * HOUR, [])):
        house = a_home(MEDICINE)
        house.now_ms += slept * 1000
        house.say(Kind.RESTART, {})
        house.wait(1)
        assert prompts(house) == said


def test_what_was_set_after_its_hour_begins_tomorrow() -> None:
    house = a_home()
    house.wait(2 * HOUR)
    view = home(reminders=(MEDICINE,))
    house.say(Kind.CONFIG, view.to_json())
    house.wait(10 * HOUR)
    assert prompts(house) == []
    house.wait(14 * HOUR)
    assert prompts(house)[0] == "V18"


def test_without_a_clock_anybody_vouches_for_no_reminder_is_said_and_the_rule_says_so() -> None:
    house = a_home(MEDICINE)
    house.controller = Controller(home(reminders=(MEDICINE,)), offset_ms=START_WALL_MS, trust="NONE")
    house.wait(24 * HOUR)
    assert prompts(house) == []
    assert house.controller.statuses()["reminders"].readiness is Readiness.UNAVAILABLE


def test_a_wall_clock_step_says_nothing_twice() -> None:
    house = a_home(MEDICINE)
    house.wait(FROM_0815_TO_0900 + HOUR)
    before = len(prompts(house))
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS - 3 * HOUR * 1000, "trust": "NTP"})
    house.wait(23 * HOUR)
    assert len(prompts(house)) == before  # for a day after a step nobody goes by the hour


def test_a_restart_from_a_snapshot_says_nothing_twice_and_forgets_no_answer() -> None:
    house = a_home(MEDICINE)
    house.wait(FROM_0815_TO_0900)
    again = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    assert again.to_json() == house.controller.to_json()
    house.controller = again
    house.press("green")
    assert len(notes(house, "REMINDER_ANSWERED")) == 1
    house.wait(HOUR)
    assert prompts(house) == ["V18", "V20"]


def test_a_reminder_is_checked_when_it_is_set() -> None:
    document = {
        "contacts": [{"id": "c1", "name": "小明", "phone": "13800000001"}],
        "reminders": [{"id": "a", "kind": "medication", "at": "08:00", "days": "mon,thu"}],
    }
    assert read_home(document).view.reminders == (Reminder("a", "medication", "08:00", "mon,thu"),)
    view = read_home(document).view
    assert view_from_json(json.loads(json.dumps(view.to_json()))) == view
    for wrong in (
        {"id": "a", "kind": "alarm", "at": "08:00"},
        {"id": "a", "kind": "visit", "at": "8 o'clock"},
        {"id": "a", "kind": "visit"},
        {"id": "a", "kind": "visit", "at": "08:00", "about": "nobody"},
        {"id": "a", "kind": "visit", "at": "08:00", "days": "always"},
    ):
        with pytest.raises(BadHome, match=r"reminders\.a"):
            read_home({**document, "reminders": [wrong]})
