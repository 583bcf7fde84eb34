"""The words: every text fits one SMS at its worst, says what it must and nothing it must not, in both languages.

Golden file: golden/texts.txt holds every text as people get it. Renew it with one command, then read the difference:
    .venv/bin/python tests/unit/test_words.py
"""

from __future__ import annotations

import copy
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_home import House

from gateway.actions import Say
from gateway.alarms import words
from gateway.alarms.codes import CODES, TEST_UNANSWERED, Flow, Outcome, Severity
from gateway.alarms.life import State
from gateway.alarms.proofread import LIMITS, PLACEHOLDER, SMS_UNITS, worst_case
from gateway.alarms.words import BadCatalogue, MissingParameter, TextTooLong, UnfitParameter, UnknownText
from gateway.home.model import units

GOLDEN = Path(__file__).parent / "golden" / "texts.txt"
TEXTS = Path(words.__file__).parent / "texts"
ZH = words.load("zh_CN")
EN = words.load("en")

# domain 4.4, column "Max"
MAX_UNITS = {
    "S01": 60, "S02": 60, "S03": 53, "S04": 50, "S05": 57, "S05-gas": 59, "S06": 50, "S07": 48, "S08": 59, "S09": 68,
    "S10": 43, "S11": 36, "S12": 37, "S13": 46, "S14": 25, "S15": 58, "S16": 48, "S17": 38, "S18": 49, "S19": 40,
    "S20": 46, "S21": 41, "S22": 51,
}  # fmt: skip

WORST: dict[str, Any] = {
    "house": "溪边一二三号", "name": "欧阳阿公", "contact": "诸葛阿姨", "place": "卫生间", "device": "床头按钮",
    "kind": "一氧化碳", "what": "很久没从卫生间出来", "time": "23:59", "date": "2026-12-31", "ref": "99",
    "tel": "0595-85661234", "hours": 999, "mins": 9999,
}  # fmt: skip
TYPICAL: dict[str, Any] = {
    "name": "王阿公", "contact": "女儿", "place": "卧室", "device": "床头按钮", "kind": "烟雾",
    "what": "很久没有开过门", "time": "08:15",
    "date": "2026-03-01", "ref": "17", "tel": "0595-85661234", "hours": 12, "mins": 45,
    "n": 10, "visitor": "小陈",
}  # fmt: skip


@pytest.fixture
def document() -> dict[str, Any]:
    """A catalogue as read from its file, to be spoilt."""
    return copy.deepcopy(tomllib.loads((TEXTS / "zh_CN.toml").read_text(encoding="utf-8")))


def spoken(prompt: str, **facts: Any) -> str:
    return ZH.render_prompt(prompt, {"n": 10, "contact": "女儿", "device": "床头按钮", "visitor": "小陈", **facts})


def golden_text() -> str:
    lines = []
    for catalogue in (ZH, EN):
        lines.append(f"# {catalogue.language}: to the family")
        lines += [f"{t} {catalogue.render_sms(t, TYPICAL)}" for t in catalogue.sms]
        lines.append(f"# {catalogue.language}: to a hop that is not family, every value at its longest")
        worst = WORST | {"what": WORST["what"][: catalogue.limits["what"]]}
        for template in catalogue.sms:
            made = catalogue.render_sms(template, worst)
            lines.append(f"{template} {units(made):2} {made}")
        lines.append(f"# {catalogue.language}: spoken")
        for prompt in catalogue.prompts:
            name, _, form = prompt.partition("-")
            lines.append(f"{prompt} {catalogue.render_prompt(name, TYPICAL | ({form: True} if form else {}))}")
    return "\n".join(lines) + "\n"


# ---- every text fits


@pytest.mark.parametrize("template", sorted(ZH.sms))
def test_every_sms_fits_one_message_with_every_value_at_its_longest(template: str) -> None:
    made = ZH.render_sms(template, WORST)
    assert units(made) <= SMS_UNITS
    assert units(made) <= worst_case(ZH.sms[template], ZH.limits)
    assert "{" not in made


@pytest.mark.parametrize("template", sorted(MAX_UNITS))
def test_the_lengths_are_those_of_the_design(template: str) -> None:
    """S09, S13 and S20 of domain 4.4 reckon with two or three digits of minutes; its own limits allow four."""
    digits = {"mins": 2 if template == "S09" else 3, "hours": 2}
    limits = ZH.limits | digits | {"house": 6 if template == "S09" else 0}
    assert worst_case(ZH.sms[template], limits) == MAX_UNITS[template]


