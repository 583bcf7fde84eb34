"""Blindness that ends: a bridge or broker that was away hides its devices, and hides no dead one when it is back."""

from __future__ import annotations

import json

from virtual_home import House

from gateway.controller import Controller
from gateway.observations import WAY_IS_BACK, Kind, Observation

HOUR = 3600
LOST_AFTER = 3 * HOUR  # hall-pir is due every hour (T-25)


def lost(house: House) -> list[str]:
    return [n.status for n in house.notices if n.subject == "hall-pir"]


def test_a_way_that_is_back_gives_the_device_back_without_a_word_of_its_own() -> None:
    house = House()
    house.say(Kind.MOTION, True, "hall-pir")
    house.say(Kind.SEEN, False, "hall-pir")
    assert house.controller.statuses()["inactivity"].readiness == "UNAVAILABLE"
    house.wait(60)
    house.say(Kind.SEEN, WAY_IS_BACK, "hall-pir")
    assert house.controller.statuses()["inactivity"].readiness == "LEARNING"
    assert lost(house) == ["LOST", "RESTORED"]


def test_a_bridge_that_restarts_every_night_does_not_hide_a_dead_sensor() -> None:
    house = House()
    house.say(Kind.MOTION, True, "hall-pir")  # its last word ever
    for _ in range(5):
        house.wait(HOUR / 2)
        house.say(Kind.SEEN, False, "hall-pir")
        house.wait(HOUR / 10)
        house.say(Kind.SEEN, WAY_IS_BACK, "hall-pir")
    house.wait(HOUR / 2)
    assert lost(house)[-1] == "LOST"  # 3 h in which it could have spoken
    assert house.notices[-2].t == round((LOST_AFTER + 5 * HOUR / 10) * 1000)
    house.say(Kind.SEEN, WAY_IS_BACK, "hall-pir")
    assert lost(house)[-1] == "LOST"


def test_what_was_silent_before_the_way_was_lost_stays_lost() -> None:
    house = House()
    house.wait(4 * HOUR)
    house.say(Kind.SEEN, False, "hall-pir")
    house.say(Kind.SEEN, WAY_IS_BACK, "hall-pir")
    assert lost(house) == ["LOST"]
    house.say(Kind.SEEN, None, "hall-pir")
    assert lost(house) == ["LOST", "RESTORED"]


def test_blindness_survives_a_restart_and_the_time_off_is_added_once() -> None:
    house = House()
    house.say(Kind.MOTION, True, "hall-pir")
    house.wait(HOUR)
    house.say(Kind.SEEN, False, "hall-pir")
    house.wait(HOUR)
    again = House()
    again.controller = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    again.now_ms = house.now_ms + 10 * HOUR * 1000
    again.controller.handle(Observation(Kind.RESTART, {}, again.now_ms))
    again.say(Kind.SEEN, WAY_IS_BACK, "hall-pir")
    assert lost(again) == ["RESTORED"]
    again.wait(2 * HOUR - 1)  # one of its three hours was heard before
    assert lost(again) == ["RESTORED"]
    again.wait(1)
    assert lost(again) == ["RESTORED", "LOST"]


def test_a_press_with_an_identity_is_once_within_ten_minutes_and_new_after() -> None:
    house = House()
    house.press(key="mqtt:home/button:7")
    house.press(key="mqtt:home/button:8")
    assert house.controller.book.alarms[1].presses == 2
    house.wait(600)
    house.press(key="mqtt:home/button:7")  # delivered again, after a restart of the broker
    assert len(house.controller.book.alarms) == 1
    house.wait(1)
    house.press(key="mqtt:home/button:7")  # the button's counter began anew: a call must not be lost to that
    assert len(house.controller.book.alarms) == 2


def test_known_identities_survive_a_restart() -> None:
    house = House()
    house.press(key="mqtt:home/button:7")
    house.controller = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    house.press(key="mqtt:home/button:7")
    assert house.controller.book.alarms[1].presses == 1
