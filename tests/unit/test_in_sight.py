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
from gateway.parameters import Parameters
from gateway.rules.fall.house import House as FallHouse
from gateway.rules.household import Household, Sign
from gateway.rules.in_sight import PAUSE_MS, SETTLE_MS, STAY_MS, InSight

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
HOUR = 3600.0

# ---- one radar's words


def signs(*words: tuple[float, bool]) -> list[bool]:
    """What each word (hours, present) of one radar is worth."""
    sight = InSight()
    return [sight.is_sign("radar", present, round(hours * HOUR_MS)) for hours, present in words]


def test_coming_into_sight_is_a_sign_and_staying_there_is_none() -> None:
    assert signs((0, False), (1, True), (1.1, True), (2, True), (3, True)) == [False, True, False, False, False]


def test_going_out_of_sight_is_no_sign_and_coming_back_is_one() -> None:
    assert signs((0, True), (1, False), (1.01, True)) == [True, False, True]


@pytest.mark.parametrize(("pause_ms", "believed"), [(PAUSE_MS, True), (PAUSE_MS - 1, False)])
def test_after_a_long_pause_a_lost_false_is_presumed(pause_ms: int, believed: bool) -> None:
    sight = InSight()
    assert not sight.is_sign("radar", False, 0)
    assert sight.is_sign("radar", True, 1)
    assert sight.is_sign("radar", True, 1 + pause_ms) is believed


def test_a_slow_heartbeat_is_not_believed_for_longer_than_anybody_stays() -> None:
    """Every four hours the same: stuck, or the heartbeat of a radar that says nothing else."""
    believed = signs((0, False), *((1 + 4 * n, True) for n in range(20)))
    assert believed == [False] + [True] * 5 + [False] * 15


def test_who_comes_back_after_days_is_seen_whatever_was_said_before() -> None:
    """The `false` of the day they left was lost, after a day on which another one was."""
    assert signs((0, False), *((n, True) for n in range(1, 20)), (90, True))[-1]


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


def sight_of_her(since_h: float = 0) -> InSight:
    """A radar that knows both words sees somebody, and says so every minute for `since_h` until 0."""
    sight = InSight()
    began = -round(since_h * HOUR_MS)
    sight.is_sign("radar", False, began - 1)
    for t in range(began, 1, MINUTE_MS):
        sight.is_sign("radar", True, t)
    return sight


def words(sight: InSight, *seconds: float) -> list[bool]:
    return [sight.is_sign("radar", True, round(s * 1000)) for s in seconds]


def test_who_is_in_sight_after_the_door_is_inside_and_that_counts_once() -> None:
    sight = sight_of_her(1)
    sight.passage(10_000)
    settled = 10 + SETTLE_MS / 1000
    assert words(sight, 11, settled - 0.001, settled, settled + 1, settled + 3600) == [False, False, True, False, False]


def test_each_use_of_the_door_asks_anew() -> None:
    sight = sight_of_her(1)
    sight.passage(10_000)
    sight.passage(100_000)
    assert words(sight, 200, 220, 230) == [False, True, False]
    sight.passage(300_000)
    assert words(sight, 310, 430) == [False, True]


def test_who_left_in_sight_of_it_is_gone() -> None:
    """It holds on for a minute, then sees nobody; and the door's last use is no sign when somebody comes back."""
    sight = sight_of_her(1)
    sight.passage(10_000)
    assert words(sight, 20, 50, 80) == [False, False, False]
    assert not sight.is_sign("radar", False, 90_000)
    assert words(sight, 7200, 7260) == [True, False]


def test_who_steps_into_sight_as_the_door_shuts_is_asked_for_again_when_a_departure_would_be_over() -> None:
    """That first word may be the feet of who goes out, and a rule may take it for that."""
    sight = InSight()
    sight.is_sign("radar", False, 0)
    sight.passage(10_000)
    assert words(sight, 15, 60, 130, 140, 3000) == [True, False, True, False, False]


@pytest.mark.parametrize(("for_h", "believed"), [(15, True), (16, False), (40, False)])
def test_a_stuck_radar_gains_nothing_by_the_door(for_h: float, believed: bool) -> None:
    sight = sight_of_her(for_h)
    sight.passage(10_000)
    assert words(sight, 200) == [believed]


@pytest.mark.parametrize("gap_ms", [0, SETTLE_MS - 1])
def test_the_tail_of_a_departure_is_no_end_of_a_pause(gap_ms: int) -> None:
    sight = sight_of_her()
    sight.passage(2 * PAUSE_MS)
    assert not sight.is_sign("radar", True, 2 * PAUSE_MS + max(gap_ms, 1))


