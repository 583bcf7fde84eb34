"""Vital signs: limits with hysteresis and persistence, two signs, disbelief, consent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sensor_rooms import DAY, HOUR, MINUTE, house_of, lose, noted, power_cut, raised, restarted
from virtual_home import home
from vitals_ward import BAND, CODE, measure, pressure, ward

from gateway.actions import Publish, Text
from gateway.alarms.life import State
from gateway.alarms.words import load
from gateway.controller import Controller
from gateway.home.model import CONSENTS, Device
from gateway.observations import Kind, Observation
from gateway.rules.vital_signs import Belief


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        (Kind.HEART_RATE, 20, True), (Kind.HEART_RATE, 40, True), (Kind.HEART_RATE, 41, False),
        (Kind.HEART_RATE, 130, False), (Kind.HEART_RATE, 131, True), (Kind.SPO2, 91, True), (Kind.SPO2, 92, False),
        (Kind.BLOOD_PRESSURE, pressure(180, 90), True), (Kind.BLOOD_PRESSURE, pressure(179, 119), False),
        (Kind.BLOOD_PRESSURE, pressure(150, 120), True), (Kind.BLOOD_PRESSURE, pressure(90, 60), True),
        (Kind.BLOOD_PRESSURE, pressure(91, 60), False), (Kind.BODY_TEMPERATURE, 39.1, True),
        (Kind.BODY_TEMPERATURE, 39.0, False), (Kind.BODY_TEMPERATURE, 35.0, True), (Kind.BODY_TEMPERATURE, 35.1, False),
        (Kind.TEMPERATURE, 39.5, True),
    ],
)  # fmt: skip
def test_the_limits_belong_to_the_alarm(kind: Kind, value: Any, found: bool) -> None:
    house = ward()
    measure(house, kind, *[value] * 7)
    assert raised(house) == ([(CODE, "band")] if found else [])


def test_five_minutes_and_two_readings_make_it_and_no_less() -> None:
    house = ward()
    house.say(Kind.HEART_RATE, 150, "band")
    house.wait(HOUR - 1)
    assert raised(house) == []  # one reading, however long ago
    house.say(Kind.HEART_RATE, 150, "band")
    assert raised(house) == [(CODE, "band")]
    house = ward()
    measure(house, Kind.HEART_RATE, 150, 150, every_s=299)
    assert raised(house) == []


def test_one_reading_within_limits_begins_it_anew() -> None:
    house = ward()
    for _ in range(20):
        measure(house, Kind.HEART_RATE, 150, 150, 150, 150, 120)
    assert raised(house) == []


def test_readings_an_hour_apart_are_two_stories_but_spot_measurements_are_not() -> None:
    house = ward()
    measure(house, Kind.HEART_RATE, 150, 150, 150, every_s=HOUR + 1)
    assert raised(house) == []
    measure(house, Kind.BLOOD_PRESSURE, pressure(190, 100), pressure(185, 95), device="cuff", every_s=12 * HOUR)
    assert raised(house) == [(CODE, "cuff")]


def test_it_asks_softly_then_tells_and_the_text_is_vague() -> None:
    house = ward()
    measure(house, Kind.SPO2, *[85] * 7)
    alarm = house.controller.book.alarms[1]
    assert alarm.severity == "P2"
    assert alarm.evidence == {
        "rule": "vitals",
        "signs": ["spo2_low"],
        "spo2": 85,
        "signs_n": 1,
        "limits": {"spo2_low": 91},
        "lasting_min": 5,
        "pre_alarm_s": 300,
    }
    assert house.state() is State.PRE_ALARM
    house.wait(5 * MINUTE)
    assert house.state() is State.RAISED
    text = house.texts("S07")[0]
    words = load().render_sms("S07", {**text.params, "name": "王阿公"})
    assert "85" not in words.replace(text.params["time"], "")
    assert "血氧" not in words
    for action in house.actions:
        if isinstance(action, (Text, Publish)):
            told = action.params if isinstance(action, Text) else action.body
            assert "spo2" not in json.dumps(told)


@pytest.mark.parametrize(
    ("beyond", "back", "recovers"), [(135, 127, False), (135, 126, True), (38, 44, False), (38, 45, True)]
)
def test_hysteresis_and_two_good_readings_end_the_question(beyond: float, back: float, recovers: bool) -> None:
    house = ward()
    measure(house, Kind.HEART_RATE, *[beyond] * 6)
    house.say(Kind.HEART_RATE, back, "band")
    assert house.state() is State.PRE_ALARM
    house.say(Kind.HEART_RATE, back, "band")
    assert (house.state() is State.RECOVERED) == recovers


def test_two_signs_are_one_alarm_of_the_second_severity() -> None:
    house = ward()
    measure(house, Kind.HEART_RATE, *[140] * 6)
    assert house.controller.book.alarms[1].severity == "P2"
    measure(house, Kind.SPO2, *[86] * 6, every_s=61)
    assert raised(house) == [(CODE, "band")]
    alarm = house.controller.book.alarms[1]
    assert alarm.severity == "P1"
    assert alarm.evidence["signs"] == ["heart_rate_high", "spo2_low"]
    assert house.state() is State.RAISED
    assert (house.published()[-1]["severity"], house.published()[-1]["reason"]) == ("P1", "two_signs")


def test_a_second_sign_after_the_first_was_answered_is_an_alarm_of_its_own() -> None:
    house = ward()
    measure(house, Kind.HEART_RATE, *[140] * 6)
    house.say(Kind.OK)
    assert house.state(1) is State.RECOVERED
    measure(house, Kind.SPO2, *[86] * 6, every_s=61)
    assert len(raised(house)) == 2
    assert house.controller.book.alarms[2].severity == "P1"
    assert house.controller.book.alarms[2].evidence["signs"] == ["heart_rate_high", "spo2_low"]


def test_both_numbers_of_one_cuff_are_one_sign() -> None:
    house = ward()
    measure(house, Kind.BLOOD_PRESSURE, *[pressure(200, 130)] * 4, device="cuff")
    assert raised(house) == [(CODE, "cuff")]
    assert house.controller.book.alarms[1].severity == "P2"


def test_signs_far_apart_in_time_are_not_together() -> None:
    house = ward()
    measure(house, Kind.BLOOD_PRESSURE, pressure(200, 110), pressure(200, 110), device="cuff", every_s=70)
    house.wait(2 * HOUR)
    measure(house, Kind.SPO2, *[86] * 7)
    alarms = house.controller.book.alarms.values()
    assert [(a.device, a.severity) for a in alarms] == [("cuff", "P2"), ("band", "P2")]  # each is told of by itself


@pytest.mark.parametrize(("after_s", "severity"), [(HOUR - 300, "P1"), (HOUR - 299, "P2")])
def test_an_hour_is_together_and_a_second_more_is_not(after_s: float, severity: str) -> None:
    """From the last word of the one sign to the moment the other is found, five minutes after it began."""
    house = ward()
    measure(house, Kind.BLOOD_PRESSURE, pressure(200, 110), device="cuff", every_s=70)
    measure(house, Kind.BLOOD_PRESSURE, pressure(200, 110), device="cuff", every_s=after_s)
    measure(house, Kind.SPO2, *[86] * 6)
    assert [a.severity for a in house.controller.book.alarms.values()][-1] == severity


def test_a_cuff_that_nobody_puts_on_again_silences_no_other_sign() -> None:
    """Its last word was beyond the limits, and stays the last for days: what another device finds is told all the same,
    and two signs at once are as grave as ever."""
    house = ward()
    measure(house, Kind.BLOOD_PRESSURE, pressure(200, 110), pressure(200, 110), device="cuff", every_s=70)
    measure(house, Kind.HEART_RATE, *[150] * 7)  # grave, this once
    house.platform(1, "CLOSED", outcome="HELPED")
    house.wait(3 * DAY)
    measure(house, Kind.HEART_RATE, *[150] * 7)
    assert raised(house)[1:] == [(CODE, "band")]
    assert house.controller.book.alarms[2].severity == "P2"
    measure(house, Kind.SPO2, *[86] * 7)
    assert house.controller.book.alarms[2].severity == "P1"


def test_a_sign_measured_again_after_days_is_a_new_story() -> None:
    house = ward()
    for _ in range(2):
        measure(house, Kind.BLOOD_PRESSURE, pressure(200, 110), pressure(200, 110), device="cuff", every_s=70)
        house.wait(HOUR)
        house.platform(len(raised(house)), "CLOSED", outcome="HELPED")
        house.wait(2 * DAY)
    assert raised(house) == [(CODE, "cuff")] * 2


def test_a_persons_own_limits_hold() -> None:
    """A doctor's number for somebody with COPD."""
    house = ward(vitals__spo2_low_pct=83)
    measure(house, Kind.SPO2, *[88] * 10)
    assert raised(house) == []


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.HEART_RATE, 0), (Kind.HEART_RATE, 19), (Kind.HEART_RATE, 300), (Kind.SPO2, 0), (Kind.SPO2, 49),
        (Kind.BLOOD_PRESSURE, pressure(120, 120)),
        (Kind.BLOOD_PRESSURE, pressure(80, 120)), (Kind.BLOOD_PRESSURE, {}), (Kind.BLOOD_PRESSURE, {"systolic": True}),
        (Kind.BLOOD_PRESSURE, {"systolic": "high"}), (Kind.BODY_TEMPERATURE, 22.0), (Kind.BODY_TEMPERATURE, 85.0),
    ],
)  # fmt: skip
def test_what_no_living_person_has_is_counted_and_ends_nothing(kind: Kind, value: Any) -> None:
    house = ward()
    measure(house, Kind.HEART_RATE, 150, 150, 150)
    measure(house, kind, value, value)
    assert house.controller.to_json()["rules"]["vitals"]["belief"]["discarded"] == 2
    measure(house, Kind.HEART_RATE, 150)
    assert raised(house) == [(CODE, "band")]


