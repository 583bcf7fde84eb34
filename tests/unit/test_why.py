"""Why: every alarm says what was seen and from where on it counts, in both languages, and names nobody.

The scenes drive the real rules, so that a number a rule no longer gives, or a threshold it never gave, is noticed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from acted_falls import SIDE, still
from metered_home import metered
from night_door import leave, night_house
from sensor_rooms import HOUR, MINUTE, house_of, reading
from test_fall_flow import a_fall, fallen_home, hear
from test_geofence import at, fenced
from test_inactivity import quiet_house
from test_long_lie import slid_down
from virtual_home import House, home

from gateway.alarms import words
from gateway.alarms.codes import CODES
from gateway.alarms.proofread import PLACEHOLDER, problems_of
from gateway.alarms.why import KEPT_NUMBERS, measured, scalars, sentence
from gateway.alarms.words import BadCatalogue, explain
from gateway.home.model import Contact, Device
from gateway.observations import Kind
from gateway.upstream import messages

ZH, EN = words.load("zh_CN"), words.load("en")

# ---- the sentences


@pytest.mark.parametrize("code", sorted(CODES))
@pytest.mark.parametrize("catalogue", [ZH, EN], ids=["zh", "en"])
def test_every_code_has_a_sentence_that_needs_nothing(catalogue: words.Catalogue, code: str) -> None:
    said = catalogue.why(code, {})
    assert said == catalogue.whys[code][-1]
    assert "{" not in said
    assert said.endswith(("。", "."))
    assert len(said) <= (40 if catalogue is ZH else 90)


def test_both_languages_say_the_same_of_the_same_codes() -> None:
    def shape(catalogue: words.Catalogue) -> dict[str, list[list[str]]]:
        return {c: [sorted(PLACEHOLDER.findall(t)) for t in texts] for c, texts in catalogue.whys.items()}

    assert set(ZH.whys) == set(CODES)
    assert {c: len(t) for c, t in shape(ZH).items()} == {c: len(t) for c, t in shape(EN).items()}
    differing = {c for c in CODES if shape(ZH)[c] != shape(EN)[c]}
    assert differing == set()
    assert set(ZH.measures) == set(EN.measures)


@pytest.mark.parametrize(
    ("name", "value", "chinese", "english"),
    [
        ("pre_alarm_s", 10.0, "10秒", "10 s"),
        ("pre_alarm_s", 300, "5分钟", "5 min"),
        ("still_s", 90, "90秒", "90 s"),
        ("lasting_min", 1, "1分钟", "1 min"),
        ("silent_min", 119, "119分钟", "119 min"),
        ("silent_min", 120, "2小时", "2 h"),
        ("silent_min", 715, "11小时55分钟", "11 h 55 min"),
        ("limit_h", 12.0, "12小时", "12 h"),
        ("limit_h", 1.5, "90分钟", "90 min"),
        ("celsius", 36.04, "36℃", "36 °C"),
        ("limit_c", -5, "-5℃", "-5 °C"),
        ("litres", 9.96, "10升", "10 L"),
        ("distance_m", 830, "830米", "830 m"),
        ("chance_pct", 93, "93%", "93 %"),
        ("score", 0.034, "0.034", "0.034"),
        ("hour", "08:30", "08:30", "08:30"),
    ],
)
def test_numbers_come_in_the_units_people_use(name: str, value: Any, chinese: str, english: str) -> None:
    assert measured(name, value, ZH.measures) == chinese
    assert measured(name, value, EN.measures) == english


@pytest.mark.parametrize(
    "value", [None, True, "陈阿婆", "13800001111", [1], {"a": 1}, float("nan"), float("inf"), 1e300]
)
def test_what_is_no_measurement_is_never_filled_in(value: Any) -> None:
    assert measured("silent_min", value, ZH.measures) is None
    assert sentence(["静了{silent_min}。", "静了很久。"], ZH.measures, {"silent_min": value}) == "静了很久。"


def test_a_duration_is_never_negative() -> None:
    assert measured("silent_min", -1, ZH.measures) is None


def test_a_code_of_another_version_keeps_its_name() -> None:
    assert explain("OF_TOMORROW", {"x_min": 3}) == {"zh": "OF_TOMORROW", "en": "OF_TOMORROW"}


@pytest.mark.parametrize("rows", ["a sentence", [], [3], ["{silent_min} only"], ["fine.", "not {without}"]], ids=str)
def test_a_catalogue_without_a_last_word_is_refused(rows: Any) -> None:
    import tomllib
    from pathlib import Path

    document = tomllib.loads((Path(words.__file__).parent / "texts" / "en.toml").read_text(encoding="utf-8"))
    assert problems_of(document) == []
    document["why"]["SMOKE"] = rows
    with pytest.raises(BadCatalogue, match=r"why\.SMOKE"):
        words.read("en", document)


# ---- what the rules really give


def pressed() -> House:
    house = House()
    house.press()
    return house


def still_at_home() -> House:
    house = quiet_house()
    house.wait(12 * HOUR)
    return house


def hot_room() -> House:
    house = house_of(Device("thermometer", "temperature", room="r1"))
    for _ in range(3):
        reading(house, Kind.TEMPERATURE, 36.0, "thermometer", MINUTE)
    return house


def cold_room() -> House:
    house = house_of(Device("thermometer", "temperature", room="r1"))
    for _ in range(3):
        reading(house, Kind.TEMPERATURE, 5.0, "thermometer", MINUTE)
    return house


def burning_room() -> House:
    house = house_of(Device("thermometer", "temperature", room="r1"))
    for _ in range(2):
        reading(house, Kind.TEMPERATURE, 61.0, "thermometer", 30)
    return house


def stove_on() -> House:
    house = house_of(Device("hob", "stove", room="r3"))
    house.say(Kind.POWER, 1200, "hob")
    house.wait(90 * MINUTE)
    return house


def out_of_the_fence() -> House:
    house = fenced()
    at(house, 800)
    at(house, 830)
    return house


def little_water() -> House:
    house = metered(water_preset__rule=1)
    house.wait(12 * HOUR)
    return house


def out_at_night() -> House:
    house = night_house()
    leave(house)
    house.wait(15 * MINUTE)
    return house


def away_for_long() -> House:
    house = quiet_house()
    house.say(Kind.AWAY, True)
    house.wait(25 * HOUR)
    return house


def fell() -> House:
    house = fallen_home()
    hear(house, a_fall(still(10, SIDE)))
    return house


def fell_and_lies() -> House:
    house = fallen_home()
    hear(house, a_fall(still(40, SIDE)))
    return house


def lies() -> House:
    house = fallen_home()
    slid_down(house, 62)
    return house


def odd_pulse() -> House:
    house = house_of(Device("strap", "health"))
    for _ in range(8):
        reading(house, Kind.HEART_RATE, 150, "strap", MINUTE)
    return house


def doubtful_press() -> House:
    house = House()
    house.say(Kind.CONDITION, {"code": "UNVERIFIED_PRESS"}, "bedroom", key="k1")
    return house


SCENES: dict[str, tuple[Callable[[], House], str, tuple[str, ...]]] = {
    # code: the scene, the rule, and what its Chinese sentence must hold: what was seen, and from where on it counts
    "CALL_FIXED": (pressed, "call_button", ("10秒",)),
    "UNVERIFIED_PRESS": (doubtful_press, "technical", ("30秒",)),
    "INACTIVITY": (still_at_home, "inactivity", ("11小时55分钟", "12小时")),
    "AWAY_TOO_LONG": (away_for_long, "inactivity", ("24小时",)),
    "WATER_LOW_USE": (little_water, "low_water_preset", ("12小时", "0升", "10升")),
    "TEMP_HIGH": (hot_room, "room_temperature", ("36℃", "35℃", "1分钟")),
    "TEMP_LOW": (cold_room, "room_temperature", ("5℃", "8℃", "1分钟")),
    "HEAT_FIRE": (burning_room, "hazard", ("61℃", "57℃", "2次")),
    "STOVE_ON": (stove_on, "stove", ("90分钟",)),
    "GEOFENCE_EXIT": (out_of_the_fence, "geofence", ("2次", "830米", "500米")),
    "NIGHT_EXIT": (out_at_night, "night_exit", ("15分钟",)),
    "FALL": (fell, "fall", ("得分", "达到", "%")),
    "FALL_IMMOBILE": (fell_and_lies, "fall", ("30秒",)),
    "LONG_LIE": (lies, "fall", ("60分钟",)),
    "VITAL_OUT_OF_RANGE": (odd_pulse, "vitals", ("1项",)),
}


@pytest.mark.parametrize("code", sorted(SCENES))
def test_a_rule_gives_what_it_saw_and_its_threshold(code: str) -> None:
    scene, rule, parts = SCENES[code]
    alarm = next(a for a in scene().controller.book.alarms.values() if a.code == code)
    assert alarm.evidence["rule"] == rule
    said = explain(alarm.code, alarm.evidence)
    assert said["zh"] != ZH.why(code, {}), "the evidence lacks what the fuller sentence needs"
    assert said["en"] != EN.why(code, {})
    for part in parts:
        assert part in said["zh"]
    assert len(said["zh"]) <= 60
    assert len(said["en"]) <= 150


def test_a_learned_line_says_whose_habit_and_at_what_hour() -> None:
    evidence = {"silent_min": 190, "limit_h": 3.25, "line": "learned", "hour": "08:30", "line_min": 195,
                "learned_days": 21}  # fmt: skip
    said = explain("INACTIVITY", evidence)
    assert said["zh"] == "家里已3小时10分钟没有动静；按21天的习惯，08:30前后静到3小时15分钟就要问。"
    assert said["en"] == (
        "No movement at home for 3 h 10 min; by 21 days' habit, around 08:30 it is asked from 3 h 15 min on."
    )


def test_what_was_to_be_expected_meanwhile_is_said_as_such() -> None:
    """The other view of a silence: the line of the hour is longer than it, and would explain nothing."""
    evidence = {"silent_min": 190, "limit_h": 6.0, "line": "learned", "view": "pace", "hour": "08:30", "line_min": 360,
                "acts_missed": 7.4, "learned_days": 21}  # fmt: skip
    said = explain("INACTIVITY", evidence)
    assert said["zh"] == "家里已3小时10分钟没有动静；按21天的习惯，这段时间平常会有约7.4次动静。"
    assert (
        said["en"] == "No movement at home for 3 h 10 min; by 21 days' habit, about 7.4 would have been heard by now."
    )


@pytest.mark.parametrize("role", ["duress", "service"])
def test_a_key_says_which_it_was(role: str) -> None:
    house = house_of(Device("key", "button", role=role))
    house.press("key")
    assert house.controller.book.alarms[1].evidence == {"rule": "duress_key" if role == "duress" else "green_key"}


# ---- what the platform is told


def platform_message(house: House, n: int = -1) -> dict[str, Any]:
    body = house.published()[n]
    row = OutboxRow(body)
    _, payload = messages.upward(row, gateway="g" * 64, epoch="e" * 16, late=True)
    assert len(payload) <= messages.MAX_ALARM_BYTES
    found: dict[str, Any] = json.loads(payload)
    return found


class OutboxRow:
    """A row of the outbox, as the link sees it."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.seq, self.prio, self.channel, self.created_t, self.body = 123_456_789, 0, "alarm", 0, body


