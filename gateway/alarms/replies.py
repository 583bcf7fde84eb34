"""What a contact's SMS means: 1 (I go), 2 (I cannot), 到了 (I am there), or something else, and about which alarm.

Pure; knows neither who wrote nor which alarms are open. Strict on purpose: an acceptance stops the chain, so what only
looks like one is "other", is forwarded and asked about once (S21).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final, Literal

MAX_REPLY_CHARS: Final = 40
"""`1` and a reference need eight; whoever writes more wrote a message, which is not ours to read."""

EMERGENCY: Final = frozenset({"110", "112", "119", "120", "122"})
"""A bare `120` is somebody telling us whom to call, never "1, number 20". Alarm 20 is accepted with `1 20` or `1`."""

AMBIGUOUS: Final = frozenset({"1", "2"})
"""`1/2` or `1 2` may be both keys as well as "1, alarm 2": those two alarms are `1 01` and `1 02`."""

_DIGITS: Final = str.maketrans("０１２３４５６７８９一二", "012345678912")
_REPLY: Final = re.compile(
    r"""(?P<answer>[12])
        (?: (?P<glued>[0-9]{2})  # 117: with both digits, as the SMS shows them; 17 is no answer
          | [\s#＃,，.。、:：;；+*/_-]*(?:编号|号)?[\s#＃:：]*
            (?P<apart>(?<![0-9])[0-9]{1,2})  # 1 17, 1#17, 1编号17, 1 7
        )?""",
    re.VERBOSE,
)
_ARRIVED: Final = re.compile(
    r"(?:我?(?:已经|已)?到(?:家?了|了家|家)?|(?i:arrived))(?:[\s#＃,，.。:：]*(?P<ref>[0-9]{1,2}))?"
)
"""到了, 我已经到了, 到家了 17. Not 收到 (received), 马上到 (soon): only who is there says that they are."""

_ASKS: Final = frozenset("?？")
"""到了？ asks whether somebody is there. Who writes 1？ has pressed the key we asked for."""


@dataclass(frozen=True, slots=True)
class Reply:
    """`ref`: the two digits of the alarm, None if the writer left them out."""

    answer: Literal["1", "2", "arrived", "other"]
    ref: str | None = None


OTHER: Final = Reply("other")


def parse_reply(text: str) -> Reply:
    """What `text` means; never raises. Full-width digits and 一 / 二 count, blanks and punctuation around do not."""
    if len(text) > MAX_REPLY_CHARS:
        return OTHER
    plain = _stripped(text.translate(_DIGITS))
    if (there := _ARRIVED.fullmatch(plain)) is not None:
        return OTHER if _ASKS & set(text) else Reply("arrived", there["ref"].zfill(2) if there["ref"] else None)
    found = _REPLY.fullmatch(plain)
    if found is None or plain in EMERGENCY or found["apart"] in AMBIGUOUS:
        return OTHER
    reference = found["glued"] or found["apart"]
    answer: Literal["1", "2"] = "1" if found["answer"] == "1" else "2"
    return Reply(answer, reference.zfill(2) if reference else None)


def _stripped(text: str) -> str:
    """Without what surrounds the words: blanks, punctuation, invisible and combining marks (1️⃣ is 1)."""
    first, last = 0, len(text)
    while first < last and _around(text[first]):
        first += 1
    while last > first and _around(text[last - 1]):
        last -= 1
    return text[first:last]


def _around(char: str) -> bool:
    return char in "~～" or unicodedata.category(char)[0] in "ZCPM"
