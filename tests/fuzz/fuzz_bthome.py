"""BTHome service data: `Packet` or `BadFrame`; sealed reads as plain does; bthome-ble reads no other number."""

from __future__ import annotations

import logging
from typing import Any

from bthome_ble import BTHomeBluetoothDeviceData
from fuzz_rig import raises_only
from habluetooth import BluetoothServiceInfoBleak

from gateway.demo.bthome_device import VirtualBthomeDevice
from gateway.drivers.ble.bthome import MAX_OBJECTS, MAX_SERVICE_DATA, BadFrame, Packet, decode, decode_bthome
from gateway.drivers.ble.bthome_objects import OBJECTS, Shape

logging.getLogger("bthome_ble").setLevel(logging.CRITICAL)  # it warns of everything unusual

MAC = "C4:7C:8D:00:00:01"
MAC_BYTES = bytes.fromhex(MAC.replace(":", ""))
KEY = bytes(range(16))
UUID = "0000fcd2-0000-1000-8000-00805f9b34fb"


def seeds() -> list[bytes]:
    device = VirtualBthomeDevice(MAC, KEY)
    objects = [bytes([i]) + bytes(range(1, kind.size + 1)) for i, kind in OBJECTS.items() if kind.size]
    plain = [b"\x40" + b"".join(objects[i : i + 6]) for i in range(0, len(objects), 6)]
    return [*plain, b"\x44\x53\x03abc\x54\x02\x00\xff\x3b\x01\x05", device.seal(b"\x3a\x01", 5), device.button("press")]


def one_input(data: bytes) -> None:
    plain = raises_only((BadFrame,), lambda: decode(data))
    raises_only((BadFrame,), lambda: decode(data, MAC_BYTES, KEY))
    assert decode_bthome(data[:300].hex(), MAC, KEY.hex())["ok"] in (True, False)
    assert decode_bthome(data[:300].decode("latin-1"), data[:20].decode("latin-1"), None)["ok"] in (True, False)
    if not isinstance(plain, Packet):
        return
    assert len(plain.readings) <= MAX_OBJECTS
    if len(data) <= MAX_SERVICE_DATA - 8:
        sealed = decode(VirtualBthomeDevice(MAC, KEY).seal(data[1:], 7), MAC_BYTES, KEY)
        assert (sealed.readings, sealed.counter, sealed.unknown) == (plain.readings, 7, plain.unknown)
    if plain.unknown is None:
        _second_opinion(data, plain)


def _second_opinion(data: bytes, packet: Packet) -> None:
    """Numbers of names that occur once, in ascending order as the format asks: the oracle reads the same."""
    ids = [r.object_id for r in packet.readings]
    names = [r.item for r in packet.readings]
    if ids != sorted(set(ids)) or len(set(names)) != len(names) or max(ids) >= 0xF0:
        return
    theirs = _oracle(data)
    for reading in packet.readings:
        if OBJECTS[reading.object_id].shape in (Shape.UNSIGNED, Shape.SIGNED):
            assert theirs.get(reading.item) == reading.value, (reading, theirs)


def _oracle(data: bytes) -> dict[str, Any]:
    info = BluetoothServiceInfoBleak(
        name="x", address=MAC, rssi=-60, manufacturer_data={}, service_data={UUID: data}, service_uuids=[],
        source="", device=None, advertisement=None, connectable=False, time=0.0, tx_power=None,
    )  # fmt: skip
    update = BTHomeBluetoothDeviceData().update(info)
    return {k.key: v.native_value for k, v in update.entity_values.items()}
