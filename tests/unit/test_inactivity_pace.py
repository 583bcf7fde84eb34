"""The second view of a silence: what this home would have done meanwhile."""

from __future__ import annotations

import json
import random
from itertools import pairwise

import pytest
from virtual_home import House, home

from gateway.alarms.life import State
from gateway.home.model import Device
from gateway.observations import Kind
from gateway.rules.civil import CivilTime
from gateway.rules.inactivity.habit import TAILS, Habit
from gateway.rules.inactivity.pace import ACT, FLOOR_MS, KEEP_DAYS, NEVER_MS, QUARTER_MS, QUARTERS, Pace

HOUR = 3_600_000
DAY = 24 * HOUR
NOON = 12 * HOUR


def lived(days: int, acts: tuple[float, ...], first: int = 100) -> Pace:
    """So many days on which somebody is heard at these hours, home all the time."""
    pace = Pace()
    moments = [round((first + day) * DAY + hour * HOUR) for day in range(days) for hour in acts]
    for began, ended in pairwise(moments):
        pace.learn(began // DAY, began % DAY, ended - began)
    return pace


def every_quarter(first: float, last: float) -> tuple[float, ...]:
    return tuple(first + n / 4 for n in range(round((last - first) * 4) + 1))


BUSY_BY_DAY = every_quarter(8, 22)
HALF_HOURLY_BY_DAY = BUSY_BY_DAY[::2]
HOURLY_BY_DAY = BUSY_BY_DAY[::4]


def test_a_home_nobody_knows_yet_has_no_limit() -> None:
    pace = Pace()
    assert pace.length_ms(NOON) == NEVER_MS
    assert pace.limit_acts == 0
    assert pace.heard_pct() == []


def test_by_day_a_silence_has_missed_enough_much_sooner_than_by_night() -> None:
    pace = lived(14, HALF_HOURLY_BY_DAY)
    pace.update(114, TAILS[1])
    assert FLOOR_MS <= pace.length_ms(NOON) < 8 * HOUR
    assert pace.length_ms(23 * HOUR) > 9 * HOUR  # nobody stirs before eight: it is noticed in the morning
    assert pace.length_ms(19 * HOUR) < pace.length_ms(21 * HOUR)  # the evening counts for who is silent from seven on


def test_who_stirs_every_night_is_missed_at_night() -> None:
    restless = (*BUSY_BY_DAY, *every_quarter(22.25, 23.75), *every_quarter(0, 7.75))
    pace, quiet = lived(14, tuple(sorted(restless))), lived(14, BUSY_BY_DAY)
    for each in (pace, quiet):
        each.update(114, TAILS[1])
    assert pace.length_ms(HOUR) < 5 * HOUR < quiet.length_ms(HOUR)


def test_more_tails_are_more_patience_and_the_floor_is_always_granted() -> None:
    pace = lived(14, HOURLY_BY_DAY)
    lengths = []
    for tails in (0, 2, 4, 8, 16):
        pace.update(114, tails)
        lengths.append(pace.length_ms(NOON))
    assert lengths == sorted(lengths)
    assert lengths[0] >= FLOOR_MS
    assert lengths[-1] > lengths[1]


def test_days_far_back_and_today_say_nothing() -> None:
    pace = lived(60, BUSY_BY_DAY, first=0)
    assert len(json.loads(json.dumps(pace.to_json()))["days"]) == KEEP_DAYS + 1
    pace.update(500, TAILS[1])
    fresh = Pace()
    fresh.update(500, TAILS[1])
    assert pace.heard_pct() == fresh.heard_pct()  # only the pooled habit is left
    today = Pace()
    today.learn(200, 8 * HOUR, HOUR)
    today.update(200, TAILS[1])
    assert today.heard_pct() == fresh.heard_pct()


def test_time_nobody_watched_is_neither_heard_nor_missed() -> None:
    seen, torn = lived(14, BUSY_BY_DAY), Pace()
    for day in range(100, 114):  # the same days, but the recording is out from noon to four
        for began in [h for h in BUSY_BY_DAY if not 11.75 < h < 16]:
            torn.learn(day, round(began * HOUR), QUARTER_MS if began < 22 and began != 11.75 else 0)
    for each in (seen, torn):
        each.update(114, TAILS[1])
    assert torn._expected[14 * 4] < seen._expected[14 * 4]  # no evidence: the pooled habit
    assert torn._expected[9 * 4] == pytest.approx(seen._expected[9 * 4], abs=200)
    assert torn._limit <= seen._limit  # the hours nobody watched are no silence that was missed


def test_the_pace_survives_a_snapshot_exactly_and_refuses_another_shape() -> None:
    pace = lived(20, BUSY_BY_DAY)
    pace.update(120, TAILS[1])
    data = json.loads(json.dumps(pace.to_json()))
    again = Pace()
    again.from_json(data)
    assert again.to_json() == data
    assert [again.length_ms(h * HOUR) for h in range(24)] == [pace.length_ms(h * HOUR) for h in range(24)]
    assert len(json.dumps(data)) < 4_000
    for wrong in (
        data | {"expected": [1, 2]},
        data | {"expected": [-1] * QUARTERS},
        data | {"days": [[1, "f" * 30, "0"]]},
        data | {"days": [[day, "0", "0"] for day in range(KEEP_DAYS + 2)]},
        data | {"days": [[1, "zebra", "0"]]},
    ):
        with pytest.raises(ValueError):
            Pace().from_json(wrong)


def test_lengths_follow_the_acts_quarter_by_quarter() -> None:
    """An independent count: minute by minute, for many paces at random."""
    rng = random.Random(20261125)
    for _ in range(40):
        pace = Pace()
        pace._expected = [rng.choice((0, 50, 300, 1500, 4000)) for _ in range(QUARTERS)]
        pace._limit = rng.randrange(1, 30 * ACT)
        start = rng.randrange(DAY // 60_000)
        missed, minute = 0.0, 0
        while missed < pace._limit and minute < 1440:
            missed += pace._expected[(start + minute) // 15 % QUARTERS] / 15
            minute += 1
        length = pace.length_ms(start * 60_000)
        if missed >= pace._limit:
            assert length == pytest.approx(max(minute * 60_000, FLOOR_MS), abs=61_000)
        else:
            assert length == NEVER_MS


def habit_of(pace_acts: tuple[float, ...], *, exit_sensor: bool = True, residents: int = 1) -> Habit:
    """A habit that has lived through twenty such days, at 08:00 of the next."""
    habit = Habit(CivilTime(0, "NTP"))
    habit.configure(12 * HOUR, residents, exit_sensor=exit_sensor)
    moments = [round((100 + day) * DAY + hour * HOUR) - 8 * HOUR for day in range(21) for hour in pace_acts]
    for began, ended in pairwise(moments):
        habit.silence_ended(began, ended, whole=True)
    return habit


def test_the_first_view_to_be_surprised_speaks_and_says_which_it_was() -> None:
    habit = habit_of((*every_quarter(0, 7.75), *BUSY_BY_DAY, *every_quarter(22.25, 23.75)))
    assert habit.learned
    began = 121 * DAY + 2 * HOUR - 8 * HOUR
    by_both, by_hour_alone = habit.at_ms(began + HOUR, began), habit.at_ms(began + HOUR, None)
    assert by_both < by_hour_alone
    assert habit.least_ms() <= by_both
    assert habit.evidence(began + HOUR, began)["view"] == "pace"
    assert habit.evidence(began + HOUR, began)["acts_missed"] == habit.pace.limit_acts
    assert habit.evidence(began + HOUR, None)["view"] == "hour"


def test_a_second_resident_and_a_missing_exit_sensor_both_ask_for_patience() -> None:
    began = 121 * DAY + 4 * HOUR  # noon
    one = habit_of(HOURLY_BY_DAY).at_ms(began, began)
    two = habit_of(HOURLY_BY_DAY, residents=2).at_ms(began, began)
    no_exit = habit_of(HOURLY_BY_DAY, exit_sensor=False).at_ms(began, began)
    assert one < two <= 12 * HOUR
    assert one < no_exit <= 12 * HOUR


def test_caution_moves_the_line_along_one_curve() -> None:
    began, limits = 121 * DAY + 4 * HOUR, []
    for caution in (0.5, 1.0, 1.5, 3.0):
        habit = Habit(CivilTime(0, "NTP"))
        habit.configure(12 * HOUR, 1, exit_sensor=True, caution=caution)
        moments = [round((100 + day) * DAY + hour * HOUR) - 8 * HOUR for day in range(21) for hour in HOURLY_BY_DAY]
        for a, b in pairwise(moments):
            habit.silence_ended(a, b, whole=True)
        limits.append(habit.at_ms(began, began))
    assert limits == sorted(limits)
    assert limits[0] < limits[-1] <= 12 * HOUR


@pytest.mark.parametrize("days", [7, 20])
def test_while_few_days_are_known_both_views_are_more_patient(days: int) -> None:
    habit = habit_of(HALF_HOURLY_BY_DAY)
    today, by_hour, by_pace = 100 + days, [], []
    for few_days in (0.0, 2.0, 4.0):
        habit.tails = (*TAILS[:2], few_days)
        habit.draw_line(today)
        by_hour.append(habit.at_ms(today * DAY + 4 * HOUR, None))
        by_pace.append(habit.pace.limit_acts)
    assert by_hour[0] < by_hour[1] < by_hour[2]
    assert by_pace[0] < by_pace[1] < by_pace[2]


def test_a_restless_sleeper_who_stops_stirring_is_asked_about_in_the_night() -> None:
    house = House(home(devices={d.id: d for d in (Device("hall", "motion"), Device("door", "contact", entrance=True))}))
    for _ in range(9 * 48):
        house.say(Kind.MOTION, True, "hall")
        house.wait(1800)
    house.at_the_hour(1)
    house.say(Kind.MOTION, True, "hall")
    since = house.now_ms / 1000
    house.wait(6 * 3600)
    assert house.at_s(State.RAISED) - since < 4.5 * 3600
    assert house.controller.book.alarms[1].evidence["line"] == "learned"
