"""The Chinese calendar and its festivals, against a table of known days and an independent calendar."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from gateway.visits.festivals import festival_windows, festivals
from gateway.visits.lunar import LunarDate, gregorian, lunar, term_date

# Spring Festival, Lantern, Qingming, Dragon Boat, Zhongqiu, Chongyang, winter solstice, as almanacs print them
KNOWN = {
    2020: "01-25 02-08 04-04 06-25 10-01 10-25 12-21",
    2021: "02-12 02-26 04-04 06-14 09-21 10-14 12-21",
    2022: "02-01 02-15 04-05 06-03 09-10 10-04 12-22",
    2023: "01-22 02-05 04-05 06-22 09-29 10-23 12-22",
    2024: "02-10 02-24 04-04 06-10 09-17 10-11 12-21",
    2025: "01-29 02-12 04-04 05-31 10-06 10-29 12-21",
    2026: "02-17 03-03 04-05 06-19 09-25 10-18 12-22",
    2027: "02-06 02-20 04-05 06-09 09-15 10-08 12-22",
    2028: "01-26 02-09 04-04 05-28 10-03 10-26 12-21",
    2029: "02-13 02-27 04-04 06-16 09-22 10-16 12-21",
    2030: "02-03 02-17 04-05 06-05 09-12 10-05 12-22",
    2031: "01-23 02-06 04-05 06-24 10-01 10-24 12-22",
    2032: "02-11 02-25 04-04 06-12 09-19 10-12 12-21",
    2033: "01-31 02-14 04-04 06-01 09-08 10-01 12-21",
    2034: "02-19 03-05 04-05 06-20 09-27 10-20 12-22",
    2035: "02-08 02-22 04-05 06-10 09-16 10-09 12-22",
}
NAMES = ("SPRING_FESTIVAL", "LANTERN", "QINGMING", "DRAGON_BOAT", "ZHONGQIU", "CHONGYANG", "WINTER_SOLSTICE")
LEAP_MONTHS = {2020: 4, 2023: 2, 2025: 6, 2028: 5, 2031: 3, 2033: 11}


@pytest.mark.parametrize("year", KNOWN)
def test_the_festivals_of_a_known_year(year: int) -> None:
    on = {festival.name: festival.on for festival in festivals(year)}
    assert " ".join(f"{on[name]:%m-%d}" for name in NAMES) == KNOWN[year]
    assert on["EVE"] == on["SPRING_FESTIVAL"] - timedelta(days=1)


@pytest.mark.parametrize("day", ["2023-08-30", "2024-08-18", "2025-09-06", "2026-08-27"])
def test_the_festival_of_the_dead_is_as_almanacs_print_it(day: str) -> None:
    """普渡: in Minnan a festival as great as the new year."""
    year = int(day[:4])
    assert [f.on.isoformat() for f in festivals(year) if f.name == "ZHONGYUAN"] == [day]


@pytest.mark.parametrize("year", range(2020, 2036))
def test_the_leap_months(year: int) -> None:
    found = set()
    day = gregorian(year, 1, 1)
    while (today := lunar(day)).year == year:
        if today.leap:
            found.add(today.month)
        day += timedelta(days=15)
    assert found == ({LEAP_MONTHS[year]} if year in LEAP_MONTHS else set())


def test_every_fifth_day_of_a_century_is_that_of_an_independent_calendar() -> None:
    oracle = pytest.importorskip("lunar_python")
    day = date(1990, 1, 1)
    while day < date(2090, 1, 1):
        theirs = oracle.Solar.fromYmd(day.year, day.month, day.day).getLunar()
        month = theirs.getMonth()
        assert lunar(day) == LunarDate(theirs.getYear(), abs(month), theirs.getDay(), month < 0), day
        day += timedelta(days=37)


def test_the_solar_terms_of_a_century_are_those_of_an_independent_calendar() -> None:
    oracle = pytest.importorskip("lunar_python")
    for year in range(1990, 2090):
        table = oracle.Lunar.fromYmd(year, 6, 1).getJieQiTable()
        for name, longitude in (("清明", 15.0), ("冬至", 270.0)):
            day = table[name]
            if day.getYear() == year:
                assert term_date(year, longitude) == date(year, day.getMonth(), day.getDay())


def test_there_and_back_for_every_day_of_a_leap_year() -> None:
    day = date(2033, 1, 1)
    while day < date(2034, 6, 1):
        found = lunar(day)
        assert gregorian(found.year, found.month, found.day, leap=found.leap) == day
        day += timedelta(days=1)


@pytest.mark.parametrize(("month", "day", "leap"), [(13, 1, False), (1, 31, False), (3, 1, True), (0, 1, False)])
def test_days_that_do_not_exist(month: int, day: int, leap: bool) -> None:
    with pytest.raises(ValueError, match="no day"):
        gregorian(2026, month, day, leap=leap)


def test_beyond_the_years_it_knows_it_says_so_and_names_no_festival() -> None:
    with pytest.raises(ValueError, match="1930 to 2096"):
        term_date(2097, 15)
    assert [len(festivals(year)) for year in (1929, 1930, 2096, 2097)] == [0, 9, 9, 0]


def test_the_week_up_to_a_festival_is_a_window() -> None:
    spring = date(2026, 2, 17)
    assert festival_windows(spring - timedelta(days=7), 7) == ()
    assert festival_windows(spring - timedelta(days=6), 7) == ((date(2026, 2, 11), spring, "SPRING_FESTIVAL"),)
    assert [name for _, _, name in festival_windows(spring, 7)] == ["SPRING_FESTIVAL"]
    assert festival_windows(spring + timedelta(days=1), 7) == ()
    assert festival_windows(spring, 0) == ()
    assert festival_windows(spring, 1) == ((spring, spring, "SPRING_FESTIVAL"),)


def test_a_window_may_begin_in_the_old_year() -> None:
    assert festival_windows(date(2022, 12, 31), 30)[0][2] == "SPRING_FESTIVAL"  # of 22 January 2023
