"""The gateway's own supply (T-18 to T-22): mains, the battery's hour, its last word, and what it does not say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sensor_rooms import restarted
from virtual_home import House, home

from gateway.controller import Controller
from gateway.observations import BadObservation, Kind, check_value

MIN, HOUR = 60.0, 3600.0
LOW, FAIL = "GATEWAY_BATTERY_LOW", "GATEWAY_BATTERY_FAIL"


def supply(house: House, **value: Any) -> None:
    house.say(Kind.SUPPLY, check_value(Kind.SUPPLY, value))


def told(house: House, code: str = LOW) -> list[tuple[str, str, float]]:
    return [(n.status, n.reason, n.t / 1000) for n in house.notices if n.code == code]


def test_the_lamp_that_goes_out_is_a_mains_failure_and_the_rest_of_t18_to_t20_follows() -> None:
    house = House()
    supply(house, mains=True, percent=100)
    supply(house, mains=False, percent=99)
    house.wait(2 * MIN)
    assert told(house, "MAINS_FAIL") == [("RAISED", "lasted", 60)]
    assert house.said() == ["V12"]
    supply(house, mains=True, percent=98)
    house.wait(5 * MIN)
    assert told(house, "MAINS_FAIL")[1:] == [("RESTORED", "restored", 420)]


def test_who_cannot_tell_of_the_mains_neither_ends_nor_begins_an_outage() -> None:
    house = House()
    supply(house, mains=None, percent=80)
    house.wait(HOUR)
    assert told(house, "MAINS_FAIL") == []
    supply(house, mains=False)
    house.wait(2 * MIN)
    supply(house, mains=None, percent=70)
    house.wait(HOUR)
    assert [status for status, *_ in told(house, "MAINS_FAIL")] == ["RAISED"]


def test_at_a_fifth_the_battery_is_low_and_nobody_is_told_of_a_sag_of_three_minutes() -> None:
    house = House()
    supply(house, mains=False, percent=21)
    house.wait(HOUR)
    supply(house, percent=20)
    house.wait(3 * MIN)
    supply(house, percent=26)
    house.wait(HOUR)
    assert told(house) == []
    supply(house, percent=20)
    house.wait(4 * MIN)
    assert [(status, reason) for status, reason, _ in told(house)] == [("RAISED", "battery_low")]


def test_an_hour_left_is_low_whatever_the_percentage_but_only_on_the_battery() -> None:
    house = House()
    supply(house, mains=True, percent=60, left_s=1800)
    house.wait(HOUR)
    assert told(house) == []
    supply(house, mains=False, percent=60, left_s=3601)
    house.wait(HOUR)
    assert told(house) == []
    supply(house, percent=59, left_s=3600)
    house.wait(4 * MIN)
    assert [status for status, *_ in told(house)] == ["RAISED"]


def test_a_gauge_that_swings_around_its_limit_says_it_once() -> None:
    house = House()
    supply(house, mains=False, percent=20)
    house.wait(10 * MIN)
    for percent, left_s in ((21, None), (20, 3500), (24, 4000), (19, 3700), (25, 5000)) * 5:
        supply(house, percent=percent, left_s=left_s)
        house.wait(5 * MIN)
    assert [status for status, *_ in told(house)] == ["RAISED"]
    supply(house, mains=True, percent=26, left_s=None)
    assert [(status, reason) for status, reason, _ in told(house)[1:]] == [("RESTORED", "charged")]


def test_the_last_word_comes_within_half_a_minute_and_once() -> None:
    house = House()
    supply(house, mains=False, percent=12)
    house.wait(10 * MIN)
    supply(house, percent=5.1)
    house.wait(10 * MIN)
    assert len(told(house)) == 1
    at = house.now_ms / 1000
    supply(house, percent=5)
    house.wait(29)
    assert len(told(house)) == 1
    house.wait(1)
    assert told(house)[1:] == [("RAISED", "last_gasp", at + 30)]
    for percent in (4, 6, 3, 1):
        supply(house, percent=percent)
        house.wait(5 * MIN)
    assert len(told(house)) == 2


def test_a_battery_that_falls_at_once_needs_no_warning_before_its_last_word() -> None:
    house = House()
    supply(house, mains=False, percent=60)
    supply(house, percent=3)
    house.wait(30)
    assert [reason for _, reason, _ in told(house)] == ["last_gasp"]
    house.wait(HOUR)
    assert len(told(house)) == 1


def test_one_bad_reading_is_no_last_word() -> None:
    house = House()
    supply(house, mains=False, percent=60)
    supply(house, percent=0)
    house.wait(10)
    supply(house, percent=60)
    house.wait(HOUR)
    assert told(house) == []


def test_an_empty_battery_on_the_mains_is_low_but_stops_nothing() -> None:
    house = House()
    supply(house, mains=True, percent=3)
    house.wait(HOUR)
    assert [reason for _, reason, _ in told(house)] == ["battery_low"]


def test_each_cut_after_a_charge_has_a_last_word_of_its_own() -> None:
    house = House()
    supply(house, mains=False, percent=4)
    house.wait(MIN)
    supply(house, mains=True, percent=6)
    supply(house, mains=False, percent=5)  # it only flickered
    house.wait(MIN)
    assert [reason for _, reason, _ in told(house)] == ["last_gasp"]
    supply(house, mains=True, percent=15)
    supply(house, mains=False, percent=5)
    house.wait(MIN)
    assert [reason for _, reason, _ in told(house)] == ["last_gasp", "last_gasp"]


def test_a_failed_battery_is_told_at_once_and_ends_with_its_replacement() -> None:
    house = House()
    supply(house, mains=True, percent=80, bad=True)
    supply(house, mains=True, percent=80, bad=True)
    supply(house, mains=True, percent=80)
    assert told(house, FAIL) == [("RAISED", "battery_failed", 0)]
    supply(house, mains=True, percent=80, bad=False)
    assert [status for status, *_ in told(house, FAIL)] == ["RAISED", "RESTORED"]


def test_a_battery_is_no_alarm_and_goes_to_the_platform() -> None:
    house = House()
    supply(house, mains=False, percent=15, bad=True)
    house.wait(10 * MIN)
    assert list(house.controller.book.alarms) == []
    assert [body["code"] for body in house.published("event") if body["code"] in (LOW, FAIL)] == [FAIL, LOW]


def test_a_restart_in_the_middle_of_the_four_minutes_neither_forgets_nor_hurries() -> None:
    house = House()
    supply(house, mains=False, percent=18)
    house.wait(3 * MIN)
    house.controller = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    house.wait(MIN - 1)
    assert told(house) == []
    house.wait(1)
    assert told(house) == [("RAISED", "battery_low", 240)]
    house.controller = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    supply(house, percent=17)
    house.wait(HOUR)
    assert len(told(house)) == 1


def test_a_gateway_that_was_off_waits_on_for_a_reading_of_now() -> None:
    house = House()
    supply(house, mains=False, percent=18)
    house.wait(MIN)
    house.now_ms += 600_000
    house.say(Kind.RESTART, {"gap_ms": 600_000, "gap": "known"})
    supply(house, mains=True, percent=60)
    house.wait(HOUR)
    assert told(house) == []


def test_the_rule_is_off_where_no_battery_can_be_asked() -> None:
    house = House()
    assert house.controller.statuses()["standby"].reason == "no_battery"
    supply(house, mains=True)
    assert house.controller.statuses()["standby"].readiness == "OFF"
    supply(house, percent=90)
    assert house.controller.statuses()["standby"].readiness == "ARMED"
    rule = next(rule for rule in house.controller.rules if rule.name == "standby")
    assert rule.learned() == {"on_mains": True, "percent": 90}


@pytest.mark.parametrize(
    "value",
    [None, 5, {"mains": 1}, {"mains": "yes"}, {"percent": 101}, {"percent": True}, {"left_s": -1}, {"bad": 0},
     {"left_s": float("nan")}],
)  # fmt: skip
def test_a_supply_that_makes_no_sense_is_refused(value: Any) -> None:
    with pytest.raises(BadObservation, match="supply"):
        check_value(Kind.SUPPLY, value)


def restart_after(house: House, seconds: float) -> None:
    house.now_ms += round(seconds * 1000)
    house.say(Kind.RESTART, {"gap_ms": round(seconds * 1000)})


def test_a_gateway_that_ran_flat_has_a_last_word_at_its_next_cut_however_little_it_has_charged() -> None:
    """A typhoon: the mains come back for minutes."""
    house = House()
    supply(house, mains=False, percent=5)
    house.wait(MIN)
    restart_after(house, 3 * HOUR)
    supply(house, mains=True, percent=2)
    house.wait(HOUR)
    supply(house, mains=False, percent=5)
    house.wait(30)
    assert [reason for _, reason, _ in told(house)] == ["last_gasp", "last_gasp"]


def test_the_last_word_waits_for_its_half_minute_of_readings_through_a_restart() -> None:
    house = House()
    house.wait(HOUR)
    supply(house, mains=False, percent=4)
    house.wait(20)
    restart_after(house, 5 * MIN)
    house.wait(9)
    assert told(house) == []
    house.wait(1)
    assert [reason for _, reason, _ in told(house)] == ["last_gasp"]


def test_what_the_supply_said_before_a_restart_is_known_after_it() -> None:
    house = House()
    supply(house, mains=False, percent=60, left_s=3600)
    house = restarted(house)
    rule = next(rule for rule in house.controller.rules if rule.name == "standby")
    assert rule.learned() == {"on_mains": False, "percent": 60, "left_s": 3600}
    house.wait(4 * MIN)
    assert [reason for _, reason, _ in told(house)] == ["battery_low"]


def test_the_limits_are_settings_and_a_new_one_judges_the_last_reading() -> None:
    house = House()
    supply(house, mains=False, percent=35, left_s=7000)
    house.wait(HOUR)
    assert told(house) == []
    for settings, told_last in (
        ({"standby.low_min": 120.0}, "battery_low"),
        ({}, "charged"),
        ({"standby.low_pct": 40.0}, "battery_low"),
        ({}, "charged"),
    ):
        house.say(Kind.CONFIG, home(settings=settings).to_json())
        house.wait(5 * MIN)
        assert told(house)[-1][1] == told_last, settings
