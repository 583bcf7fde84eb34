"""Smoke, gas, CO, water, fire: raised at once, one alarm a spell, a test told from a fire."""

from __future__ import annotations

import json

import pytest
from sensor_rooms import DAY, HOUR, MINUTE, house_of, lose, noted, power_cut, raised, recording, restarted
from virtual_home import House, home

from gateway.actions import Publish
from gateway.alarms.life import State
from gateway.controller import Controller
from gateway.home.model import Device
from gateway.observations import Kind, Observation
from gateway.rules.hazard import Hazard

SMOKE = Device("smoke", "smoke", room="r3")
HEAT = Device("shrine", "heat", room="r3")


def smoky(*devices: Device, **settings: float) -> House:
    return house_of(SMOKE, *devices, settings={k.replace("__", "."): v for k, v in settings.items()})


@pytest.mark.parametrize(
    ("kind", "code", "severity", "prompt"),
    [
        (Kind.SMOKE, "SMOKE", "P0", "V09"),
        (Kind.HEAT, "HEAT_FIRE", "P0", "V09"),
        (Kind.GAS, "GAS", "P0", "V10"),
        (Kind.CO, "CO", "P0", "V10"),
        (Kind.FLOOD, "FLOOD", "P1", "V11"),
    ],
)
def test_a_detector_raises_at_once_and_tells_everybody(kind: Kind, code: str, severity: str, prompt: str) -> None:
    house = house_of(Device("d", kind.value, room="r2"))
    house.say(kind, True, "d")
    assert house.states() == ["DETECTED", "RAISED"]
    assert house.at_s(State.RAISED) == 0
    alarm = house.controller.book.alarms[1]
    assert (alarm.code, alarm.severity, alarm.room) == (code, severity, "r2")
    assert prompt in house.said()
    assert set(alarm.told) == {"c1", "c2", "n1"}


def test_no_consent_no_clock_and_no_registration_are_needed() -> None:
    house = House()
    house.say(Kind.CLOCK, {"trust": "NONE", "offset_ms": 0})
    house.say(Kind.SMOKE, True, "nobody-enrolled-this")
    assert raised(house) == [("SMOKE", "nobody-enrolled-this")]


@pytest.mark.parametrize("kind", [Kind.SMOKE, Kind.GAS, Kind.CO, Kind.FLOOD, Kind.HEAT])
def test_a_detector_that_is_well_raises_nothing(kind: Kind) -> None:
    house = smoky()
    house.say(kind, False, "smoke")
    house.wait(HOUR)
    assert raised(house) == []
    assert house.notices == []


def test_the_end_of_smoke_is_an_event_and_never_ends_the_alarm() -> None:
    house = smoky()
    house.say(Kind.SMOKE, True, "smoke")
    house.wait(20)
    house.say(Kind.SMOKE, False, "smoke")
    house.wait(59)
    assert noted(house, "HAZARD_CLEARED") == []
    house.wait(1)
    assert noted(house, "HAZARD_CLEARED") == [("RESTORED", "smoke_cleared")]
    assert house.state() is State.RAISED


def test_a_chattering_detector_is_one_alarm() -> None:
    """A25: on and off every five seconds for an hour."""
    house = smoky()
    for _ in range(360):
        house.say(Kind.SMOKE, True, "smoke")
        house.wait(5)
        house.say(Kind.SMOKE, False, "smoke")
        house.wait(5)
    assert raised(house) == [("SMOKE", "smoke")]
    assert noted(house, "HAZARD_CLEARED") == []
    assert house.controller.book.alarms[1].presses <= 3  # told again every half-hour
    assert len(house.texts("S05")) <= 2 * 3 + 1  # each contact a round, not one a flicker


def test_a_chattering_detector_never_holds_up_another() -> None:
    house = smoky(Device("gas", "gas"))
    house.say(Kind.SMOKE, True, "smoke")
    house.say(Kind.GAS, True, "gas")
    assert raised(house) == [("SMOKE", "smoke"), ("GAS", "gas")]


