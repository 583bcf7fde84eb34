"""Out at night and not back: what is asked and told, at which hours, and when the rule cannot see."""

from __future__ import annotations

import json
from typing import Any

import pytest
from night_door import HOUR, MIN, TO_TWO_AT_NIGHT, codes, leave, night_house, status, whereabouts
from virtual_home import START_WALL_MS, House, home

from gateway.alarms.life import State
from gateway.controller import Controller
from gateway.home.model import Device
from gateway.observations import Kind, Observation
from gateway.rules.night_exit import NightExit


def test_out_at_two_and_not_back_is_asked_about_and_then_told_with_the_words_for_it() -> None:
    house = night_house()
    leave(house)
    house.wait(15 * MIN - 1)
    assert codes(house) == []
    house.wait(1)
    assert codes(house) == ["NIGHT_EXIT"]
    assert house.states() == ["DETECTED", "PRE_ALARM"]
    assert "V08" in house.said()
    house.wait(5 * MIN)
    assert house.states()[-1] == "RAISED"
    assert house.told("S08")[0] == "c1"
    assert house.controller.book.alarms[1].device == "door"


def local_time(house: House) -> str:
    civil = house.controller.civil
    minutes = civil.ms_of_day(house.now_ms) // 60_000
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def test_the_hour_that_is_told_is_when_the_door_was_used_and_not_when_nobody_had_come_back() -> None:
    """ "夜里02:00出门" sends people to search; a quarter of an hour is a kilometre."""
    house = night_house()
    leave(house)
    left = local_time(house)
    house.wait(20 * MIN)
    assert house.texts("S08")[0].params["time"] == left
    assert house.controller.book.alarms[1].evidence["left_min"] == 15
    assert house.controller.desk.tell.facts(house.controller.book.alarms[1])["time"] == left, "who rings back too"


def test_the_hour_of_leaving_is_right_after_a_power_cut_too() -> None:
    house = night_house()
    leave(house)
    left = local_time(house)
    house.wait(5 * MIN)
    house.now_ms += round(30 * MIN * 1000)
    house.say(Kind.RESTART, {"gap": "KNOWN"})
    house.wait(15 * MIN)
    assert house.texts("S08")[0].params["time"] == left


@pytest.mark.parametrize(
    "evidence", [{}, {"left_min": "soon"}, {"left_min": -5}, {"left_min": True}, {"left_min": 1e9}]
)
def test_without_a_sound_word_of_when_the_hour_of_the_finding_is_told(evidence: dict[str, Any]) -> None:
    house = night_house()
    house.controller.desk.found("NIGHT_EXIT", house.now_ms, "no_return", "door", evidence)
    now = local_time(house)
    house.wait(5 * MIN)
    assert house.texts("S08")[0].params["time"] == now


@pytest.mark.parametrize(
    ("kind", "value", "device"),
    [
        (Kind.MOTION, True, "hall"),
        (Kind.BED, True, "bed"),
        (Kind.BUTTON, "press", "ok"),
        (Kind.OK, None, None),
    ],
)
def test_who_is_seen_inside_a_minute_later_is_well(kind: Kind, value: object, device: str | None) -> None:
    house = night_house(Device("ok", "button", role="ok"))
    leave(house)
    house.wait(2 * MIN)
    house.say(kind, value, device)
    house.wait(5 * HOUR)
    assert codes(house) == []


def test_the_feet_in_the_hall_on_the_way_out_prove_nobody_at_home() -> None:
    house = night_house()
    leave(house)
    house.wait(30)
    house.say(Kind.MOTION, True, "hall")
    house.wait(20 * MIN)
    assert codes(house) == ["NIGHT_EXIT"]


@pytest.mark.parametrize(("clock_h", "expected"), [(22.9, 0), (23.1, 1), (4.9, 1), (5.1, 0), (14, 0)])
def test_only_the_night_counts(clock_h: float, expected: int) -> None:
    house = night_house()
    house.wait(((clock_h - 2) % 24) * HOUR)
    leave(house)
    house.wait(HOUR)
    assert len(codes(house)) == expected


def test_a_lost_witness_makes_the_silence_worthless() -> None:
    house = night_house()
    leave(house)
    house.wait(16 * MIN)
    house.say(Kind.SEEN, False, "hall")
    assert house.states()[-1] == "RECOVERED"
    assert status(house) == ("UNAVAILABLE", "sensor_lost")
    leave_again = Observation(Kind.CONTACT, "open", house.now_ms, "door")
    house.controller.handle(leave_again)
    house.wait(2 * HOUR)
    assert codes(house) == ["NIGHT_EXIT"]


def test_a_repeated_state_is_no_movement() -> None:
    house = night_house()
    for _ in range(5):
        house.say(Kind.CONTACT, "closed", "door")
        house.wait(20 * MIN)
    assert codes(house) == []


def test_a_power_cut_is_not_counted_as_absence() -> None:
    house = night_house()
    leave(house)
    house.wait(5 * MIN)
    house.now_ms += round(30 * MIN * 1000)
    house.say(Kind.RESTART, {"gap": "KNOWN"})
    house.wait(10 * MIN - 1)
    assert codes(house) == []
    house.wait(1)
    assert codes(house) == ["NIGHT_EXIT"]


