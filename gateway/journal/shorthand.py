"""Frequent words of our rows, written as one or two bytes: an alarm's row takes a third of the room (decision 040).

JSON writes no control character as it is, so each of them may stand for a word; and no word holds one, so what was put
in can be taken out again whatever else is in a row. What is no word stays as it is, legible in any sqlite3 shell. Knows
bytes; knows no row. A row of schema 1 has no such character, and reads as what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

WORDS_A_SHELF: Final = 15

SEEN: Final = (
    b'{"kind":"',
    b'","value":',
    b',"wall":',
    b',"trust":"NTP"',
    b',"device":"',
    b'","key":"',
    b',"trust":"NTP","device":"',
    b'{"kind":"button","value":"press","wall":',
    b'{"kind":"ack","value":{"stage":"',
    b'RECEIVED","seq":[',
    b']},"wall":',
    b'{"kind":"motion","value":true,"wall":',
    b'{"kind":"motion","value":false,"wall":',
    b'{"kind":"delivery","value":{"',
    b',"reason":null},"wall":',
)
"""What was observed. Here as below: a word's place is its code, for ever. A word may be added at the end; none is ever
changed or taken away (`test_journal_shorthand`)."""

DECIDED: Final = (
    b',"events":[{"alarm":',
    b',"t":',
    b',"what":"opened","reason":"',
    b',"what":"moved","reason":"',
    b',"what":"told","reason":"',
    b',"what":"',
    b'","reason":"',
    b'","state":"DETECTED","patch":{"code":"',
    b'","severity":"',
    b'","device":"',
    b'","room":"',
    b'","evidence":{"rule":"',
    b'call_button","gesture":"press","key":"',
    b'},{"alarm":',
    b'","state":"',
    b',"patch":{"',
    b',"timers":{"',
    b'],"did":[["publish","alarm",',
    b'],["publish","alarm",',
    b'["say","V',
    b"button_pressed",
    b"no_contact",
    b'"asking":',
    b'"round":',
    b"null",
)
"""What was decided of it, and in brief what was asked for."""

ASKED: Final = (
    b'{"kind":"publish","key":"a',
    b'","channel":"alarm","body":{"at":"',
    b'Z","test":false,"alarm":',
    b',"code":"',
    b'","severity":"',
    b'","state":"',
    b'","device":"',
    b'","room":"',
    b'","reason":"',
    b'","opened_at":"',
    b'Z","presses":',
    b',"evidence":{"rule":"',
    b'call_button","gesture":"press"}}',
    b',"severity":"P0"',
    b',"alarm":',
    b'{"kind":"say","key":"a',
    b'","prompt":"V',
    b'","params":{',
    b'{"kind":"lamp","key":"lamp:',
    b'","pattern":"',
    b'{"kind":"ack_device","key":"a',
    b'{"kind":"text","key":"a',
    b'","template":"S',
    b'"contact":',
    b'"time":"',
    b'","place":"',
    b'","ref":"',
    b"null",
)
"""An action, whole."""


def _codes(words: Iterable[bytes], shelves: bytes) -> dict[bytes, bytes]:
    """Code -> word. The first shelf of observed words has codes of one byte, 1 to 15; others are led by 16 to 31."""
    found = {}
    for place, word in enumerate(words):
        shelf, number = divmod(place, WORDS_A_SHELF)
        lead = b"" if not shelves[shelf] else bytes((shelves[shelf],))
        found[lead + bytes((number + 1,))] = word
    return found


_SEEN, _DECIDED, _ASKED = _codes(SEEN, b"\x00\x10"), _codes(DECIDED, b"\x11\x12"), _codes(ASKED, b"\x13\x14")
_BY_CODE: Final = _SEEN | _DECIDED | _ASKED
_CODES: Final = re.compile(rb"[\x10-\x1f][\x01-\x0f]|[\x01-\x0f]")


def _longest_first(codes: dict[bytes, bytes]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple(sorted(((word, code) for code, word in codes.items()), key=lambda pair: -len(pair[0])))


OBSERVATION: Final = _longest_first(_SEEN)
DECISION: Final = _longest_first(_SEEN | _DECIDED)
ACTION: Final = _longest_first(_ASKED)
"""What to look for in a row, by what the row is: each look costs a quarter of a microsecond."""


def shorten(text: bytes, words: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """JSON with its frequent words as codes."""
    for word, code in words:
        text = text.replace(word, code)
    return text


def expand(body: bytes) -> bytes:
    """The inverse, whatever the row is; raises KeyError for a code that is no word's."""
    return _CODES.sub(lambda found: _BY_CODE[found[0]], body)
