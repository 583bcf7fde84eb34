"""DL/T 645-2007 frames, and the read replies of DL/T 645-1997: bytes in, frames or a named refusal out. Pure.

    FE x 0..4 | 68 | A0..A5 (BCD, low byte first) | 68 | C | L | DATA (each + 33H) | CS (sum from the first 68) | 16

The bytes 68, 16 and FE may stand anywhere inside, so a frame is believed for its length and checksum only.
Knows nothing of ports and clocks: whoever feeds the decoder says when the line fell silent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from gateway.drivers.meters.dlt645_items import ADDRESS, BadData, Reading, readings_1997, readings_2007

START: Final = 0x68
END: Final = 0x16
PREAMBLE: Final = b"\xfe" * 4  # wakes the receiver: four before a request, up to four before a reply
OFFSET: Final = 0x33
MAX_DATA: Final = 200  # the standard: L <= 200 when reading, <= 50 when writing
OVERHEAD: Final = 12  # everything but DATA
MAX_FRAME: Final = OVERHEAD + MAX_DATA
MAX_LINE_CHARS: Final = 4096  # of hex text handed to `decode_dlt645`: some ten frames, spaced
WILDCARD: Final = "A" * 12  # answered by any meter: for a line with one meter only

READ_2007, READ_MORE_2007, READ_ADDRESS = 0x11, 0x12, 0x13
READ_1997, READ_MORE_1997 = 0x01, 0x02
_FROM_METER, _ERROR, _MORE, _FUNCTION = 0x80, 0x40, 0x20, 0x1F

ERROR_BITS: Final = {  # the bits of the error byte; the same in 2007 and, where it has them, in 1997
    0x01: "other",
    0x02: "no_such_data",
    0x04: "not_authorised",
    0x08: "baud_refused",
    0x10: "year_zones_exceeded",
    0x20: "day_periods_exceeded",
    0x40: "tariffs_exceeded",
}

_ADDRESS: Final = re.compile(r"(?=.{12}\Z)A*[0-9]*")  # high digits may be left open as AA


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame whose checksum held. `data` is without the 33H."""

    address: str  # 12 digits as printed on the meter
    control: int
    data: bytes

    @property
    def from_meter(self) -> bool:
        """A reply; otherwise a request, such as our own echo on a two-wire line."""
        return bool(self.control & _FROM_METER)

    @property
    def function(self) -> int:
        """What was asked: 11H read (2007), 01H read (1997), 13H read address ..."""
        return self.control & _FUNCTION

    @property
    def more_follows(self) -> bool:
        """The reply did not fit one frame."""
        return bool(self.control & _MORE)

    @property
    def errors(self) -> tuple[str, ...]:
        """Why the meter refuses, by `ERROR_BITS`; empty if it does not."""
        if not (self.from_meter and self.control & _ERROR):
            return ()
        byte = self.data[0] if self.data else 0
        return tuple(name for bit, name in ERROR_BITS.items() if byte & bit) or ("unspecified",)

    @property
    def item(self) -> int | None:
        """The data identifier that the frame asks for or carries; None if it has none."""
        if self.errors:
            return None
        size = _DI_SIZES.get(self.function, 0)
        return int.from_bytes(self.data[:size], "little") if size and len(self.data) >= size else None


_DI_SIZES: Final = {READ_2007: 4, READ_MORE_2007: 4, READ_1997: 2, READ_MORE_1997: 2}


@dataclass(frozen=True, slots=True)
class Refused:
    """Bytes that began like a frame and are none. `reason` is a counter's name."""

    reason: str


def build(address: str, control: int, data: bytes = b"") -> bytes:
    """A frame with its preamble. `address` as printed; ValueError if it, `control` or `data` are out of range."""
    if not _ADDRESS.fullmatch(address):
        raise ValueError(f"meter address: expected 12 digits as printed on the meter, or {WILDCARD}; found {address!r}")
    if len(data) > MAX_DATA:
        raise ValueError(f"meter data: expected at most {MAX_DATA} bytes, found {len(data)}")
    body = bytes([START, *bytes.fromhex(address)[::-1], START, control, len(data)])
    body += bytes((byte + OFFSET) & 0xFF for byte in data)
    return PREAMBLE + body + bytes([sum(body) & 0xFF, END])


def read_request(address: str, item: int) -> bytes:
    """Asks the meter for the four-byte data identifier `item` (11H)."""
    return build(address, READ_2007, item.to_bytes(4, "little"))


def read_address_request() -> bytes:
    """Asks the only meter on the line who it is (13H)."""
    return build(WILDCARD, READ_ADDRESS)


