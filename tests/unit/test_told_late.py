"""Whoever was not reached for long hears that it had happened: with its day, or without where no clock is believed."""

from __future__ import annotations

from virtual_home import House

from gateway.observations import Kind


def unreachable_for_an_hour(house: House) -> None:
    house.say(Kind.CONDITION, {"code": "CELL_LOST", "on": True})
    house.press()
    house.wait(3600)


def way_is_back(house: House) -> list[str]:
    before = len(house.actions)
    house.say(Kind.CONDITION, {"code": "CELL_LOST", "on": False})
    late = [a for a in house.texts() if a in house.actions[before:]]
    assert all(house.controller.desk.wanted(a, house.now_ms) for a in late)
    return [a.template for a in late if a.contact == "c1"]


def test_with_a_believed_clock_the_day_is_told() -> None:
    house = House()
    unreachable_for_an_hour(house)
    assert way_is_back(house) == ["S18"]


def test_without_one_it_is_the_alarms_own_words_and_they_do_go() -> None:
    """Found by the simulation: they were written off as superseded by the very text they were."""
    house = House()
    house.controller.civil.set(house.controller.offset_ms, "NONE", 0)
    unreachable_for_an_hour(house)
    assert way_is_back(house) == ["S01"]