def test_the_minutes_of_an_offline_day_still_fit() -> None:
    longest = {t: worst_case(ZH.sms[t], ZH.limits) for t in ("S09", "S13", "S20")}
    assert longest == {"S09": 70, "S13": 53, "S20": 53}


@given(
    name=st.text("王李欧阳阿公婆", min_size=1, max_size=4),
    place=st.text(min_size=1, max_size=60).filter(lambda s: "".join(c for c in s if c.isprintable()).strip()),
    device=st.text(min_size=1, max_size=60).filter(lambda s: "".join(c for c in s if c.isprintable()).strip()),
)
def test_a_long_place_or_device_is_cut_and_never_the_name_or_the_instruction(
    name: str, place: str, device: str
) -> None:
    for template, text in ZH.sms.items():
        made = ZH.render_sms(template, WORST | {"name": name, "place": place, "device": device})
        assert units(made) <= SMS_UNITS
        assert name in made or "{name}" not in text
        assert made.endswith(PLACEHOLDER.split(text)[-1] if not text.endswith("{ref}") else "99")


def test_a_place_that_fits_is_not_cut() -> None:
    assert "在一楼卫生间按了" in ZH.render_sms("S01", TYPICAL | {"place": "一楼卫生间"})


@pytest.mark.parametrize(
    ("value", "too_long"),
    [
        ("name", "欧阳阿公公"),
        ("contact", "诸葛大阿姨"),
        ("house", "溪边一二三四号"),
        ("what", "很久没从卫生间出来了"),
        ("kind", "一氧化碳气"),
        ("tel", "0595-856612345"),
    ],
)
def test_a_value_beyond_its_limit_is_an_error_not_half_a_value(value: str, too_long: str) -> None:
    template = next(t for t in ("S01", "S09", "S10", "S05", "S15") if f"{{{value}}}" in ZH.sms[t])
    with pytest.raises(TextTooLong, match=value) as fault:
        ZH.render_sms(template, TYPICAL | {value: too_long})
    assert too_long not in str(fault.value), "the value may be a name, and this text goes to a log"


def test_a_name_of_characters_beyond_the_basic_plane_counts_double() -> None:
    with pytest.raises(TextTooLong):
        ZH.render_sms("S01", TYPICAL | {"name": "𠮷𠮷公"})


# ---- what a value may be


def test_without_a_trusted_clock_nobody_is_told_an_hour() -> None:
    assert "刚才在" in ZH.render_sms("S01", TYPICAL | {"time": None})


@pytest.mark.parametrize("missing", ["name", "place", "ref"])
def test_a_missing_value_is_an_error(missing: str) -> None:
    for absent in (None, ""):
        with pytest.raises(MissingParameter, match=missing):
            ZH.render_sms("S01", TYPICAL | {missing: absent})


@pytest.mark.parametrize(
    ("template", "value", "unfit"),
    [
        ("S01", "time", "8:15"),
        ("S01", "time", "24:00"),
        ("S01", "ref", "117"),
        ("S01", "ref", "x"),
        ("S01", "place", "\n\u200b"),
        ("S01", "name", 7),
        ("S03", "hours", -1),
        ("S03", "hours", True),
        ("S03", "hours", float("nan")),
        ("S03", "hours", 1000),
        ("S13", "mins", 10_000),
        ("S19", "date", "2026-13-01"),
        ("S19", "date", "明天"),
    ],
)
def test_a_value_of_the_wrong_form_is_an_error(template: str, value: str, unfit: object) -> None:
    with pytest.raises(UnfitParameter, match=value):
        ZH.render_sms(template, TYPICAL | {value: unfit})


def test_values_are_written_as_people_read_them() -> None:
    assert "已11小时" in ZH.render_sms("S03", TYPICAL | {"hours": 11.9}), "12 hours must not be claimed of 11.9"
    assert ZH.render_sms("S01", TYPICAL | {"ref": 7}).endswith("编号07")
    assert "截止03月01日" in ZH.render_sms("S19", TYPICAL | {"date": "03-01"})


def test_a_label_cannot_change_the_shape_of_a_message() -> None:
    made = ZH.render_sms("S01", TYPICAL | {"place": "卧\n室{ref}"})
    assert "\n" not in made
    assert "在卧室{ref}按了" in made, "what a value holds is not read as a placeholder"


def test_an_unknown_text_is_an_error() -> None:
    with pytest.raises(UnknownText):
        ZH.render_sms("S99", TYPICAL)
    with pytest.raises(UnknownText):
        ZH.render_prompt("V99", {})
    with pytest.raises(UnknownText):
        ZH.label("colour", "P0")


# ---- what is said


