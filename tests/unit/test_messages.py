"""The platform's wire: what we say stays within its bounds, what we hear can do no harm."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alarms.words import explain
from gateway.upstream import messages
from gateway.upstream.messages import BadMessage, Received, Stage, StageReached, StaleEpoch, Topics

EPOCH = "9f86d081884c7d65"


@dataclass
class Row:
    seq: int = 7
    prio: int = 0
    channel: str = "alarm"
    body: dict[str, Any] = field(default_factory=dict)
    severity: str = "P0"
    created_t: int = 0


def said(row: Row, late: bool = False) -> dict[str, Any]:
    _, payload = messages.upward(row, gateway="g1", epoch=EPOCH, late=late)
    return json.loads(payload)


ALARM = {
    "at": "2026-03-01T00:15:30.000Z", "delayed": False, "test": False, "alarm": 17, "code": "CALL_FIXED",
    "severity": "P0", "state": "RAISED", "device": "hall-button", "room": "hall", "reason": "pressed",
}  # fmt: skip


def test_topics_are_the_contract():
    topics = Topics("jinjiang", "gw-0001")
    assert topics.up("alarm") == "hw/v1/jinjiang/gw-0001/up/alarm"
    assert topics.down("ack") == "hw/v1/jinjiang/gw-0001/down/ack"
    assert messages.parse_up_topic(topics.up("state")) == ("jinjiang", "gw-0001", "state")


@pytest.mark.parametrize("name", ["", "a b", "a.b", "A", "+", "#", "a/b", "x" * 65, "门", None])
def test_a_name_no_broker_carries_unharmed_is_refused(name):
    with pytest.raises(BadMessage):
        Topics("site", name)
    with pytest.raises(BadMessage):
        Topics(name, "gateway")


@pytest.mark.parametrize("topic", ["", "hw/v1/s/g/up", "hw/v1/s/g/down/ack", "hw/v2/s/g/up/alarm", "hw/v1/s/g/up/a/b"])
def test_a_topic_that_is_not_of_a_gateway_is_refused(topic):
    with pytest.raises(BadMessage):
        messages.parse_up_topic(topic)


def test_an_alarm_carries_its_row_and_its_name():
    why = explain(ALARM["code"], ALARM.get("evidence", {}))
    assert said(Row(body=ALARM)) == {**ALARM, "gateway": "g1", "epoch": EPOCH, "seq": 7, "why": why}


def test_the_row_cannot_pass_for_another_gateways():
    body = said(Row(body={**ALARM, "gateway": "g2", "epoch": "other", "seq": 1}))
    assert (body["gateway"], body["epoch"], body["seq"]) == ("g1", EPOCH, 7)


def test_what_is_known_to_be_delayed_stays_delayed():
    assert said(Row(body={**ALARM, "delayed": True}))["delayed"] is True
    assert said(Row(body=ALARM), late=True)["delayed"] is True
    assert said(Row(body=ALARM))["delayed"] is False


def test_an_event_without_its_own_marks_still_has_all_the_contract_asks_for():
    body = said(Row(channel="event", body={"code": "MAINS_FAIL"}))
    assert {"gateway", "epoch", "seq", "at", "delayed", "test"} <= body.keys()


def test_an_unknown_channel_is_an_event_and_not_a_topic_of_its_own():
    channel, _ = messages.upward(Row(channel="../state"), gateway="g1", epoch=EPOCH, late=False)
    assert channel == "event"


@given(
    st.dictionaries(
        st.text(max_size=10),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=900),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
            max_leaves=8,
        ),
        max_size=12,
    )
)
def test_an_alarm_always_goes_and_never_over_1_kib(extra):
    _, payload = messages.upward(Row(body={**ALARM, **extra}), gateway="g" * 64, epoch="e" * 64, late=True)
    body = json.loads(payload)
    assert len(payload) <= 1024
    assert (body["gateway"], body["epoch"], body["seq"], body["delayed"]) == ("g" * 64, "e" * 64, 7, True)


def test_an_alarm_that_is_cut_says_so_and_keeps_what_a_neighbour_on_foot_needs():
    body = said(Row(body={**ALARM, "reason": "长" * 600, "evidence": ["x" * 500] * 9}))
    assert body["cut"] is True
    assert (body["code"], body["room"], body["device"], body["alarm"]) == ("CALL_FIXED", "hall", "hall-button", 17)
    assert body["reason"].startswith("长长")


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=200) | st.integers(-(2**53), 2**53), max_size=30))
def test_a_heartbeat_is_never_over_300_bytes(body):
    payload = messages.heartbeat(body, gateway="gw-0001", epoch=EPOCH)
    assert len(payload) <= 300
    assert isinstance(json.loads(payload), dict)


def test_a_heartbeat_that_fits_is_sent_whole():
    body = {"v": 1, "up_s": 3600, "pwr": "MAINS", "open_alarms": 0, "q_depth": 0}
    assert json.loads(messages.heartbeat(body, gateway="g1", epoch=EPOCH)) == {"gateway": "g1", "epoch": EPOCH, **body}


def test_birth_and_will_name_the_life_they_speak_of():
    assert json.loads(messages.state(True, "b1")) == {"state": "ONLINE", "boot": "b1"}
    assert json.loads(messages.state(False, "b1")) == {"state": "OFFLINE", "boot": "b1"}


def test_received_names_rows():
    assert messages.parse_ack(messages.received(EPOCH, [1, 2, 2, 9]), EPOCH) == Received((1, 2, 9))


def test_a_received_of_another_journal_is_stale_and_not_merely_bad():
    with pytest.raises(StaleEpoch):
        messages.parse_ack(messages.received("0000", [1]), EPOCH)


@pytest.mark.parametrize("alarm", [17, "17"])
def test_a_persons_word_names_an_alarm_by_its_number(alarm):
    payload = messages.stage_reached(alarm, Stage.ACCEPTED, "desk-3")
    assert messages.parse_ack(payload, EPOCH) == StageReached(17, Stage.ACCEPTED, "desk-3", None)


def test_a_persons_word_about_another_journals_alarm_is_stale():
    payload = messages.stage_reached(17, Stage.ACCEPTED, "desk-3", epoch="0000")
    with pytest.raises(StaleEpoch):
        messages.parse_ack(payload, EPOCH)


def test_only_a_known_outcome_closes():
    payload = messages.stage_reached(17, Stage.CLOSED, "desk-3", "HELPED")
    assert messages.parse_ack(payload, EPOCH) == StageReached(17, Stage.CLOSED, "desk-3", "HELPED")
    for outcome in (None, "SOLVED", 1, []):
        with pytest.raises(BadMessage, match="outcome"):
            messages.parse_ack(
                json.dumps({"alarm": 1, "stage": "CLOSED", "by": "d", "outcome": outcome}).encode(), EPOCH
            )


BAD_ACKS = [
    b"", b"null", b"[]", b"{}", b"\xff\xfe", b"{", b"1" * 5000, b"[" * 9000, b'{"a":' * 3000, b"x" * 16385,
    b'{"stage":"RECEIVED"}', b'{"stage":"RECEIVED","epoch":1,"seq":[1]}', b'{"stage":"RECEIVED","epoch":"","seq":[1]}',
    b'{"stage":["RECEIVED"],"epoch":"E","seq":[1]}', b'{"stage":"ACCEPTED"}', b'{"stage":"ACCEPTED","alarm":1}',
    b'{"stage":"ACCEPTED","alarm":true,"by":"d"}', b'{"stage":"ACCEPTED","alarm":[1],"by":"d"}',
    b'{"stage":"ACCEPTED","alarm":-1,"by":"d"}', b'{"stage":"ACCEPTED","alarm":1,"by":""}',
    b'{"stage":"ACCEPTED","alarm":1,"by":"a\\u0000b"}', b'{"stage":"SILENCED","alarm":1,"by":"d"}',
]  # fmt: skip


@pytest.mark.parametrize("payload", BAD_ACKS, ids=range(len(BAD_ACKS)))
def test_a_bad_acknowledgement_is_a_bad_message_and_nothing_else(payload):
    with pytest.raises(BadMessage):
        messages.parse_ack(payload, EPOCH)


@pytest.mark.parametrize("seq", [[], [0], [-1], [True], [1.5], ["1"], [None], [2**53], list(range(1, 1030)), {}, "1"])
def test_rows_are_positive_whole_numbers_and_not_too_many(seq):
    payload = json.dumps({"stage": "RECEIVED", "epoch": EPOCH, "seq": seq}).encode()
    with pytest.raises(BadMessage):
        messages.parse_ack(payload, EPOCH)


@given(st.binary(max_size=400))
def test_no_bytes_make_the_reader_raise_anything_else(payload):
    for parse in (messages.parse_ack, messages.parse_command):
        try:
            parse(payload, EPOCH)
        except BadMessage:
            continue


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=20,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "stage": st.sampled_from(Stage) | _json, "epoch": st.just(EPOCH) | _json,
            "seq": st.lists(st.integers()) | _json,
            "alarm": _json, "by": _json, "outcome": _json, "cmd": st.sampled_from(["ping", "ota"]) | _json, "id": _json,
        },
    )
)  # fmt: skip
def test_no_json_makes_the_reader_return_anything_out_of_bounds(body):
    payload = json.dumps(body).encode()
    try:
        word = messages.parse_ack(payload, EPOCH)
    except BadMessage:
        pass
    else:
        if isinstance(word, Received):
            assert all(type(seq) is int and 0 < seq < 2**53 for seq in word.seqs)
        else:
            assert word.stage is not Stage.RECEIVED
            assert 0 < len(word.by) <= 64
    try:
        command = messages.parse_command(payload, EPOCH)
    except BadMessage:
        return
    assert command["cmd"].isascii()


def test_a_command_is_a_word_with_what_belongs_to_it():
    command = {"cmd": "ping", "id": "n-1", "nonce": "42"}
    assert messages.parse_command(json.dumps(command).encode(), EPOCH) == command


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"cmd": 1},
        {"cmd": "Disarm All"},
        {"cmd": "x" * 33},
        {"cmd": "ping", "id": 3},
        {"cmd": "ping", "epoch": "0000"},
    ],
)
def test_a_command_that_is_none_or_of_another_journal_is_refused(body):
    with pytest.raises(BadMessage):
        messages.parse_command(json.dumps(body).encode(), EPOCH)


def test_a_command_may_not_be_deep():
    deep: dict[str, Any] = {"cmd": "ping"}
    inner = deep
    for _ in range(20):
        inner["x"] = {}
        inner = inner["x"]
    with pytest.raises(BadMessage, match="deep"):
        messages.parse_command(json.dumps(deep).encode(), EPOCH)