def test_a_band_on_the_table_says_nothing_of_its_owner() -> None:
    """A28."""
    house = ward()
    measure(house, Kind.HEART_RATE, 150, 150, 150)
    house.say(Kind.WORN, False, "band")
    measure(house, Kind.HEART_RATE, *[35] * 10)
    assert raised(house) == []
    house.say(Kind.WORN, False, "cuff")
    assert house.controller.statuses()["vitals"].reason == "not_worn"
    assert noted(house, "RULE_UNAVAILABLE")[-1] == ("UNAVAILABLE", "not_worn")
    house.say(Kind.WORN, True, "band")
    assert house.controller.statuses()["vitals"].readiness == "ARMED"
    measure(house, Kind.HEART_RATE, *[35] * 6)
    assert raised(house) == [(CODE, "band")]


def test_taking_the_band_off_ends_the_question() -> None:
    house = ward()
    measure(house, Kind.HEART_RATE, *[150] * 6)
    house.say(Kind.WORN, False, "band")
    assert house.state() is State.RECOVERED
    assert house.events[-1].reason == "rule_unavailable"


def test_without_consent_nothing_is_read_and_nothing_kept() -> None:
    house = house_of(BAND, HEALTH_DATA=False)
    measure(house, Kind.HEART_RATE, *[150] * 30)
    measure(house, Kind.HEART_RATE, 0)
    assert raised(house) == []
    for rule in ("vitals", "vital_trend"):
        status = house.controller.statuses()[rule]
        assert (status.readiness, status.reason) == ("OFF", "no_consent")
    kept = house.controller.to_json()["rules"]
    assert kept["vitals"]["signs"] == []
    assert kept["vitals"]["sources"] == []
    assert kept["vitals"]["belief"]["discarded"] == 0
    assert kept["vital_trend"]["courses"] == {}


