"""The object table of BTHome v2: id, name, length, sign, scale, unit. Data only.

Source: the public format page (bthome.io/format, MIT) and research/ble.md section 5; names and units are those of
`bthome-ble` 3.25, which the tests use as an oracle. An id that is not here ends the reading of a packet, because
nobody can know its length.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final


class Shape(Enum):
    """How the bytes of an object are to be understood."""

    UNSIGNED = auto()
    SIGNED = auto()
    BOOLEAN = auto()
    BUTTON = auto()
    COMMAND = auto()  # a length byte (low 5 bits), an operation, arguments
    DIMMER = auto()
    TIMESTAMP = auto()  # seconds since 1970, UTC
    TEXT = auto()  # a length byte, UTF-8
    RAW = auto()  # a length byte, any bytes
    VERSION = auto()  # least significant component first


@dataclass(frozen=True, slots=True)
class ObjectType:
    """One row: `size` in bytes without the id (0: a length byte follows)."""

    item: str
    shape: Shape
    size: int
    factor: float = 1
    unit: str | None = None


def _unsigned(item: str, size: int, factor: float = 1, unit: str | None = None) -> ObjectType:
    return ObjectType(item, Shape.UNSIGNED, size, factor, unit)


def _signed(item: str, size: int, factor: float = 1, unit: str | None = None) -> ObjectType:
    return ObjectType(item, Shape.SIGNED, size, factor, unit)


def _boolean(item: str) -> ObjectType:
    return ObjectType(item, Shape.BOOLEAN, 1)


PACKET_ID: Final = 0x00
BUTTON: Final = 0x3A

OBJECTS: Final[dict[int, ObjectType]] = {
    PACKET_ID: _unsigned("packet_id", 1),
    0x01: _unsigned("battery", 1, 1, "%"),
    0x02: _signed("temperature", 2, 0.01, "°C"),
    0x03: _unsigned("humidity", 2, 0.01, "%"),
    0x04: _unsigned("pressure", 3, 0.01, "hPa"),
    0x05: _unsigned("illuminance", 3, 0.01, "lx"),
    0x06: _unsigned("mass", 2, 0.01, "kg"),
    0x07: _unsigned("mass", 2, 0.01, "lb"),
    0x08: _signed("dew_point", 2, 0.01, "°C"),
    0x09: _unsigned("count", 1),
    0x0A: _unsigned("energy", 3, 0.001, "kWh"),
    0x0B: _unsigned("power", 3, 0.01, "W"),
    0x0C: _unsigned("voltage", 2, 0.001, "V"),
    0x0D: _unsigned("pm25", 2, 1, "µg/m³"),
    0x0E: _unsigned("pm10", 2, 1, "µg/m³"),
    0x0F: _boolean("generic"),
    0x10: _boolean("power"),
    0x11: _boolean("opening"),
    0x12: _unsigned("carbon_dioxide", 2, 1, "ppm"),
    0x13: _unsigned("volatile_organic_compounds", 2, 1, "µg/m³"),
    0x14: _unsigned("moisture", 2, 0.01, "%"),
    0x15: _boolean("battery"),  # true: low
    0x16: _boolean("battery_charging"),
    0x17: _boolean("carbon_monoxide"),
    0x18: _boolean("cold"),
    0x19: _boolean("connectivity"),
    0x1A: _boolean("door"),
    0x1B: _boolean("garage_door"),
    0x1C: _boolean("gas"),
    0x1D: _boolean("heat"),
    0x1E: _boolean("light"),
    0x1F: _boolean("lock"),  # true: unlocked
    0x20: _boolean("moisture"),
    0x21: _boolean("motion"),
    0x22: _boolean("moving"),
    0x23: _boolean("occupancy"),
    0x24: _boolean("plug"),
    0x25: _boolean("presence"),
    0x26: _boolean("problem"),
    0x27: _boolean("running"),
    0x28: _boolean("safety"),  # true: safe
    0x29: _boolean("smoke"),
    0x2A: _boolean("sound"),
    0x2B: _boolean("tamper"),
    0x2C: _boolean("vibration"),
    0x2D: _boolean("window"),
    0x2E: _unsigned("humidity", 1, 1, "%"),
    0x2F: _unsigned("moisture", 1, 1, "%"),
    BUTTON: ObjectType("button", Shape.BUTTON, 1),
    0x3B: ObjectType("command", Shape.COMMAND, 0),
    0x3C: ObjectType("dimmer", Shape.DIMMER, 2),
    0x3D: _unsigned("count", 2),
    0x3E: _unsigned("count", 4),
    0x3F: _signed("rotation", 2, 0.1, "°"),
    0x40: _unsigned("distance", 2, 1, "mm"),
    0x41: _unsigned("distance", 2, 0.1, "m"),
    0x42: _unsigned("duration", 3, 0.001, "s"),
    0x43: _unsigned("current", 2, 0.001, "A"),
    0x44: _unsigned("speed", 2, 0.01, "m/s"),
    0x45: _signed("temperature", 2, 0.1, "°C"),
    0x46: _unsigned("uv_index", 1, 0.1),
    0x47: _unsigned("volume", 2, 0.1, "L"),
    0x48: _unsigned("volume", 2, 1, "mL"),
    0x49: _unsigned("volume_flow_rate", 2, 0.001, "m³/h"),
    0x4A: _unsigned("voltage", 2, 0.1, "V"),
    0x4B: _unsigned("gas", 3, 0.001, "m³"),
    0x4C: _unsigned("gas", 4, 0.001, "m³"),
    0x4D: _unsigned("energy", 4, 0.001, "kWh"),
    0x4E: _unsigned("volume", 4, 0.001, "L"),
    0x4F: _unsigned("water", 4, 0.001, "L"),
    0x50: ObjectType("timestamp", Shape.TIMESTAMP, 4),
    0x51: _unsigned("acceleration", 2, 0.001, "m/s²"),  # unsigned: no use for telling a fall
    0x52: _unsigned("gyroscope", 2, 0.001, "°/s"),
    0x53: ObjectType("text", Shape.TEXT, 0),
    0x54: ObjectType("raw", Shape.RAW, 0),
    0x55: _unsigned("volume_storage", 4, 0.001, "L"),
    0x56: _unsigned("conductivity", 2, 1, "µS/cm"),
    0x57: _signed("temperature", 1, 1, "°C"),
    0x58: _signed("temperature", 1, 0.35, "°C"),
    0x59: _signed("count", 1),
    0x5A: _signed("count", 2),
    0x5B: _signed("count", 4),
    0x5C: _signed("power", 4, 0.01, "W"),
    0x5D: _signed("current", 2, 0.001, "A"),
    0x5E: _unsigned("direction", 2, 0.01, "°"),
    0x5F: _unsigned("precipitation", 2, 0.1, "mm"),
    0x60: _unsigned("channel", 1),
    0x61: _unsigned("rotational_speed", 2, 1, "rpm"),
    0x62: _signed("speed", 4, 0.000001, "m/s"),
    0x63: _signed("acceleration", 4, 0.000001, "m/s²"),
    0x64: _unsigned("light_level", 1),
    0x65: _unsigned("settings_revision", 1),
    0xF0: _unsigned("device_type_id", 2),
    0xF1: ObjectType("firmware_version", Shape.VERSION, 4),
    0xF2: ObjectType("firmware_version", Shape.VERSION, 3),
}

BUTTON_EVENTS: Final[dict[int, tuple[str | None, str]]] = {
    0x00: (None, "none"),
    0x01: ("press", "press"),
    0x02: ("double", "double_press"),
    0x03: ("triple", "triple_press"),
    0x04: ("long", "long_press"),
    0x05: ("long", "long_double_press"),
    0x06: ("long", "long_triple_press"),
    0x80: ("hold", "hold_press"),
    0x81: (None, "hold_release"),
}
"""Event code -> (our word, the format's own). The length of a long gesture says more than how often it was repeated,
so long-double and long-triple are `long`; letting go of a held button is the end of a gesture and not one."""

DIMMER_EVENTS: Final = {0x00: None, 0x01: "rotate_left", 0x02: "rotate_right"}
COMMANDS: Final = {0x00: "off", 0x01: "on", 0x02: "toggle", 0x03: "step_up", 0x04: "step_down"}
