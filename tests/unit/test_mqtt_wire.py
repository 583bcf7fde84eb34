"""A connection to a broker: opened in a thread that ends with it, served by the loop, ended exactly once."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway.mqtt import wire as module
from gateway.mqtt.wire import Way, Wire

CONNACK = b"\x20\x02\x00\x00"
PINGREQ, PINGRESP = b"\xc0\x00", b"\xd0\x00"
PATIENCE_S = 20.0


def published(n: int) -> bytes:
    """A PUBLISH of QoS 1 with id n."""
    body = b"\x00\x01a" + n.to_bytes(2, "big") + b"%d" % n
    return bytes([0x32, len(body)]) + body


class House:
    """The near end: a wire, and what it told."""

    def __init__(self, port: int, **way: Any) -> None:
        self.told: list[Any] = []
        self.ended: list[Exception | None] = []
        self.over = asyncio.Event()
        self.on_message: Callable[[int], None] = lambda _: None
        made = Way("127.0.0.1", port, way.pop("keepalive_s", 60), 5.0, 5.0, 1 << 16, **way)
        self.wire = Wire(made, self.make, self.end, name="wire under test")

    def make(self, kind: type[Any]) -> tuple[Any, dict[str, Any]]:
        client = kind(CallbackAPIVersion.VERSION2, client_id="test", manual_ack=True)
        client.on_connect = lambda *_: self.wire.tell(self.told.append, "up")
        client.on_message = lambda _c, _d, message: self.wire.tell(self.hear, message.mid)
        client.on_publish = lambda _c, _d, mid, *_: self.wire.tell(self.told.append, ("puback", mid))
        return client, {}

    def hear(self, mid: int) -> None:
        self.told.append(mid)
        self.on_message(mid)

    def end(self, error: Exception | None) -> None:
        self.ended.append(error)
        self.over.set()


class FarEnd:
    """A broker of a few bytes: says CONNACK, writes what a test tells it to, keeps what it is sent."""

    def __init__(self) -> None:
        self.heard = b""
        self.writer: asyncio.StreamWriter | None = None
        self.greeting = CONNACK
        self.deaf = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        await reader.read(1)
        writer.write(self.greeting)
        while not self.deaf.is_set() and (data := await reader.read(65536)):
            self.heard += data
            if PINGREQ in data:
                writer.write(PINGRESP)
        await self.deaf.wait()


@asynccontextmanager
async def far_end(greeting: bytes = CONNACK) -> Any:
    end = FarEnd()
    end.greeting = greeting
    server = await asyncio.start_server(end.serve, "127.0.0.1", 0)
    try:
        yield end, server.sockets[0].getsockname()[1]
    finally:
        end.deaf.set()
        server.close()
        if end.writer is not None:
            end.writer.close()


async def until(true: Callable[[], Any], what: str = "") -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - a test may poll
            await asyncio.sleep(0.005)


async def ended(house: House) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await house.over.wait()
    await asyncio.sleep(0.02)
    assert len(house.ended) == 1, "told exactly once"


async def test_once_it_stands_no_thread_is_left() -> None:
    async with far_end() as (_, port):
        house = House(port)
        house.wire.start()
        await until(lambda: house.told == ["up"])
        await until(lambda: not house.wire.opening)
        assert not any(t.name == "wire under test" for t in threading.enumerate())
        house.wire.hang_up()
        await ended(house)
        assert house.ended == [None]


async def test_what_is_published_is_on_the_wire_before_publish_returns() -> None:
    async with far_end() as (far, port):
        house = House(port)
        house.wire.start()
        await until(lambda: house.told)
        mid = house.wire.client.publish("t", b"now", qos=1).mid
        assert not house.wire.client.want_write()
        await until(lambda: b"now" in far.heard)
        far.writer.write(b"\x40\x02" + mid.to_bytes(2, "big"))
        await until(lambda: house.told == ["up", ("puback", mid)])
        house.wire.hang_up()
        await ended(house)


async def test_a_message_may_be_answered_while_it_is_told() -> None:
    """paho holds locks while it calls back: what it heard is told when it has let go of them."""
    async with far_end() as (far, port):
        house = House(port)
        house.on_message = lambda mid: (house.wire.client.ack(mid, 1), house.wire.client.publish("t", b"and", qos=1))
        house.wire.start()
        await until(lambda: house.told)
        far.writer.write(published(7))
        await until(lambda: b"\x40\x02\x00\x07" in far.heard and b"and" in far.heard)
        house.wire.hang_up()
        await ended(house)


async def test_a_connection_may_be_dropped_while_a_message_is_told() -> None:
    async with far_end() as (far, port):
        house = House(port)
        house.on_message = lambda _: house.wire.hang_up()
        house.wire.start()
        await until(lambda: house.told)
        far.writer.write(b"".join(map(published, (1, 2, 3))))
        await ended(house)
        assert house.told == ["up", 1], "what came with it is the broker's again"
        assert house.wire.client is None


async def test_a_listeners_bug_costs_its_own_message_and_no_other() -> None:
    async with far_end() as (far, port):
        house = House(port)

        def broken(mid: int) -> None:
            if mid == 1:
                raise ZeroDivisionError

        house.on_message = broken
        house.wire.start()
        await until(lambda: house.told)
        far.writer.write(b"".join(map(published, (1, 2))))
        await until(lambda: house.told == ["up", 1, 2])
        house.wire.hang_up()
        await ended(house)


async def test_a_paused_wire_leaves_the_rest_with_the_far_end_and_loses_nothing() -> None:
    async with far_end() as (far, port):
        house = House(port)
        house.on_message = lambda mid: house.wire.pause() if mid == 2 else None
        house.wire.start()
        await until(lambda: house.told)
        far.writer.write(b"".join(map(published, range(1, 6))))
        await until(lambda: 2 in house.told)
        await asyncio.sleep(0.05)
        assert house.told == ["up", 1, 2]
        house.wire.resume()
        await until(lambda: house.told == ["up", 1, 2, 3, 4, 5])
        house.wire.hang_up()
        await ended(house)


async def test_others_have_their_turn_between_the_messages_of_a_flood() -> None:
    async with far_end() as (far, port):
        house = House(port)
        house.wire.start()
        await until(lambda: house.told)
        turns: list[int] = []

        def turn() -> None:
            turns.append(len(house.told))
            if len(house.told) <= 1000:
                asyncio.get_running_loop().call_soon(turn)

        far.writer.write(b"".join(published(n % 60_000 + 1) for n in range(1000)))
        turn()
        await until(lambda: len(house.told) == 1001)
        assert max(b - a for a, b in pairwise(turns)) <= module.PACKETS_A_TURN
        house.wire.hang_up()
        await ended(house)


async def test_what_the_socket_does_not_take_at_once_goes_when_it_does() -> None:
    async with far_end() as (far, port):
        house = House(port)
        house.wire.start()
        await until(lambda: house.told)
        house.wire.client.publish("t", bytes(8 << 20), qos=1)
        house.wire.flush()
        assert house.wire.client.want_write()
        await until(lambda: len(far.heard) > 8 << 20)
        assert not house.wire.client.want_write()
        house.wire.hang_up()
        await ended(house)


async def test_a_quiet_line_is_asked_in_its_keepalive_and_not_before(monkeypatch: Any) -> None:
    looks: list[float] = []
    proper = Wire._look_after
    monkeypatch.setattr(Wire, "_look_after", lambda self: (looks.append(0.0), proper(self))[1])
    async with far_end() as (far, port):
        house = House(port, keepalive_s=1)
        house.wire.start()
        await until(lambda: far.heard.count(PINGREQ) == 3)
        assert len(looks) <= 2 * 3 + 2, "no polling between"
        assert not house.ended
        house.wire.hang_up()
        await ended(house)


async def test_a_line_that_has_gone_deaf_is_given_up_after_twice_its_keepalive() -> None:
    async with far_end() as (far, port):
        house = House(port, keepalive_s=1)
        house.wire.start()
        await until(lambda: house.told)
        far.deaf.set()
        far.writer.transport.pause_reading()
        began = asyncio.get_running_loop().time()
        await ended(house)
        assert asyncio.get_running_loop().time() - began < PATIENCE_S / 2


@pytest.mark.parametrize("rubbish", [b"\x32\x03\xff\xff\xff", b"\x30\xff\xff\xff\x7f", b"\x00\x00", b"\xf0\x01x"])
async def test_bytes_that_are_no_mqtt_end_the_connection_and_nothing_else(rubbish: bytes) -> None:
    async with far_end(CONNACK + rubbish) as (_, port):
        house = House(port)
        house.wire.start()
        await ended(house)


@pytest.mark.parametrize("ends", ["the far end", "we", "nonsense"])
async def test_no_descriptor_is_left_behind_however_it_ends(ends: str) -> None:
    """Neither paho's socket, nor the pair it wakes a thread of its own by, nor our duplicate."""
    async with far_end(CONNACK + (b"\x00\x00" if ends == "nonsense" else b"")) as (far, port):
        house = House(port)
        house.wire.start()
        if ends != "nonsense":
            await until(lambda: house.told)
            house.wire.hang_up() if ends == "we" else far.writer.close()
        await ended(house)
        client = house.wire._made
        assert (client._sock, client._sockpairR, client._sockpairW) == (None, None, None)
        assert house.wire._sock is None


