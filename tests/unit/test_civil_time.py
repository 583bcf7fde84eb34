"""Civil time for rules: the local day, and when nothing vouches for it."""

from __future__ import annotations

from datetime import date

from gateway.rules.civil import DAY_MS, DISTRUST_MS, STEP_MS, CivilTime, date_of

MARCH_FIRST_0815 = 1_772_324_130_000  # 2026-03-01T08:15:30+08:00


def test_the_day_is_the_one_of_shanghai() -> None:
    civil = CivilTime(MARCH_FIRST_0815, "NTP")
    assert civil.ms_of_day(0) == (8 * 60 + 15) * 60_000 + 30_000
    assert date_of(civil.day(0)) == date(2026, 3, 1)
    midnight = civil.at(civil.day(0) + 1, 0)
    assert (civil.ms_of_day(midnight - 1), civil.ms_of_day(midnight)) == (DAY_MS - 1, 0)
    assert date_of(civil.day(midnight)) == date(2026, 3, 2)


def test_a_step_of_a_believed_clock_makes_the_hour_doubtful_for_a_day() -> None:
    civil = CivilTime(MARCH_FIRST_0815, "NTP")
    civil.set(MARCH_FIRST_0815 + STEP_MS, "NTP", 1_000)
    assert civil.trusted(1_000)
    civil.set(MARCH_FIRST_0815 + 3 * STEP_MS, "NTP", 2_000)
    assert not civil.trusted(2_000)
    assert not civil.trusted(2_000 + DISTRUST_MS - 1)
    assert civil.trusted(2_000 + DISTRUST_MS)
    again = CivilTime(civil.offset_ms, civil.trust)
    again.from_json(civil.to_json())
    assert not again.trusted(3_000)


def test_the_first_time_from_the_network_is_no_step() -> None:
    civil = CivilTime(0, "NONE")
    assert not civil.trusted(0)
    civil.set(MARCH_FIRST_0815, "NTP", 5_000)
    assert civil.trusted(5_000)
