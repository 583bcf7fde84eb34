"""The words devices use, and ours for them. Data and look-ups only.

Sources: research/serial.md section 3 (payloads seen of a real Zigbee2MQTT), zigbee2mqtt.io "exposes" and devices
pages. SOS buttons have no common field: hence the table, and the rule that any action of a call button is a call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.drivers.local_mqtt.payload import Malformed
from gateway.observations import GESTURES, Kind

IGNORE: Final = "ignore"
ANY: Final = "*"

_GESTURES: Final[Mapping[str, str]] = {
    **{g: g for g in GESTURES},
    "single": "press", "click": "press", "1_single": "press", "on": "press",
    "1_double": "double", "double_click": "double",
    "1_triple": "triple", "tripple": "triple",
    "long_press": "long", "1_long": "long", "1_hold": "hold",
}  # fmt: skip

EMERGENCY_ACTIONS: Final = frozenset({"emergency", "sos", "panic"})
"""A call from whatever device says it, also from a smoke detector or a keypad, also from one nobody registered."""

ACTIONS: Final[Mapping[tuple[str, str], str]] = {
    ("HS1EB/HS1EB-E", "double"): "press",  # HEIMAN SOS-EM: its SOS comes as "double" (run with 2.2.1)
}

CALL_BITS: Final = frozenset({"sos", "emergency", "panic", "alarm", "alarm_1", "alarm_2"})
"""State bits that mean a call on a device registered as a call button."""

ALARM_BITS: Final = frozenset({"alarm_1", "alarm"})
"""How Zigbee2MQTT names the zone of a model it does not know: what it means is what the device is registered as."""

STATES: Final[Mapping[str, Kind]] = {
    "occupancy": Kind.MOTION, "presence": Kind.OCCUPANCY, "vibration": Kind.MOTION, "moving": Kind.MOTION,
    "smoke": Kind.SMOKE, "gas": Kind.GAS, "carbon_monoxide": Kind.CO, "water_leak": Kind.FLOOD,
    "tamper": Kind.TAMPER, "test": Kind.TEST, "battery_low": Kind.BATTERY_LOW, "end_of_life": Kind.END_OF_LIFE,
}  # fmt: skip
"""Boolean fields that mean what they say."""

ACTIVITY: Final = frozenset({"occupancy", "presence", "vibration", "moving"})
"""Fields that say what people do: a device registered as a bed or a flush means that by them."""
AS_REGISTERED: Final = frozenset({Kind.MOTION, Kind.OCCUPANCY, Kind.PRESSURE, Kind.BED, Kind.APPLIANCE, Kind.FLUSH})

HAZARDS: Final = frozenset({Kind.SMOKE, Kind.GAS, Kind.CO, Kind.FLOOD, Kind.HEAT})
"""Told whenever they are said live for the first time, whatever a cache or a retained message said before."""

NUMBERS: Final[Mapping[str, Kind]] = {
    "temperature": Kind.TEMPERATURE, "humidity": Kind.HUMIDITY, "battery": Kind.BATTERY, "power": Kind.POWER,
    "energy": Kind.ENERGY,
}  # fmt: skip

_TRUE: Final = frozenset({"true", "on", "1", "yes", "detected", "occupied"})
_FALSE: Final = frozenset({"false", "off", "0", "no", "clear", "unoccupied"})


def gesture(action: str) -> str:
    """The gesture an action is; one that we have no word for is a press."""
    return _GESTURES.get(action.lower(), "press")


def value_of(kind: Kind, raw: Any) -> Any:
    """What a foreign value is in our vocabulary. Raises `Malformed`; the vocabulary's own bounds are checked later."""
    if isinstance(raw, (dict, list)):
        raise Malformed("wrong_type")
    if kind is Kind.SEEN:
        return None
    if kind is Kind.BUTTON:
        return gesture(raw) if isinstance(raw, str) else "press"
    if kind is Kind.CONTACT:
        if raw in ("open", "closed"):
            return raw
        raise Malformed("wrong_type")  # true is closed to some and open to others: `values` says which
    if kind in _NUMERIC:
        return _number(raw)
    return _truth(raw)


_NUMERIC: Final = frozenset(
    {
        Kind.POWER, Kind.ENERGY, Kind.WATER, Kind.WATER_VOLUME, Kind.TEMPERATURE, Kind.HUMIDITY, Kind.BATTERY,
        Kind.VOLTAGE, Kind.HEART_RATE, Kind.SPO2, Kind.BODY_TEMPERATURE,
    }
)  # fmt: skip


def is_state(kind: Kind) -> bool:
    """Whether the kind is a state that is true or false."""
    return kind not in _NUMERIC and kind not in (Kind.BUTTON, Kind.CONTACT, Kind.SEEN)


def _number(raw: Any) -> float:
    if isinstance(raw, bool) or raw is None:
        raise Malformed("wrong_type")
    try:
        return raw if isinstance(raw, int) else float(raw)
    except ValueError:
        raise Malformed("wrong_type") from None


def _truth(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    word = str(raw).lower() if isinstance(raw, (str, int)) else ""
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise Malformed("wrong_type")
