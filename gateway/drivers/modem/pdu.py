"""Short messages as the modem hands them over: hex PDUs with the SMSC octets (3GPP TS 23.040 clause 9, 27.005).

Pure. Decodes SMS-DELIVER, SMS-SUBMIT and SMS-STATUS-REPORT. Whatever comes in ends as a message or as `BadPdu`.
Knows no modem and no contact; `encode` is the way out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from gateway.drivers.modem.alphabet import to_text, unpack

MAX_PDU_OCTETS: Final = 255  # SMSC 12 + TPDU 164 is the longest legal one; modems pad
MAX_SMSC_OCTETS: Final = 11  # type octet + 20 digits
MAX_DIGITS: Final = 20  # 23.040 9.1.2.5
MAX_OCTETS: Final = 140  # of user data, header included
MAX_SEPTETS: Final = 160

_MTI_DELIVER, _MTI_SUBMIT, _MTI_STATUS = 0, 1, 2
_UDHI: Final = 0x40
_SRR: Final = 0x20
_VALIDITY_OCTETS: Final = {0: 0, 1: 7, 2: 1, 3: 7}  # by TP-VPF: none, enhanced, relative, absolute
_DIGITS: Final = "0123456789*#abc"


class BadPdu(ValueError):
    """Their fault: these octets are no short message. The text says what was found, never the message itself."""


@dataclass(frozen=True, slots=True)
class Concat:
    """This message is part `part` (1..parts) of a longer one; parts of one message share `reference`."""

    reference: int
    part: int
    parts: int


@dataclass(frozen=True, slots=True)
class Deliver:
    """A message from a person. A part may begin or end in half a surrogate pair: join parts, then `whole()`."""

    number: str
    text: str
    concat: Concat | None
    smsc: str
    time: str | None  # ISO 8601, the service centre's; None if it is no date
    data: bytes | None  # the octets of an 8-bit message; `text` then reads them as Latin-1


@dataclass(frozen=True, slots=True)
class Submit:
    """A message of ours, as it goes to the network."""

    number: str
    text: str
    concat: Concat | None
    smsc: str
    reference: int  # TP-MR; the modem puts its own
    report_wanted: bool
    validity_min: int | None  # relative validity; None: none given, or absolute
    data: bytes | None


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What the service centre says became of message `reference` (TP-MR)."""

    number: str
    reference: int
    status: int  # TP-ST, 23.040 9.2.3.15
    smsc: str
    time: str | None

    @property
    def delivered(self) -> bool:
        """The phone has it (00), or the centre cannot tell more than that it was forwarded (01, 02)."""
        return self.status < 0x20

    @property
    def final(self) -> bool:
        """Whether the centre has stopped trying (20..3F: it still does)."""
        return not 0x20 <= self.status < 0x40


class _Octets:
    """Reads a PDU from front to back; running out of octets is `BadPdu`."""

    def __init__(self, octets: bytes) -> None:
        self._octets, self._at = octets, 0

    def take(self, count: int, what: str) -> bytes:
        taken = self._octets[self._at : self._at + count]
        if len(taken) < count:
            raise BadPdu(f"{what}: expected {count} octets, found {len(taken)}")
        self._at += count
        return taken

    def octet(self, what: str) -> int:
        return self.take(1, what)[0]


def decode_pdu(hex_text: str) -> Deliver | Submit | StatusReport:
    """The message in a hex PDU that starts with the SMSC octets. Octets beyond its end are ignored (modems pad).

    Raises `BadPdu` for anything else.
    """
    hex_text = hex_text.strip()
    if len(hex_text) > 2 * MAX_PDU_OCTETS:
        raise BadPdu(f"PDU: expected at most {MAX_PDU_OCTETS} octets, found {len(hex_text) // 2}")
    if len(hex_text) % 2 or not re.fullmatch(r"[0-9A-Fa-f]+", hex_text):
        raise BadPdu("PDU: expected an even number of hex digits")
    octets = _Octets(bytes.fromhex(hex_text))
    smsc = _smsc(octets)
    first = octets.octet("first octet")
    kind = first & 3
    if kind == _MTI_DELIVER:
        return _deliver(octets, first, smsc)
    if kind == _MTI_SUBMIT:
        return _submit(octets, first, smsc)
    if kind == _MTI_STATUS:
        return _status_report(octets, smsc)
    raise BadPdu("message type 3 is reserved")


