"""Who says to be out is not missed, and is watched again once seen inside or after half a day."""

from __future__ import annotations

from night_door import HOUR, MIN, codes, leave, night_house, status
from sensor_rooms import power_cut, restarted
from virtual_home import House

from gateway.observations import Kind


def test_feet_on_the_way_out_end_no_absence_that_was_declared() -> None:
    house = night_house()
    house.say(Kind.MOTION, True, "hall")
    house.say(Kind.AWAY, True)
    house.wait(11 * MIN)
    house.say(Kind.CONTACT, "open", "door")
    house.wait(10)
    house.say(Kind.MOTION, True, "hall")
    assert status(house) == ("OFF", "away")


def test_who_said_that_they_are_out_is_not_missed_and_who_is_back_is_watched_again() -> None:
    house = night_house()
    house.say(Kind.AWAY, True)
    leave(house)
    house.wait(HOUR)
    assert codes(house) == []
    assert status(house) == ("OFF", "away")
    house.say(Kind.AWAY, False)
    leave(house)
    house.wait(HOUR)
    assert codes(house) == ["NIGHT_EXIT"]


def test_away_said_during_the_question_ends_it() -> None:
    house = night_house()
    leave(house)
    house.wait(16 * MIN)
    house.say(Kind.AWAY, True)
    assert house.states()[-1] == "RECOVERED"


def declared_out(house: House) -> None:
    """She says that she is out, and goes by the door at eight in the morning."""
    house.at_the_hour(8)
    house.say(Kind.AWAY, True)
    house.wait(MIN)
    leave(house)


def test_who_said_out_and_forgot_to_say_back_is_watched_again_once_seen_inside() -> None:
    house = night_house()
    declared_out(house)
    house.wait(3 * HOUR)
    house.say(Kind.CONTACT, "open", "door")
    assert status(house) == ("OFF", "away")
    house.wait(30)
    house.say(Kind.MOTION, True, "hall")
    assert status(house) == ("ARMED", "")
    house.at_the_hour(2)
    leave(house)
    house.wait(HOUR)
    assert codes(house) == ["NIGHT_EXIT"]


def test_who_looks_for_the_shoes_is_still_away() -> None:
    house = night_house()
    house.say(Kind.AWAY, True)
    house.wait(10 * MIN - 0.001)
    house.say(Kind.MOTION, True, "hall")
    assert status(house) == ("OFF", "away")
    house.wait(0.001)
    house.say(Kind.MOTION, True, "hall")
    assert status(house) == ("ARMED", "")


def test_an_absence_that_was_declared_ends_after_twelve_hours_and_cannot_be_renewed_from_afar() -> None:
    """A10: nobody hides a home by saying 'away' every morning."""
    house = night_house()
    declared_out(house)
    house.wait(12 * HOUR - MIN - 21)
    assert status(house) == ("OFF", "away")
    restarted(house)
    house.wait(1)
    assert status(house) == ("ARMED", "")
    house.say(Kind.AWAY, True)
    assert status(house) == ("ARMED", "")
    house.say(Kind.MOTION, True, "hall")
    house.say(Kind.AWAY, True)
    assert status(house) == ("OFF", "away")


def test_an_absence_lasts_through_a_power_cut_and_ends_with_it() -> None:
    house = night_house()
    declared_out(house)
    power_cut(house, 13 * HOUR)
    assert status(house) == ("ARMED", "")
