"""One who presses again, another button, or the same packet twice: one alarm or two (T-31)."""

from __future__ import annotations

from virtual_home import House

from gateway.alarms.life import State
from gateway.observations import Kind


def test_repeat_presses_join_and_each_gets_feedback() -> None:
    house = House()
    house.press()
    house.wait(3)
    house.press()
    house.wait(1)
    house.press()
    assert list(house.controller.book.alarms) == [1]
    assert house.controller.book.alarms[1].presses == 3
    assert house.said() == ["V01", "V01", "V01"]
    house.wait(6)
    assert house.at_s(State.RAISED) == 10.0  # repeats do not put it off


def test_a_press_of_another_button_is_an_alarm_of_its_own() -> None:
    house = House()
    house.press("bedroom")
    house.wait(2)
    house.press("pendant")
    assert [a.code for a in house.controller.book.alarms.values()] == ["CALL_FIXED", "CALL_PERSONAL"]


def test_a_press_long_after_the_first_is_a_new_alarm() -> None:
    house = House()
    house.press()
    house.wait(31)
    house.press()
    assert len(house.controller.book.alarms) == 2


def test_a_press_after_acceptance_tells_the_acceptor_and_the_platform_again() -> None:
    house = House()
    house.press()
    house.wait(20)
    house.reply("c1", "1")
    before = len(house.published())
    house.wait(60)
    house.press()
    assert house.state() is State.ACCEPTED
    assert house.told("S01") == ["c1", "c1"]
    assert house.published()[before]["presses"] == 2
    assert list(house.controller.book.alarms) == [1]


def test_the_same_packet_heard_twice_is_one_press() -> None:
    house = House()
    house.press(key="ble:bedroom:5001:0")
    house.press(key="ble:bedroom:5001:0")
    assert house.controller.book.alarms[1].presses == 1


def test_a_press_that_cannot_be_verified_opens_one_alarm_however_often_it_comes() -> None:
    house = House()
    for _ in range(60):
        house.say(Kind.CONDITION, {"code": "UNVERIFIED_PRESS"}, "bedroom")
        house.wait(60)
    assert list(house.controller.book.alarms) == [1]
    house = House()
    for n in range(20):
        house.press(key=f"ble:bedroom:{n}:0:suspect")
        house.wait(40)
    assert list(house.controller.book.alarms) == [1]