def test_smoke_that_comes_again_later_joins_the_alarm_that_is_open() -> None:
    house = smoky()
    house.say(Kind.SMOKE, True, "smoke")
    house.say(Kind.SMOKE, False, "smoke")
    house.wait(10 * MINUTE)
    published = len(house.published())
    house.say(Kind.SMOKE, True, "smoke")
    assert raised(house) == [("SMOKE", "smoke")]
    assert house.controller.book.alarms[1].presses == 2
    assert house.published()[published:][-1]["reason"] == "detected_again"
    assert house.said()[-1] == "V09"


def test_smoke_after_the_alarm_was_closed_is_another_alarm() -> None:
    house = smoky()
    house.say(Kind.SMOKE, True, "smoke")
    house.say(Kind.SMOKE, False, "smoke")
    house.wait(2 * MINUTE)
    house.platform(1, "CLOSED", outcome="FALSE_ALARM")
    house.say(Kind.SMOKE, True, "smoke")
    assert raised(house) == [("SMOKE", "smoke")] * 2
    assert house.state(2) is State.RAISED


def test_smoke_that_goes_on_after_the_alarm_was_closed_is_told_again() -> None:
    house = smoky()
    house.say(Kind.SMOKE, True, "smoke")
    house.wait(MINUTE)
    house.platform(1, "CLOSED", outcome="FALSE_ALARM")
    house.wait(29 * MINUTE - 1)
    assert len(raised(house)) == 1
    house.wait(1)
    assert len(raised(house)) == 2
    assert house.events[-1].alarm == 2


# ---- tests


def test_a_detectors_own_test_is_marked_test_and_raises_nothing() -> None:
    house = smoky()
    house.say(Kind.TEST, True, "smoke")
    house.say(Kind.SMOKE, True, "smoke")
    house.wait(8)
    house.say(Kind.SMOKE, False, "smoke")
    house.say(Kind.TEST, False, "smoke")
    house.wait(10 * MINUTE)
    assert raised(house) == []
    assert noted(house, "TEST_MANUAL") == [("RAISED", "detector_test"), ("RESTORED", "smoke_cleared")]
    events = [a.body for a in house.actions if isinstance(a, Publish) and a.body["code"] == "TEST_MANUAL"]
    assert [e["test"] for e in events] == [True, True]
    assert house.texts() == []


def test_a_test_that_does_not_end_is_a_fire() -> None:
    house = smoky()
    house.say(Kind.TEST, True, "smoke")
    house.say(Kind.SMOKE, True, "smoke")
    house.wait(59)
    assert raised(house) == []
    house.wait(1)
    assert raised(house) == [("SMOKE", "smoke")]
    assert house.events[0].reason == "test_outlasted"


def test_a_test_that_chatters_past_its_time_is_a_fire_too() -> None:
    house = smoky()
    house.say(Kind.TEST, True, "smoke")
    for _ in range(7):
        house.say(Kind.SMOKE, True, "smoke")
        house.wait(9)
        house.say(Kind.SMOKE, False, "smoke")
        house.wait(1)
    house.say(Kind.SMOKE, True, "smoke")
    assert raised(house) == [("SMOKE", "smoke")]


@pytest.mark.parametrize(("after_s", "alarms"), [(60, 0), (60.001, 1)])
def test_a_test_flag_that_is_never_taken_back_covers_a_minute(after_s: float, alarms: int) -> None:
    house = smoky()
    house.say(Kind.TEST, True, "smoke")
    house.wait(after_s)
    house.say(Kind.SMOKE, True, "smoke")
    assert len(raised(house)) == alarms


def test_the_test_of_one_detector_does_not_cover_another() -> None:
    house = smoky(HEAT)
    house.say(Kind.TEST, True, "smoke")
    house.say(Kind.HEAT, True, "shrine")
    assert raised(house) == [("HEAT_FIRE", "shrine")]


def test_a_key_of_role_test_announces_a_test_and_is_no_call() -> None:
    house = house_of(Device("smoke", "smoke", role="test"))
    house.press("smoke")
    house.say(Kind.SMOKE, True, "smoke")
    assert raised(house) == []
    assert noted(house, "TEST_MANUAL") == [("RAISED", "detector_test")]