@pytest.mark.parametrize("settled_ms", [0, 30_000, SETTLE_MS, 2 * SETTLE_MS])
def test_whether_the_door_or_the_radar_speaks_first_in_one_moment_is_all_the_same(settled_ms: int) -> None:
    first, second = sight_of_her(1), sight_of_her(1)
    t = 10_000 + settled_ms
    for sight in (first, second):
        sight.passage(10_000)
    heard = first.is_sign("radar", True, t)
    first.passage(t)
    second.passage(t)
    assert second.is_sign("radar", True, t) is heard is (settled_ms >= SETTLE_MS)
    assert first.to_json() == second.to_json()


def test_what_it_remembers_of_a_door_survives_a_restart() -> None:
    sight = sight_of_her(1)
    sight.passage(10_000)
    sight.passage(20_000)
    again = InSight()
    again.from_json(json.loads(json.dumps(sight.to_json())))
    assert again.to_json() == sight.to_json()
    assert words(again, 130, 141, 150) == [False, True, False]


def test_a_snapshot_from_before_the_door_was_asked_is_read() -> None:
    sight = InSight()
    sight.from_json({"sees": {"radar": [1000, 5000]}, "clears": ["radar"]})
    assert words(sight, 6) == [False]
    sight.passage(10_000)
    assert words(sight, 200, 210) == [True, False]


def test_what_it_remembers_survives_a_restart_and_not_the_device() -> None:
    sight = InSight()
    for t, present in enumerate((False, True, False, True)):
        sight.is_sign("radar", present, t)
    again = InSight()
    again.from_json(json.loads(json.dumps(sight.to_json())))
    assert again.to_json() == sight.to_json()
    assert not again.is_sign("radar", True, 9)
    again.passage(10)
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
    repeats(house, 11.5)
    house.wait(HOUR / 2 - 200)
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


# ---- the door, in sight of the radar


def used(house: House, within_s: float = 20) -> None:
    """Somebody opens the entrance and closes it."""
    house.say(Kind.CONTACT, "open", "door")
    house.wait(within_s)
    house.say(Kind.CONTACT, "closed", "door")


def stuck() -> House:
    """The radar has said so for 17 h while somebody went about the kitchen, without using the door."""
    house = house_with_a_radar()
    for _ in range(17):
        house.say(Kind.MOTION, True, "kitchen")
        repeats(house, 1)
    return house


def late_in_the_evening(**settings: float) -> House:
    """Half past eleven, in sight of the radar for half an hour."""
    house = house_with_a_radar(**settings)
    house.at_the_hour(17)
    house.say(Kind.MOTION, True, "kitchen")
    house.at_the_hour(23)
    house.say(Kind.OCCUPANCY, True, "bedroom")
    repeats(house, 0.5, every_min=1)
    return house


def where(house: House) -> str:
    return str(next(r for r in house.controller.rules if r.name == "inactivity").learned()["where"])


def codes(house: House) -> list[str]:
    return [a.code for a in house.controller.book.alarms.values()]


def test_a_stuck_radar_brings_nobody_home() -> None:
    house = stuck()
    used(house)
    repeats(house, 5)
    assert where(house) == "AWAY"


def test_who_goes_out_at_night_is_missed_whatever_a_stuck_radar_says() -> None:
    house = stuck()
    house.at_the_hour(2)
    repeats(house, 0.2, every_min=1)
    used(house)
    repeats(house, 1, every_min=1)
    assert "NIGHT_EXIT" in codes(house)


def test_she_opens_to_the_postman_sits_down_again_and_is_looked_for_when_she_falls_out_of_sight() -> None:
    house = house_with_a_radar()
    repeats(house, 1, every_min=1)
    used(house)
    repeats(house, 0.5, every_min=1)
    assert where(house) == "HOME"
    heard_h = house.now_ms / HOUR_MS - 0.5
    house.say(Kind.OCCUPANCY, False, "bedroom")
    for _ in range(14 * 6):
        house.wait(600)
        house.say(Kind.OCCUPANCY, False, "bedroom")
    raised = raised_after_h(house)
    assert raised is not None
    assert raised - heard_h == pytest.approx(12, abs=0.1)
    assert "AWAY_TOO_LONG" not in codes(house)


def test_who_comes_in_is_in_though_the_door_closes_after_the_radar_saw_her() -> None:
    house = house_with_a_radar()
    used(house)
    house.wait(2 * HOUR)
    house.say(Kind.CONTACT, "open", "door")
    house.wait(5)
    house.say(Kind.OCCUPANCY, True, "bedroom")
    house.wait(100)
    house.say(Kind.CONTACT, "closed", "door")
    assert where(house) == "AWAY"
    repeats(house, 0.1, every_min=1)
    assert where(house) == "HOME"


