"""Detectors that nobody hears for a while: lost, taken away, unrecorded, without power; what burns is told again."""

from __future__ import annotations

import json

import pytest
from detector_home import smoky
from sensor_rooms import DAY, HOUR, MINUTE, house_of, lose, noted, power_cut, raised, recording, restarted
from virtual_home import House, home

from gateway.alarms.life import State
from gateway.controller import Controller
from gateway.home.model import Device
from gateway.observations import Kind, Observation
from gateway.rules.hazard import Hazard


def test_the_rule_is_unavailable_while_a_detector_is_lost() -> None:
    house = smoky()
    assert house.controller.statuses()["hazard"].readiness == "ARMED"
    lose(house, "smoke")
    status = house.controller.statuses()["hazard"]
    assert (status.readiness, status.reason) == ("UNAVAILABLE", "sensor_lost")
    assert ("UNAVAILABLE", "sensor_lost") in noted(house, "RULE_UNAVAILABLE")
    house.say(Kind.SMOKE, False, "smoke")
    assert house.controller.statuses()["hazard"].readiness == "ARMED"


def test_a_home_without_detectors_is_off_and_says_why() -> None:
    status = house_of().controller.statuses()["hazard"]
    assert (status.readiness, status.reason) == ("OFF", "no_detector")


def test_a_detector_that_burnt_is_not_told_again_and_again() -> None:
    house = smoky()
    house.say(Kind.SMOKE, True, "smoke")
    lose(house, "smoke")
    house.wait(5 * HOUR)
    assert house.controller.book.alarms[1].presses == 1
    assert house.state() is State.UNANSWERED


def test_a_snapshot_keeps_a_spell_its_test_and_the_hot_thermometer() -> None:
    house = smoky(Device("t", "temperature"))
    house.say(Kind.SMOKE, True, "smoke")
    house.say(Kind.TEST, True, "gas")
    house.say(Kind.TEMPERATURE, 70.0, "t")
    restarted(house)
    house.say(Kind.SMOKE, True, "smoke")
    house.say(Kind.GAS, True, "gas")
    house.say(Kind.TEMPERATURE, 70.0, "t")
    assert raised(house) == [("SMOKE", "smoke"), ("HEAT_FIRE", "t")]


def test_smoke_that_burns_through_a_power_cut_is_told_at_its_end() -> None:
    house = smoky()
    house.say(Kind.SMOKE, True, "smoke")
    house.platform(1, "CLOSED", outcome="FALSE_ALARM")
    power_cut(house, 2 * HOUR)
    assert raised(house) == [("SMOKE", "smoke")] * 2
    assert house.controller.book.alarms[2].opened_t == house.now_ms


def test_smoke_that_nobody_recorded_is_found_again_by_recovery() -> None:
    house = smoky()
    house.wait(10)
    again = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    again.rebuild(Observation(Kind.SMOKE, True, 20_000, "smoke"), [])
    again.rebuild(Observation(Kind.TICK, None, 90_000), [])
    again.rebuilt()
    assert again.book.alarms == {}
    again.advance(90_000)
    assert [(a.code, a.opened_t) for a in again.book.alarms.values()] == [("SMOKE", 90_000)]


def test_more_detectors_than_a_home_has_are_told_all_the_same() -> None:
    rule = Hazard()
    found = [s for n in range(1100) for s in rule.observe(Observation(Kind.SMOKE, True, n, f"d{n}"))]
    assert len(found) == 1100
    assert len(rule.to_json()["spells"]) == 1000


def test_smoke_of_which_nothing_was_recorded_any_more_is_not_told_again_until_it_is() -> None:
    house = smoky()
    house.say(Kind.SMOKE, True, "smoke")
    house.wait(MINUTE)
    recording(house, False)
    assert house.controller.statuses()["hazard"].reason == "recording_lost"
    house.platform(1, "CLOSED", outcome="FALSE_ALARM")
    house.wait(3 * HOUR)
    restarted(house)
    assert len(raised(house)) == 1
    recording(house, True)
    house.wait(30 * MINUTE - 1)
    assert len(raised(house)) == 1
    house.wait(1)
    assert len(raised(house)) == 2


def test_smoke_seen_while_nothing_was_recorded_is_still_smoke() -> None:
    """A recorder that says it is lost and then brings an alarm is believed of the alarm."""
    house = smoky()
    recording(house, False)
    house.say(Kind.SMOKE, True, "smoke")
    assert raised(house) == [("SMOKE", "smoke")]


