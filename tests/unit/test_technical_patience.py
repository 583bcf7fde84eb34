"""Conditions of the machine: each code's own patience (T-18 to T-22), jitter by gateway, an unsynced clock."""

from __future__ import annotations

import json

import pytest
from virtual_home import START_WALL_MS, House

from gateway.controller import Controller
from gateway.observations import Kind

MIN, HOUR = 60.0, 3600.0


def told(house: House, code: str) -> list[tuple[str, float]]:
    return [(n.status, n.t / 1000) for n in house.notices if n.code == code]


def condition(house: House, code: str, on: bool) -> None:
    house.say(Kind.CONDITION, {"code": code, "on": on})


@pytest.mark.parametrize(("jitter_s", "after_s"), [(0, 60), (77, 137), (120, 180)])
def test_a_power_cut_is_told_after_a_minute_and_the_gateways_own_jitter(jitter_s: float, after_s: float) -> None:
    house = House(technical__mains_jitter_s=jitter_s)
    condition(house, "MAINS_FAIL", True)
    house.wait(10 * MIN)
    assert told(house, "MAINS_FAIL") == [("RAISED", after_s)]


def test_power_that_flickers_is_back_only_after_five_stable_minutes() -> None:
    house = House()
    condition(house, "MAINS_FAIL", True)
    house.wait(2 * MIN)
    condition(house, "MAINS_FAIL", False)
    house.wait(4 * MIN)
    condition(house, "MAINS_FAIL", True)
    house.wait(10 * MIN)
    condition(house, "MAINS_FAIL", False)
    house.wait(5 * MIN)
    assert told(house, "MAINS_FAIL") == [("RAISED", 60), ("RESTORED", 21 * MIN)]


def test_a_cut_of_seconds_is_nobodys_business() -> None:
    house = House()
    condition(house, "MAINS_FAIL", True)
    house.wait(59)
    condition(house, "MAINS_FAIL", False)
    house.wait(HOUR)
    assert told(house, "MAINS_FAIL") == []


def test_a_low_battery_waits_four_minutes_a_failed_one_none() -> None:
    house = House()
    condition(house, "GATEWAY_BATTERY_LOW", True)
    condition(house, "GATEWAY_BATTERY_FAIL", True)
    house.wait(10 * MIN)
    assert told(house, "GATEWAY_BATTERY_LOW") == [("RAISED", 240)]
    assert told(house, "GATEWAY_BATTERY_FAIL") == [("RAISED", 0)]


def test_a_snapshot_while_the_power_is_coming_back() -> None:
    house = House()
    condition(house, "MAINS_FAIL", True)
    house.wait(2 * MIN)
    condition(house, "MAINS_FAIL", False)
    house.wait(MIN)
    house.controller = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    house.wait(4 * MIN)
    assert told(house, "MAINS_FAIL")[-1] == ("RESTORED", 7 * MIN)


def restart(house: House, gap_s: float) -> None:
    house.now_ms += round(gap_s * 1000)
    house.say(Kind.RESTART, {"gap_ms": round(gap_s * 1000), "gap": "known"})


def test_what_lasted_only_while_the_gateway_was_off_has_not_lasted() -> None:
    house = House()
    condition(house, "UPLINK_LOST", True)
    house.wait(30)
    restart(house, 10 * MIN)
    house.wait(59)
    condition(house, "UPLINK_LOST", False)  # the network is back within its ninety seconds
    house.wait(HOUR)
    assert told(house, "UPLINK_LOST") == []


def test_five_stable_minutes_are_five_that_somebody_saw() -> None:
    house = House()
    condition(house, "MAINS_FAIL", True)
    house.wait(2 * MIN)
    condition(house, "MAINS_FAIL", False)
    house.wait(MIN)
    restart(house, 20 * MIN)
    house.wait(3 * MIN)
    assert [status for status, _ in told(house, "MAINS_FAIL")] == ["RAISED"]
    house.wait(MIN)
    assert told(house, "MAINS_FAIL")[-1] == ("RESTORED", 27 * MIN)


def test_a_clock_nobody_vouches_for_is_told_after_ten_minutes_and_ends_with_the_network() -> None:
    house = House()
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS, "trust": "NONE"})
    house.wait(HOUR)
    assert told(house, "CLOCK_UNSYNCED") == [("RAISED", 600)]
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS, "trust": "NTP"})
    assert told(house, "CLOCK_UNSYNCED") == [("RAISED", 600), ("RESTORED", 3600)]


def test_a_battery_clock_alone_is_good_for_a_week() -> None:
    house = House()
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS, "trust": "RTC"})
    house.wait(167 * HOUR)
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS, "trust": "PHONE"})  # still no source that corrects it
    assert told(house, "CLOCK_UNSYNCED") == []
    house.wait(HOUR)
    assert told(house, "CLOCK_UNSYNCED") == [("RAISED", 168 * HOUR)]


def test_a_battery_clock_that_fails_is_given_its_ten_minutes_and_says_why() -> None:
    house = House()
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS, "trust": "RTC"})
    house.wait(100 * HOUR)
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS, "trust": "NONE"})
    house.wait(600 - 1)
    assert told(house, "CLOCK_UNSYNCED") == []
    house.wait(1)
    assert [n.reason for n in house.notices if n.code == "CLOCK_UNSYNCED"] == ["no_clock"]
    free = House()
    free.say(Kind.CLOCK, {"offset_ms": START_WALL_MS, "trust": "RTC"})
    free.wait(168 * HOUR)
    assert [n.reason for n in free.notices if n.code == "CLOCK_UNSYNCED"] == ["free_running"]


def test_a_clock_that_is_synced_in_time_is_no_news() -> None:
    house = House()
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS, "trust": "NONE"})
    house.wait(9 * MIN)
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS, "trust": "GNSS"})
    house.wait(HOUR)
    assert told(house, "CLOCK_UNSYNCED") == []
