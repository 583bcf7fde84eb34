"""BTHome v2: the published vectors, bthome-ble as a second opinion on many packets, and bytes nobody meant."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from bthome_ble import BTHomeBluetoothDeviceData
from habluetooth import BluetoothServiceInfoBleak
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.bthome_device import VirtualBthomeDevice
from gateway.drivers.ble import bthome
from gateway.drivers.ble.bthome import BadFrame, KeyMissing, NotAuthentic, decode, decode_bthome
from gateway.drivers.ble.bthome_objects import BUTTON, OBJECTS, Shape

MAC = "54:48:E6:8F:80:A5"
MAC_BYTES = bytes.fromhex("5448e68f80a5")
KEY = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")
UUID = "0000fcd2-0000-1000-8000-00805f9b34fb"
SEALED = "41a47266c95f730011223378237214"  # the vector of bthome.io/encryption: 25.06 °C, 50.55 %


def values(hex_text: str) -> list[tuple[str, Any]]:
    return [(r.item, r.value) for r in decode(bytes.fromhex(hex_text)).readings]


# One line of the format's own table each: bthome.io/format, column "example".
@pytest.mark.parametrize(
    ("objects", "item", "value", "unit"),
    [
        ("0009", "packet_id", 9, None),
        ("0161", "battery", 97, "%"),
        ("02CA09", "temperature", 25.06, "°C"),
        ("03BF13", "humidity", 50.55, "%"),
        ("04138A01", "pressure", 1008.83, "hPa"),
        ("05138A14", "illuminance", 13460.67, "lx"),
        ("065E1F", "mass", 80.3, "kg"),
        ("073E1D", "mass", 74.86, "lb"),
        ("08CA06", "dew_point", 17.38, "°C"),
        ("0960", "count", 96, None),
        ("0A138A14", "energy", 1346.067, "kWh"),
        ("0B021B00", "power", 69.14, "W"),
        ("0C020C", "voltage", 3.074, "V"),
        ("1001", "power", True, None),
        ("1101", "opening", True, None),
        ("1501", "battery", True, None),
        ("1700", "carbon_monoxide", False, None),
        ("1A00", "door", False, None),
        ("1C01", "gas", True, None),
        ("2001", "moisture", True, None),
        ("2101", "motion", True, None),
        ("2301", "occupancy", True, None),
        ("2901", "smoke", True, None),
        ("2B00", "tamper", False, None),
        ("2D01", "window", True, None),
        ("2E23", "humidity", 35, "%"),
        ("3C0103", "dimmer", {"event": "rotate_left", "steps": 3}, None),
        ("3DC960", "count", 24777, None),
        ("3F020C", "rotation", 307.4, "°"),
        ("4511 01".replace(" ", ""), "temperature", 27.3, "°C"),
        ("4F87562A01", "water", 19551.879, "L"),
        ("505D396164", "timestamp", "2023-05-14T19:41:17Z", None),
        ("530C48656C6C6F20576F726C6421", "text", "Hello World!", None),
        ("540C48656C6C6F20576F726C6421", "raw", "48656c6c6f20576f726c6421", None),
        ("5302C328", "text", None, None),  # not UTF-8: no value rather than a guess
        ("57EA", "temperature", -22, "°C"),
        ("58EA", "temperature", -7.7, "°C"),
        ("5C02FBFFFF", "power", -12.78, "W"),
        ("F00100", "device_type_id", 1, None),
        ("F100010204", "firmware_version", "4.2.1.0", None),
        ("F2000106", "firmware_version", "6.1.0", None),
        ("3B0002", "command", {"command": "toggle", "args": ""}, None),
        ("3B0203AABB", "command", {"command": "step_up", "args": "aabb"}, None),
    ],
)
def test_every_object_by_its_published_example(objects: str, item: str, value: Any, unit: str | None) -> None:
    (reading,) = decode(bytes.fromhex("40" + objects)).readings
    assert (reading.item, reading.value, reading.unit) == (item, value, unit)
    assert type(reading.value) is type(value)


@pytest.mark.parametrize(
    ("code", "word", "detail"),
    [
        (0x00, None, "none"),
        (0x01, "press", "press"),
        (0x02, "double", "double_press"),
        (0x03, "triple", "triple_press"),
        (0x04, "long", "long_press"),
        (0x05, "long", "long_double_press"),
        (0x06, "long", "long_triple_press"),
        (0x80, "hold", "hold_press"),
        (0x81, None, "hold_release"),
        (0xFE, None, "unknown_0xfe"),
    ],
)
def test_every_gesture_in_our_words(code: int, word: str | None, detail: str) -> None:
    (reading,) = decode(bytes([0x44, BUTTON, code])).readings
    assert (reading.item, reading.value, reading.detail) == ("button", word, detail)


def test_several_buttons_in_one_packet_keep_their_order() -> None:
    assert values("44 0007 0164 3A00 3A01 3A80".replace(" ", "")) == [
        ("packet_id", 7), ("battery", 100), ("button", None), ("button", "press"), ("button", "hold"),
    ]  # fmt: skip


def test_an_unknown_object_ends_the_reading_and_is_reported() -> None:
    packet = decode(bytes.fromhex("440164ab3a01"))
    assert [r.item for r in packet.readings] == ["battery"]
    assert packet.unknown == 0xAB


def test_the_published_sealed_vector() -> None:
    packet = decode(bytes.fromhex(SEALED), MAC_BYTES, KEY)
    assert packet.encrypted
    assert packet.counter == 0x33221100
    assert [(r.item, r.value) for r in packet.readings] == [("temperature", 25.06), ("humidity", 50.55)]
    assert packet.body == bytes.fromhex("a47266c95f73")


@pytest.mark.parametrize(
    ("data", "mac", "key", "error"),
    [
        (SEALED, MAC_BYTES, None, KeyMissing),
        (SEALED, MAC_BYTES, bytes(16), NotAuthentic),
        (SEALED, bytes(6), KEY, NotAuthentic),
        (SEALED[:-2] + "00", MAC_BYTES, KEY, NotAuthentic),
        ("45" + SEALED[2:], MAC_BYTES, KEY, NotAuthentic),  # the information byte is part of the nonce
        (SEALED, None, KEY, BadFrame),
        (SEALED, MAC_BYTES, KEY[:8], BadFrame),
        ("4100112233", MAC_BYTES, KEY, BadFrame),
        ("", None, None, BadFrame),
        ("40", None, None, BadFrame),
        ("200164", None, None, BadFrame),  # version 1
        ("420164", None, None, BadFrame),  # a layout that was never published
        ("4002ca", None, None, BadFrame),
        ("40530541", None, None, BadFrame),
        ("4053", None, None, BadFrame),
        ("403b", None, None, BadFrame),
        ("403b1f00", None, None, BadFrame),
        ("40" + "00" * 253, None, None, BadFrame),
    ],
)
def test_what_is_no_frame_says_why(data: str, mac: bytes | None, key: bytes | None, error: type[BadFrame]) -> None:
    with pytest.raises(BadFrame) as caught:
        decode(bytes.fromhex(data), mac, key)
    assert type(caught.value) is error
    assert str(caught.value)
    assert KEY.hex() not in str(caught.value)


# ---- a second opinion


@pytest.fixture(autouse=True, scope="module")
def quiet_oracle() -> Iterator[None]:
    """bthome-ble warns of everything unusual, and generated packets are."""
    log = logging.getLogger("bthome_ble")
    before = log.level
    log.setLevel(logging.CRITICAL)
    yield
    log.setLevel(before)


def oracle(data: bytes, key: bytes | None = None) -> dict[str, Any]:
    """What bthome-ble makes of the frame: {key: value or (event, properties)}."""
    info = BluetoothServiceInfoBleak(
        name="x", address=MAC, rssi=-60, manufacturer_data={}, service_data={UUID: data}, service_uuids=[],
        source="", device=None, advertisement=None, connectable=False, time=0.0, tx_power=None,
    )  # fmt: skip
    update = BTHomeBluetoothDeviceData(bindkey=key).update(info)
    found = {k.key: v.native_value for k, v in update.entity_values.items() if k.key != "signal_strength"}
    found |= {k.key: v.native_value for k, v in update.binary_entity_values.items()}
    found |= {k.key: (v.event_type, v.event_properties) for k, v in update.events.items()}
    return found


def ours(packet: bthome.Packet) -> dict[str, Any]:
    """Our readings in the oracle's shape: repeated names are numbered, device information is not among them."""
    named = [(_oracle_type(r), r) for r in packet.readings if r.object_id < 0xF0]
    types = [t for t, _ in named]
    found: dict[str, Any] = {}
    seen: dict[Any, int] = {}
    for kind, reading in named:
        seen[kind] = seen.get(kind, 0) + 1
        name = reading.item if types.count(kind) == 1 else f"{reading.item}_{seen[kind]}"
        value = _in_oracle_words(reading)
        if value is not None:
            found[name] = value
    return found


