"""What is no alarm, to who has but a landline: read aloud in a call that asks nothing and gives way to every alarm."""

from __future__ import annotations

import dataclasses
import re

import pytest
from test_call_channel import House as Channel
from test_call_channel import Telephone
from virtual_home import House, home

from gateway.actions import Call
from gateway.alarms.words import load
from gateway.channels.call import CallReport
from gateway.channels.port import Delivered, NotDelivered
from gateway.home.model import Contact
from gateway.observations import Kind

LAND = Contact("land", 1, channels=("call",))
LIAISON = Contact("v1", 1, "village_liaison", channels=("call",))
VILLAGE = {"MONITORING": True, "NOTIFY_FAMILY": True, "NOTIFY_VILLAGE": True}
LINES = ("S13", "S14", "S15", "S16", "S24-well", "S24-no_answer", "S24-unreachable")


def rung(house: House) -> list[tuple[str, str]]:
    return [(a.contact, a.params["line"]) for a in house.actions if isinstance(a, Call) and "line" in a.params]


def a_roll_call_with_data_down() -> House:
    house = House(home(contacts=(Contact("c1", 1), LIAISON), consents=VILLAGE))
    house.say(Kind.CONDITION, {"code": "UPLINK_LOST", "on": True})
    house.say(Kind.COMMAND, {"cmd": "roll_call", "id": "typhoon-7"})
    house.wait(30 * 60)
    return house


def test_a_liaison_with_a_landline_is_rung_with_the_result_of_the_roll_call() -> None:
    house = a_roll_call_with_data_down()
    assert rung(house) == [("v1", "S24-no_answer")]
    assert house.told("S24-no_answer") == []


def test_where_nobody_reads_the_mains_are_told_aloud_and_by_day() -> None:
    house = House(home(contacts=(LAND,)))
    house.at_the_hour(23)
    house.say(Kind.CONDITION, {"code": "MAINS_FAIL", "on": True})
    house.wait(3 * 3600)
    assert rung(house) == []
    house.at_the_hour(6, 1)
    assert rung(house) == [("land", "S13")]


def test_a_neighbour_with_a_key_and_a_landline_is_told_beside_who_reads() -> None:
    neighbour = Contact("n1", 1, "primary_visit_contact", channels=("call",), can_enter=True)
    house = House(home(contacts=(Contact("c1", 1), neighbour)))
    house.say(Kind.CONDITION, {"code": "DEVICE_BATTERY_LOW", "on": True, "subject": "bedroom"})
    house.wait(600)
    assert (house.told("S16"), rung(house)) == (["c1"], [("n1", "S16")])


@pytest.mark.parametrize("urgent", [True, False])
def test_the_telephone_is_kept_free_while_somebody_calls_for_help(urgent: bool) -> None:
    house = a_roll_call_with_data_down()
    desk, (line,) = house.controller.desk, [a for a in house.actions if isinstance(a, Call)]
    assert desk.held_until(line, house.now_ms) is None
    house.press("bedroom" if urgent else "service")
    assert (desk.held_until(line, house.now_ms) is None) is not urgent  # while she may still cancel, too
    house.wait(20)
    assert desk.wanted(line)
    assert (desk.held_until(line, house.now_ms) is None) is not urgent
    house.reply("c1", "1")
    assert desk.held_until(line, house.now_ms) is None


def test_a_liaisons_hours_hold_for_the_telephone() -> None:
    house = House(home(contacts=(dataclasses.replace(LIAISON, hours="08:00-20:00"),), consents=VILLAGE))
    house.at_the_hour(21)
    line = Call("l", "v1", {"line": "S24-well"}, None, "P4")
    assert house.controller.desk.held_until(line, house.now_ms) == house.now_ms + 11 * 3_600_000


@pytest.mark.parametrize("language", ["zh_CN", "en"])
@pytest.mark.parametrize("template", LINES)
def test_a_line_is_read_without_what_only_a_text_needs(language: str, template: str) -> None:
    values = {"name": "王阿公", "house": "溪边12号", "mins": 60, "device": "吊坠", "tel": "059512345678", "ref": "00"}
    said = load(language).render_line(template, values)
    assert "王阿公" in said
    assert not re.search(r"[【】\[\]#{}]|编号|HW|HomeWatch|居家守护", said), said


LINE = Call("l:1", "c1", {"line": "S24-no_answer"}, None, "P4")


async def test_the_line_is_said_and_no_key_is_an_answer() -> None:
    house = Channel(Telephone(key="1"))
    assert isinstance(await house.channel.carry(LINE), Delivered)
    assert house.said == "点名：王阿公问过没有回应，请上门或打电话看看。"
    assert house.answers == []


NOT_HEARD = [("no_answer", True), ("busy", True), ("withdrawn", True), ("rejected", False)]


@pytest.mark.parametrize(("result", "again"), NOT_HEARD)
async def test_who_did_not_hear_a_line_is_rung_again(result: str, again: bool) -> None:
    outcome = await Channel(Telephone(CallReport(result, "as it went"))).channel.carry(LINE)
    assert isinstance(outcome, NotDelivered)
    assert (outcome.retry_after_s is not None) is again
