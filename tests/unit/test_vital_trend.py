"""Notes on the drift of vital signs: what is usual, what drifts, and when it is back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sensor_rooms import DAY, noted, raised, reading, restarted
from virtual_home import House
from vitals_ward import CUFF, couple, measure, pressure, ward

from gateway.observations import Kind


def days(house: House, *means: float) -> None:
    for mean in means:
        measure(house, Kind.HEART_RATE, *[mean] * 20, every_s=DAY / 20)


def test_two_days_beyond_the_usual_are_noted_and_the_first_day_back_ends_the_note() -> None:
    house = ward()
    days(house, 70, 72, 68, 71, 70, 69, 73)
    assert house.controller.statuses()["vital_trend"].readiness == "ARMED"
    days(house, 88)
    assert noted(house, "VITAL_TREND") == []
    days(house, 88)
    assert noted(house, "VITAL_TREND") == [("RAISED", "trend_up")]
    days(house, 86, 71)
    assert noted(house, "VITAL_TREND") == [("RAISED", "trend_up"), ("RESTORED", "back_in_range")]
    assert raised(house) == []


@pytest.mark.parametrize(("mean", "noticed"), [(84, False), (85, True)])
def test_the_drift_belongs_to_the_note(mean: float, noticed: bool) -> None:
    house = ward()
    days(house, *[70] * 7, mean, mean)
    assert bool(noted(house, "VITAL_TREND")) == noticed


def test_what_stays_beyond_becomes_the_usual_in_a_week() -> None:
    house = ward()
    days(house, *[70] * 7, *[52] * 8)
    assert noted(house, "VITAL_TREND") == [("RAISED", "trend_down"), ("RESTORED", "back_in_range")]
    days(house, *[52] * 5)
    assert len(noted(house, "VITAL_TREND")) == 2


def test_too_few_readings_are_no_day_and_too_few_days_nothing_usual() -> None:
    house = ward()
    for _ in range(10):
        measure(house, Kind.HEART_RATE, *[70] * 5, every_s=DAY / 5)
    days(house, *[110] * 3)
    assert noted(house, "VITAL_TREND") == []
    assert house.controller.statuses()["vital_trend"].readiness == "LEARNING"


def test_one_measurement_of_a_cuff_is_a_day() -> None:
    house = ward()
    for systolic in (130, 128, 132, 131, 129, 130, 130, 155, 156):
        reading(house, Kind.BLOOD_PRESSURE, pressure(systolic, 80), "cuff", DAY + 60)
    house.wait(DAY)
    assert noted(house, "VITAL_TREND") == [("RAISED", "trend_up")]


def test_a_trend_goes_on_from_its_snapshot() -> None:
    house = ward()
    days(house, *[70] * 7, 88)
    restarted(house)
    days(house, 88)
    assert noted(house, "VITAL_TREND") == [("RAISED", "trend_up")]
    restarted(house)
    days(house, 70)
    assert noted(house, "VITAL_TREND")[-1] == ("RESTORED", "back_in_range")


def test_of_two_people_each_device_has_its_own_usual() -> None:
    """He at 60 and she at 90: on the day hers stays off, nothing has drifted."""
    house = couple()
    for day in range(10):
        for _ in range(25):
            house.say(Kind.HEART_RATE, 60, "band")
            if day < 8:
                house.say(Kind.HEART_RATE, 90, "cuff")
            house.wait(DAY / 25)
    assert noted(house, "VITAL_TREND") == []
    assert set(house.controller.to_json()["rules"]["vital_trend"]["courses"]) == {"band/heart_rate", "cuff/heart_rate"}
    restarted(house)
    for _ in range(3 * 25):
        house.say(Kind.HEART_RATE, 80, "band")
        house.wait(DAY / 25)
    assert [(n.subject, n.reason) for n in house.notices if n.code == "VITAL_TREND"] == [
        ("band/heart_rate", "trend_up")
    ]
    house.say(Kind.CONFIG, replace(house.controller.home, residents=("a",)).to_json())
    assert noted(house, "VITAL_TREND")[1:] == [("RESTORED", "residents_changed")]


def drifted(house: House) -> None:
    """Ten days of the usual, and three of something else."""
    for day in range(13):
        for device in ("band", "cuff"):
            for _ in range(20):
                house.say(Kind.HEART_RATE, 60 if day < 10 else 90, device)
                house.wait(DAY / 40)


def test_the_note_on_a_band_that_was_given_back_ends_and_the_others_goes_on() -> None:
    house = couple()
    drifted(house)
    assert noted(house, "VITAL_TREND") == [("RAISED", "trend_up")] * 2
    house.say(Kind.CONFIG, replace(house.controller.home, devices={"cuff": CUFF}).to_json())
    ended = [(n.subject, n.reason) for n in house.notices if n.code == "VITAL_TREND" and n.status == "RESTORED"]
    assert ended == [("band/heart_rate", "removed")]
    assert set(house.controller.to_json()["rules"]["vital_trend"]["courses"]) == {"cuff/heart_rate"}


def test_a_consent_withdrawn_ends_the_notes_on_both() -> None:
    house = couple()
    drifted(house)
    house.say(Kind.CONFIG, replace(house.controller.home, consents={"MONITORING": True}).to_json())
    assert noted(house, "VITAL_TREND")[2:] == [("RESTORED", "no_consent")] * 2
    assert house.controller.to_json()["rules"]["vital_trend"]["courses"] == {}


def days_of(house: House, *rates: float, readings: int = 20) -> None:
    for rate in rates:
        for _ in range(readings):
            house.say(Kind.HEART_RATE, rate, "band")
        house.wait(DAY)


@pytest.mark.parametrize(("days", "readings", "usual"), [(7, 20, True), (6, 20, False), (7, 19, False)])
def test_a_week_of_days_with_twenty_readings_is_the_usual(days: int, readings: int, usual: bool) -> None:
    house = ward()
    days_of(house, *[60] * days, readings=readings)
    assert (house.controller.statuses()["vital_trend"].readiness == "ARMED") is usual


@pytest.mark.parametrize(("rate", "noticed"), [(78.4, False), (78.5, True)])
def test_between_two_middle_days_lies_the_usual(rate: float, noticed: bool) -> None:
    house = ward()
    days_of(house, 60, 67, 61, 66, 62, 65, 63, 64)  # 63.5
    days_of(house, rate, rate)
    assert bool(noted(house, "VITAL_TREND")) is noticed


@pytest.mark.parametrize(("days", "learned"), [(6, False), (7, True)])
def test_after_a_week_of_it_the_new_is_the_usual_and_not_before(days: int, learned: bool) -> None:
    house = ward()
    days_of(house, *[60] * 10, *[90] * days)
    assert [status for status, _ in noted(house, "VITAL_TREND")] == ["RAISED", "RESTORED"][: 1 + learned]
    days_of(house, 60, 60)
    assert [reason for _, reason in noted(house, "VITAL_TREND")[2:]] == (["trend_down"] if learned else [])


def test_what_a_band_on_the_table_tells_is_nobodys_usual() -> None:
    house = ward()
    house.say(Kind.WORN, True, "band")
    days_of(house, *[60] * 3)
    house.say(Kind.WORN, False, "band")
    days_of(house, *[60] * 7)
    assert house.controller.statuses()["vital_trend"].readiness == "LEARNING"
    house.say(Kind.WORN, True, "band")
    days_of(house, *[60] * 4)
    assert house.controller.statuses()["vital_trend"].readiness == "ARMED"
