"""Lying where and when one does not, a device that nobody wears, a bed: what is no fall, and what is worse than one."""

from __future__ import annotations

from typing import Any

import pytest
from acted_falls import SIDE, UP, Sample, impact, still, walk
from test_fall_flow import a_fall, fallen_home, hear
from virtual_home import House, home

from gateway.alarms.life import State
from gateway.controller import Controller
from gateway.home.model import Device
from gateway.observations import Kind
from gateway.rules.fall.evidence import dropped
from gateway.rules.fall.features import NAMES

MORNING_S = 4 * 3600  # the house begins at 08:15; noon naps from 12:00
LIVE = {"tremor": 0.03}


def slid_down(house: House, minutes: float, direction: Sample = SIDE) -> None:
    """Walks, slides to the floor too gently for any impact, and lies there."""
    hear(house, walk(30))
    slide = [[(1 - k) * u + k * s for u, s in zip(UP, direction, strict=True)] for k in (i / 100 for i in range(100))]
    hear(house, slide)
    lie(house, minutes, direction)


def lie(house: House, minutes: float, direction: Sample = SIDE, **more: Any) -> None:
    for _ in range(round(minutes)):
        hear(house, still(60, direction, **(LIVE | more)), size=250)


def opened(house: House) -> list[str]:
    return [e.patch["code"] for e in house.events if e.what == "opened"]


def test_who_slides_down_and_lies_for_an_hour_is_asked() -> None:
    house = fallen_home()
    slid_down(house, 58)
    assert opened(house) == []
    lie(house, 4)
    assert opened(house) == ["LONG_LIE"]
    assert set(house.said()) == {"V08"}


def test_who_gets_up_before_is_not_asked_and_who_gets_up_after_is_thanked() -> None:
    house = fallen_home()
    slid_down(house, 50)
    hear(house, walk(30))
    lie(house, 50)
    assert opened(house) == []
    lie(house, 12)
    assert opened(house) == ["LONG_LIE"]
    hear(house, still(20, UP))
    assert house.state() is State.RECOVERED


def test_who_lies_in_bed_is_left_alone() -> None:
    house = fallen_home()
    house.say(Kind.BED, True, "bed")
    slid_down(house, 90)
    assert opened(house) == []


def test_at_noon_nobody_without_a_bed_sensor_is_woken() -> None:
    house = fallen_home()
    house.wait(MORNING_S)
    slid_down(house, 90)
    assert opened(house) == []


def test_a_device_on_the_table_lies_and_is_nobody() -> None:
    house = fallen_home()
    hear(house, walk(30))
    lie(house, 90, tremor=0.001)
    assert opened(house) == []


def test_a_device_that_nobody_wears_falls_alone() -> None:
    house = fallen_home()
    lie(house, 15, tremor=0.001)
    hear(house, a_fall(still(10, SIDE)))
    assert opened(house) == []
    hear(house, walk(60))
    hear(house, a_fall(still(10, SIDE)))
    assert opened(house) == ["FALL"]


def test_a_lost_link_neither_lies_nor_gets_up() -> None:
    house = fallen_home()
    slid_down(house, 40)
    house.wait(3600)
    lie(house, 10)
    assert opened(house) == []
    lie(house, 12)
    assert opened(house) == ["LONG_LIE"]


@pytest.mark.parametrize(
    ("dip_g", "dip_s", "sway_g", "alone"),
    [(0.05, 0.4, 0.002, True), (0.05, 0.4, 0.03, False), (0.6, 0.4, 0.002, False)],
)
def test_weightless_for_long_and_then_dead_still_is_a_dropped_device(
    dip_g: float, dip_s: float, sway_g: float, alone: bool
) -> None:
    measured = {"dip_g": dip_g, "dip_s": dip_s, "sway_g": sway_g, "tail_s": 2.4}
    assert dropped([measured.get(name, 0.0) for name in NAMES]) is alone


