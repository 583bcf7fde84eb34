"""A fall, from the belt to the people: asked, taken back, raised, told what it was decided by."""

from __future__ import annotations

from typing import Any

import pytest
from acted_falls import SIDE, UP, Sample, bursts, fall, still, walk
from virtual_home import START_WALL_MS, House, home

from gateway.alarms.life import State
from gateway.controller import Controller
from gateway.home.model import Device
from gateway.observations import Kind, Observation

DOWN_S = 8 + 0.5  # when the blow comes in `a_fall`


def fallen_home(**changes: Any) -> House:
    """One elder with a belt sensor; motion sensors in two rooms, a bed sensor."""
    devices = dict(home().devices)
    for device in (
        Device("belt", "wearable", placement="waist"),
        Device("bedroom-pir", "motion", room="r1"),
        Device("bed", "bed", room="r1"),
    ):
        devices[device.id] = device
    return House(home(devices=devices, **changes))


def hear(house: House, samples: list[Sample], size: int = 25, hz: float = 25.0) -> None:
    """The house hears the belt from now on."""
    for observation in bursts(samples, house.now_ms, size, hz=hz):
        house.now_ms = observation.t
        house.say(Kind.ACCELERATION, observation.value, "belt")
    house.now_ms += round(1000 / hz)


def a_fall(after: list[Sample]) -> list[Sample]:
    """Eight seconds on foot, a fall, and what comes after."""
    return fall(walk(5) + still(3), after)


def test_a_fall_is_asked_about_and_unanswered_it_is_raised_as_immobile() -> None:
    house = fallen_home()
    hear(house, a_fall(still(40, SIDE)))
    assert house.states() == ["DETECTED", "PRE_ALARM", "RAISED"]
    assert house.said()[:1] == ["V07"]
    alarm = house.controller.book.alarms[1]
    assert (alarm.code, alarm.severity) == ("FALL_IMMOBILE", "P0")
    assert house.at_s(State.DETECTED) == pytest.approx(DOWN_S + 2.4, abs=0.1)
    assert house.at_s(State.RAISED) - house.at_s(State.PRE_ALARM) == 30
    assert house.told("S02") == ["c1"]


def test_the_question_is_repeated_while_nobody_answers() -> None:
    house = fallen_home()
    hear(house, a_fall(still(29, SIDE)))
    assert house.said() == ["V07", "V07", "V07"]


def test_whoever_moves_on_the_floor_but_does_not_get_up_is_not_immobile_and_is_raised() -> None:
    house = fallen_home()
    wriggle = still(6, SIDE) + still(3, [0.8, 0.1, 0.6], tremor=0.3) + still(40, SIDE)
    hear(house, a_fall(wriggle))
    alarm = house.controller.book.alarms[1]
    assert (alarm.code, alarm.severity, alarm.state) == ("FALL", "P1", State.RAISED)


def test_whoever_gets_up_is_thanked_and_nothing_is_sent() -> None:
    house = fallen_home()
    hear(house, a_fall(still(8, SIDE) + still(12, UP)))
    assert house.states() == ["DETECTED", "PRE_ALARM", "RECOVERED"]
    assert house.said()[-1] == "V20"
    assert house.texts() == []


def test_a_call_during_the_question_is_sent_at_once() -> None:
    house = fallen_home()
    hear(house, a_fall(still(5, SIDE)))
    house.press("bedroom")
    assert house.state(1) is State.RAISED


def test_cancel_ends_the_question() -> None:
    house = fallen_home()
    hear(house, a_fall(still(5, SIDE)))
    house.press("cancel")
    hear(house, still(60, SIDE))
    assert house.states() == ["DETECTED", "PRE_ALARM", "CANCELLED_LOCAL"]


def test_one_fall_is_one_alarm_however_often_the_fallen_is_moved() -> None:
    house = fallen_home()
    hear(house, a_fall(still(40, SIDE)))
    hear(house, a_fall(still(10, SIDE)))
    assert [e.alarm for e in house.events if e.what == "opened"] == [1]


def test_steps_in_another_room_answer_for_whoever_lives_alone() -> None:
    house = fallen_home()
    house.say(Kind.MOTION, True, "hall-pir")
    house.wait(20)
    hear(house, a_fall(still(14, SIDE)))
    assert house.state() is State.PRE_ALARM
    house.say(Kind.MOTION, True, "bedroom-pir")
    assert house.states() == ["DETECTED", "PRE_ALARM", "RECOVERED"]


