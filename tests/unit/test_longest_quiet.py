"""Nothing that quietens a home lasts for ever, whatever it sets (domain A10). Guests: `test_inactivity_learned`."""

from __future__ import annotations

import pytest
from virtual_home import House, find

from gateway.observations import Kind
from gateway.parameters import TABLE, BadParameter, check

HOUR = 3600


@pytest.mark.parametrize(("name", "most"), [("away.max_h", 12), ("voice.mute_max_min", 30)])
def test_no_home_may_set_a_longer_limit(name: str, most: int) -> None:
    assert (TABLE[name].default, TABLE[name].high) == (most, most)
    with pytest.raises(BadParameter):
        check(name, most + 1)


@pytest.mark.parametrize(
    ("from_h", "until_h", "lasts_h"), [(22, 6, 8), (6, 5, 12), (23, 22, 12), (20, 8, 12), (6, 6, 0)]
)
def test_a_night_is_no_longer_than_twelve_hours(from_h: int, until_h: int, lasts_h: int) -> None:
    house = House(night__from_h=from_h, night__until_h=until_h)
    quiet = house.controller.desk.quiet
    house.at_the_hour(from_h)
    begins = house.now_ms
    night = [h for h in range(24) if quiet.night(begins + h * HOUR * 1000)]
    assert night == list(range(lasts_h))
    assert all(quiet.morning(begins + h * HOUR * 1000) == begins + lasts_h * HOUR * 1000 for h in night)


def test_what_can_wait_waits_twelve_hours_at_most() -> None:
    house = House(night__from_h=6, night__until_h=5, night__persist_min=480)
    house.at_the_hour(7)
    find(house, "TEMP_LOW")
    house.wait(300)
    house.controller.desk.recovered("TEMP_LOW", house.now_ms, "well_again")
    house.at_the_hour(17, 59)
    assert house.told("S22") == []
    house.wait(120)
    assert house.told("S22") == ["c1"]


def test_away_said_again_and_again_ends_all_the_same() -> None:
    house = House()
    house.say(Kind.MOTION, True, "hall-pir")
    for _ in range(13):
        house.say(Kind.AWAY, {"away": True})
        house.wait(HOUR)
        house.say(Kind.SEEN, True, "hall-pir")
    inactivity = next(r for r in house.controller.rules if r.name == "inactivity")
    assert inactivity.to_json()["presence"]["declared_until"] is None


def test_a_mute_said_again_is_counted_from_then_and_never_longer() -> None:
    house = House()
    for minutes in (30, 600, None):
        house.say(Kind.MUTE, {"on": True, "minutes": minutes})
        assert house.controller.desk.quiet.muted_for_ms(house.now_ms) == 30 * 60_000
        house.wait(60)


def test_guests_said_again_while_they_are_there_stay_no_longer_for_it() -> None:
    house = House()
    house.say(Kind.AWAY, {"guests": True})
    for hour in range(7 * 24):
        assert house.controller.statuses()["inactivity"].reason == "guests", hour
        house.wait(HOUR)
        house.say(Kind.MOTION, True, "hall-pir")
        if hour < 6 * 24:
            house.say(Kind.AWAY, {"guests": True})
    assert house.controller.statuses()["inactivity"].reason != "guests"
