"""Takes names, phone numbers, identity numbers and keys out of any text before it is logged (A31, PIPL).

Pure. Two nets: what the home registered is found in every spelling we know of; what merely looks like a phone number,
an identity number or a key is found by its shape, so that a stranger's number or an unenrolled key goes too. A false
alarm here costs a few digits in a log; a miss costs a person's privacy, so the patterns are wide on purpose.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

MAX_SECRETS: Final = 200  # 8 residents and 7 contacts, names and numbers, with room; the longest are kept

SEP: Final = r"[\s\-‐‑‒–—.·,_/()（）]{0,3}"  # what people put between the digits of a number
_PREFIX: Final = rf"(?:[(（]?[+＋]?(?:0{SEP}0{SEP})?8{SEP}6{SEP})?"  # +86, 0086, 86, (+86)
_LANDLINE: Final = r"(?:[+＋]?86[\s\-]{0,3})?[(（]?0?[1-9]\d{1,2}[\s\-)）]{1,3}\d{3,4}[\s\-]?\d{4}"

_SHAPES: Final = (
    # hex first: a PDU or a key may contain digits that look like a phone number
    (re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{32}(?![0-9A-Fa-f])"), "[key]"),
    (re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{2}(?:[ :-][0-9A-Fa-f]{2}){11,}(?![0-9A-Fa-f])"), "[hex]"),
    (re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{24,}"), "[hex]"),
    (re.compile(r"(?:\\x[0-9A-Fa-f]{2}[^\\\s]{0,2}){6,}"), "[bytes]"),
    # citizen identity number, GB 11643: region 6, birth date 8, order 3, check; or any such long number (ICCID, card)
    (
        re.compile(rf"(?<!\d)\d{{6}}{SEP}(?:18|19|20)\d\d{SEP}[01]\d{SEP}[0-3]\d{SEP}\d{{3}}[\dXxＸ](?!\d)"),
        "[id]",
    ),
    (re.compile(r"(?<!\d)\d{15,}[Xx]?"), "[number]"),
    (re.compile(rf"(?<!\d){_PREFIX}[1１]{SEP}[3-9３-９](?:{SEP}\d){{9}}(?!\d)"), "[phone]"),
    (re.compile(rf"[+＋]{SEP}[1-9１-９](?:{SEP}\d){{6,14}}"), "[phone]"),
    (re.compile(rf"(?<!\d)00{SEP}[1-9](?:{SEP}\d){{7,14}}(?!\d)"), "[phone]"),
    (re.compile(rf"(?<!\d){_LANDLINE}(?!\d)"), "[phone]"),
    (re.compile(r"(?<!\d)0\d{9,11}(?!\d)"), "[phone]"),
)  # fmt: skip


class Redactor:
    """Redacts by shape, and by what `know` was told of this home."""

    def __init__(self) -> None:
        self._known: re.Pattern[str] | None = None

    def know(self, names: Iterable[str], phones: Iterable[str]) -> None:
        """The display names and numbers of the home as it is now; replaces what was known before."""
        secrets = [_spellings_of_name(n.strip()) for n in names if n.strip()]
        secrets += [_spellings_of_phone(p) for p in phones if sum(c.isdecimal() for c in p) >= 5]
        secrets = sorted(secrets, key=len, reverse=True)[:MAX_SECRETS]
        self._known = re.compile("|".join(secrets), re.IGNORECASE) if secrets else None

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        if self._known is not None:
            text = self._known.sub("[private]", text)
        for shape, word in _SHAPES:
            text = shape.sub(word, text)
        return text


def _spellings_of_name(name: str) -> str:
    """A pattern for a name as text, as JSON or repr escape it, in URLs, and as UTF-8 or UCS-2 in hex."""
    forms = {name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)}
    pattern = "|".join(sorted((re.escape(f) for f in forms), key=len, reverse=True))
    if name.isascii():  # a short Latin name must not eat the inside of words
        return rf"(?<![A-Za-z0-9])(?:{pattern})(?![A-Za-z0-9])"
    return "|".join((pattern, *(re.escape(form) for form in _encoded(name))))


def _spellings_of_phone(phone: str) -> str:
    """A pattern for the digits of a number however they are grouped, prefixed, full width, or packed as in a PDU."""
    digits = "".join(str(unicodedata.decimal(c)) for c in phone if c.isdecimal())
    if phone.lstrip().startswith(("+86", "0086")):
        digits = digits.removeprefix("00").removeprefix("86")
    spelled = [_PREFIX + _spelled(digits)]
    if digits.startswith("0"):  # landline: without its 0, or its area (010, 02x, else 4 digits)
        local = digits[3 if digits[1:2] in ("1", "2") else 4 :]
        spelled += [_PREFIX + _spelled(digits[1:]), rf"(?<!\d){_spelled(local)}(?!\d)"]
    return "|".join((*spelled, *(re.escape(form) for form in (*_encoded(digits), *_semi_octets(digits)))))


def _spelled(digits: str) -> str:
    return SEP.join(f"[{d}{chr(ord('０') + int(d))}]" for d in digits)


def _encoded(text: str) -> tuple[str, ...]:
    utf8, ucs2 = text.encode("utf-8", "replace"), text.encode("utf-16-be", "replace")
    forms = {text.encode("unicode_escape").decode(), repr(utf8)[2:-1], utf8.hex(), ucs2.hex(), quote(text)}
    return tuple(sorted(forms - {text}))


def _semi_octets(digits: str) -> tuple[str, ...]:
    """As GSM 03.40 packs a number: digit pairs swapped, filled with F; bare and with the mainland prefix."""
    packed = []
    for number in (digits, "86" + digits):
        even = number + "F" * (len(number) % 2)
        packed.append("".join(even[i + 1] + even[i] for i in range(0, len(even), 2)))
    return tuple(packed)
