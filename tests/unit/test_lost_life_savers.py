"""T-24: what calls for help is missed sooner and told louder than what only watches; doors that are lost while open."""

from __future__ import annotations

import pytest
from sensor_rooms import HOUR, MINUTE, house_of, lose, noted, raised
from virtual_home import House

from gateway.home.model import Device, HomeView
from gateway.observations import Kind
from gateway.parameters import TABLE
from gateway.runtime.jitter import MAINS_JITTER, SUMMARY_SLOT, own, settled

DOOR = Device("door", "contact", entrance=True)
HALL = Device("hall", "motion")


def severity_of_loss(house: House, device: str) -> str:
    (body,) = [b for b in house.published("event") if b["code"] == "DEVICE_LOST" and b["device"] == device]
    return str(body["severity"])


@pytest.mark.parametrize(
    ("kind", "after_h", "severity"),
    [
        ("smoke", 12, "P2"), ("gas", 12, "P2"), ("co", 12, "P2"), ("heat", 12, "P2"), ("button", 24, "P2"),
        ("wearable", 24, "P2"), ("flood", 24, "P3"), ("motion", 24, "P3"), ("contact", 24, "P3"),
    ],
)  # fmt: skip
def test_what_calls_for_help_is_missed_sooner_and_told_louder(kind: str, after_h: float, severity: str) -> None:
    """All check in every eight hours; of a detector one missed check is enough."""
    house = house_of(Device("it", kind, heartbeat_s=8 * 3600))
    house.wait(after_h * HOUR - 1)
    assert noted(house, "DEVICE_LOST") == []
    house.wait(1)
    assert noted(house, "DEVICE_LOST") == [("LOST", "silent")]
    assert severity_of_loss(house, "it") == severity


# ---- a door sensor lost while the door stands open


def open_door(*more: Device, **settings: float) -> House:
    house = house_of(DOOR, HALL, *more, settings={k.replace("__", "."): v for k, v in settings.items()})
    house.say(Kind.MOTION, True, "hall")
    house.say(Kind.CONTACT, "open", "door")
    house.wait(30 * MINUTE)
    return house


def test_a_door_that_is_lost_while_open_is_not_told_as_standing_open() -> None:
    house = open_door()
    lose(house, "door")
    assert house.controller.statuses()["door_left_open"].reason == "sensor_lost"
    house.wait(5 * HOUR)
    assert noted(house, "DOOR_LEFT_OPEN") == []
    house.say(Kind.CONTACT, "open", "door")  # it is back, and open: counted from now
    house.wait(59 * MINUTE)
    assert noted(house, "DOOR_LEFT_OPEN") == []
    house.wait(MINUTE)
    assert noted(house, "DOOR_LEFT_OPEN") == [("RAISED", "open_too_long")]


def test_a_door_that_comes_back_closed_was_perhaps_closed_all_the_time() -> None:
    house = open_door()
    lose(house, "door")
    house.wait(2 * HOUR)
    house.say(Kind.CONTACT, "closed", "door")
    house.wait(5 * HOUR)
    assert noted(house, "DOOR_LEFT_OPEN") == []


def test_what_was_told_of_an_open_door_stays_told_while_it_is_lost_and_ends_when_it_closes() -> None:
    house = open_door()
    house.wait(31 * MINUTE)
    lose(house, "door")
    house.wait(HOUR)
    assert noted(house, "DOOR_LEFT_OPEN") == [("RAISED", "open_too_long")]
    house.say(Kind.CONTACT, "closed", "door")
    assert noted(house, "DOOR_LEFT_OPEN")[-1] == ("RESTORED", "closed")


def test_with_the_open_door_lost_nobody_is_said_to_be_still_nor_out() -> None:
    house = open_door(inactivity__enabled=1)
    lose(house, "door")
    found = house.controller.statuses()["inactivity"]
    assert (found.readiness.value, found.reason) == ("UNAVAILABLE", "sensor_lost")
    house.wait(11 * HOUR)
    assert raised(house) == []


def test_a_door_lost_for_hours_and_back_is_one_that_stands_open() -> None:
    house = open_door(inactivity__enabled=1)
    lose(house, "door")
    house.wait(2 * HOUR)
    house.say(Kind.CONTACT, "open", "door")
    rule = next(r for r in house.controller.rules if r.name == "inactivity")
    assert rule.learned()["where"] == "UNKNOWN"
    assert house.controller.statuses()["inactivity"].readiness.value in ("LEARNING", "ARMED")
    house.say(Kind.CONTACT, "closed", "door")
    house.wait(MINUTE)
    house.say(Kind.MOTION, True, "hall")
    assert house.controller.statuses()["inactivity"].readiness.value in ("LEARNING", "ARMED")


def test_a_night_exit_whose_door_is_lost_is_asked_about_no_more() -> None:
    house = house_of(DOOR, HALL)
    house.at_the_hour(2)
    house.say(Kind.MOTION, True, "hall")
    house.say(Kind.CONTACT, "open", "door")
    house.wait(16 * MINUTE)
    assert house.states() == ["DETECTED", "PRE_ALARM"]
    lose(house, "door")
    assert house.states()[-1] == "RECOVERED"
    assert house.controller.statuses()["night_exit"].reason == "sensor_lost"


# ---- a village does not speak in one voice (T-19)


@pytest.mark.parametrize("name", [MAINS_JITTER, SUMMARY_SLOT])
def test_gateways_of_a_village_are_spread_over_the_two_minutes_or_hours_and_each_keeps_its_own(name: str) -> None:
    ids = [f"gw-{n:04d}" for n in range(1000)]
    delays = [own(name, each) for each in ids]
    assert delays == [own(name, each) for each in ids]
    assert min(delays) == 0
    assert max(delays) == TABLE[name].high
    assert max(delays.count(turn) for turn in range(121)) <= 25  # 1000 over 121 turns: 8 each, 25 at the worst


def test_who_speaks_first_of_a_power_cut_is_not_therefore_first_in_the_morning() -> None:
    ids = [f"gw-{n:04d}" for n in range(1000)]
    assert sum(own(MAINS_JITTER, each) == own(SUMMARY_SLOT, each) for each in ids) < 50


def test_the_home_as_it_runs_has_its_gateway_s_delay_unless_it_sets_one() -> None:
    mine = {name: float(own(name, "gw-7")) for name in (MAINS_JITTER, SUMMARY_SLOT)}
    assert settled(HomeView(), "gw-7").settings == mine
    assert settled(HomeView(settings={"away.max_h": 6.0}), "gw-7").settings["away.max_h"] == 6.0
    chosen = HomeView(settings={MAINS_JITTER: 0.0, SUMMARY_SLOT: 3.0})
    assert settled(chosen, "gw-7") is chosen
