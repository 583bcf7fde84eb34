"""What a key or a door sends along when somebody acts is no word of its own: unused for days, it is not lost."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from virtual_home import House, home

from gateway.controller import Controller
from gateway.home.model import Device
from gateway.observations import Kind
from gateway.rules.sightings import BURST_MS, SIGHTINGS, Sightings
from gateway.rules.supervision import Supervision

MIN, HOUR, DAY = 60.0, 3600.0, 86_400.0
UNEVEN_H = (5, 20, 11, 30, 2, 26, 14, 9, 33, 4, 17, 28, 8, 22, 12, 6, 19, 25, 3)  # thirteen days of presses
EVEN_H = (9, 12, 10, 14, 11) * 6  # a key pressed with every meal: as regular as a beacon
EVENTS: tuple[tuple[str, tuple[tuple[Kind, Any], ...]], ...] = (
    ("button", ((Kind.BUTTON, "press"),)),
    ("button", ((Kind.BUTTON, "long"),)),
    ("contact", ((Kind.CONTACT, "open"), (Kind.CONTACT, "closed"))),
    ("motion", ((Kind.MOTION, True),)),
    ("occupancy", ((Kind.OCCUPANCY, True), (Kind.OCCUPANCY, False))),
    ("bed", ((Kind.BED, True), (Kind.BED, False))),
)


def house_of(*devices: Device) -> House:
    return House(home(devices={d.id: d for d in devices}, settings={"inactivity.enabled": 0}))


def lost(house: House) -> list[tuple[str, str]]:
    return [(n.subject, n.status) for n in house.notices if n.code.startswith("DEVICE_")]


def learned(house: House) -> dict[str, Any]:
    return next(rule for rule in house.controller.rules if isinstance(rule, Supervision)).learned()


def restarted(house: House) -> None:
    snapshot = json.loads(json.dumps(house.controller.to_json()))
    house.controller = Controller.from_json(snapshot)
    assert house.controller.restored_empty == []
    assert json.loads(json.dumps(house.controller.to_json())) == snapshot


def packet(house: House, said: tuple[Kind, Any], order: str, apart_ms: int, *, restart: bool = False) -> None:
    """Battery and event of one device, in this order and so far apart."""
    words: list[tuple[Kind, Any]] = [(Kind.BATTERY, 90), (Kind.VOLTAGE, 2.9), said]
    if order == "event first":
        words.reverse()
    if order == "between":
        words = [words[0], words[2], words[1]]
    for n, (kind, value) in enumerate(words):
        if n:
            house.wait(apart_ms / 2000)
            if restart:
                restarted(house)
        house.say(kind, value, "a")


@pytest.mark.parametrize("order", ["event first", "battery first", "between"])
@pytest.mark.parametrize("gaps", [UNEVEN_H, EVEN_H], ids=["uneven", "even"])
@pytest.mark.parametrize(("kind", "events"), EVENTS)
def test_who_speaks_only_when_somebody_acts_is_not_missed(
    kind: str, events: tuple[tuple[Kind, Any], ...], gaps: tuple[float, ...], order: str
) -> None:
    house = house_of(Device("a", kind))
    for n, hours in enumerate(gaps):
        house.wait(hours * HOUR)
        packet(house, events[n % len(events)], order, 0)
    assert learned(house)["unsupervised"] == ["a"]
    house.wait(30 * DAY)
    assert lost(house) == []
    assert house.texts("S15") == []


@pytest.mark.parametrize("order", ["event first", "battery first", "between"])
@pytest.mark.parametrize(("apart_ms", "supervised"), [(0, False), (BURST_MS - 100, False), (3 * BURST_MS, True)])
@pytest.mark.parametrize("restart", [False, True])
def test_a_packet_is_what_is_heard_within_a_second(order: str, apart_ms: int, supervised: bool, restart: bool) -> None:
    house = house_of(Device("a", "button"))
    for hours in UNEVEN_H:
        house.wait(hours * HOUR)
        packet(house, (Kind.BUTTON, "press"), order, apart_ms, restart=restart)
    assert ("a" in learned(house)["devices"]) == supervised


def test_a_beacon_counts_whatever_is_pressed_meanwhile() -> None:
    """The gaps between its own reports are what it is held to, presses or no presses."""
    house = house_of(Device("a", "button"))
    for n in range(40):
        house.wait(HOUR)
        house.say(Kind.BATTERY, 90, "a")
        if n % 3 == 0:
            house.wait(20 * MIN)
            packet(house, (Kind.BUTTON, "press"), ("event first", "battery first")[n % 2], 10)
            house.wait(40 * MIN)
            house.say(Kind.BATTERY, 90, "a")
    assert learned(house)["devices"]["a"] == {"interval_s": 3600.0, "source": "learned", "lost_after_s": 10_800}
    house.wait(3 * HOUR + 1)
    assert lost(house) == [("a", "LOST")]


def test_a_press_still_proves_the_key_alive() -> None:
    house = house_of(Device("a", "button"))
    for _ in range(20):
        house.wait(HOUR)
        house.say(Kind.SEEN, None, "a")
    house.wait(2 * HOUR)
    packet(house, (Kind.BUTTON, "press"), "battery first", 0)
    house.wait(3 * HOUR - 1)
    assert lost(house) == []
    house.wait(1)
    assert lost(house) == [("a", "LOST")]
    packet(house, (Kind.BUTTON, "press"), "event first", 0)
    assert lost(house)[1:] == [("a", "RESTORED")]


@pytest.mark.parametrize(
    ("kind", "said"),
    [("contact", (Kind.CONTACT, "closed")), ("smoke", (Kind.SMOKE, False)), ("motion", (Kind.MOTION, False))],
)
@pytest.mark.parametrize("order", ["event first", "battery first"])
def test_who_repeats_its_state_with_each_report_is_learned_all_the_same(
    kind: str, said: tuple[Kind, Any], order: str
) -> None:
    house = house_of(Device("a", kind))
    for _ in range(SIGHTINGS + 2):
        house.wait(HOUR)
        packet(house, said, order, 0)
    assert learned(house)["devices"]["a"]["source"] == "learned"
    house.wait(3 * HOUR)
    assert lost(house) == [("a", "LOST")]


def test_a_sighting_taken_back_leaves_no_trace() -> None:
    """Whenever a press comes with its battery, all that was learned is as if the battery had not been told."""
    seed = random.randrange(1 << 30)
    rng, t = random.Random(seed), 0
    one, other = Sightings(), Sightings()
    for _ in range(3000):
        t += round(rng.expovariate(1 / 7_200_000)) + 2 * BURST_MS
        if rng.random() < 0.4:
            if rng.random() < 0.5:
                one.seen(t)
                one.happened(Kind.BUTTON, "press", t + rng.randrange(BURST_MS))
            else:
                one.happened(Kind.BUTTON, "press", t)
                one.seen(t + rng.randrange(BURST_MS))
            one = Sightings.from_json(json.loads(json.dumps(one.to_json())))
        else:
            one.seen(t)
            other.seen(t)
            one = Sightings.from_json(json.loads(json.dumps(one.to_json())))
        if rng.random() < 0.01:
            one.pause()
            other.pause()
        assert one.to_json()[:8] == other.to_json()[:8], f"seed {seed}"


def test_nobodys_blood_pressure_is_kept_with_the_pace_of_the_cuff() -> None:
    house = house_of(Device("a", "health"))
    for hours in UNEVEN_H:
        house.wait(hours * HOUR)
        packet(house, (Kind.BLOOD_PRESSURE, {"systolic": 151, "diastolic": 93}), "battery first", 0)
    assert "151" not in json.dumps(house.controller.to_json()["rules"]["supervision"])
    assert learned(house)["unsupervised"] == ["a"]


def test_a_snapshot_of_yesterdays_form_is_read() -> None:
    house = house_of(Device("a", "temperature"))
    for _ in range(SIGHTINGS + 1):
        house.wait(HOUR)
        house.say(Kind.TEMPERATURE, 20, "a")
    snapshot = json.loads(json.dumps(house.controller.to_json()))
    rows = snapshot["rules"]["supervision"]["sightings"]
    rows["a"] = rows["a"][:8]
    house.controller = Controller.from_json(snapshot)
    assert house.controller.restored_empty == []
    house.wait(3 * HOUR)
    assert lost(house) == [("a", "LOST")]


@pytest.mark.parametrize("kind", ["smoke", "gas", "heat"])
def test_a_detector_that_speaks_by_no_clock_is_given_three_of_its_longest_silences(kind: str) -> None:
    house = house_of(Device("a", kind))
    for n in range(60):
        house.wait((1, 9, 2, 1, 1, 10, 3)[n % 7] * HOUR)
        house.say(Kind.BATTERY, 90, "a")
    assert learned(house)["devices"]["a"]["source"] == "longest silence"
    house.wait(30 * HOUR - 1)
    assert lost(house) == []
    house.wait(1)
    assert lost(house) == [("a", "LOST")]


def test_a_detector_of_no_pace_is_seldom_lost_by_chance() -> None:
    """Two years of gaps of three hours on average: lost ten times, as long as 1.5 of what was learned were a loss."""
    losses = 0
    for seed in range(12):
        rng, house = random.Random(seed), house_of(Device("a", "smoke"))
        for _ in range(480):
            house.wait(min(rng.expovariate(1 / 3), 30) * HOUR)
            house.say(Kind.BATTERY, 90, "a")
        losses += sum(status == "LOST" for _, status in lost(house))
    assert losses <= 1
