"""Fixed-time inactivity: 12 h of observed silence, the question included; blind is neither active nor silent."""

from __future__ import annotations

import pytest
from virtual_home import House, home

from gateway.alarms.life import State
from gateway.home.model import Device
from gateway.observations import Kind

HOUR = 3600.0


def quiet_house(**settings: float) -> House:
    """A house whose sensor is not supervised by time, so that silence is all there is."""
    view = home(devices={d.id: d for d in (Device("pir", "motion"), Device("green", "button", role="ok"))})
    if settings:
        view = home(devices=view.devices, settings={k.replace("__", "."): v for k, v in settings.items()})
    return House(view)


@pytest.mark.parametrize(("limit_h", "told"), [(11.99, 11), (12.0, 12), (6.5, 6), (7.5, 7), (0.75, 1), (True, None)])
def test_so_many_whole_hours_are_told_and_never_one_more(limit_h: float, told: int | None) -> None:
    house = House()
    house.controller.desk.found("INACTIVITY", 0, "no_activity", None, {"limit_h": limit_h})
    house.wait(5 * 60)
    assert house.texts("S03")[0].params.get("hours") == told


def test_after_twelve_hours_of_silence_the_alarm_is_raised_question_included() -> None:
    house = quiet_house()
    house.say(Kind.MOTION, True, "pir")
    house.wait(12 * HOUR)
    assert house.states() == ["DETECTED", "PRE_ALARM", "RAISED"]
    assert house.at_s(State.PRE_ALARM) == 12 * HOUR - 300
    assert house.at_s(State.RAISED) == 12 * HOUR
    assert house.told("S03")[0] == "c1"
    assert house.texts("S03")[0].params["hours"] == 12


def test_the_question_is_asked_every_minute_for_five_minutes() -> None:
    house = quiet_house()
    house.wait(12 * HOUR - 300)
    house.wait(299)
    assert house.said() == ["V08"] * 5


@pytest.mark.parametrize(
    ("kind", "value", "device"),
    [
        (Kind.MOTION, True, "pir"),
        (Kind.CONTACT, "open", "door"),
        (Kind.PRESSURE, True, "mat"),
        (Kind.FLUSH, True, "flush"),
        (Kind.WATER, 2.5, "water"),
        (Kind.BUTTON, "press", "green"),
        (Kind.OK, None, None),
    ],
)
def test_any_sign_of_activity_answers_the_question(kind: Kind, value: object, device: str | None) -> None:
    house = quiet_house()
    house.wait(12 * HOUR - 200)
    house.say(kind, value, device)
    assert house.states() == ["DETECTED", "PRE_ALARM", "RECOVERED"]
    assert "V20" in house.said()
    house.wait(12 * HOUR - 301)
    assert house.states() == ["DETECTED", "PRE_ALARM", "RECOVERED"]  # the count began anew
    house.wait(301)
    assert house.states(2) == ["DETECTED", "PRE_ALARM", "RAISED"]


@pytest.mark.parametrize(
    ("kind", "value"),
    [(Kind.MOTION, False), (Kind.POWER, 120.0), (Kind.TEMPERATURE, 21.5), (Kind.BATTERY, 80), (Kind.WATER, 0)],
)
def test_what_is_no_act_of_a_person_is_no_activity(kind: Kind, value: object) -> None:
    house = quiet_house()
    for _ in range(13):
        house.wait(HOUR)
        house.say(kind, value, "pir")
    assert "RAISED" in house.states()


def test_a_door_sensor_that_only_repeats_its_state_is_no_activity() -> None:
    house = House(home(devices={"door": Device("door", "contact")}))
    house.say(Kind.CONTACT, "closed", "door")
    for _ in range(13):
        house.wait(HOUR)
        house.say(Kind.CONTACT, "closed", "door")
    assert "RAISED" in house.states()


def test_the_same_silence_is_raised_once() -> None:
    house = quiet_house()
    house.wait(40 * HOUR)
    assert list(house.controller.book.alarms) == [1]