class Decoder:
    """Finds frames in a stream, resynchronising byte by byte. Holds at most one frame's worth of bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame | Refused]:
        """The frames that `data` completes, and what looked like one. How a stream is cut changes nothing."""
        self._buffer += data
        return self._scan(final=False)

    def silence(self) -> list[Frame | Refused]:
        """The line was silent for longer than a frame may pause: what is incomplete stays so, but may hide a frame."""
        found = self._scan(final=True)
        self._buffer.clear()
        return found

    def reset(self) -> None:
        """Forgets what was begun."""
        self._buffer.clear()

    @property
    def pending(self) -> int:
        """Bytes that wait for more."""
        return len(self._buffer)

    def _scan(self, final: bool) -> list[Frame | Refused]:
        found: list[Frame | Refused] = []
        at = 0
        while (at := self._buffer.find(START, at)) >= 0:
            size, result = _frame_at(self._buffer, at)
            if result is not None:
                found.append(result)
            elif size == 0 and not final:
                break  # may still become a frame
            at += size or 1
        del self._buffer[: at if at >= 0 else len(self._buffer)]
        return found


def _frame_at(buffer: bytearray, at: int) -> tuple[int, Frame | Refused | None]:
    """What stands at `at`: (bytes to move on, result). 0 bytes: incomplete. 1 byte and nothing: not a frame."""
    available = len(buffer) - at
    if available > 7 and buffer[at + 7] != START:
        return 1, None
    if available < 10:
        return 0, None
    length = buffer[at + 9]
    if length > MAX_DATA:
        return 1, None
    size = OVERHEAD + length
    if available < size:
        return 0, None
    if buffer[at + size - 1] != END:
        return 1, None
    if sum(buffer[at : at + size - 2]) & 0xFF != buffer[at + size - 2]:
        return 1, Refused("bad_checksum")
    address = bytes(buffer[at + 1 : at + 7])[::-1].hex().upper()
    data = bytes((byte - OFFSET) & 0xFF for byte in buffer[at + 10 : at + size - 2])
    return size, Frame(address, buffer[at + 8], data)


def readings(frame: Frame) -> tuple[Reading, ...]:
    """The values in a reply; none in requests, error replies and replies to writes. Raises `BadData`."""
    if not frame.from_meter or frame.errors:
        return ()
    if frame.function == READ_ADDRESS:
        return readings_2007(ADDRESS, frame.data)
    size = _DI_SIZES.get(frame.function)
    if size is None:
        return ()
    item = frame.item
    if item is None:
        raise BadData(f"reply: expected a data identifier of {size} bytes, found {len(frame.data)}")
    values = frame.data[size:]
    if frame.function in (READ_MORE_2007, READ_MORE_1997):
        values = values[:-1]  # the last byte is the frame's number in the sequence
    return readings_2007(item, values) if size == 4 else readings_1997(item, values)


def decode_dlt645(hex_text: str) -> dict[str, Any]:
    """One frame in hex (spaces allowed, FE before it allowed) as the object of `hearthwatch decode dlt645`.

    Never raises: a bad frame is {"ok": false, "error": ...}. Requests decode too, with no readings and the item asked
    for in "request"; "more" says that further frames follow; "refused" lists why the meter gave no data.
    """
    try:
        frame = _single_frame(hex_text)
        values = readings(frame)
    except ValueError as error:  # BadData is one too
        return {"ok": False, "error": str(error)}
    out: dict[str, Any] = {
        "ok": True,
        "address": frame.address,
        "encrypted": False,
        "counter": None,
        "readings": [{"item": r.item, "value": r.value, "unit": r.unit} for r in values],
    }
    if not frame.from_meter:
        width = 2 * _DI_SIZES.get(frame.function, 0)
        out["request"] = None if frame.item is None else f"{frame.item:0{width}X}"
    if frame.more_follows:
        out["more"] = True
    if frame.errors:
        out["refused"] = list(frame.errors)
    return out


def _single_frame(hex_text: str) -> Frame:
    """Exactly one frame, after any number of FE. Raises ValueError that says what is wrong with it, and where."""
    if len(hex_text) > MAX_LINE_CHARS:
        raise ValueError(f"line too long: {len(hex_text)} characters, at most {MAX_LINE_CHARS}")
    try:
        raw = bytearray.fromhex(hex_text)
    except ValueError:
        raise ValueError("not hex: expected pairs of 0-9 A-F") from None
    body = raw.lstrip(PREAMBLE[:1])
    if not body or body[0] != START:
        raise ValueError(f"no start 68: found {body[:1].hex().upper() or 'nothing'}")
    if len(body) < OVERHEAD:
        raise ValueError(f"truncated: {len(body)} bytes, a frame has at least {OVERHEAD}")
    if body[7] != START:
        raise ValueError(f"no second 68 after the address: found {body[7]:02X}")
    if body[9] > MAX_DATA:
        raise ValueError(f"length {body[9]}: at most {MAX_DATA}")
    size = OVERHEAD + body[9]
    if len(body) != size:
        raise ValueError(f"length {body[9]} makes a frame of {size} bytes, found {len(body)}")
    if body[-1] != END:
        raise ValueError(f"no end 16: found {body[-1]:02X}")
    _, result = _frame_at(body, 0)
    if not isinstance(result, Frame):
        raise ValueError(f"checksum: expected {sum(body[:-2]) & 0xFF:02X}, found {body[-2]:02X}")
    return result
