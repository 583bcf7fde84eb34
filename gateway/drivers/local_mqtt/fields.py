"""The fields of a Zigbee2MQTT state, one by one, in our vocabulary. Pure; whether one is news is decided elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gateway.drivers.local_mqtt.words import ACTIVITY, ALARM_BITS, AS_REGISTERED, CALL_BITS, NUMBERS, STATES
from gateway.home.model import Device
from gateway.observations import Kind


@dataclass(frozen=True, slots=True)
class Reading:
    """A field, and what it says. A call bit is a BUTTON that is true or false."""

    field: str
    kind: Kind
    value: Any


def read_fields(body: dict[str, Any], device: Device | None) -> Iterator[Reading]:
    """What a state tells of a device; a field of another type or that we have no word for tells nothing."""
    registered = device.kind if device else ""
    for field, value in sorted(body.items(), key=_test_first):
        if isinstance(value, bool):
            reading = _bit(field, value, registered)
            if reading is not None:
                yield reading
        elif isinstance(value, (int, float)) and field in NUMBERS:
            yield Reading(field, NUMBERS[field], value)
    voltage = body.get("voltage")
    if "power" in body and isinstance(voltage, (int, float)) and not isinstance(voltage, bool):
        yield Reading("voltage", Kind.VOLTAGE, voltage)  # of the mains; a battery's is in mV and no power beside it


def _test_first(item: tuple[str, Any]) -> bool:
    """A test is announced before the alarm it makes; else the message's own order."""
    return item[0] != "test"


def _bit(field: str, value: bool, registered: str) -> Reading | None:
    if field == "contact":
        return Reading(field, Kind.CONTACT, "closed" if value else "open")  # contact: the magnet is there
    if field in CALL_BITS and registered in ("button", "wearable"):
        return Reading(field, Kind.BUTTON, value)
    if field in ALARM_BITS:
        return _zone(field, value, registered)
    if field not in STATES:
        return None
    kind = STATES[field]
    if field in ACTIVITY and registered in AS_REGISTERED:
        kind = Kind(registered)
    return Reading(field, kind, value)


def _zone(field: str, value: bool, registered: str) -> Reading | None:
    """A zone that Zigbee2MQTT has no better name for."""
    if registered == "contact":
        return Reading(field, Kind.CONTACT, "open" if value else "closed")
    kinds = {"motion", "occupancy", "pressure", "bed", "smoke", "gas", "co", "flood", "heat"}
    return Reading(field, Kind(registered), value) if registered in kinds else None
