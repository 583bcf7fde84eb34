"""A stove left on: what is cooking, what is a pause, and what nobody could see."""

from __future__ import annotations

import json

import pytest
from sensor_rooms import DAY, HOUR, MINUTE, house_of, lose, power_cut, raised, reading, recording, restarted
from virtual_home import House, home

from gateway.alarms.life import State
from gateway.controller import Controller
from gateway.home.model import Device
from gateway.observations import Kind, Observation


def kitchen() -> House:
    return house_of(Device("hob", "stove", room="r3"))


def test_a_stove_that_stays_on_is_asked_about_and_raised() -> None:
    house = kitchen()
    house.say(Kind.POWER, 1200, "hob")
    house.wait(90 * MINUTE - 1)
    assert raised(house) == []
    house.wait(1)
    assert raised(house) == [("STOVE_ON", "hob")]
    assert house.controller.book.alarms[1].evidence == {
        "rule": "stove",
        "on_min": 90,
        "limit_min": 90,
        "from_w": 150,
        "pre_alarm_s": 300,
    }
    assert house.controller.book.alarms[1].severity == "P2"
    house.wait(5 * MINUTE)
    assert house.state() is State.RAISED
    assert house.texts("S22")[0].params["code"] == "STOVE_ON"


@pytest.mark.parametrize(("watts", "on"), [(150, True), (149.9, False), (0, False), (-5, False)])
def test_what_a_clock_in_the_hob_draws_is_no_cooking(watts: float, on: bool) -> None:
    house = kitchen()
    house.say(Kind.POWER, watts, "hob")
    house.wait(3 * HOUR)
    assert bool(raised(house)) == on


def test_the_pauses_of_an_induction_plate_are_no_end() -> None:
    house = kitchen()
    for _ in range(46):
        reading(house, Kind.POWER, 1500, "hob", MINUTE)
        reading(house, Kind.POWER, 0, "hob", MINUTE)
    assert raised(house) == [("STOVE_ON", "hob")]


def test_five_minutes_without_power_are_the_end() -> None:
    house = kitchen()
    house.say(Kind.POWER, 1500, "hob")
    house.wait(80 * MINUTE)
    house.say(Kind.POWER, 0, "hob")
    house.wait(5 * MINUTE)
    house.say(Kind.POWER, 1500, "hob")
    house.wait(89 * MINUTE)
    assert raised(house) == []


def test_a_stove_switched_off_just_before_is_not_asked_about() -> None:
    house = kitchen()
    house.say(Kind.APPLIANCE, True, "hob")
    house.wait(85 * MINUTE + 1)
    house.say(Kind.APPLIANCE, False, "hob")
    house.wait(2 * HOUR)
    assert raised(house) == []


def test_a_stove_switched_off_in_time_takes_the_question_back() -> None:
    house = house_of(Device("hob", "stove"), settings={"stove.off_min": 1})
    house.say(Kind.POWER, 1500, "hob")
    house.wait(91 * MINUTE)
    house.say(Kind.POWER, 0, "hob")
    house.wait(MINUTE)
    assert house.state() is State.RECOVERED
    assert house.events[-1].reason == "switched_off"


@pytest.mark.parametrize("kind", ["appliance", "electricity_meter", "other"])
def test_a_heater_is_no_stove(kind: str) -> None:
    house = house_of(Device("d", kind))
    house.say(Kind.POWER, 2000, "d")
    house.wait(5 * HOUR)
    assert raised(house) == []


def test_time_in_which_nobody_could_see_the_stove_does_not_count() -> None:
    house = kitchen()
    house.say(Kind.POWER, 1500, "hob")
    house.wait(40 * MINUTE)
    lose(house, "hob")
    house.wait(HOUR)
    assert house.controller.statuses()["stove"].reason == "sensor_lost"
    house.say(Kind.POWER, 1500, "hob")
    house.wait(20 * MINUTE)
    power_cut(house, HOUR)
    recording(house, False)
    house.wait(HOUR)
    recording(house, True)
    house.wait(30 * MINUTE - 1)
    assert raised(house) == []
    house.wait(1)
    assert raised(house) == [("STOVE_ON", "hob")]


