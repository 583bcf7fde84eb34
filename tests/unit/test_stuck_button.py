"""A button that is held down or chatters: one alarm and one condition; and somebody in panic is always heard again."""

from __future__ import annotations

import json

import pytest
from virtual_home import House

from gateway.actions import AckDevice
from gateway.alarms.life import State
from gateway.observations import Kind

MINUTE = 60


def test_a_button_that_chatters_is_one_alarm_and_one_condition() -> None:
    house = House()
    for _ in range(200):
        house.press()
        house.wait(1)
    assert list(house.controller.book.alarms) == [1]
    stuck = [n for n in house.notices if n.code == "DEVICE_STUCK"]
    assert [(n.subject, n.status, n.reason) for n in stuck] == [("bedroom", "RAISED", "chatters")]
    assert house.controller.book.alarms[1].presses <= 22
    assert house.at_s(State.RAISED) == 10.0


def test_a_button_held_down_is_one_alarm_and_one_condition() -> None:
    house = House()
    for _ in range(20):
        house.say(Kind.BUTTON, "hold", "bedroom")
        house.wait(5)
    assert [n.reason for n in house.notices if n.code == "DEVICE_STUCK"] == ["held"]
    assert list(house.controller.book.alarms) == [1]


def test_a_stuck_button_takes_nothing_from_another() -> None:
    house = House()
    for _ in range(100):
        house.press("bedroom")
        house.wait(1)
    house.press("bathroom")
    house.wait(10)
    assert house.state(2) is State.RAISED


def press_on(house: House, seconds: float, every: float = 3) -> None:
    """Presses again and again, as somebody in panic does, or a button that is stuck."""
    for _ in range(round(seconds / every)):
        house.press()
        house.wait(every)


def opened_s(house: House) -> list[float]:
    return [e.t / 1000 for e in house.events if e.what == "opened"]


def test_a_stuck_button_is_first_of_all_an_alarm_and_then_a_condition() -> None:
    house = House()
    press_on(house, 120)
    assert opened_s(house) == [0]
    assert house.told("S01") == ["c1"]
    (stuck,) = [n for n in house.notices if n.code == "DEVICE_STUCK"]
    assert stuck.t > house.at_s(State.RAISED) * 1000


def test_in_panic_she_presses_on_and_is_heard_again_a_minute_after_the_desk_closed_too_soon() -> None:
    house = House()
    press_on(house, 120)
    house.platform(1, "CLOSED", outcome="FALSE_ALARM")
    closed = house.now_ms / 1000
    press_on(house, 90)
    assert opened_s(house) == [0, closed + 60]
    house.wait(10)
    assert house.state(2) is State.RAISED
    assert house.told("S01") == ["c1", "c1"]


@pytest.mark.parametrize(("pause", "heard"), [(9, False), (10, True)])
def test_a_press_after_a_pause_is_a_persons_and_opens_a_new_alarm_at_once(pause: float, heard: bool) -> None:
    house = House()
    press_on(house, 120)
    house.platform(1, "CLOSED", outcome="FALSE_ALARM")
    house.wait(pause - 3)  # the last press was three seconds ago
    before = len(house.actions)
    house.press()
    assert (len(house.controller.book.alarms) == 2) is heard
    assert ("V01" in house.said(before)) is heard


def test_whose_alarm_is_open_and_who_presses_after_a_pause_is_answered_and_makes_no_second_one() -> None:
    house = House()
    press_on(house, 120)
    house.wait(40)
    before = len(house.actions)
    house.press()
    assert any(isinstance(a, AckDevice) for a in house.actions[before:])
    assert "V02" in house.said(before)
    assert list(house.controller.book.alarms) == [1]


def test_a_press_after_acceptance_still_tells_again_where_the_button_was_stuck() -> None:
    house = House()
    press_on(house, 120)
    house.reply("c1", "1")
    house.wait(40)
    house.press()
    assert house.published()[-1]["reason"] == "pressed_again"
    assert house.told("S01") == ["c1", "c1"]


