"""What gateways send up, as the platform reads it: `BadMessage`, or something it can store and print.

The first line is the topic.
"""

from __future__ import annotations

import json

from fuzz_rig import raises_only

from gateway.journal import OutboxRow
from gateway.receiver.reading import Heartbeat, State, read
from gateway.receiver.store import Message, Store
from gateway.upstream.messages import BadMessage, heartbeat, state, upward

JSON = True
_STORE: list[Store] = []


_BODY = {"alarm": 1, "code": "CALL_FIXED", "severity": "P0", "state": "RAISED", "reason": "pressed", "room": None}


def seeds() -> list[bytes]:
    channel, alarm = upward(OutboxRow(5, 0, "alarm", _BODY, "P0", 0), gateway="g1", epoch="feedface", late=True)
    return [
        f"hw/v1/s1/g1/up/{channel}\n".encode() + alarm,
        b"hw/v1/s1/g1/up/state\n" + state(True, "b1"),
        b"hw/v1/s1/g1/up/heartbeat\n" + heartbeat({"t": 1, "counts": {"a": 1}}, gateway="g1", epoch="feedface"),
        b'hw/v1/s1/g1/up/summary\n{"gateway":"g1","epoch":"e","seq":2,"rooms":[{"id":"a","minutes":3}]}',
    ]


def one_input(data: bytes) -> None:
    if not _STORE:
        _STORE.append(Store(":memory:"))
    store = _STORE[0]
    topic, _, payload = data.partition(b"\n")
    word = raises_only((BadMessage,), lambda: read(topic.decode("utf-8", "replace"), payload))
    if isinstance(word, Message):
        store.add([word], "2026-03-01T00:00:00.000+00:00")
        _printable(word.body)
    elif isinstance(word, Heartbeat):
        store.set_heartbeat(word.gateway, word.site, word.body, "2026-03-01T00:00:00.000+00:00")
        _printable(word.body)
    elif isinstance(word, State):
        store.set_state(word.gateway, word.site, word.state, word.boot)
        _printable({"boot": word.boot})
    else:
        assert word is None


def _printable(body: dict[str, object]) -> None:
    """As `hearthwatch-platform` prints it: one line."""
    line = json.dumps({**body, "event": "x"}, ensure_ascii=False)
    assert "\n" not in line
    line.encode()
