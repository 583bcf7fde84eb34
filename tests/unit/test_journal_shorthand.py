"""Frequent words as codes: whatever was put in comes out again, and a code once written means the same for ever."""

from __future__ import annotations

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal_rig import four_actions, motion, press, publish, received

from gateway.actions import to_json
from gateway.journal.encoding import RECEIPT, BadRow, dump, load, make_part
from gateway.journal.entry import StoredAction
from gateway.journal.shorthand import ACTION, ASKED, DECIDED, DECISION, OBSERVATION, SEEN, expand, shorten

WORDS = st.sampled_from([word.decode() for word in (*SEEN, *DECIDED, *ASKED)])
TEXTS = st.one_of(st.text(max_size=20), st.lists(st.one_of(WORDS, st.text(max_size=3)), max_size=6).map("".join))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=20,
)

FIRST = {"SEEN": (SEEN, 15, 0xD8B37017), "DECIDED": (DECIDED, 25, 0xD2B4D4AE), "ASKED": (ASKED, 28, 0x9B7F47D3)}


@pytest.mark.parametrize("words", [OBSERVATION, DECISION, ACTION], ids=["seen", "decided", "asked"])
@given(value=VALUES)
def test_every_row_comes_back_as_it_was(words: tuple[tuple[bytes, bytes], ...], value: object) -> None:
    text = dump(value)
    assert expand(shorten(text, words)) == text
    assert load(shorten(text, words)) == json.loads(text)


@given(value=VALUES)
def test_a_row_of_schema_1_reads_as_it_is(value: object) -> None:
    assert expand(dump(value)) == dump(value)


def test_what_looks_like_a_code_in_somebodys_words_is_none() -> None:
    value = {"said": "".join(map(chr, range(0x20))) + "\x10\x01"}
    for words in (OBSERVATION, DECISION, ACTION):
        assert load(shorten(dump(value), words)) == value


@pytest.mark.parametrize("body", [b"\x1f\x0f", b'{"a":\x1e\x01}', b"\x10\x0f"])
def test_a_code_of_no_word_is_a_bad_row(body: bytes) -> None:
    with pytest.raises(BadRow):
        load(body)


@pytest.mark.parametrize("name", FIRST)
def test_a_words_code_never_changes(name: str) -> None:
    """Rows with these codes lie in journals. Add at the end, then renew count and sum here; that is all."""
    words, count, summed = FIRST[name]
    assert len(words) >= count
    assert hex(zlib.crc32(b"\0".join(words[:count]))) == hex(summed)


def test_no_word_is_there_twice_nor_holds_a_control_character() -> None:
    for words in (SEEN + DECIDED, ASKED):
        assert len(set(words)) == len(words)
        assert not any(byte < 0x20 for word in words for byte in word)


def test_an_alarms_rows_take_less_than_half_the_room() -> None:
    stored = tuple(StoredAction(n, None, action, 4) for n, action in enumerate((*four_actions(), publish("b"))))
    part = make_part(press(4), 9, stored, {})
    plain = sum(len(dump(to_json(s.action))) for s in stored)
    assert sum(len(row.body) for row in part.actions) < plain / 1.5
    assert len(make_part(motion(4), 9, (), {}).body) < 50


def test_a_receipt_is_known_by_how_its_row_begins() -> None:
    assert make_part(received(4, 17), 9, (), {}).body.startswith(RECEIPT)
    assert make_part(received(4, 17), 9, (), {}).alarm
    assert not make_part(press(4), 9, (), {}).body.startswith(RECEIPT)
