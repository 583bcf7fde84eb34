"""What topics of a home's broker mean: tables, identities, refusals, and any bytes at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import MapConfig
from gateway.drivers.local_mqtt.heard import Heard, Message
from gateway.drivers.local_mqtt.mapping import Mapped
from gateway.drivers.local_mqtt.payload import MAX_BODY_BYTES, Malformed, identity, read_json
from gateway.drivers.local_mqtt.registered import Registered
from gateway.drivers.local_mqtt.states import MAX_STRANGERS, States
from gateway.drivers.local_mqtt.topics import matches
from gateway.home.model import read_home
from gateway.observations import LIFE_SAFETY, Kind, Report, check_id, check_value

HOME: dict[str, Any] = {
    "devices": [
        {"id": "bedside", "kind": "button", "address": "AA:BB:CC:00:00:01"},
        {"id": "pir", "kind": "motion"},
        {"id": "door", "kind": "contact"},
    ]
}
REGISTERED = Registered(read_home(HOME))


def hear(row: MapConfig, body: Any, topic: str = "home/x", **more: Any) -> Heard:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    heard = Mapped((row,), REGISTERED, States(REGISTERED)).hear(Message(topic, payload, **more))
    assert heard is not None
    return heard


def said(row: MapConfig, body: Any, **more: Any) -> Any:
    """The one value that was understood, or the word that was counted."""
    heard = hear(row, body, **more)
    return heard.reports[0].value if heard.reports else heard.counts[0]


def test_the_documented_example() -> None:
    row = MapConfig(topic="home/button", kind="button", value_field="action")
    heard = hear(row, {"id": 7, "action": "press"}, topic="home/button")
    assert heard.reports == (Report(Kind.BUTTON, "press", "home/button", "mqtt:home/button:7"),)


@pytest.mark.parametrize(
    ("action", "gesture"),
    [
        ("press", "press"), ("single", "press"), ("double", "double"), ("tripple", "triple"), ("hold", "hold"),
        ("long_press", "long"), ("1_double", "double"), ("whatever", "press"), (1, "press"), (True, "press"),
    ],
)  # fmt: skip
def test_any_word_on_a_call_topic_is_a_call(action: object, gesture: str) -> None:
    assert said(MapConfig(topic="home/x", kind="button", value_field="a"), {"a": action}) == gesture


@pytest.mark.parametrize("action", ["", None, False, 0])
def test_a_released_button_calls_nobody(action: object) -> None:
    row = MapConfig(topic="home/x", kind="button", value_field="a")
    assert said(row, {"a": action}) == "released"
    assert said(row, {"id": 1}) == "press"  # but one that says nothing of it does


@pytest.mark.parametrize(
    ("row", "body", "value"),
    [
        ({"kind": "motion"}, {"id": 3}, True),
        ({"kind": "motion"}, {}, True),
        ({"kind": "motion"}, False, False),
        ({"kind": "motion"}, "on", True),
        ({"kind": "motion", "value_field": "s"}, {"s": "OFF"}, False),
        ({"kind": "motion", "value_field": "s"}, {"t": 1}, "no_value"),
        ({"kind": "motion", "value_field": "s"}, {"s": [1]}, "wrong_type"),
        ({"kind": "motion", "value_field": "s"}, {"s": "perhaps"}, "wrong_type"),
        ({"kind": "motion", "value_field": "a.b"}, {"a": {"b": 1}}, True),
        ({"kind": "motion", "value_field": "a.b"}, {"a": 1}, "no_value"),
        ({"kind": "contact", "value_field": "s"}, {"s": "open"}, "open"),
        ({"kind": "contact", "value_field": "s"}, {"s": True}, "wrong_type"),
        ({"kind": "contact", "value_field": "s", "values": ("true=closed", "false=open")}, {"s": False}, "open"),
        ({"kind": "contact", "value_field": "s", "values": ("1=open",)}, {"s": 2}, "unknown_word"),
        ({"kind": "button", "value_field": "s", "values": ("1=double", "0=long")}, {"s": 0}, "long"),
        ({"kind": "button", "value_field": "s", "values": ("1=double",)}, {"s": "x"}, "press"),
        ({"kind": "temperature", "value_field": "t"}, {"t": "21.5"}, 21.5),
        ({"kind": "temperature", "value_field": "t"}, {"t": 1e9}, "bad_value"),
        ({"kind": "temperature", "value_field": "t"}, {"t": "warm"}, "wrong_type"),
        ({"kind": "temperature", "value_field": "t"}, {"t": True}, "wrong_type"),
        ({"kind": "temperature"}, 21.5, 21.5),
        ({"kind": "temperature"}, {}, "no_value"),
        ({"kind": "power", "format": "text"}, b" 113.5\n", 113.5),
        ({"kind": "light", "format": "text"}, b"ON", True),
        ({"kind": "light", "format": "text"}, b"x" * 300, "too_long"),
        ({"kind": "smoke", "value": "true"}, {"anything": 1}, True),
        ({"kind": "button"}, None, "wrong_type"),
        ({"kind": "button"}, [1], "wrong_type"),
    ],
)
def test_values(row: dict[str, Any], body: Any, value: object) -> None:
    found = said(MapConfig(topic="home/x", **row), body)
    assert (found, type(found)) == (value, type(value))


def test_the_device_is_fixed_or_named_in_the_message_or_the_topic_itself() -> None:
    def device(body: Any, topic: str = "home/x", **row: Any) -> object:
        heard = hear(MapConfig(topic="home/+", kind="button", **row), body, topic=topic)
        return heard.reports[0].device if heard.reports else heard.counts[0]

    assert device({}, device="bedside") == "bedside"
    assert device({"d": "aa:bb:cc:00:00:01"}, device_field="d") == "bedside"  # by address
    assert device({"d": "pir"}, device_field="d") == "pir"
    assert device({"d": 12}, device_field="d") == "12"  # nobody registered it: better asked than missed
    assert device({}, topic="home/kitchen") == "home/kitchen"
    assert device({"d": "有人"}, device_field="d") == "bad_value"
    assert device({}, device_field="d") == "bad_value"
    assert device({}, topic="home/厨房") == "bad_value"


def test_identities() -> None:
    row = MapConfig(topic="home/x", kind="button", key_field="m.n")

    def key(body: Any, **more: Any) -> str | None:
        return hear(row, body, **more).reports[0].key

    assert key({"m": {"n": "a-1"}}) == "mqtt:home/x:a-1"
    assert key({"m": {"n": 7.5}}) == "mqtt:home/x:7.5"
    long, other = key({"m": {"n": "茶" * 99}}), key({"m": {"n": "茶" * 98}})
    assert long != other
    assert long is not None and len(long) < 30  # noqa: PT018
    assert key({"m": {"n": "\ud800"}})  # half a character: no key may upset the journal
    assert said(row, {"m": {"n": True}}) == "wrong_type"
    assert key({}, mid=0) is None  # QoS 0 repeats nothing
    again = [key({}, mid=9), key({}, mid=9)]
    assert again[0] == again[1] != key({}, mid=10)
    assert identity("t", "") is None
    motion = hear(MapConfig(topic="home/x", kind="motion"), {"id": 1})
    assert motion.reports[0].key is None  # only what is asked about needs one


def test_a_device_that_repeats_itself_is_heard_when_it_changes() -> None:
    row = MapConfig(topic="home/x", kind="smoke", value_field="s", repeats=True)
    states = States(REGISTERED)
    mapped = Mapped((row,), REGISTERED, states)

    def tell(value: bool, retain: bool = False) -> list[object]:
        heard = mapped.hear(Message("home/x", json.dumps({"s": value}).encode(), retain))
        assert heard is not None
        return [(str(r.kind), r.value) for r in heard.reports]

    assert tell(True, retain=True) == []
    assert tell(True) == [("smoke", True)]  # said live for the first time
    assert tell(True) == [("seen", None)]
    assert tell(False, retain=True) == []
    assert tell(False) == [("seen", None)]
    assert tell(True) == [("smoke", True)]
    again = States(REGISTERED, dict([states.memory("home/x")]))
    assert again.get("home/x", "home/x") is True


def test_strangers_on_a_mapped_topic_are_remembered_up_to_a_bound_and_hide_nobody() -> None:
    row = MapConfig(topic="tele/#", kind="motion", device_field="dev", value_field="on", repeats=True)
    states = States(REGISTERED)
    mapped = Mapped((row,), REGISTERED, states)

    def tell(device: str) -> list[str]:
        heard = mapped.hear(Message("tele/x", json.dumps({"dev": device, "on": True}).encode()))
        assert heard is not None
        return [str(r.kind) for r in heard.reports]

    for n in range(5 * MAX_STRANGERS):
        tell(f"stranger-{n}")
    assert len(states._known) <= MAX_STRANGERS
    assert tell("pir") == ["motion"]
    assert tell("pir") == ["seen"], "a device of the home is remembered whoever else speaks"
    many = {f"local_mqtt:stranger-{n}": {"tele/#": True} for n in range(5 * MAX_STRANGERS)}
    assert len(States(REGISTERED, many)._known) <= MAX_STRANGERS


def test_retained_messages_are_never_events() -> None:
    for kind in ("button", "motion", "contact"):
        row = MapConfig(topic="home/x", kind=kind, value="open" if kind == "contact" else "")
        assert hear(row, {}, retain=True) == Heard(counts=("retained",))


@pytest.mark.parametrize(
    ("pattern", "topic", "fits"),
    [
        ("a/b", "a/b", True), ("a/b", "a/b/c", False), ("a/+", "a/b", True), ("a/+", "a", False),
        ("a/+/c", "a/b/c", True), ("a/#", "a", True), ("a/#", "a/b/c", True), ("#", "a/b", True),
        ("#", "$SYS/a", False), ("+/a", "$SYS/a", False), ("+", "", True), ("a/+", "a/", True),
    ],
)  # fmt: skip
def test_filters_mean_what_mqtt_says(pattern: str, topic: str, fits: bool) -> None:
    assert matches(pattern, topic) is fits


def test_the_worst_json_is_refused_in_words() -> None:
    for payload, word in (
        (b"[" * 50_000, "too_deep"), (b"1" * 5000, "not_json"), (b"NaN", "not_json"), (b"\xff", "not_utf8"),
        (b" " * (MAX_BODY_BYTES + 1), "too_long"), (b"", "not_json"),
    ):  # fmt: skip
        with pytest.raises(Malformed) as error:
            read_json(payload)
        assert error.value.word == word


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "id", "b"]), inner, max_size=3),
    max_leaves=6,
)
payloads = st.binary(max_size=64) | json_values.map(lambda v: json.dumps(v).encode())
rows = st.builds(
    MapConfig,
    topic=st.sampled_from(["#", "t", "t/+"]),
    kind=st.sampled_from(sorted({"button", "motion", "contact", "power", "seen", "smoke", "battery"})),
    device=st.sampled_from(["", "bedside"]),
    device_field=st.sampled_from(["", "a"]),
    format=st.sampled_from(["json", "text"]),
    value_field=st.sampled_from(["", "a", "a.b"]),
    value=st.sampled_from(["", "true", "open", "7"]),
    values=st.sampled_from([(), ("1=true", "true=open")]),
    key_field=st.sampled_from(["", "id"]),
    repeats=st.booleans(),
)


@settings(max_examples=500)
@given(rows, st.lists(st.builds(Message, st.sampled_from(["t", "t/1", "t/门"]), payloads, st.booleans()), max_size=4))
def test_any_message_is_understood_or_counted(row: MapConfig, messages: list[Message]) -> None:
    mapped = Mapped((row,), REGISTERED, States(REGISTERED))
    for message in messages:
        heard = mapped.hear(message)
        for report in heard.reports if heard else ():
            assert check_value(report.kind, report.value) == report.value
            assert report.device is not None and check_id(report.device)  # noqa: PT018
            assert not (message.retain and report.kind in LIFE_SAFETY)
            json.dumps([report.key, report.memory], allow_nan=False).encode()
