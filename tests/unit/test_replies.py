"""What a contact's SMS means: an acceptance stops the chain, so only what is one counts as one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alarms.replies import MAX_REPLY_CHARS, OTHER, Reply, parse_reply


@pytest.mark.parametrize(
    "text", ["1", "１", "一", " 1 ", "1。", "1！", "\n1\r\n", "“1”", "1~", "１．", "1️⃣", "\ufeff1\u200b"]
)
def test_one_accepts_however_it_is_typed(text: str) -> None:
    assert parse_reply(text) == Reply("1")


@pytest.mark.parametrize("text", ["2", "２", "二", "　2　", "2.", "(2)"])
def test_two_declines_however_it_is_typed(text: str) -> None:
    assert parse_reply(text) == Reply("2")


@pytest.mark.parametrize(
    "text", ["1 17", "1#17", "1＃17", "1，17", "1-17", "117", "１１７", "一17", "1编号17", "1 编号: 17", "1号17。"]
)
def test_the_number_of_the_alarm_may_follow_with_or_without_a_separator(text: str) -> None:
    assert parse_reply(text) == Reply("1", "17")


def test_a_reference_of_one_digit_needs_a_separator() -> None:
    assert parse_reply("2 7") == Reply("2", "07")
    assert parse_reply("207") == Reply("2", "07")
    assert parse_reply("27") == OTHER
    assert parse_reply("17") == OTHER, "that is the number of an alarm alone: neither yes nor no"


@pytest.mark.parametrize("number", ["110", "119", "120", "122", "112", "120！"])
def test_a_bare_emergency_number_is_advice_and_no_acceptance(number: str) -> None:
    assert parse_reply(number) == OTHER


def test_alarm_20_is_accepted_with_a_separator() -> None:
    assert parse_reply("1 20") == Reply("1", "20")


@pytest.mark.parametrize("text", ["到了？", "到了?", "我到了吗", "到家了吗？", "？到了", "Arrived?"])
def test_who_asks_whether_somebody_is_there_is_not_there(text: str) -> None:
    assert parse_reply(text).answer == "other"


@pytest.mark.parametrize("text", ["到了", "我到了", "已到", "我已经到了。", " 到家了！", "到", "Arrived"])
def test_who_is_there_says_so(text: str) -> None:
    assert parse_reply(text) == Reply("arrived")
    assert parse_reply(f"{text.strip().rstrip('。！')} 17") == Reply("arrived", "17")


@pytest.mark.parametrize("text", ["收到", "收到了", "马上到", "还没到", "到了再说", "到不了", "快到了", "到了吗"])
def test_who_is_on_the_way_or_has_only_read_it_is_not_there(text: str) -> None:
    assert parse_reply(text) == OTHER


def test_both_keys_are_no_answer_but_alarm_2_can_be_named() -> None:
    assert parse_reply("1 02") == Reply("1", "02")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "好的",
        "我去",
        "回1",
        "1马上到",
        "11",
        "12",
        "3",
        "0",
        "1 117",
        "1 1 7",
        "一一",
        "二十",
        "1½",
        "²",
        "1,2",
        "1/2",
        "2 1",
        "yes",
    ],
)
def test_anything_else_is_other(text: str) -> None:
    assert parse_reply(text) == OTHER


def test_a_long_message_is_not_read() -> None:
    assert parse_reply("1" + " " * MAX_REPLY_CHARS) == OTHER
    assert parse_reply("1" * 1_000_000) == OTHER


@given(st.text(max_size=60))
def test_nothing_raises_and_an_answer_needs_its_digit(text: str) -> None:
    reply = parse_reply(text)
    assert reply.answer in ("1", "2", "other")
    assert reply.ref is None or (len(reply.ref) == 2 and reply.ref.isdecimal() and reply.ref.isascii())
    if reply.answer != "other":
        assert any(c in text for c in {"1": "1１一", "2": "2２二"}[reply.answer])


@given(st.text(" 12１２一二#，.编号017", max_size=12))
def test_an_answer_with_a_reference_reads_the_same_with_blanks_around(text: str) -> None:
    assert parse_reply(f" {text} ") == parse_reply(text)
