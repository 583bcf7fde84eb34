"""The mobile network's end of a short message, for the virtual modem: reads what is submitted, builds what arrives.

Written apart from `gateway.drivers.modem` on purpose and checked by gammu, so that the driver is not tested by its own
echo. Knows 3GPP TS 23.040 as far as a phone's messages go; is not hardened, and never sees a real network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SMSC: Final = "+8613800100500"
STAMP: Final = "62112211031523"  # 2026-11-22 11:30:51 +08:00, swapped
_PLAIN: Final = frozenset("0123456789 abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,:;!?'\"#%&()*+-/<=>")
"""Characters whose GSM septet is their ASCII code."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """One SMS-SUBMIT as the network reads it."""

    number: str
    text: str
    reference: int  # of the long message it is part of; -1 for a single one
    part: int
    parts: int
    report_wanted: bool
    destination: str  # the address field in hex, as a status report repeats it


def swapped(digits: str) -> str:
    """Digits as semi-octets: 861380 becomes 683108, an odd one filled with F."""
    padded = digits + "F" * (len(digits) % 2)
    return "".join(padded[i + 1] + padded[i] for i in range(0, len(padded), 2))


def address(number: str) -> str:
    """The address field of a number: digits, type, semi-octets."""
    digits = number.lstrip("+")
    return f"{len(digits):02X}{'91' if number.startswith('+') else 'A1'}{swapped(digits)}"


def pack_septets(text: str, fill_bits: int = 0) -> bytes:
    """Plain text in packed septets, moved up by `fill_bits`."""
    bits = "".join(f"{ord(c):07b}"[::-1] for c in text)
    bits = "0" * fill_bits + bits
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8][::-1], 2) for i in range(0, len(bits), 8))


def deliver_pdus(number: str, text: str, reference: int = 0) -> list[str]:
    """The SMS-DELIVER PDUs, SMSC octets included, that bring `text` from `number`: 7-bit if it is plain, else UCS-2."""
    plain = set(text) <= _PLAIN
    pieces = _pieces(text, plain)
    smsc = f"{len(swapped(SMSC[1:])) // 2 + 1:02X}91{swapped(SMSC[1:])}"
    pdus = []
    for i, piece in enumerate(pieces, 1):
        header = bytes((5, 0, 3, reference & 255, len(pieces), i)) if len(pieces) > 1 else b""
        if plain:
            body = pack_septets(piece, fill_bits=1 if header else 0)
            length = len(piece) + (7 if header else 0)
        else:
            body = piece.encode("utf-16-be", "surrogatepass")
            length = len(header) + len(body)
        first = 0x44 if header else 0x04
        coding = "00" if plain else "08"
        pdus.append(f"{smsc}{first:02X}{address(number)}00{coding}{STAMP}{length:02X}" + (header + body).hex().upper())
    return pdus


def _pieces(text: str, plain: bool) -> list[str]:
    if plain:
        return [text] if len(text) <= 160 else [text[i : i + 153] for i in range(0, len(text), 153)]
    units = text.encode("utf-16-be")
    if len(units) <= 140:
        return [text]
    return [units[i : i + 134].decode("utf-16-be", "surrogatepass") for i in range(0, len(units), 134)]


def report_pdu(destination: str, reference: int, status: int) -> str:
    """The SMS-STATUS-REPORT on message `reference`; `status` 0 is delivered, 0x46 expired, 0x30 still trying."""
    return f"0006{reference:02X}{destination}{STAMP}{STAMP}{status:02X}"


def read_submit(pdu: str) -> Submitted:
    """What a submitted PDU says. Raises ValueError or IndexError if it is no SMS-SUBMIT."""
    octets = bytes.fromhex(pdu)
    tpdu = octets[1 + octets[0] :]
    first = tpdu[0]
    if first & 3 != 1:
        raise ValueError("no SMS-SUBMIT")
    digits = tpdu[2]
    end = 4 + (digits + 1) // 2
    number = "".join(f"{o & 15:X}{o >> 4:X}" for o in tpdu[4:end])[:digits]
    if tpdu[3] & 0x70 == 0x10:
        number = "+" + number
    coding = tpdu[end + 1]
    at = end + 2 + {0: 0, 1: 7, 2: 1, 3: 7}[first >> 3 & 3]
    length, data = tpdu[at], tpdu[at + 1 :]
    header = data[0] + 1 if first & 0x40 else 0
    reference, part, parts = -1, 1, 1
    if header and data[1] in (0, 8):
        reference, parts, part = int.from_bytes(data[3 : header - 2], "big"), data[header - 2], data[header - 1]
    if coding & 0x0C == 0x08:
        if len(data) != length:
            raise ValueError("length does not match")
        text = data[header:].decode("utf-16-be", "surrogatepass")
    else:
        text = _septets(data, length)[(header * 8 + 6) // 7 :]
    return Submitted(number, text, reference, part, parts, bool(first & 0x20), tpdu[2:end].hex().upper())


def _septets(data: bytes, count: int) -> str:
    bits = "".join(f"{o:08b}"[::-1] for o in data)
    return "".join(chr(int(bits[7 * i : 7 * i + 7][::-1], 2)) for i in range(count))


@dataclass(frozen=True, slots=True)
class SentSms:
    """One whole text that the network has taken."""

    number: str
    text: str
    parts: int
    references: tuple[int, ...]


class Network:
    """Joins submitted parts into texts, as the receiving phone would."""

    def __init__(self) -> None:
        self.sent: list[SentSms] = []
        self._open: dict[tuple[str, int], dict[int, tuple[str, int]]] = {}

    def take(self, message: Submitted, reference: int) -> SentSms | None:
        """Takes one message with the reference the network gave it; returns the text it completes."""
        key = (message.number, message.reference)
        parts = self._open.setdefault(key, {})
        parts[message.part] = (message.text, reference)
        if len(parts) < message.parts:
            return None
        del self._open[key]
        joined = "".join(parts[i][0] for i in range(1, message.parts + 1))
        text = joined.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")
        whole = SentSms(message.number, text, message.parts, tuple(parts[i][1] for i in sorted(parts)))
        self.sent.append(whole)
        return whole
