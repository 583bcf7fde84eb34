"""What a home's broker tells, one message a line: any topics and bytes are reports of our vocabulary, or are counted.

A line is `{"topic", "body", "retain", "mid", "qos"}`; a body that is a text stands for its bytes (Latin-1), any other
for its JSON. Zigbee2MQTT and mapped topics are read by one home, and again by one that woke up with what the journal
kept of the first.
"""

from __future__ import annotations

import json
from typing import Any

from gateway.config import MapConfig
from gateway.drivers.local_mqtt.deliveries import Deliveries
from gateway.drivers.local_mqtt.directory import MAX_DEVICES, MEMORY
from gateway.drivers.local_mqtt.heard import Heard, Message
from gateway.drivers.local_mqtt.mapping import Mapped
from gateway.drivers.local_mqtt.registered import Registered
from gateway.drivers.local_mqtt.states import MAX_FIELDS, MAX_STRANGERS, States
from gateway.drivers.local_mqtt.words import HAZARDS
from gateway.drivers.local_mqtt.zigbee2mqtt import Zigbee2Mqtt
from gateway.home.model import read_home
from gateway.journal.encoding import dump
from gateway.observations import Kind, check_id, check_value

JSON = True
MAX_MESSAGES = 60
MAX_KEY = 200  # what a recording takes

IEEE = "0x00124b0000000001"
HOME = read_home(
    {
        "residents": [{"id": "r1", "name": "王阿婆"}],
        "rooms": [{"id": "bedroom", "label": "卧室"}],
        "devices": [
            {"id": "bedside", "kind": "button", "room": "bedroom"},
            {"id": "hall", "kind": "motion"},
            {"id": "sos", "kind": "button", "room": "bedroom", "address": IEEE},
            {"id": "door", "kind": "contact", "entrance": True, "address": "0x00124b0000000003"},
            {"id": "leak", "kind": "flood", "address": "0x00124b0000000004"},
        ],
        "contacts": [{"id": "c1", "name": "王小明", "phone": "13800000001", "order": 1}],
        "consents": {"MONITORING": True, "NOTIFY_FAMILY": True},
    }
)
ROWS = (
    MapConfig(topic="home/button", kind="button", device="bedside"),
    MapConfig(topic="home/motion", kind="motion", device="hall"),
    MapConfig(topic="door/+/state", kind="contact", device_field="dev", value_field="a.b",
              values=("1=open", "0=closed"), repeats=True),
    MapConfig(topic="tele/#", kind="power", device_field="Dev", value_field="Power", repeats=True),
    MapConfig(topic="sensor", kind="temperature", format="text"),
    MapConfig(topic="fire", kind="smoke", device="smoke-1", repeats=True),
)  # fmt: skip


def seeds() -> list[bytes]:
    base = "zigbee2mqtt"
    listed = [
        {"ieee_address": IEEE, "type": "EndDevice", "friendly_name": "床头", "definition": {"model": "HS1EB/HS1EB-E"}}
    ]
    flows: tuple[tuple[tuple[str, Any], ...], ...] = (
        ((f"{base}/bridge/state", {"state": "online"}), (f"{base}/bridge/devices", listed),
         (f"{base}/床头", {"action": "double", "battery": 90, "last_seen": "2026-03-01T08:15:30+08:00"})),
        ((f"{base}/sos/availability", {"state": "offline"}), (f"{base}/sos", {"sos": True, "battery_low": False}),
         (f"{base}/sos", {"sos": False, "tamper": True})),
        ((f"{base}/door", {"contact": False, "voltage": 230.0, "power": 5, "energy": 1.5}), (f"{base}/door", "{}"),
         (f"{base}/leak", {"water_leak": True, "test": True, "temperature": 21.5, "humidity": 40})),
        (("home/button", {"id": 7, "action": "press"}), ("home/button", {"id": 7}), ("home/button", "press")),
        (("home/motion", "true"), ("home/motion", False), ("sensor", "21.5"), ("fire", True), ("fire", False)),
        (("door/a/state", {"dev": "door", "a": {"b": 1}}), ("tele/x/y", {"Dev": "plug-1", "Power": "12.5"})),
        ((f"{base}/bridge/response/permit_join", {"status": "ok"}), (f"{base}/{IEEE}", {"action": "emergency"})),
    )  # fmt: skip
    return [
        "\n".join(
            json.dumps({"topic": topic, "body": body, "retain": False, "mid": n + 1, "qos": 1})
            for n, (topic, body) in enumerate(flow)
        ).encode()
        for flow in flows
    ]


class _House:
    """The two readers of the driver, their states and what the journal keeps of them."""

    def __init__(self, memories: dict[str, Any]) -> None:
        self.memories = memories
        registered = Registered(HOME)
        self.states = States(registered, memories)
        self.mapped = Mapped(ROWS, registered, self.states)
        self.zigbee = Zigbee2Mqtt("zigbee2mqtt", registered, self.states, directory=memories.get(MEMORY))
        self.deliveries = Deliveries(memories.get("mqtt:deliveries"))

    def hear(self, message: Message, now_s: float) -> None:
        self.deliveries.told(message)
        for heard in (self.mapped.hear(message), self.zigbee.hear(message, now_s)):
            if heard is not None:
                self._judge(message, heard)
        assert len(self.zigbee._directory.entries) <= MAX_DEVICES + 1
        assert len(self.states._known) <= len(HOME.view.devices) + MAX_STRANGERS
        assert all(len(fields) <= MAX_FIELDS for fields in self.states._known.values())

    def _judge(self, message: Message, heard: Heard) -> None:
        assert all(word.isidentifier() for word in heard.counts), heard.counts
        for report in heard.reports:
            check_value(report.kind, report.value)
            if report.device is not None:
                check_id(report.device)
            assert report.key is None or 0 < len(report.key) <= MAX_KEY
            dump([report.value, report.key, report.memory])
            if message.retain:
                assert report.kind is not Kind.BUTTON
                assert not (report.kind in HAZARDS and report.value is True)
            if report.memory is not None:
                self.memories[report.memory[0]] = json.loads(json.dumps(report.memory[1]))


def one_input(data: bytes) -> None:
    house, now_s = _House({}), 0.0
    for line in data.split(b"\n")[:MAX_MESSAGES]:
        message = _message(line)
        if message is None:
            continue
        now_s += 1.0
        house.hear(message, now_s)
    awake = _House(house.memories)
    for line in data.split(b"\n")[:MAX_MESSAGES]:
        if (message := _message(line)) is not None:
            awake.hear(message, now_s)


def _message(line: bytes) -> Message | None:
    """The message a line stands for; a line that is none stands for its bytes on the topic of the call button."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return Message("home/button", line)
    if not isinstance(row, dict):
        return Message("home/button", line)
    topic, body = row.get("topic"), row.get("body")
    if not isinstance(topic, str) or not topic or not _utf8(topic):
        return None  # no broker tells it
    payload = body.encode("latin-1", "replace") if isinstance(body, str) else json.dumps(body).encode()
    mid, qos = row.get("mid"), row.get("qos")
    mid = mid if isinstance(mid, int) and 0 < mid < 65_536 else 0
    return Message(
        topic[:65_535], payload, row.get("retain") is True, mid, int(bool(qos and mid)), bool(row.get("dup"))
    )


def _utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