@pytest.mark.parametrize(("stays_s", "sign"), [(SETTLE_MS / 1000, Sign.INSIDE), (SETTLE_MS / 1000 - 1, None)])
def test_the_rules_that_watch_one_thing_know_as_well_that_she_is_in(stays_s: float, sign: Sign | None) -> None:
    """A bed, a bath, a meter: each asks its own household, and none asks of who is out."""
    household = Household()
    household.configure(home(devices=DEVICES), Parameters())

    def heard(kind: Kind, value: Any, s: float, device: str) -> Sign | None:
        return household.hear(Observation(kind, value, round(s * 1000), device))

    assert heard(Kind.OCCUPANCY, False, 0, "bedroom") is None
    assert heard(Kind.OCCUPANCY, True, 1, "bedroom") is Sign.INSIDE
    assert heard(Kind.CONTACT, "open", 600, "door") is Sign.DOOR
    assert heard(Kind.CONTACT, "closed", 620, "door") is Sign.DOOR
    assert household.presence.where() == "AWAY"
    assert heard(Kind.OCCUPANCY, True, 620 + stays_s, "bedroom") is sign
    assert household.presence.where() == ("HOME" if sign else "AWAY")


def test_who_shuts_the_door_and_then_steps_into_sight_is_in_if_she_stays_there() -> None:
    """The first word still belongs to the passage: so soon it may be who goes out."""
    house = house_with_a_radar()
    used(house)
    house.wait(10)
    house.say(Kind.OCCUPANCY, True, "bedroom")
    assert where(house) == "AWAY"
    repeats(house, 0.1, every_min=1)
    assert where(house) == "HOME"


@pytest.mark.parametrize("hold_s", [10, 30, 60, 110])
def test_who_leaves_in_sight_of_the_radar_is_out(hold_s: int) -> None:
    """It repeats itself every second until it lets go of her."""
    house = house_with_a_radar()
    repeats(house, 1, every_min=1)
    used(house, within_s=5)
    repeats(house, hold_s / 3600, every_min=1 / 60)
    house.say(Kind.OCCUPANCY, False, "bedroom")
    house.wait(HOUR)
    house.say(Kind.OCCUPANCY, False, "bedroom")
    assert where(house) == "AWAY"


def test_rubbish_at_half_past_eleven_and_to_bed_is_no_exit() -> None:
    house = late_in_the_evening()
    used(house)
    repeats(house, 8 / 60, every_min=1)
    house.say(Kind.OCCUPANCY, False, "bedroom")  # to bed, where nothing sees her
    house.wait(2 * HOUR)
    assert codes(house) == []


@pytest.mark.parametrize("hold_s", [10, 60, 110])
def test_who_leaves_at_night_in_sight_of_the_radar_is_missed(hold_s: int) -> None:
    house = late_in_the_evening()
    used(house)
    repeats(house, hold_s / 3600, every_min=1 / 60)
    house.say(Kind.OCCUPANCY, False, "bedroom")
    house.wait(HOUR)
    assert codes(house) == ["NIGHT_EXIT"]


def test_where_feet_are_given_long_to_go_out_the_one_word_of_the_radar_comes_after_that() -> None:
    house = late_in_the_evening(night_exit__settle_s=600)
    used(house)
    repeats(house, 12 / 60, every_min=1)
    house.say(Kind.OCCUPANCY, False, "bedroom")
    house.wait(HOUR)
    assert codes(house) == []


def test_a_false_that_was_lost_keeps_nobody_from_being_seen_again() -> None:
    house = house_with_a_radar()
    house.say(Kind.OCCUPANCY, True, "bedroom")
    used(house)
    house.wait(6 * HOUR)  # the word that nobody is there was lost
    assert where(house) == "AWAY"
    house.say(Kind.OCCUPANCY, True, "bedroom")
    assert where(house) == "HOME"


def test_a_restart_between_the_door_and_the_radars_word_changes_nothing() -> None:
    house = house_with_a_radar()
    repeats(house, 1, every_min=1)
    used(house)
    data = json.loads(json.dumps(house.controller.to_json()))
    house.controller = Controller.from_json(data)
    assert house.controller.to_json() == data
    repeats(house, 0.1, every_min=1)
    assert where(house) == "HOME"


# ---- other rules


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
    repeats(house, 6)
    data = json.loads(json.dumps(house.controller.to_json()))
    house.controller = Controller.from_json(data)
    assert house.controller.to_json() == data
    repeats(house, 7)
    assert raised_after_h(house) == 12
