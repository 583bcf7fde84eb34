"""What a modem says about a call: who is in it, which key was pressed, and why it ended (27.007 7.18, 6.10; 24.008).

Pure. Reads `+CLCC`, `+CLIP`, the makers' words for a key, and `+CEER`; knows no port and no message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.drivers.modem.at import Urc
from gateway.drivers.modem.errors import Cause

ACTIVE: Final = 0
ALERTING: Final = 3
INCOMING: Final = 4
KEYS: Final = "0123456789*#ABCD"
ENDS: Final = frozenset({"NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE"})
KEY_NAMES: Final = frozenset({"+DTMF", "+RXDTMF", "+QTONEDET"})
SAID_NAMES: Final = frozenset({"+QTTS", "+QWTTS", "+CTTS"})

_CLCC: Final = re.compile(
    r'\+CLCC:\s*\d{1,2}\s*,\s*([01])\s*,\s*([0-5])\s*,\s*(\d)\s*,\s*[01](?:\s*,\s*"([^"]{0,40})")?'
)
_CLIP: Final = re.compile(r'\s*"([+0-9*#]{1,24})"')
VOICE_MODE: Final = 0


class CallEnd(StrEnum):
    """How a call went, as the alarm's record has it."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REJECTED = "rejected"
    FAILED = "failed"  # the phone never rang
    WITHDRAWN = "withdrawn"  # we hung up, or never dialled: nobody needs it any more


@dataclass(frozen=True, slots=True)
class Standing:
    """One call of a `+CLCC` listing. `stat`: 0 active, 2 dialling, 3 alerting, 4 incoming, 5 waiting."""

    incoming: bool
    stat: int
    voice: bool
    number: str


def standing_calls(lines: Iterable[str]) -> list[Standing]:
    """The calls of an answer to `AT+CLCC`; a data connection that some modems list too is marked as no voice."""
    found = [m for line in lines if (m := _CLCC.match(line))]
    return [Standing(m[1] == "1", int(m[2]), int(m[3]) == VOICE_MODE, m[4] or "") for m in found]


def caller(fields: str) -> str | None:
    """The number of a `+CLIP:` line; None if it is withheld. Some networks show a caller's number as they like (A8)."""
    match = _CLIP.match(fields)
    return match[1] if match else None


def key_of(urc: Urc) -> str | None:
    """The key the far end pressed: `+DTMF: 1` and `+RXDTMF: 1` as it is, `+QTONEDET: 49` by its ASCII code."""
    if urc.name not in KEY_NAMES:
        return None
    said = urc.fields.strip().strip('"').split(",")[0].strip().upper()
    if urc.name == "+QTONEDET" and re.fullmatch(r"\d{2,3}", said):
        said = chr(int(said))
    return said if len(said) == 1 and said in KEYS else None


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a call that nobody answered ended. `cause` of FAILED tells when another attempt makes sense."""

    end: CallEnd
    text: str
    cause: Cause | None = None


_BY_NUMBER: Final[dict[int, Ending]] = {  # 24.008 annex H, as far as the called end or we can do something about it
    1: Ending(CallEnd.FAILED, "unassigned number", Cause.NUMBER),
    3: Ending(CallEnd.FAILED, "no route to the number", Cause.NUMBER),
    8: Ending(CallEnd.FAILED, "barred by the operator", Cause.SUBSCRIPTION),
    17: Ending(CallEnd.BUSY, "busy"),
    18: Ending(CallEnd.NO_ANSWER, "no phone responds"),
    19: Ending(CallEnd.NO_ANSWER, "nobody answers"),
    21: Ending(CallEnd.REJECTED, "rejected"),
    22: Ending(CallEnd.FAILED, "the number has changed", Cause.NUMBER),
    27: Ending(CallEnd.FAILED, "the phone is switched off or out of cover", Cause.NETWORK),
    28: Ending(CallEnd.FAILED, "invalid number", Cause.NUMBER),
    29: Ending(CallEnd.FAILED, "facility rejected", Cause.SUBSCRIPTION),
    34: Ending(CallEnd.FAILED, "no channel free", Cause.NETWORK),
    38: Ending(CallEnd.FAILED, "network out of order", Cause.NETWORK),
    41: Ending(CallEnd.FAILED, "temporary failure", Cause.NETWORK),
    42: Ending(CallEnd.FAILED, "congestion", Cause.NETWORK),
    47: Ending(CallEnd.FAILED, "resources unavailable", Cause.NETWORK),
    50: Ending(CallEnd.FAILED, "calls are not booked for this SIM", Cause.SUBSCRIPTION),
    57: Ending(CallEnd.FAILED, "calls are not allowed for this SIM", Cause.SUBSCRIPTION),
    68: Ending(CallEnd.FAILED, "credit used up", Cause.SUBSCRIPTION),
}
_BY_WORDS: Final[tuple[tuple[str, int], ...]] = (
    ("busy", 17), ("no user respond", 18), ("no answer", 19), ("alerting", 19), ("reject", 21),
    ("unassigned", 1), ("unallocated", 1), ("unobtainable", 1), ("barred", 8), ("out of order", 38),
    ("congestion", 42), ("not subscribed", 50), ("acm", 68),
)  # fmt: skip
_BY_WORD_OF_RESULT: Final = {
    "BUSY": Ending(CallEnd.BUSY, "busy"),
    "NO ANSWER": Ending(CallEnd.NO_ANSWER, "nobody answers"),
    "NO DIALTONE": Ending(CallEnd.FAILED, "no network for a call", Cause.NETWORK),
}


def ending_of(word: str, report: str, *, alerted: bool) -> Ending:
    """What a call's end before it was answered means: the result's word, `+CEER`'s report, and whether it had rung.

    `NO CARRIER` alone says little: after it had rung somebody pushed it away, before that it never got there.
    """
    if word in _BY_WORD_OF_RESULT:
        return _BY_WORD_OF_RESULT[word]
    number = _cause_number(report)
    if number is not None and number in _BY_NUMBER:
        return _BY_NUMBER[number]
    if alerted:
        return Ending(CallEnd.REJECTED, "hung up while it rang")
    return Ending(CallEnd.FAILED, "the call was not put through", Cause.UNKNOWN)


def _cause_number(report: str) -> int | None:
    lower = report.lower()
    named = next((n for words, n in _BY_WORDS if words in lower), None)
    if named is not None:
        return named
    numbers = re.findall(r"(?<!\d)\d{1,3}(?!\d)", report)
    return int(numbers[-1]) if numbers else None
