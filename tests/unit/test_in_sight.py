"""A presence radar that says the same again and again is no sign of life, and no stuck one hides a silence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from virtual_home import House, home

from gateway.alarms.life import State
from gateway.controller import Controller
from gateway.home.model import Device
from gateway.observations import Kind, Observation
from gateway.rules.fall.house import House as FallHouse
from gateway.rules.in_sight import PAUSE_MS, STAY_MS, InSight

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
HOUR = 3600.0

# ---- one radar's words


def signs(*words: tuple[float, bool]) -> list[bool]:
    """What each word (hours, present) of one radar is worth."""
    sight = InSight()
    return [sight.is_sign("radar", present, round(hours * HOUR_MS)) for hours, present in words]


def test_coming_into_sight_is_a_sign_and_staying_there_is_none() -> None:
    assert signs((0, False), (1, True), (1.1, True), (2, True), (9, True)) == [False, True, False, False, False]


def test_going_out_of_sight_is_no_sign_and_coming_back_is_one() -> None:
    assert signs((0, True), (1, False), (1.01, True)) == [True, False, True]


def test_a_radar_that_can_say_nobody_is_not_believed_after_a_pause_either() -> None:
    """A slow heartbeat: every four hours the same."""
    assert signs((0, False), (1, True), (5, True), (9, True), (13, True)) == [False, True, False, False, False]


def test_one_that_knows_no_word_for_nobody_is_believed_each_time() -> None:
    assert all(signs((0, True), (0.1, True), (3, True), (3.2, True), (20, True)))


def test_but_not_for_longer_than_anybody_is_about_without_a_pause() -> None:
    every_minute = [(n / 60, True) for n in range(40 * 60)]
    believed = signs(*every_minute)
    assert all(believed[: STAY_MS // MINUTE_MS])
    assert not any(believed[STAY_MS // MINUTE_MS :])


@pytest.mark.parametrize(("pause_ms", "believed"), [(PAUSE_MS, True), (PAUSE_MS - 1, False)])
def test_after_a_pause_it_is_believed_again(pause_ms: int, believed: bool) -> None:
    sight = InSight()
    for t in range(0, 20 * HOUR_MS, MINUTE_MS):
        sight.is_sign("radar", True, t)
    assert sight.is_sign("radar", True, 20 * HOUR_MS - MINUTE_MS + pause_ms) is believed


def test_each_radar_speaks_for_itself() -> None:
    sight = InSight()
    sight.is_sign("hall", False, 0)
    assert sight.is_sign("hall", True, 1)
    assert sight.is_sign("bedroom", True, 2)
    assert not sight.is_sign("hall", True, 3)
    assert sight.is_sign("bedroom", True, 4)  # never said that nobody is there


def test_what_it_remembers_survives_a_restart_and_not_the_device() -> None:
    sight = InSight()
    for t, present in enumerate((False, True, False, True)):
        sight.is_sign("radar", present, t)
    again = InSight()
    again.from_json(json.loads(json.dumps(sight.to_json())))
    assert again.to_json() == sight.to_json()
    assert not again.is_sign("radar", True, 9)
    again.keep({"other"})
    assert again.to_json() == InSight().to_json()


# ---- in a home

DEVICES = {
    d.id: d
    for d in (
        Device("bedroom", "occupancy", room="r1"),
        Device("kitchen", "motion", room="r3"),
        Device("door", "contact", room="r3", entrance=True),
    )
}


def house_with_a_radar(**settings: float) -> House:
    """Somebody got up: the radar has lost sight of them, the kitchen has not."""
    numbers = {k.replace("__", "."): v for k, v in settings.items()}
    house = House(home(devices=DEVICES, settings=numbers))
    house.say(Kind.OCCUPANCY, True, "bedroom")
    house.say(Kind.OCCUPANCY, False, "bedroom")
    house.say(Kind.MOTION, True, "kitchen")
    return house


def repeats(house: House, hours: float, every_min: float = 10) -> None:
    """The radar says again and again that somebody is there."""
    for _ in range(round(hours * 60 / every_min)):
        house.wait(every_min * 60)
        house.say(Kind.OCCUPANCY, True, "bedroom")


def raised_after_h(house: House, code: str = "INACTIVITY") -> float | None:
    for alarm in house.controller.book.alarms.values():
        if alarm.code == code:
            return next(e.t for e in house.events if e.alarm == alarm.number and e.state is State.RAISED) / HOUR_MS
    return None


def test_a_stuck_radar_hides_no_silence() -> None:
    house = house_with_a_radar()
    house.say(Kind.OCCUPANCY, True, "bedroom")
    repeats(house, 13)
    assert raised_after_h(house) == 12


def test_a_radar_stuck_from_the_first_day_hides_it_for_a_day_and_some_hours_at_most() -> None:
    house = House(home(devices=DEVICES))
    repeats(house, 30)
    assert raised_after_h(house) == pytest.approx((STAY_MS + 12 * HOUR_MS) / HOUR_MS, abs=0.2)


def test_stated_motion_counts_each_time() -> None:
    house = house_with_a_radar()
    for _ in range(13):
        house.wait(HOUR)
        house.say(Kind.MOTION, True, "bedroom")
    assert raised_after_h(house) is None


def test_a_repeat_answers_no_question_and_coming_into_sight_does() -> None:
    house = house_with_a_radar()
    house.say(Kind.OCCUPANCY, True, "bedroom")
    house.wait(12 * HOUR - 200)
    house.say(Kind.OCCUPANCY, True, "bedroom")
    assert house.states() == ["DETECTED", "PRE_ALARM"]
    house.say(Kind.OCCUPANCY, False, "bedroom")
    house.say(Kind.OCCUPANCY, True, "bedroom")
    assert house.states()[-1] == "RECOVERED"


def lived(days: int, *, radar: bool) -> House:
    """About the kitchen from a quarter past eight for 15 h, then asleep under the radar, which says so for 9 h."""
    house = House(home(devices=DEVICES))
    for _ in range(days):
        if radar:
            house.say(Kind.OCCUPANCY, False, "bedroom")
        for _ in range(30):
            house.say(Kind.MOTION, True, "kitchen")
            house.wait(HOUR / 2)
        for _ in range(9 * 6):
            if radar:
                house.say(Kind.OCCUPANCY, True, "bedroom")
            house.wait(600)
    return house


def hours_until_asked(house: House, *, radar: bool) -> float:
    """Another such day, and nobody gets up: how long after going to bed the question comes."""
    if radar:
        house.say(Kind.OCCUPANCY, False, "bedroom")
    for _ in range(30):
        house.say(Kind.MOTION, True, "kitchen")
        house.wait(HOUR / 2)
    began = house.now_ms
    before = len(house.events)
    for _ in range(14 * 6):
        if radar:
            house.say(Kind.OCCUPANCY, True, "bedroom")
        house.wait(600)
        if len(house.events) > before:
            return (house.events[before].t - began) / HOUR_MS
    raise AssertionError("nobody asked")


@pytest.mark.parametrize("days", [2, 12])
def test_a_sleeper_under_a_radar_is_asked_about_no_sooner_than_without_one(days: int) -> None:
    """By the fixed limit while it learns, and by what it has learned; and never in an ordinary night."""
    under, without = lived(days, radar=True), lived(days, radar=False)
    assert not under.controller.book.alarms
    assert not without.controller.book.alarms
    assert 9 < hours_until_asked(without, radar=False) <= hours_until_asked(under, radar=True) < 12


def test_a_stuck_radar_brings_nobody_home() -> None:
    house = house_with_a_radar()
    house.say(Kind.OCCUPANCY, True, "bedroom")
    house.say(Kind.CONTACT, "open", "door")
    house.say(Kind.CONTACT, "closed", "door")
    repeats(house, 5)
    rule = next(r for r in house.controller.rules if r.name == "inactivity")
    assert rule.learned()["where"] == "AWAY"


def test_who_goes_out_at_night_is_missed_whatever_a_stuck_radar_says() -> None:
    house = house_with_a_radar()
    house.say(Kind.OCCUPANCY, True, "bedroom")
    house.at_the_hour(2)
    house.say(Kind.CONTACT, "open", "door")
    house.say(Kind.CONTACT, "closed", "door")
    repeats(house, 1, every_min=1)
    assert "NIGHT_EXIT" in [a.code for a in house.controller.book.alarms.values()]


def test_a_stuck_radar_in_another_room_lifts_nobody_off_the_floor() -> None:
    fall_house = FallHouse()
    fall_house.configure(home(devices=DEVICES, residents=("resident",)))

    def said(value: Any, t: int) -> str | None:
        return fall_house.observe(Observation(Kind.OCCUPANCY, value, t, "bedroom"))

    assert [said(v, t) for t, v in enumerate((False, True, True, False, True))] == [None, "r1", None, None, "r1"]


def test_habits_learned_while_repeats_were_signs_are_learned_anew() -> None:
    """A snapshot of 0.1: its silences were cut short by them, and would have everybody asked about who sits still."""

    def read_again(house: House, *, of_before: bool) -> str:
        data = json.loads(json.dumps(house.controller.to_json()))
        if of_before:
            del data["rules"]["inactivity"]["witnesses"]["radars"]
        return Controller.from_json(data).statuses()["inactivity"].readiness.value

    house = lived(10, radar=True)
    assert read_again(house, of_before=False) == "ARMED"
    assert read_again(house, of_before=True) == "LEARNING"


def test_a_restart_makes_no_sign_of_a_repeat() -> None:
    house = house_with_a_radar()
    house.say(Kind.OCCUPANCY, True, "bedroom")
    house.wait(6 * HOUR)
    data = json.loads(json.dumps(house.controller.to_json()))
    house.controller = Controller.from_json(data)
    assert house.controller.to_json() == data
    repeats(house, 7)
    assert raised_after_h(house) == 12
