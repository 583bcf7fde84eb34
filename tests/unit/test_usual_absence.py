"""What a home's own absences teach of the next: what is usual, what happens once, what is forgotten."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.inactivity.usual_absence import DAY_MS, ENOUGH_RETURNS, KEEP_DAYS, Terms, UsualAbsence

HOUR = 3_600_000
TERMS = Terms(least_ms=12 * HOUR, most_ms=24 * HOUR, margin=1.5, after_days=14)


def lived(hours: Iterable[float], *, by_door: bool = True) -> UsualAbsence:
    """One absence a day of so many hours each; none where it is 0."""
    usual = UsualAbsence()
    for day, length in enumerate(hours):
        if length:
            usual.ended(round(length * HOUR), day * DAY_MS + DAY_MS // 2, by_door=by_door, most_ms=TERMS.most_ms)
    return usual


def wait_h(usual: UsualAbsence, day: int) -> float | None:
    wait = usual.wait_ms(day * DAY_MS + DAY_MS // 2, TERMS)
    return None if wait is None else wait / HOUR


def test_who_is_out_two_hours_each_day_is_missed_at_the_fixed_limit() -> None:
    assert wait_h(lived([2] * 20), 20) == 12


def test_who_works_nine_hours_is_missed_half_as_long_again_after_going() -> None:
    assert wait_h(lived([9] * 20), 20) == 13.5


def test_what_is_told_is_told_in_half_hours_rounded_up() -> None:
    assert wait_h(lived([9.1] * 20), 20) == 14  # 13.65


def test_no_wait_is_longer_than_the_notice_every_home_has() -> None:
    assert wait_h(lived([20] * 20), 20) == 24


@pytest.mark.parametrize(
    ("absences", "day"),
    [
        ([], 20),
        ([2] * 14, 13),  # thirteen days have passed since the first
        ([2] * (ENOUGH_RETURNS - 1), 30),
        ([0] * 20 + [2] * 10, 30),  # ten days since anybody went out at all
    ],
)
def test_too_few_days_or_returns_teach_nothing(absences: list[float], day: int) -> None:
    assert wait_h(lived(absences), day) is None


def test_fourteen_days_and_eight_returns_suffice() -> None:
    assert wait_h(lived([2] * ENOUGH_RETURNS), 14) == 12


def test_absences_that_ended_without_the_door_are_no_evidence_of_what_it_tells() -> None:
    assert wait_h(lived([2] * 20, by_door=False), 20) is None


def test_but_they_would_have_been_notices_all_the_same() -> None:
    usual = lived([2] * 20)
    for day in (20, 21):
        usual.ended(10 * HOUR, day * DAY_MS, by_door=False, most_ms=TERMS.most_ms)
    assert wait_h(usual, 22) == 15


def test_one_night_elsewhere_teaches_nothing_and_two_do() -> None:
    assert wait_h(lived([2] * 20 + [15]), 21) == 12
    assert wait_h(lived([2] * 20 + [15, 15]), 22) == 22.5


def test_two_long_absences_of_one_day_are_one() -> None:
    usual = lived([2] * 20)
    for _ in range(2):
        usual.ended(11 * HOUR, 20 * DAY_MS, by_door=True, most_ms=TERMS.most_ms)
    assert wait_h(usual, 21) == 12


def test_a_holiday_teaches_nothing_for_it_was_told_of_anyhow() -> None:
    usual = lived([2] * 20)
    before = usual.to_json()
    for days in (7, 10, 14):
        usual.ended(days * DAY_MS, (20 + days) * DAY_MS, by_door=True, most_ms=TERMS.most_ms)
    assert usual.to_json() == before


def test_one_short_week_teaches_nobody_down() -> None:
    assert wait_h(lived([10] * 20 + [1] * 7), 27) == wait_h(lived([10] * 27), 27) == 15


def test_what_was_usual_eight_weeks_ago_is_so_no_more() -> None:
    """On days 18 and 19 it was ten hours for the last time."""
    assert wait_h(lived([10] * 20 + [1] * (KEEP_DAYS - 2)), 18 + KEEP_DAYS - 1) == 15
    assert wait_h(lived([10] * 20 + [1] * (KEEP_DAYS - 1)), 18 + KEEP_DAYS) == 12


def test_whoever_stopped_going_out_is_unknown_again() -> None:
    assert wait_h(lived([2] * 20), 20 + KEEP_DAYS) is None


def test_people_are_told_what_it_stands_on() -> None:
    assert lived([2] * 18 + [9, 8]).told(20 * DAY_MS) == {"returns": 20, "days": 20, "usual_h": 8.0}
    assert UsualAbsence().told(0) == {"returns": 0, "days": 0, "usual_h": 0.0}


lengths = st.lists(st.floats(0, 40), max_size=70)


@given(lengths, st.integers(0, 80))
def test_whatever_is_lived_the_wait_is_within_its_bounds(hours: list[float], day: int) -> None:
    wait = wait_h(lived(hours), day)
    assert wait is None or 12 <= wait <= 24


@given(lengths)
def test_what_is_kept_is_bounded_and_survives_being_written(hours: list[float]) -> None:
    usual = lived(hours)
    data = json.loads(json.dumps(usual.to_json()))
    assert len(data) <= KEEP_DAYS
    again = UsualAbsence()
    again.from_json(data)
    assert again.to_json() == data
    assert wait_h(again, len(hours)) == wait_h(usual, len(hours))


def test_a_damaged_snapshot_is_refused() -> None:
    with pytest.raises(ValueError, match="more days"):
        UsualAbsence().from_json([[day, 1, HOUR] for day in range(KEEP_DAYS + 1)])
