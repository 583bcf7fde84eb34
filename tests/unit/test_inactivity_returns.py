"""Who comes back by the door is at home, where this door has proved to tell of every return; else nobody can say."""

from __future__ import annotations

import json

import pytest
from virtual_home import House, home

from gateway.controller import Controller
from gateway.home.model import Device
from gateway.observations import Kind
from gateway.rules.inactivity.presence import RETURNS_KNOWN

HOUR = 3600.0
DEVICES = {
    d.id: d
    for d in (Device("hall", "motion"), Device("kitchen", "motion"), Device("door", "contact", entrance=True))
}  # fmt: skip


def through_the_door(house: House) -> None:
    house.say(Kind.CONTACT, "open", "door")
    house.wait(5)
    house.say(Kind.CONTACT, "closed", "door")


def who_goes_out_daily(days: int = RETURNS_KNOWN, *, by_the_door: bool = True) -> House:
    """So many trips of two hours, each ended by the door and a step in the hall, or by the step alone."""
    house = House(home(devices=DEVICES, settings={"inactivity.learned": 0.0}))
    for _ in range(days):
        house.say(Kind.MOTION, True, "kitchen")
        through_the_door(house)
        house.wait(2 * HOUR)
        if by_the_door:
            through_the_door(house)
        house.wait(60)
        house.say(Kind.MOTION, True, "hall")
        house.wait(HOUR)
    return house


def where(house: House) -> str:
    rule = next(r for r in house.controller.rules if r.name == "inactivity")
    return str(rule.learned()["where"])


def codes(house: House) -> list[str]:
    return [a.code for a in house.controller.book.alarms.values() if a.code in ("INACTIVITY", "AWAY_TOO_LONG")]


def come_back_and_fall(house: House) -> None:
    house.say(Kind.MOTION, True, "kitchen")
    through_the_door(house)
    house.wait(3 * HOUR)
    through_the_door(house)


@pytest.mark.parametrize(("minutes", "raised"), [(15, []), (59, []), (61, ["INACTIVITY"])])
def test_the_postman_and_then_the_way_out_are_no_return(minutes: int, raised: list[str]) -> None:
    house = who_goes_out_daily()
    house.say(Kind.MOTION, True, "kitchen")
    through_the_door(house)
    house.wait(minutes * 60)
    through_the_door(house)
    house.wait(13 * HOUR)
    assert codes(house) == raised


def test_who_comes_back_and_is_not_heard_is_asked_about_at_the_hard_cap() -> None:
    house = who_goes_out_daily()
    come_back_and_fall(house)
    assert where(house) == "HOME"
    house.wait(12 * HOUR - 302)
    assert codes(house) == []
    house.wait(2)
    assert codes(house) == ["INACTIVITY"]
    assert list(house.controller.book.alarms.values())[-1].evidence["why"] == "came_back_unheard"


def test_a_door_nobody_knows_yet_is_not_believed() -> None:
    house = who_goes_out_daily(RETURNS_KNOWN - 1)
    come_back_and_fall(house)
    assert where(house) == "AWAY"
    house.wait(23.9 * HOUR)
    assert codes(house) == []
    house.wait(0.2 * HOUR)
    assert codes(house) == ["AWAY_TOO_LONG"]


def test_a_door_through_which_people_come_unseen_is_not_believed() -> None:
    house = who_goes_out_daily(3, by_the_door=False)
    for _ in range(2):
        house.say(Kind.MOTION, True, "kitchen")
        through_the_door(house)
        house.wait(2 * HOUR)
        house.say(Kind.MOTION, True, "hall")
        house.wait(HOUR)
    for _ in range(2 * RETURNS_KNOWN):
        house.say(Kind.MOTION, True, "kitchen")
        through_the_door(house)
        house.wait(2 * HOUR)
        through_the_door(house)
        house.wait(60)
        house.say(Kind.MOTION, True, "hall")
        house.wait(HOUR)
    come_back_and_fall(house)
    assert where(house) == "AWAY"


