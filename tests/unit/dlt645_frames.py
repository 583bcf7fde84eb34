"""Frames of DL/T 645, written by hand."""

from __future__ import annotations

from gateway.drivers.meters.dlt645 import Decoder, Frame, Refused

METER = "123456789012"


def by_hand(address: str, control: int, data: bytes) -> bytes:
    """A frame without preamble, written a second time so that `build` is not its own judge."""
    frame = bytearray([0x68])
    for i in range(10, -1, -2):
        frame.append(int(address[i : i + 2], 16))
    frame += bytes([0x68, control, len(data)])
    for byte in data:
        frame.append((byte + 0x33) % 256)
    frame.append(sum(frame) % 256)
    frame.append(0x16)
    return bytes(frame)


def reply(di: str, value: bytes, control: int = 0x91) -> str:
    """Hex of our meter's reply; `value` as it goes over the wire, low byte first."""
    return by_hand(METER, control, bytes.fromhex(di)[::-1] + value).hex()


def feed_all(stream: bytes) -> list[Frame | Refused]:
    decoder = Decoder()
    return decoder.feed(stream) + decoder.silence()