def test_an_installer_tests_all_detectors_for_half_an_hour() -> None:
    house = smoky(HEAT)
    house.say(Kind.TEST, True)
    house.wait(10 * MINUTE)
    for kind, device in ((Kind.SMOKE, "smoke"), (Kind.HEAT, "shrine")):
        house.say(kind, True, device)
        house.wait(5)
        house.say(kind, False, device)
    house.wait(20 * MINUTE)
    assert raised(house) == []
    house.say(Kind.SMOKE, True, "smoke")
    assert raised(house) == [("SMOKE", "smoke")]


def test_the_installer_ends_the_test_of_all() -> None:
    house = smoky()
    house.say(Kind.TEST, True)
    house.say(Kind.TEST, False)
    house.say(Kind.SMOKE, True, "smoke")
    assert raised(house) == [("SMOKE", "smoke")]


def test_a_tampered_detector_is_no_test() -> None:
    """It may fall from a burning ceiling."""
    house = smoky()
    house.say(Kind.TAMPER, True, "smoke")
    house.say(Kind.SMOKE, True, "smoke")
    assert raised(house) == [("SMOKE", "smoke")]


# ---- heat by thermometer


def test_two_readings_of_a_burning_room_are_a_fire_one_is_a_broken_wire() -> None:
    house = house_of(Device("t", "temperature", room="r1"))
    house.say(Kind.TEMPERATURE, 57.0, "t")
    assert raised(house) == []
    house.wait(10)
    house.say(Kind.TEMPERATURE, 61.0, "t")
    assert raised(house)[0] == ("HEAT_FIRE", "t")
    assert house.controller.book.alarms[1].evidence == {
        "rule": "hazard",
        "celsius": 61.0,
        "limit_c": 57,
        "readings": 2,
    }


def test_a_lone_spike_between_good_readings_is_no_fire() -> None:
    house = house_of(Device("t", "temperature"))
    for celsius in (24.0, 140.0, 24.0, 140.0, 24.0):
        house.say(Kind.TEMPERATURE, celsius, "t")
    assert raised(house) == []


@pytest.mark.parametrize(("cooled", "anew"), [(52.1, False), (52.0, True)])
def test_a_fire_is_over_for_a_thermometer_five_degrees_below_and_no_sooner(cooled: float, anew: bool) -> None:
    house = house_of(Device("t", "temperature"))
    for celsius in (60.0, 60.0, cooled):
        house.wait(10)
        house.say(Kind.TEMPERATURE, celsius, "t")
    house.wait(2 * MINUTE)
    assert bool(noted(house, "HAZARD_CLEARED")) == anew


def test_a_detector_that_fell_quiet_before_a_power_cut_is_over_at_its_end() -> None:
    house = smoky()
    house.say(Kind.SMOKE, True, "smoke")
    house.say(Kind.SMOKE, False, "smoke")
    power_cut(house, HOUR)
    assert [(n.code, n.t) for n in house.notices if n.code == "HAZARD_CLEARED"] == [("HAZARD_CLEARED", house.now_ms)]


def test_what_is_hot_by_nature_is_no_fire() -> None:
    pipe, door = Device("pipe", "other"), Device("door", "contact")
    house = house_of(Device("plate", "stove"), Device("band", "wearable", placement="wrist"), pipe, door)
    for device in ("plate", "band", "pipe", "door"):
        for _ in range(3):
            house.say(Kind.TEMPERATURE, 90.0, device)
    assert raised(house) == []


def test_a_thermostat_that_says_warm_gives_no_alarm() -> None:
    house = house_of(Device("t", "temperature"))
    house.say(Kind.HEAT, True, "t")
    assert raised(house) == []


# ---- losing sight, restarts


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


def test_a_key_that_is_not_for_testing_announces_no_test() -> None:
    house = house_of(Device("smoke", "smoke", role="call"))
    house.press("smoke")
    house.say(Kind.SMOKE, True, "smoke")
    assert ("SMOKE", "smoke") in raised(house)


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


def test_a_test_that_became_a_fire_ends_as_a_fire() -> None:
    house = smoky()
    house.say(Kind.TEST, True, "smoke")
    house.say(Kind.SMOKE, True, "smoke")
    house.wait(2 * MINUTE)
    house.say(Kind.SMOKE, False, "smoke")
    house.wait(HOUR)
    assert noted(house, "HAZARD_CLEARED") == [("RESTORED", "smoke_cleared")]
    assert noted(house, "TEST_MANUAL") == [("RAISED", "detector_test")]


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
