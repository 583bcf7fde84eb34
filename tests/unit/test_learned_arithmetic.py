"""Lines are drawn column by column, and short silences not learned twice: the plain way says the same."""

from __future__ import annotations

import random

import pytest

from gateway.rules.civil import CivilTime
from gateway.rules.inactivity.habit import Habit
from gateway.rules.inactivity.pace import QUARTERS, Pace
from gateway.rules.inactivity.survival import FLOOR_MIN, PRIOR_DAYS, SLOTS, UNKNOWN, WITH_EXIT, prior_level, tail_above

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
DAY = 24 * HOUR
START = 20_000 * DAY  # some day in 2024
CAP = 12 * HOUR
Silence = tuple[int, int, bool]


def life(rng: random.Random, days: int) -> list[Silence]:
    """Silences one after the other: mostly seconds, some hours, some not seen whole."""
    silences, t = [], START
    while t < START + days * DAY:
        length = rng.choice(
            (1, 500, 5 * SECOND, 40 * SECOND, 59_999, MINUTE, 3 * MINUTE, 50 * MINUTE, 4 * HOUR, 15 * HOUR)
        )
        silences.append((t, t + length, rng.random() > 0.05))
        t += length + (rng.choice((HOUR, 9 * HOUR)) if rng.random() < 0.01 else 0)
    return silences


def habit_of(silences: list[Silence], *, each_anew: bool) -> Habit:
    """`each_anew`: forgets after each silence where it was, so that none is passed over."""
    habit = Habit(CivilTime(0, "NTP"))
    habit.configure(CAP, 1, exit_sensor=True)
    for began, ended, whole in silences:
        if each_anew:
            habit._lively = (0, 0)
        habit.silence_ended(began, ended, whole=whole)
    return habit


@pytest.mark.parametrize("seed", range(8))
def test_passing_over_short_silences_changes_nothing_that_is_learned(seed: int) -> None:
    silences = life(random.Random(seed), 15)
    assert habit_of(silences, each_anew=False).to_json() == habit_of(silences, each_anew=True).to_json()


def test_short_silences_are_passed_over() -> None:
    habit = habit_of([(START, START + SECOND, True)], each_anew=False)
    before = habit.to_json()
    assert habit.silence_ended(START + SECOND, START + 20 * SECOND, whole=True) is False
    assert habit.to_json() == before
    habit.silence_ended(START + 20 * SECOND, START + 20 * MINUTE, whole=True)
    assert habit.to_json() != before


def test_a_clock_that_is_set_ends_the_passing_over() -> None:
    """The same seconds may lie at another hour now."""
    civil = CivilTime(0, "NTP")
    habit = Habit(civil)
    habit.configure(CAP, 1, exit_sensor=True)
    habit.silence_ended(START, START + SECOND, whole=True)
    civil.set(3 * HOUR, "NTP", START + 2 * SECOND)
    habit.clock_changed()
    before = habit.to_json()
    habit.silence_ended(START + 2 * SECOND, START + 3 * SECOND, whole=True)
    assert habit.to_json() != before  # no more by which offset it began


@pytest.mark.parametrize("seed", range(4))
def test_the_line_of_each_half_hour_is_that_of_its_levels_and_its_neighbours(seed: int) -> None:
    habit = habit_of(life(random.Random(seed), 20), each_anew=False)
    today = max(habit.survival._days)
    days = [levels for day, levels in sorted(habit.survival._days.items()) if day < today]

    def plainly(slot: int) -> int:
        highest = [max(levels[(slot + d) % SLOTS] for d in (-1, 0, 1)) for levels in days]
        seen = [level for level in highest if level != UNKNOWN]
        usual, excess = tail_above(seen + [prior_level(slot)] * PRIOR_DAYS, len(seen), WITH_EXIT)
        return max(round(usual + 4.5 * excess), FLOOR_MIN)

    assert habit.survival.line(today, 4.5) == [plainly(slot) for slot in range(SLOTS)]


@pytest.mark.parametrize("seed", range(4))
def test_the_most_that_was_missed_is_added_up_quarter_by_quarter(seed: int) -> None:
    pace = habit_of(life(random.Random(seed), 20), each_anew=False).pace
    today = max(pace._days)
    pace.update(today, 5.0)

    def plainly() -> list[int]:
        most, missed, last = [], None, None
        for day, (observed, heard) in sorted(pace._days.items()):
            if day >= today:
                continue
            missed = missed if last == day - 1 else None
            last, longest = day, 0
            for q, acts in enumerate(pace._expected):
                if heard >> q & 1:
                    longest = longest if missed is None else max(longest, missed + acts // 2)
                    missed = acts // 2
                elif not observed >> q & 1:
                    missed = None
                elif missed is not None:
                    missed += acts
            most.append(longest)
        return most

    assert pace._most_missed(today) == plainly()
    assert len(pace._expected) == QUARTERS


def test_with_no_day_known_there_is_a_line_and_a_pace_of_homes_in_general() -> None:
    habit = Habit(CivilTime(0, "NTP"))
    line = habit.survival.line(20_000, 4.5)
    assert len(line) == SLOTS
    assert min(line) >= FLOOR_MIN
    pace = Pace()
    pace.update(20_000, 5.0)
    assert len(pace._expected) == QUARTERS
    assert min(pace._expected) > 0
