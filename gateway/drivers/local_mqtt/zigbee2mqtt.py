"""Zigbee2MQTT's topics in our vocabulary. Pure: messages and monotonic seconds in, reports out.

What makes it harder than it looks (research/serial.md 3, run): every message of a device repeats its whole cached
state; on its own start Zigbee2MQTT tells all it has cached as if it were new; a retained message is what was true
once. So an event is a change of a field, told live, by a device that spoke. `action` alone is momentary. A bridge
that is offline is blindness of its devices, never calm.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from gateway.config import ActionConfig
from gateway.drivers.local_mqtt.directory import MEMORY, Directory
from gateway.drivers.local_mqtt.fields import Reading, read_fields
from gateway.drivers.local_mqtt.heard import Heard, Message, checked
from gateway.drivers.local_mqtt.payload import MAX_BODY_BYTES, MAX_LIST_BYTES, Malformed, delivery, read_json
from gateway.drivers.local_mqtt.registered import IEEE, Registered
from gateway.drivers.local_mqtt.states import UNKNOWN, States
from gateway.drivers.local_mqtt.words import ACTIONS, ANY, EMERGENCY_ACTIONS, HAZARDS, IGNORE, gesture
from gateway.observations import WAY_IS_BACK, BadObservation, Kind, Report

SETTLE_S: Final = 15.0
"""After it came online the bridge tells each device's cached state once: within 2 s (run), slower on a Pi."""
SEEN_EVERY_S: Final = 60.0  # signs of life in between prove nothing more
MAX_ACTION_CHARS: Final = 64
_COMMANDS: Final = frozenset({"set", "get"})
_CALLERS: Final = ("button", "wearable")