def test_the_elder_hears_that_somebody_comes_only_if_somebody_said_so() -> None:
    assert spoken("V03", coming=True) == "已经联系到女儿，会马上来看您。"
    for not_said in (False, None, "yes", 1):
        assert spoken("V03", coming=not_said) == "已经联系到女儿。"


QUESTIONS: dict[str, tuple[str, str]] = {  # code -> (what its prompt must say, what it must not claim)
    "INACTIVITY": ("没见您走动", ""),
    "BED_ABSENCE": ("没见您走动", ""),
    "NIGHT_EXIT": ("没见您走动", ""),
    "STOVE_ON": ("灶具", "没见您走动"),
    "TEMP_HIGH": ("太热", "没见您走动"),
    "TEMP_LOW": ("太冷", "没见您走动"),
    "WELFARE_MISSED": ("您还好吗", "没见您走动"),
    "VITAL_OUT_OF_RANGE": ("您还好吗", "没见您走动"),
    "ROOM_OVERSTAY": ("您还好吗", "没见您走动"),
    "SMOKE": ("烟雾", "燃气"),
    "HEAT_FIRE": ("着火", "烟雾"),
    "GAS": ("燃气", "一氧化碳"),
    "CO": ("一氧化碳", "燃气"),
}


@pytest.mark.parametrize("code", QUESTIONS)
def test_the_elder_is_told_what_was_found_and_nothing_that_was_not(code: str) -> None:
    """Who stands at the stove was told that nobody had seen her walk; carbon monoxide was called a gas leak."""
    house = House()
    house.controller.desk.found(code, 0, "test", None, {})
    house.wait(61)
    said = [a for a in house.actions if isinstance(a, Say) and a.prompt == CODES[code].ask]
    assert len(said) >= 2, "asked, and asked again"
    says, claims = QUESTIONS[code]
    for say in said:
        words_of_it = ZH.render_prompt(say.prompt, spoken_of(say))
        assert says in words_of_it
        assert not claims or claims not in words_of_it
        if CODES[code].flow is Flow.QUESTION:
            assert words_of_it.endswith("请按绿键报平安。")


def spoken_of(say: Say) -> dict[str, Any]:
    return {**say.params, "contact": "女儿"}


def test_no_other_prompt_promises_that_somebody_comes() -> None:
    promise = re.compile("来看您|会来|马上来|在路上|赶来|救援")
    promising = {prompt for prompt, text in ZH.prompts.items() if promise.search(text)}
    assert promising == {"V03-coming", "V14", "V17"}, "V14 and V17 speak of whoever visits, not of this alarm"


def test_the_fallen_are_told_to_stay_down() -> None:
    assert "不要硬撑" in spoken("V04", fall=True)
    assert "不要硬撑" not in spoken("V04")


def test_a_press_says_how_long_it_can_be_cancelled() -> None:
    assert spoken("V01", n=10) == "已收到呼叫。10秒后通知女儿，没事请按取消键。"
    assert spoken("V01", n=0) == "正在联系女儿，请不要着急。"
    for unfit in (100, -1, "10", None):
        with pytest.raises((UnfitParameter, MissingParameter)):
            spoken("V01", n=unfit)


def test_with_no_contact_named_the_prompt_still_reads_well() -> None:
    assert ZH.render_prompt("V01", {"n": 10}) == "已收到呼叫。10秒后通知家人，没事请按取消键。"
    assert ZH.render_prompt("V14", {}) == "设备快没电了，请告诉来看您的人。"


def test_no_sms_tells_an_address_an_id_a_diagnosis_or_an_outcome() -> None:
    outcomes = set(ZH.labels["outcome"].values()) - {ZH.label("outcome", "TEST")}  # S17 says that it is a test
    private = {
        "地址",
        "住址",
        "身份证",
        "病",
        "住院",
        "医院",
        "药",
        "低保",
        "失能",
        "残",
        "收入",
        "独居",
        "孤寡",
        "去世",
        "死",
    }
    for template, text in [*ZH.sms.items(), *ZH.whats.items()]:
        assert not [word for word in outcomes | private if word in text], template


def test_every_text_that_asks_for_an_answer_says_how_and_bears_its_number() -> None:
    asking = {t for t, text in ZH.sms.items() if "能去回1，去不了回2" in text}
    assert asking == {"S01", "S02", "S03", "S04", "S05", "S05-gas", "S06", "S07", "S08", "S09", "S22", "S-bare"}
    no_alarm = [t for t in ZH.sms if t.startswith(("S23", "S24"))]  # the daily line and the roll call: no reference
    without = [t for t, text in ZH.sms.items() if not text.endswith("编号{ref}")]
    assert sorted(without) == sorted(["S21-ref", "S-bare", *no_alarm])
    assert all(text.startswith("【居家守护】") for text in ZH.sms.values())


