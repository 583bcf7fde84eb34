"""One connection to one broker: opened in a thread of its own, from then on served by the asyncio loop.

Mechanism only. A name server, a TCP or a TLS handshake hangs for as long as it likes, so opening has a thread, which
ends with it. A socket that stands never blocks, and a thread on it only costs: what came, what goes and each answer
were handed from thread to thread, which was half of a press's way (docs/benchmarks.md).

What paho 2.2 does to the unwary (research/fleet.md 2.2, and its source), and what is done about it here:
- it calls back holding mutexes that publish() takes: what a packet meant is told when paho is done with the packet.
- a reconnecting client puts its whole queue on the wire: each connection is a new client that never reconnects.
- its decoders raise what they like: that ends this connection, always with `on_ended`, and nothing else.
- SSLSocket.shutdown() from another thread would strip TLS off a socket in use, and until TLS stands nobody is told of
  the socket: a duplicate of it, made before it connects, is what `hang_up` shuts down.
- it raises OSError into a socket that has just gone: an end like any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gateway.mqtt.client import client_class, due_in_s

PACKETS_A_TURN: Final = 16
"""[P] taken in before whatever else waits in the loop has its turn: some 5 ms. A flood waits in the kernel, then with
its sender: it costs no memory, and no alarm more than a turn."""
NO_LINGER: Final = struct.pack("ii", 1, 0)  # closing resets; unsent bytes are not sent any more

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Way:
    """Where to, and within which limits."""

    host: str
    port: int
    keepalive_s: int
    connect_s: float
    user_timeout_s: float  # TCP_USER_TIMEOUT: sent and not acknowledged by the far kernel
    max_packet_bytes: int
    address: tuple[str, int] | None = None  # where the host was found before: asks no name server


class Wire:
    """A single attempt and, if it succeeds, the connection until it ends. Never used twice."""

    def __init__(
        self,
        way: Way,
        make: Callable[[type[Any]], tuple[Any, dict[str, Any]]],
        on_ended: Callable[[Exception | None], None],
        *,
        name: str,
    ) -> None:
        """`make` gets `WireClient`, returns a client with its callbacks and more arguments for connect(); it runs in
        the opening thread and may raise. `on_ended`: in the loop, last and exactly once; with what `make`, the way
        there or a decoder raised, if anything."""
        self._way, self._make, self._on_ended = way, make, on_ended
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._open, name=name, daemon=True)
        self._made: Any = None  # the client
        self._client: Any = None  # the same, from the moment on when the loop serves it
        self._sock: socket.socket | None = None  # a duplicate, for `hang_up`
        self._lock = threading.Lock()  # held for a system call or two, never around a call into paho
        self._gone = False  # end as soon as possible
        self._ended = False
        self._error: Exception | None = None
        self._heard: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._paused = self._writing = self._goes_on = False
        self._timer: asyncio.TimerHandle | None = None
        self.peer: tuple[str, int] | None = None  # where it is connected to

    # From the loop

    def start(self) -> None:
        """Begins to connect."""
        self._thread.start()

    @property
    def client(self) -> Any:
        """The client, while it may be used; else None. After using it call `flush`."""
        return None if self._gone or self._ended else self._client

    @property
    def opening(self) -> bool:
        """Whether the thread still runs; a hanging name server can keep one beyond `on_ended`."""
        return self._thread.is_alive()

    @property
    def complaint(self) -> str:
        """The last thing paho had to say, when something was wrong."""
        return "" if self._made is None else str(self._made.complaint)

    @property
    def oversized(self) -> bool:
        """Whether it ended because a packet was announced that nobody sane sends."""
        return self._made is not None and bool(self._made.oversized)

    def tell(self, call: Callable[..., None], *arguments: Any) -> None:
        """For paho's callbacks: `call` runs in the loop, once paho is done with the packet."""
        if self._client is None:
            self._post(call, *arguments)
        else:
            self._heard.append((call, arguments))

    def flush(self) -> None:
        """Sees to it that what the socket did not take at once goes when it does."""
        client = self.client
        sock = None if client is None else client.socket()
        if sock is None or client.want_write() is self._writing:
            return
        self._writing = not self._writing
        if self._writing:
            self._loop.add_writer(sock, self._write)
        else:
            self._loop.remove_writer(sock)

    def pause(self) -> None:
        """Reads no further until `resume`: the broker keeps what it has."""
        sock = None if self.client is None else self.client.socket()
        if sock is not None and not self._paused:
            self._paused = True
            self._loop.remove_reader(sock)

    def resume(self) -> None:
        """Reads again."""
        sock = None if self.client is None else self.client.socket()
        if sock is not None and self._paused:
            self._paused = False
            self._loop.add_reader(sock, self._read)
            if not self._goes_on:
                self._goes_on = True
                self._loop.call_soon(self._go_on)

    def hang_up(self) -> None:
        """Ends it now, whatever the far end does.

        What the kernel still holds for the far end is thrown away: a CONNECT that arrives late, after the one of our
        next connection, would take the session over from it.
        """
        self._gone = True
        with self._lock:
            if self._sock is not None:
                _shut(self._sock)
        if self._client is not None:
            self._client.close_socket()
            self._loop.call_soon(self._finish)

    # In the opening thread

    def _open(self) -> None:
        client = None
        try:
            client, arguments = self._make(client_class())
            self._made = client
            client.reach = self._reach
            client.max_packet_bytes = self._way.max_packet_bytes
            client.connect_timeout = self._way.connect_s
            client.suppress_exceptions = True
            client.on_socket_close = self._on_socket_close
            way = self._way
            client.connect(host=way.host, port=way.port, keepalive=way.keepalive_s, **arguments)
        except Exception as error:  # noqa: BLE001 - task boundary: resolvers and TLS raise what they like
            self._error = error
            if client is not None:
                client.close_socket()
            self._post(self._finish)
        else:
            if not self._post(self._adopt, client):
                client.close_socket()
                self._forget()

    def _reach(self) -> socket.socket:
        """Connects by TCP, to each address of the name in turn. Raises OSError; at once when hung up meanwhile."""
        way = self._way
        found = socket.getaddrinfo(*(way.address or (way.host, way.port)), 0, socket.SOCK_STREAM)
        error: OSError = OSError("the name has no address")
        for family, kind, protocol, _, address in found:
            sock = socket.socket(family, kind, protocol)
            try:
                self._remember(sock)
                sock.settimeout(way.connect_s)
                sock.connect(address)
                self.peer = sock.getpeername()[:2]
            except OSError as failed:
                error = failed
                sock.close()
                self._forget()
            else:
                return sock
        raise error

    def _remember(self, sock: socket.socket) -> None:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(self._way.user_timeout_s * 1000))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except (OSError, AttributeError):
            _log.debug("no TCP_USER_TIMEOUT here")
        with self._lock:
            if self._gone:
                raise ConnectionAbortedError("dropped while connecting")
            self._sock = sock.dup()

    def _forget(self) -> None:
        with self._lock:
            if self._sock is not None:
                self._sock.close()
            self._sock = None

    def _post(self, call: Callable[..., None], *arguments: Any) -> bool:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            _log.debug("the loop is closed; nobody is left to tell")
            return False
        return True

    # In the loop

    def _adopt(self, client: Any) -> None:
        self._client = client
        sock = client.socket()
        if self._gone or sock is None:
            client.close_socket()
            self._finish()
            return
        self._loop.add_reader(sock, self._read)
        self.flush()
        self._look_after()
        self._read()  # what TLS took in with the handshake

    def _read(self) -> None:
        """A turn of reading; what is left of it goes on in the loop's next round."""
        if not self._goes_on:
            self._turn()

    def _go_on(self) -> None:
        self._goes_on = False
        self._turn()

    def _turn(self) -> None:
        for _ in range(PACKETS_A_TURN):
            if self._paused or self.client is None:
                return
            if not self._packet():
                break
        else:  # no selector tells of what was read ahead
            self._goes_on = True
            self._loop.call_soon(self._go_on)
        self.flush()

    def _packet(self) -> bool:
        """Takes in one packet and tells what it meant. False: nothing more for now."""
        try:
            more: bool = self._client.read_packet()
        except Exception as error:  # noqa: BLE001 - decoders raise what they like; the line is of no use after that
            if not isinstance(error, OSError):
                _log.warning("connection to the broker ended by %s", type(error).__name__)
            self._error, more = error, False
            self.hang_up()
        heard, self._heard = self._heard, []
        for call, arguments in heard:
            try:
                call(*arguments)
            except Exception:  # noqa: BLE001 - task boundary: a listener's bug must not cost what came behind it
                _log.exception("what the broker said could not be taken in")
        return more

    def _write(self) -> None:
        if self.client is not None:
            with contextlib.suppress(OSError):
                self._client.loop_write()
            self.flush()

    def _look_after(self) -> None:
        """paho's keepalive: asked when it is due and not before."""
        if self.client is None:
            return
        with contextlib.suppress(OSError):
            self._client.loop_misc()
        wait_s = due_in_s(self._client)
        if wait_s is not None and self._client.socket() is not None:
            self._timer = self._loop.call_later(wait_s, self._look_after)
        self.flush()

    def _on_socket_close(self, _client: Any, _data: Any, sock: Any) -> None:
        """paho is about to close it, whoever's fault it is. In the opening thread, too, before it was ours."""
        if self._client is not None:
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)
            self._loop.call_soon(self._finish)

    def _finish(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._forget()
        if self._timer is not None:
            self._timer.cancel()
        self._on_ended(self._error)


def _shut(sock: socket.socket) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        _log.debug("the socket was already gone, or never connected")
