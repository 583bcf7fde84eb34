"""Getting a connection, and what a far end may do to it: refusals, silence, names that do not resolve, floods."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest
from mqtt_home import (
    Events,
    FarEnd,
    Gateway,
    of,
    publish_packet,
    remaining_length,
    running,
    running_platform,
    settings,
    until,
)
from stopwatch import stopwatch

from gateway.demo.broker import free_port
from gateway.upstream.connection import MAX_PACKET_BYTES
from gateway.upstream.dialling import MAX_LINGERING


async def test_the_next_broker_is_tried_when_one_is_gone(broker):
    events: Events = []
    dead = ("127.0.0.1", free_port())
    gateway = Gateway(settings(dead, broker.address))
    async with running_platform(settings(broker.address), events), running(gateway):
        gateway.put(alarm=True)
        await until(lambda: not gateway.table)


async def test_a_new_alarm_does_not_wait_for_the_backoff(broker):
    """Ten failures in a row mean minutes of pause; an alarm is tried at once."""
    events: Events = []
    broker.stop()
    gateway = Gateway(settings(broker.address, limits={"backoff_scale": 1.0}))
    gateway.link._dialler.backoff.failures = 10
    async with running(gateway):
        await until(lambda: gateway.counted("fault_refused") >= 1)
        broker.start()
        async with running_platform(settings(broker.address), events):
            await asyncio.sleep(0.3)
            if not gateway.up:  # full jitter may have drawn almost nothing
                assert gateway.counted("fault_refused") <= 2
            async with stopwatch(lambda: broker.pid) as watch:
                gateway.put(alarm=True)
                await until(lambda: not gateway.table)
                assert watch.s < 10, "minutes, by the backoff"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1, "protocol_version"),
        (2, "client_id"),
        (3, "server_unavailable"),
        (4, "not_authorized"),
        (5, "not_authorized"),
    ],
)
async def test_a_broker_that_refuses_says_why_and_is_asked_again(code, kind):
    async with FarEnd() as far:
        far.connack = code
        gateway = Gateway(settings(far.address, protocol="3.1.1"))
        async with running(gateway):
            await until(lambda: far.connections >= 2)
            assert gateway.counted(f"fault_{kind}") >= 1
            far.connack = 0
            await until(lambda: gateway.up)


async def test_a_broker_that_accepts_and_says_nothing_is_given_up_in_time():
    async with FarEnd() as far:
        far.connack = None
        gateway = Gateway(settings(far.address, protocol="3.1.1", limits={"connect_s": 0.3, "connack_s": 0.3}))
        async with running(gateway):
            await until(lambda: gateway.counted("fault_timeout") >= 1)
            far.connack = 0
            await until(lambda: gateway.up)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "x" * 64 + ".example", "a..b"])
async def test_a_name_that_cannot_be_resolved_ends_nothing(host):
    """An over-long label raises UnicodeError inside paho's connect, which is no OSError."""
    gateway = Gateway(settings((host, 1883)))
    async with running(gateway):
        await until(lambda: gateway.link._dialler.backoff.failures >= 2)
        assert gateway.link.status()["state"] == "DOWN"


async def test_a_packet_that_announces_256_mib_is_not_believed():
    async with FarEnd() as far:
        far.greeting = b"\x32" + remaining_length(MAX_PACKET_BYTES * 1000) + b"\x00\x01a\x00\x01"
        gateway = Gateway(settings(far.address, protocol="3.1.1"))
        async with running(gateway):
            await until(lambda: len(far.connects) >= 2)
            clean = [bool(connect[7] & 2) for connect in far.connects]
            assert clean[:2] == [False, True], "the session that holds the monster is thrown away"
            far.greeting = b""
            await until(lambda: gateway.up)


async def test_a_packet_paho_cannot_read_costs_the_connection_and_not_the_link():
    async with FarEnd() as far:
        far.greeting = b"\x32\x03\xff\xff\xff"
        gateway = Gateway(settings(far.address, protocol="3.1.1"))
        async with running(gateway):
            await until(lambda: far.connections >= 2)
            far.greeting = b""
            await until(lambda: gateway.up and gateway.counted("connects") >= 2)


async def test_a_flood_of_messages_costs_neither_the_memory_nor_the_next_alarm():
    async with FarEnd() as far:
        flood = publish_packet("hw/v1/jinjiang/gw-1/down/cmd", b'{"cmd":"ping"}')
        far.greeting = flood * 20_000
        gateway = Gateway(settings(far.address, protocol="3.1.1"))
        async with running(gateway):
            await until(lambda: far.connections >= 1 and len(gateway.commands) > 0)
            far.greeting = b""
            await until(lambda: gateway.up)
            far_end_alive = gateway.put(alarm=True)
            await until(lambda: far.messages("alarm"))
            assert far_end_alive == 1


async def test_an_outbox_that_cannot_be_read_is_asked_again(broker, monkeypatch):
    monkeypatch.setattr("gateway.upstream.link.ROWS_RETRY_S", 0.1)
    events: Events = []
    gateway = Gateway(settings(broker.address))
    read = gateway.rows
    broken = True

    async def rows(limit: int, skip: Any) -> Any:
        if broken:
            raise OSError(5, "Input/output error")
        return await read(limit, skip)

    gateway.link._rows = rows
    gateway.put(alarm=True, wake=False)
    async with running_platform(settings(broker.address), events), running(gateway):
        await until(lambda: gateway.counted("rows_failed") >= 2)
        broken = False
        await until(lambda: not gateway.table)


async def test_rows_the_journal_has_not_deleted_yet_are_not_sent_in_a_spin(broker):
    events: Events = []
    gateway = Gateway(settings(broker.address))
    gateway.keep = True
    async with running_platform(settings(broker.address), events), running(gateway):
        await until(lambda: gateway.up)
        gateway.put(5)
        await until(lambda: gateway.counted("acked") == 5)
        read, reads = gateway.link._rows, 0

        async def counting(limit: int, skip: Any) -> Any:
            nonlocal reads
            reads += 1
            return await read(limit, skip)

        gateway.link._rows = counting
        for n in range(1, 6):
            gateway.link.wake()
            await until(lambda n=n: reads >= n, "it looked for what is to be sent")
        gateway.link.publish_heartbeat({"v": 1})
        await until(lambda: of(events, "heartbeat"), "whatever it sent went before this")
        assert gateway.counted("published") == 5


async def test_the_kernel_is_told_to_give_up_on_unacknowledged_bytes(broker):
    gateway = Gateway(settings(broker.address, limits={"user_timeout_s": 7}))
    async with running(gateway):
        await until(lambda: gateway.up)
        session = gateway.link._session
        assert session is not None
        sock = session._connection._wire._sock
        assert sock is not None
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7000


async def test_a_name_server_that_hangs_costs_a_few_threads_and_no_more(monkeypatch):
    release = threading.Event()

    def hang(*_: Any, **__: Any) -> Any:
        release.wait(60)
        raise OSError("released")

    monkeypatch.setattr("socket.getaddrinfo", hang)
    gateway = Gateway(settings(("127.0.0.1", 1), limits={"connect_s": 0.05, "connack_s": 0.05}))
    try:
        async with running(gateway):
            await until(lambda: gateway.counted("fault_name") >= 3)
            hanging = [thread for thread in threading.enumerate() if thread.name.startswith("mqtt 127.0.0.1")]
            assert len(hanging) == MAX_LINGERING
            release.set()
            monkeypatch.undo()
            await until(lambda: gateway.counted("fault_refused") >= 1, "it goes on when the name server does")
    finally:
        release.set()