@pytest.mark.parametrize("code", sorted(set(SCENES) - {"FALL", "TEMP_HIGH", "TEMP_LOW", "STOVE_ON"}))
def test_the_platforms_message_says_why_in_both_languages_within_its_size(code: str) -> None:
    house = SCENES[code][0]()
    house.wait(10 * MINUTE)
    said = platform_message(house, 0)
    assert set(said["why"]) == {"zh", "en"}
    assert said["why"]["zh"].endswith("。")
    assert "cut" not in said
    assert said["evidence"]["rule"] == SCENES[code][1]


def test_readings_of_a_body_stay_at_home() -> None:
    house = odd_pulse()
    house.wait(10 * MINUTE)
    said = platform_message(house)
    assert said["evidence"] == {"rule": "vitals", "signs_n": 1, "lasting_min": 5, "pre_alarm_s": 300}
    assert "150" not in json.dumps(said["why"])
    assert house.controller.book.alarms[1].evidence["limits"] == {"heart_rate_high": 131}


def test_where_she_is_goes_with_the_alarm_and_only_so() -> None:
    said = platform_message(out_of_the_fence())
    assert said["evidence"]["datum"] == "WGS84"
    assert {"lat", "lon"} <= said["evidence"].keys()


def test_the_evidence_makes_room_before_the_reason_does() -> None:
    house = pressed()
    house.wait(10)
    body = house.published()[0]
    body["evidence"] = {f"number_of_a_long_name_{n}": 1234567.8 for n in range(30)}
    _, payload = messages.upward(OutboxRow(body), gateway="g1", epoch="e", late=False)
    said = json.loads(payload)
    assert len(payload) <= messages.MAX_ALARM_BYTES
    assert said["cut"] is True
    assert "evidence" not in said
    assert said["why"]["zh"]
    assert said["presses"] == 1


def test_only_single_values_and_only_so_many_travel() -> None:
    many = {f"n{i}": i for i in range(KEPT_NUMBERS + 5)}
    assert scalars({"key": "ble:1", "signs": ["a"], "last_sign": {"device": "x"}, "line": "fixed", "bed": True}) == {
        "line": "fixed",
        "bed": True,
    }
    assert len(scalars(many)) == KEPT_NUMBERS
    assert scalars({"text": "x" * 25}) == {}


def test_no_sentence_and_no_message_names_anybody() -> None:
    view = home(contacts=(Contact("c1", 1), Contact("c2", 2)))
    house = House(view)
    house.press()
    house.wait(10)
    said = json.dumps(platform_message(house), ensure_ascii=False)
    assert "c1" not in said
    assert "卧室" not in said  # the id of a room, not its name
