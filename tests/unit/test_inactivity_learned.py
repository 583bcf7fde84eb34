"""The learned line, home and away by the door, guests: what the rule knows beyond its fixed limit."""

from __future__ import annotations

import json

from virtual_home import House, home

from gateway.alarms.life import State
from gateway.controller import Controller
from gateway.home.model import Device
from gateway.observations import Kind

HOUR = 3600.0
DEVICES = {
    d.id: d
    for d in (
        Device("hall", "motion"),
        Device("kitchen", "motion"),
        Device("couch", "pressure"),
        Device("door", "contact", entrance=True),
    )
}


def lived_in(days: int) -> House:
    """Somebody moves every half-hour from 08:15 on for 14 h, and sleeps the rest, for so many days."""
    house = House(home(devices=DEVICES))
    for _ in range(days):
        for half_hour in range(48):
            if half_hour < 28:
                house.say(Kind.MOTION, True, "hall" if half_hour % 2 else "kitchen")
            house.wait(HOUR / 2)
    return house


def out_of_the_door(house: House) -> None:
    house.say(Kind.CONTACT, "open", "door")
    house.wait(5)
    house.say(Kind.CONTACT, "closed", "door")


def test_after_a_week_silence_by_day_is_noticed_in_hours_and_says_why() -> None:
    house = lived_in(9)
    assert house.controller.statuses()["inactivity"].readiness == "ARMED"
    house.say(Kind.MOTION, True, "hall")
    since = house.now_ms / 1000
    house.wait(5 * HOUR)
    assert 2 * HOUR < house.at_s(State.RAISED) - since < 4.5 * HOUR
    evidence = house.controller.book.alarms[1].evidence
    assert evidence["line"] == "learned"
    assert evidence["learned_days"] >= 7
    assert evidence["last_sign"]["device"] == "hall"


def test_while_learning_the_hard_cap_holds() -> None:
    house = lived_in(2)
    assert house.controller.statuses()["inactivity"].readiness == "LEARNING"
    house.say(Kind.MOTION, True, "hall")
    house.wait(12 * HOUR - 301)
    assert house.controller.book.alarms == {}


def test_a_snapshot_keeps_what_was_learned_and_stays_small() -> None:
    house = lived_in(10)
    data = json.loads(json.dumps(house.controller.to_json()))
    assert Controller.from_json(data).to_json() == data
    assert len(json.dumps(data["rules"]["inactivity"])) < 20_000


def test_who_leaves_by_the_door_is_out_and_a_day_later_that_is_a_notice() -> None:
    house = lived_in(9)
    house.say(Kind.MOTION, True, "hall")
    out_of_the_door(house)
    house.wait(23.9 * HOUR)
    assert house.controller.book.alarms == {}
    house.wait(30 * HOUR)
    assert [a.code for a in house.controller.book.alarms.values()] == ["AWAY_TOO_LONG"]


def test_a_mat_that_bounces_in_an_empty_flat_is_nobody_but_two_witnesses_are_somebody() -> None:
    house = lived_in(9)
    out_of_the_door(house)
    house.wait(HOUR)
    house.say(Kind.PRESSURE, True, "couch")
    assert house.controller.statuses()["inactivity"].reason == "away"
    house.say(Kind.MOTION, True, "hall")
    house.wait(5 * HOUR)
    assert [a.code for a in house.controller.book.alarms.values()] == ["INACTIVITY"]


def test_guests_make_the_rule_unavailable_for_seven_days_at_most() -> None:
    house = lived_in(9)
    house.say(Kind.AWAY, {"guests": True})
    assert house.controller.statuses()["inactivity"].reason == "guests"
    house.wait(7 * 24 * HOUR - 1)
    assert house.controller.book.alarms == {}
    house.wait(1)
    assert house.controller.statuses()["inactivity"].readiness == "ARMED"


def test_a_clock_that_steps_brings_the_hard_cap_back() -> None:
    house = lived_in(9)
    house.say(Kind.MOTION, True, "hall")
    offset = house.controller.offset_ms + round(3 * HOUR * 1000)
    house.say(Kind.CLOCK, {"offset_ms": offset, "trust": "NTP"})
    house.wait(12 * HOUR - 301)
    assert house.controller.book.alarms == {}
    house.wait(301)
    assert house.controller.book.alarms[1].evidence["why"] == "clock_doubtful"


def hints_of(*devices: Device, residents: int = 1) -> list[str]:
    view = home(devices={d.id: d for d in devices}, residents=tuple(f"r{n}" for n in range(residents)))
    rule = next(r for r in House(view).controller.rules if r.name == "inactivity")
    return list(rule.learned()["hints"])


def test_the_installer_is_told_what_the_home_lacks() -> None:
    door, hall = Device("door", "contact", entrance=True), Device("hall", "motion")
    assert hints_of(door, hall) == []
    assert hints_of(hall) == ["no_exit_sensor"]
    assert hints_of(Device("fridge", "contact"), residents=2) == [
        "no_exit_sensor",
        "no_motion_sensor",
        "second_resident",
    ]


def test_the_hints_come_first_so_that_no_long_table_cuts_them_off() -> None:
    rule = next(r for r in lived_in(2).controller.rules if r.name == "inactivity")
    assert next(iter(rule.learned())) == "hints"


def test_a_weekend_nobody_told_of_is_not_learned() -> None:
    """Out for 40 h by a door without a sensor: longer than the cap, so no habit of this home."""
    house = lived_in(9)
    before = house.controller.to_json()["rules"]["inactivity"]["habit"]
    house.wait(40 * HOUR)
    house.say(Kind.MOTION, True, "hall")
    after = house.controller.to_json()["rules"]["inactivity"]["habit"]
    assert after["days"] == before["days"]
    assert after["pace"]["days"] == before["pace"]["days"]