def test_a_lost_sensor_makes_the_rule_unavailable_and_raises_nothing() -> None:
    house = House()  # hall-pir must give a sign of life every hour
    house.say(Kind.MOTION, True, "hall-pir")
    house.wait(30 * HOUR)
    assert house.controller.book.alarms == {}
    codes = [(n.code, n.subject, n.status) for n in house.notices]
    assert codes[:2] == [("DEVICE_LOST", "hall-pir", "LOST"), ("RULE_UNAVAILABLE", "inactivity", "UNAVAILABLE")]
    assert [m["code"] for m in house.published("event")][:2] == ["DEVICE_LOST", "RULE_UNAVAILABLE"]


def test_the_count_stands_still_while_the_sensor_is_lost_and_goes_on_after() -> None:
    house = House()
    house.say(Kind.MOTION, True, "hall-pir")
    house.wait(20 * HOUR)  # lost after 3 h
    house.say(Kind.SEEN, True, "hall-pir")  # back, without activity: 3 h were observed
    for _ in range(8):
        house.wait(HOUR)
        house.say(Kind.SEEN, True, "hall-pir")
    assert house.controller.book.alarms == {}
    house.wait(HOUR)
    assert house.states() == ["DETECTED", "PRE_ALARM", "RAISED"]
    assert [n.status for n in house.notices if n.subject == "inactivity"] == ["UNAVAILABLE", "LEARNING"]


def test_a_sensor_lost_during_the_question_ends_it_as_technical() -> None:
    house = quiet_house()
    house.wait(12 * HOUR - 200)
    assert house.state() is State.PRE_ALARM
    house.say(Kind.SEEN, False, "pir")
    assert house.states()[-1] == "RECOVERED"
    assert house.events[-1].reason == "rule_unavailable"
    assert "V20" not in house.said()  # nobody reported well: nobody is thanked
    assert [n.code for n in house.notices] == ["DEVICE_LOST", "RULE_UNAVAILABLE"]
    house.wait(24 * HOUR)
    assert house.state() is State.RECOVERED


def test_a_declared_absence_without_return_becomes_a_notice_and_never_inactivity() -> None:
    house = quiet_house()
    house.wait(6 * HOUR)
    house.say(Kind.AWAY, True)
    house.wait(24 * HOUR - 1)
    assert house.controller.book.alarms == {}
    house.wait(30 * HOUR)  # the declaration ended after 12 h; nobody came back (A10)
    assert [a.code for a in house.controller.book.alarms.values()] == ["AWAY_TOO_LONG"]
    assert house.at_s(State.RAISED) == 30 * HOUR


def test_who_is_heard_after_a_declared_absence_is_at_home_when_it_ends() -> None:
    house = quiet_house()
    house.say(Kind.AWAY, True)
    house.wait(HOUR)
    house.say(Kind.MOTION, True, "pir")
    house.wait(23 * HOUR - 301)
    assert house.controller.book.alarms == {}
    house.wait(301)
    assert house.states() == ["DETECTED", "PRE_ALARM", "RAISED"]
    assert house.controller.book.alarms[1].code == "INACTIVITY"


def test_a_lost_recording_is_unobserved_time() -> None:
    house = quiet_house()
    house.wait(6 * HOUR)
    house.say(Kind.RECORDER, False)
    house.wait(48 * HOUR)
    house.say(Kind.RECORDER, True)
    house.wait(6 * HOUR - 301)
    assert house.controller.book.alarms == {}
    house.wait(301)
    assert house.states()[-1] == "RAISED"


def test_a_power_cut_is_unobserved_time() -> None:
    house = quiet_house()
    house.wait(6 * HOUR)
    house.now_ms += round(30 * HOUR * 1000)
    house.say(Kind.RESTART, {"gap_ms": round(30 * HOUR * 1000)})
    assert house.controller.book.alarms == {}
    house.wait(6 * HOUR)
    assert house.states()[-1] == "RAISED"


def test_without_consent_or_sensors_the_rule_is_off() -> None:
    assert House(home(consents={})).controller.statuses()["inactivity"].reason == "no_consent"
    buttons_only = home(devices={"b": Device("b", "button")})
    assert House(buttons_only).controller.statuses()["inactivity"].reason == "no_activity_sensor"


