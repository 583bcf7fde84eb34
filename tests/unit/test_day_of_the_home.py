"""What is said at its hour: reminders, the daily line, the roll call. None of it is ever an alarm."""

from __future__ import annotations

import json
from typing import Any

import pytest
from virtual_home import START_WALL_MS, House, home

from gateway.actions import Push, Say, Text
from gateway.alarms.words import load
from gateway.controller import Controller
from gateway.home.model import BadHome, Contact, Device, read_home, view_from_json
from gateway.home.shape import Reminder
from gateway.observations import Kind, Observation
from gateway.rules.civil import CivilTime
from gateway.rules.rule import Readiness
from gateway.rules.schedule import Daily, days_of, minutes_of

HOUR = 3600
FROM_0815_TO_0900 = 44 * 60 + 30  # the house opens at 08:15:30


def a_home(*reminders: Reminder, **more: Any) -> House:
    return House(home(reminders=reminders, **more))


def prompts(house: House) -> list[str]:
    return [a.prompt for a in house.actions if isinstance(a, Say)]


def notes(house: House, code: str) -> list[dict[str, Any]]:
    return [body for body in house.published("event") if body["code"] == code]


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


# ---- the daily line


def evening(**more: Any) -> House:
    """c1 wants a line at 19:30."""
    contacts = (Contact("c1", 1, daily_line="19:30"), Contact("c2", 2))
    return House(home(contacts=contacts, **more))


def lines(house: House) -> list[tuple[str, str]]:
    return [(a.contact, a.template) for a in house.actions if isinstance(a, Text) and a.alarm is None]


