"""What the platform may ask: checked, bounded, never done twice, and no way to spam a family or to swallow a call."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from virtual_home import House

from gateway.alarms.life import State
from gateway.controller import Controller
from gateway.observations import Kind, Report
from gateway.runtime.commands import MOST, WITHIN_S, BadCommand, Commands, read

HOUR, DAY = 3600.0, 86400.0


def wanted(house: House, request: str = "r1", **more: Any) -> None:
    house.say(Kind.COMMAND, {"cmd": "test_alarm", "from": "platform", "id": request, **more})


def answered(house: House, alarm: int) -> None:
    house.reply("c1", "1")
    assert house.state(alarm) is State.CLOSED


def refusals(house: House) -> list[str]:
    return [m["reason"] for m in house.published("event") if m["code"] == "TEST_MANUAL"]


# ---- the heart


def test_the_platforms_test_goes_the_whole_way_and_says_who_wanted_it() -> None:
    house = House()
    wanted(house, by="desk-3")
    assert house.told("S17") == ["c1"]
    assert house.published()[0]["test"] is True
    assert house.controller.book.alarms[1].evidence == {
        "rule": "test",
        "press": False,
        "from": "platform",
        "id": "r1",
        "by": "desk-3",
    }


def test_a_command_that_comes_twice_is_one_test_also_after_a_restart() -> None:
    house = House()
    wanted(house)
    answered(house, 1)
    wanted(house)
    house.controller = Controller.from_json(house.controller.to_json())
    wanted(house)
    assert list(house.controller.book.alarms) == [1]
    assert refusals(house) == []  # the same message again is no news


def test_three_a_day_and_the_fourth_is_told_to_the_platform_alone() -> None:
    house = House()
    for n in (1, 2, 3):
        wanted(house, f"r{n}")
        answered(house, n)
        house.wait(60)
    texts, said = len(house.texts()), len(house.said())
    wanted(house, "r4")
    assert (len(house.texts()), len(house.said())) == (texts, said)
    assert refusals(house) == ["test_too_often"]
    house.wait(DAY - 3 * 60 - 1)
    wanted(house, "r5")
    assert len(house.texts()) == texts
    house.wait(1)
    wanted(house, "r6")
    assert len(house.texts()) == texts + 1


def test_the_number_is_a_setting_and_none_is_possible() -> None:
    house = House(test__per_day=0)
    wanted(house)
    assert house.controller.book.alarms == {}
    assert refusals(house) == ["test_too_often"]


@pytest.mark.parametrize(("hh", "mm", "begins"), [(21, 59, True), (22, 0, False), (5, 59, False), (6, 0, True)])
def test_nobody_is_woken_by_the_platforms_test(hh: int, mm: int, begins: bool) -> None:
    house = House(inactivity__enabled=0)
    house.at_the_hour(hh, mm)
    wanted(house)
    assert bool(house.told("S17")) is begins
    assert refusals(house) == ([] if begins else ["test_at_night"])


def test_the_installer_may_test_at_night_and_as_often_as_it_takes() -> None:
    house = House(inactivity__enabled=0)
    house.at_the_hour(23)
    for n in range(1, 9):
        house.say(Kind.COMMAND, {"cmd": "test_alarm", "from": "local", "by": "installer"})
        answered(house, n)
    assert refusals(house) == []


@pytest.mark.parametrize("origin", ["platform", "local"])
def test_no_test_while_somebody_needs_help(origin: str) -> None:
    house = House()
    house.press()
    house.say(Kind.COMMAND, {"cmd": "test_alarm", "from": origin, "id": "r1", "press": True})
    assert "V15" not in house.said()
    house.wait(10)
    house.say(Kind.COMMAND, {"cmd": "test_alarm", "from": origin, "id": "r2", "press": True})
    assert [a.code for a in house.controller.book.alarms.values()] == ["CALL_FIXED"]
    assert refusals(house) == ["alarm_open", "alarm_open"]


def test_a_broker_in_wrong_hands_cannot_have_calls_taken_for_tests_all_day() -> None:
    """Each test by press takes the first press of a minute for its own; there are three such minutes a day."""
    house = House()
    for minute in range(60):
        wanted(house, f"r{minute}", press=True)
        house.wait(60)
    assert house.said() == ["V15"] * 3
    house.press()
    house.wait(10)
    assert house.told("S01") == ["c1"]


# ---- the border


@pytest.mark.parametrize(
    "command",
    [
        {"cmd": "test_alarm"},
        {"cmd": "test_alarm", "id": 7},
        {"cmd": "test_alarm", "id": ""},
        {"cmd": "test_alarm", "id": "x" * 41},
        {"cmd": "test_alarm", "id": "a", "press": "yes"},
        {"cmd": "test_alarm", "id": "a", "by": 3},
        {"cmd": "test_alarm", "id": "a", "by": "x" * 41},
        {"cmd": "test_alarm", "id": "a", "by": "a\nb"},
        {"cmd": "area_outage", "on": 1},
        {"cmd": "area_outage", "on": True, "hours": 0},
        {"cmd": "area_outage", "on": True, "hours": 24.1},
        {"cmd": "area_outage", "on": True, "hours": True},
        {"cmd": "area_outage", "on": True, "hours": "6"},
        {"cmd": "area_outage", "on": True, "hours": float("nan")},
    ],
    ids=str,
)
def test_what_is_not_of_the_contract_is_refused(command: dict[str, Any]) -> None:
    with pytest.raises(BadCommand):
        read(command)


@pytest.mark.parametrize(
    ("command", "value"),
    [
        ({"cmd": "area_outage"}, {"cmd": "area_outage", "on": True}),
        ({"cmd": "area_outage", "on": False, "id": "x"}, {"cmd": "area_outage", "on": False}),
        ({"cmd": "area_outage", "hours": 24, "mute": True}, {"cmd": "area_outage", "on": True, "hours": 24}),
    ],
    ids=str,
)
def test_an_outage_of_the_area_is_taken_with_what_belongs_to_it(command: dict[str, Any], value: dict[str, Any]) -> None:
    assert read(command) == value


def test_nobody_can_pass_for_the_installer_over_the_wire() -> None:
    value = read({"cmd": "test_alarm", "id": "a", "from": "local", "stage": "CLOSED", "alarm": 1})
    assert value == {"cmd": "test_alarm", "id": "a", "press": False, "from": "platform"}


@pytest.mark.parametrize("name", ["set_config", "clear", "ota", "mute_voice", "ack", "ping"])
def test_what_is_not_ours_changes_nothing(name: str) -> None:
    assert read({"cmd": name, "id": "a"}) is None


class Wire:
    def __init__(self) -> None:
        self.now, self.counts, self.taken = 0.0, Counter[str](), list[Report]()
        self.commands = Commands(self._take, self.counts, lambda: self.now)

    def _take(self, report: Report) -> asyncio.Future[bool]:
        self.taken.append(report)
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        done.set_result(True)
        return done


async def test_a_command_is_confirmed_when_it_is_durable() -> None:
    wire = Wire()
    kept = wire.commands.heard({"cmd": "test_alarm", "id": "a"})
    assert kept is not None
    assert await kept is True
    assert wire.taken[0].kind is Kind.COMMAND


async def test_a_flood_is_counted_and_not_written_down() -> None:
    wire = Wire()
    for n in range(1000):
        wire.commands.heard({"cmd": "test_alarm", "id": f"r{n}"})
    wire.commands.heard({"cmd": "roll_call", "id": "x"})
    assert len(wire.taken) == MOST
    assert wire.counts["commands_too_many"] == 1001 - MOST
    wire.now = WITHIN_S
    wire.commands.heard({"cmd": "roll_call", "id": "weather"})
    assert wire.taken[-1].value == {"cmd": "roll_call", "id": "weather"}


async def test_what_is_refused_or_unknown_is_counted() -> None:
    wire = Wire()
    assert wire.commands.heard({"cmd": "test_alarm"}) is None
    assert wire.commands.heard({"cmd": "set_config", "id": "a"}) is None
    assert wire.taken == []
    assert wire.counts == {"commands_refused": 1, "commands_ignored": 1}