def test_where_people_turn_up_whom_no_door_let_in_the_notice_comes_at_the_hard_cap() -> None:
    """Who closes this door may as well have stayed: somebody looks after half a day, and it is still no INACTIVITY."""
    house = who_goes_out_daily(by_the_door=False)
    house.say(Kind.MOTION, True, "kitchen")
    through_the_door(house)
    house.wait(11.9 * HOUR)
    assert codes(house) == []
    house.wait(0.2 * HOUR)
    assert codes(house) == ["AWAY_TOO_LONG"]
    evidence = list(house.controller.book.alarms.values())[-1].evidence
    assert evidence["limit_h"] == 12
    assert evidence["turned_up_inside"] == 1.0
    house.wait(3 * 24 * HOUR)
    assert codes(house) == ["AWAY_TOO_LONG"]


def test_the_installer_is_told_of_a_door_that_does_not_tell() -> None:
    rule = next(r for r in who_goes_out_daily(by_the_door=False).controller.rules if r.name == "inactivity")
    assert "exit_sensor_doubtful" in rule.learned()["hints"]
    rule = next(r for r in who_goes_out_daily().controller.rules if r.name == "inactivity")
    assert "exit_sensor_doubtful" not in rule.learned()["hints"]


def test_who_said_that_they_leave_is_believed_whatever_the_door_is_worth() -> None:
    house = who_goes_out_daily(by_the_door=False)
    house.say(Kind.MOTION, True, "kitchen")
    house.say(Kind.AWAY, True)
    house.wait(11.9 * HOUR)
    assert codes(house) == []


@pytest.mark.parametrize("later_s", [120, 3 * HOUR])
def test_the_door_once_more_is_the_way_out_again(later_s: float) -> None:
    house = who_goes_out_daily()
    come_back_and_fall(house)
    house.wait(later_s)
    through_the_door(house)
    assert where(house) == "AWAY"
    house.wait(23.9 * HOUR)
    assert codes(house) == []


def test_who_comes_in_opens_and_closes_more_than_once() -> None:
    house = who_goes_out_daily()
    come_back_and_fall(house)
    house.wait(20)
    through_the_door(house)
    assert where(house) == "HOME"


def test_a_declared_absence_that_expired_never_ends_by_a_presumed_return() -> None:
    """A10: it falls back to the door and the long absence, never to INACTIVITY."""
    house = who_goes_out_daily()
    house.say(Kind.MOTION, True, "kitchen")
    house.say(Kind.AWAY, True)
    house.wait(1800)
    through_the_door(house)
    house.wait(12 * HOUR)
    assert where(house) == "AWAY"
    house.wait(11.9 * HOUR)
    assert codes(house) == []


def test_a_silence_of_somebody_only_presumed_in_is_not_learned() -> None:
    house = who_goes_out_daily()
    come_back_and_fall(house)
    before = json.dumps(house.controller.to_json()["rules"]["inactivity"]["habit"]["days"])
    house.wait(3 * HOUR)
    house.say(Kind.MOTION, True, "hall")
    assert where(house) == "HOME"
    assert json.dumps(house.controller.to_json()["rules"]["inactivity"]["habit"]["days"]) == before


def test_what_the_door_has_told_survives_a_snapshot_exactly() -> None:
    house = who_goes_out_daily()
    come_back_and_fall(house)
    data = json.loads(json.dumps(house.controller.to_json()))
    again = Controller.from_json(data)
    assert again.to_json() == data
    due = house.controller.next_due()
    assert due is not None
    assert again.next_due() == due


def test_a_step_and_the_door_in_one_batch_are_one_return_whoever_speaks_first() -> None:
    def after(first: tuple[Kind, object, str], second: tuple[Kind, object, str]) -> list[object]:
        house = who_goes_out_daily()
        house.say(Kind.MOTION, True, "kitchen")
        through_the_door(house)
        house.wait(3 * HOUR)
        house.say(*first)
        house.say(*second)
        house.say(Kind.CONTACT, "closed", "door")
        house.wait(HOUR)
        return [where(house), house.controller.to_json()["rules"]["inactivity"]["presence"]["returns"]]

    step, opens = (Kind.MOTION, True, "hall"), (Kind.CONTACT, "open", "door")
    assert after(step, opens) == after(opens, step) == ["HOME", [RETURNS_KNOWN + 1, 0]]
