"""Rooms too hot or too cold: lasting, hysteresis, and thermometers that are lost."""

from __future__ import annotations

import json

import pytest
from sensor_rooms import DAY, HOUR, MINUTE, house_of, lose, power_cut, raised, reading, recording, restarted
from virtual_home import House, home

from gateway.alarms.life import State
from gateway.controller import Controller
from gateway.home.model import Device
from gateway.observations import WAY_IS_BACK, Kind, Observation


def room(**settings: float) -> House:
    return house_of(
        Device("t", "temperature", room="r1"), settings={k.replace("__", "."): v for k, v in settings.items()}
    )


@pytest.mark.parametrize(
    ("celsius", "code"),
    [
        (35.0, "TEMP_HIGH"),
        (41.5, "TEMP_HIGH"),
        (34.9, None),
        (21, None),
        (8.1, None),
        (8.0, "TEMP_LOW"),
        (-3, "TEMP_LOW"),
    ],
)
def test_the_limits_belong_to_the_alarm(celsius: float, code: str | None) -> None:
    house = room()
    house.say(Kind.TEMPERATURE, celsius, "t")
    house.wait(2 * MINUTE)
    assert raised(house) == ([(code, "t")] if code else [])


def test_it_asks_after_a_minute_and_raises_when_nobody_answers() -> None:
    house = room()
    house.say(Kind.TEMPERATURE, 36.0, "t")
    house.wait(59.9)
    assert raised(house) == []
    house.wait(0.1)
    assert house.states() == ["DETECTED", "PRE_ALARM"]
    assert house.controller.book.alarms[1].severity == "P2"
    assert house.controller.book.alarms[1].evidence == {
        "rule": "room_temperature",
        "celsius": 36.0,
        "limit_c": 35.0,
        "lasting_min": 1,
        "pre_alarm_s": 300,
    }
    house.wait(5 * MINUTE)
    assert house.state() is State.RAISED
    assert house.texts("S22")[0].params["code"] == "TEMP_HIGH"


def test_a_gust_of_heat_from_the_oven_is_nothing() -> None:
    house = room()
    for _ in range(20):
        house.say(Kind.TEMPERATURE, 36.0, "t")
        house.wait(50)
        house.say(Kind.TEMPERATURE, 30.0, "t")
        house.wait(50)
    assert raised(house) == []


@pytest.mark.parametrize(
    ("beyond", "inside", "recovers"), [(36.0, 34.1, False), (36.0, 34.0, True), (7.0, 8.9, False), (7.0, 9.0, True)]
)
def test_the_question_ends_only_one_degree_inside_and_after_a_minute(
    beyond: float, inside: float, recovers: bool
) -> None:
    house = room()
    house.say(Kind.TEMPERATURE, beyond, "t")
    house.wait(MINUTE)
    house.say(Kind.TEMPERATURE, inside, "t")
    house.wait(59)
    assert house.state() is State.PRE_ALARM
    house.wait(1)
    assert (house.state() is State.RECOVERED) == recovers


@pytest.mark.parametrize("nonsense", [-55.0, -40.0, -35.0, 60.0, 85.0, 150.0])
def test_a_sensor_that_lost_its_wire_is_no_hot_or_cold_room(nonsense: float) -> None:
    """It tells once an hour: one such word would stand for an hour."""
    house = room()
    for celsius in (20.0, nonsense, 20.0):
        reading(house, Kind.TEMPERATURE, celsius, "t", HOUR)
    assert raised(house) == []


def test_nor_does_it_end_what_is_hot() -> None:
    house = room()
    house.say(Kind.TEMPERATURE, 36.0, "t")
    house.wait(2 * MINUTE)
    house.say(Kind.TEMPERATURE, -40.0, "t")
    house.wait(4 * MINUTE)
    assert house.states() == ["DETECTED", "PRE_ALARM", "RAISED"]


def test_a_room_at_its_limit_is_one_alarm_and_not_twenty() -> None:
    house = room()
    for celsius in (35.2, 34.8, 35.1, 34.6, 35.3) * 10:
        reading(house, Kind.TEMPERATURE, celsius, "t", 10 * MINUTE)
    assert raised(house) == [("TEMP_HIGH", "t")]


