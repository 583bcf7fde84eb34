"""Who may have stayed: a mat that stays pressed holds somebody, and a door that stands open proves no departure."""

from __future__ import annotations

import json

import pytest
from virtual_home import House, home

from gateway.alarms.life import State
from gateway.controller import Controller
from gateway.home.model import Device
from gateway.observations import Kind
from gateway.rules.inactivity.presence import HELD_MS

HOUR = 3600.0
HELD = HELD_MS / 1000
DEVICES = {
    d.id: d
    for d in (
        Device("hall", "motion"),
        Device("kitchen", "motion"),
        Device("couch", "pressure"),
        Device("door", "contact", entrance=True),
    )
}


@pytest.fixture
def house() -> House:
    """Somebody has been at home for two days, behind a door that was shut; only the fixed limit holds."""
    house = House(home(devices=DEVICES, settings={"inactivity.learned": 0.0}))
    house.say(Kind.CONTACT, "closed", "door")
    for _ in range(8):
        house.wait(6 * HOUR)
        house.say(Kind.MOTION, True, "hall")
    return house


def out_for(house: House, seconds: float) -> None:
    house.say(Kind.CONTACT, "open", "door")
    house.wait(5)
    house.say(Kind.CONTACT, "closed", "door")
    house.wait(seconds)


def where(house: House) -> str:
    rule = next(r for r in house.controller.rules if r.name == "inactivity")
    return str(rule.learned()["where"])


def restarted(house: House) -> None:
    house.controller = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))


def told(house: House) -> list[str]:
    """What was raised, in order."""
    return [house.controller.book.alarms[e.alarm].code for e in house.events if e.state is State.RAISED]


def test_a_mat_pressed_for_seconds_holds_somebody_who_is_asked_after_the_fixed_limit(house: House) -> None:
    out_for(house, HOUR)
    house.say(Kind.PRESSURE, True, "couch")
    house.wait(25)
    house.say(Kind.PRESSURE, False, "couch")
    assert where(house) == "HOME"
    house.wait(12 * HOUR - 1)
    assert told(house) == []
    house.wait(1)
    assert told(house) == ["INACTIVITY"]


def test_who_sits_down_and_never_gets_up_is_at_home(house: House) -> None:
    out_for(house, HOUR)
    house.say(Kind.PRESSURE, True, "couch")
    assert where(house) == "AWAY"
    house.wait(HELD - 0.001)
    assert where(house) == "AWAY"
    house.wait(0.001)
    assert where(house) == "HOME"
    house.wait(12 * HOUR)
    assert told(house) == ["INACTIVITY"]


def test_a_mat_that_bounces_a_hundred_times_holds_nobody(house: House) -> None:
    out_for(house, HOUR)
    for _ in range(100):
        house.say(Kind.PRESSURE, True, "couch")
        house.wait(1)
        house.say(Kind.PRESSURE, False, "couch")
        house.wait(5)
    assert where(house) == "AWAY"


def test_a_restart_while_somebody_sits_down_changes_nothing(house: House) -> None:
    out_for(house, HOUR)
    house.say(Kind.PRESSURE, True, "couch")
    house.wait(1)
    restarted(house)
    assert where(house) == "AWAY"
    house.wait(HELD)
    assert where(house) == "HOME"


def test_time_that_nobody_watched_does_not_make_a_bounce_a_person(house: House) -> None:
    out_for(house, HOUR)
    house.say(Kind.PRESSURE, True, "couch")
    house.wait(1)
    rule = next(r for r in house.controller.rules if r.name == "inactivity")
    rule.gap(house.now_ms, house.now_ms + round(HELD_MS))
    house.now_ms += round(HELD_MS)
    house.say(Kind.PRESSURE, False, "couch")
    assert where(house) == "AWAY"


def test_with_the_door_left_open_silence_counts_from_the_passage(house: House) -> None:
    """Somebody lies in the doorway, or shut nothing behind them: help is called, not an absence noted."""
    house.say(Kind.CONTACT, "open", "door")
    house.wait(12 * HOUR - 1)
    assert told(house) == []
    house.wait(1)
    assert told(house) == ["INACTIVITY"]
    (alarm,) = [a for a in house.controller.book.alarms.values() if a.code == "INACTIVITY"]
    assert alarm.evidence["why"] == "door_open"
    house.wait(24 * HOUR)
    assert told(house) == ["INACTIVITY"]


def test_who_said_that_they_leave_and_left_the_door_open_is_noted_and_not_called_for(house: House) -> None:
    """A10: a declared absence ends in the door's evidence and never in INACTIVITY."""
    house.say(Kind.AWAY, True)
    house.say(Kind.CONTACT, "open", "door")
    house.wait(36 * HOUR)
    assert told(house) == ["AWAY_TOO_LONG"]


def test_who_sits_down_behind_an_open_door_answers_the_question(house: House) -> None:
    house.say(Kind.CONTACT, "open", "door")
    house.wait(12 * HOUR - 60)  # asked, not yet raised
    house.say(Kind.PRESSURE, True, "couch")
    house.wait(HELD)
    house.wait(HOUR)
    assert told(house) == []