def test_a_button_really_stuck_calls_again_ever_more_seldom() -> None:
    """A25: each time the desk closes it, after 1, 2, 4, 8 and then 10 minutes; never quite silent."""
    house = House(call_button__stuck_again_min=10)
    press_on(house, 120)
    waits = []
    for n in range(1, 7):
        house.platform(n, "CLOSED", outcome="FALSE_ALARM")
        closed = house.now_ms / 1000
        while len(house.controller.book.alarms) == n:
            press_on(house, 3)
        waits.append(round((opened_s(house)[-1] - closed) / 60))
        press_on(house, 12)
    assert waits == [1, 2, 4, 8, 10, 10]
    assert len([n for n in house.notices if n.code == "DEVICE_STUCK"]) == 1


def test_one_who_cancels_and_presses_on_is_asked_again_within_a_minute() -> None:
    house = House()
    press_on(house, 90)
    house.platform(1, "CLOSED", outcome="HELPED")
    press_on(house, 63)
    assert house.state(2) is State.PRE_ALARM
    house.press("cancel")
    assert house.state(2) is State.CANCELLED_LOCAL
    press_on(house, 117)
    assert len(house.controller.book.alarms) == 2
    press_on(house, 6)
    assert len(house.controller.book.alarms) == 3


def test_a_stuck_button_is_well_once_quiet() -> None:
    house = House()
    press_on(house, 100, every=1)
    house.wait(5 * MINUTE - 2)
    assert [n.status for n in house.notices if n.code == "DEVICE_STUCK"] == ["RAISED"]
    house.wait(2)
    assert [n.status for n in house.notices if n.code == "DEVICE_STUCK"] == ["RAISED", "RESTORED"]
    house.press()
    assert list(house.controller.book.alarms) == [1, 2]


def test_when_an_alarm_was_over_survives_a_snapshot_and_a_rebuild() -> None:
    house = House()
    press_on(house, 120)
    house.platform(1, "CLOSED", outcome="FALSE_ALARM")
    press_on(house, 30)
    copy = House()
    copy.controller = type(house.controller).from_json(json.loads(json.dumps(house.controller.to_json())))
    rebuilt = House()
    for observation, events in house.history:
        rebuilt.controller.rebuild(observation, events)
    rebuilt.controller.rebuilt()
    for other in (copy, rebuilt):
        other.now_ms = house.now_ms
        press_on(other, 30)
        assert list(other.controller.book.alarms) == [1]
        press_on(other, 3)
        assert list(other.controller.book.alarms) == [1, 2]


def test_what_is_known_of_a_stuck_button_survives_a_snapshot() -> None:
    house = House()
    for _ in range(100):
        house.press()
        house.wait(1)
    again = type(house.controller).from_json(house.controller.to_json())
    assert again.to_json() == house.controller.to_json()
    assert again.advance(house.now_ms + 400_000).notices[0].status == "RESTORED"


def stuck(house: House) -> list[tuple[str, str]]:
    return [(n.subject, n.status) for n in house.notices if n.code == "DEVICE_STUCK"]


def test_a_green_key_pressed_on_and_on_is_no_stuck_call_button() -> None:
    house = House()
    for _ in range(100):
        house.press("green")
        house.wait(1)
    assert stuck(house) == []


def test_where_each_press_is_an_alarm_of_its_own_none_is_one_too_many() -> None:
    house = House(call_button__join_s=0)
    press_on(house, 120, every=1)
    assert stuck(house) == []


def test_of_two_stuck_buttons_each_is_well_in_its_own_time_days_after_the_start() -> None:
    house = House()
    house.press("bedroom")
    house.wait(3 * 86_400)  # what was pressed days ago is no run of presses
    house.press("bedroom")
    assert stuck(house) == []
    for _ in range(100):
        house.press("bedroom")
        house.press("bathroom")
        house.wait(1)
    for _ in range(120):
        house.press("bathroom")
        house.wait(1)
    house.wait(180)
    assert stuck(house)[2:] == [("bedroom", "RESTORED")]
    house.wait(120)
    assert stuck(house)[3:] == [("bathroom", "RESTORED")]


@pytest.mark.parametrize(("presses", "reasons"), [(20, []), (21, ["chatters"])])
def test_more_than_twenty_presses_in_a_minute_chatter_on_any_day(presses: int, reasons: list[str]) -> None:
    house = House()
    house.wait(5 * 86_400)
    for _ in range(presses):
        house.press()
        house.wait(2)
    assert [n.reason for n in house.notices if n.code == "DEVICE_STUCK"] == reasons