def test_a_hot_day_after_a_cool_night_is_another_alarm() -> None:
    house = room()
    for celsius in (36.0, 29.0, 36.0):
        reading(house, Kind.TEMPERATURE, celsius, "t", HOUR)
    house.wait(HOUR)
    assert len(raised(house)) == 2


def test_from_one_extreme_to_the_other_the_first_question_ends() -> None:
    house = room()
    house.say(Kind.TEMPERATURE, 36.0, "t")
    house.wait(MINUTE)
    house.say(Kind.TEMPERATURE, 5.0, "t")
    assert house.state(1) is State.RECOVERED
    house.wait(59)
    assert len(raised(house)) == 1
    house.wait(1)
    assert raised(house) == [("TEMP_HIGH", "t"), ("TEMP_LOW", "t")]


def test_the_familys_own_limits_hold() -> None:
    house = room(room_temperature__low_c=15, room_temperature__lasting_min=30)
    house.say(Kind.TEMPERATURE, 15, "t")
    house.wait(30 * MINUTE - 1)
    assert raised(house) == []
    house.wait(1)
    assert raised(house) == [("TEMP_LOW", "t")]


@pytest.mark.parametrize("kind", ["wearable", "contact", "smoke", "other", "health"])
def test_only_a_thermometer_measures_a_room(kind: str) -> None:
    house = house_of(Device("d", kind))
    house.say(Kind.TEMPERATURE, 41.0, "d")
    house.wait(HOUR)
    assert raised(house) == []


def test_without_consent_the_rule_is_off_and_remembers_nothing() -> None:
    house = house_of(Device("t", "temperature"), MONITORING=False)
    house.say(Kind.TEMPERATURE, 41.0, "t")
    house.wait(HOUR)
    assert raised(house) == []
    assert house.controller.statuses()["room_temperature"].reason == "no_consent"
    assert house.controller.to_json()["rules"]["room_temperature"]["rooms"] == {}


def test_a_consent_withdrawn_ends_the_question() -> None:
    house = room()
    house.say(Kind.TEMPERATURE, 41.0, "t")
    house.wait(2 * MINUTE)
    house.say(Kind.CONFIG, home(devices=house.controller.home.devices, consents={}).to_json())
    assert house.state() is State.RECOVERED


def test_a_lost_thermometer_proves_nothing() -> None:
    house = room()
    house.say(Kind.TEMPERATURE, 36.0, "t")
    house.wait(30)
    lose(house, "t")
    house.wait(HOUR)
    assert raised(house) == []
    assert house.controller.statuses()["room_temperature"].reason == "sensor_lost"
    house.say(Kind.TEMPERATURE, 36.0, "t")
    house.wait(59)
    assert raised(house) == []  # it must last anew
    house.wait(1)
    assert raised(house) == [("TEMP_HIGH", "t")]


def test_a_question_about_a_room_nobody_measures_any_more_ends() -> None:
    house = room()
    house.say(Kind.TEMPERATURE, 36.0, "t")
    house.wait(2 * MINUTE)
    lose(house, "t")
    assert house.state() is State.RECOVERED
    assert house.events[-1].reason == "rule_unavailable"


def test_neither_a_power_cut_nor_a_lost_recording_counts_as_lasting() -> None:
    house = room(room_temperature__lasting_min=60)
    house.say(Kind.TEMPERATURE, 36.0, "t")
    house.wait(50 * MINUTE)
    power_cut(house, HOUR)
    house.wait(50 * MINUTE)
    recording(house, False)
    house.wait(HOUR)
    recording(house, True)
    house.wait(59 * MINUTE)
    assert raised(house) == []
    house.wait(MINUTE)
    assert raised(house) == [("TEMP_HIGH", "t")]


def test_a_snapshot_keeps_what_lasts_and_what_was_found() -> None:
    house = room()
    house.say(Kind.TEMPERATURE, 36.0, "t")
    house.wait(40)
    restarted(house)
    house.wait(20)
    assert raised(house) == [("TEMP_HIGH", "t")]
    restarted(house)
    reading(house, Kind.TEMPERATURE, 36.5, "t", HOUR)
    assert len(raised(house)) == 1


def test_a_wall_clock_step_changes_nothing() -> None:
    house = room()
    house.say(Kind.TEMPERATURE, 36.0, "t")
    house.say(Kind.CLOCK, {"offset_ms": 0, "trust": "NTP"})
    house.wait(59)
    assert raised(house) == []
    house.wait(1)
    assert raised(house) == [("TEMP_HIGH", "t")]


