"""Zigbee2MQTT's habits: a state repeated with every message, a cache told as news, an action that is momentary."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import ActionConfig
from gateway.drivers.local_mqtt.directory import MEMORY, Directory
from gateway.drivers.local_mqtt.heard import Heard, Message
from gateway.drivers.local_mqtt.registered import Registered
from gateway.drivers.local_mqtt.states import PREFIX, States
from gateway.drivers.local_mqtt.zigbee2mqtt import SEEN_EVERY_S, SETTLE_S, Zigbee2Mqtt
from gateway.home.model import read_home
from gateway.observations import LIFE_SAFETY, WAY_IS_BACK, Kind, check_value

KINDS = ("button", "wearable", "motion", "contact", "smoke", "gas", "co", "flood", "bed", "other", "occupancy", "heat")
HOME: dict[str, Any] = {
    "devices": [
        {"id": f"the-{kind}", "kind": kind, "address": f"0x00124b00000000{n:02x}"} for n, kind in enumerate(KINDS)
    ]
}
REPEATED = {"battery": 90, "linkquality": 120}


class Bridge:
    """A driver's ear on one Zigbee2MQTT, on a clock of the test's own."""

    def __init__(self, memories: dict[str, Any] | None = None, actions: tuple[ActionConfig, ...] = ()) -> None:
        self.memories = memories if memories is not None else {}
        self.now_s = 1000.0
        self.mid = 0
        registered = Registered(read_home(HOME))
        self.zigbee = Zigbee2Mqtt(
            "z", registered, States(registered, self.memories), actions=actions,
            directory=self.memories.get(MEMORY),
        )  # fmt: skip

    def hear(self, topic: str, body: Any, *, retain: bool = False, qos: int = 1) -> Heard:
        self.mid += 1
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        heard = self.zigbee.hear(Message(f"z/{topic}", payload, retain, self.mid, qos), self.now_s)
        assert heard is not None
        for report in heard.reports:
            if report.memory is not None:
                self.memories[report.memory[0]] = json.loads(json.dumps(report.memory[1]))
        return heard

    def say(self, kind: str, **more: Any) -> list[tuple[str, Any]]:
        """A state of the device of this kind, told live; what it was taken for, signs of life left out."""
        heard = self.hear(f"0x00124b00000000{KINDS.index(kind):02x}", more)
        return [(str(r.kind), r.value) for r in heard.reports if r.kind not in (Kind.SEEN, Kind.TICK)]

    def restarted(self) -> Bridge:
        """We died; only the journal's memory is left."""
        return Bridge(self.memories)


@pytest.mark.parametrize(
    ("kind", "fields", "taken_for"),
    [
        ("motion", {"occupancy": True}, [("motion", True)]),
        ("occupancy", {"presence": True}, [("occupancy", True)]),
        ("bed", {"occupancy": True}, [("bed", True)]),
        ("bed", {"vibration": True}, [("bed", True)]),
        ("other", {"vibration": True}, [("motion", True)]),
        ("contact", {"contact": False}, [("contact", "open")]),
        ("contact", {"contact": True}, [("contact", "closed")]),
        ("contact", {"alarm_1": True}, [("contact", "open")]),
        ("smoke", {"smoke": True}, [("smoke", True)]),
        ("smoke", {"alarm_1": True}, [("smoke", True)]),
        ("gas", {"gas": True}, [("gas", True)]),
        ("co", {"carbon_monoxide": True}, [("co", True)]),
        ("flood", {"water_leak": True}, [("flood", True)]),
        ("motion", {"tamper": True}, [("tamper", True)]),
        ("motion", {"battery_low": True}, [("battery_low", True)]),
        ("smoke", {"end_of_life": True}, [("end_of_life", True)]),
        ("heat", {"alarm_1": True}, [("heat", True)]),
        ("smoke", {"smoke": True, "test": True}, [("test", True), ("smoke", True)]),  # announced first
        ("button", {"alarm_2": True}, [("button", "press")]),
        ("button", {"sos": True}, [("button", "press")]),
        ("motion", {"sos": True}, []),
        ("other", {"power": 113, "voltage": 220.4, "energy": 1.5},
         [("power", 113), ("energy", 1.5), ("voltage", 220.4)]),
        ("contact", {"voltage": 3000}, []),
        ("motion", {"temperature": 21.5, "humidity": 40, "battery": 77},
         [("temperature", 21.5), ("humidity", 40), ("battery", 77)]),
        ("motion", {"temperature": "hot", "battery": None, "occupancy": "yes"}, []),
    ],
)  # fmt: skip
def test_fields(kind: str, fields: dict[str, Any], taken_for: list[Any]) -> None:
    assert Bridge().say(kind, **fields) == taken_for