def test_in_bed_the_same_evidence_must_be_more() -> None:
    bars = []
    for in_bed in (False, True):
        house = fallen_home()
        house.say(Kind.BED, in_bed, "bed")
        hear(house, a_fall(still(10, SIDE)))
        bars.append(house.controller.book.alarms[1].evidence["bar"])
    assert bars[1] - bars[0] == pytest.approx(2.0)


def rolled_over_at(hour: int, size: int = 25) -> dict[str, Any]:
    """The evidence of a wearer without a bed sensor who lies already and throws themselves about."""
    devices = {"belt": Device("belt", "wearable", placement="waist")}
    house = House(home(devices=devices, settings={"fall.bed_bar": 0.5, "fall.sensitivity": 2.0}))
    house.at_the_hour(hour)
    hear(house, [*walk(30), *still(20, SIDE, **LIVE), *impact(), *still(5, [-0.96, 0.05, 0.27], **LIVE)], size)
    evidence: dict[str, Any] = house.controller.book.alarms[1].evidence
    return evidence


def test_at_bedtime_the_same_evidence_of_one_who_lies_already_must_be_more() -> None:
    by_day, by_night = rolled_over_at(17), rolled_over_at(23)
    assert by_night["score"] == by_day["score"]
    assert by_night["bar"] - by_day["bar"] == pytest.approx(0.5)
    assert "bed" not in by_day
    assert by_night["bed"] is True


@pytest.mark.parametrize("size", [1, 5, 100, 10_000])
def test_what_a_burst_brings_at_once_is_followed_in_its_order(size: int) -> None:
    evidence, usual = rolled_over_at(23, size), rolled_over_at(23)
    assert evidence["bed"] is True
    assert evidence["features"] == usual["features"]


def rolled_out_of_bed() -> House:
    """A blow that the bed explains, and then the bed is empty."""
    house = fallen_home(settings={"fall.bed_bar": 10.0})
    house.say(Kind.BED, True, "bed")
    hear(house, a_fall(still(10, SIDE)))
    assert opened(house) == []
    house.say(Kind.BED, False, "bed")
    return house


def test_who_does_not_get_up_after_half_a_fall_is_asked_in_ten_minutes() -> None:
    house = rolled_out_of_bed()
    lie(house, 9)
    assert opened(house) == []
    lie(house, 2)
    assert opened(house) == ["LONG_LIE"]
    assert house.controller.book.alarms[1].evidence["after_impact"] is True


def test_who_gets_up_after_half_a_fall_is_not_asked() -> None:
    house = rolled_out_of_bed()
    lie(house, 5)
    hear(house, walk(30))
    lie(house, 30)
    assert opened(house) == []


def test_a_device_that_nobody_wears_is_known_as_such_after_a_restart() -> None:
    house = fallen_home()
    lie(house, 15, tremor=0.001)  # never walked: nothing else is known of it
    house.controller = Controller.from_json(house.controller.to_json())
    hear(house, a_fall(still(10, SIDE)))
    assert opened(house) == []


def test_the_settings_lie_on_one_curve() -> None:
    bars = []
    for sensitivity in (0.0, 0.5, 1.0, 1.5, 2.0):
        house = fallen_home(settings={"fall.sensitivity": sensitivity})
        hear(house, a_fall(still(10, SIDE)))
        bars.append(house.controller.book.alarms[1].evidence["bar"])
    assert bars == sorted(bars, reverse=True)
    assert len(set(bars)) == 5


def test_state_survives_a_snapshot_exactly_and_goes_on() -> None:
    house = fallen_home()
    slid_down(house, 40)
    kept = house.controller.to_json()
    house.controller = Controller.from_json(kept)
    assert house.controller.to_json() == kept
    lie(house, 22)
    assert opened(house) == ["LONG_LIE"]


def test_an_open_question_survives_a_snapshot() -> None:
    house = fallen_home()
    hear(house, a_fall(still(8, SIDE)))
    kept = house.controller.to_json()
    house.controller = Controller.from_json(kept)
    assert house.controller.to_json() == kept
    hear(house, still(12, UP))
    assert house.states() == ["DETECTED", "PRE_ALARM", "RECOVERED"]