def test_a_room_still_hot_when_its_thermometer_is_heard_again_is_asked_about_again() -> None:
    house = room()
    house.say(Kind.TEMPERATURE, 38.0, "t")
    house.wait(2 * MINUTE)
    lose(house, "t")
    house.wait(HOUR)
    reading(house, Kind.TEMPERATURE, 39.0, "t", MINUTE)
    house.wait(MINUTE)
    assert raised(house) == [("TEMP_HIGH", "t")] * 2
    assert house.state(2) is State.PRE_ALARM


def hiccups(house: House, seconds: float, *, restart: bool = False) -> None:
    """The thermometer's driver is blind for so long, and then back."""
    lose(house, "t")
    house.wait(seconds / 2)
    if restart:
        restarted(house)
    house.wait(seconds / 2)
    house.say(Kind.SEEN, WAY_IS_BACK, "t")


@pytest.mark.parametrize("restart", [False, True])
def test_a_driver_that_hiccups_through_a_hot_day_makes_one_alarm_and_not_four(restart: bool) -> None:
    house = room()
    for minute in range(12 * 60):
        if minute % 180 == 100:
            hiccups(house, 2 * MINUTE, restart=restart)
        reading(house, Kind.TEMPERATURE, 38.0, "t", MINUTE)
    assert raised(house) == [("TEMP_HIGH", "t")]
    assert house.state() is not State.RECOVERED


@pytest.mark.parametrize(("blind_min", "alarms"), [(60, 1), (60.1, 2)])
def test_a_thermometer_lost_for_more_than_an_hour_begins_anew(blind_min: float, alarms: int) -> None:
    house = room()
    reading(house, Kind.TEMPERATURE, 38.0, "t")
    house.wait(10 * MINUTE)
    hiccups(house, blind_min * MINUTE)
    reading(house, Kind.TEMPERATURE, 38.0, "t", MINUTE)
    house.wait(2 * MINUTE)
    assert raised(house) == [("TEMP_HIGH", "t")] * alarms


@pytest.mark.parametrize(("told_min", "alarms"), [(5.9, 2), (6, 1)])
@pytest.mark.parametrize("restart", [False, True])
def test_a_question_that_a_hiccup_ended_is_asked_again(told_min: float, alarms: int, restart: bool) -> None:
    """It is asked for five minutes after the first; then it is an alarm, which no loss ends."""
    house = room()
    reading(house, Kind.TEMPERATURE, 38.0, "t")
    house.wait(told_min * MINUTE)
    hiccups(house, 2 * MINUTE, restart=restart)
    house.wait(59)
    assert len(raised(house)) == 1
    house.wait(1)
    assert raised(house) == [("TEMP_HIGH", "t")] * alarms
    house.wait(5 * MINUTE)
    assert house.state(alarms) is State.RAISED


def test_a_question_runs_out_through_a_power_cut_and_no_hiccup_asks_it_again() -> None:
    house = room()
    reading(house, Kind.TEMPERATURE, 38.0, "t")
    house.wait(2 * MINUTE)
    power_cut(house, 4 * MINUTE)
    assert house.state() is State.RAISED
    hiccups(house, 2 * MINUTE)
    house.wait(HOUR)
    assert raised(house) == [("TEMP_HIGH", "t")]


def test_a_hiccup_makes_nothing_well_that_was_cool_for_half_a_minute() -> None:
    house = room(room_temperature__lasting_min=10)
    reading(house, Kind.TEMPERATURE, 38.0, "t")
    house.wait(20 * MINUTE)
    reading(house, Kind.TEMPERATURE, 30.0, "t")
    hiccups(house, 15 * MINUTE)
    reading(house, Kind.TEMPERATURE, 38.0, "t", 9 * MINUTE)
    house.wait(HOUR)
    assert raised(house) == [("TEMP_HIGH", "t")]


def test_a_loss_of_a_snapshot_of_the_first_version_is_a_long_one() -> None:
    house = room()
    reading(house, Kind.TEMPERATURE, 38.0, "t")
    house.wait(10 * MINUTE)
    lose(house, "t")
    snapshot = json.loads(json.dumps(house.controller.to_json()))
    row = snapshot["rules"]["room_temperature"]
    row["lost"] = list(row["lost"])
    del row["rooms"]["t"]["asked_until"]
    house.controller = Controller.from_json(snapshot)
    assert house.controller.restored_empty == []
    assert house.controller.statuses()["room_temperature"].reason == "sensor_lost"
    house.wait(HOUR)
    reading(house, Kind.TEMPERATURE, 38.0, "t")
    house.wait(MINUTE)
    assert len(raised(house)) == 2


