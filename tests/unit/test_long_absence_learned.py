"""The long absence by what this home has shown: sooner, never later than a day, and only where it is plain."""

from __future__ import annotations

import json
from typing import Any

import pytest
from virtual_home import House, home

from gateway.alarms.life import State
from gateway.controller import Controller
from gateway.home.model import Device
from gateway.observations import Kind

HOUR = 3600.0
DAY = 24 * HOUR
DEVICES = {
    d.id: d
    for d in (
        Device("hall", "motion"),
        Device("kitchen", "motion", heartbeat_s=24 * 3600),
        Device("bedroom", "motion"),
        Device("door", "contact", entrance=True),
    )
}


def through_the_door(house: House) -> None:
    house.say(Kind.CONTACT, "open", "door")
    house.wait(5)
    house.say(Kind.CONTACT, "closed", "door")


def up_and_out(house: House, hours: float) -> None:
    """A day at home and one trip of so many hours, there and back by the door."""
    house.wait(30)
    house.say(Kind.MOTION, True, "kitchen")
    through_the_door(house)
    house.wait(hours * HOUR)
    through_the_door(house)
    house.wait(60)
    left = DAY - hours * HOUR - 100
    while left > 0:
        for room in ("hall", "kitchen", "bedroom"):
            house.say(Kind.MOTION, True, room)
        house.wait(min(left, 6 * HOUR))
        left -= 6 * HOUR
    for room in ("hall", "kitchen", "bedroom"):
        house.say(Kind.MOTION, True, room)


def who_goes_out(hours: float = 2, days: int = 16, **settings: float) -> House:
    """Somebody who went out for so long on each of so many days; only the fixed limit judges silences."""
    numbers = {"inactivity.learned": 0.0, **{k.replace("__", "."): v for k, v in settings.items()}}
    house = House(home(devices=DEVICES, settings=numbers))
    for _ in range(days):
        up_and_out(house, hours)
    return house


def leave(house: House) -> None:
    house.say(Kind.MOTION, True, "kitchen")
    through_the_door(house)


def notices(house: House) -> list[str]:
    return [a.code for a in house.controller.book.alarms.values() if a.code in ("INACTIVITY", "AWAY_TOO_LONG")]


def noticed_after_h(house: House, most: int = 30) -> float | None:
    """After how many hours the notice is raised if nobody comes back, to the half-hour."""
    began = house.now_ms
    before = len(house.events)
    for _ in range(2 * most):
        house.wait(HOUR / 2)
        raised = [e.t for e in house.events[before:] if e.state is State.RAISED]
        if raised:
            return round((raised[0] - began) / 3_600_000, 1)
    return None


def evidence(house: House) -> dict[str, Any]:
    return list(house.controller.book.alarms.values())[-1].evidence


def learned(house: House) -> dict[str, Any]:
    rule = next(r for r in house.controller.rules if r.name == "inactivity")
    told: dict[str, Any] = rule.learned()["absence"]
    return told


def test_who_is_out_two_hours_each_day_is_missed_before_the_night() -> None:
    house = who_goes_out()
    leave(house)
    assert noticed_after_h(house) == 12
    assert notices(house) == ["AWAY_TOO_LONG"]
    assert evidence(house)["limit_h"] == 12
    assert evidence(house)["usual"] == {"returns": 16, "days": 16, "usual_h": 2.0}


def test_who_is_out_ten_hours_each_day_is_not_missed_after_twelve() -> None:
    house = who_goes_out(10)
    leave(house)
    assert noticed_after_h(house) == 15


@pytest.mark.parametrize("days", [3, 13])
def test_before_the_home_is_known_it_is_a_day(days: int) -> None:
    house = who_goes_out(days=days)
    leave(house)
    assert noticed_after_h(house) == 24
    assert "usual" not in evidence(house)


def test_it_can_be_switched_off() -> None:
    house = who_goes_out(away__learned=0)
    leave(house)
    assert noticed_after_h(house) == 24
    assert learned(house)["learned"] is False


def test_the_numbers_are_settable() -> None:
    house = who_goes_out(5, days=9, away__learned_after_days=7, away__learned_margin=2, away__learned_least_h=8)
    leave(house)
    assert noticed_after_h(house) == 10


def test_never_later_than_the_notice_that_was_set() -> None:
    house = who_goes_out(8, away__notice_h=9)
    leave(house)
    assert noticed_after_h(house) == 9


def test_a_holiday_is_noticed_after_a_day_or_sooner_and_teaches_nothing() -> None:
    house = who_goes_out()
    before = learned(house)
    up_and_out(house, 7 * 24)
    up_and_out(house, 2)
    assert learned(house)["notice_h"] == before["notice_h"] == 12


