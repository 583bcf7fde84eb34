"""A virtual Zigbee end device: it answers ZDO requests and is a ZCL server. Bytes in, bytes out; no radio, no time.

Numbers are those of the Zigbee specification (05-3474) and the Zigbee Cluster Library (07-5123).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

BASIC, POWER_CONFIGURATION, IDENTIFY, IAS_ZONE = 0x0000, 0x0001, 0x0003, 0x0500
HOME_AUTOMATION = 0x0104
IAS_ZONE_DEVICE = 0x0402
ZONE_TYPES = {"sos": 0x002C, "motion": 0x000D, "door": 0x0015, "leak": 0x002A}
ALARM_1, ALARM_2, RESTORE = 0x0001, 0x0002, 0x0000

# ZCL data types (table 2-10) that these devices use: id -> struct code
BITMAP8, BITMAP16, UINT8, UINT16, ENUM8, ENUM16, TEXT, EUI64 = 0x18, 0x19, 0x20, 0x21, 0x30, 0x31, 0x42, 0xF0
BOOLEAN = 0x10
_CODES = {BOOLEAN: "<B", BITMAP8: "<B", BITMAP16: "<H", UINT8: "<B", UINT16: "<H", ENUM8: "<B", ENUM16: "<H"}

SUCCESS, UNSUPPORTED_ATTRIBUTE, UNSUPPORTED_CLUSTER, NOT_SUPPORTED = 0x00, 0x86, 0xC3, 0x84
READ, READ_ANSWER, WRITE, WRITE_ANSWER, CONFIGURE, CONFIGURE_ANSWER, REPORT, DEFAULT_ANSWER = (
    0x00, 0x01, 0x02, 0x04, 0x06, 0x07, 0x0A, 0x0B,
)  # fmt: skip
CLUSTER_SPECIFIC, MANUFACTURER_SPECIFIC, FROM_SERVER, NO_DEFAULT_ANSWER = 0x01, 0x04, 0x08, 0x10

Attribute = tuple[int, Any]  # type, value


@dataclass
class ZigbeeDevice:
    """One battery device with an IAS zone. `ieee` as printed: 16 hex digits."""

    ieee: str
    kind: str
    model: str
    maker: str = "HEIMAN"
    network: int = 0x1000  # short address
    joined: bool = False
    sequence: int = 0
    clusters: dict[int, dict[int, Attribute]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clusters = {
            BASIC: {0: (UINT8, 3), 4: (TEXT, self.maker), 5: (TEXT, self.model), 7: (ENUM8, 3)},
            IDENTIFY: {0: (UINT16, 0)},
            POWER_CONFIGURATION: {0x20: (UINT8, 30), 0x21: (UINT8, 200)},
            IAS_ZONE: {
                0: (ENUM8, 0), 1: (ENUM16, ZONE_TYPES[self.kind]), 2: (BITMAP16, 0), 0x10: (EUI64, bytes(8)),
                0x11: (UINT8, 0xFF),
            },
        }  # fmt: skip

    @property
    def address(self) -> bytes:
        """The 64-bit address as it goes over the air: last byte first."""
        return bytes.fromhex(self.ieee)[::-1]

    @property
    def announcement(self) -> bytes:
        """Device_annce (2.4.3.1.11): a sleepy end device that takes an address."""
        return struct.pack("<H", self.network) + self.address + b"\x80"

    # ---- ZDO

    def zdo(self, cluster: int) -> bytes:
        """The body of the answer to a ZDO request, without its transaction number."""
        me = struct.pack("<H", self.network)
        if cluster in (0x0000, 0x0001):  # NWK_addr, IEEE_addr
            return b"\0" + self.address + me
        if cluster == 0x0002:  # Node_Desc: end device, 2.4 GHz, battery
            return b"\0" + me + b"\x02\x40\x80" + struct.pack("<HBHHHB", 0x1234, 82, 82, 0, 82, 0)
        if cluster == 0x0004:  # Simple_Desc
            descriptor = struct.pack("<BHHBB", 1, HOME_AUTOMATION, IAS_ZONE_DEVICE, 1, len(self.clusters))
            descriptor += b"".join(struct.pack("<H", c) for c in self.clusters) + b"\0"
            return b"\0" + me + bytes([len(descriptor)]) + descriptor
        if cluster == 0x0005:  # Active_EP: one
            return b"\0" + me + b"\x01\x01"
        if cluster in (0x0021, 0x0034):  # Bind, Mgmt_Leave
            return bytes([SUCCESS])
        if cluster == 0x0031:  # Mgmt_Lqi: no neighbours
            return bytes(4)
        return bytes([NOT_SUPPORTED])

    # ---- ZCL

    def zcl(self, cluster: int, frame: bytes) -> bytes | None:
        """The answer to a ZCL frame, or None where none is due."""
        control, rest = frame[0], frame[1:]
        if control & MANUFACTURER_SPECIFIC:
            rest = rest[2:]
        transaction, command, body = rest[0], rest[1], rest[2:]
        attributes = self.clusters.get(cluster)

        def answer(number: int, payload: bytes) -> bytes:
            return bytes([FROM_SERVER | NO_DEFAULT_ANSWER, transaction, number]) + payload

        if attributes is None:
            return answer(DEFAULT_ANSWER, bytes([command, UNSUPPORTED_CLUSTER]))
        if control & CLUSTER_SPECIFIC:
            if cluster == IAS_ZONE and command == 0x00:  # Zone Enroll Response: we are enrolled under this id
                attributes[0], attributes[0x11] = (ENUM8, 1), (UINT8, body[1])
        elif command == READ:
            wanted = [number for (number,) in struct.iter_unpack("<H", body)]
            return answer(READ_ANSWER, b"".join(_read(n, attributes.get(n)) for n in wanted))
        elif command == WRITE:
            number, kind = struct.unpack_from("<HB", body)
            value = body[3:11] if kind == EUI64 else struct.unpack_from(_CODES[kind], body, 3)[0]
            attributes[number] = (kind, value)
            return answer(WRITE_ANSWER, bytes([SUCCESS]))
        elif command == CONFIGURE:
            return answer(CONFIGURE_ANSWER, bytes([SUCCESS]))
        elif command in (REPORT, DEFAULT_ANSWER):
            return None
        return None if control & NO_DEFAULT_ANSWER else answer(DEFAULT_ANSWER, bytes([command, SUCCESS]))

    def zone_changed(self, status: int) -> bytes:
        """Zone Status Change Notification (8.2.2.4.1): what a sensor says when something happens."""
        self.clusters[IAS_ZONE][2] = (BITMAP16, status)
        self.sequence = (self.sequence + 1) & 0xFF
        return bytes([CLUSTER_SPECIFIC | FROM_SERVER, self.sequence, 0x00]) + struct.pack("<HBBH", status, 0, 0, 0)


def _read(number: int, attribute: Attribute | None) -> bytes:
    if attribute is None:
        return struct.pack("<HB", number, UNSUPPORTED_ATTRIBUTE)
    kind, value = attribute
    if kind == TEXT:
        encoded = bytes([len(value)]) + value.encode()
    else:
        encoded = value if kind == EUI64 else struct.pack(_CODES[kind], value)
    return struct.pack("<HBB", number, SUCCESS, kind) + encoded
