"""One serial port, owned by one thread, seen from the event loop as bytes in and bytes out.

Knows pyserial, select and how a port dies: a hang-up, EIO, or readiness without data. Knows no protocol, never
reconnects (the supervisor does) and never polls: the thread sleeps in `select` on the port and on a wake pipe.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import selectors
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gateway.drivers.port import DriverFault
from gateway.drivers.serial_faults import open_fault

if TYPE_CHECKING:
    from serial import Serial

MAX_QUEUED_BYTES: Final = 16 * 1024
"""Waiting to be written. Ten SMS parts are under 4 KiB; more means that the far end takes nothing (flow control)."""
MAX_UNREAD_BYTES: Final = 64 * 1024
"""Read but not yet taken by the event loop. Above it the thread stops reading, so a babbling line costs no memory."""
READ_BYTES: Final = 4096  # the kernel's own tty buffer
OPEN_TIMEOUT_S: Final = 10.0  # a sick USB adapter can hold open() for as long as it likes
CLOSE_TIMEOUT_S: Final = 5.0  # likewise close(); the thread is a daemon and is left behind then

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Settings:
    path: str
    baud: int
    parity: str
    stopbits: int


class SerialPort:
    """A port that can be opened, lost and opened anew. All methods are for the event loop's thread.

    `on_data` gets each chunk as it came; `on_lost` is called exactly once, with the reason, when an open port
    vanishes, and never because of `close`. Both run in the event loop. After `on_lost`, `open` may be called again.
    """

    def __init__(
        self,
        path: str,
        baud: int,
        *,
        parity: str = "N",
        stopbits: int = 1,
        on_data: Callable[[bytes], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self._settings = _Settings(path, baud, parity, stopbits)
        self._on_data = on_data
        self._on_lost = on_lost
        self._owner: _Owner | None = None

    @property
    def is_open(self) -> bool:
        """Whether a write would be taken now."""
        return self._owner is not None and self._owner.is_open

    async def open(self) -> None:
        """Opens the port, exclusively. Raises `DriverFault`: missing, no permission, in use (by whom), bad settings."""
        if self._owner is not None:
            raise RuntimeError(f"{self._settings.path} is already open")
        owner = _Owner(self._settings, asyncio.get_running_loop(), self._on_data, self._lost)
        self._owner = owner
        try:
            await owner.start()
        except DriverFault:
            self._owner = None
            await owner.close()
            raise
        except asyncio.CancelledError:
            self._owner = None
            owner.stop()  # it closes by itself what it may still open
            raise

    def write(self, data: bytes) -> None:
        """Queues `data`. Raises `DriverFault` when the port is not open or the far end has stopped taking bytes."""
        if self._owner is None:
            raise DriverFault(f"serial port {self._settings.path} is not open")
        self._owner.write(data)

    async def drain(self) -> None:
        """Waits until the kernel has taken all that was written. Raises `DriverFault` if the port is lost meanwhile."""
        if self._owner is None:
            raise DriverFault(f"serial port {self._settings.path} is not open")
        await self._owner.drain()

    async def close(self) -> None:
        """Closes the port, drops what was still queued and ends the owner thread. Harmless on a closed port."""
        owner = self._owner
        if owner is None:
            return
        try:
            await owner.close()
        finally:
            if self._owner is owner:
                self._owner = None

    def _lost(self, reason: str) -> None:
        self._owner = None
        self._on_lost(reason)


class _Owner:
    """One life of the port: from open to lost or closed, in one thread that alone touches the port."""

    def __init__(
        self,
        settings: _Settings,
        loop: asyncio.AbstractEventLoop,
        on_data: Callable[[bytes], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._loop = loop
        self._on_data = on_data
        self._on_lost = on_lost
        self._opened: asyncio.Future[None] = loop.create_future()
        self._ended: asyncio.Future[None] = loop.create_future()
        self._drainers: list[asyncio.Future[None]] = []
        self._thread = threading.Thread(target=self._run, name=f"serial {settings.path}", daemon=True)
        self.is_open = False
        # Shared by both threads, under the lock:
        self._lock = threading.Lock()
        self._outgoing: deque[bytes] = deque()
        self._queued = 0
        self._unread = 0
        self._stopping = False
        self._full = False  # the owner thread's own: the kernel took no more, and says when it does again
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._pipe_open = True

    # -- the event loop's side ------------------------------------------------------------------------------------

    async def start(self) -> None:
        self._thread.start()
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                await self._opened
        except TimeoutError:
            raise DriverFault(
                f"serial port {self._settings.path} did not open in {OPEN_TIMEOUT_S:g} s: replug the adapter"
            ) from None

    def write(self, data: bytes) -> None:
        with self._lock:
            if not self.is_open or self._stopping:
                raise DriverFault(f"serial port {self._settings.path} is not open")
            if self._queued + len(data) > MAX_QUEUED_BYTES:
                raise DriverFault(
                    f"serial port {self._settings.path} takes no more bytes: the far end has stopped reading"
                )
            self._outgoing.append(bytes(data))
            self._queued += len(data)
            self._wake()

    async def drain(self) -> None:
        with self._lock:
            if not self._queued:
                return
            done: asyncio.Future[None] = self._loop.create_future()
            self._drainers.append(done)
        await done

    def stop(self) -> None:
        with self._lock:
            self._stopping = True
            self._wake()

    async def close(self) -> None:
        self.stop()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await asyncio.shield(self._ended)
        except TimeoutError:
            _log.warning("serial port %s did not close in %g s; left behind", self._settings.path, CLOSE_TIMEOUT_S)
        else:
            self._thread.join()  # it has said its last word: microseconds

    def _deliver(self, data: bytes) -> None:
        with self._lock:
            was_full = self._unread >= MAX_UNREAD_BYTES
            self._unread -= len(data)
            if was_full:
                self._wake()
        if not self._stopping:
            self._on_data(data)

    def _drained(self) -> None:
        with self._lock:
            if self._queued:  # written to again meanwhile
                return
        waiting, self._drainers = self._drainers, []
        for done in waiting:
            if not done.done():
                done.set_result(None)

    def _open_done(self, fault: DriverFault | None) -> None:
        if self._opened.done():
            return  # nobody waits any more
        if fault is None:
            self.is_open = True
            self._opened.set_result(None)
        else:
            self._opened.set_exception(fault)

    def _end(self, reason: str | None) -> None:
        was_open, self.is_open = self.is_open, False
        if not self._ended.done():
            self._ended.set_result(None)
        for done in self._drainers:
            if not done.done():
                done.set_exception(DriverFault(reason or f"serial port {self._settings.path} was closed"))
        self._drainers.clear()
        if reason is not None and was_open and not self._stopping:
            self._on_lost(reason)

    # -- the owner thread's side ----------------------------------------------------------------------------------

    def _run(self) -> None:
        reason: str | None = None
        try:
            port = self._open_port()
        except DriverFault as fault:
            self._post(self._open_done, fault)
        else:
            self._post(self._open_done, None)
            reason = f"serial port {self._settings.path}: its owner thread failed, see the log"
            try:
                reason = self._pump(port.fileno())
            finally:
                _close_port(port)
        finally:
            self._close_pipe()
            self._post(self._end, reason)

    def _open_port(self) -> Serial:
        import termios

        import serial  # 30 ms on a Pi: paid only where a port is used

        s = self._settings
        try:
            return serial.Serial(
                s.path, s.baud, parity=s.parity, stopbits=s.stopbits, timeout=0, write_timeout=0, exclusive=True
            )
        except (OSError, ValueError, termios.error) as error:
            raise open_fault(s.path, error) from error

    def _pump(self, fd: int) -> str | None:
        """Moves bytes until told to stop (None) or the port is gone (the reason)."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_read, selectors.EVENT_READ)
            watched = 0
            while True:
                with self._lock:
                    if self._stopping:
                        return None
                    wanted = selectors.EVENT_WRITE if self._full else 0
                    wanted |= selectors.EVENT_READ if self._unread < MAX_UNREAD_BYTES else 0
                _watch(selector, fd, watched, wanted)
                watched = wanted
                try:
                    for key, events in selector.select():
                        if key.fd == fd:
                            self._move(fd, events)
                        else:
                            os.read(self._wake_read, READ_BYTES)
                            self._write_out(fd)  # not asked first whether there is room: there nearly always is
                except OSError as error:
                    return f"serial port {self._settings.path} is gone: {error.strerror or error}"

    def _move(self, fd: int, events: int) -> None:
        if events & selectors.EVENT_READ:
            with contextlib.suppress(BlockingIOError):
                data = os.read(fd, READ_BYTES)
                if not data:  # pyserial issues 341, 331: an unplugged adapter is "ready" and has nothing
                    raise OSError("ready to read but no data: unplugged, or a second reader")
                with self._lock:
                    self._unread += len(data)
                self._post(self._deliver, data)
        if events & selectors.EVENT_WRITE:
            self._full = False
            self._write_out(fd)

    def _write_out(self, fd: int) -> None:
        """Writes what is queued, until the kernel takes no more."""
        try:
            while self._queued and not self._full and not self._stopping:
                self._write_some(fd)
        except BlockingIOError:
            self._full = True

    def _write_some(self, fd: int) -> None:
        with self._lock:
            head = self._outgoing[0]
        written = os.write(fd, head)
        with self._lock:
            self._outgoing.popleft()
            if written < len(head):
                self._outgoing.appendleft(head[written:])
            self._queued -= written
            awaited = not self._queued and bool(self._drainers)
        if awaited:
            self._post(self._drained)

    def _post(self, call: Callable[..., None], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(call, *args)

    # -- the wake pipe, either side -------------------------------------------------------------------------------

    def _wake(self) -> None:
        """Wakes the owner thread. With the lock held, so that the pipe cannot be closed under it."""
        if self._pipe_open:
            with contextlib.suppress(BlockingIOError):  # full: it is awake already
                os.write(self._wake_write, b"!")

    def _close_pipe(self) -> None:
        with self._lock:
            self._pipe_open = False
            os.close(self._wake_read)
            os.close(self._wake_write)


def _watch(selector: selectors.BaseSelector, fd: int, watched: int, wanted: int) -> None:
    """Watches `fd` for `wanted`. Not at all for 0: epoll would go on reporting a hang-up, a busy loop."""
    if watched == wanted:
        return
    if not watched:
        selector.register(fd, wanted)
    elif not wanted:
        selector.unregister(fd)
    else:
        selector.modify(fd, wanted)


def _close_port(port: Serial) -> None:
    import termios

    with contextlib.suppress(OSError, termios.error):
        port.reset_output_buffer()  # else the kernel may hold close() for 30 s to send what nobody reads
    with contextlib.suppress(OSError, termios.error):
        port.close()
