"""A gateway's journal small enough to see through, and a far end that misbehaves on purpose. For the upstream tests."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from gateway.receiver.platform import Platform
from gateway.upstream.faults import Fault
from gateway.upstream.link import PathState, Upstream
from gateway.upstream.settings import Limits, UpstreamSettings
from gateway.upstream.window import Timing

LIMITS = Limits(connect_s=10, connack_s=10, farewell_s=0.5, backoff_scale=0.02)
QUICK = Timing(puback_s=0.6, ack_s=1.2, slow_s=4.0, ack_drop_cap_s=8.0, unheard_s=0.04, settle_s=5.0)
EPOCH = "9f86d081884c7d65"
PATIENCE_S = 30.0

Events = list[dict[str, Any]]

both_versions = pytest.mark.parametrize("protocol", ["5", "3.1.1"])


def of(events: Events, kind: str) -> Events:
    return [event for event in events if event["event"] == kind]


def gateway_states(events: Events) -> list[str]:
    return [event["state"] for event in of(events, "state")]


def messages_fault() -> Any:
    return Fault("lost", "by the test")


async def until(true: Callable[[], Any], what: str = "", patience_s: float = PATIENCE_S) -> None:
    """Returns when it is true; a loaded machine only makes it later."""
    deadline = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < deadline, f"never came true: {what}"
        await asyncio.sleep(0.01)


@dataclass
class Row:
    seq: int
    prio: int
    channel: str
    body: dict[str, Any]
    severity: str
    created_t: int


def now_ms() -> int:
    return int(time.monotonic() * 1000)


@dataclass
class Gateway:
    """An outbox in memory and the real link."""

    settings: UpstreamSettings
    name: str = "gw-1"
    site: str = "jinjiang"
    epoch: str = EPOCH
    table: dict[int, Row] = field(default_factory=dict)
    stages: list[dict[str, Any]] = field(default_factory=list)
    commands: list[dict[str, Any]] = field(default_factory=list)
    states: list[PathState] = field(default_factory=list)
    seq: int = 0
    most_in_flight: int = 0
    keep: bool = False  # the journal fails to delete

    def __post_init__(self) -> None:
        self.link = Upstream(
            self.settings, self.name, self.site, self.epoch, self.rows, self.on_ack, self.on_command,
            lambda state, _why: self.states.append(state), now_ms=now_ms, boot="boot-1",
        )  # fmt: skip

    async def rows(self, limit: int, skip: Collection[int]) -> list[Row]:
        status = self.link.status()
        self.most_in_flight = max(self.most_in_flight, status["in_flight"], status["unanswered"])
        free = [row for seq, row in self.table.items() if seq not in skip]
        return sorted(free, key=lambda row: (row.prio, row.seq))[:limit]

    def on_ack(self, word: dict[str, Any]) -> None:
        if word["stage"] != "RECEIVED":
            self.stages.append(word)
        elif not self.keep:
            for seq in word["seq"]:
                self.table.pop(seq, None)

    def on_command(self, word: dict[str, Any]) -> None:
        self.commands.append(word)

    def put(self, count: int = 1, *, alarm: bool = False, wake: bool = True) -> int:
        for _ in range(count):
            self.seq += 1
            body = {"code": "CALL_FIXED", "alarm": self.seq} if alarm else {"code": "MAINS_FAIL", "n": self.seq}
            self.table[self.seq] = Row(
                self.seq, 0 if alarm else 2, "alarm" if alarm else "event",
                {"at": "2026-03-01T00:15:30.000Z", "delayed": False, "test": False, **body},
                "P0" if alarm else "P3", now_ms(),
            )  # fmt: skip
        if wake:
            self.link.wake()
        return self.seq

    @property
    def up(self) -> bool:
        return self.link.status()["state"] == "UP"

    def counted(self, name: str) -> int:
        return int(self.link.status()["counts"].get(name, 0))


def settings(
    *brokers: tuple[str, int], protocol: str = "5", timing: Timing | None = None, **more: Any
) -> UpstreamSettings:
    limits = replace(LIMITS, **more.pop("limits", {}))
    return UpstreamSettings(brokers, protocol=protocol, window=timing or Timing(), limits=limits, **more)


@asynccontextmanager
async def running(*what: Gateway | Platform) -> Any:
    """Runs the links until the block ends, then stops them cleanly."""
    tasks = [asyncio.create_task((one.link if isinstance(one, Gateway) else one).run()) for one in what]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
            assert not task.done(), "a link never ends by itself"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def running_platform(made: UpstreamSettings, events: list[dict[str, Any]]) -> AbstractAsyncContextManager[Platform]:
    @asynccontextmanager
    async def run() -> Any:
        platform = Platform(made, ":memory:", events.append)
        async with running(platform):
            await asyncio.wait_for(platform.connected.wait(), PATIENCE_S)
            yield platform

    return run()


class FarEnd:
    """A broker of a few lines that answers, swallows or floods as told. MQTT 3.1.1 only.

    `puback`: whether publishes are answered. `connack`: the return code, None for silence.
    """

    def __init__(self) -> None:
        self.puback = True
        self.connack: int | None = 0
        self.greeting = b""  # sent after the SUBACK
        self.connections = 0
        self.connects: list[bytes] = []
        self.published: list[tuple[str, bytes]] = []
        self.burst: list[int] = []  # publishes seen on each connection before the first PUBACK
        self.writers: list[asyncio.StreamWriter] = []
        self.server: asyncio.Server | None = None

    @property
    def address(self) -> tuple[str, int]:
        assert self.server is not None
        return ("127.0.0.1", self.server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> FarEnd:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.server is not None
        self.server.close()
        for writer in self.writers:
            writer.close()

    def messages(self, channel: str) -> list[bytes]:
        return [payload for topic, payload in self.published if topic.endswith(f"/up/{channel}")]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while True:
                await self._one(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kind = (await reader.readexactly(1))[0]
        length = shift = 0
        while True:
            digit = (await reader.readexactly(1))[0]
            length |= (digit & 127) << shift
            shift += 7
            if not digit & 128:
                break
        body = await reader.readexactly(length)
        if kind >> 4 == 1:
            self.connects.append(body)
            if self.connack is not None:
                writer.write(bytes([0x20, 2, 0, self.connack]))
        elif kind >> 4 == 8:
            writer.write(bytes([0x90, 2 + len(b"\x01\x01"), *body[:2], 1, 1]) + self.greeting)
        elif kind >> 4 == 12:
            writer.write(b"\xd0\x00")
        elif kind >> 4 == 3:
            size = struct.unpack(">H", body[:2])[0]
            self.published.append((body[2 : 2 + size].decode(), body[4 + size :]))
            if self.puback:
                writer.write(b"\x40\x02" + body[2 + size : 4 + size])


def publish_packet(topic: str, payload: bytes, *, retain: bool = False, mid: int = 9) -> bytes:
    """A QoS 1 PUBLISH as a broker sends it."""
    body = struct.pack(">H", len(topic)) + topic.encode() + struct.pack(">H", mid) + payload
    return bytes([0x32 | retain]) + remaining_length(len(body)) + body


def remaining_length(length: int) -> bytes:
    out = bytearray()
    while True:
        length, digit = divmod(length, 128)
        out.append(digit | (128 if length else 0))
        if not length:
            return bytes(out)
