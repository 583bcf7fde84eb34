"""Doors: out at night and not back, and doors that stand open."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sensor_rooms import power_cut, recording, restarted
from virtual_home import START_WALL_MS, House, home

from gateway.alarms.life import State
from gateway.controller import Controller
from gateway.home.model import Device
from gateway.observations import Kind, Observation
from gateway.rules.night_exit import NightExit
from gateway.rules.rule import Readiness

MIN, HOUR = 60.0, 3600.0
TO_TWO_AT_NIGHT = 17 * HOUR + 44 * MIN + 30  # the virtual home begins at 08:15:30


def night_house(*more: Device, consents: dict[str, bool] | None = None, **settings: float) -> House:
    devices = (Device("door", "contact", entrance=True), Device("hall", "motion"), Device("bed", "bed"), *more)
    house = House(
        home(
            devices={d.id: d for d in devices},
            consents=consents if consents is not None else {"MONITORING": True},
            settings={"inactivity.enabled": 0.0} | {k.replace("__", "."): v for k, v in settings.items()},
        )
    )
    house.say(Kind.CONTACT, "closed", "door")
    house.wait(TO_TWO_AT_NIGHT)
    return house


def leave(house: House) -> None:
    """The hall sees her, the door opens and closes, the hall sees her feet once more."""
    house.say(Kind.MOTION, True, "hall")
    house.wait(5)
    house.say(Kind.CONTACT, "open", "door")
    house.wait(10)
    house.say(Kind.MOTION, True, "hall")
    house.wait(5)
    house.say(Kind.CONTACT, "closed", "door")


def codes(house: House) -> list[str]:
    return [a.code for a in house.controller.book.alarms.values()]


def status(house: House) -> tuple[str, str]:
    found = house.controller.statuses()["night_exit"]
    return found.readiness.value, found.reason


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


def test_a_return_during_the_question_ends_it() -> None:
    house = night_house()
    leave(house)
    house.wait(16 * MIN)
    house.say(Kind.CONTACT, "open", "door")
    assert house.states() == ["DETECTED", "PRE_ALARM", "RECOVERED"]
    house.wait(70)
    house.say(Kind.MOTION, True, "hall")
    house.wait(5 * HOUR)
    assert codes(house) == ["NIGHT_EXIT"]


def whereabouts(house: House) -> list[tuple[str, str, str]]:
    return [(n.subject, n.status, n.reason) for n in house.notices if n.code == "HOME_AWAY"]


def test_who_comes_back_after_people_were_told_is_told_of_as_well() -> None:
    """The alarm stays theirs to close; the platform hears that nobody need search any more."""
    house = night_house()
    leave(house)
    house.wait(30 * MIN)
    assert house.state() is State.RAISED
    assert whereabouts(house) == [("door", "RAISED", "no_return")]
    house.say(Kind.CONTACT, "open", "door")
    house.wait(2 * MIN)
    assert len(whereabouts(house)) == 1  # a door that moves is nobody's return yet
    restarted(house)
    house.say(Kind.MOTION, True, "hall")
    assert whereabouts(house)[1:] == [("door", "RESTORED", "activity")]
    assert not house.controller.book.alarms[1].ended
    house.wait(5 * HOUR)
    house.say(Kind.MOTION, True, "hall")
    assert len(whereabouts(house)) == 2


def test_the_return_is_seen_even_if_the_rule_could_not_see_meanwhile() -> None:
    house = night_house()
    leave(house)
    house.wait(30 * MIN)
    house.say(Kind.SEEN, False, "bed")
    house.say(Kind.MOTION, True, "hall")
    assert whereabouts(house)[1:] == [("door", "RESTORED", "activity")]


def test_a_door_used_again_without_anybody_coming_in_is_asked_about_again() -> None:
    house = night_house()
    leave(house)
    house.wait(16 * MIN)
    house.say(Kind.CONTACT, "open", "door")  # perhaps the return ...
    house.wait(15 * MIN)  # ... but nobody was seen
    assert codes(house) == ["NIGHT_EXIT", "NIGHT_EXIT"]


def go_out_by_day(house: House) -> None:
    house.at_the_hour(19)
    leave(house)


@pytest.mark.parametrize("out_first", [True, False])
def test_who_comes_home_late_and_goes_to_bed_is_at_home(out_first: bool) -> None:
    """Nobody was seen inside since the door was used: the feet in the hall come in. Else they may go out."""
    house = night_house()
    if out_first:
        go_out_by_day(house)
    house.at_the_hour(23, 20)
    restarted(house)
    house.say(Kind.CONTACT, "open", "door")
    house.wait(5)
    house.say(Kind.MOTION, True, "hall")
    house.wait(5)
    house.say(Kind.CONTACT, "closed", "door")
    house.wait(10)
    house.say(Kind.MOTION, True, "hall")
    house.wait(5 * HOUR)
    assert codes(house) == ([] if out_first else ["NIGHT_EXIT"])


@pytest.mark.parametrize("blind", ["off", "not_recorded", "lost"])
def test_where_anything_went_unseen_the_door_may_as_well_be_an_exit(blind: str) -> None:
    house = night_house()
    go_out_by_day(house)
    house.wait(HOUR)
    if blind == "off":
        power_cut(house, 60)
    elif blind == "not_recorded":
        recording(house, False)
        recording(house, True)
    else:
        house.say(Kind.SEEN, False, "hall")
        house.say(Kind.MOTION, False, "hall")
    house.at_the_hour(23, 20)
    house.say(Kind.CONTACT, "open", "door")
    house.wait(5)
    house.say(Kind.MOTION, True, "hall")
    house.wait(5)
    house.say(Kind.CONTACT, "closed", "door")
    house.wait(HOUR)
    assert codes(house) == ["NIGHT_EXIT"]


def test_who_came_in_and_goes_out_again_is_missed() -> None:
    house = night_house()
    go_out_by_day(house)
    house.at_the_hour(23, 20)
    house.say(Kind.CONTACT, "open", "door")
    house.say(Kind.MOTION, True, "hall")
    house.say(Kind.CONTACT, "closed", "door")
    house.wait(2 * MIN)
    leave(house)
    house.wait(HOUR)
    assert codes(house) == ["NIGHT_EXIT"]


def test_who_turns_on_the_doorstep_is_missed_too() -> None:
    """In, seen, and out again within the minute: the door opened a second time."""
    house = night_house()
    go_out_by_day(house)
    house.at_the_hour(23, 20)
    house.say(Kind.CONTACT, "open", "door")
    house.say(Kind.MOTION, True, "hall")
    house.say(Kind.CONTACT, "closed", "door")
    house.wait(20)
    house.say(Kind.CONTACT, "open", "door")
    house.wait(HOUR)
    assert codes(house) == ["NIGHT_EXIT"]


def test_feet_on_the_way_out_end_no_absence_that_was_declared() -> None:
    house = night_house()
    house.say(Kind.MOTION, True, "hall")
    house.say(Kind.AWAY, True)
    house.wait(11 * MIN)
    house.say(Kind.CONTACT, "open", "door")
    house.wait(10)
    house.say(Kind.MOTION, True, "hall")
    assert status(house) == ("OFF", "away")


def test_a_visitor_who_leaves_late_is_followed_by_the_elder_going_to_bed() -> None:
    house = night_house()
    house.say(Kind.CONTACT, "open", "door")
    house.wait(3 * MIN)
    house.say(Kind.CONTACT, "closed", "door")
    house.wait(4 * MIN)
    house.say(Kind.BED, True, "bed")
    house.wait(5 * HOUR)
    assert codes(house) == []


@pytest.mark.parametrize(("clock_h", "expected"), [(22.9, 0), (23.1, 1), (4.9, 1), (5.1, 0), (14, 0)])
def test_only_the_night_counts(clock_h: float, expected: int) -> None:
    house = night_house()
    house.wait(((clock_h - 2) % 24) * HOUR)
    leave(house)
    house.wait(HOUR)
    assert len(codes(house)) == expected


def test_who_said_that_they_are_out_is_not_missed_and_who_is_back_is_watched_again() -> None:
    house = night_house()
    house.say(Kind.AWAY, True)
    leave(house)
    house.wait(HOUR)
    assert codes(house) == []
    assert status(house) == ("OFF", "away")
    house.say(Kind.AWAY, False)
    leave(house)
    house.wait(HOUR)
    assert codes(house) == ["NIGHT_EXIT"]


def test_away_said_during_the_question_ends_it() -> None:
    house = night_house()
    leave(house)
    house.wait(16 * MIN)
    house.say(Kind.AWAY, True)
    assert house.states()[-1] == "RECOVERED"


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


# ---- doors that stand open


def door_notices(house: House) -> list[tuple[str, float]]:
    return [(n.status, n.t / 1000 - TO_TWO_AT_NIGHT) for n in house.notices if n.code == "DOOR_LEFT_OPEN"]


def test_a_door_open_for_an_hour_by_day_is_told_and_its_closing_too() -> None:
    house = night_house()
    house.wait(12 * HOUR)  # two in the afternoon
    house.say(Kind.CONTACT, "open", "door")
    house.wait(90 * MIN)
    house.say(Kind.CONTACT, "closed", "door")
    assert door_notices(house) == [("RAISED", 13 * HOUR), ("RESTORED", 13.5 * HOUR)]
    assert codes(house) == []  # a technical condition, no alarm


def test_by_night_it_is_told_sooner_and_an_evening_door_when_night_begins() -> None:
    house = night_house()
    house.say(Kind.CONTACT, "open", "door")
    house.wait(20 * MIN)
    assert door_notices(house) == [("RAISED", 15 * MIN)]
    late = night_house(door_left_open__after_min=240)
    late.wait(19 * HOUR)  # nine in the evening
    late.say(Kind.CONTACT, "open", "door")
    late.wait(3 * HOUR)
    assert door_notices(late) == [("RAISED", 21 * HOUR)]  # eleven


def test_a_door_that_repeats_open_is_told_once() -> None:
    house = night_house()
    for _ in range(30):
        house.say(Kind.CONTACT, "open", "door")
        house.wait(10 * MIN)
    assert door_notices(house) == [("RAISED", 15 * MIN)]


def test_a_lost_contact_is_no_open_door() -> None:
    house = night_house()
    house.say(Kind.CONTACT, "open", "door")
    house.wait(5 * MIN)
    house.say(Kind.SEEN, False, "door")
    house.wait(5 * HOUR)
    assert door_notices(house) == []
    assert house.controller.statuses()["door_left_open"].readiness is Readiness.UNAVAILABLE
    house.say(Kind.CONTACT, "open", "door")
    house.wait(10 * MIN)
    assert door_notices(house) == []  # seen again: it counts from here


def test_time_in_which_nobody_could_hear_it_close_does_not_count() -> None:
    for blind in ("cut", "recorder"):
        house = night_house()
        house.say(Kind.CONTACT, "open", "door")
        house.wait(10 * MIN)
        if blind == "cut":
            power_cut(house, 30 * MIN)
        else:
            recording(house, False)
            house.wait(30 * MIN)
            assert door_notices(house) == [], blind
            assert house.controller.statuses()["door_left_open"].reason == "recording_lost"
            recording(house, True)
        house.wait(5 * MIN - 1)
        assert door_notices(house) == [], blind
        house.wait(10 * MIN + 1)
        assert [status for status, _ in door_notices(house)] == ["RAISED"], blind


def test_a_clock_that_is_set_moves_an_open_door_into_the_night() -> None:
    house = night_house()
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS, "trust": "NONE"})
    house.say(Kind.CONTACT, "open", "door")
    house.wait(20 * MIN)
    assert door_notices(house) == []  # nobody knows that it is night
    house.say(Kind.CLOCK, {"offset_ms": START_WALL_MS, "trust": "NTP"})
    house.wait(1)
    assert door_notices(house) == [("RAISED", 20 * MIN)]


def test_an_inner_door_is_nobodys_business() -> None:
    house = night_house(Device("pantry", "contact"))
    house.say(Kind.CONTACT, "open", "pantry")
    house.wait(10 * HOUR)
    assert door_notices(house) == []


def test_a_door_taken_off_the_wall_is_over() -> None:
    house = night_house()
    house.say(Kind.CONTACT, "open", "door")
    house.wait(20 * MIN)
    view = home(devices={"hall": Device("hall", "motion")}, consents={"MONITORING": True})
    house.say(Kind.CONFIG, view.to_json())
    assert [s for s, _ in door_notices(house)] == ["RAISED", "RESTORED"]


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


def declared_out(house: House) -> None:
    """She says that she is out, and goes by the door at eight in the morning."""
    house.at_the_hour(8)
    house.say(Kind.AWAY, True)
    house.wait(MIN)
    leave(house)


def test_who_said_out_and_forgot_to_say_back_is_watched_again_once_seen_inside() -> None:
    house = night_house()
    declared_out(house)
    house.wait(3 * HOUR)
    house.say(Kind.CONTACT, "open", "door")
    assert status(house) == ("OFF", "away")
    house.wait(30)
    house.say(Kind.MOTION, True, "hall")
    assert status(house) == ("ARMED", "")
    house.at_the_hour(2)
    leave(house)
    house.wait(HOUR)
    assert codes(house) == ["NIGHT_EXIT"]


def test_who_looks_for_the_shoes_is_still_away() -> None:
    house = night_house()
    house.say(Kind.AWAY, True)
    house.wait(10 * MIN - 0.001)
    house.say(Kind.MOTION, True, "hall")
    assert status(house) == ("OFF", "away")
    house.wait(0.001)
    house.say(Kind.MOTION, True, "hall")
    assert status(house) == ("ARMED", "")


def test_an_absence_that_was_declared_ends_after_twelve_hours_and_cannot_be_renewed_from_afar() -> None:
    """A10: nobody hides a home by saying 'away' every morning."""
    house = night_house()
    declared_out(house)
    house.wait(12 * HOUR - MIN - 21)
    assert status(house) == ("OFF", "away")
    restarted(house)
    house.wait(1)
    assert status(house) == ("ARMED", "")
    house.say(Kind.AWAY, True)
    assert status(house) == ("ARMED", "")
    house.say(Kind.MOTION, True, "hall")
    house.say(Kind.AWAY, True)
    assert status(house) == ("OFF", "away")


def test_an_absence_lasts_through_a_power_cut_and_ends_with_it() -> None:
    house = night_house()
    declared_out(house)
    power_cut(house, 13 * HOUR)
    assert status(house) == ("ARMED", "")


def test_a_consent_withdrawn_tells_of_no_return_any_more_and_forgets_the_doors() -> None:
    house = night_house()
    leave(house)
    house.wait(30 * MIN)
    assert whereabouts(house) == [("door", "RAISED", "no_return")]
    house.say(Kind.CONFIG, home(devices=house.controller.home.devices, consents={"MONITORING": False}).to_json())
    assert whereabouts(house)[1:] == [("door", "RESTORED", "no_consent")]
    house.say(Kind.CONTACT, "open", "door")
    house.wait(MIN)
    house.say(Kind.MOTION, True, "hall")
    assert len(whereabouts(house)) == 2
    kept = house.controller.to_json()["rules"]["night_exit"]
    assert (kept["last"], kept["used"], kept["moved"], kept["out"]) == ({}, ["", -1], None, None)


@pytest.mark.parametrize("guests", [True, False])
def test_guests_who_are_announced_or_gone_are_no_return(guests: bool) -> None:
    house = night_house()
    leave(house)
    house.wait(16 * MIN)
    house.say(Kind.AWAY, {"guests": guests})
    assert house.states() == ["DETECTED", "PRE_ALARM"]
    house.wait(5 * MIN)
    house.say(Kind.AWAY, {"guests": guests})
    assert whereabouts(house) == [("door", "RAISED", "no_return")]
    house.say(Kind.AWAY, {"away": False})
    assert whereabouts(house)[1:] == [("door", "RESTORED", "activity")]
