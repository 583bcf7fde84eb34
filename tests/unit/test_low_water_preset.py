"""The cities' rules of low water use: windows, waking hours, and what begins a window anew.

The house begins at 08:15.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from metered_home import metered
from sensor_rooms import DAY, HOUR, MINUTE, house_of, lose, power_cut, raised, reading, recording, restarted
from virtual_home import House, home

from gateway.alarms.life import State
from gateway.controller import Controller
from gateway.home.model import Device
from gateway.observations import Kind, Observation
from gateway.rules.low_water_preset import PRESETS


def test_a_preset_taken_back_ends_its_question() -> None:
    house = metered(water_preset__rule=1)
    house.wait(12 * HOUR + 10)
    house.say(Kind.CONFIG, home(devices=house.controller.home.devices).to_json())
    assert house.state() is State.RECOVERED


def test_the_presets_are_off_unless_chosen() -> None:
    house = metered()
    house.wait(3 * DAY)
    assert raised(house) == []
    assert house.controller.statuses()["low_water_preset"].reason == "setting"


@pytest.mark.parametrize(("rule", "hours"), [(1, 12), (2, 12), (3, 24), (4, 24)])
def test_each_city_has_its_window(rule: int, hours: int) -> None:
    house = metered(water_preset__rule=rule)
    house.wait(hours * HOUR - 1)
    assert raised(house) == []
    house.wait(1)
    assert raised(house) == [("WATER_LOW_USE", None)]
    evidence = house.controller.book.alarms[1].evidence
    assert (evidence["preset"], evidence["limit_h"], evidence["litres"]) == (PRESETS[rule].city, hours, 0)
    house.wait(5 * MINUTE)
    assert house.state() is State.RAISED
    assert house.texts("S04")[0].params["hours"] == hours


@pytest.mark.parametrize(("litres", "asked"), [(9.9, True), (10.0, False)])
def test_ten_litres_are_enough(litres: float, asked: bool) -> None:
    house = metered(water_preset__rule=1)
    reading(house, Kind.WATER, litres, "w", HOUR)
    house.wait(11 * HOUR)
    assert bool(raised(house)) == asked


def test_a_window_is_not_judged_until_it_holds_four_hours_of_waking() -> None:
    """Of somebody who sleeps from nine to nine."""
    house = metered(water_preset__rule=1, water_preset__wake_h=9, water_preset__sleep_h=21)
    for _ in range(26):  # water until 21:15
        reading(house, Kind.WATER, 9, "w", 0.5 * HOUR)
    house.wait(15.5 * HOUR)  # 12:45, more than 12 h without any
    assert raised(house) == []
    house.wait(HOUR)
    assert raised(house) == [("WATER_LOW_USE", None)]


def test_it_is_asked_once_until_somebody_is_about_again() -> None:
    house = metered(water_preset__rule=1)
    house.wait(5 * DAY)
    assert raised(house) == [("WATER_LOW_USE", None)]
    house.say(Kind.MOTION, True, "hall")
    house.wait(12 * HOUR - 1)
    assert len(raised(house)) == 1
    house.wait(1)
    assert len(raised(house)) == 2


def test_well_by_the_green_key_begins_the_window_anew() -> None:
    house = metered(water_preset__rule=1)
    house.wait(12 * HOUR + 10)
    house.say(Kind.OK)
    assert house.state() is State.RECOVERED
    house.wait(12 * HOUR - 1)
    assert len(raised(house)) == 1
    house.wait(1)
    assert len(raised(house)) == 2


def test_without_a_trusted_clock_a_whole_day_is_judged() -> None:
    house = metered(water_preset__rule=1)
    house.say(Kind.CLOCK, {"offset_ms": 0, "trust": "NONE"})
    house.wait(23.9 * HOUR)
    assert raised(house) == []
    house.wait(0.2 * HOUR)
    assert raised(house) == [("WATER_LOW_USE", None)]
    assert house.controller.book.alarms[1].evidence["limit_h"] == 24


def test_nor_is_the_half_of_it_taken_for_the_whole() -> None:
    """A wash every evening: without a clock the night before it is not told from a day."""
    house = metered(water_preset__rule=1)
    house.say(Kind.CLOCK, {"offset_ms": 0, "trust": "NONE"})
    for _ in range(5):
        reading(house, Kind.WATER, 80, "w", 23 * HOUR)
    assert raised(house) == []


def test_a_clock_that_is_found_again_judges_by_the_citys_hours() -> None:
    house = metered(water_preset__rule=1)
    house.say(Kind.CLOCK, {"offset_ms": 0, "trust": "NONE"})
    reading(house, Kind.WATER, 80, "w", HOUR)
    house.wait(20 * HOUR)
    house.say(Kind.CLOCK, {"offset_ms": house.controller.civil.offset_ms, "trust": "NTP"})
    house.wait(3.5 * HOUR)
    evidence = house.controller.book.alarms[1].evidence
    assert (evidence["limit_h"], evidence["litres"]) == (12, 0)


def test_the_wash_that_answers_the_question_is_water_of_the_next_window() -> None:
    house = metered(water_preset__rule=1)
    house.wait(12 * HOUR + MINUTE)
    house.say(Kind.WATER, 80, "w")
    house.wait(12 * HOUR)
    assert house.states() == ["DETECTED", "PRE_ALARM", "RECOVERED"]
    assert len(raised(house)) == 1


@pytest.mark.parametrize(("kind", "value"), [(Kind.WATER, 0.5), (Kind.MOTION, True), (Kind.FLUSH, True)])
def test_water_or_movement_answers_the_question(kind: Kind, value: object) -> None:
    house = metered(water_preset__rule=1)
    house.wait(12 * HOUR + 10)
    house.say(kind, value, "w" if kind is Kind.WATER else "hall")
    assert house.state() is State.RECOVERED


def test_a_lost_meter_an_absence_and_a_power_cut_begin_the_window_anew() -> None:
    house = metered(water_preset__rule=1)
    house.wait(11 * HOUR)
    lose(house, "w")
    house.wait(HOUR)
    assert house.controller.statuses()["low_water_preset"].reason == "sensor_lost"
    reading(house, Kind.WATER, 0, "w")
    house.wait(11 * HOUR)
    power_cut(house, HOUR)
    house.wait(11 * HOUR)
    house.say(Kind.AWAY, True)
    house.wait(11 * HOUR)
    house.say(Kind.AWAY, False)
    house.wait(11 * HOUR)
    recording(house, False)
    house.wait(11 * HOUR)
    assert house.controller.statuses()["low_water_preset"].reason == "recording_lost"
    assert raised(house) == []


def test_an_absence_cannot_hide_a_home_for_ever() -> None:
    house = metered(water_preset__rule=1)
    house.say(Kind.AWAY, True)
    house.wait(12 * HOUR)
    house.wait(24 * HOUR + 1)
    assert raised(house) == [("WATER_LOW_USE", None)]


def test_a_register_nobody_read_lately_is_no_low_use() -> None:
    """Stale is not zero (A27)."""
    house = metered(water_preset__rule=1)
    house.say(Kind.WATER_VOLUME, 100.0, "w")
    house.wait(12.4 * HOUR)
    assert raised(house) == []
    house = metered(water_preset__rule=1)
    for _ in range(25):
        reading(house, Kind.WATER_VOLUME, 100.0, "w", 0.5 * HOUR)
    assert raised(house) == [("WATER_LOW_USE", None)]


def test_a_window_in_a_snapshot_goes_on() -> None:
    house = metered(water_preset__rule=1)
    reading(house, Kind.WATER, 5, "w", HOUR)
    house.wait(10 * HOUR)
    restarted(house)
    house.wait(HOUR)
    assert raised(house) == [("WATER_LOW_USE", None)]
    assert house.controller.book.alarms[1].evidence["litres"] == 5


def test_away_said_again_and_again_from_afar_hides_nobody() -> None:
    house = metered(water_preset__rule=1)
    for _ in range(30):
        house.say(Kind.AWAY, True)
        house.wait(HOUR)
    assert raised(house) == [("WATER_LOW_USE", None)]


def test_a_call_answers_the_question_and_a_power_cut_does_not() -> None:
    house = metered(water_preset__rule=1)
    house.wait(12 * HOUR + 10)
    power_cut(house, 10)
    assert house.state() is State.PRE_ALARM
    house.press("red")
    assert house.state() is State.RECOVERED
    assert "call_pressed" in {e.reason for e in house.events if e.alarm == 1}
    assert "V20" not in house.said()


def witnessed(*more: Device) -> House:
    """With a sensor in the hall, so that no other rule's question answers for this one."""
    devices = (Device("w", "water_meter", interval_s=300), Device("hall", "motion"), Device("bell", "button"), *more)
    return house_of(*devices, settings={"water_preset.rule": 1.0})


