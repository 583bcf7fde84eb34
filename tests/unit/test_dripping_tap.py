"""A cistern that trickles day and night is nobody: what a leaking home's water meter still tells, and what says so."""

from __future__ import annotations

import pytest
from sensor_rooms import DAY, HOUR, MINUTE, house_of, lose, noted, power_cut, raised, restarted
from virtual_home import House

from gateway.home.model import Device
from gateway.observations import Kind

HALL = Device("hall", "motion")
METER = Device("w", "water_meter", interval_s=300)


def trickle(house: House, hours: float, every_min: float = 20, *, seen: bool = False) -> None:
    """A litre every twenty minutes, whoever is about."""
    for _ in range(round(hours * 60 / every_min)):
        house.wait(every_min * MINUTE)
        house.say(Kind.WATER, 1.0, "w")
        if seen:
            house.say(Kind.MOTION, True, "hall")
            house.say(Kind.MOTION, False, "hall")


def leaking(*devices: Device, days: int = 8) -> House:
    """She is up from 8:15 to 22:15."""
    house = house_of(METER, *devices, settings={"inactivity.enabled": 1.0})
    for _ in range(days):
        trickle(house, 14, seen=bool(devices))
        trickle(house, 10)
    return house


def dry_for(house: House, hours: float, *, lists_zeros: bool) -> None:
    for _ in range(round(hours * 12)):
        house.wait(5 * MINUTE)
        if lists_zeros:
            house.say(Kind.WATER, 0.0, "w")


def status(house: House) -> tuple[str, str]:
    found = house.controller.statuses()["inactivity"]
    return found.readiness.value, found.reason


def test_who_falls_in_a_home_with_a_leak_is_missed_as_anywhere() -> None:
    house = leaking(HALL)
    restarted(house)
    assert noted(house, "LEAK_SUSPECTED") == [("RAISED", "flow_in_every_slot")]
    assert raised(house) == []
    trickle(house, 13)
    assert raised(house) == [("INACTIVITY", None)]


def test_the_trickle_answers_no_question() -> None:
    house = leaking(HALL)
    while not raised(house):
        trickle(house, 0.1, every_min=2)
    trickle(house, 0.2, every_min=2)
    assert "RAISED" in house.states()


def test_where_only_the_meter_watches_nobody_can_be_missed_and_the_rule_says_so() -> None:
    house = leaking(days=0)
    trickle(house, 23)
    assert status(house)[0] == "ARMED"
    trickle(house, 2)
    assert status(house) == ("UNAVAILABLE", "water_never_stops")
    restarted(house)
    house.wait(3 * HOUR)
    house.say(Kind.WATER, 5.0, "w")  # mended: this is somebody
    assert status(house)[0] == "ARMED"
    house.wait(2 * DAY)
    assert raised(house) == [("WATER_LOW_USE", None)]


@pytest.mark.parametrize("lists_zeros", [True, False])
def test_a_leak_that_was_mended_needs_no_draw_to_be_over(lists_zeros: bool) -> None:
    """Who lies on the floor draws none. What flowed before nobody saw through: a whole dry day from then on."""
    house = leaking(days=0)
    trickle(house, 26, every_min=6)
    assert status(house) == ("UNAVAILABLE", "water_never_stops")
    restarted(house)
    dry_for(house, 1.5, lists_zeros=lists_zeros)
    assert status(house)[0] == "ARMED"
    assert noted(house, "RULE_UNAVAILABLE")[-1][0] == "ARMED"
    restarted(house)
    dry_for(house, 22, lists_zeros=lists_zeros)
    assert raised(house) == []
    dry_for(house, 2, lists_zeros=lists_zeros)
    assert raised(house) == [("WATER_LOW_USE", None)]


def test_an_evening_after_the_plumber_is_no_day_without_water() -> None:
    """Her draws until bedtime hide among what dripped: at midnight she sleeps, and nobody asks her."""
    house = leaking(days=0)
    trickle(house, 26, every_min=6)
    trickle(house, 6, every_min=40)
    house.wait(12 * HOUR)
    assert raised(house) == []


def test_where_others_watch_the_home_s_own_line_holds_again_once_it_is_mended() -> None:
    silent = []
    for litres in (0.3, 0.0):
        house = house_of(METER, HALL, settings={"inactivity.enabled": 1.0})
        for _ in range(21):
            trickle(house, 14, every_min=30, seen=True)
            house.wait(10 * HOUR)
        trickle(house, 10, seen=True)
        trickle(house, 10)
        trickle(house, 9, seen=True)
        fell = house.now_ms
        while not raised(house):
            house.wait(5 * MINUTE)
            house.say(Kind.WATER, litres, "w")
        silent.append(round((house.now_ms - fell) / 3_600_000))
    assert silent == [12, 2]


def test_where_a_sensor_is_new_the_count_goes_on_from_the_last_that_was_seen() -> None:
    house = house_of(METER, HALL, settings={"inactivity.enabled": 1.0})
    trickle(house, 26, every_min=5, seen=True)
    assert status(house) == ("UNAVAILABLE", "water_never_stops")
    dry_for(house, 13.5, lists_zeros=True)
    assert raised(house) == [("INACTIVITY", None)]


def test_what_nobody_read_did_not_dry() -> None:
    """The leak may be there yet: it is over when a whole half-hour was seen dry."""
    house = leaking(days=0)
    trickle(house, 26)
    power_cut(house, 5 * HOUR)
    assert status(house) == ("UNAVAILABLE", "water_never_stops")
    trickle(house, 3)
    assert status(house) == ("UNAVAILABLE", "water_never_stops")
    power_cut(house, 5 * HOUR)
    dry_for(house, 1.1, lists_zeros=False)
    assert status(house)[0] == "ARMED"


@pytest.mark.parametrize(("dry_min", "leaks"), [(20, True), (90, False)])
def test_one_dry_hour_in_the_night_and_the_meter_is_believed(dry_min: float, leaks: bool) -> None:
    house = leaking(days=0)
    trickle(house, 20)
    house.wait(dry_min * MINUTE)
    trickle(house, 6)
    assert (status(house)[0] == "UNAVAILABLE") is leaks


def test_what_nobody_read_was_not_wet() -> None:
    house = leaking(days=0)
    trickle(house, 20)
    power_cut(house, 2 * HOUR)
    trickle(house, 20)
    assert status(house)[0] == "ARMED"


def test_the_register_of_a_meter_shows_it_too() -> None:
    house = house_of(METER, settings={"inactivity.enabled": 1.0})
    for n in range(75):
        house.wait(20 * MINUTE)
        house.say(Kind.WATER_VOLUME, round(100 + n * 0.001, 3), "w")
    assert status(house) == ("UNAVAILABLE", "water_never_stops")


def test_what_the_others_are_shown_to_see_enough_of_counts_from_then_on() -> None:
    """A sensor lost in the first days: once the others have proved enough, the count runs, as the status says."""
    house = house_of(HALL, Device("flush", "flush"), settings={"inactivity.enabled": 1.0})
    lose(house, "flush")
    assert status(house) == ("UNAVAILABLE", "sensor_lost")
    while status(house)[0] == "UNAVAILABLE":
        house.wait(30 * MINUTE)
        house.say(Kind.MOTION, True, "hall")
    house.wait(12 * HOUR)
    assert raised(house) == [("INACTIVITY", None)]