async def test_the_far_end_hanging_up_is_told_once() -> None:
    async with far_end() as (far, port):
        house = House(port)
        house.wire.start()
        await until(lambda: house.told)
        far.writer.transport.abort()
        await ended(house)
        assert house.wire.client is None


async def test_nothing_listening_is_an_error_of_the_way() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        house = House(taken.getsockname()[1])
        house.wire.start()
        await ended(house)
    assert isinstance(house.ended[0], ConnectionRefusedError)


async def test_what_the_maker_raises_is_told_and_the_thread_ends() -> None:
    house = House(1)

    def broken(_: type[Any]) -> tuple[Any, dict[str, Any]]:
        raise OSError(2, "no such file")

    house.wire._make = broken
    house.wire.start()
    await ended(house)
    assert isinstance(house.ended[0], OSError)


async def test_hanging_up_ends_a_connect_into_a_black_hole() -> None:
    """A listening socket whose queue is full answers no SYN: connect() would hang for its whole patience."""
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        stuffing = [socket.socket() for _ in range(4)]
        for sock in stuffing:
            sock.setblocking(False)
            sock.connect_ex(hole.getsockname())
        house = House(hole.getsockname()[1])
        house.wire.start()
        await until(lambda: house.wire._sock is not None)
        began = asyncio.get_running_loop().time()
        house.wire.hang_up()
        await ended(house)
        assert asyncio.get_running_loop().time() - began < 4.0
        for sock in stuffing:
            sock.close()


async def test_a_name_server_that_hangs_holds_nothing_up_but_its_thread(monkeypatch: Any) -> None:
    release = threading.Event()

    def hang(*_: Any) -> Any:
        release.wait(PATIENCE_S)
        raise OSError("released")

    monkeypatch.setattr("socket.getaddrinfo", hang)
    house = House(1)
    house.wire.start()
    await asyncio.sleep(0.05)
    assert house.wire.opening
    house.wire.hang_up()
    release.set()
    await ended(house)
    await until(lambda: not house.wire.opening)
