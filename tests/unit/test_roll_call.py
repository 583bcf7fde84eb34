"""The platform asks whether all is well; the elder answers, or it is said that nobody did."""

from __future__ import annotations

import json
from typing import Any

import pytest
from day_rig import HOUR, a_home, lines, notes, prompts
from virtual_home import House, home

from gateway.alarms.words import load
from gateway.controller import Controller
from gateway.home.model import Contact
from gateway.observations import Kind

# ---- the roll call


def call_the_roll(house: House) -> None:
    house.say(Kind.COMMAND, {"cmd": "roll_call", "id": "typhoon-7"})


def test_the_elder_is_asked_and_the_platform_hears_the_answer() -> None:
    house = a_home()
    call_the_roll(house)
    assert prompts(house) == ["V23"]
    house.wait(120)
    house.press("green")
    (told,) = notes(house, "ROLL_CALL")
    assert (told["reason"], told["roll_call"]) == ("well", "typhoon-7")
    assert lines(house) == []
    assert house.controller.book.alarms == {}


def test_nobody_answers_it_is_asked_again_and_then_said() -> None:
    house = a_home()
    call_the_roll(house)
    house.wait(30 * 60)
    assert prompts(house) == ["V23"] * 3
    assert [n["reason"] for n in notes(house, "ROLL_CALL")] == ["no_answer"]
    assert house.controller.book.alarms == {}


LIAISON = (Contact("c1", 1), Contact("v1", 1, "village_liaison"))


@pytest.mark.parametrize(("agreed", "texted"), [(True, [("v1", "S24-no_answer")]), (False, [])])
def test_with_data_down_the_liaison_hears_it_by_text_if_that_was_agreed(agreed: bool, texted: Any) -> None:
    consents = {"MONITORING": True, "NOTIFY_FAMILY": True, "NOTIFY_VILLAGE": agreed}
    house = House(home(contacts=LIAISON, consents=consents))
    call_the_roll(house)
    house.say(Kind.CONDITION, {"code": "UPLINK_LOST", "on": True})
    house.wait(30 * 60)
    assert lines(house) == texted


@pytest.mark.parametrize(("after_s", "texted"), [(60, [("v1", "S24-well")]), (600, [])])
def test_a_result_of_a_moment_before_data_went_down_is_texted_too(after_s: int, texted: Any) -> None:
    """The link is found dead a minute after the answer went into it: nobody knows whether it got through."""
    consents = {"MONITORING": True, "NOTIFY_FAMILY": True, "NOTIFY_VILLAGE": True}
    house = House(home(contacts=LIAISON, consents=consents))
    call_the_roll(house)
    house.press("green")
    assert lines(house) == []
    house.controller = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    house.wait(after_s)
    for _ in range(3):
        house.say(Kind.CONDITION, {"code": "UPLINK_LOST", "on": True})
        house.say(Kind.CONDITION, {"code": "UPLINK_LOST", "on": False})
    assert lines(house) == texted


def test_who_has_no_key_that_works_cannot_be_asked_and_that_is_said() -> None:
    view = home()
    devices = {n: d for n, d in view.devices.items() if d.role not in ("ok", "service")}
    house = House(home(devices=devices))
    call_the_roll(house)
    assert [n["reason"] for n in notes(house, "ROLL_CALL")] == ["unreachable"]
    assert prompts(house) == []


def test_a_key_that_gives_no_sign_of_life_can_answer_nobody() -> None:
    house = a_home()
    house.say(Kind.SEEN, False, "green")
    call_the_roll(house)
    assert prompts(house) == ["V23"], "the service key is left"
    house.press("service")
    house.wait(HOUR)
    house.say(Kind.SEEN, False, "service")
    call_the_roll(house)
    assert [n["reason"] for n in notes(house, "ROLL_CALL")] == ["well", "unreachable"]


def test_a_call_so_soon_after_the_last_is_the_same_one_at_any_hour() -> None:
    house = a_home()
    house.wait(9 * HOUR)
    call_the_roll(house)
    house.press("green")
    house.wait(14 * 60)
    call_the_roll(house)
    assert [n["reason"] for n in notes(house, "ROLL_CALL")] == ["well"]
    assert prompts(house) == ["V23", "V20"]


def test_a_platform_that_calls_again_and_again_asks_once() -> None:
    house = a_home()
    for _ in range(20):
        call_the_roll(house)
        house.wait(30)
    assert prompts(house) == ["V23", "V23"]  # the second is the repeat after ten minutes


def test_an_open_roll_call_survives_a_restart() -> None:
    house = a_home()
    call_the_roll(house)
    house.controller = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    house.press("service")
    assert [n["reason"] for n in notes(house, "ROLL_CALL")] == ["well"]
    assert house.controller.book.alarms == {}


def test_a_restart_gives_nobody_longer_to_answer_and_forgets_no_lost_key() -> None:
    house = a_home()
    for key in ("green", "service"):
        house.say(Kind.SEEN, False, key)
    house.say(Kind.SEEN, None, "green")
    house.wait(HOUR)
    call_the_roll(house)
    house.wait(5 * 60)
    house.controller = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    house.wait(25 * 60 - 1)
    assert notes(house, "ROLL_CALL") == []
    house.wait(1)
    assert [n["reason"] for n in notes(house, "ROLL_CALL")] == ["no_answer"]
    house.say(Kind.SEEN, False, "green")
    house.controller = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    call_the_roll(house)
    assert [n["reason"] for n in notes(house, "ROLL_CALL")] == ["no_answer", "unreachable"]


@pytest.mark.parametrize(
    ("value", "said"), [({"cmd": "format_disk"}, []), ({"cmd": "roll_call", "id": ["x"] * 5}, ["V23"]), ({}, [])]
)
def test_other_commands_ask_nothing_and_rubbish_breaks_nothing(value: dict[str, Any], said: list[str]) -> None:
    house = a_home()
    house.say(Kind.COMMAND, value)
    house.wait(60)
    assert prompts(house) == said
    assert house.controller.faults == {}


def test_every_word_of_it_fits_one_text_and_promises_nothing() -> None:
    words = load()
    for template in (t for t in words.sms if t.startswith(("S23", "S24"))):
        made = words.render_sms(template, {"name": "欧阳阿婆", "house": "溪边街12号", "hours": 24})
        assert len(made.encode("utf-16-be")) // 2 <= 70
