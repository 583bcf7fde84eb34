"""A village without mains (domain 5.3, T-19): what the reference platform makes of many homes that say so at once."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.receiver.area import Areas
from gateway.receiver.store import Message
from gateway.runtime.commands import read

HOMES = 20
BEGUN, OVER = {"cmd": "area_outage", "on": True, "hours": 6.0}, {"cmd": "area_outage", "on": False}


class Village:
    def __init__(self, homes: int = HOMES) -> None:
        self.areas, self.homes, self.seq = Areas(), homes, 0

    def says(self, gateway: str, state: str, at_s: float, **more: Any) -> dict[str, dict[str, Any]]:
        self.seq += 1
        fields: dict[str, Any] = {"site": "v1", "channel": "event", "code": "MAINS_FAIL"} | more
        body = {"code": fields["code"], "state": state, "reason": "lasted"}
        message = Message(fields["site"], gateway, "e", self.seq, fields["channel"], body)
        return self.areas.heard(message, self.homes, at_s)

    def goes_dark(self, count: int, apart_s: float = 5.0) -> list[dict[str, dict[str, Any]]]:
        return [self.says(f"g{n}", "RAISED", n * apart_s) for n in range(count)]


def test_thirty_in_a_hundred_within_ten_minutes_are_an_outage_and_every_dark_home_is_told() -> None:
    village = Village()
    *before, last = village.goes_dark(6)
    assert before == [{}] * 5
    assert last == {f"g{n}": BEGUN for n in range(6)}
    assert village.says("g9", "RAISED", 100) == {"g9": BEGUN}  # who goes dark later too


def test_as_many_over_an_hour_are_not() -> None:
    assert Village().goes_dark(10, apart_s=121) == [{}] * 10


@pytest.mark.parametrize(("homes", "dark"), [(1, 1), (2, 2), (6, 2)])
def test_two_neighbours_are_no_village(homes: int, dark: int) -> None:
    assert Village(homes).goes_dark(dark) == [{}] * dark


def test_when_the_most_have_mains_again_who_has_not_is_told() -> None:
    village = Village()
    village.goes_dark(8)
    assert village.says("g0", "CLOSED", 4000) == {}
    assert village.says("g1", "CLOSED", 4001) == {}
    assert village.says("g2", "CLOSED", 4002) == {f"g{n}": OVER for n in (3, 4, 5, 6, 7)}
    assert village.says("g3", "CLOSED", 4003) == {}
    assert village.says("g8", "RAISED", 9000) == {}  # the next day it is a plug again


def test_one_home_that_flickers_is_counted_once() -> None:
    village = Village(6)
    for n in range(20):
        assert village.says("g0", "RAISED", n) == {}


def test_other_words_and_other_villages_do_not_count() -> None:
    village = Village(6)
    village.says("g0", "RAISED", 0)
    village.says("g1", "RAISED", 0)
    assert village.says("g2", "RAISED", 0, site="v2") == {}
    assert village.says("g2", "RAISED", 0, code="UPLINK_LOST") == {}
    assert village.says("g2", "RAISED", 0, channel="alarm") == {}
    assert village.says("g2", "RAISED", 0) == {f"g{n}": BEGUN for n in range(3)}


@pytest.mark.parametrize("command", [BEGUN, OVER])
def test_a_gateway_takes_the_word_as_it_is_said(command: dict[str, Any]) -> None:
    assert read(command) == command
