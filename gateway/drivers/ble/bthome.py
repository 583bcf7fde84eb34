"""BTHome v2 service data, decoded sans-IO: bytes in, a `Packet` or `BadFrame` out, never another exception.

Knows the format, plain and sealed (AES-128-CCM). Knows nothing of Bluetooth, of who the sender is, of what was
received before, or of what a reading means to anybody.

Layout (bthome.io/format, research/ble.md section 5): one byte of device information, then objects of id and value;
sealed: information | ciphertext | counter (4, little endian) | MIC (4). Nonce: MAC as printed | D2 FC | information |
counter; no associated data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from gateway.drivers.ble.bthome_objects import (
    BUTTON_EVENTS,
    COMMANDS,
    DIMMER_EVENTS,
    OBJECTS,
    PACKET_ID,
    ObjectType,
    Shape,
)

MAX_SERVICE_DATA: Final = 252  # an AD structure is at most 255 bytes, less its type and the 16-bit UUID
MAX_HEX_CHARS: Final = 4 * MAX_SERVICE_DATA  # with separators between the bytes
MAX_OBJECTS: Final = MAX_SERVICE_DATA // 2
KEY_BYTES: Final = 16
MAC_BYTES: Final = 6
MIC_BYTES: Final = 4
COUNTER_BYTES: Final = 4
VERSION: Final = 2
UUID16: Final = b"\xd2\xfc"  # 0xFCD2 as it goes over the air

_SEALED: Final = 0x01
_RESERVED: Final = 0x02  # early drafts put the MAC into the data here; the published format reserves it
_COMMAND_LENGTH: Final = 0x1F


class BadFrame(ValueError):
    """Their fault: these bytes are no BTHome v2 frame. The text says what was found and expected; no key is in it."""


class KeyMissing(BadFrame):
    """The frame is sealed and no key was given."""


class NotAuthentic(BadFrame):
    """The MIC does not fit: wrong key, wrong address, damaged or forged."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One object. `value`: number, text, object or None (not a value); `detail`: the format's word for a gesture."""

    object_id: int
    item: str
    value: Any
    unit: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Packet:
    """What one frame said, in its order. `unknown`: the object id at which reading had to stop, if any."""

    encrypted: bool
    counter: int | None  # sealed frames only
    packet_id: int | None
    readings: tuple[Reading, ...]
    unknown: int | None
    body: bytes  # what was sent between information byte and counter: tells two frames of one counter apart


def decode(data: bytes, mac: bytes | None = None, key: bytes | None = None) -> Packet:
    """Decodes service data after the UUID. `mac` (6 bytes as printed) and `key` (16) are needed for sealed frames only.

    Raises `KeyMissing`, `NotAuthentic` or another `BadFrame`.
    """
    if not 2 <= len(data) <= MAX_SERVICE_DATA:
        raise BadFrame(f"expected 2 to {MAX_SERVICE_DATA} bytes of service data, found {len(data)}")
    info = data[0]
    if info >> 5 != VERSION:
        raise BadFrame(f"expected BTHome version {VERSION}, found {info >> 5} (first byte 0x{info:02x})")
    if info & _RESERVED:
        raise BadFrame(f"reserved bit 1 is set, the layout is not known (first byte 0x{info:02x})")
    sealed = bool(info & _SEALED)
    counter = None
    body = plain = data[1:]
    if sealed:
        body, counter, plain = _unseal(data, mac, key)
    readings, unknown = _read_objects(plain)
    packet_id = next((r.value for r in readings if r.object_id == PACKET_ID), None)
    return Packet(sealed, counter, packet_id, readings, unknown, body)


def load_cipher() -> None:
    """Loads what sealed frames need, so that the first press after a start does not wait for it."""
    from gateway.drivers.ble import ccm

    ccm.opener()


def _unseal(data: bytes, mac: bytes | None, key: bytes | None) -> tuple[bytes, int, bytes]:
    if len(data) < 1 + COUNTER_BYTES + MIC_BYTES:
        raise BadFrame(f"a sealed frame has at least {1 + COUNTER_BYTES + MIC_BYTES} bytes, found {len(data)}")
    if key is None:
        raise KeyMissing("the frame is sealed and no key was given")
    if len(key) != KEY_BYTES:
        raise BadFrame(f"expected a key of {KEY_BYTES} bytes, found {len(key)}")
    if mac is None or len(mac) != MAC_BYTES:
        raise BadFrame(f"a sealed frame needs the sender's address ({MAC_BYTES} bytes)")
    from gateway.drivers.ble import ccm  # only sealed frames need it

    body, counter, mic = data[1:-8], data[-8:-4], data[-4:]
    plain = ccm.opener()(key, mac + UUID16 + data[:1] + counter, body, mic)
    if plain is None:
        raise NotAuthentic("the MIC does not fit: wrong key, wrong address, damaged or forged")
    return body, int.from_bytes(counter, "little"), plain


