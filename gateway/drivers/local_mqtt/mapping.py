"""Topics that the configuration gives a meaning: `home/button {"id":7,"action":"press"}` is a call. Pure.

Knows rows of [[local_mqtt.map]] and the home's devices; knows no socket and no clock. Each message is an event as it
was said, but retained ones, and repetitions where the row says that the device repeats itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from gateway.config import MapConfig
from gateway.drivers.local_mqtt.heard import Heard, Message, checked
from gateway.drivers.local_mqtt.payload import Malformed, delivery, identity, read_json, read_text
from gateway.drivers.local_mqtt.registered import Registered
from gateway.drivers.local_mqtt.states import States
from gateway.drivers.local_mqtt.topics import matches
from gateway.drivers.local_mqtt.words import HAZARDS, is_state, value_of
from gateway.observations import ID_PATTERN, LIFE_SAFETY, BadObservation, Kind, Report, check_id

_ABSENT: Final = object()


class Mapped:
    """The rows of a configuration. A topic may match several: each is heard."""

    def __init__(self, rows: Iterable[MapConfig], registered: Registered, states: States) -> None:
        self._rows = tuple(rows)
        self._tables = {row: dict(v.split("=", 1) for v in row.values) for row in self._rows}
        self._registered, self._states = registered, states

    @property
    def filters(self) -> tuple[str, ...]:
        """What to subscribe to."""
        return tuple(dict.fromkeys(row.topic for row in self._rows))

    @property
    def devices(self) -> tuple[str, ...]:
        """Devices that are blind when the broker is: those a row names."""
        return tuple(dict.fromkeys(_named(row) for row in self._rows if _named(row)))

    def hear(self, message: Message) -> Heard | None:
        """What a message means; None if no row is about its topic. Never raises."""
        rows = [row for row in self._rows if matches(row.topic, message.topic)]
        if not rows:
            return None
        reports: list[Report] = []
        counts: list[str] = []
        for row in rows:
            try:
                reports += self._read(row, message, counts)
            except Malformed as error:
                counts.append(error.word)
            except BadObservation:
                counts.append("bad_value")
        return Heard(tuple(reports), tuple(counts))

    def _read(self, row: MapConfig, message: Message, counts: list[str]) -> list[Report]:
        kind = Kind(row.kind)
        body = read_text(message.payload).strip() if row.format == "text" else read_json(message.payload)
        if body is None or isinstance(body, list):
            raise Malformed("wrong_type")
        raw = self._raw(row, body)
        if kind is Kind.BUTTON and row.value_field and not row.values and raw in (False, 0, "", None):
            counts.append("released")
            return []
        value = self._value(row, kind, raw)
        device = self._device(row, message.topic, body)
        if row.repeats:
            return self._changed(row, kind, value, device, message, counts)
        if message.retain:
            counts.append("retained")
            return []
        return [checked(kind, value, device, _key(row, kind, message, body))]

    def _changed(
        self, row: MapConfig, kind: Kind, value: Any, device: str, message: Message, counts: list[str]
    ) -> list[Report]:
        """Only a change is an event. What is retained is known from now on, and no event."""
        checked(kind, value, device)
        if message.retain and kind in HAZARDS and value is True:
            counts.append("retained")  # not learned: said live, it is told
            return []
        news = self._states.learn(device, row.topic, value) if value is not None else False
        if message.retain:
            counts.append("retained")
            return []
        if not news:
            return [Report(Kind.SEEN, None, device)]
        return [checked(kind, value, device, memory=self._states.memory(device))]

    def _raw(self, row: MapConfig, body: Any) -> Any:
        """The value as they said it; `_ABSENT` where they said none."""
        if row.value_field:
            return _field(body, row.value_field)
        if isinstance(body, dict) or row.value:
            return _ABSENT
        return body

    def _value(self, row: MapConfig, kind: Kind, raw: Any) -> Any:
        if raw is _ABSENT:
            if row.value_field and kind is not Kind.BUTTON and not row.value:
                raise Malformed("no_value")  # a call without its word is still a call, a reading is not
            return value_of(kind, row.value or _natural(kind))
        table = self._tables[row]
        if not table:
            return value_of(kind, raw)
        word = raw if isinstance(raw, str) else json.dumps(raw)
        if word in table:
            return value_of(kind, table[word])
        if kind is Kind.BUTTON:
            return value_of(kind, raw)
        raise Malformed("unknown_word")

    def _device(self, row: MapConfig, topic: str, body: Any) -> str:
        if row.device:
            return row.device
        if row.device_field:
            found = _field(body, row.device_field)
            if isinstance(found, int) and not isinstance(found, bool):
                found = str(found)
            return self._registered.find(found) or check_id(found)
        return check_id(topic)


def _named(row: MapConfig) -> str:
    """The one device a row is about, or nothing."""
    if row.device or row.device_field:
        return row.device
    return row.topic if ID_PATTERN.fullmatch(row.topic) else ""


def _key(row: MapConfig, kind: Kind, message: Message, body: Any) -> str | None:
    """The identity of an event: a message that comes again is the same press, two ids are two presses."""
    if kind not in LIFE_SAFETY:
        return None
    given = _field(body, row.key_field) if row.key_field and isinstance(body, dict) else _ABSENT
    own = None if given is _ABSENT else identity(message.topic, given)
    return own or delivery(message.topic, message.mid, message.payload, message.number)


def _field(body: Any, path: str) -> Any:
    """`a.b` within nested objects; `_ABSENT` where there is none."""
    for name in path.split("."):
        if not isinstance(body, dict) or name not in body:
            return _ABSENT
        body = body[name]
    return body


def _natural(kind: Kind) -> Any:
    """What a message without a value says."""
    if kind is Kind.BUTTON:
        return "press"
    if is_state(kind):
        return True
    if kind is Kind.SEEN:
        return None
    raise Malformed("no_value")
