"""Due, overdue, unable: domain 1.4 and its boundary days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from gateway.visits.ledger import Assessment, DueState, Register, Window, assess
from gateway.visits.periods import PriorityClass, Reading, calendar_period, first_due_period, months_later

KEY, GENERAL = PriorityClass.KEY, PriorityClass.GENERAL
LONG_AGO = date(2025, 1, 1)


def d(text: str) -> date:
    return date.fromisoformat(f"2026-{text}" if len(text) == 5 else text)


def on(day: str, priority: PriorityClass = KEY, visits: tuple[str, ...] = (), **more: Any) -> Assessment:
    classes = more.pop("classes", ((LONG_AGO, priority),))
    return assess(Register(classes=classes, on_site=tuple(map(d, visits)), **more), d(day))


# ---- whose period, and how long


@pytest.mark.parametrize(
    ("day", "priority", "start", "end"),
    [
        ("03-01", KEY, "03-01", "03-15"),
        ("03-15", KEY, "03-01", "03-15"),
        ("03-16", KEY, "03-16", "03-31"),
        ("02-28", KEY, "02-16", "02-28"),
        ("2028-02-29", KEY, "2028-02-16", "2028-02-29"),
        ("04-30", KEY, "04-16", "04-30"),
        ("12-31", KEY, "12-16", "12-31"),
        ("02-14", GENERAL, "02-01", "02-28"),
        ("2028-02-01", GENERAL, "2028-02-01", "2028-02-29"),
        ("12-31", GENERAL, "12-01", "12-31"),
    ],
)
def test_the_calendar_periods(day: str, priority: PriorityClass, start: str, end: str) -> None:
    period = calendar_period(d(day), priority)
    assert (period.start, period.end) == (d(start), d(end))


@pytest.mark.parametrize(
    ("last", "today", "state", "overdue_days"),
    [
        ("03-01", "03-15", DueState.DONE, 0),
        ("03-15", "03-15", DueState.DONE, 0),
        ("03-15", "03-16", DueState.DUE, 0),
        ("03-15", "03-28", DueState.DUE_SOON, 0),
        ("03-15", "03-31", DueState.DUE_SOON, 0),
        ("03-15", "04-01", DueState.OVERDUE, 1),
        ("02-28", "03-15", DueState.DUE_SOON, 0),
        ("02-28", "03-16", DueState.OVERDUE, 1),
        ("02-15", "03-01", DueState.OVERDUE, 1),
        ("02-15", "03-20", DueState.OVERDUE, 20),  # late since the first missed period
    ],
)
def test_a_key_elder_by_halves_of_the_month(last: str, today: str, state: DueState, overdue_days: int) -> None:
    found = on(today, KEY, (last,))
    assert (found.state, found.overdue_days) == (state, overdue_days)


@pytest.mark.parametrize(
    ("last", "today", "state", "overdue_days"),
    [
        ("03-01", "03-31", DueState.DONE, 0),
        ("03-31", "04-30", DueState.DUE_SOON, 0),
        ("03-31", "05-01", DueState.OVERDUE, 1),
        ("01-31", "02-28", DueState.DUE_SOON, 0),
        ("01-31", "03-01", DueState.OVERDUE, 1),
    ],
)
def test_a_general_elder_by_the_month(last: str, today: str, state: DueState, overdue_days: int) -> None:
    found = on(today, GENERAL, (last,))
    assert (found.state, found.overdue_days) == (state, overdue_days)


@pytest.mark.parametrize(
    ("today", "state", "next_due"),
    [
        ("03-10", DueState.DONE, "03-25"),
        ("03-11", DueState.DUE, "03-25"),
        ("03-22", DueState.DUE_SOON, "03-25"),
        ("03-25", DueState.DUE_SOON, "03-25"),
        ("03-26", DueState.OVERDUE, "03-25"),
    ],
)
def test_fifteen_days_from_one_visit_to_the_next(today: str, state: DueState, next_due: str) -> None:
    found = on(today, KEY, ("03-10",), reading=Reading.ROLLING)
    assert (found.state, found.next_due_on) == (state, d(next_due))


def test_of_fifteen_days_the_visit_they_began_with_is_not_the_one_they_want() -> None:
    counts = [on(day, visits=("03-05",), reading=Reading.ROLLING).on_site_done for day in ("03-05", "03-06", "03-20")]
    assert counts == [1, 0, 0]


def test_rolling_is_for_key_elders_only() -> None:
    assert on("03-30", GENERAL, ("03-10",), reading=Reading.ROLLING).state is DueState.DONE


def test_a_visit_makes_good_what_was_late_but_not_the_next_period() -> None:
    assert on("03-20", KEY, ("02-10",)).state is DueState.OVERDUE
    assert on("03-20", KEY, ("02-10", "03-20")).state is DueState.DONE
    assert on("04-01", KEY, ("02-10", "03-20")).state is DueState.DUE


# ---- on site and remote


def test_remote_contacts_are_counted_and_close_nothing() -> None:
    calls = tuple(d("03-16") + timedelta(days=n) for n in range(20))
    found = on("04-02", KEY, ("03-10",), remote=calls)
    assert found.state is DueState.OVERDUE
    assert (found.on_site_done, found.remote_contacts) == (0, 2)  # of this half-month
    assert on("03-31", KEY, ("03-10",), remote=calls).remote_contacts == 16


def test_a_visit_noted_for_a_later_day_does_not_count_yet() -> None:
    assert on("03-16", KEY, ("02-10", "03-20")).state is DueState.OVERDUE


# ---- enrolment in the middle of a period


@pytest.mark.parametrize(
    ("enrolled", "priority", "due"),
    [
        ("03-01", KEY, "03-15"),
        ("03-09", KEY, "03-15"),  # seven days are left, this one included
        ("03-10", KEY, "03-31"),  # six: joined to the next
        ("03-16", KEY, "03-31"),
        ("03-26", KEY, "04-15"),
        ("02-22", KEY, "02-28"),
        ("02-23", KEY, "03-15"),
        ("03-25", GENERAL, "03-31"),
        ("03-26", GENERAL, "04-30"),
        ("12-30", GENERAL, "2027-01-31"),
    ],
)
def test_the_first_period_counts_if_seven_days_are_left(enrolled: str, priority: PriorityClass, due: str) -> None:
    assert first_due_period(d(enrolled), priority).end == d(due)
    register = Register(classes=((d(enrolled), priority),))
    assert assess(register, d(enrolled)).next_due_on == d(due)
    assert assess(register, d(due)).state is not DueState.OVERDUE
    assert assess(register, d(due) + timedelta(days=1)).overdue_days == 1


def test_a_visit_on_the_day_of_registration_counts() -> None:
    assert on("03-12", visits=("03-10",), classes=((d("03-10"), KEY),)).state is DueState.DONE


def test_a_visit_in_the_last_days_of_a_half_month_does_not_serve_the_next_one_too() -> None:
    """Registered at the door on the tenth: the half-month to the fifteenth has its visit, the next wants its own."""
    came = on("03-12", visits=("03-10",), classes=((d("03-10"), KEY),))
    assert (came.state, came.next_due_on) == (DueState.DONE, d("03-31"))
    assert on("03-16", visits=("03-10",), classes=((d("03-10"), KEY),)).state is DueState.DUE
    assert on("04-01", visits=("03-10",), classes=((d("03-10"), KEY),)).overdue_days == 1


def test_registered_from_a_day_to_come_the_first_period_waits_for_a_visit_of_its_own() -> None:
    from_april = ((d("04-01"), KEY),)
    assert on("03-20", classes=from_april).next_due_on == d("04-15")
    before = on("03-20", visits=("03-20",), classes=from_april)
    assert (before.state, before.next_due_on) == (DueState.DUE, d("04-15"))
    assert on("04-16", visits=("03-20",), classes=from_april).state is DueState.OVERDUE


# ---- change of class within a period


def test_the_new_class_counts_from_its_first_day_on() -> None:
    classes = ((LONG_AGO, GENERAL), (d("03-10"), KEY))
    assert [on(day, visits=("03-05",), classes=classes).priority for day in ("03-09", "03-10")] == [GENERAL, KEY]


@pytest.mark.parametrize(
    ("became_key", "due"),
    [
        ("03-12", "03-31"),  # four days were left of the half-month: joined to the next
        ("03-27", "03-31"),  # here March itself would end without anybody at the door
        ("03-26", "03-31"),
    ],
)
def test_who_gets_worse_is_not_visited_later_for_it(became_key: str, due: str) -> None:
    classes = ((LONG_AGO, GENERAL), (d(became_key), KEY))
    assert on(became_key, visits=("02-20",), classes=classes).next_due_on == d(due)
    assert on(due, visits=("02-20",), classes=classes).state is DueState.DUE_SOON
    after = d(due) + timedelta(days=1)
    assert assess(Register(classes=classes, on_site=(d("02-20"),)), after).overdue_days == 1


def test_a_month_that_had_its_visit_is_not_asked_for_another_on_a_change_of_class() -> None:
    classes = ((LONG_AGO, GENERAL), (d("03-27"), KEY))
    found = on("03-28", visits=("03-02",), classes=classes)
    assert found.next_due_on == d("03-31"), "the second half of March has had none"
    better = ((LONG_AGO, KEY), (d("03-27"), GENERAL))
    assert on("03-28", visits=("03-02",), classes=better).next_due_on == d("04-30")
    assert on("03-28", visits=("02-20",), classes=better).next_due_on == d("03-31")


@pytest.mark.parametrize(("changed", "late"), [("03-15", False), ("03-16", True)])
def test_a_half_month_that_was_over_before_the_change_is_late_and_one_that_was_not_is_excused(
    changed: str, late: bool
) -> None:
    classes = ((LONG_AGO, KEY), (d(changed), GENERAL))
    assert (on("03-25", visits=("02-20",), classes=classes).state is DueState.OVERDUE) is late


def test_the_halves_of_an_earlier_time_as_key_elder_are_not_asked_of_the_months_since() -> None:
    """Better from February on, worse again at the end of April: March wanted one visit and had it."""
    classes = ((LONG_AGO, KEY), (d("02-10"), GENERAL), (d("04-20"), KEY))
    assert on("04-21", visits=("02-05", "03-02"), classes=classes).state is not DueState.OVERDUE


def test_the_class_that_changed_does_not_put_off_the_form() -> None:
    classes = ((d("2025-08-31"), KEY), (d("2026-01-10"), GENERAL))
    assert on("02-01", classes=classes).review_due == d("02-28")


def test_general_to_key_begins_a_half_month_of_its_own() -> None:
    early = ((LONG_AGO, GENERAL), (d("03-03"), KEY))
    assert on("03-04", visits=("02-20",), classes=early).next_due_on == d("03-15")
    assert on("03-16", visits=("02-20",), classes=early).state is DueState.OVERDUE
    late = ((LONG_AGO, GENERAL), (d("03-12"), KEY))
    assert on("03-16", visits=("02-20",), classes=late).state is DueState.DUE  # four days were left: joined to the next
    assert on("04-01", visits=("02-20",), classes=late).state is DueState.OVERDUE


def test_a_visit_before_the_change_counts_in_the_same_half_month() -> None:
    classes = ((LONG_AGO, GENERAL), (d("03-05"), KEY))
    assert on("03-16", visits=("03-02",), classes=classes).state is DueState.DUE


def test_key_to_general_is_given_the_month_and_keeps_what_was_late() -> None:
    classes = ((LONG_AGO, KEY), (d("03-10"), GENERAL))
    assert on("03-20", visits=("02-20",), classes=classes).state is not DueState.OVERDUE
    assert on("04-01", visits=("02-20",), classes=classes).state is DueState.OVERDUE
    missed = ((LONG_AGO, KEY), (d("03-20"), GENERAL))  # the half-month to the 15th was over before
    assert on("03-25", visits=("02-20",), classes=missed).overdue_days == 10


# ---- days on which nobody may go


def test_in_a_closed_area_a_due_visit_is_unable_and_not_overdue() -> None:
    typhoon = (Window(d("03-10"), d("03-18"), "typhoon"),)
    assert on("03-12", KEY, ("02-20",), remote_only=typhoon).state is DueState.UNABLE
    assert on("03-17", KEY, ("02-20",), remote_only=typhoon).state is DueState.UNABLE
    after = on("03-19", KEY, ("02-20",), remote_only=typhoon)
    assert (after.state, after.overdue_days) == (DueState.DUE, 0)  # the half-month that ended inside is excused
    assert on("04-01", KEY, ("02-20",), remote_only=typhoon).overdue_days == 1  # the next one is not


def test_a_window_that_leaves_too_few_days_excuses_the_period_one_that_leaves_enough_does_not() -> None:
    tight = (Window(d("03-01"), d("03-13"), "lockdown"),)
    assert on("03-16", KEY, ("02-20",), remote_only=tight).state is DueState.DUE
    loose = (Window(d("03-01"), d("03-12"), "lockdown"),)
    assert on("03-16", KEY, ("02-20",), remote_only=loose).state is DueState.OVERDUE


@pytest.mark.parametrize(
    ("today", "state", "overdue_days"),
    [
        ("2026-03-17", DueState.UNABLE, 0),
        ("2026-03-19", DueState.DUE_SOON, 0),  # the area is open again
        ("2026-03-21", DueState.DUE_SOON, 0),  # the third open day
        ("2026-03-22", DueState.OVERDUE, 1),
        ("2026-05-01", DueState.OVERDUE, 41),
    ],
)
def test_fifteen_days_that_ended_in_a_closed_area_are_due_on_the_third_open_day(
    today: str, state: DueState, overdue_days: int
) -> None:
    """Else whom nobody visits after the typhoon would never be late again."""
    rolling = Register(
        classes=((d("2026-01-01"), PriorityClass.KEY),),
        reading=Reading.ROLLING,
        on_site=(d("2026-03-02"),),
        remote_only=(Window(d("2026-03-14"), d("2026-03-18"), "typhoon"),),
    )
    found = assess(rolling, d(today))
    assert (found.state, found.overdue_days) == (state, overdue_days)
    assert found.next_due_on == d("2026-03-21")


def test_two_closed_stretches_in_a_row_are_waited_for_and_one_that_leaves_time_is_not() -> None:
    def due(*closed: tuple[str, str]) -> str:
        windows = tuple(Window(d(a), d(b), "typhoon") for a, b in closed)
        register = Register(
            ((d("2026-03-02"), PriorityClass.KEY),), Reading.ROLLING, (d("2026-03-02"),), remote_only=windows
        )
        return assess(register, d("2026-03-02")).next_due_on.isoformat()

    assert due() == due(("2026-03-05", "2026-03-16")) == "2026-03-17"
    assert due(("2026-03-16", "2026-03-18"), ("2026-03-20", "2026-03-22")) == "2026-03-24"
    assert due(("2026-03-02", "2026-03-16")) == "2026-03-20"  # one open day was too few


def test_what_was_late_before_the_window_is_late_again_after_it() -> None:
    window = (Window(d("03-20"), d("03-22"), "typhoon"),)
    assert on("03-19", KEY, ("02-20",), remote_only=window).overdue_days == 4
    assert on("03-21", KEY, ("02-20",), remote_only=window).state is DueState.UNABLE
    assert on("03-23", KEY, ("02-20",), remote_only=window).overdue_days == 8


def test_a_visit_done_before_the_area_closed_is_done() -> None:
    window = (Window(d("03-10"), d("03-18"), "typhoon"),)
    assert on("03-12", KEY, ("03-02",), remote_only=window).state is DueState.DONE


# ---- one more


def test_an_extra_window_asks_for_one_more_and_ends_cleanly() -> None:
    extra = (Window(d("03-05"), d("03-09"), "cold_wave"),)
    before = on("03-04", KEY, ("03-02",), extra=extra)
    inside = on("03-05", KEY, ("03-02",), extra=extra)
    done = on("03-09", KEY, ("03-02", "03-06"), extra=extra)
    after = on("03-10", KEY, ("03-02",), extra=extra)
    assert [len(a.extra_open) for a in (before, inside, done, after)] == [0, 1, 0, 0]
    assert {a.state for a in (before, inside, done, after)} == {DueState.DONE}
    required = [(a.to_json()["on_site_required"], a.on_site_done) for a in (before, inside, done, after)]
    assert required == [(1, 1), (2, 1), (2, 2), (1, 1)]


@pytest.mark.parametrize(
    ("visits", "asks"),
    [
        ((), 1),
        (("03-06",), 1),  # the half-month's own visit is none more
        (("03-06", "03-08"), 0),
        (("03-02", "03-06"), 0),
        (("02-20", "03-06"), 1),
        (("03-01", "03-02"), 1),  # before anybody knew of the cold
    ],
)
def test_one_more_is_one_beside_the_visit_of_the_period(visits: tuple[str, ...], asks: int) -> None:
    extra = (Window(d("03-05"), d("03-09"), "cold_wave"),)
    assert len(on("03-09", KEY, visits, extra=extra).extra_open) == asks


def test_a_window_over_two_periods_is_served_in_either() -> None:
    extra = (Window(d("03-30"), d("04-05"), "QINGMING"),)
    assert on("04-02", KEY, ("03-20", "03-31"), extra=extra).extra_open == ()
    assert on("04-04", KEY, ("03-20", "04-02", "04-04"), extra=extra).extra_open == ()
    assert len(on("04-04", KEY, ("03-20", "04-02"), extra=extra).extra_open) == 1


def test_by_fifteen_days_any_visit_in_the_window_is_one_more() -> None:
    extra = (Window(d("03-05"), d("03-09"), "cold_wave"),)
    assert on("03-09", KEY, ("02-25", "03-06"), extra=extra, reading=Reading.ROLLING).extra_open == ()


# ---- the half-yearly renewal of the form


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        ("2025-08-31", 6, "2026-02-28"),
        ("2027-08-31", 6, "2028-02-29"),
        ("2025-08-30", 6, "2026-02-28"),
        ("2025-08-28", 6, "2026-02-28"),
        ("2026-03-31", 6, "2026-09-30"),
        ("2026-12-31", 6, "2027-06-30"),
        ("2026-02-28", 6, "2026-08-28"),
        ("2026-01-15", 12, "2027-01-15"),
    ],
)
def test_six_months_later(day: str, months: int, expected: str) -> None:
    assert months_later(d(day), months) == d(expected)


def test_the_form_is_due_half_a_year_after_it_was_last_renewed() -> None:
    register = Register(classes=((d("2025-08-31"), KEY),))
    assert not assess(register, d("2026-02-28")).review_overdue
    assert assess(register, d("2026-03-01")).review_overdue
    renewed = Register(classes=((d("2025-08-31"), KEY),), reviewed_on=d("2026-02-20"))
    assert assess(renewed, d("2026-03-01")).review_due == d("2026-08-20")


# ---- properties


@pytest.mark.parametrize("reading", list(Reading))
@pytest.mark.parametrize("priority", [KEY, GENERAL])
def test_visited_once_a_fortnight_nobody_is_ever_late(priority: PriorityClass, reading: Reading) -> None:
    visits = tuple(date(2024, 1, 8) + timedelta(days=14 * n) for n in range(72))
    register = Register(classes=((date(2024, 1, 1), priority),), on_site=visits, reading=reading)
    for n in range(900):
        found = assess(register, date(2024, 1, 1) + timedelta(days=n))
        assert found.state is not DueState.OVERDUE, found
        assert found.next_due_on >= found.day


@pytest.mark.parametrize("priority", [KEY, GENERAL])
def test_never_visited_it_grows_later_by_one_day_each_day(priority: PriorityClass) -> None:
    register = Register(classes=((date(2024, 1, 1), priority),))
    days = [assess(register, date(2024, 2, 1) + timedelta(days=n)).overdue_days for n in range(400)]
    assert days == list(range(days[0], days[0] + 400))
