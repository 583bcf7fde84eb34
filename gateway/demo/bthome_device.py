"""A virtual BTHome v2 device: makes the service data of plain and sealed adverts, as a real button would send them.

Independent of our decoder on purpose: what it sends is built from the format's text (bthome.io/format), so that the
decoder is not tested against itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BUTTON_CODES: Final = {
    "none": 0x00, "press": 0x01, "double": 0x02, "triple": 0x03, "long": 0x04,
    "long_double": 0x05, "long_triple": 0x06, "hold": 0x80, "release": 0x81,
}  # fmt: skip

_PLAIN: Final = 0x44  # version 2, sends when something happens
_SEALED: Final = 0x45


@dataclass(slots=True)
class VirtualBthomeDevice:
    """One device. Each call of a verb is one new packet: the next packet id and, if sealed, the next counter."""

    address: str  # AA:BB:CC:DD:EE:FF
    key: bytes | None = None  # 16 bytes: sealed
    packet_id: int | None = 0  # of the packet before the next; None: this device sends none
    counter: int = 0  # of the packet before the next
    battery_percent: int = 100

    def button(self, *gestures: str) -> bytes:
        """A press: one gesture for each button of the device (see `BUTTON_CODES`)."""
        presses = b"".join(bytes([0x3A, BUTTON_CODES[gesture]]) for gesture in gestures or ("press",))
        return self.packet(bytes([0x01, self.battery_percent]) + presses)

    def motion(self, moving: bool) -> bytes:
        """A movement sensor's word."""
        return self.packet(bytes([0x01, self.battery_percent, 0x21, moving]))

    def contact(self, is_open: bool) -> bytes:
        """A window contact's word."""
        return self.packet(bytes([0x01, self.battery_percent, 0x2D, is_open]))

    def battery(self) -> bytes:
        """The charge of the battery and nothing else: a heartbeat."""
        return self.packet(bytes([0x01, self.battery_percent]))

    def packet(self, objects: bytes) -> bytes:
        """The service data of a new packet with these objects (ascending ids, without the packet id)."""
        if self.packet_id is not None:
            self.packet_id = (self.packet_id + 1) % 256
            objects = bytes([0x00, self.packet_id]) + objects
        if self.key is None:
            return bytes([_PLAIN]) + objects
        self.counter = (self.counter + 1) % (1 << 32)
        return self.seal(objects, self.counter)

    def seal(self, objects: bytes, counter: int) -> bytes:
        """The sealed service data of these objects under this counter, however often it was used before."""
        from cryptography.hazmat.primitives.ciphers.aead import AESCCM

        assert self.key is not None
        info, count = bytes([_SEALED]), counter.to_bytes(4, "little")
        nonce = bytes.fromhex(self.address.replace(":", "")) + b"\xd2\xfc" + info + count
        sealed = AESCCM(self.key, tag_length=4).encrypt(nonce, objects, None)
        return info + sealed[:-4] + count + sealed[-4:]

    def change_battery(self) -> None:
        """A new battery: packet id and counter start over, as many a device's do."""
        self.counter = 0
        if self.packet_id is not None:
            self.packet_id = 0
