"""What contacts text back: 1, 2, 到了 or other, never an exception; what stands around the words changes nothing."""

from __future__ import annotations

from gateway.alarms.replies import MAX_REPLY_CHARS, parse_reply


def seeds() -> list[bytes]:
    texts = (
        "1",
        "2",
        "1 17",
        "117",
        "1#17",
        "１编号17",
        "一",
        "1️⃣",
        "120",
        "1/2",
        "去不了2",
        "好的1",
        " 。1！",
        "2:09",
        "到了",
        "到家了 17",
    )
    return [t.encode() for t in texts]


def one_input(data: bytes) -> None:
    for text in (data.decode("utf-8", "replace"), data.decode("utf-16-be", "replace")):
        found = parse_reply(text)
        assert found.answer in ("1", "2", "arrived", "other")
        if found.ref is not None:
            assert len(found.ref) == 2
            assert found.ref.isascii()
            assert found.ref.isdigit()
            assert found.answer != "other"
        if len(text) > MAX_REPLY_CHARS:
            assert found.answer == "other"
        elif len(text) < MAX_REPLY_CHARS - 2:
            assert parse_reply(f" {text}。") == found