def test_a_value_out_of_bounds_is_counted() -> None:
    assert Bridge().hear("0x00124b0000000002", {"battery": 900, "humidity": -5}).counts == ("bad_value", "bad_value")


def test_only_changes_are_events_and_the_rest_a_sign_of_life_now_and_then() -> None:
    bridge = Bridge()
    assert bridge.say("motion", occupancy=False) == []  # what it is like, not what happened
    assert bridge.say("motion", occupancy=True, **REPEATED) == [("motion", True), ("battery", 90)]
    assert bridge.say("motion", occupancy=True, **REPEATED) == []
    assert bridge.hear("0x00124b0000000002", {"occupancy": True}).reports == ()
    bridge.now_s += SEEN_EVERY_S
    (seen,) = bridge.hear("0x00124b0000000002", {"occupancy": True, "linkquality": 3}).reports
    assert (seen.kind, seen.value) == (Kind.SEEN, None)
    assert bridge.say("motion", occupancy=False, **REPEATED) == [("motion", False)]
    assert bridge.say("motion", occupancy=True, **REPEATED) == [("motion", True)]


def test_the_same_last_seen_is_no_sign_of_life_but_a_change_is_a_change() -> None:
    bridge = Bridge()
    assert bridge.say("contact", contact=False, last_seen="t1") == [("contact", "open")]
    bridge.now_s += 1000
    assert bridge.hear("the-contact", {"contact": False, "last_seen": "t1"}).reports == ()
    assert bridge.say("contact", contact=True, last_seen="t1") == [("contact", "closed")]  # in the same millisecond
    bridge.now_s += 1000
    assert [r.kind for r in bridge.hear("the-contact", {"last_seen": "t2"}).reports] == [Kind.SEEN]


def test_a_cache_told_at_the_bridges_start_is_no_event_but_smoke() -> None:
    bridge = Bridge()
    bridge.say("motion", occupancy=False)
    bridge.hear("bridge/state", {"state": "online"})
    assert bridge.say("motion", occupancy=True) == []
    assert bridge.say("smoke", smoke=True) == [("smoke", True)]  # better asked than missed
    assert bridge.say("smoke", smoke=True) == []
    assert bridge.say("motion", occupancy=False) == [("motion", False)]  # the second word is the device's own
    bridge.now_s += SETTLE_S
    assert bridge.say("contact", contact=False) == [("contact", "open")]  # later than any cache


def test_our_restart_forgets_no_state_that_was_told() -> None:
    bridge = Bridge()
    bridge.say("contact", contact=False)
    bridge.say("flood", water_leak=True)
    bridge.say("button", sos=True)
    bridge.say("button", sos=False)
    again = bridge.restarted()
    assert again.say("contact", contact=False) == []
    assert again.say("flood", water_leak=True) == []
    assert again.say("button", sos=True) == [("button", "press")]  # its release was kept, so this is a press
    assert again.say("flood", water_leak=False) == [("flood", False)]
    assert again.say("contact", contact=True) == [("contact", "closed")]