def live(house: House, days: int, *, hours: tuple[int, ...] = (6, 8, 9, 11, 12, 14, 17, 18, 21)) -> None:
    """Days of ordinary life, from wherever the clock stands; a sensor's hourly sign of life in between."""
    for _ in range(days * 24):
        hour = (START_WALL_MS // 1000 + house.now_ms // 1000 + 8 * HOUR) % 86_400 // HOUR
        house.say(Kind.MOTION, hour in hours, "hall-pir")
        house.wait(HOUR)


def test_an_ordinary_day_is_told_at_the_hour_a_contact_chose_and_to_nobody_else() -> None:
    house = evening()
    live(house, 5)
    assert lines(house) == [("c1", "S23-seen")] * 3 + [("c1", "S23")] * 2


def test_a_contact_with_push_alone_gets_the_line_there_and_one_without_either_gets_none() -> None:
    contacts = (
        Contact("land", 1, channels=("call", "push"), daily_line="19:30"),
        Contact("deaf", 2, channels=("call",), daily_line="19:30"),
    )
    house = House(home(contacts=contacts))
    live(house, 2)
    assert lines(house) == []
    assert [(a.contact, a.template) for a in house.actions if isinstance(a, Push)] == [("land", "S23-seen")] * 2


def test_a_day_with_little_activity_is_not_called_ordinary() -> None:
    house = evening()
    live(house, 4)
    live(house, 1, hours=(9, 20))
    assert lines(house)[-1] == ("c1", "S23-quiet")


def test_what_a_door_a_bed_or_a_running_tap_repeats_is_no_activity() -> None:
    """An hourly "still closed" of days in which nobody moved is not told a child as a day like any other."""
    house = evening(
        devices={d.id: d for d in (Device("door", "contact", entrance=True), Device("bed", "bed"),
                                   Device("w", "water_meter", interval_s=300))},
        settings={"inactivity.enabled": 0.0},
    )  # fmt: skip
    for hour in range(9 * 24):
        if hour < 4 * 24 and hour % 24 < 12:  # four days of life, then nothing but signs of life of devices
            house.say(Kind.CONTACT, "open", "door")
            house.say(Kind.BED, False, "bed")
        house.say(Kind.CONTACT, "closed", "door")
        house.say(Kind.BED, True, "bed")
        for _ in range(12):
            house.say(Kind.WATER, 0.1, "w")
            house.wait(300)
    told = [template for _, template in lines(house)]
    assert told[3:5] == ["S23", "S23-quiet"]
    assert set(told[4:]) == {"S23-quiet"}


def test_when_the_gateway_was_blind_it_says_so() -> None:
    house = evening()
    live(house, 4)
    house.say(Kind.RECORDER, False)
    house.wait(5 * HOUR)
    house.say(Kind.RECORDER, True)
    live(house, 1)
    blind = [a for a in house.actions if isinstance(a, Text) and a.template == "S23-blind"]
    assert [a.params["hours"] for a in blind] == [5]


def test_a_night_and_a_day_seen_by_nobody_are_told_whole_though_no_word_came_at_midnight() -> None:
    house = evening()
    live(house, 4)
    house.say(Kind.RECORDER, False)
    house.wait(36 * HOUR)
    assert [a.params["hours"] for a in house.texts("S23-blind")] == [11, 19]  # from a quarter past eight; midnight


def test_what_was_not_seen_while_the_gateway_was_off_is_of_the_day_it_was() -> None:
    """Off from ten in the evening to ten in the morning: ten hours of today, and not two of yesterday's twelve."""
    house = evening()
    live(house, 4)
    house.at_the_hour(22)
    house.now_ms += 12 * HOUR * 1000
    house.say(Kind.RESTART, {})
    live(house, 1)
    assert house.texts("S23-blind")[-1].params["hours"] == 10


def test_a_day_that_was_not_seen_is_said_so_though_there_was_an_alarm() -> None:
    house = evening()
    live(house, 4)
    house.press()
    house.press("cancel")
    house.say(Kind.RECORDER, False)
    house.wait(12 * HOUR)
    assert lines(house)[-1] == ("c1", "S23-blind")


@pytest.mark.parametrize("usual", [False, True])
def test_devices_are_not_called_fine_while_one_is_not(usual: bool) -> None:
    """The line of a day on which the red button is lost must not lull anybody (invariant vii)."""
    house = evening()
    if usual:
        live(house, 4)
    house.say(Kind.SEEN, False, "bedroom")
    live(house, 1)
    assert lines(house)[-1] == ("c1", "S23-fault")
    house.say(Kind.SEEN, True, "bedroom")
    live(house, 1)
    assert "S23-fault" not in lines(house)[-1]


@pytest.mark.parametrize(
    "code", ["MAINS_FAIL", "GATEWAY_BATTERY_LOW", "UPLINK_LOST", "STORAGE_FAULT", "DRIVER_BLIND", "CELL_LOST"]
)
def test_the_gateway_itself_is_not_called_fine_while_it_is_not(code: str) -> None:
    house = evening()
    live(house, 4)
    house.say(Kind.CONDITION, {"code": code, "on": True})
    live(house, 1)
    assert lines(house)[-1] == ("c1", "S23-fault")
    house.controller = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    live(house, 1)
    assert lines(house)[-1] == ("c1", "S23-fault")
    house.say(Kind.CONDITION, {"code": code, "on": False})
    live(house, 1)
    assert lines(house)[-1] == ("c1", "S23")


def test_no_line_calls_devices_fine_that_says_they_are_not() -> None:
    """Which lines claim it is written down here apart from the rule."""
    for catalogue, fine in ((load(), "设备正常"), (load("en"), "devices fine")):
        claims = {name for name, text in catalogue.sms.items() if fine in text}
        assert claims <= {"S23", "S23-seen", "S23-quiet", "S23-alarm", "S23-device"}


def test_a_day_with_an_alarm_is_not_called_ordinary() -> None:
    house = evening()
    live(house, 4)
    house.press()
    house.press("cancel")
    live(house, 1)
    assert lines(house)[-1] == ("c1", "S23-alarm")


def test_a_home_without_activity_sensors_speaks_of_its_devices_only() -> None:
    view = home()
    devices = {n: d for n, d in view.devices.items() if d.kind in ("button", "wearable")}
    house = evening(devices=devices)
    house.wait(24 * HOUR)
    assert lines(house) == [("c1", "S23-device")]


@pytest.mark.parametrize("missing", ["NOTIFY_FAMILY", "MONITORING"])
def test_without_the_elders_consent_nothing_leaves_the_home(missing: str) -> None:
    house = evening(consents={"MONITORING": True, "NOTIFY_FAMILY": True} | {missing: False})
    house.wait(48 * HOUR)
    assert lines(house) == []


def test_a_reply_within_a_day_is_the_childs_contact_once() -> None:
    house = evening()
    house.wait(12 * HOUR)
    house.reply("c1", "谢谢")
    house.reply("c1", "谢谢")
    house.reply("c2", "谢谢")
    assert [n["contact"] for n in notes(house, "CHILD_CONTACT")] == ["c1"]
    house.wait(36 * HOUR)
    house.say(Kind.CONFIG, home(contacts=(Contact("c1", 1), Contact("c2", 2))).to_json())
    house.wait(30 * HOUR)
    house.reply("c1", "1")
    assert len(notes(house, "CHILD_CONTACT")) == 1


def test_a_line_about_the_evening_is_not_for_the_night() -> None:
    house = evening()
    house.now_ms += 15 * HOUR * 1000
    house.say(Kind.RESTART, {})
    house.wait(60)
    assert lines(house) == []


def test_the_lines_state_survives_a_snapshot() -> None:
    house = evening()
    live(house, 4)
    again = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    assert again.to_json() == house.controller.to_json()


# ---- the roll call


def call_the_roll(house: House) -> None:
    house.say(Kind.COMMAND, {"cmd": "roll_call", "id": "typhoon-7"})


def test_the_elder_is_asked_and_the_platform_hears_the_answer() -> None:
    house = a_home()
    call_the_roll(house)
    assert prompts(house) == ["V23"]
    house.wait(120)
    house.press("green")
    (told,) = notes(house, "ROLL_CALL")
    assert (told["reason"], told["roll_call"]) == ("well", "typhoon-7")
    assert lines(house) == []
    assert house.controller.book.alarms == {}


def test_nobody_answers_it_is_asked_again_and_then_said() -> None:
    house = a_home()
    call_the_roll(house)
    house.wait(30 * 60)
    assert prompts(house) == ["V23"] * 3
    assert [n["reason"] for n in notes(house, "ROLL_CALL")] == ["no_answer"]
    assert house.controller.book.alarms == {}


LIAISON = (Contact("c1", 1), Contact("v1", 1, "village_liaison"))


@pytest.mark.parametrize(("agreed", "texted"), [(True, [("v1", "S24-no_answer")]), (False, [])])
def test_with_data_down_the_liaison_hears_it_by_text_if_that_was_agreed(agreed: bool, texted: Any) -> None:
    consents = {"MONITORING": True, "NOTIFY_FAMILY": True, "NOTIFY_VILLAGE": agreed}
    house = House(home(contacts=LIAISON, consents=consents))
    call_the_roll(house)
    house.say(Kind.CONDITION, {"code": "UPLINK_LOST", "on": True})
    house.wait(30 * 60)
    assert lines(house) == texted


@pytest.mark.parametrize(("after_s", "texted"), [(60, [("v1", "S24-well")]), (600, [])])
def test_a_result_of_a_moment_before_data_went_down_is_texted_too(after_s: int, texted: Any) -> None:
    """The link is found dead a minute after the answer went into it: nobody knows whether it got through."""
    consents = {"MONITORING": True, "NOTIFY_FAMILY": True, "NOTIFY_VILLAGE": True}
    house = House(home(contacts=LIAISON, consents=consents))
    call_the_roll(house)
    house.press("green")
    assert lines(house) == []
    house.controller = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    house.wait(after_s)
    for _ in range(3):
        house.say(Kind.CONDITION, {"code": "UPLINK_LOST", "on": True})
        house.say(Kind.CONDITION, {"code": "UPLINK_LOST", "on": False})
    assert lines(house) == texted


def test_who_has_no_key_that_works_cannot_be_asked_and_that_is_said() -> None:
    view = home()
    devices = {n: d for n, d in view.devices.items() if d.role not in ("ok", "service")}
    house = House(home(devices=devices))
    call_the_roll(house)
    assert [n["reason"] for n in notes(house, "ROLL_CALL")] == ["unreachable"]
    assert prompts(house) == []


def test_a_platform_that_calls_again_and_again_asks_once() -> None:
    house = a_home()
    for _ in range(20):
        call_the_roll(house)
        house.wait(30)
    assert prompts(house) == ["V23", "V23"]  # the second is the repeat after ten minutes


def test_an_open_roll_call_survives_a_restart() -> None:
    house = a_home()
    call_the_roll(house)
    house.controller = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    house.press("service")
    assert [n["reason"] for n in notes(house, "ROLL_CALL")] == ["well"]
    assert house.controller.book.alarms == {}


@pytest.mark.parametrize("value", [{"cmd": "format_disk"}, {"cmd": "roll_call", "id": ["x"] * 5}, {}])
def test_other_commands_ask_nothing_and_rubbish_breaks_nothing(value: dict[str, Any]) -> None:
    house = a_home()
    house.controller.handle(Observation(Kind.COMMAND, value, 0))
    house.wait(60)
    assert prompts(house) in ([], ["V23"])
    assert house.controller.faults == {}


def test_every_word_of_it_fits_one_text_and_promises_nothing() -> None:
    words = load()
    for template in (t for t in words.sms if t.startswith(("S23", "S24"))):
        made = words.render_sms(template, {"name": "欧阳阿婆", "house": "溪边街12号", "hours": 24})
        assert len(made.encode("utf-16-be")) // 2 <= 70
