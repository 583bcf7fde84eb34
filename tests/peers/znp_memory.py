"""The flash of a Z-Stack 3.30 stick with a network already formed: what a host reads at its start. Bytes only.

Item numbers and the layout of the network information base are Z-Stack's (znp_ids, nwk_globals), as far as zigpy-znp
and zigbee-herdsman were seen to ask for them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

COORDINATOR = bytes.fromhex("00124b00fa4e0001")[::-1]
EXTENDED_PAN = bytes.fromhex("ddddddddfa4e0001")[::-1]
PAN, CHANNEL = 0x1A62, 15
NETWORK_KEY = bytes.fromhex("0a1b2c3d4e5f60718293a4b5c6d7e8f9")
TRUST_CENTRE_SEED = b"ZigBeeAlliance09"

EXTADDR, STARTUP_OPTION, NIB = 0x0001, 0x0003, 0x0021
ADDRESSES, LINK_KEYS, APS_KEYS, SECURITY = 1, 4, 6, 7  # tables of the extended memory

OK, NEW, INVALID, NOTHING = b"\0", b"\x09", b"\x02", b"\x0a"
MAX_READ = 248

Item = tuple[int, int]  # table, row


def network_information(formed: bool) -> bytes:
    """The network information base, 116 bytes (ARM alignment)."""
    base = bytearray(116)
    base[0:15] = bytes([0, 5, 2, 0, 20, 0, 0, 30, 0, 0, 0, 1, 5, 1, 143])
    struct.pack_into("<HBBB", base, 16, 7, 2, 5, 30)
    if formed:
        struct.pack_into("<HB", base, 22, 0, CHANNEL)
        struct.pack_into("<HB", base, 36, PAN, 7)  # state 7: a router of a network
        struct.pack_into("<I4B", base, 40, 1 << CHANNEL, 15, 15, 0, 0)
        base[57:66] = EXTENDED_PAN + b"\x01"
    else:
        struct.pack_into("<H", base, 22, 0xFFFE)
        struct.pack_into("<H", base, 26, 0xFFFE)
        struct.pack_into("<H", base, 36, 0xFFFF)
    struct.pack_into("<7B", base, 102, 60, 3, 0, 1, 120, 10, 1)
    return bytes(base)


def items(formed: bool) -> dict[int, bytes]:
    """The plain items by number."""
    key = b"\0" + (NETWORK_KEY if formed else bytes(16))
    found = {
        EXTADDR: COORDINATOR, STARTUP_OPTION: b"\0", NIB: network_information(formed),
        0x002D: EXTENDED_PAN, 0x0047: EXTENDED_PAN,  # EXTENDED_PAN_ID, APS_USE_EXT_PANID
        0x0030: b"\x1e", 0x0032: b"\1", 0x0033: b"\x78", 0x0034: b"\x0a", 0x0036: b"\1", 0x0038: b"\xff",
        0x003A: key, 0x003B: key, 0x003E: b"\0",  # NWK_ACTIVE_KEY_INFO, NWK_ALTERN_KEY_INFO
        0x004C: bytes(2), 0x0055: b"\1" if formed else b"\0",  # BDBNODEISONANETWORK
        0x0061: b"\5", 0x0062: NETWORK_KEY, 0x0063: b"\0",  # SECURITY_LEVEL, PRECFGKEY, PRECFGKEYS_ENABLE
        0x0082: bytes(24), 0x0083: struct.pack("<H", PAN), 0x0084: struct.pack("<I", 1 << CHANNEL),
        0x0087: b"\0", 0x008F: b"\1", 0x0101: TRUST_CENTRE_SEED,
    }  # fmt: skip
    return found | ({0x005F: b"\1", 0x0060: b"\x55"} if formed else {})  # configured by Z-Stack 3 hosts


def tables(formed: bool) -> dict[Item, bytes]:
    """The rows of the extended memory."""
    rows: dict[Item, bytes] = {}
    for n in range(16):
        rows[ADDRESSES, n] = b"\0\0\xfe\xff" + b"\xff" * 8
        rows[LINK_KEYS, n] = bytes(20)
        rows[APS_KEYS, n] = bytes(24)
    for n in range(4):
        rows[SECURITY, n] = struct.pack("<I", 2500) + EXTENDED_PAN if n == 0 and formed else bytes(12)
    return rows


class Memory:
    """Items and tables, and the commands of subsystem SYS that read and write them."""

    def __init__(self, formed: bool) -> None:
        self.items, self.tables = items(formed), tables(formed)

    def item_init(self, data: bytes) -> bytes:
        number, length = struct.unpack_from("<HH", data)
        if number in self.items:
            return OK
        self.items[number] = data[5 : 5 + data[4]].ljust(length, b"\xff")
        return NEW

    def item_read(self, data: bytes) -> bytes:
        number, offset = struct.unpack("<HH", data) if len(data) == 4 else struct.unpack("<HB", data)
        return _part(self.items.get(number), offset, MAX_READ)

    def item_write(self, data: bytes) -> bytes:
        number, offset = struct.unpack_from("<HB", data)
        return self._written(number, offset, data[4:])

    def item_write_long(self, data: bytes) -> bytes:
        number, offset = struct.unpack_from("<HH", data)
        return self._written(number, offset, data[6:])

    def _written(self, number: int, offset: int, value: bytes) -> bytes:
        if number not in self.items:
            return INVALID
        self.items[number] = _patched(self.items[number], offset, value)
        return OK

    def item_delete(self, data: bytes) -> bytes:
        return OK if self.items.pop(struct.unpack_from("<H", data)[0], None) is not None else NOTHING

    def item_length(self, data: bytes) -> bytes:
        return struct.pack("<H", len(self.items.get(struct.unpack_from("<H", data)[0], b"")))

    def _row(self, data: bytes) -> bytes | None:
        """The row of the extended memory that a request names."""
        _, table, row = struct.unpack_from("<BHH", data)
        return self.items.get(row) if table == 0 else self.tables.get((table, row))

    def _row_store(self, data: bytes, value: bytes | None) -> None:
        _, table, row = struct.unpack_from("<BHH", data)
        store, key = (self.items, row) if table == 0 else (self.tables, (table, row))
        if value is None:
            store.pop(key, None)
        else:
            store[key] = value

    def row_create(self, data: bytes) -> bytes:
        self._row_store(data, bytes(struct.unpack_from("<I", data, 5)[0]))
        return NEW

    def row_delete(self, data: bytes) -> bytes:
        known = self._row(data) is not None
        self._row_store(data, None)
        return OK if known else NOTHING

    def row_length(self, data: bytes) -> bytes:
        return struct.pack("<I", len(self._row(data) or b""))

    def row_read(self, data: bytes) -> bytes:
        offset, length = struct.unpack_from("<HB", data, 5)
        return _part(self._row(data), offset, length)

    def row_write(self, data: bytes) -> bytes:
        before = self._row(data)
        if before is None:
            return INVALID
        self._row_store(data, _patched(before, struct.unpack_from("<H", data, 5)[0], data[8 : 8 + data[7]]))
        return OK


def _part(value: bytes | None, offset: int, length: int) -> bytes:
    if value is None:
        return INVALID + b"\0"
    part = value[offset : offset + length]
    return OK + bytes([len(part)]) + part


def _patched(value: bytes, offset: int, piece: bytes) -> bytes:
    patched = bytearray(value)
    patched[offset : offset + len(piece)] = piece
    return bytes(patched)


COMMANDS: dict[int, Callable[[Memory, bytes], bytes]] = {
    0x07: Memory.item_init,
    0x08: Memory.item_read,
    0x09: Memory.item_write,
    0x12: Memory.item_delete,
    0x13: Memory.item_length,
    0x1C: Memory.item_read,
    0x1D: Memory.item_write_long,
    0x30: Memory.row_create,
    0x31: Memory.row_delete,
    0x32: Memory.row_length,
    0x33: Memory.row_read,
    0x34: Memory.row_write,
}