@pytest.mark.parametrize("blind", ["power_cut", "not_recorded"])
@pytest.mark.parametrize(("hours", "asked"), [(1, True), (1.1, False)])
def test_the_afternoons_heat_is_not_asked_about_at_three_in_the_morning(blind: str, hours: float, asked: bool) -> None:
    """After a long power cut nobody knows how warm it is, until the thermometer tells."""
    house = room()
    house.say(Kind.TEMPERATURE, 36.0, "t")
    house.wait(30)
    if blind == "power_cut":
        power_cut(house, hours * HOUR)
    else:
        recording(house, False)
        house.wait(hours * HOUR / 2)
        restarted(house)
        recording(house, False)  # said twice, it began but once
        house.wait(hours * HOUR / 2)
        recording(house, True)
    house.wait(10 * MINUTE)
    assert raised(house) == ([("TEMP_HIGH", "t")] if asked else [])
    house.say(Kind.TEMPERATURE, 36.0, "t")
    house.wait(MINUTE)
    assert raised(house) == [("TEMP_HIGH", "t")]


def test_nor_is_a_question_over_because_it_was_cool_before_a_long_power_cut() -> None:
    house = room(room_temperature__lasting_min=30)
    house.say(Kind.TEMPERATURE, 36.0, "t")
    house.wait(30 * MINUTE)
    house.say(Kind.TEMPERATURE, 30.0, "t")
    power_cut(house, 2 * HOUR)
    house.wait(HOUR)
    house.say(Kind.TEMPERATURE, 36.0, "t")
    house.wait(HOUR)
    assert raised(house) == [("TEMP_HIGH", "t")]
    assert State.RECOVERED not in {a.state for a in house.controller.book.alarms.values()}


def test_each_room_has_its_own_time_and_its_own_thermometer() -> None:
    house = house_of(Device("t", "temperature", room="r1"), Device("bath", "temperature", room="r2"))
    house.say(Kind.TEMPERATURE, 36.0, "t")
    house.wait(30)
    house.say(Kind.TEMPERATURE, 5.0, "bath")
    house.wait(30)
    assert raised(house) == [("TEMP_HIGH", "t")]
    lose(house, "bath")
    assert house.state(1) is State.PRE_ALARM
    house.wait(HOUR)
    assert raised(house) == [("TEMP_HIGH", "t")]


def test_who_opened_the_window_twice_is_asked_no_more() -> None:
    house = room()
    for celsius, after_s in ((36.0, 60), (33.0, 30), (36.0, 30), (33.0, 60)):
        house.say(Kind.TEMPERATURE, celsius, "t")
        house.wait(after_s)
    assert house.states() == ["DETECTED", "PRE_ALARM", "RECOVERED"]


@pytest.mark.parametrize("blind", ["lost", "not_recorded"])
def test_who_could_not_see_before_a_restart_cannot_after_it(blind: str) -> None:
    house = room()
    house.say(Kind.TEMPERATURE, 36.0, "t")
    house.wait(30)
    if blind == "lost":
        lose(house, "t")
    else:
        recording(house, False)
    restarted(house)
    house.wait(DAY)
    assert raised(house) == []
    assert house.controller.statuses()["room_temperature"].readiness == "UNAVAILABLE"


def test_a_hot_room_that_only_recovery_saw_is_asked_about_once_it_has_lasted_again() -> None:
    house = house_of(Device("t", "temperature"), Device("bath", "temperature"))
    again = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    again.rebuild(Observation(Kind.TEMPERATURE, 36.0, 1000, "t"), [])
    again.rebuild(Observation(Kind.TEMPERATURE, 5.0, 90_000, "bath"), [])
    again.rebuild(Observation(Kind.TICK, None, 100_000), [])
    again.rebuilt()
    again.advance(1_000_000)
    assert [(a.code, a.opened_t) for a in again.book.alarms.values()] == [("TEMP_LOW", 150_000), ("TEMP_HIGH", 160_000)]