@pytest.mark.parametrize(
    ("devices", "consents", "settings", "reason"),
    [
        ((), None, {"night_exit__enabled": 0}, "setting"),
        ((), {}, {}, "no_consent"),
        ((Device("door", "contact"),), None, {}, "no_entrance_contact"),
    ],
)
def test_when_it_is_off_and_why(
    devices: tuple[Device, ...], consents: dict[str, bool], settings: dict[str, float], reason: str
) -> None:
    house = night_house(*devices, consents=consents, **settings)
    assert status(house) == ("OFF", reason)
    leave(house)
    house.wait(HOUR)
    assert codes(house) == []


def test_without_anything_that_sees_inside_it_is_off() -> None:
    house = House(home(devices={"door": Device("door", "contact", entrance=True)}))
    assert status(house) == ("OFF", "no_inner_sensor")


def test_without_a_trusted_hour_there_is_no_night() -> None:
    house = night_house()
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS + 3 * 3_600_000, "trust": "NTP"})  # a step: doubted for a day
    leave(house)
    house.wait(HOUR)
    assert codes(house) == []
    assert status(house) == ("OFF", "clock")


def test_a_snapshot_at_any_moment_changes_nothing() -> None:
    script = [
        (0, Kind.CONTACT, "closed", "door"), (60, Kind.CONTACT, "open", "door"), (70, Kind.CONTACT, "closed", "door"),
        (1100, Kind.CONTACT, "open", "door"), (1110, Kind.CONTACT, "closed", "door"), (1300, Kind.BED, True, "bed"),
        (2000, Kind.CONTACT, "open", "door"), (9000, Kind.CONTACT, "closed", "door"),
    ]  # fmt: skip

    def run(cut: int | None) -> list[str]:
        view = night_house().controller.home
        controller = Controller(view, offset_ms=START_WALL_MS + round(TO_TWO_AT_NIGHT * 1000), trust="NTP")
        said = []
        for step, (second, kind, value, device) in enumerate(script):
            if step == cut:
                controller = Controller.from_json(json.loads(json.dumps(controller.to_json())))
            result = controller.handle(Observation(kind, value, second * 1000, device))
            said += [repr(x) for x in (*result.events, *result.notices)]
        result = controller.advance(12_000_000)
        return said + [repr(x) for x in (*result.events, *result.notices)]

    plain = run(None)
    assert any("NIGHT_EXIT" in line for line in plain)
    assert any("DOOR_LEFT_OPEN" in line for line in plain)
    for cut in range(len(script)):
        assert run(cut) == plain


def test_the_rule_is_in_the_table() -> None:
    assert any(isinstance(rule, NightExit) for rule in House().controller.rules)


def test_a_call_while_the_home_asks_is_no_word_that_all_is_well() -> None:
    """Found by the simulation: whoever pressed for help in answer to the question was thanked for reporting well."""
    house = night_house()
    leave(house)
    house.wait(15 * MIN)
    house.press("bedroom")
    assert house.state(1) is State.RECOVERED
    assert "V20" not in house.said()
    assert house.controller.book.alarms[2].code == "CALL_FIXED"


def test_the_green_key_answers_the_question_once() -> None:
    house = night_house()
    leave(house)
    house.wait(15 * MIN)
    house.say(Kind.OK)
    assert house.state(1) is State.RECOVERED
    assert house.said().count("V20") == 1
    assert [b["code"] for b in house.published("event")].count("OK_REPORTED") == 0


def test_a_change_in_the_register_brings_nobody_home() -> None:
    house = night_house()
    leave(house)
    house.wait(30 * MIN)
    house.say(Kind.CONFIG, house.controller.home.to_json())
    assert whereabouts(house) == [("door", "RAISED", "no_return")]


def test_while_nothing_is_recorded_nobody_is_asked_where_they_are() -> None:
    house = night_house()
    leave(house)
    house.wait(16 * MIN)
    house.say(Kind.RECORDER, False)
    assert house.states()[-1] == "RECOVERED"
    assert status(house) == ("UNAVAILABLE", "recording_lost")
    house.say(Kind.RECORDER, True)
    assert status(house) == ("ARMED", "")


def test_a_sensor_that_is_heard_again_at_night_is_no_exit() -> None:
    house = night_house()
    house.say(Kind.SEEN, False, "bed")
    house.wait(10 * MIN)
    house.say(Kind.SEEN, None, "bed")
    assert status(house) == ("ARMED", "")
    house.wait(2 * HOUR)
    assert codes(house) == []


def test_a_kettle_put_on_is_somebody_at_home() -> None:
    house = night_house(Device("kettle", "appliance"))
    house.say(Kind.APPLIANCE, False, "kettle")
    leave(house)
    house.wait(5 * MIN)
    house.say(Kind.APPLIANCE, True, "kettle")
    house.wait(HOUR)
    assert codes(house) == []