def test_a_consent_withdrawn_forgets_and_ends_the_question() -> None:
    house = ward()
    measure(house, Kind.HEART_RATE, *[150] * 6)
    refused = dict.fromkeys(CONSENTS, True) | {"HEALTH_DATA": False}
    house.say(Kind.CONFIG, home(devices={"band": BAND}, consents=refused).to_json())
    assert house.state() is State.RECOVERED
    assert "150" not in json.dumps(house.controller.to_json()["rules"])


def test_a_lost_band_makes_the_rule_unavailable_and_proves_nothing() -> None:
    house = ward()
    measure(house, Kind.HEART_RATE, 150, 150, 150)
    lose(house, "band")
    assert house.controller.statuses()["vitals"].reason == "sensor_lost"
    house.wait(10 * MINUTE)
    house.say(Kind.HEART_RATE, 150, "band")
    assert raised(house) == []


def test_a_power_cut_is_no_persistence() -> None:
    house = ward()
    measure(house, Kind.HEART_RATE, 150)
    power_cut(house, 10 * MINUTE)
    measure(house, Kind.HEART_RATE, 150)
    assert raised(house) == []


def test_a_late_reading_is_no_evidence() -> None:
    house = ward()
    house.say(Kind.HEART_RATE, 150, "band")
    house.wait(6 * MINUTE)
    house.say(Kind.HEART_RATE, 150, "band", late=True)
    assert raised(house) == []