# ---- every code has its words, in both languages


@pytest.mark.parametrize("catalogue", [ZH, EN], ids=["zh_CN", "en"])
def test_every_code_state_severity_and_outcome_has_its_words(catalogue: words.Catalogue) -> None:
    assert set(catalogue.labels["code"]) == set(CODES)
    assert set(catalogue.whats) == set(CODES)
    assert set(catalogue.labels["severity"]) == set(Severity)
    assert set(catalogue.labels["state"]) == set(State)
    assert set(catalogue.labels["outcome"]) == {*Outcome, TEST_UNANSWERED}
    assert {c.template for c in CODES.values() if c.template} <= set(catalogue.sms)
    assert {c.ask for c in CODES.values() if c.ask} <= set(catalogue.prompts)


def test_both_languages_have_the_same_keys_and_placeholders() -> None:
    def shape(catalogue: words.Catalogue) -> dict[str, dict[str, list[str]]]:
        tables = {
            "sms": catalogue.sms, "prompts": catalogue.prompts, "words": catalogue.words, "kinds": catalogue.kinds,
            "whats": catalogue.whats, "reasons": catalogue.reasons, **catalogue.labels,
        }  # fmt: skip
        return {t: {k: sorted(PLACEHOLDER.findall(v)) for k, v in rows.items()} for t, rows in tables.items()}

    assert shape(EN) == shape(ZH)


def test_labels_and_sentences() -> None:
    assert words.label("code", "CALL_FIXED") == "固定按钮呼叫"
    assert words.label("state", "UNANSWERED") == "无人接手"
    assert words.label("code", "OF_A_NEWER_VERSION") == "OF_A_NEWER_VERSION"
    assert words.what("ROOM_OVERSTAY") == "很久没从卫生间出来"
    assert words.what("OF_A_NEWER_VERSION") == "触发了报警"
    assert words.reason("no_activity", {"limit_h": 12.0}) == "已12小时没有动静"
    assert words.reason("no_activity", {"hours": 24}, "en") == "no movement for 24 hours"
    assert words.reason("of_a_newer_version", {}) == "of_a_newer_version"


def test_every_location_can_stand_as_a_place() -> None:
    assert {k: v for k, v in ZH.labels["location"].items() if units(v) > LIMITS["place"]} == {}


# ---- a bad catalogue is refused whole


def test_a_catalogue_that_could_overflow_is_refused_at_load(document: dict[str, Any]) -> None:
    document["sms"]["S09"] += "。谢谢"
    with pytest.raises(BadCatalogue, match=r"sms\.S09: 73 units at worst"):
        words.read("zh_CN", document)


def test_every_problem_of_a_catalogue_is_named(document: dict[str, Any]) -> None:
    document["sms"]["S01"] = "{name}{adress}"
    document["prompts"]["V01"] = "{tel}"
    document["what"]["FALL"] = "在卫生间里面摔倒了吗"
    del document["prompts"]["V03-coming"]
    document["words"]["family"] = "家里的亲人"
    with pytest.raises(BadCatalogue) as refused:
        words.read("zh_CN", document)
    assert refused.value.problems == [
        "sms.S01: unknown adress",
        "prompts.V03-coming is missing",
        "prompts.V01: unknown tel",
        "what.FALL: 10 units, at most 9",
        "words.family: 5 units, at most 4",
    ]


@pytest.mark.parametrize("table", ["sms", "labels", "limits", "words", "meta"])
def test_a_catalogue_without_a_table_is_refused(document: dict[str, Any], table: str) -> None:
    del document[table]
    with pytest.raises(BadCatalogue, match=rf"\[{table}\] is missing"):
        words.read("zh_CN", document)


def test_a_catalogue_of_the_wrong_types_is_refused(document: dict[str, Any]) -> None:
    document["sms"]["S01"] = 7
    document["labels"]["code"] = "x"
    document["limits"]["what"] = "nine"
    del document["words"]["desk"]
    del document["meta"]["date"]
    with pytest.raises(BadCatalogue) as refused:
        words.read("zh_CN", document)
    assert len(refused.value.problems) == 5


def test_the_golden_texts() -> None:
    assert golden_text() == GOLDEN.read_text(encoding="utf-8"), "renew: .venv/bin/python tests/unit/test_words.py"


if __name__ == "__main__":
    GOLDEN.write_text(golden_text(), encoding="utf-8")
    print(f"wrote {GOLDEN}")