def test_motion_in_the_room_of_the_fall_answers_nothing() -> None:
    house = fallen_home()
    house.say(Kind.MOTION, True, "hall-pir")
    house.wait(20)
    hear(house, a_fall(still(14, SIDE)))
    house.say(Kind.MOTION, True, "hall-pir")
    assert house.state() is State.PRE_ALARM


@pytest.mark.parametrize("company", ["second resident", "visitor"])
def test_steps_of_somebody_else_answer_nothing(company: str) -> None:
    house = fallen_home(residents=("r1", "r2")) if company == "second resident" else fallen_home()
    if company == "visitor":
        house.say(Kind.VISIT, {"event": "arrived", "by": "v1"})
    house.say(Kind.MOTION, True, "hall-pir")
    house.wait(20)
    hear(house, a_fall(still(14, SIDE)))
    house.say(Kind.MOTION, True, "bedroom-pir")
    assert house.state() is State.PRE_ALARM


def test_walking_and_sitting_are_nothing() -> None:
    house = fallen_home()
    hear(house, walk(30) + still(5) + still(20, [0.3, -0.9, 0.2]) + walk(20))
    assert house.events == []


def test_a_link_that_is_lost_right_after_the_blow_raises_and_does_not_silence() -> None:
    house = fallen_home()
    hear(house, fall(walk(5) + still(3), still(0.6, SIDE)))
    assert house.events == []
    house.wait(20)
    assert house.states()[:2] == ["DETECTED", "PRE_ALARM"]
    assert house.controller.book.alarms[1].reason == "link_lost"


def test_a_link_that_is_lost_while_walking_raises_nothing() -> None:
    house = fallen_home()
    hear(house, walk(20, size=0.5))
    house.wait(60)
    assert house.events == []


def test_without_consent_nothing_is_judged() -> None:
    house = fallen_home(consents={})
    hear(house, a_fall(still(10, SIDE)))
    assert house.events == []
    assert house.controller.statuses()["fall"].reason == "no_consent"


def test_a_consent_withdrawn_ends_what_was_begun() -> None:
    house = fallen_home()
    hear(house, fall(walk(5) + still(3), still(0.6, SIDE)))
    house.say(Kind.CONFIG, {**house.controller.home.to_json(), "consents": {}})
    house.wait(60)
    assert house.events == []


def test_an_alarm_says_what_it_was_decided_by_and_the_parts_add_up() -> None:
    house = fallen_home()
    hear(house, a_fall(still(10, SIDE)))
    evidence = house.controller.book.alarms[1].evidence
    assert evidence["features"]["turn_deg"] > 60
    assert evidence["score"] >= evidence["bar"]
    assert sum(evidence["gave"].values()) == pytest.approx(evidence["score"], abs=0.03)
    assert set(evidence["because"]) <= set(evidence["features"])


def found(observations: list[Observation]) -> list[tuple[str, str | None, int]]:
    """(code, device, time) of every DETECTED."""
    view = fallen_home().controller.home
    controller = Controller(view, offset_ms=START_WALL_MS, trust="NTP")
    events = [e for o in observations for e in controller.handle(o).events]
    events += controller.advance(controller.t + 120_000).events
    return [(e.patch["code"], e.patch["device"], e.t) for e in events if e.what == "opened"]


@pytest.mark.parametrize("hz", [12.5, 20.0, 25.0, 30.0, 50.0, 64.0, 100.0])
def test_how_bursts_are_cut_changes_no_detection(hz: float) -> None:
    samples = fall(walk(5, hz=hz) + still(3, hz=hz), still(12, SIDE, hz=hz), hz=hz)
    told = [found(list(bursts(samples, 1_000, size, hz=hz))) for size in (1, 5, 7, 13, 25, 50, 100, len(samples))]
    assert told[0], "a fall at every rate"
    assert all(each == told[0] for each in told), told


@pytest.mark.parametrize("hz", [25.0, 50.0])
def test_how_bursts_are_cut_changes_nothing_where_the_link_is_lost(hz: float) -> None:
    samples = fall(walk(5, hz=hz) + still(3, hz=hz), still(0.8, SIDE, hz=hz), hz=hz)
    told = [found(list(bursts(samples, 1_000, size, hz=hz))) for size in (1, 5, 7, 13, 25, 50, 100, len(samples))]
    assert told[0]
    assert all(each == told[0] for each in told), told
