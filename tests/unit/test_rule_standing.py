"""Whether a rule can do its work: what it says of itself is true, and an installer can read it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from acted_falls import SIDE, bursts, fall, still, walk
from every_kind_home import DAY, DEVICES, SETTINGS, START
from sensor_rooms import house_of, lose
from virtual_home import House

from gateway.alarms.words import load
from gateway.controller import Controller
from gateway.home.model import CONSENTS, Contact, Device, HomeView
from gateway.observations import Kind, Observation
from gateway.rules.civil import CivilTime
from gateway.rules.table import all_rules

RULES = Path(__file__).parents[2] / "gateway" / "rules"
BELT = Device("belt", "wearable", placement="waist", heartbeat_s=60)
PIR = Device("pir", "motion")
NEED_NO_SENSOR = frozenset({
    "supervision", "technical", "device_condition", "stuck_button", "upkeep", "clock_watch", "visits", "daily_line",
    "reminders", "standby", "daily_summary",
})  # fmt: skip
"""They watch devices as such, or people and hours; a lost sensor is their work or none of it."""


def blind_home() -> Controller:
    """A home with every kind of device, of which none has spoken for longer than it may."""
    view = HomeView(
        rooms={"bathroom": "卫生间"},
        devices={d.id: replace(d, heartbeat_s=300) for d in DEVICES},
        contacts=(Contact("c1", 1, daily_line="20:00"),),
        consents=dict.fromkeys(CONSENTS, True),
        settings=SETTINGS,
    )
    controller = Controller(view, offset_ms=START, trust="NTP")
    for device, kind, value in (("band", Kind.HEART_RATE, 70), ("pendant", Kind.POSITION, {"lat": 24.8, "lon": 118.6})):
        controller.handle(Observation(kind, value, 1, device))
    controller.advance(2 * DAY)
    return controller


@pytest.mark.parametrize("name", [r.name for r in all_rules(CivilTime()) if r.name not in NEED_NO_SENSOR])
def test_a_rule_whose_sensors_are_lost_is_not_ready_and_says_why(name: str) -> None:
    status = blind_home().statuses()[name]
    if name in ("low_water_preset", "vital_trend"):  # off in this home; a note of days, which waits for the next
        assert status.readiness in ("OFF", "LEARNING")
    else:
        assert (status.readiness, status.reason) == ("UNAVAILABLE", "sensor_lost")


# ---- the fall rule


def test_a_lost_wearable_is_told_as_falls_nobody_would_notice() -> None:
    house = house_of(BELT, PIR)
    house.say(Kind.SEEN, True, "belt")
    lose(house, "belt")
    assert of_falls(house) == [("UNAVAILABLE", "sensor_lost")]
    again = Controller.from_json(house.controller.to_json())
    assert again.statuses()["fall"].reason == "sensor_lost"
    for observation in bursts(walk(2), house.now_ms + 1000, 25):
        house.say(Kind.ACCELERATION, observation.value, "belt")
    assert of_falls(house) == [("UNAVAILABLE", "sensor_lost"), ("ARMED", "")]


def of_falls(house: House) -> list[tuple[str, str]]:
    return [(n.status, n.reason) for n in house.notices if (n.code, n.subject) == ("RULE_UNAVAILABLE", "fall")]


def test_while_the_recording_is_out_nobody_hears_a_fall() -> None:
    house = house_of(BELT)
    house.say(Kind.RECORDER, False)
    assert house.controller.statuses()["fall"].reason == "recording_lost"
    again = Controller.from_json(house.controller.to_json())
    assert again.statuses()["fall"].reason == "recording_lost"
    house.say(Kind.RECORDER, True)
    assert house.controller.statuses()["fall"].readiness == "ARMED"


def test_a_recording_that_is_out_is_known_before_there_is_a_wearable() -> None:
    house = house_of(PIR)
    house.say(Kind.RECORDER, False)
    assert house.controller.statuses()["fall"].reason == "no_wearable"
    house.say(Kind.CONFIG, HomeView(devices={"belt": BELT}, consents={"MONITORING": True}).to_json())
    assert house.controller.statuses()["fall"].reason == "recording_lost"


def test_a_fall_that_was_found_is_asked_about_though_the_wearable_is_lost_meanwhile() -> None:
    house = house_of(BELT, settings={"fall.pre_alarm_s": 99})
    for observation in bursts(fall(walk(10) + still(3), still(4, SIDE)), 1_000, 25):
        house.controller.handle(Observation(observation.kind, observation.value, observation.t, "belt"))
    house.controller.handle(Observation(Kind.SEEN, False, house.controller.t + 1, "belt"))
    assert house.controller.statuses()["fall"].reason == "sensor_lost"
    assert [a.state.value for a in house.controller.book.alarms.values()] == ["PRE_ALARM"]


def test_what_is_known_of_each_wearable_is_shown() -> None:
    house = house_of(BELT)
    for observation in bursts([[0.0, 0.0, 1.0]] * (25 * 620), 1_000, 250):
        house.controller.handle(Observation(observation.kind, observation.value, observation.t, "belt"))
    rule = next(r for r in house.controller.rules if r.name == "fall")
    assert rule.learned() == {"wearables": {"belt": {"placement": "waist", "worn": False, "upright_known": False}}}


# ---- calls


def test_the_call_is_unavailable_only_when_no_device_is_left_to_call_with() -> None:
    house = house_of(Device("a", "button", heartbeat_s=60), Device("b", "button", heartbeat_s=60), BELT)
    for device in ("a", "b", "belt"):
        house.say(Kind.SEEN, True, device)
    for device, still_ready in (("a", True), ("b", True), ("belt", False)):
        house.say(Kind.SEEN, False, device)
        assert (house.controller.statuses()["call_button"].readiness == "ARMED") is still_ready
    house.say(Kind.BUTTON, "press", "a")  # a press is a call, whatever was thought of its device
    assert [a.code for a in house.controller.book.alarms.values()] == ["CALL_FIXED"]
    assert house.controller.statuses()["call_button"].readiness == "ARMED"


# ---- why, in words


def reasons_of_rules() -> set[str]:
    """Every reason the source of a rule gives with its readiness."""
    found: set[str] = set()  # `not_learned` is of one half-hour's line
    for path in RULES.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r'Readiness\.[A-Z]+, "([a-z_]+)"', text))
        found |= set(re.findall(r'return "((?:no|not)_[a-z_]+)"', text))
    return found - {"not_learned"} | {"fault", "read_too_seldom"}


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_every_reason_has_words(language: str) -> None:
    reasons = load(language).reasons
    named = reasons_of_rules()
    assert len(named) > 25
    assert sorted(named - set(reasons)) == []


def test_a_home_with_a_health_device_is_not_told_that_it_has_none() -> None:
    house = house_of(Device("band", "health"))
    assert house.controller.statuses()["vital_trend"].reason == "too_few_days"


def test_what_is_lost_is_named_before_what_is_not() -> None:
    """The table cuts after a dozen facts: the two lists an installer looks for stand first."""
    supervision = next(r for r in blind_home().rules if r.name == "supervision")
    assert list(supervision.learned())[:2] == ["lost", "unsupervised"]
