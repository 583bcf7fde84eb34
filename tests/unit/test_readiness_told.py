"""A rule that loses what it needs says so at that moment, whichever way it lost it."""

from __future__ import annotations

import pytest
from sensor_rooms import MINUTE, house_of, recording
from virtual_home import START_WALL_MS, House, home

from gateway.home.model import Device
from gateway.home.shape import Reminder
from gateway.observations import Kind


def unavailable(house: House, rule: str) -> list[tuple[float, str, str]]:
    told = [n for n in house.notices if n.code == "RULE_UNAVAILABLE" and n.subject == rule]
    return [(n.t / 1000, n.status, n.reason) for n in told]


def test_a_clock_that_is_no_longer_believed_is_told_at_once_by_who_needs_it() -> None:
    house = House(home(reminders=(Reminder("pills", "medication", "08:00"),)))
    assert house.controller.statuses()["reminders"].readiness == "ARMED"
    house.wait(MINUTE)
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS, "trust": "NONE"})
    assert unavailable(house, "reminders") == [(60, "UNAVAILABLE", "clock")]
    house.wait(MINUTE)
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS, "trust": "NTP"})
    assert unavailable(house, "reminders")[1:] == [(120, "ARMED", "")]


SENSORS = {
    "hazard": Device("d", "smoke"),
    "room_temperature": Device("d", "temperature"),
    "stove": Device("d", "stove"),
    "vitals": Device("d", "health"),
    "leak": Device("d", "water_meter"),
    "high_water_use": Device("d", "water_meter"),
    "water_low_use": Device("d", "water_meter"),
    "power_low_use": Device("d", "electricity_meter"),
    "meter_health": Device("d", "electricity_meter"),
    "door_left_open": Device("d", "contact", entrance=True),
    "geofence": Device("d", "wearable", placement="wrist"),
}


@pytest.mark.parametrize("rule", SENSORS)
def test_a_lost_recording_is_told_at_once_by_who_counts_what_is_recorded(rule: str) -> None:
    house = house_of(SENSORS[rule], settings={"geofence.radius_m": 500.0})
    before = house.controller.statuses()[rule].readiness.value
    assert before in ("ARMED", "LEARNING")
    recording(house, False)
    assert unavailable(house, rule) == [(0, "UNAVAILABLE", "recording_lost")]
    recording(house, True)
    assert unavailable(house, rule)[1:] == [(0, before, "")]
