"""Answers that come otherwise than as a text: the token of an accept link, and what a recogniser says it heard.

A token is a link this key signed and that has not expired, or `BadLink`; a result is a word and how sure it is.
"""

from __future__ import annotations

from fuzz_rig import raises_only

from gateway.channels.accept_link import BadLink, make, sign, verify
from gateway.channels.voice_answer import Word
from gateway.channels.vosk_answer import read_result

JSON = True
KEY, OTHER_KEY = bytes(32), bytes(range(32))
NOW_S = 1_772_324_130.0
LINK = make("feedface", 17, "17", "c1", NOW_S + 3600)


def seeds() -> list[bytes]:
    results = (
        '{"text": "救 命", "result": [{"conf": 0.9, "word": "救"}, {"conf": 0.4, "word": "命"}]}',
        '{"text": "没 事", "result": [{"conf": 1.0, "word": "没事"}]}', '{"text": ""}', '{"partial": "是"}',
    )  # fmt: skip
    return [sign(KEY, LINK).encode(), sign(OTHER_KEY, LINK).encode(), *(text.encode() for text in results)]


def one_input(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    link = raises_only((BadLink,), lambda: verify(KEY, text, NOW_S))
    if link is not None:
        assert link == LINK, "nobody but us can make one"
    raises_only((BadLink,), lambda: verify(KEY, data.decode("latin-1"), NOW_S))
    heard = read_result(text)
    if heard is not None:
        assert heard.word in Word
        assert 0.0 <= heard.confidence <= 1.0