def whole(text: str) -> str:
    """`text` with each half of a surrogate pair that found no partner replaced by U+FFFD."""
    return text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")


def _deliver(octets: _Octets, first: int, smsc: str) -> Deliver:
    number = _number(octets)
    octets.octet("protocol id")
    coding = octets.octet("coding")
    time = _time(octets.take(7, "time"))
    text, concat, data = _user_data(octets, coding, bool(first & _UDHI))
    return Deliver(number, text, concat, smsc, time, data)


def _submit(octets: _Octets, first: int, smsc: str) -> Submit:
    reference = octets.octet("reference")
    number = _number(octets)
    octets.octet("protocol id")
    coding = octets.octet("coding")
    form = first >> 3 & 3
    validity = octets.take(_VALIDITY_OCTETS[form], "validity")
    text, concat, data = _user_data(octets, coding, bool(first & _UDHI))
    minutes = _validity_minutes(validity[0]) if form == 2 else None
    return Submit(number, text, concat, smsc, reference, bool(first & _SRR), minutes, data)


def _validity_minutes(octet: int) -> int:
    if octet <= 143:
        return (octet + 1) * 5
    if octet <= 167:
        return 12 * 60 + (octet - 143) * 30
    return (octet - 166) * 24 * 60 if octet <= 196 else (octet - 192) * 7 * 24 * 60


def _status_report(octets: _Octets, smsc: str) -> StatusReport:
    reference = octets.octet("reference")
    number = _number(octets)
    time = _time(octets.take(7, "time"))
    octets.take(7, "discharge time")
    return StatusReport(number, reference, octets.octet("status"), smsc, time)


def _smsc(octets: _Octets) -> str:
    length = octets.octet("SMSC length")
    if length > MAX_SMSC_OCTETS:
        raise BadPdu(f"SMSC: expected at most {MAX_SMSC_OCTETS} octets, found {length}")
    if length == 0:
        return ""
    field = octets.take(length, "SMSC")
    return _digits(field[1:], 2 * (length - 1), field[0], "SMSC")


