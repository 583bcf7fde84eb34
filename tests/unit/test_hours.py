"""Who may be reached by which channel when: P0 and P1 always, everything less within the hours a contact gave."""

from __future__ import annotations

import pytest
from virtual_home import House, home

from gateway.actions import Action, Call, Push, Say, Text
from gateway.alarms.life import State
from gateway.controller.signals import heed
from gateway.home.model import Contact
from gateway.observations import Kind
from gateway.rules.rule import Technical

BOTH = ("sms", "call")
HOUR = 3600
DAYTIME = Contact("c1", 1, channels=BOTH, hours="07:00-21:00")
EVENING = Contact("c2", 2, channels=("sms", "call", "push"), hours="18:00-20:00")
ANY_TIME = Contact("c3", 3, channels=BOTH)


def at(hour: int, *contacts: Contact, minute: int = 0, **settings: float) -> House:
    house = House(home(contacts=contacts, settings={k.replace("__", "."): v for k, v in settings.items()}))
    house.at_the_hour(hour, minute)
    return house


def find(house: House, code: str, device: str | None = None) -> None:
    house.controller.desk.found(code, house.now_ms, "test", device)
    house._keep(house.controller.advance(house.now_ms))


def waits_until(house: House, action: Action) -> float | None:
    """Seconds until an action may leave, as the lane asks before it hands it over; None: now."""
    until = house.controller.desk.held_until(action, house.now_ms)
    return None if until is None else (until - house.now_ms) / 1000


@pytest.mark.parametrize(
    ("code", "wait_s"), [("CALL_FIXED", 10), ("FALL", 30), ("INACTIVITY", 300), ("NIGHT_EXIT", 300)]
)
def test_a_matter_of_life_goes_to_the_first_contact_at_three_in_the_night(code: str, wait_s: int) -> None:
    """Also P1: the first contact is told at once of both, and the night is the same for both (domain 4.1, 4.3)."""
    house = at(3, DAYTIME, ANY_TIME)
    find(house, code)
    house.wait(wait_s)
    assert [t.contact for t in house.texts()] == ["c1"]
    assert house.called() == ["c1"]
    assert all(waits_until(house, a) is None for a in house.actions)


def test_smoke_goes_to_everybody_whatever_their_hours() -> None:
    house = at(3, DAYTIME, EVENING, ANY_TIME)
    find(house, "SMOKE")
    assert house.told("S05") == ["c1", "c2", "c3"]
    assert house.called() == ["c1", "c2", "c3"]
    assert all(waits_until(house, a) is None for a in house.actions)


def test_what_can_wait_passes_over_who_is_to_be_left_in_peace() -> None:
    house = at(22, DAYTIME, EVENING, ANY_TIME, night__from_h=0, night__until_h=0)
    find(house, "DOOR_NOT_USED")
    house.wait(300)
    assert house.told("S22") == ["c3"]
    house.wait(600)
    assert house.told("S22") == ["c3", "c3"], "its list has one name at this hour"


def test_where_all_are_to_be_left_in_peace_the_platform_knows_and_the_first_to_wake_is_asked() -> None:
    house = at(21, DAYTIME, EVENING, minute=30, night__from_h=0, night__until_h=0)
    house.press("service")
    assert house.state() is State.RAISED
    assert [m["state"] for m in house.published()] == ["RAISED"]
    assert (house.texts(), house.called()) == ([], [])
    (trying,) = [a for a in house.actions if a.kind == "say"]
    assert (trying.prompt, trying.params["contact"]) == ("V02", None), "the green key is answered, and promises nobody"
    house.wait(9.5 * HOUR - 1)
    assert house.texts() == []
    house.wait(1)  # 07:00
    assert house.told("S22") == ["c1"]


def test_pressed_again_in_the_morning_nobody_is_named_who_was_never_told() -> None:
    """The first of the list may be reached again by now; that nobody has told them of it makes the sentence false."""
    house = at(5, DAYTIME, ANY_TIME)
    house.press("service")
    assert [t.contact for t in house.texts()] == ["c3"]
    house.wait(1.9 * HOUR)
    while house.state() is not State.UNANSWERED:
        house.wait(60)
    house.at_the_hour(7, 30)
    assert "c1" not in house.controller.book.alarms[1].told
    house.press("service")
    trying = [a for a in house.actions if isinstance(a, Say)][-1]
    assert (trying.prompt, trying.params["contact"]) == ("V02", "c3")


def test_nobody_is_promised_while_nobody_is_asked() -> None:
    house = at(21, DAYTIME, minute=30, night__from_h=0, night__until_h=0)
    find(house, "AWAY_TOO_LONG")
    find(house, "TEMP_LOW")
    house.wait(300)
    assert house.texts() == []
    assert "V02" not in house.said()