def test_retained_state_is_learned_but_a_retained_danger_is_told_when_it_is_said_live() -> None:
    bridge = Bridge()
    for topic, body in (("0x00124b0000000002", {"occupancy": True}), ("0x00124b0000000007", {"water_leak": True}),
                        ("0x00124b0000000000", {"sos": True, "action": "sos"})):  # fmt: skip
        kinds = {r.kind for r in bridge.hear(topic, body, retain=True).reports}
        assert kinds <= {Kind.TICK}
    assert bridge.say("motion", occupancy=True) == []
    assert bridge.say("flood", water_leak=True) == [("flood", True)]
    assert bridge.say("button", sos=True) == [("button", "press")]


@pytest.mark.parametrize("action", ["single", "sos", "release", "emergency", "no_word_we_know", 3, True])
def test_any_action_of_a_call_button_is_a_call(action: object) -> None:
    assert Bridge().say("button", action=action) == [("button", "press")]
    assert Bridge().say("wearable", action=action) == [("button", "press")]


def test_actions_of_others_are_calls_only_if_they_say_so() -> None:
    bridge = Bridge()
    assert bridge.say("other", action="single") == []
    assert bridge.say("other", action="emergency") == [("button", "press")]
    assert bridge.say("button", action="") == []
    assert bridge.say("button", action=None) == []
    assert bridge.say("button", action="hold") == [("button", "hold")]
    assert bridge.say("button", action="hold") == [("button", "hold")]  # momentary: each is a press
    at_0 = bridge.hear("0x00124b0000000000", {"action": "single"}, qos=0)
    assert at_0.counts == ("action_at_qos_0",)


def test_the_table_of_models() -> None:
    rows = (
        ActionConfig("PAD", "panel_trouble", "press"), ActionConfig("PAD", "arm", "double"),
        ActionConfig("*", "release", "ignore"), ActionConfig("HS1EB/HS1EB-E", "triple", "long"),
    )  # fmt: skip
    bridge = Bridge(actions=rows)
    names = [("pad", 9, "PAD"), ("sos", 0, "HS1EB/HS1EB-E")]
    bridge.hear("bridge/devices", [
        {"ieee_address": f"0x00124b00000000{n:02x}", "friendly_name": name, "definition": {"model": model}}
        for name, n, model in names
    ])  # fmt: skip

    def gestures(name: str, action: str) -> list[Any]:
        return [r.value for r in bridge.hear(name, {"action": action}).reports if r.kind is Kind.BUTTON]

    assert gestures("pad", "panel_trouble") == ["press"]
    assert gestures("pad", "arm") == ["double"]
    assert gestures("pad", "disarm") == []
    assert gestures("sos", "double") == ["press"]  # HEIMAN's own
    assert gestures("sos", "triple") == ["long"]
    assert gestures("sos", "release") == []


def test_a_stranger_is_counted_and_one_that_calls_is_heard() -> None:
    bridge = Bridge()
    assert bridge.hear("lamp", {"state": "ON", "action": "on"}) == Heard(counts=("unregistered",))
    (press,) = bridge.hear("0x00124b00000000ff", {"action": "sos"}).reports
    assert (press.kind, press.device) == (Kind.BUTTON, "0x00124b00000000ff")
    assert bridge.hear("lamp", {"action": "sos"}).reports == ()  # neither name nor address is known: not even an id


def test_names_with_slashes_and_chinese_names_and_ids() -> None:
    bridge = Bridge()
    bridge.hear("bridge/devices", [
        {"ieee_address": "0x00124b0000000000", "friendly_name": "卧室/床头", "definition": None},
        {"ieee_address": "0x00124b00000000aa", "friendly_name": "the-smoke", "definition": None},
        {"ieee_address": "nonsense", "friendly_name": "x"}, 7, {"friendly_name": 9}, None,
    ])  # fmt: skip
    assert bridge.hear("卧室/床头", {"action": "x"}).reports[0].device == "the-button"
    assert bridge.hear("the-smoke", {"smoke": True}).reports[0].device == "the-smoke"  # by id, whatever the address
    assert bridge.hear("卧室/床头/availability", {"state": "offline"}).reports[0].value is False
    assert bridge.hear("卧室/床头/set", {"action": "x"}) == Heard()
    assert bridge.restarted().hear("卧室/床头", {"action": "x"}).reports[0].device == "the-button"
    assert bridge.hear("bridge/devices", {"not": "a list"}).counts == ("wrong_type",)
    assert bridge.hear("卧室/床头", {"action": "x"}).reports  # a bad list forgets nobody


