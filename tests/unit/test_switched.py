"""An appliance that is on says so again and again; only switching it on is an act of somebody."""

from __future__ import annotations

import json

import pytest
from acted_falls import SIDE, bursts, fall, still, walk
from sensor_rooms import HOUR, MINUTE, house_of, restarted
from virtual_home import House, home

from gateway.home.model import Device
from gateway.observations import Kind
from gateway.rules.switched import Switched

HALL, TV = Device("hall", "motion"), Device("tv", "appliance", room="r3")
S = 1000


def seen_once() -> House:
    house = house_of(HALL, TV, settings={"inactivity.enabled": 1.0, "inactivity.learned": 0.0})
    house.say(Kind.MOTION, True, "hall")
    return house


def codes(house: House) -> list[str]:
    return [a.code for a in house.controller.book.alarms.values()]


def tv_says_on(house: House, hours: float, every_min: float = 5) -> None:
    for _ in range(round(hours * 60 / every_min)):
        house.wait(every_min * MINUTE)
        house.say(Kind.APPLIANCE, True, "tv")


@pytest.mark.parametrize("every_min", [1, 5, 60])
@pytest.mark.parametrize("says_off", [True, False])
def test_a_television_that_stays_on_hides_no_silence(every_min: float, says_off: bool) -> None:
    house = seen_once()
    if says_off:
        house.say(Kind.APPLIANCE, False, "tv")
    house.say(Kind.APPLIANCE, True, "tv")
    tv_says_on(house, 12.2 if every_min < 60 else 13, every_min)
    assert codes(house) == ["INACTIVITY"]


def test_a_television_switched_on_is_somebody() -> None:
    house = seen_once()
    house.say(Kind.APPLIANCE, False, "tv")
    house.wait(11 * HOUR)
    house.say(Kind.APPLIANCE, True, "tv")
    house.wait(11.9 * HOUR)
    assert codes(house) == []
    house.wait(0.2 * HOUR)
    assert codes(house) == ["INACTIVITY"]


def test_switching_it_off_and_on_again_after_a_restart_is_somebody_and_saying_on_again_is_not() -> None:
    house = seen_once()
    house.say(Kind.APPLIANCE, False, "tv")
    house.say(Kind.APPLIANCE, True, "tv")
    restarted(house)
    house.wait(6 * HOUR)
    house.say(Kind.APPLIANCE, True, "tv")
    house.wait(6.1 * HOUR)
    assert codes(house) == ["INACTIVITY"]
    house = seen_once()
    house.say(Kind.APPLIANCE, True, "tv")
    restarted(house)
    house.wait(6 * HOUR)
    house.say(Kind.APPLIANCE, False, "tv")
    house.say(Kind.APPLIANCE, True, "tv")
    house.wait(6.1 * HOUR)
    assert codes(house) == []


def test_a_television_that_repeats_itself_answers_no_question() -> None:
    house = seen_once()
    house.say(Kind.APPLIANCE, False, "tv")
    house.say(Kind.APPLIANCE, True, "tv")
    house.wait(12 * HOUR - 4 * MINUTE)
    house.say(Kind.APPLIANCE, True, "tv")
    assert house.states() == ["DETECTED", "PRE_ALARM"]
    house.say(Kind.APPLIANCE, False, "tv")
    house.say(Kind.APPLIANCE, True, "tv")
    assert house.states() == ["DETECTED", "PRE_ALARM", "RECOVERED"]


def test_a_television_left_on_proves_nobody_in_who_went_out_at_night() -> None:
    house = house_of(Device("door", "contact", entrance=True), HALL, TV)
    house.say(Kind.APPLIANCE, False, "tv")
    house.say(Kind.APPLIANCE, True, "tv")
    house.at_the_hour(2)
    house.say(Kind.CONTACT, "open", "door")
    house.say(Kind.CONTACT, "closed", "door")
    tv_says_on(house, 0.34)
    assert codes(house) == ["NIGHT_EXIT"]
    assert house.states() == ["DETECTED", "PRE_ALARM", "RAISED"]


def test_a_television_left_on_does_not_answer_the_citys_question() -> None:
    water = Device("w", "water_meter")
    house = house_of(water, TV, settings={"water_preset.rule": 4.0})
    house.say(Kind.APPLIANCE, True, "tv")
    house.say(Kind.WATER, 1, "w")
    tv_says_on(house, 24.2)
    assert house.states() == ["DETECTED", "PRE_ALARM", "RAISED"]
    assert codes(house) == ["WATER_LOW_USE"]


def fallen(word_before: bool | None) -> House:
    """A fall in the bedroom; the television in the living room says "on" during the question."""
    devices = dict(home().devices)
    for device in (Device("belt", "wearable", placement="waist"), Device("pir", "motion", room="r1"), TV):
        devices[device.id] = device
    house = House(home(devices=devices))
    if word_before is not None:
        house.say(Kind.APPLIANCE, False, "tv")
        house.say(Kind.APPLIANCE, word_before, "tv")
    house.wait(HOUR)
    house.say(Kind.MOTION, True, "pir")
    house.wait(20)
    for observation in bursts(fall(walk(5) + still(3), still(25, SIDE)), house.now_ms, 25):
        house.now_ms = observation.t
        house.say(Kind.ACCELERATION, observation.value, "belt")
    assert house.states() == ["DETECTED", "PRE_ALARM"]
    house.say(Kind.APPLIANCE, True, "tv")
    return house


def test_a_television_that_repeats_itself_lifts_nobody_off_the_floor() -> None:
    assert fallen(word_before=True).states() == ["DETECTED", "PRE_ALARM"]


def test_who_switches_the_television_on_has_got_up() -> None:
    assert fallen(word_before=False).states() == ["DETECTED", "PRE_ALARM", "RECOVERED"]


# ---- the decoder


def uses(*words: tuple[float, bool]) -> list[bool]:
    """(minute, on) of one appliance -> what of it is an act."""
    switched = Switched()
    made = []
    for minute, on in words:
        made.append(switched.is_act("tv", on, round(minute * 60 * S)))
        again = Switched()
        again.from_json(json.loads(json.dumps(switched.to_json())))
        assert again.to_json() == switched.to_json()
        switched = again
    return made


def test_going_off_is_nobodys_act_for_sets_go_off_by_themselves() -> None:
    assert uses((0, True), (30, False), (200, False)) == [True, False, False]


@pytest.mark.parametrize(("after_min", "act"), [(89.9, False), (90, True)])
def test_of_one_that_never_says_off_the_same_word_long_after_is_another_use(after_min: float, act: bool) -> None:
    assert uses((0, True), (after_min, True)) == [True, act]


def test_one_that_has_ever_said_off_must_say_it_before_it_counts_again() -> None:
    assert uses((0, False), (1, True), (1000, True), (1001, False), (1002, True)) == [False, True, False, False, True]


def test_a_compressor_gives_itself_away_by_its_clock_or_its_number() -> None:
    """A refrigerator on a plug that says on and off: regular, or the fourth time in two hours."""
    steady = [word for n in range(12) for word in ((45.0 * n, True), (45.0 * n + 12, False))]
    assert sum(uses(*steady)) <= 3
    uneven, t = [], 0.0
    for n in range(12):
        uneven += [(t, True), (t + 12, False)]
        t += 26 + 9 * (n % 3)
    assert sum(uses(*uneven)) <= 3


def test_what_left_the_home_is_forgotten() -> None:
    switched = Switched()
    switched.is_act("tv", True, 0)
    switched.keep({"lamp"})
    assert switched.to_json() == Switched().to_json()
    assert switched.is_act("tv", True, 1)
