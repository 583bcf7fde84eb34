"""Smoke, gas, CO and water: everybody at once, the warning that goes on, the siren (domain 3.2, 1.9)."""

from __future__ import annotations

import pytest
from virtual_home import House, find, home

from gateway.alarms.life import State
from gateway.home.model import Contact
from gateway.observations import Kind

HOUR = 3600


@pytest.mark.parametrize(("code", "template"), [("SMOKE", "S05"), ("GAS", "S05-gas"), ("CO", "S05")])
def test_smoke_gas_and_co_tell_everybody_at_once_and_sound_the_siren(code: str, template: str) -> None:
    house = House()
    find(house, code)
    assert house.states() == ["DETECTED", "RAISED"]
    assert house.told(template) == ["c1", "c2", "n1"]
    assert house.sirens() == ["on"]


@pytest.mark.parametrize("code", ["FLOOD", "HEAT_FIRE", "GEOFENCE_EXIT", "CALL_FIXED", "DURESS", "FALL"])
def test_the_siren_is_for_smoke_gas_and_co_only(code: str) -> None:
    house = House()
    find(house, code)
    house.wait(HOUR)
    house.platform(1, "CLOSED", outcome="HELPED")
    assert house.sirens() == []


@pytest.mark.parametrize(
    ("code", "prompt", "in_a_minute"), [("SMOKE", "V09", 5), ("GAS", "V10", 5), ("FLOOD", "V11", 2)]
)
def test_the_warning_is_spoken_again_and_again(code: str, prompt: str, in_a_minute: int) -> None:
    house = House()
    find(house, code)
    house.wait(60)
    assert house.said().count(prompt) == in_a_minute
    house.wait(HOUR)
    before = len(house.actions)
    house.wait(HOUR)
    assert prompt not in house.said(before)


def test_a_promise_from_afar_ends_no_warning_but_somebody_at_the_door_does() -> None:
    house = House()
    find(house, "SMOKE")
    house.reply("c1", "1")
    before = len(house.actions)
    house.wait(60)
    assert "V09" in house.said(before)
    house.say(Kind.VISIT, {"event": "arrived", "by": "n1"})
    before = len(house.actions)
    house.wait(60)
    assert house.said(before) == []
    assert house.sirens() == ["on", "off"]


def test_the_cancel_key_hushes_the_home_and_withdraws_nothing() -> None:
    house = House()
    find(house, "SMOKE")
    house.press("cancel")
    before = len(house.actions)
    house.wait(59)
    assert house.sirens() == ["on", "off"]
    assert "V09" not in house.said(before)
    assert house.state() is State.RAISED
    assert house.told("S11") == []


def test_a_detector_that_chatters_has_one_alarm() -> None:
    house = House()
    for _ in range(20):
        find(house, "SMOKE", "kitchen-smoke")
        house.wait(3)
    assert list(house.controller.book.alarms) == [1]
    assert house.told("S05") == ["c1", "c2", "n1"]


def test_in_a_gas_alarm_every_contact_with_a_telephone_is_called_and_the_home_is_not() -> None:
    view = home(contacts=(Contact("c1", 1, channels=("sms", "call")), Contact("land", 2, channels=("call",))))
    house = House(view)
    find(house, "GAS")
    assert house.called() == ["c1", "land"]
    assert house.told("S05-gas") == ["c1"]
