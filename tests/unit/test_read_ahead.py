"""The MQTT client reads the socket ahead of paho: what paho is given is what came, byte for byte, in pieces or not."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion

from gateway.mqtt.client import client_class


class Wire:
    """A socket that gives its pieces one a call, and then has nothing (or is closed)."""

    def __init__(self, pieces: list[bytes], *, closed: bool = False) -> None:
        self.pieces, self.closed, self.reads = pieces, closed, 0

    def recv(self, most: int) -> bytes:
        self.reads += 1
        if not self.pieces:
            if self.closed:
                return b""
            raise BlockingIOError
        piece, rest = self.pieces[0][:most], self.pieces[0][most:]
        self.pieces = [rest, *self.pieces[1:]] if rest else self.pieces[1:]
        return piece

    def close(self) -> None:
        self.closed = True

    def fileno(self) -> int:
        return -1


def client_on(wire: Wire) -> tuple[Any, list[tuple[str, bytes]]]:
    made = client_class()(CallbackAPIVersion.VERSION2, client_id="test", manual_ack=True)
    heard: list[tuple[str, bytes]] = []
    made.on_message = lambda _c, _d, message: heard.append((message.topic, bytes(message.payload)))
    made._sock = wire
    return made, heard


def published(topic: str, payload: bytes) -> bytes:
    """A PUBLISH of QoS 0, as the protocol writes it."""
    body = len(topic).to_bytes(2, "big") + topic.encode() + payload
    length, rest = b"", len(body)
    while True:
        rest, digit = divmod(rest, 128)
        length += bytes([digit | (0x80 if rest else 0)])
        if not rest:
            return b"\x30" + length + body


def cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(n % (len(data) + 1) for n in at)})
    return [data[a:b] for a, b in pairwise(edges)]


MESSAGES = st.lists(st.tuples(st.sampled_from(["a", "home/button/1"]), st.binary(max_size=300)), min_size=1, max_size=8)


@given(messages=MESSAGES, at=st.lists(st.integers(0, 3000), max_size=12))
def test_every_message_is_heard_once_and_whole_however_it_is_cut(
    messages: list[tuple[str, bytes]], at: list[int]
) -> None:
    wire = Wire(cut(b"".join(published(*m) for m in messages), at))
    client, heard = client_on(wire)
    while wire.pieces:  # select says that there is something to read
        while client.read_packet():
            pass
        assert client.socket() is wire
    assert heard == messages


def test_ten_messages_that_came_together_cost_few_looks_at_the_socket() -> None:
    messages = [("home/button/1", b'{"id":%d}' % n) for n in range(10)]
    wire = Wire([b"".join(published(*m) for m in messages)])
    client, heard = client_on(wire)
    while client.read_packet():
        pass
    assert heard == messages
    assert wire.reads <= 2


def test_what_came_before_the_end_is_heard_and_then_the_end() -> None:
    wire = Wire([published("a", b"last")], closed=True)
    client, heard = client_on(wire)
    assert client.read_packet()
    assert heard == [("a", b"last")]
    assert not client.read_packet()
    assert client.socket() is None


def test_a_packet_that_only_announces_much_is_refused_before_it_is_read() -> None:
    wire = Wire([b"\x30\xff\xff\xff\x7f" + b"x" * 100])
    client, heard = client_on(wire)
    assert not client.read_packet()
    assert heard == []
    assert wire.reads == 1
    assert wire.closed
    assert client.oversized
