"""A test that nobody answers ends by itself, says who gave no sign, and keeps no other test waiting."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from virtual_home import House, home

from gateway.alarms.codes import TEST_UNANSWERED, Outcome
from gateway.alarms.life import State
from gateway.cli.test_alarm import _answered, _why_not
from gateway.controller import Controller
from gateway.home.model import Contact
from gateway.observations import Kind
from gateway.runtime.commands import test_operations as operations
from gateway.runtime.control import ControlRefused

MINUTE = 60
EXHAUSTED = 3 * 120  # c1, c2 and n1 are asked once


def begin(house: House, origin: str = "local", **more: Any) -> None:
    house.say(Kind.COMMAND, {"cmd": "test_alarm", "from": origin, "by": "installer-7", **more})


def course(house: House, number: int = 1) -> dict[str, Any]:
    """What the local socket says of a test."""
    heart: Any = SimpleNamespace(controller=house.controller)
    return asyncio.run(operations(heart)["test.course"]({"alarm": number}))  # type: ignore[arg-type]


def under_test(**settings: float) -> House:
    house = House(home(settings={k.replace("__", "."): v for k, v in settings.items()}))
    begin(house)
    return house


def test_it_ends_ten_minutes_after_the_last_contacts_time_is_over() -> None:
    house = under_test()
    house.wait(EXHAUSTED)
    assert house.states() == ["DETECTED", "RAISED", "UNANSWERED"]
    house.wait(10 * MINUTE - 1)
    assert house.state() is State.UNANSWERED
    house.wait(1)
    assert house.state() is State.CLOSED
    assert house.controller.book.next_timer() is None
    told = house.published()
    assert [m["reason"] for m in told] == ["test_wanted", "nobody_accepted", "test_unanswered"]
    assert (told[-1]["outcome"], told[-1]["unanswered"], told[-1]["test"]) == (TEST_UNANSWERED, "c1,c2,n1", True)
    assert "V16" not in house.said(), "nothing went well"


def test_how_long_is_a_setting() -> None:
    house = under_test(test__ends_min=60)
    house.wait(EXHAUSTED + 59 * MINUTE)
    assert house.state() is State.UNANSWERED
    house.wait(MINUTE)
    assert house.state() is State.CLOSED


def test_the_record_names_each_who_gave_no_sign_and_the_outcome_is_nobodys_word() -> None:
    house = under_test()
    house.wait(EXHAUSTED + 10 * MINUTE)
    assert [e.reason for e in house.events if e.what == "unanswered"] == ["c1", "c2", "n1"]
    assert TEST_UNANSWERED not in Outcome.__members__
    house.press()
    house.wait(10)
    house.platform(2, "CLOSED", outcome=TEST_UNANSWERED)
    assert house.state(2) is State.RAISED, "no person can say that of an alarm"


def test_who_answers_late_still_makes_it_a_success() -> None:
    house = under_test()
    house.wait(EXHAUSTED + 9 * MINUTE)
    house.reply("c2", "1")
    assert house.state() is State.CLOSED
    assert house.published()[-1]["outcome"] == "TEST"
    assert house.published()[-1]["unanswered"] == "c1,n1"
    assert house.said()[-1] == "V16"
    assert course(house) == {
        "state": "CLOSED", "over": True, "outcome": "TEST", "answered": "c2", "unanswered": "c1,n1",
    }  # fmt: skip


def test_a_no_and_a_reply_nobody_could_read_are_signs_of_life_too() -> None:
    house = under_test()
    house.reply("c1", "2")
    house.wait(5)
    house.reply("c2", "other")
    house.wait(2 * 120)
    house.wait(10 * MINUTE)
    assert house.published()[-1]["unanswered"] == "n1"


def test_after_it_is_over_a_late_one_puzzles_nobody() -> None:
    house = under_test()
    house.wait(EXHAUSTED + 10 * MINUTE)
    before = len(house.actions)
    house.reply("c1", "1")
    assert house.actions[before:] == []


def test_another_can_be_begun_as_soon_as_everybody_was_asked() -> None:
    house = under_test()
    begin(house)
    assert list(house.controller.book.alarms) == [1], "not while one is under way"
    house.wait(EXHAUSTED)
    begin(house)
    assert house.state(1) is State.CLOSED
    assert [m["reason"] for m in house.published() if m["alarm"] == 1][-1] == "another_test"
    assert house.state(2) is State.RAISED
    assert house.told("S17") == ["c1", "c2", "n1", "c1"]
    assert course(house, 1)["outcome"] == TEST_UNANSWERED


def test_the_platforms_three_a_day_are_counted_whether_they_were_answered_or_not() -> None:
    house = House(home(settings={"night.from_h": 0, "night.until_h": 0}))
    for n in range(5):
        begin(house, "platform", id=f"t-{n}")
        house.wait(EXHAUSTED + 10 * MINUTE)
    assert [a.evidence["id"] for a in house.controller.book.alarms.values()] == ["t-0", "t-1", "t-2"]
    assert all(a.outcome == TEST_UNANSWERED for a in house.controller.book.alarms.values())


def test_an_unanswered_test_is_told_again_to_nobody_and_keeps_no_alarm_waiting() -> None:
    house = under_test()
    house.wait(EXHAUSTED)
    before = len(house.published())
    house.press()
    house.wait(10)
    assert house.told("S01") == ["c1"]
    begin(house)  # not while somebody needs help
    assert {m["alarm"] for m in house.published()[before:]} == {2}
    house.wait(10 * MINUTE)
    assert house.state(1) is State.CLOSED
    assert house.state(2) is not State.CLOSED


def test_a_restart_in_between_ends_it_all_the_same() -> None:
    house = under_test()
    house.wait(EXHAUSTED + MINUTE)
    house.controller = Controller.from_json(house.controller.to_json())
    house.now_ms += 3_600_000
    house.say(Kind.RESTART, {"gap_ms": 3_600_000})
    assert house.state() is State.CLOSED
    assert house.published()[-1]["outcome"] == TEST_UNANSWERED


def test_without_a_contact_it_ends_as_unanswered_by_nobody() -> None:
    house = House(home(contacts=()))
    begin(house)
    house.wait(120 + 10 * MINUTE)
    assert house.state() is State.CLOSED
    assert course(house)["unanswered"] == ""


# ---- what the installer reads


@pytest.mark.parametrize(
    ("answered", "unanswered", "said"),
    [
        ("c1", "", "c1 answered"),
        ("c2", "c1", "c2 answered; no answer from c1"),
        (None, "c1", "closed; no answer from c1"),
    ],
)
def test_a_success_names_who_answered_and_who_did_not(answered: str | None, unanswered: str, said: str) -> None:
    assert _answered({"answered": answered, "unanswered": unanswered}) == said


def test_a_failure_names_what_failed() -> None:
    house = under_test()
    house.wait(20)
    assert _why_not(course(house), 20) == "nobody answered within 20 s: no answer from c1"
    house.wait(EXHAUSTED + 10 * MINUTE)
    assert _why_not(course(house), 3600) == "nobody answered: no answer from c1,c2,n1"
    house = House(home(contacts=(Contact("c1", 1),), consents={}))
    begin(house)
    house.wait(120 + 10 * MINUTE)
    assert _why_not(course(house), 3600) == "nobody answered: no contact was asked"
    house = House()
    begin(house, press=True)
    house.wait(60)
    assert _why_not(course(house), 90) == "the red key was not pressed in time"


@pytest.mark.parametrize("number", [2, None, "1", True, 1.5])
def test_of_what_is_no_test_there_is_no_course(number: Any) -> None:
    house = under_test()
    with pytest.raises(ControlRefused):
        course(house, number)
    house = House()
    house.press()
    with pytest.raises(ControlRefused):
        course(house, 1)