def test_hours_that_end_in_the_middle_of_the_chain_stop_it_there_until_the_morning() -> None:
    house = at(19, Contact("c1", 1, hours="07:00-19:05"), Contact("c2", 2, hours="07:00-19:05"))
    house.press("service")
    assert house.told("S22") == ["c1"]
    house.wait(600)
    assert house.told("S22") == ["c1"]
    house.at_the_hour(7)
    assert house.told("S22") == ["c1", "c2"], "it goes on where it stood"


def test_what_persists_breaks_nobodys_hours_but_who_has_none_hears_of_it() -> None:
    house = at(23, DAYTIME)
    find(house, "TEMP_LOW")
    house.wait(300 + HOUR + 1)
    assert "persisting" in [e.what for e in house.events]
    assert house.texts() == []
    house.at_the_hour(7)
    assert house.told("S22") == ["c1"]
    house = at(23, DAYTIME, ANY_TIME)
    find(house, "TEMP_LOW")
    house.wait(300 + HOUR + 1)
    assert house.told("S22") == ["c3"]


def test_a_text_that_leaves_late_waits_at_the_door_for_the_hours_to_begin() -> None:
    """Decided in the evening; then there was no cell until midnight."""
    house = at(20, DAYTIME)
    house.press("service")
    (text,) = house.texts("S22")
    assert waits_until(house, text) is None
    house.at_the_hour(23, 30)
    assert waits_until(house, text) == 7.5 * HOUR
    house.at_the_hour(7)
    assert waits_until(house, text) is None


def test_that_somebody_goes_or_it_is_over_can_wait_too_where_the_matter_could() -> None:
    house = at(19, EVENING, ANY_TIME)
    house.press("service")
    house.wait(600)
    house.at_the_hour(21)
    house.reply("c3", "1")
    house.platform(1, "CLOSED", outcome="HELPED")
    told = [
        a for a in house.actions if isinstance(a, (Text, Push)) and a.contact == "c2" and a.template in ("S10", "S12")
    ]
    assert {a.template for a in told} == {"S10", "S12"}
    assert {waits_until(house, a) for a in told} == {21 * HOUR}


def test_of_a_call_for_help_the_end_is_told_at_once() -> None:
    house = at(3, EVENING, ANY_TIME)
    house.press()
    house.wait(10 + 121)
    house.reply("c3", "1")
    (text,) = house.texts("S10")
    assert (text.contact, waits_until(house, text)) == ("c2", None)


def test_a_battery_waits_for_the_hours_and_the_line_of_a_chosen_hour_does_not() -> None:
    contact = Contact("c1", 1, hours="18:00-20:00", daily_line="12:00")
    house = at(11, contact)
    controller = house.controller
    heed(controller, (Technical("DEVICE_BATTERY_LOW", "bedroom", True, "test"),), house.now_ms)
    house._keep(controller.advance(house.now_ms))
    house.wait(HOUR)
    battery, line = house.texts("S16")[0], [text for text in house.texts() if text.template.startswith("S23")]
    assert waits_until(house, battery) == 6 * HOUR
    assert [waits_until(house, text) for text in line] == [None]


def test_a_call_to_a_landline_about_what_can_wait_keeps_the_hours_too() -> None:
    house = at(19, Contact("land", 1, channels=("call",), hours="18:00-20:00"))
    house.press("service")
    (call,) = [a for a in house.actions if isinstance(a, Call)]
    assert waits_until(house, call) is None
    house.at_the_hour(20, 1)
    assert waits_until(house, call) == 22 * HOUR - 60


def test_a_test_reaches_who_may_be_disturbed_and_all_where_that_is_nobody() -> None:
    house = at(12, EVENING, ANY_TIME)
    house.say(Kind.COMMAND, {"cmd": "test_alarm", "from": "local"})
    assert house.told("S17") == ["c3"]
    house = at(12, EVENING)
    house.say(Kind.COMMAND, {"cmd": "test_alarm", "from": "local"})
    assert house.told("S17") == ["c2"]
    assert all(waits_until(house, a) is None for a in house.actions)


def test_by_a_clock_nobody_vouches_for_nobody_is_left_out_and_nothing_waits() -> None:
    house = House(home(contacts=(EVENING,)))
    house.say(Kind.CLOCK, {"offset_ms": 0, "trust": "NONE"})
    house.press("service")
    assert house.told("S22") == ["c2"]
    assert all(waits_until(house, a) is None for a in house.actions)


@pytest.mark.parametrize(
    ("hours", "now", "wait_h"),
    [("22:00-06:00", 23, None), ("22:00-06:00", 3, None), ("22:00-06:00", 12, 10), ("08:00-18:00", 18, 14),
     ("08:00-18:00", 8, None), ("00:00-12:00", 13, 11)],
)  # fmt: skip
def test_hours_over_midnight_and_their_edges(hours: str, now: int, wait_h: float | None) -> None:
    house = at(now, Contact("c1", 1, hours=hours))
    begin = house.controller.desk.quiet.hours_begin(house.controller.home.contacts[0], house.now_ms)
    assert begin == (None if wait_h is None else house.now_ms + wait_h * HOUR * 1000)