def _oracle_type(reading: bthome.Reading) -> tuple[Any, ...]:
    """The oracle numbers by what an object measures: name, unit, whether it is a boolean."""
    shape = OBJECTS[reading.object_id].shape
    return (reading.item, reading.unit, shape is Shape.BOOLEAN)


def _in_oracle_words(reading: bthome.Reading) -> Any:
    match OBJECTS[reading.object_id].shape:
        case Shape.BUTTON:
            known = reading.detail not in ("none", None) and not str(reading.detail).startswith("unknown")
            return (reading.detail, None) if known else None
        case Shape.DIMMER:
            event = reading.value["event"]
            return None if event is None else (event, {"steps": reading.value["steps"]})
        case Shape.COMMAND:
            command = reading.value["command"]
            return None if command is None else (command, {"args": reading.value["args"]})
    return reading.value


def _objects() -> st.SearchStrategy[bytes]:
    """Well-formed objects in ascending order; no name of two kinds twice, which the oracle would overwrite."""
    return st.lists(st.sampled_from(sorted(OBJECTS)).flatmap(_object), min_size=1, max_size=8).map(_without_clashes)


def _object(object_id: int) -> st.SearchStrategy[bytes]:
    kind = OBJECTS[object_id]
    head = bytes([object_id])
    if kind.shape is Shape.COMMAND:
        return st.binary(min_size=1, max_size=6).map(lambda b: head + bytes([len(b) - 1]) + b)
    if kind.shape is Shape.TEXT:
        return st.text(min_size=1, max_size=5).map(str.encode).map(lambda b: head + bytes([len(b)]) + b)
    if kind.size == 0:
        return st.binary(min_size=1, max_size=10).map(lambda b: head + bytes([len(b)]) + b)
    return st.binary(min_size=kind.size, max_size=kind.size).map(lambda b: head + b)


