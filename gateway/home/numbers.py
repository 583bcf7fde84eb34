"""Telephone numbers of people: how they are compared, and which may never be a contact's.

Knows the mainland numbering plan as far as a contact list needs it (mobile, landline with area code, overseas E.164)
and the public emergency and hotline numbers, in every spelling a person or a phone's clipboard produces. Knows no home.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import unquote

from gateway.observations import shown

MAX_NUMBER_CHARS: Final = 64  # generous for spaces, brackets and the invisible marks chat programs add

EMERGENCY_NUMBERS: Final = frozenset({"110", "119", "120", "122", "12345", "12349", "112", "999", "911"})
"""People dial these (policy N-2(5)); a gateway never does, so they are no contact's number (domain 3.4)."""

_AREA: Final = r"(?:10|2\d|[3-9]\d\d)"  # of the mainland numbering plan: 010, 02x, 03xx to 09xx
_PEOPLE_DIAL: Final = re.compile(
    rf"\+?(?:0*86)?0*{_AREA}?(?:{'|'.join(sorted(EMERGENCY_NUMBERS))})"  # +86 110, 0595-110, 0086 595 12345, 00110
)

MOBILE: Final = re.compile(r"1[3-9][0-9]{9}")
LANDLINE: Final = re.compile(r"0(?:10|2[0-9])[2-8][0-9]{7}|0[3-9][0-9]{2}[2-8][0-9]{6,7}")
"""Subscriber numbers begin with 2 to 8; what begins with 1 or 9 is a service (95xxx, 96xxx: premium, A9)."""
OVERSEAS: Final = re.compile(r"\+(?!86)[1-9][0-9]{7,14}")  # E.164 is 15 digits; shorter than 8 is a service there too

_LIKE_A_NUMBER: Final = re.compile(r"[\s()+-]*\d[\s\d()+-]*")

_LAID_OUT: Final = re.compile(r"[\s()./\u2010-\u2015\u2212-]")


def normal_number(number: str) -> str:
    """The number as we compare it: `＋86 138-0000-0000`, `0086138…` and `86138…` are all `13800000000`.

    Full-width digits become ASCII; spaces, brackets, dashes and invisible marks (pasted from a chat) go. What is no
    number comes back as it is, to be refused by `check_number` or to match nobody.
    """
    if len(number) > MAX_NUMBER_CHARS:
        return number
    plain = unicodedata.normalize("NFKC", number)
    plain = _LAID_OUT.sub("", "".join(c for c in plain if unicodedata.category(c) != "Cf"))
    if plain.startswith("00"):
        plain = "+" + plain[2:]
    if plain.startswith("86") and MOBILE.fullmatch(plain[2:]):
        plain = "+" + plain  # a modem reports a caller so, with the plus lost
    if not plain.startswith("+86"):
        return plain
    home = plain[3:]
    return home if home.startswith("0") or MOBILE.fullmatch(home) else "0" + home  # +86 10 8888 8888 is 010 8888 8888


def is_emergency(number: str) -> bool:
    """Whether people dial this for help, however it is written: with +86, an area code, full-width digits."""
    return any(_PEOPLE_DIAL.fullmatch(n) for n in (normal_number(number), re.sub(r"\D", "", normal_number(number))))


def holds_emergency(address: str) -> bool:
    """Whether a push address names such a number: some services it may name send texts or make calls (`twilio://…/120`).

    Looked at is each part between the signs of a URL that is written like a telephone number.
    """
    parts = re.split(r"[/?&=@:;,#|~]+", unquote(address.partition("://")[2]))
    return any(_LIKE_A_NUMBER.fullmatch(part) and is_emergency(part) for part in parts)


def check_number(number: object) -> str:
    """Returns the normalised number of a person; raises `ValueError` with the reason (domain 3.4, 4.4, A9)."""
    if not isinstance(number, str):
        raise ValueError(f"expected text, found {shown(number)}")
    found = normal_number(number)
    if is_emergency(number):
        raise ValueError("is a public emergency or hotline number; people dial those, the gateway never does")
    if MOBILE.fullmatch(found) or LANDLINE.fullmatch(found) or OVERSEAS.fullmatch(found):
        return found
    if "*" in found or "•" in found:
        raise ValueError("is masked; export the home with --secrets to edit it")
    raise ValueError("expected a mainland mobile (1…, 11 digits), a landline with area code (0…) or +country…")


def takes_texts(number: str) -> bool:
    """Whether a normalised number can be sent an SMS; landlines get voice only (domain 4.4)."""
    return not LANDLINE.fullmatch(number)


def masked(number: str) -> str:
    """The number for a screen others may see: `138****0001`."""
    return number[:3] + "****" + number[-4:] if len(number) >= 9 else "****"