def test_availability() -> None:
    bridge = Bridge()
    (lost,) = bridge.hear("the-motion/availability", {"state": "offline"}).reports
    assert (lost.kind, lost.value, lost.device) == (Kind.SEEN, False, "the-motion")
    assert bridge.hear("the-motion/availability", {"state": "online"}).reports == ()  # says who? the bridge is away
    bridge.hear("the-bed/availability", b"offline")
    bridge.hear("bridge/state", {"state": "online"})
    assert "the-bed" not in bridge.zigbee.reachable
    (back,) = bridge.hear("the-bed/availability", {"state": "online"}, retain=True).reports
    assert back.value == WAY_IS_BACK  # told of all at the bridge's start: proves nothing of the device
    assert bridge.hear("the-bed/availability", {"state": "?"}).counts == ("wrong_type",)


def test_the_bridge_and_its_answers() -> None:
    bridge = Bridge()
    assert bridge.hear("bridge/state", b"online").bridge is True
    assert bridge.hear("bridge/state", {"state": "offline"}).bridge is False
    assert bridge.hear("bridge/state", {"state": 7}).counts == ("wrong_type",)
    assert bridge.hear("bridge/response/permit_join", {"status": "ok"}).response == ("permit_join", {"status": "ok"})
    assert bridge.hear("bridge/info", b"whatever it says") == Heard()
    assert bridge.zigbee.hear(Message("elsewhere/x", b""), 0) is None


def test_memories_that_are_damaged_are_forgotten() -> None:
    States(Registered(read_home(HOME)), {PREFIX + "a": 7, PREFIX + "b": {"x": [1]}, "other": {}})
    for memory in (7, {"a": 1}, {"a": [1, 2]}, {"a": ["x"]}, None, []):
        assert dict(Directory(memory).entries) == {}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
fields = st.sampled_from(["action", "contact", "occupancy", "smoke", "alarm_1", "battery", "power", "voltage",
                          "last_seen", "state", "sos"])  # fmt: skip
bodies = st.dictionaries(fields, values, max_size=5).map(lambda v: json.dumps(v).encode())
topics = st.sampled_from([f"0x00124b00000000{n:02x}" for n in range(len(KINDS))] + [
    "bridge/state", "bridge/devices", "bridge/response/x", "the-bed/availability", "nobody", "bridge/", "", "/", "set",
])  # fmt: skip


@settings(max_examples=500)
@given(st.lists(st.tuples(topics, bodies | values.map(lambda v: json.dumps(v).encode()) | st.binary(max_size=40),
                          st.booleans()), max_size=6))  # fmt: skip
def test_any_message_is_understood_or_counted(messages: list[tuple[str, bytes, bool]]) -> None:
    bridge = Bridge()
    for topic, payload, retain in messages:
        for report in bridge.hear(topic, payload, retain=retain).reports:
            assert check_value(report.kind, report.value) == report.value
            assert not (retain and report.kind in LIFE_SAFETY and report.value is not False)
            json.dumps([report.key, report.memory], allow_nan=False).encode()


@settings(max_examples=200)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_motion_is_told_exactly_when_it_changes_live_whatever_is_retained_or_restarted_between(
    story: list[tuple[bool, bool, bool]],
) -> None:
    bridge, known = Bridge(), None
    for value, retain, restart in story:
        heard = bridge.hear("the-motion", {"occupancy": value}, retain=retain)
        told = [r.value for r in heard.reports if r.kind is Kind.MOTION]
        changed = value != known and not (known is None and value is False)
        assert told == ([value] if changed and not retain else [])
        known = value
        bridge.now_s += SEEN_EVERY_S
        if restart:
            bridge = bridge.restarted()