def test_a_declared_absence_is_never_cut_short() -> None:
    house = who_goes_out()
    house.say(Kind.AWAY, True)
    through_the_door(house)
    assert noticed_after_h(house) == 24


def test_nor_is_one_that_was_declared_after_the_door_had_closed() -> None:
    """By a relative, with `hearthwatch away on` or from the platform."""
    house = who_goes_out()
    leave(house)
    house.wait(HOUR)
    house.say(Kind.AWAY, True)
    assert noticed_after_h(house) == 23


def test_declared_absences_teach_nothing() -> None:
    house = who_goes_out()
    before = learned(house)["usual_h"]
    for _ in range(3):
        house.say(Kind.AWAY, True)
        up_and_out(house, 11)
    up_and_out(house, 2)
    assert learned(house)["usual_h"] == before


def test_guests_teach_nothing_and_are_not_missed() -> None:
    house = who_goes_out()
    house.say(Kind.AWAY, {"guests": True})
    for _ in range(3):
        up_and_out(house, 11)
    house.say(Kind.AWAY, {"guests": False})
    up_and_out(house, 2)
    up_and_out(house, 2)
    assert learned(house)["usual_h"] == 2.0


def test_an_absence_of_which_a_return_could_go_unseen_is_judged_by_the_day_alone() -> None:
    house = who_goes_out()
    leave(house)
    house.say(Kind.RECORDER, False)
    house.wait(60)
    house.say(Kind.RECORDER, True)
    assert noticed_after_h(house) == 24.0
    assert "usual" not in evidence(house)


def test_and_teaches_nothing() -> None:
    house = who_goes_out()
    for _ in range(3):
        house.wait(30)
        leave(house)
        house.say(Kind.RECORDER, False)
        house.wait(10 * HOUR)
        house.say(Kind.RECORDER, True)
        through_the_door(house)
        house.wait(60)
        house.say(Kind.MOTION, True, "hall")
        house.wait(12 * HOUR - 400)
    up_and_out(house, 2)
    up_and_out(house, 2)
    assert learned(house)["usual_h"] == 2.0


def test_the_door_used_once_more_begins_the_wait_anew() -> None:
    house = who_goes_out()
    leave(house)
    house.wait(20)
    through_the_door(house)
    assert noticed_after_h(house) == 12


def test_one_notice_for_each_absence_and_none_for_who_comes_back() -> None:
    house = who_goes_out()
    leave(house)
    house.wait(11 * HOUR)
    through_the_door(house)
    house.say(Kind.MOTION, True, "hall")
    house.wait(HOUR)
    assert notices(house) == []
    leave(house)
    house.wait(5 * DAY)
    assert notices(house) == ["AWAY_TOO_LONG"]


def test_a_restart_in_the_absence_changes_nothing() -> None:
    house = who_goes_out()
    leave(house)
    house.wait(3 * HOUR)
    data = json.loads(json.dumps(house.controller.to_json()))
    again = Controller.from_json(data)
    assert again.to_json() == data
    house.controller = again
    assert noticed_after_h(house) == 9


def test_a_restart_at_home_forgets_no_absence() -> None:
    house = who_goes_out()
    house.controller = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    leave(house)
    assert noticed_after_h(house) == 12


def test_a_snapshot_of_before_knows_nothing_and_waits_a_day() -> None:
    house = who_goes_out()
    data = json.loads(json.dumps(house.controller.to_json()))
    del data["rules"]["inactivity"]["absence"]
    house.controller = Controller.from_json(data)
    leave(house)
    assert noticed_after_h(house) == 24


def test_time_nobody_watched_is_no_part_of_the_absence() -> None:
    house = who_goes_out()
    leave(house)
    house.wait(HOUR)
    rule = next(r for r in house.controller.rules if r.name == "inactivity")
    rule.gap(house.now_ms, house.now_ms + 3 * 3_600_000)
    house.now_ms += 3 * 3_600_000
    assert noticed_after_h(house) == 11


def test_a_step_and_the_door_at_one_moment_are_one_return_whoever_speaks_first() -> None:
    def after(*order: tuple[Kind, object, str]) -> object:
        house = who_goes_out(days=2)
        leave(house)
        house.wait(5 * HOUR)
        for word in order:
            house.say(*word)
        house.wait(60)
        house.say(Kind.CONTACT, "closed", "door")
        house.say(Kind.MOTION, True, "kitchen")
        house.wait(HOUR)
        leave(house)
        return house.controller.to_json()["rules"]["inactivity"]["absence"]

    step, opens = (Kind.MOTION, True, "hall"), (Kind.CONTACT, "open", "door")
    assert after(step, opens) == after(opens, step)