def test_a_snapshot_keeps_what_began_and_what_was_found() -> None:
    house = ward()
    measure(house, Kind.HEART_RATE, 150, 150, 150)
    restarted(house)
    measure(house, Kind.HEART_RATE, 150, 150, 150)
    assert raised(house) == [(CODE, "band")]
    restarted(house)
    measure(house, Kind.HEART_RATE, *[150] * 10)
    assert len(raised(house)) == 1
    measure(house, Kind.SPO2, *[86] * 6, every_s=61)
    assert house.controller.book.alarms[1].severity == "P1"


def test_belief_survives_its_snapshot() -> None:
    belief = Belief()
    belief.wear("band", worn=False)
    assert belief.read(Observation(Kind.HEART_RATE, 70, 0, "band")) == {}
    again = Belief()
    again.from_json(json.loads(json.dumps(belief.to_json())))
    assert again.to_json() == belief.to_json() == {"off": ["band"], "discarded": 1}


# ---- what was not measured, and what lies between limit and hysteresis


def test_a_reading_at_the_limit_and_better_ones_after_it_are_no_alarm() -> None:
    """91, then 92 for an hour: eased, it does not end the story, and it does not tell it either."""
    house = ward()
    measure(house, Kind.SPO2, 91, *[92] * 60)
    assert raised(house) == []
    measure(house, Kind.SPO2, 91)
    assert raised(house) == [(CODE, "band")]
    assert house.controller.book.alarms[1].evidence["spo2"] == 91


def test_what_hovers_about_the_limit_is_found_and_is_one_alarm() -> None:
    house = ward()
    measure(house, Kind.SPO2, *[91, 92] * 60)
    assert raised(house) == [(CODE, "band")]


@pytest.mark.parametrize("minutes", [1, 50])
def test_what_was_not_recorded_was_not_lasting(minutes: float) -> None:
    house = ward()
    measure(house, Kind.HEART_RATE, 150, every_s=4 * MINUTE)
    house.say(Kind.RECORDER, False)
    assert house.controller.statuses()["vitals"].reason == "recording_lost"
    restarted(house)
    house.wait(minutes * MINUTE)
    house.say(Kind.RECORDER, True)
    measure(house, Kind.HEART_RATE, 150, every_s=5 * MINUTE - 1)
    assert raised(house) == []
    house.wait(1)
    house.say(Kind.HEART_RATE, 150, "band")
    assert raised(house) == [(CODE, "band")]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.SPO2, 100), (Kind.SPO2, 50), (Kind.HEART_RATE, 250), (Kind.BODY_TEMPERATURE, 43),
        (Kind.BODY_TEMPERATURE, 30), (Kind.BLOOD_PRESSURE, pressure(280, 200)), (Kind.BLOOD_PRESSURE, pressure(50, 20)),
    ],
)  # fmt: skip
def test_what_a_living_person_may_have_is_believed(kind: Kind, value: Any) -> None:
    """A well one's oxygen is 100, and a very ill one's pressure is all these tell."""
    belief = Belief()
    assert belief.read(Observation(kind, value, 0, "d"))
    assert belief.discarded == 0


def test_a_heat_waves_thermometer_on_the_wall_is_no_cold_body() -> None:
    house = house_of(BAND, Device("wall", "temperature"), settings={"room_temperature.high_c": 45.0})
    measure(house, Kind.TEMPERATURE, *[34.0] * 10, device="wall")
    assert raised(house) == []


def test_a_health_device_that_never_spoke_and_is_lost_makes_the_rule_unavailable_also_after_a_restart() -> None:
    house = ward()
    lose(house, "cuff")
    assert house.controller.statuses()["vitals"].reason == "sensor_lost"
    restarted(house)
    assert house.controller.statuses()["vitals"].reason == "sensor_lost"


def test_a_wall_thermometer_that_is_lost_is_no_lost_health_device() -> None:
    house = house_of(BAND, Device("wall", "temperature"))
    lose(house, "wall")
    assert house.controller.statuses()["vitals"].readiness == "ARMED"


def test_vital_signs_that_only_recovery_saw_are_asked_about_at_the_next_reading() -> None:
    house = ward()
    again = Controller.from_json(json.loads(json.dumps(house.controller.to_json())))
    for minute in range(8):
        again.rebuild(Observation(Kind.HEART_RATE, 150, minute * 60_000, "band"), [])
    again.rebuilt()
    again.handle(Observation(Kind.HEART_RATE, 150, 8 * 60_000, "band"))
    assert [(a.code, a.device) for a in again.book.alarms.values()] == [(CODE, "band")]