class Zigbee2Mqtt:
    """What one Zigbee2MQTT says, understood against the home's registry."""

    def __init__(
        self,
        base: str,
        registered: Registered,
        states: States,
        *,
        actions: Iterable[ActionConfig] = (),
        directory: Any = None,
    ) -> None:
        """`directory`: what the journal kept of the list of devices."""
        self.base = base
        self._registered, self._states = registered, states
        self._directory = Directory(directory)
        self._actions = {**ACTIONS, **{(row.model, row.action): row.gesture for row in actions}}
        self._settled_s = 0.0  # until then the first message of each of these may be from the cache
        self._cached: set[str] = set()
        self._online = False
        self._unavailable: set[str] = set()
        self._seen_s: dict[str, float] = {}
        self._last_seen: dict[str, Any] = {}

    @property
    def filters(self) -> tuple[str, ...]:
        """What to subscribe to: friendly names may have several levels."""
        return (f"{self.base}/#",)

    @property
    def devices(self) -> tuple[str, ...]:
        """The registered devices that are heard through this bridge."""
        behind = (self._device(name) for name in self._directory.entries)
        return tuple(dict.fromkeys((*self._registered.zigbee, *(d for d in behind if d))))

    @property
    def reachable(self) -> tuple[str, ...]:
        """Those of them that the bridge does not call offline."""
        return tuple(d for d in self.devices if d not in self._unavailable)

    def disconnected(self) -> None:
        """The broker is gone: what the bridge said of itself and its devices holds no longer."""
        self._online = False
        self._unavailable.clear()

    @staticmethod
    def body_limit(topic: str) -> int:
        """How much of a message is worth keeping."""
        return MAX_LIST_BYTES if topic.endswith("/bridge/devices") else MAX_BODY_BYTES

    def hear(self, message: Message, now_s: float) -> Heard | None:
        """What a message means; None if its topic is none of Zigbee2MQTT's. Never raises."""
        if not message.topic.startswith(self.base + "/"):
            return None
        name = message.topic.removeprefix(self.base + "/")
        try:
            if name.startswith("bridge/"):
                return self._bridge(name.removeprefix("bridge/"), message, now_s)
            if name.rpartition("/")[2] in _COMMANDS:
                return Heard()  # what people tell devices
            if name.endswith("/availability"):
                return self._availability(name.removesuffix("/availability"), message)
            return self._state(name, message, now_s)
        except Malformed as error:
            return Heard(counts=(error.word,))

    # ---- the bridge itself

    def _bridge(self, name: str, message: Message, now_s: float) -> Heard:
        if name == "state":
            online = _online(message.payload)
            if online and not message.retain:
                self._settled_s, self._cached = now_s + SETTLE_S, set(self.devices)
            self._online = online
            return Heard(bridge=online)
        if name == "devices":
            if not self._directory.read(message.payload):
                return Heard()
            return Heard((Report(Kind.TICK, None, memory=(MEMORY, self._directory.to_json())),))
        if name.startswith("response/") and not message.retain:
            return Heard(response=(name.removeprefix("response/"), read_json(message.payload)))
        return Heard()  # info, logging, groups, events: nothing an elder depends on

    def _availability(self, name: str, message: Message) -> Heard:
        """Zigbee2MQTT's own judgement of a device, true whether retained or not. "online" proves nothing new: it is
        told of all at its start; the device's own words prove it alive."""
        device, online = self._device(name), _online(message.payload)
        if device is None:
            return Heard()
        (self._unavailable.discard if online else self._unavailable.add)(device)
        if not online:
            return Heard((Report(Kind.SEEN, False, device),), ("unavailable",))
        return Heard((Report(Kind.SEEN, WAY_IS_BACK, device),)) if self._online else Heard()

    # ---- devices

    def _device(self, name: str) -> str | None:
        """The registered device behind a friendly name."""
        entry = self._directory.get(name)
        return self._registered.find(name) or (self._registered.find(entry.ieee) if entry else None)

    def _state(self, name: str, message: Message, now_s: float) -> Heard:
        body = read_json(message.payload)
        if not isinstance(body, dict):
            raise Malformed("wrong_type")
        device = self._device(name)
        if device is None:
            return self._stranger(name, body, message)
        counts: list[str] = []
        before = self._states.memory(device)
        reports = self._action(name, device, body, message, counts)
        spoke, alive = self._spoke(device, body, message, now_s)
        for reading in read_fields(body, self._registered.device(device)):
            reports += self._reading(device, reading, message, spoke, counts)
        memory = self._states.memory(device)
        if reports:
            reports = [replace(report, memory=memory) for report in reports]
        elif alive and now_s - self._seen_s.get(device, -SEEN_EVERY_S) >= SEEN_EVERY_S:
            reports = [Report(Kind.SEEN, None, device, memory=memory)]
        elif memory != before:  # nothing happened, but what is so is another
            return Heard((Report(Kind.TICK, None, memory=memory),), tuple(counts))
        if reports:
            self._seen_s[device] = now_s
        return Heard(tuple(reports), tuple(counts))

    def _spoke(self, device: str, body: dict[str, Any], message: Message, now_s: float) -> tuple[bool, bool]:
        """Whether a change in this message is the device's own word now: not retained, not from the cache; and whether
        the message alone proves it alive: it was seen at another moment than before. Two words may come in one
        millisecond (seen of a door), so the same moment does not make a change old."""
        last, before = body.get("last_seen"), self._last_seen.get(device)
        if isinstance(last, (str, int)):
            self._last_seen[device] = last
        cached = device in self._cached and now_s < self._settled_s
        self._cached.discard(device)
        spoke = not message.retain and not cached
        return spoke, spoke and (last is None or last != before)

    def _reading(self, device: str, reading: Reading, message: Message, spoke: bool, counts: list[str]) -> list[Report]:
        """A report if this field changed, as the device itself just said."""
        if reading.kind is Kind.BUTTON or (reading.kind in HAZARDS and reading.value is True):
            return self._danger(device, reading, message)
        try:
            report = checked(reading.kind, reading.value, device)
        except BadObservation:
            counts.append("bad_value")
            return []
        first = self._states.get(device, reading.field) is UNKNOWN
        news = self._states.learn(device, reading.field, reading.value)
        return [report] if news and spoke and not (first and reading.value is False) else []

    def _danger(self, device: str, reading: Reading, message: Message) -> list[Report]:
        """Smoke, or a call bit that is set, is told the first time it is said and not merely retained. A cache may say
        it too: better asked than missed."""
        if message.retain and reading.value is True:
            return []
        news = self._states.learn(device, reading.field, reading.value)
        if not news or reading.value is not True:
            return []
        return [_keyed(Report(reading.kind, "press" if reading.kind is Kind.BUTTON else True, device), message)]

    def _action(
        self, name: str, device: str, body: dict[str, Any], message: Message, counts: list[str]
    ) -> list[Report]:
        action = body.get("action")
        if action is None or action == "":
            return []
        if message.retain:
            counts.append("retained")
            return []
        known = self._registered.device(device)
        meaning = self._meaning(name, action, known is not None and known.kind in _CALLERS)
        if meaning is None:
            counts.append("action_of_no_button")
            return []
        if meaning == IGNORE:
            counts.append("action_ignored")
            return []
        if not message.qos:
            counts.append("action_at_qos_0")  # it would have been lost, had we been away
        return [_keyed(Report(Kind.BUTTON, meaning, device), message)]

    def _meaning(self, name: str, action: Any, caller: bool) -> str | None:
        """The gesture of an action, `IGNORE`, or None for what is no call. Any action of a call button is one."""
        word = action[:MAX_ACTION_CHARS] if isinstance(action, str) else "press"
        entry = self._directory.get(name)
        model = entry.model if entry else ""
        for row in ((model, word), (model, ANY), (ANY, word), (ANY, ANY)):
            if row in self._actions:
                return self._actions[row]
        if word.lower() in EMERGENCY_ACTIONS:
            return "press"
        return gesture(word) if caller else None

    def _stranger(self, name: str, body: dict[str, Any], message: Message) -> Heard:
        """A device that nobody registered: counted; but who calls is heard."""
        entry = self._directory.get(name)
        address = entry.ieee if entry else name
        action = body.get("action")
        if isinstance(action, str) and action and not message.retain and IEEE.fullmatch(address):
            meaning = self._meaning(name, action, caller=False)
            if meaning not in (None, IGNORE):
                return Heard((_keyed(Report(Kind.BUTTON, meaning, address), message),), ("unregistered",))
        return Heard(counts=("unregistered",))


def _keyed(report: Report, message: Message) -> Report:
    return replace(report, key=delivery(message.topic, message.mid, message.payload, message.number))


def _online(payload: bytes) -> bool:
    """`{"state":"online"}`, or the bare word of older versions. Raises `Malformed` for anything else."""
    if payload in (b"online", b"offline"):
        return payload == b"online"
    body = read_json(payload)
    state = body.get("state") if isinstance(body, dict) else None
    if state not in ("online", "offline"):
        raise Malformed("wrong_type")
    return bool(state == "online")