def _without_clashes(objects: list[bytes]) -> bytes:
    taken: dict[str, tuple[Any, ...]] = {}
    kept = []
    for each in sorted(objects, key=lambda o: o[0]):
        kind = OBJECTS[each[0]]
        what = (kind.unit, kind.shape is Shape.BOOLEAN)
        if each[0] == 0 and kept and kept[-1][0] == 0:
            continue  # a second packet id is an echo to the oracle
        if taken.setdefault(kind.item, what) == what:
            kept.append(each)
    return b"".join(kept)


def plain_values(found: dict[str, Any]) -> dict[str, Any]:
    """Times as text, so that both can be compared."""
    return {k: v.isoformat().replace("+00:00", "Z") if hasattr(v, "isoformat") else v for k, v in found.items()}


@given(_objects())
def test_bthome_ble_reads_the_same_from_plain_packets(objects: bytes) -> None:
    data = b"\x40" + objects
    assert plain_values(ours(decode(data))) == plain_values(oracle(data))


@given(_objects(), st.integers(0, (1 << 32) - 1), st.binary(min_size=16, max_size=16))
def test_bthome_ble_reads_the_same_from_sealed_packets(objects: bytes, counter: int, key: bytes) -> None:
    data = VirtualBthomeDevice(MAC, key).seal(objects, counter)
    packet = decode(data, MAC_BYTES, key)
    assert packet.counter == counter
    assert plain_values(ours(packet)) == plain_values(oracle(data, key))