def _number(octets: _Octets) -> str:
    digits = octets.octet("number length")
    if digits > MAX_DIGITS:
        raise BadPdu(f"number: expected at most {MAX_DIGITS} digits, found {digits}")
    kind = octets.octet("number type")
    field = octets.take((digits + 1) // 2, "number")
    if kind & 0x70 == 0x50:  # alphanumeric: a name such as a bank's, in 7-bit letters
        return to_text(unpack(field, digits * 4 // 7))
    return _digits(field, digits, kind, "number")


def _digits(field: bytes, count: int, kind: int, what: str) -> str:
    nibbles = [n for octet in field for n in (octet & 0xF, octet >> 4)][:count]
    while nibbles and nibbles[-1] == 0xF:  # fill
        nibbles.pop()
    if 0xF in nibbles:
        raise BadPdu(f"{what}: a fill digit in the middle")
    digits = "".join(_DIGITS[n] for n in nibbles)
    return "+" + digits if kind & 0x70 == 0x10 and digits else digits


def _time(octets: bytes) -> str | None:
    """The seven swapped-digit octets as ISO 8601 with its offset; None if they are no date."""
    *fields, zone = octets
    numbers = [(n & 0xF) * 10 + (n >> 4) for n in fields]
    quarters = (zone & 0x7) * 10 + (zone >> 4)  # bit 3 is the sign, 23.040 9.2.3.11
    offset = timedelta(minutes=15 * (-quarters if zone & 8 else quarters))
    if any(n >> 4 > 9 or n & 0xF > 9 for n in fields) or zone >> 4 > 9:
        return None
    year, month, day, hour, minute, second = numbers
    century = 1900 if year >= 70 else 2000  # two digits; the first SMS is of 1992
    try:
        return datetime(century + year, month, day, hour, minute, second, tzinfo=timezone(offset)).isoformat()
    except ValueError:
        return None


def _alphabet(coding: int) -> str:
    """ "7bit", "8bit" or "ucs2" of a TP-DCS (23.038 clause 4); reserved groups read as 7-bit, as it says."""
    group = coding >> 4
    if group < 8:
        if coding & 0x20:
            raise BadPdu("coding: compressed text is not supported")
        return ("7bit", "8bit", "ucs2", "7bit")[coding >> 2 & 3]
    if group == 0xE:
        return "ucs2"
    return "8bit" if group == 0xF and coding & 4 else "7bit"


def _user_data(octets: _Octets, coding: int, has_header: bool) -> tuple[str, Concat | None, bytes | None]:
    alphabet = _alphabet(coding)
    length = octets.octet("length")
    most = MAX_SEPTETS if alphabet == "7bit" else MAX_OCTETS
    if length > most:
        raise BadPdu(f"length: expected at most {most}, found {length}")
    field = octets.take((length * 7 + 7) // 8 if alphabet == "7bit" else length, "text")
    header = 0
    concat = None
    if has_header:
        if not field or field[0] + 1 > len(field):
            raise BadPdu("header: longer than the message")
        header = field[0] + 1
        concat = _concat(field[1:header])
    if alphabet == "7bit":
        return to_text(unpack(field, length, skip=(header * 8 + 6) // 7)), concat, None
    body = field[header:]
    if alphabet == "8bit":
        return body.decode("latin-1"), concat, body
    if len(body) % 2:
        raise BadPdu("text: half a UCS-2 character")
    return body.decode("utf-16-be", "surrogatepass"), concat, None


def _concat(header: bytes) -> Concat | None:
    """The concatenation element, 8- or 16-bit reference. One that makes no sense is ignored (23.040 9.2.3.24.1)."""
    found = None
    at = 0
    while at + 2 <= len(header):
        element, length = header[at], header[at + 1]
        value = header[at + 2 : at + 2 + length]
        if len(value) < length:
            raise BadPdu("header: an element runs past its end")
        if (element, length) in ((0x00, 3), (0x08, 4)):
            *reference, parts, part = value
            if 1 <= part <= parts:
                found = Concat(int.from_bytes(bytes(reference), "big"), part, parts)
        at += 2 + length
    return found


def decode_sms_pdu(hex_text: str) -> dict[str, Any]:
    """The JSON object `hearthwatch decode sms-pdu` prints for one PDU; `{"ok": false, "error"}` for a bad one.

    `number`, `text`, `part`, `parts` and `reference` (of the whole message, None if it is one part) stand beside
    `readings`. A status report has no text; its `reference` is that of the message it tells of.
    """
    try:
        pdu = decode_pdu(hex_text)
    except BadPdu as error:
        return {"ok": False, "error": str(error)}
    readings: dict[str, Any] = {"smsc": pdu.smsc or None}
    found: dict[str, Any] = {"text": None, "part": None, "parts": None, "reference": None}
    if isinstance(pdu, StatusReport):
        readings |= {"type": "status_report", "time": pdu.time, "status": pdu.status, "delivered": pdu.delivered}
        found["reference"] = pdu.reference
    else:
        concat = pdu.concat or Concat(0, 1, 1)
        found = {"text": whole(pdu.text), "part": concat.part, "parts": concat.parts}
        found["reference"] = pdu.concat.reference if pdu.concat else None
        if isinstance(pdu, Deliver):
            readings |= {"type": "deliver", "time": pdu.time}
        else:
            readings |= {"type": "submit", "report_wanted": pdu.report_wanted, "validity_min": pdu.validity_min}
        if pdu.data is not None:
            readings["data"] = pdu.data.hex()
    return {
        "ok": True,
        "address": pdu.number,
        "encrypted": False,
        "counter": None,
        "readings": [{"item": item, "value": value, "unit": None} for item, value in readings.items()],
        "number": pdu.number,
        **found,
    }
