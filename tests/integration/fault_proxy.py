"""A bad link between two TCP ends: an asyncio proxy whose faults can be switched while connections live.

Each direction has a `Way`; both are read afresh for every piece of bytes.
- `HOLE`: bytes are read and thrown away, sockets stay open. To TCP it is a peer that acknowledges and says nothing,
  such as a dead middlebox or a hung broker; new connections are accepted and hear nothing. The bytes are gone for good.
- `HELD`: bytes wait. Once `PASS` again they arrive late but whole, as after TCP's own retransmissions.
- `vanish()`: the far end is gone without a word: existing connections are deaf for ever, new ones work. A NAT
  that lost its table, a router swapped.
- `refuse()`: nothing listens; `deaf()`: something listens whose queue is full, so that SYNs get no answer at all:
  what a real black hole does to a connect(). `reset()`: RST on all that lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

PIECE_BYTES: Final = 4096
MAX_PIECES: Final = 256  # on their way in one direction; then the kernel's buffers fill
RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST


_Arrivals = asyncio.Queue[tuple[float, bytes]]


class Flow(Enum):
    """What becomes of bytes that come."""

    PASS = "pass"
    HOLE = "hole"
    HELD = "held"


@dataclass
class Way:
    """One direction. Change any field at any time."""

    flow: Flow = Flow.PASS
    latency_s: float = 0.0  # each piece arrives this much later; order is kept
    bytes_per_s: float | None = None


@dataclass(eq=False)
class _Link:
    """One client's connection through the proxy."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter | None = None
    vanished: bool = False
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class FaultProxy:
    """Listens on a port of its own and leads to `target`. `counts`: connections, bytes_up, bytes_down, swallowed, …"""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.up, self.down = Way(), Way()
        self.counts: Counter[str] = Counter()
        self.resets_new = False  # RST instead of an answer
        self.port = 0
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._changed = asyncio.Event()
        self._deaf: list[socket.socket] = []

    @property
    def address(self) -> tuple[str, int]:
        """Where to connect. `localhost`, so that a server certificate fits."""
        return ("localhost", self.port)

    @property
    def living(self) -> int:
        """Connections that neither side has ended."""
        return len(self._links)

    async def __aenter__(self) -> FaultProxy:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.refuse()
        tasks = [task for link in self._links for task in link.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for link in list(self._links):
            self._end(link)

    # The faults

    def both(self, flow: Flow) -> None:
        """Sets the flow of both directions, of living connections too."""
        self.up.flow = self.down.flow = flow
        self._changed.set()
        self._changed = asyncio.Event()

    def vanish(self) -> None:
        """All that lives is deaf from now on and never told; what comes later works."""
        for link in self._links:
            link.vanished = True

    def reset(self) -> None:
        """RST to both ends of all that lives."""
        for link in list(self._links):
            self._end(link, abruptly=True)

    async def refuse(self) -> None:
        """Nothing listens any more. What lives goes on."""
        for sock in self._deaf:
            sock.close()
        self._deaf = []
        if self._server is not None:
            self._server.close()
            self._server = None

    async def deaf(self) -> None:
        """SYNs get no answer: somebody listens, but the queue is full and nobody accepts."""
        await self.refuse()
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(0)
        self._deaf.append(listener)
        for _ in range(3):  # the queue of 0 holds one; one more is half-way in
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self._deaf.append(filler)
        await asyncio.sleep(0.05)

    async def listen(self) -> None:
        """Back to accepting connections, on the same port."""
        await self.refuse()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=PIECE_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    # The work

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: one of asyncio's streams complains when it is cancelled.
        link = _Link(writer)
        self._links.add(link)
        link.tasks.append(asyncio.create_task(self._serve(link, reader, writer)))

    async def _serve(self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.counts["connections"] += 1
        if self.resets_new:
            self.counts["reset_new"] += 1
            self._end(link, abruptly=True)
            return
        try:
            back, link.server = await asyncio.open_connection(*self.target, limit=PIECE_BYTES)
            link.tasks.append(asyncio.create_task(self._carry(link, back, writer, self.down, "bytes_down")))
            await self._carry(link, reader, link.server, self.up, "bytes_up")
        except OSError:
            self._end(link, abruptly=True)  # nothing behind us: a port forwarder would do the same

    async def _carry(
        self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way, name: str
    ) -> None:
        arrivals: _Arrivals = asyncio.Queue(MAX_PIECES)
        delivering = asyncio.create_task(self._deliver(link, arrivals, writer, way, name))
        link.tasks.append(delivering)
        loop = asyncio.get_running_loop()
        try:
            while data := await reader.read(PIECE_BYTES):
                if way.flow is Flow.HOLE or link.vanished:
                    self.counts["swallowed"] += len(data)
                    continue
                await arrivals.put((loop.time() + way.latency_s, data))
        except OSError:
            self._end(link, abruptly=True)
        if link.vanished or way.flow is Flow.HOLE:
            self.counts["ends_swallowed"] += 1  # the FIN gets lost as well
            delivering.cancel()
            return
        await arrivals.put((0.0, b""))
        await delivering

    async def _deliver(
        self,
        link: _Link,
        arrivals: asyncio.Queue[tuple[float, bytes]],
        writer: asyncio.StreamWriter,
        way: Way,
        name: str,
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, data = await arrivals.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            while way.flow is Flow.HELD:
                await self._changed.wait()
            if not data:
                self._end(link)
                return
            if way.flow is Flow.HOLE or link.vanished:
                self.counts["swallowed"] += len(data)
                continue
            if way.bytes_per_s is not None:
                await asyncio.sleep(len(data) / way.bytes_per_s)
            try:
                writer.write(data)
                await writer.drain()
            except OSError:
                self._end(link, abruptly=True)
                return
            self.counts[name] += len(data)

    def _end(self, link: _Link, *, abruptly: bool = False) -> None:
        self._links.discard(link)
        for writer in (link.client, link.server):
            if writer is None:
                continue
            sock = writer.get_extra_info("socket")
            if abruptly and sock is not None:
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                self.counts["resets"] += 1
            (writer.transport.abort if abruptly else writer.close)()