def test_a_pause_of_the_plate_goes_on_where_a_power_cut_stopped_it() -> None:
    house = kitchen()
    house.say(Kind.POWER, 1500, "hob")
    house.wait(80 * MINUTE)
    house.say(Kind.POWER, 0, "hob")
    house.wait(MINUTE)
    power_cut(house, HOUR)
    house.say(Kind.POWER, 1500, "hob")
    house.wait(9 * MINUTE)
    assert raised(house) == [("STOVE_ON", "hob")]


def test_the_question_about_a_lost_stove_ends() -> None:
    house = kitchen()
    house.say(Kind.POWER, 1500, "hob")
    house.wait(91 * MINUTE)
    lose(house, "hob")
    assert house.state() is State.RECOVERED


@pytest.mark.parametrize("key", ["ok", "cancel"])
def test_who_says_that_all_is_well_and_leaves_it_on_is_asked_again(key: str) -> None:
    house = house_of(Device("hob", "stove"), Device("key", "button", role=key))
    house.say(Kind.POWER, 1500, "hob")
    house.wait(91 * MINUTE)
    house.press("key")
    assert house.controller.book.alarms[1].ended
    restarted(house)
    house.wait(90 * MINUTE - 1)
    assert len(raised(house)) == 1
    house.wait(1)
    assert raised(house) == [("STOVE_ON", "hob")] * 2
    assert house.controller.book.alarms[2].evidence["on_min"] == 181
    house.say(Kind.POWER, 0, "hob")
    house.wait(5 * MINUTE - 1)
    house.press("key")
    house.wait(4 * HOUR)
    assert len(raised(house)) == 2


def test_a_stove_that_is_heard_again_and_still_on_is_asked_about_again() -> None:
    house = kitchen()
    house.say(Kind.POWER, 1500, "hob")
    house.wait(91 * MINUTE)
    lose(house, "hob")
    house.wait(HOUR)
    house.say(Kind.POWER, 1500, "hob")
    house.wait(90 * MINUTE)
    assert raised(house) == [("STOVE_ON", "hob")] * 2


def test_without_consent_nobody_watches_the_stove() -> None:
    house = house_of(Device("hob", "stove"), MONITORING=False)
    house.say(Kind.POWER, 1500, "hob")
    house.wait(5 * HOUR)
    assert raised(house) == []


def test_a_stove_in_a_snapshot_goes_on() -> None:
    house = kitchen()
    house.say(Kind.POWER, 1500, "hob")
    house.wait(HOUR)
    restarted(house)
    house.wait(30 * MINUTE)
    assert raised(house) == [("STOVE_ON", "hob")]
    restarted(house)
    house.wait(HOUR)
    assert len(raised(house)) == 1


def test_a_stove_that_only_recovery_saw_is_asked_about_now() -> None:
    house = kitchen()
    again = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    again.rebuild(Observation(Kind.POWER, 1500, 1000, "hob"), [])
    again.rebuild(Observation(Kind.TICK, None, 7_200_000), [])
    again.rebuilt()
    again.advance(7_200_000)
    assert [(a.code, a.opened_t, a.state) for a in again.book.alarms.values()] == [
        ("STOVE_ON", 7_200_000, State.PRE_ALARM)
    ]


def test_whose_time_came_in_a_pause_of_the_plate_is_asked_in_full_when_it_draws_again() -> None:
    """Not as of a moment ago, with the five minutes for an answer half over before the first word."""
    house = kitchen()
    house.say(Kind.POWER, 1500, "hob")
    house.wait(89 * MINUTE)
    house.say(Kind.POWER, 0, "hob")
    house.wait(4 * MINUTE)
    house.say(Kind.POWER, 1500, "hob")
    assert house.at_s(State.DETECTED) == 93 * MINUTE
    assert house.controller.book.alarms[1].evidence["on_min"] == 93
    house.wait(5 * MINUTE - 1)
    assert house.state() is State.PRE_ALARM
    house.wait(1)
    assert house.state() is State.RAISED


