"""Vital signs where two people live: each device speaks for one of them, and nobody knows for whom."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sensor_rooms import MINUTE, raised, restarted
from vitals_ward import CODE, couple, measure, ward

from gateway.controller import Controller
from gateway.observations import Kind


def test_his_pulse_and_her_oxygen_are_no_two_signs_of_one_person() -> None:
    house = couple()
    for _ in range(6):
        house.say(Kind.HEART_RATE, 150, "band")
        house.say(Kind.SPO2, 85, "cuff")
        house.wait(MINUTE)
    assert raised(house) == [(CODE, "band"), (CODE, "cuff")]
    assert [a.severity for a in house.controller.book.alarms.values()] == ["P2", "P2"]
    restarted(house)
    measure(house, Kind.HEART_RATE, 80, 80)
    assert [a.state.value for a in house.controller.book.alarms.values()] == ["RECOVERED", "PRE_ALARM"]


def test_two_signs_on_one_wrist_are_as_grave_for_two_as_for_one() -> None:
    house = couple()
    measure(house, Kind.SPO2, *[85] * 6, device="cuff", every_s=61)
    for _ in range(6):
        house.say(Kind.HEART_RATE, 150, "band")
        house.say(Kind.SPO2, 85, "band")
        house.wait(MINUTE)
    assert [(a.device, a.severity) for a in house.controller.book.alarms.values()] == [("cuff", "P2"), ("band", "P1")]


def test_a_second_resident_who_moves_in_or_out_loses_no_question() -> None:
    house = ward()
    measure(house, Kind.HEART_RATE, *[150] * 7)
    measure(house, Kind.SPO2, *[85] * 6, every_s=61)
    for residents in (("a", "b"), ("a",)):
        changed = replace(house.controller.home, residents=residents)
        house.say(Kind.CONFIG, changed.to_json())
        kept = house.controller.to_json()["rules"]["vitals"]
        whose = "band" if len(residents) > 1 else ""
        assert (kept["asked"], kept["grave"]) == ({whose: "band"}, [whose])


@pytest.mark.parametrize(("asked", "grave"), [("band", True), ("band", False), (None, False)])
def test_a_snapshot_of_the_first_version_is_read(asked: str | None, grave: bool) -> None:
    house = ward()
    data = house.controller.to_json()
    data["rules"]["vitals"] |= {"asked": asked, "grave": grave}
    again = Controller.from_json(json.loads(json.dumps(data)))
    assert again.restored_empty == []
    kept = again.to_json()["rules"]["vitals"]
    assert (kept["asked"], kept["grave"]) == ({"": "band"} if asked else {}, [""] if grave else [])


def test_a_second_sign_of_who_was_not_asked_about_yet_is_grave_at_once() -> None:
    """What was her oxygen on his alarm is her own once two live there, and then her pulse goes too."""
    house = ward()
    measure(house, Kind.HEART_RATE, *[150] * 7, device="band")
    measure(house, Kind.SPO2, *[85] * 7, device="cuff")
    house.say(Kind.CONFIG, replace(house.controller.home, residents=("a", "b")).to_json())
    for _ in range(7):
        measure(house, Kind.SPO2, 85, device="cuff", every_s=0)
        measure(house, Kind.HEART_RATE, 150, device="cuff")
    assert [(a.device, a.severity) for a in house.controller.book.alarms.values()][-1] == ("cuff", "P1")
