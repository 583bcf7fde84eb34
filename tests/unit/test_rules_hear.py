"""What a rule says it does not hear it need not be told: it finds nothing in it, and nothing of it stays."""

from __future__ import annotations

import json
import random

import pytest
from virtual_home import START_WALL_MS, home

from gateway.controller import Controller
from gateway.home.model import Device, HomeView
from gateway.observations import Kind, Observation
from gateway.rules.rule import PlainRule

DEVICES = {
    "bedroom": "button", "pendant": "wearable", "hall-pir": "motion", "front-door": "contact", "bed": "bed",
    "water": "water_meter", "power": "electricity_meter", "smoke": "smoke", "stove": "stove", "warmth": "climate",
    "cuff": "blood_pressure",
}  # fmt: skip
SAID: dict[Kind, tuple[object, ...]] = {
    Kind.BUTTON: ("press", "long"), Kind.CONTACT: ("open", "closed"), Kind.POWER: (3.0, 2200.0), Kind.ENERGY: (1.5,),
    Kind.WATER: (0, 12.0), Kind.WATER_VOLUME: (1.0, 1.5), Kind.TEMPERATURE: (4.0, 21.0, 41.0), Kind.HUMIDITY: (40,),
    Kind.BATTERY: (3, 90), Kind.VOLTAGE: (2.9,), Kind.HEART_RATE: (40, 70, 150), Kind.SPO2: (82, 97),
    Kind.BODY_TEMPERATURE: (36.6, 39.8), Kind.BLOOD_PRESSURE: ({"systolic": 190, "diastolic": 100},),
    Kind.POSITION: ({"lat": 31.2, "lon": 121.5, "accuracy_m": 5}, {"lat": 31.9, "lon": 121.5, "accuracy_m": 5}),
    Kind.ACCELERATION: ({"rate_hz": 25, "g": [[0.0, 0.0, 1.0]] * 25},), Kind.TICK: (None,),
    Kind.CANCEL: (None,), Kind.OK: (None,), Kind.REPLY: ({"contact": "c1", "answer": "1", "ref": None},),
    Kind.ACK: ({"stage": "RECEIVED", "seq": [1]},), Kind.DELIVERY: ({"channel": "sms", "result": "sent"},),
    Kind.AWAY: (True, False), Kind.MUTE: (True,), Kind.VISIT: ({"event": "arrived", "by": "c1"},),
    Kind.COMMAND: ({"cmd": "roll_call", "id": "r1"}, {"cmd": "test_alarm"}),
    Kind.CLOCK: ({"offset_ms": START_WALL_MS, "trust": "NONE"}, {"offset_ms": START_WALL_MS, "trust": "NTP"}),
    Kind.RESTART: ({},), Kind.SEEN: (True, False), Kind.CONFIG: (None,),
    Kind.CONDITION: ({"code": "UPLINK_LOST"}, {"code": "UPLINK_LOST", "on": False}, {"code": "UNVERIFIED_PRESS"}),
    Kind.SUPPLY: ({"mains": False, "percent": 15}, {"mains": True, "percent": 4, "bad": True}, {"mains": True}),
}  # fmt: skip
SETTINGS = {
    "geofence.radius_m": 200, "geofence.centre_lat_deg": 31.2, "geofence.centre_lon_deg": 121.5, "water_preset.rule": 1,
}  # fmt: skip


def full_house() -> HomeView:
    consents = {"MONITORING": True, "NOTIFY_FAMILY": True, "WHEREABOUTS": True}
    devices = {name: Device(name, kind, room="r1", entrance=name == "front-door") for name, kind in DEVICES.items()}
    return home(devices=devices, settings=SETTINGS, consents=consents)


def anything(rng: random.Random, kind: Kind, t: int) -> Observation:
    value = rng.choice(SAID.get(kind, (True, False)))
    return Observation(kind, value, t, rng.choice([*DEVICES, None]))


def state_of(rule: PlainRule) -> tuple[str, int | None, object]:
    return json.dumps(rule.to_json(), sort_keys=True, default=sorted), rule.next_due(), rule.status()


@pytest.mark.parametrize("seed", range(10))
def test_what_a_rule_does_not_hear_leaves_no_trace_in_it(seed: int) -> None:
    """Asked of each rule in the midst of a life, so that it has something to lose."""
    rng = random.Random(seed)
    controller = Controller(full_house(), offset_ms=START_WALL_MS, trust="NTP")
    asked = 0
    for t in range(0, 40 * 600_000, 600_000):
        kind = rng.choice([k for k in Kind if k is not Kind.CONFIG])
        controller.handle(anything(rng, kind, t))
        for rule in controller.rules:
            assert isinstance(rule, PlainRule)
            for deaf_to in () if rule.hears is None else set(Kind) - rule.hears - {Kind.CONFIG}:
                before = state_of(rule)
                assert not list(rule.observe(anything(rng, deaf_to, t))), f"{rule.name} found something in {deaf_to}"
                assert state_of(rule) == before, f"{rule.name} keeps something of {deaf_to}"
                asked += 1
    assert not controller.faults
    assert asked > 10_000


@pytest.mark.parametrize("seed", range(5))
def test_whom_stillness_tells_nothing_finds_nothing_in_it_and_keeps_at_most_the_time(seed: int) -> None:
    rng = random.Random(seed)
    controller = Controller(full_house(), offset_ms=START_WALL_MS, trust="NTP")
    deaf: set[str] = set()
    for t in range(0, 40 * 600_000, 600_000):
        controller.handle(anything(rng, rng.choice([k for k in Kind if k is not Kind.CONFIG]), t))
        for rule in (rule for rule in controller.rules if not rule.hears_stillness):
            assert isinstance(rule, PlainRule)
            deaf.add(rule.name)
            before = timeless(rule), rule.next_due(), rule.status()
            assert not list(rule.observe(Observation(Kind.MOTION, False, t, "hall-pir")))
            assert (timeless(rule), rule.next_due(), rule.status()) == before, rule.name
    assert deaf >= {"inactivity", "night_exit", "room_overstay", "daily_line"}


def timeless(rule: PlainRule) -> object:
    """The rule's state without the moment it heard something last."""
    return {name: value for name, value in rule.to_json().items() if name != "t"}


def test_stillness_is_told_only_to_those_it_tells_something() -> None:
    controller = Controller(full_house())
    told = [rule.name for rule, _ in controller._hearing_stillness]
    assert "supervision" in told  # it proves the sensor alive
    assert "inactivity" not in told
    assert told == [r.name for r, _ in controller._hearing[Kind.MOTION] if r.hears_stillness]


def test_a_press_reaches_the_rule_that_makes_a_call_of_it_first() -> None:
    controller = Controller(home())
    hearing = [rule.name for rule, _ in controller._hearing[Kind.BUTTON]]
    assert hearing[0] == "call_button"
    assert "stuck_button" in hearing
    assert "geofence" not in hearing


def test_whoever_says_nothing_of_what_it_hears_hears_everything() -> None:
    controller = Controller(home())
    all_ears = {rule.name for rule in controller.rules if rule.hears is None}
    assert "supervision" in all_ears
    for kind in Kind:
        assert all_ears <= {rule.name for rule, _ in controller._hearing[kind]}