@pytest.mark.parametrize(
    ("kind", "value", "device", "reason"),
    [
        (Kind.WATER, 0.5, "w", "activity"),
        (Kind.MOTION, True, "hall", "activity"),
        (Kind.BUTTON, "press", "bell", "call_pressed"),
    ],
)
def test_the_answer_is_heard_in_a_home_with_other_sensors_too(
    kind: Kind, value: object, device: str, reason: str
) -> None:
    house = witnessed()
    house.wait(12 * HOUR)
    house.say(kind, value, device)
    ended = [e.reason for e in house.events if e.alarm == 1 and e.state is State.RECOVERED]
    assert ended == [reason]


@pytest.mark.parametrize("blind", ["lost", "not_recorded", "away"])
def test_a_question_nobody_can_judge_any_more_ends_and_a_restart_begins_none(blind: str) -> None:
    house = witnessed()
    house.wait(12 * HOUR)
    if blind == "lost":
        lose(house, "w")
    elif blind == "not_recorded":
        recording(house, False)
    else:
        house.say(Kind.AWAY, True)
    assert house.state() is State.RECOVERED
    restarted(house)
    house.wait(11 * HOUR)
    assert len(raised(house)) == 1
    assert house.controller.statuses()["low_water_preset"].readiness != "ARMED"


def test_a_register_that_was_taken_down_is_waited_for_no_more() -> None:
    house = witnessed(Device("hot", "water_meter"))
    house.say(Kind.WATER_VOLUME, 20.0, "hot")
    house.wait(3 * HOUR)
    left = {d: device for d, device in house.controller.home.devices.items() if d != "hot"}
    house.say(Kind.CONFIG, replace(house.controller.home, devices=left).to_json())
    restarted(house)
    house.wait(9 * HOUR)
    assert raised(house) == [("WATER_LOW_USE", None)]


def test_a_window_that_only_recovery_saw_is_judged_again() -> None:
    house = witnessed()
    again = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    again.rebuild(Observation(Kind.TICK, None, 13 * 3_600_000), [])
    again.rebuilt()
    assert again.book.alarms == {}
    again.advance(14 * 3_600_000)
    assert [a.code for a in again.book.alarms.values()] == ["WATER_LOW_USE"]