def _read_objects(plain: bytes) -> tuple[tuple[Reading, ...], int | None]:
    readings: list[Reading] = []
    at = 0
    while at < len(plain):
        kind = OBJECTS.get(plain[at])
        if kind is None:
            return tuple(readings), plain[at]
        start, size = _extent(plain, at, kind)
        value, detail = _value(kind, plain[start : start + size])
        readings.append(Reading(plain[at], kind.item, value, kind.unit, detail))
        at = start + size
    return tuple(readings), None


def _extent(plain: bytes, at: int, kind: ObjectType) -> tuple[int, int]:
    """Where the value of the object at `at` starts and how long it is; raises where the frame is too short for it."""
    start, size = at + 1, kind.size
    if kind.size == 0:
        if start >= len(plain):
            raise BadFrame(f"object 0x{plain[at]:02x} ({kind.item}) at {at}: its length byte is missing")
        size = plain[start]
        if kind.shape is Shape.COMMAND:
            size = 1 + (size & _COMMAND_LENGTH)  # the operation, then its arguments
        start += 1
    if start + size > len(plain):
        left = len(plain) - start
        raise BadFrame(f"object 0x{plain[at]:02x} ({kind.item}) at {at}: expected {size} bytes, found {left}")
    return start, size


def _value(kind: ObjectType, raw: bytes) -> tuple[Any, str | None]:
    number = int.from_bytes(raw, "little", signed=kind.shape is Shape.SIGNED)
    match kind.shape:
        case Shape.UNSIGNED | Shape.SIGNED:
            return _scaled(number, kind.factor), None
        case Shape.BOOLEAN:
            return number != 0, None
        case Shape.BUTTON:
            return BUTTON_EVENTS.get(number, (None, f"unknown_0x{number:02x}"))
        case Shape.COMMAND:
            return {"command": COMMANDS.get(raw[0]), "args": raw[1:].hex()}, None
        case Shape.DIMMER:
            return {"event": DIMMER_EVENTS.get(raw[0]), "steps": raw[1]}, None
        case Shape.TIMESTAMP:
            return datetime.fromtimestamp(number, UTC).isoformat().replace("+00:00", "Z"), None
        case Shape.TEXT:
            return _text(raw), None
        case Shape.RAW:
            return raw.hex(), None
        case Shape.VERSION:
            return ".".join(str(part) for part in reversed(raw)), None


def _scaled(number: int, factor: float) -> int | float:
    if factor == 1:
        return number
    decimals = -int(f"{factor:e}".split("e")[-1])  # 0.35 keeps one decimal, as the reference decoder does
    return round(number * factor, decimals)


def _text(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def decode_bthome(hex_text: str, mac: str | None = None, key: str | None = None) -> dict[str, Any]:
    """The line that `hearthwatch decode bthome` prints for one frame in hex (design: black-box interfaces).

    Never raises: `{"ok": false, "error": …}` for anything wrong with the frame, the address or the key.
    `unknown_object` is present where reading stopped at an object nobody knows, `detail` where the format has another
    word for a gesture than we.
    """
    try:
        address = None if mac is None else parse_mac(mac)
        secret = None if key is None else _parse_key(key)
        packet = decode(_parse_hex(hex_text), address, secret)
    except BadFrame as error:
        return {"ok": False, "error": str(error)}
    answer: dict[str, Any] = {
        "ok": True,
        "address": None if address is None else address.hex(":").upper(),
        "encrypted": packet.encrypted,
        "counter": packet.counter,
        "packet_id": packet.packet_id,
        "readings": [_reading_json(r) for r in packet.readings],
    }
    if packet.unknown is not None:
        answer["unknown_object"] = f"0x{packet.unknown:02x}"
    return answer


def _reading_json(reading: Reading) -> dict[str, Any]:
    line = {"item": reading.item, "value": reading.value, "unit": reading.unit}
    if reading.detail is not None and reading.detail != reading.value:
        line["detail"] = reading.detail
    return line


def parse_mac(text: str) -> bytes:
    """`AA:BB:CC:DD:EE:FF` (or with hyphens, or bare) as 6 bytes; raises `BadFrame`."""
    bare = re.sub(r"[:-]", "", text)
    if not re.fullmatch(r"[0-9a-fA-F]{12}", bare):
        raise BadFrame("address: expected AA:BB:CC:DD:EE:FF")
    return bytes.fromhex(bare)


def _parse_key(text: str) -> bytes:
    if not re.fullmatch(r"[0-9a-fA-F]{32}", text):
        raise BadFrame("key: expected 32 hex digits (not shown)")
    return bytes.fromhex(text)


def _parse_hex(text: str) -> bytes:
    if len(text) > MAX_HEX_CHARS:
        raise BadFrame(f"expected at most {MAX_SERVICE_DATA} bytes in hex, found {len(text)} characters")
    bare = re.sub(r"[\s:-]", "", text).removeprefix("0x")
    if not re.fullmatch(r"(?:[0-9a-fA-F]{2})+", bare):
        raise BadFrame("expected hex digits, two a byte")
    return bytes.fromhex(bare)
