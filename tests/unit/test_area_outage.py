"""A village without mains (domain 5.3, T-19): what the reference platform makes of many homes that say so at once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.receiver.area import Areas
from gateway.receiver.store import Message
from gateway.runtime.commands import read

HOMES = 20
START_S = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
HOUR_S, DAY_S = 3600.0, 86_400.0
BEGUN, OVER = {"cmd": "area_outage", "on": True, "hours": 6.0}, {"cmd": "area_outage", "on": False}


def iso(at_s: float) -> str:
    return datetime.fromtimestamp(START_S + at_s, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


class Village:
    def __init__(self, homes: int = HOMES) -> None:
        self.areas, self.homes, self.seq = Areas(), homes, 0

    def says(self, gateway: str, state: str, at_s: float, **more: Any) -> dict[str, dict[str, Any]]:
        self.seq += 1
        """Heard at `at_s`, and at once unless `more` says when it was."""
        fields: dict[str, Any] = {"site": "v1", "channel": "event", "code": "MAINS_FAIL", "at": iso(at_s)} | more
        body = {"code": fields["code"], "state": state, "reason": "lasted", "at": fields["at"]}
        body["delayed"] = fields.get("delayed", False)
        message = Message(fields["site"], gateway, "e", self.seq, fields["channel"], body)
        return self.areas.heard(message, self.homes, START_S + at_s)

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


def test_loose_plugs_of_three_days_that_are_heard_at_once_are_no_outage() -> None:
    """The platform was away, and the broker kept all."""
    village = Village(8)
    for n, days_ago in enumerate((2.0, 1.2, 0.1)):
        assert village.says(f"g{n}", "RAISED", 3 * DAY_S, at=iso((3 - days_ago) * DAY_S)) == {}
    for n, hours_ago in enumerate((3, 2, 1)):  # nor are those of one morning
        assert village.says(f"h{n}", "RAISED", 3 * DAY_S, at=iso(3 * DAY_S - hours_ago * HOUR_S)) == {}


@pytest.mark.parametrize("silent_s", [6 * HOUR_S + 20, 30 * DAY_S])
def test_an_outage_ends_though_nobody_ever_says_that_it_is_over(silent_s: float) -> None:
    village = Village(8)
    assert village.goes_dark(3)[-1] == {f"g{n}": BEGUN for n in range(3)}
    assert village.says("g4", "RAISED", silent_s) == {}
    *before, last = (village.says(f"h{n}", "RAISED", silent_s + n) for n in range(2))
    assert before == [{}]
    assert last == dict.fromkeys(("g4", "h0", "h1"), BEGUN)  # and the next is one of its own


def test_who_went_dark_last_is_told_when_those_before_are_believed_no_longer() -> None:
    village = Village(8)
    village.goes_dark(3)
    assert village.says("late", "RAISED", 5 * HOUR_S) == {"late": BEGUN}
    assert village.says("g0", "CLOSED", 7 * HOUR_S) == {"late": OVER}
    assert village.says("g9", "RAISED", 7 * HOUR_S + 1) == {}


def test_a_home_whose_word_comes_late_is_told_of_the_outage_that_goes_on() -> None:
    """The router had no mains either."""
    village = Village()
    village.goes_dark(6)
    assert village.says("g9", "RAISED", HOUR_S, at=iso(20), delayed=True) == {"g9": BEGUN}
    assert village.says("g10", "RAISED", HOUR_S, at=iso(-DAY_S), delayed=True) == {}


@pytest.mark.parametrize(
    "at", [None, 7, "", "soon", "2026-03-01T00:00:00", "1970-01-01T00:03:00Z", "2087-01-01T00:00:00Z"]
)
@pytest.mark.parametrize("delayed", [False, True])
def test_a_gateway_without_a_clock_counts_from_when_it_is_heard_unless_that_is_late(at: Any, delayed: bool) -> None:
    village = Village(8)
    heard = [village.says(f"g{n}", "RAISED", n, at=at, delayed=delayed) for n in range(3)]
    assert heard == [{}, {}, {} if delayed else {f"g{n}": BEGUN for n in range(3)}]


def test_a_clock_that_is_a_little_fast_is_believed() -> None:
    village = Village(8)
    heard = [village.says(f"g{n}", "RAISED", n, at=iso(n + 90), delayed=True) for n in range(3)]
    assert heard[-1] == {f"g{n}": BEGUN for n in range(3)}


def test_what_goes_dark_again_counts_from_the_last_time() -> None:
    village = Village(8)
    village.says("g0", "RAISED", 0)
    village.says("g0", "RAISED", 5 * HOUR_S)
    village.says("g0", "RAISED", 5 * HOUR_S, at=iso(60))  # an older word that was under way for long
    village.says("g1", "RAISED", 5 * HOUR_S)
    assert village.says("g2", "RAISED", 5 * HOUR_S) == {f"g{n}": BEGUN for n in range(3)}


@pytest.mark.parametrize("command", [BEGUN, OVER])
def test_a_gateway_takes_the_word_as_it_is_said(command: dict[str, Any]) -> None:
    assert read(command) == command