def test_the_limit_is_a_setting() -> None:
    house = quiet_house(inactivity__limit_h=8, inactivity__question_min=10)
    house.wait(9 * HOUR)
    assert house.at_s(State.PRE_ALARM) == 8 * HOUR - 600
    assert house.at_s(State.RAISED) == 8 * HOUR


def test_a_swapped_water_meter_is_no_activity_but_flow_is() -> None:
    house = House(home(devices={"w": Device("w", "water_meter")}))
    house.say(Kind.WATER_VOLUME, 120.5, "w")
    house.wait(23 * HOUR)
    house.say(Kind.WATER_VOLUME, 0.0, "w")  # a new meter begins at zero (A27)
    house.wait(HOUR)
    assert house.states()[-1] == "RAISED"
    assert house.controller.book.alarms[1].code == "WATER_LOW_USE"  # nothing but a meter watches: a whole day
    house.say(Kind.WATER_VOLUME, 0.1, "w")
    house.wait(11 * HOUR)
    assert len(house.controller.book.alarms) == 1


def test_the_red_button_during_the_question_is_a_call_and_nobody_is_thanked() -> None:
    house = quiet_house()
    house.wait(12 * HOUR - 200)
    house.press("red")
    assert house.states(1) == ["DETECTED", "PRE_ALARM", "RECOVERED"]
    assert house.states(2) == ["DETECTED", "PRE_ALARM"]
    assert "V20" not in house.said()


def test_cancel_during_the_question_is_a_cancel() -> None:
    house = quiet_house()
    house.wait(12 * HOUR - 200)
    house.say(Kind.CANCEL)
    assert house.states() == ["DETECTED", "PRE_ALARM", "CANCELLED_LOCAL"]
    assert house.said()[-1] == "V06"


def test_a_sensor_that_reports_two_things_does_not_look_active() -> None:
    house = House(home(devices={"door": Device("door", "contact")}))
    for _ in range(13):
        house.say(Kind.CONTACT, "closed", "door")
        house.say(Kind.LIGHT, False, "door")
        house.wait(HOUR)
    assert "RAISED" in house.states()


def test_away_cannot_be_renewed_from_afar() -> None:
    house = quiet_house()
    for _ in range(30):
        house.say(Kind.AWAY, True)
        house.wait(HOUR)
    assert "RAISED" in house.states()


def test_a_snapshot_of_another_version_keeps_open_alarms_and_the_home() -> None:
    from gateway.controller import Controller

    house = quiet_house()
    house.press("red")
    house.wait(11)
    data = house.controller.to_json()
    data["version"] = 99
    data["rules"]["inactivity"] = {"unknown": 1}
    again = Controller.from_json(data)
    assert again.book.alarms[1].state is State.RAISED
    assert again.book.next_number == 2
    assert again.home.contacts
    assert again.restored_empty == ["inactivity"]


def test_a_limit_made_shorter_than_the_silence_asks_first() -> None:
    """Found by simulation: the alarm was stamped hours back, so its question was over before it was asked."""
    house = quiet_house()
    house.wait(6 * HOUR)
    shorter = home(devices=house.controller.home.devices, settings={"inactivity.limit_h": 3})
    house.say(Kind.CONFIG, shorter.to_json())
    assert house.states() == ["DETECTED", "PRE_ALARM"]
    assert house.at_s(State.PRE_ALARM) == 6 * HOUR
    house.wait(300)
    assert house.states()[-1] == "RAISED"


def test_an_absence_that_ends_during_a_power_cut_is_not_followed_by_silence_nobody_observed() -> None:
    """Found by simulation: the rest of the power cut was counted as silence and raised at once."""
    house = quiet_house()
    house.wait(HOUR)
    house.say(Kind.AWAY, True)
    house.now_ms += round(60 * HOUR * 1000)
    house.say(Kind.RESTART, {"gap_ms": round(60 * HOUR * 1000)})
    house.wait(24 * HOUR - 1)
    assert house.controller.book.alarms == {}
    house.wait(1)
    assert [a.code for a in house.controller.book.alarms.values()] == ["AWAY_TOO_LONG"]
