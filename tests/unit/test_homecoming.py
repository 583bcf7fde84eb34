"""Who comes back by the door, when the return is told, and who only seems to."""

from __future__ import annotations

import pytest
from night_door import HOUR, MIN, codes, leave, night_house, whereabouts
from sensor_rooms import power_cut, recording, restarted
from virtual_home import House, home

from gateway.alarms.life import State
from gateway.observations import Kind


def test_a_return_during_the_question_ends_it() -> None:
    house = night_house()
    leave(house)
    house.wait(16 * MIN)
    house.say(Kind.CONTACT, "open", "door")
    assert house.states() == ["DETECTED", "PRE_ALARM", "RECOVERED"]
    house.wait(70)
    house.say(Kind.MOTION, True, "hall")
    house.wait(5 * HOUR)
    assert codes(house) == ["NIGHT_EXIT"]


def test_who_comes_back_after_people_were_told_is_told_of_as_well() -> None:
    """The alarm stays theirs to close; the platform hears that nobody need search any more."""
    house = night_house()
    leave(house)
    house.wait(30 * MIN)
    assert house.state() is State.RAISED
    assert whereabouts(house) == [("door", "RAISED", "no_return")]
    house.say(Kind.CONTACT, "open", "door")
    house.wait(2 * MIN)
    assert len(whereabouts(house)) == 1  # a door that moves is nobody's return yet
    restarted(house)
    house.say(Kind.MOTION, True, "hall")
    assert whereabouts(house)[1:] == [("door", "RESTORED", "activity")]
    assert not house.controller.book.alarms[1].ended
    house.wait(5 * HOUR)
    house.say(Kind.MOTION, True, "hall")
    assert len(whereabouts(house)) == 2


def test_the_return_is_seen_even_if_the_rule_could_not_see_meanwhile() -> None:
    house = night_house()
    leave(house)
    house.wait(30 * MIN)
    house.say(Kind.SEEN, False, "bed")
    house.say(Kind.MOTION, True, "hall")
    assert whereabouts(house)[1:] == [("door", "RESTORED", "activity")]


def test_a_door_used_again_without_anybody_coming_in_is_asked_about_again() -> None:
    house = night_house()
    leave(house)
    house.wait(16 * MIN)
    house.say(Kind.CONTACT, "open", "door")  # perhaps the return ...
    house.wait(15 * MIN)  # ... but nobody was seen
    assert codes(house) == ["NIGHT_EXIT", "NIGHT_EXIT"]


def go_out_by_day(house: House) -> None:
    house.at_the_hour(19)
    leave(house)


def come_in(house: House, unhurried_s: float = 0) -> None:
    """The door opens, the hall sees feet, the door closes."""
    house.say(Kind.CONTACT, "open", "door")
    house.wait(unhurried_s)
    house.say(Kind.MOTION, True, "hall")
    house.wait(unhurried_s)
    house.say(Kind.CONTACT, "closed", "door")


@pytest.mark.parametrize("out_first", [True, False])
def test_who_comes_home_late_and_goes_to_bed_is_at_home(out_first: bool) -> None:
    """Nobody was seen inside since the door was used: the feet in the hall come in. Else they may go out."""
    house = night_house()
    if out_first:
        go_out_by_day(house)
    house.at_the_hour(23, 20)
    restarted(house)
    come_in(house, unhurried_s=5)
    house.wait(10)
    house.say(Kind.MOTION, True, "hall")
    house.wait(5 * HOUR)
    assert codes(house) == ([] if out_first else ["NIGHT_EXIT"])


@pytest.mark.parametrize("blind", ["off", "not_recorded", "lost"])
def test_where_anything_went_unseen_the_door_may_as_well_be_an_exit(blind: str) -> None:
    house = night_house()
    go_out_by_day(house)
    house.wait(HOUR)
    if blind == "off":
        power_cut(house, 60)
    elif blind == "not_recorded":
        recording(house, False)
        recording(house, True)
    else:
        house.say(Kind.SEEN, False, "hall")
        house.say(Kind.MOTION, False, "hall")
    house.at_the_hour(23, 20)
    come_in(house, unhurried_s=5)
    house.wait(HOUR)
    assert codes(house) == ["NIGHT_EXIT"]


def test_who_came_in_and_goes_out_again_is_missed() -> None:
    house = night_house()
    go_out_by_day(house)
    house.at_the_hour(23, 20)
    come_in(house)
    house.wait(2 * MIN)
    leave(house)
    house.wait(HOUR)
    assert codes(house) == ["NIGHT_EXIT"]


def test_who_turns_on_the_doorstep_is_missed_too() -> None:
    """In, seen, and out again within the minute: the door opened a second time."""
    house = night_house()
    go_out_by_day(house)
    house.at_the_hour(23, 20)
    come_in(house)
    house.wait(20)
    house.say(Kind.CONTACT, "open", "door")
    house.wait(HOUR)
    assert codes(house) == ["NIGHT_EXIT"]


def test_a_visitor_who_leaves_late_is_followed_by_the_elder_going_to_bed() -> None:
    house = night_house()
    house.say(Kind.CONTACT, "open", "door")
    house.wait(3 * MIN)
    house.say(Kind.CONTACT, "closed", "door")
    house.wait(4 * MIN)
    house.say(Kind.BED, True, "bed")
    house.wait(5 * HOUR)
    assert codes(house) == []


def test_a_consent_withdrawn_tells_of_no_return_any_more_and_forgets_the_doors() -> None:
    house = night_house()
    leave(house)
    house.wait(30 * MIN)
    assert whereabouts(house) == [("door", "RAISED", "no_return")]
    house.say(Kind.CONFIG, home(devices=house.controller.home.devices, consents={"MONITORING": False}).to_json())
    assert whereabouts(house)[1:] == [("door", "RESTORED", "no_consent")]
    house.say(Kind.CONTACT, "open", "door")
    house.wait(MIN)
    house.say(Kind.MOTION, True, "hall")
    assert len(whereabouts(house)) == 2
    kept = house.controller.to_json()["rules"]["night_exit"]
    assert (kept["last"], kept["used"], kept["moved"], kept["out"]) == ({}, ["", -1], None, None)


@pytest.mark.parametrize("guests", [True, False])
def test_guests_who_are_announced_or_gone_are_no_return(guests: bool) -> None:
    house = night_house()
    leave(house)
    house.wait(16 * MIN)
    house.say(Kind.AWAY, {"guests": guests})
    assert house.states() == ["DETECTED", "PRE_ALARM"]
    house.wait(5 * MIN)
    house.say(Kind.AWAY, {"guests": guests})
    assert whereabouts(house) == [("door", "RAISED", "no_return")]
    house.say(Kind.AWAY, {"away": False})
    assert whereabouts(house)[1:] == [("door", "RESTORED", "activity")]
