"""A text as SMS-SUBMIT PDUs in UCS-2, one or several parts (3GPP TS 23.040 clause 9.2.2.2).

Pure. Knows numbers and texts as octets; knows no modem, no contact and no template. `pdu` is the way in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

SINGLE_UNITS: Final = 70  # UCS-2 units in one message (T-36)
PART_UNITS: Final = 67  # with the 6 octets of the concatenation header (T-36)
MAX_PARTS: Final = 10  # 670 units: more than any text of ours, and what a contact would pay for
DEFAULT_VALIDITY_MIN: Final = 24 * 60  # [P]: an alarm that arrives a day late misleads more than it helps

_SUBMIT: Final = 0x01
_VPF_RELATIVE: Final = 0x10
_SRR: Final = 0x20
_UDHI: Final = 0x40
_INTERNATIONAL: Final = 0x91
_AS_DIALLED: Final = 0x81  # type unknown: what every network takes for a number dialled within the country
_DCS_UCS2: Final = 0x08
_NUMBER: Final = re.compile(r"\+?[0-9*#]{1,20}")
_DIGITS: Final = "0123456789*#"


@dataclass(frozen=True, slots=True)
class SubmitPart:
    """One PDU to hand to the modem: `AT+CMGS=<tpdu_octets>`, then `hex`."""

    hex: str
    tpdu_octets: int
    part: int
    parts: int


def encode_submit(
    number: str,
    text: str,
    *,
    reference: int = 0,
    report: bool = True,
    validity_min: int = DEFAULT_VALIDITY_MIN,
) -> tuple[SubmitPart, ...]:
    """The PDUs that carry `text` to `number` (`+countrydigits` or as dialled), in UCS-2.

    `reference` (0..255) names the parts of one message. Raises ValueError for a number that is none, or a text of more
    than MAX_PARTS parts. Half a surrogate pair is sent as U+FFFD: a broken character must not stop an alarm.
    """
    if not _NUMBER.fullmatch(number):
        raise ValueError("number: expected + and digits, or 1 to 20 digits (not shown)")
    pieces = split_ucs2(text)
    if len(pieces) > MAX_PARTS:
        raise ValueError(f"text: {len(pieces)} parts, at most {MAX_PARTS}")
    parts = []
    for i, piece in enumerate(pieces, 1):
        header = bytes((5, 0, 3, reference & 0xFF, len(pieces), i)) if len(pieces) > 1 else b""
        first = _SUBMIT | _VPF_RELATIVE | (_SRR if report else 0) | (_UDHI if header else 0)
        data = header + piece
        tpdu = bytes((first, 0)) + _address(number) + bytes((0, _DCS_UCS2, _validity(validity_min), len(data))) + data
        parts.append(SubmitPart("00" + tpdu.hex().upper(), len(tpdu), i, len(pieces)))
    return tuple(parts)


def split_ucs2(text: str) -> list[bytes]:
    """The text as UTF-16-BE pieces: one of at most 70 units, or several of at most 67; never half a character."""
    octets = text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace").encode("utf-16-be")
    if len(octets) <= SINGLE_UNITS * 2:
        return [octets]
    pieces, start = [], 0
    while start < len(octets):
        end = min(start + PART_UNITS * 2, len(octets))
        if end < len(octets) and octets[end - 2] & 0xFC == 0xD8:  # a high surrogate: its low one follows
            end -= 2
        pieces.append(octets[start:end])
        start = end
    return pieces


def _address(number: str) -> bytes:
    digits = number.lstrip("+")
    kind = _INTERNATIONAL if number.startswith("+") else _AS_DIALLED
    nibbles = [_DIGITS.index(d) for d in digits] + ([0xF] if len(digits) % 2 else [])
    swapped = bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))
    return bytes((len(digits), kind)) + swapped


def _validity(minutes: int) -> int:
    """TP-VP relative (23.040 9.2.3.12.1), rounded up to what the field can say, at most 63 weeks."""
    if minutes <= 12 * 60:
        return max(0, -(-minutes // 5) - 1)
    if minutes <= 24 * 60:
        return 143 + -(-(minutes - 12 * 60) // 30)
    if minutes <= 30 * 24 * 60:
        return 166 + -(-minutes // (24 * 60))
    return min(255, 192 + -(-minutes // (7 * 24 * 60)))