def two_stoves() -> House:
    house = house_of(Device("hob", "stove", room="r3"), Device("oven", "stove", room="r3"))
    house.wait(3 * DAY)
    return house


def test_of_two_stoves_each_has_its_own_time_and_its_own_question() -> None:
    house = two_stoves()
    house.say(Kind.POWER, 1500, "hob")
    house.wait(HOUR)
    house.say(Kind.POWER, 2000, "oven")
    house.wait(30 * MINUTE)
    assert raised(house) == [("STOVE_ON", "hob")]
    assert house.controller.book.alarms[1].evidence["on_min"] == 90
    house.wait(2 * MINUTE)
    lose(house, "oven")
    assert house.state(1) is State.PRE_ALARM  # the other's loss answers nothing
    house.wait(2 * HOUR)
    assert raised(house) == [("STOVE_ON", "hob")]


def test_a_stove_that_was_taken_away_is_asked_about_no_more() -> None:
    house = two_stoves()
    for stove in ("hob", "oven"):
        house.say(Kind.POWER, 1500, stove)
        house.wait(MINUTE)
    house.wait(88 * MINUTE)
    assert raised(house) == [("STOVE_ON", "hob")]
    house.say(
        Kind.CONFIG, home(devices={"oven": Device("oven", "stove")}, settings={"inactivity.enabled": 0}).to_json()
    )
    assert house.state(1) is State.RECOVERED
    house.wait(MINUTE)
    assert raised(house)[1:] == [("STOVE_ON", "oven")]


@pytest.mark.parametrize(("limit_min", "asked_after_min"), [(120, 60), (70, 10), (30, 0)])
def test_a_new_limit_holds_for_what_simmers_already(limit_min: float, asked_after_min: float) -> None:
    house = kitchen()
    house.wait(DAY)
    house.say(Kind.POWER, 1500, "hob")
    house.wait(HOUR)
    settings = house.controller.home.settings
    house.say(Kind.CONFIG, home(devices=house.controller.home.devices,
                                settings={**settings, "stove.limit_min": limit_min}).to_json())  # fmt: skip
    house.wait(max(asked_after_min * MINUTE - 1, 0))
    assert bool(raised(house)) is (asked_after_min == 0)
    house.wait(1)
    assert raised(house) == [("STOVE_ON", "hob")]


def test_five_minutes_of_pause_are_counted_while_somebody_can_see_them_also_over_a_restart() -> None:
    house = kitchen()
    house.wait(DAY)
    house.say(Kind.POWER, 1500, "hob")
    house.wait(92 * MINUTE)
    house.say(Kind.POWER, 0, "hob")
    house.wait(MINUTE)
    recording(house, False)
    restarted(house)
    house.wait(HOUR)
    power_cut(house, HOUR)
    recording(house, True)
    assert house.controller.statuses()["stove"].readiness == "ARMED"
    house.wait(MINUTE)
    power_cut(house, HOUR)
    house.wait(3 * MINUTE - 1)
    before = len(house.events)
    house.wait(1)
    house.say(Kind.POWER, 1500, "hob")
    house.wait(89 * MINUTE)
    assert [e.what for e in house.events[before:] if e.what == "opened"] == []
    house.wait(MINUTE)
    assert raised(house) == [("STOVE_ON", "hob")] * 2


def test_a_lost_stove_is_lost_after_a_restart() -> None:
    house = kitchen()
    house.say(Kind.POWER, 1500, "hob")
    lose(house, "hob")
    restarted(house)
    house.wait(5 * HOUR)
    assert raised(house) == []
    assert house.controller.statuses()["stove"].reason == "sensor_lost"


def test_what_another_device_draws_is_no_matter_of_the_stoves() -> None:
    house = house_of(Device("hob", "stove"), Device("iron", "plug"))
    house.say(Kind.POWER, 1500, "iron")
    house.say(Kind.APPLIANCE, True, "iron")
    house.wait(5 * HOUR)
    assert raised(house) == []