def test_the_table_agrees_with_bthome_ble_on_every_id_name_and_unit() -> None:
    from bthome_ble.const import MEAS_TYPES

    assert set(OBJECTS) == set(MEAS_TYPES)
    for object_id, theirs in MEAS_TYPES.items():
        if theirs.meas_format is None:
            continue
        name = str(getattr(theirs.meas_format, "device_class", theirs.meas_format))
        unit = getattr(theirs.meas_format, "native_unit_of_measurement", None)
        mine = OBJECTS[object_id]
        assert mine.item == name
        assert mine.unit == ("hPa" if name == "pressure" else None if unit is None else str(unit))


# ---- bytes nobody meant


@given(st.binary(max_size=300))
def test_any_bytes_give_a_packet_or_bad_frame(data: bytes) -> None:
    for mac, key in ((None, None), (MAC_BYTES, KEY)):
        try:
            packet = decode(data, mac, key)
        except BadFrame:
            continue
        assert len(packet.readings) <= bthome.MAX_OBJECTS


@given(st.binary(min_size=1, max_size=250))
def test_any_payload_behind_a_good_first_byte_gives_a_packet_or_bad_frame(payload: bytes) -> None:
    try:
        packet = decode(b"\x44" + payload)
    except BadFrame:
        return
    assert packet.readings or packet.unknown is not None


@given(st.text(max_size=80), st.none() | st.text(max_size=20), st.none() | st.text(max_size=40))
def test_any_text_on_the_command_line_gives_one_answer(text: str, mac: str | None, key: str | None) -> None:
    answer = decode_bthome(text, mac, key)
    assert answer["ok"] in (True, False)
    assert answer["ok"] or answer["error"]


# ---- the line that `hearthwatch decode bthome` prints


def test_decode_prints_a_plain_frame() -> None:
    assert decode_bthome("44 00 01 01 64 3A 02", "54:48:e6:8f:80:a5") == {
        "ok": True, "address": MAC, "encrypted": False, "counter": None, "packet_id": 1,
        "readings": [
            {"item": "packet_id", "value": 1, "unit": None},
            {"item": "battery", "value": 100, "unit": "%"},
            {"item": "button", "value": "double", "unit": None, "detail": "double_press"},
        ],
    }  # fmt: skip


def test_decode_prints_a_sealed_frame_and_refuses_without_its_key() -> None:
    answer = decode_bthome(SEALED, "5448E68F80A5", KEY.hex())
    assert (answer["ok"], answer["encrypted"], answer["counter"]) == (True, True, 857870592)
    assert decode_bthome(SEALED, MAC)["ok"] is False
    assert decode_bthome(SEALED, None, KEY.hex())["ok"] is False
    assert decode_bthome(SEALED, "54:48:E6:8F:80:A6", KEY.hex())["ok"] is False
    assert "key" in decode_bthome(SEALED, MAC)["error"]
    assert "expected 32 hex digits" in decode_bthome(SEALED, MAC, "12")["error"]
    assert "address" in decode_bthome(SEALED, "54:48", KEY.hex())["error"]
    assert "hex" in decode_bthome("4Z")["error"]
    assert decode_bthome("440164ab")["unknown_object"] == "0xab"
