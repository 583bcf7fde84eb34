"""What fuzzing found, one test a finding, so that it stays mended."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from gateway.actions import from_json
from gateway.alarms.life import Book, event_from_json
from gateway.bounds import MAX_NEST, untamed, within
from gateway.clock import host_sources
from gateway.controller import BadSnapshot, Controller
from gateway.home.changes import changed, empty
from gateway.home.model import BadHome
from gateway.home.reader import MAX_PROBLEMS
from gateway.journal import OutboxRow, Recovered
from gateway.journal.encoding import ActionRow, BadRow, dump, read_action, read_log, read_message
from gateway.observations import BadObservation, Kind, Observation
from gateway.receiver.reading import read
from gateway.receiver.store import Message, Store
from gateway.recording import read_header
from gateway.runtime.awakening import awaken
from gateway.upstream.messages import BadMessage, upward

DEEP = "[" * 700 + "]" * 700  # json.loads takes it; deepcopy does not, and str does not on a deeper stack
OPENED: dict[str, Any] = {
    "alarm": 1, "t": 5000, "what": "opened", "reason": "pressed", "state": "DETECTED",
    "patch": {"code": "CALL_FIXED", "severity": "P0", "device": "b", "room": None, "evidence": {}},
}  # fmt: skip
RECORDING = '{"recording":1,"devices":[{"id":"b","kind":"button"}]}'


def test_a_nest_that_python_can_parse_but_not_repeat_is_refused_everywhere() -> None:
    with pytest.raises(BadMessage, match="nested"):
        read("hw/v1/s/g/up/state", f'{{"state":"ONLINE","boot":{DEEP}}}'.encode())
    with pytest.raises(BadHome, match="nested"):
        changed(empty(), json.loads(f'[{{"op":"set","table":"rooms","id":"a","values":{{"label":{DEEP}}}}}]'))
    with pytest.raises(BadObservation, match="kind"):
        read_header(RECORDING).read(f'{{"at":"2026-03-01T08:00:00+08:00","kind":{DEEP}}}')
    with pytest.raises(BadRow):
        read_action(ActionRow(1, 0, None, "say", 5, f'{{"kind":{DEEP}}}'.encode()))


def test_many_bad_changes_make_a_short_error() -> None:
    with pytest.raises(BadHome) as caught:
        changed(empty(), [1e308] * 256)
    assert len(caught.value.problems) == MAX_PROBLEMS + 1
    assert len(str(caught.value)) < 16_000


def test_half_an_emoji_does_not_stop_the_platform_for_good() -> None:
    """It opened a transaction, failed to write and left it open: every later message of every home was refused."""
    payload = b'{"gateway":"g","epoch":"e","seq":1,"reason":"\\ud83d"}'
    with pytest.raises(BadMessage, match="surrogate"):
        read("hw/v1/s/g/up/event", payload)
    store = Store(":memory:")
    with pytest.raises(UnicodeEncodeError):
        store.add([Message("s", "g", "e", 1, "event", {"reason": "\ud83d"})], "now")
    assert store.add([Message("s", "g", "e", 2, "event", {})], "now") == [True]


def test_half_an_emoji_in_a_recording_is_printed_escaped() -> None:
    tape = read_header(RECORDING)
    for line in (
        {"at": "2026-03-01T08:00:00+08:00", "kind": "button", "value": "press", "device": "b"},
        {"at": "2026-03-01T08:01:00+08:00", "kind": "reply", "value": {"contact": "\ud83d", "answer": "1"}},
    ):
        observation = tape.read(json.dumps(line))
        assert tape.controller is not None
        for event in tape.controller.handle(observation).events:
            (tape.line_of(event, tape.controller.book) or "").encode()
    from gateway.recording import observation_line

    again = observation_line(observation, tape.controller.wall_ms(observation.t), tape.tz)
    assert json.loads(again.encode())["value"]["contact"] == "\ud83d"


@pytest.mark.parametrize(
    "change",
    [
        lambda e: [e],
        lambda e: {**e, "alarm": float("inf")},
        lambda e: {**e, "t": float("inf")},
        lambda e: {**e, "t": 1 << 60},
        lambda e: {**e, "patch": []},
        lambda e: {**e, "patch": {}},
        lambda e: {**e, "patch": {**e["patch"], "code": "NO_SUCH"}},
        lambda e: {**e, "patch": {**e["patch"], "evidence": 5}},
        lambda e: {**e, "patch": {**e["patch"], "told": "c1"}},
        lambda e: {**e, "timers": {"next": "soon"}},
        lambda e: {**e, "timers": {"repeat": -(1 << 40)}},  # ran through 34 years of repeats: 280 s
        lambda e: {**e, "state": []},
    ],
)
def test_a_recorded_event_of_the_wrong_shape_is_refused(change: Callable[[dict[str, Any]], Any]) -> None:
    assert event_from_json(OPENED).alarm == 1
    with pytest.raises(BadObservation):
        event_from_json(change(OPENED))


def test_a_field_of_a_newer_version_is_no_damage() -> None:
    newer = {**OPENED, "patch": {**OPENED["patch"], "mood": [1]}}
    book = Book()
    assert book.apply(event_from_json(newer)) is not None


@pytest.mark.parametrize(
    "row",
    [
        [],
        {"kind": ["publish"]},
        {"kind": "publish", "key": "k", "channel": ["alarm"], "body": {}, "severity": "P0"},
        {"kind": "publish", "key": "k", "channel": "alarm", "body": 5, "severity": "P0"},
        {"kind": "publish", "key": "k", "channel": "alarm", "body": {"a": "\ud83d"}, "severity": "P0"},
        {"kind": "text", "key": "k", "contact": "c1", "template": "S01", "params": [], "alarm": 1, "severity": "P0"},
        {"kind": "lamp", "key": "k", "pattern": "off", "alarm": "1"},
        {"kind": "lamp", "key": "k"},
    ],
)
def test_an_action_of_the_wrong_shape_is_refused(row: Any) -> None:
    with pytest.raises(BadObservation):
        from_json(row)
    with pytest.raises(BadRow):
        read_message(ActionRow(1, 0, 7, "publish", 5, dump(row)))


def test_what_is_read_as_a_message_can_be_sent() -> None:
    body = {"kind": "publish", "key": "k", "channel": "no-such", "body": {"a": 1}, "severity": "?", "alarm": None}
    message = read_message(ActionRow(1, 0, 7, "publish", 5, dump(body)))
    assert isinstance(message, OutboxRow)
    assert upward(message, gateway="g", epoch="e", late=False)[0] == "event"


@pytest.mark.parametrize(
    "change", [{"wall": [1]}, {"device": []}, {"key": 5}, {"trust": 5}, {"events": ["x"]}, {"events": 5}, {"kind": []}]
)
def test_a_log_row_of_the_wrong_shape_is_refused(change: dict[str, Any]) -> None:
    row = {"kind": "tick", "value": None, "wall": 5, "trust": "NTP", "events": []}
    assert read_log(5, dump(row))[2].wall_ms == 5
    with pytest.raises(BadRow):
        read_log(5, dump({**row, **change}))


@pytest.mark.parametrize(
    "change",
    [
        {"t": float("inf")},
        {"t": 1 << 60},
        {"offset_ms": -(1 << 53)},  # the year -283401: the next press stopped the heart
        {"keys": [[]]},
        {"book": {"next": 1, "alarms": [{"number": 1, "timers": 5}]}},
        {"book": {"next": [], "alarms": []}},
    ],
)
def test_a_snapshot_that_could_not_be_lived_on_is_refused(change: dict[str, Any]) -> None:
    snapshot = Controller(t=5, offset_ms=1_772_324_130_000).to_json()
    assert Controller.from_json(snapshot).t == 5
    with pytest.raises(BadSnapshot):
        Controller.from_json({**snapshot, **change})


def test_a_condition_nobody_knows_and_a_timer_of_the_past_do_not_stop_a_snapshot() -> None:
    snapshot = Controller(t=5, offset_ms=1_772_324_130_000).to_json()
    snapshot["rules"]["technical"] = {"on": [["NO_SUCH", ""]], "waiting": [["NO_SUCH", "", 9], ["UPLINK_LOST", "", 9]]}
    book = Book()
    book.apply(event_from_json({**OPENED, "t": 0, "state": "RAISED", "timers": {"repeat": 1}}))
    snapshot["book"] = book.to_json()
    snapshot["t"] = 86_400_000
    made = Controller.from_json(snapshot)
    assert made.book.alarms[1].timers == {"repeat": 86_400_000}
    made.handle(Observation(Kind.CONDITION, {"code": "UPLINK_LOST", "on": False}, 86_400_001))


def test_lost_devices_that_are_no_texts_do_not_stop_the_next_snapshot() -> None:
    snapshot = Controller(t=5, offset_ms=1_772_324_130_000).to_json()
    snapshot["rules"]["inactivity"]["lost"] = ["a", 1]
    assert Controller.from_json(snapshot).to_json()["rules"]["inactivity"]["lost"] == ["1", "a"]


def test_a_row_of_another_version_does_not_keep_the_gateway_down() -> None:
    """Its checksum is right and it is well-formed, but this version cannot take its value."""
    tail = [(Observation(Kind.CLOCK, "RTC", 5), ()), (Observation(Kind.TICK, None, 7), (OPENED,))]
    awake = awaken(Recovered(None, tail, 2, [], {}, None, False), host_sources())
    assert any("ROW_UNREADABLE: clock: AttributeError" in p for p in awake.problems)
    assert awake.controller.book.alarms[1].code == "CALL_FIXED"  # what came after it still counts


def test_bounds_know_the_difference() -> None:
    nest: Any = []
    for _ in range(MAX_NEST - 1):
        nest = [nest]
    assert untamed(nest) is None
    assert untamed([nest]) is not None
    assert untamed({"\ud83d": 1}) is not None
    assert untamed("王😀") is None
    assert within({"a": [1, -2, True, None, "x"]}, 2)
    assert not within([float("nan")], 2)
    assert not within({"a": {"b": 3}}, 2)