def closed(house: House, alarm: int) -> None:
    """The desk closes it: nothing was found."""
    house.platform(alarm, "CLOSED", outcome="FALSE_ALARM")


@pytest.mark.parametrize("taken", ["smoke", "t"])
def test_a_detector_that_was_taken_away_in_alarm_is_not_told_again(taken: str) -> None:
    """Who replaces a broken one takes its battery out: it never says that it is quiet, nor is it missed any more."""
    house = smoky(Device("t", "temperature"))
    house.say(Kind.SMOKE, True, "smoke")
    for _ in range(2):
        house.say(Kind.TEMPERATURE, 80.0, "t")
    closed(house, 1)
    closed(house, 2)
    left = {d: device for d, device in house.controller.home.devices.items() if d != taken}
    house.say(Kind.CONFIG, home(devices=left).to_json())
    assert noted(house, "HAZARD_CLEARED") == [("RESTORED", "removed")]
    house.wait(HOUR)
    told = [device for _, device in raised(house)[2:]]
    assert set(told) == {"smoke", "t"} - {taken}


def test_a_new_detector_of_the_same_name_is_heard() -> None:
    house = smoky()
    house.say(Kind.TEST, True, "smoke")
    house.say(Kind.SMOKE, True, "smoke")
    devices = house.controller.home.devices
    house.say(Kind.CONFIG, home(devices={}).to_json())
    assert noted(house, "TEST_MANUAL")[-1] == ("RESTORED", "removed")
    house.say(Kind.CONFIG, home(devices=devices).to_json())
    house.say(Kind.SMOKE, True, "smoke")
    assert raised(house) == [("SMOKE", "smoke")]


def test_two_detectors_are_told_again_each_at_its_own_time() -> None:
    house = smoky()
    house.say(Kind.SMOKE, True, "smoke")
    house.wait(20 * MINUTE)
    house.say(Kind.CO, True, "co")
    closed(house, 1)
    closed(house, 2)
    house.wait(10 * MINUTE)
    assert raised(house)[2:] == [("SMOKE", "smoke")]
    house.wait(20 * MINUTE - 1)
    assert len(raised(house)) == 3
    house.wait(1)
    assert raised(house)[3:] == [("CO", "co")]


def test_a_detector_that_is_heard_again_and_still_sounds_is_told_again() -> None:
    house = smoky()
    house.say(Kind.SMOKE, True, "smoke")
    lose(house, "smoke")
    house.wait(HOUR)
    closed(house, 1)
    restarted(house)
    house.wait(DAY)
    assert len(raised(house)) == 1
    house.say(Kind.SMOKE, True, "smoke")
    house.wait(30 * MINUTE - 1)
    assert len(raised(house)) == 1
    house.wait(1)
    assert len(raised(house)) == 2


def test_a_short_break_in_the_recording_does_not_put_the_reminder_off() -> None:
    house = smoky()
    house.say(Kind.SMOKE, True, "smoke")
    house.wait(20 * MINUTE)
    closed(house, 1)
    recording(house, False)
    house.wait(MINUTE)
    recording(house, True)
    house.wait(9 * MINUTE)
    assert len(raised(house)) == 2


def test_recovery_finds_again_what_burns_and_not_what_is_tested_or_over() -> None:
    house = smoky()
    house.wait(10)
    again = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    words = [(Kind.SMOKE, True, "attic"), (Kind.SMOKE, False, "attic"), (Kind.TEST, True, "hall"),
             (Kind.SMOKE, True, "hall"), (Kind.SMOKE, True, "smoke")]  # fmt: skip
    for kind, value, device in words:
        again.rebuild(Observation(kind, value, 20_000, device), [])
    again.rebuilt()
    again.advance(20_000)
    assert [a.device for a in again.book.alarms.values()] == ["smoke"]


def test_a_detector_that_was_lost_and_chatters_again_is_told_again() -> None:
    house = smoky()
    recording(house, False)
    house.say(Kind.SMOKE, True, "smoke")
    house.wait(HOUR)  # nobody knew any more
    closed(house, 1)
    house.say(Kind.SMOKE, False, "smoke")
    house.say(Kind.SMOKE, True, "smoke")
    recording(house, True)
    house.wait(30 * MINUTE - 1)
    assert len(raised(house)) == 1
    house.wait(1)
    assert len(raised(house)) == 2
