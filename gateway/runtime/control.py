"""The local socket by which command line and web ask the running gateway: JSON, one object a line.

Knows framing, who may connect and the bounds; not what the operations mean: those are handed in. Only root and the
gateway's own user may talk (mode 0600, and the peer's uid as the kernel tells it). A bad client costs itself the
connection and nobody else anything.

    → {"op": "status", ...}        ← {"ok": true, ...} or {"ok": false, "error": "..."}
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import os
import socket
import stat
import struct
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

MAX_REQUEST_BYTES: Final = 64 * 1024  # a whole home of 40 rooms and 200 devices is under 30 KiB
MAX_REPLY_BYTES: Final = 4 * 1024 * 1024  # the home with 10,000 devices is under 2 MiB
MAX_CLIENTS: Final = 16  # command line, web, doctor; more at once is somebody's mistake
REQUEST_TIMEOUT_S: Final = 10.0  # longer than any handler's own work; the client gives up after 5 s
IDLE_TIMEOUT_S: Final = 60.0  # a client that says nothing frees its place
WRITE_TIMEOUT_S: Final = 5.0  # a client that does not read its answer
CLIENT_TIMEOUT_S: Final = 5.0
MAX_PATH_BYTES: Final = 107  # sun_path, unix(7)
BACKLOG: Final = 8

Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]

log = logging.getLogger(__name__)


class ControlUnavailable(Exception):
    """No gateway answered on the socket. Says what was tried and what to do."""


class ControlBusy(Exception):
    """Another gateway owns this socket, or something that is no socket stands in its place."""


class ControlRefused(Exception):
    """A handler's way to say no: the text goes to the client."""


class ControlServer:
    """Serves `handlers` by their `op` on the socket at `path`."""

    def __init__(
        self,
        path: Path,
        handlers: Mapping[str, Handler],
        *,
        request_timeout_s: float = REQUEST_TIMEOUT_S,
        idle_timeout_s: float = IDLE_TIMEOUT_S,
        allowed_uids: frozenset[int] | None = None,
    ) -> None:
        """`allowed_uids` None: root and the user we run as."""
        self._path, self._handlers = path, dict(handlers)
        self._request_timeout_s, self._idle_timeout_s = request_timeout_s, idle_timeout_s
        self._allowed_uids = frozenset({0, os.geteuid()}) if allowed_uids is None else allowed_uids
        self._server: asyncio.Server | None = None
        self._inode: int | None = None
        self._clients: set[asyncio.Task[None]] = set()
        self.counters: dict[str, int] = {"requests": 0, "bad": 0, "refused_peer": 0, "too_many": 0, "failed": 0}

    async def start(self) -> None:
        """Binds and listens. Raises `ControlBusy` if another gateway runs here, OSError if the folder is not ours."""
        listener = _bind(self._path)
        self._inode = self._path.stat().st_ino
        self._server = await asyncio.start_unix_server(self._accept, sock=listener, limit=MAX_REQUEST_BYTES)

    async def stop(self) -> None:
        """Closes every connection and removes the socket, if it is still ours."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for task in self._clients:
            task.cancel()
        if self._clients:
            await asyncio.wait(self._clients, timeout=1.0)
        with contextlib.suppress(OSError):
            if self._path.lstat().st_ino == self._inode:
                self._path.unlink()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer), name="control client")
        self._clients.add(task)
        task.add_done_callback(self._clients.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if _peer_uid(writer) not in self._allowed_uids:
                await self._turn_away(writer, "refused_peer", "only root and the gateway's own user may ask")
            elif len(self._clients) > MAX_CLIENTS:
                await self._turn_away(writer, "too_many", "too many clients; try again")
            else:
                while (line := await self._next_line(reader, writer)) is not None:
                    await _send(writer, await self._answer(line))
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # the client went away or does not read; its loss
        except Exception:  # task boundary: one client's connection, never the gateway's
            self.counters["failed"] += 1
            log.exception("a control connection failed")
        finally:
            if writer.transport.get_write_buffer_size():
                writer.transport.abort()  # it does not read: closing politely would wait for it
            else:
                writer.close()

    async def _turn_away(self, writer: asyncio.StreamWriter, counter: str, why: str) -> None:
        self.counters[counter] += 1
        log.warning("control: a client was turned away: %s", why)
        await _send(writer, _no(why))

    async def _next_line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | None:
        """One request, or None at the end of the connection, be it by the client or by us."""
        try:
            async with asyncio.timeout(self._idle_timeout_s):  # wait_for of 3.11 may swallow a cancellation
                line = await reader.readline()
        except ValueError:  # longer than the limit; what follows has no beginning
            await self._turn_away(writer, "bad", f"a request is at most {MAX_REQUEST_BYTES} bytes")
            return None
        return line if line.endswith(b"\n") else None

    async def _answer(self, line: bytes) -> bytes:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            request = None
        handler = None
        if isinstance(request, dict) and isinstance(request.get("op"), str):
            handler = self._handlers.get(request["op"])
        if not isinstance(request, dict) or handler is None:
            self.counters["bad"] += 1
            known = ", ".join(sorted(self._handlers))
            return _no(f'expected a JSON object with "op", one of: {known}')
        self.counters["requests"] += 1
        return await self._carry_out(request["op"], handler, request)

    async def _carry_out(self, op: str, handler: Handler, request: dict[str, Any]) -> bytes:
        try:
            async with asyncio.timeout(self._request_timeout_s):
                result = await handler(request)
            reply = _line({"ok": True} | result)
        except ControlRefused as error:
            return _no(str(error))
        except TimeoutError:
            self.counters["failed"] += 1
            log.error("control: %s took longer than %g s", op, self._request_timeout_s)
            return _no(f"{op}: no answer within {self._request_timeout_s:g} s")
        except Exception:  # border to the handlers: our bug, told to the client without its inside
            self.counters["failed"] += 1
            log.exception("control: %s failed", op)
            return _no(f"{op}: failed inside the gateway; its log says why")
        if len(reply) > MAX_REPLY_BYTES:
            return _no(f"{op}: the answer is longer than {MAX_REPLY_BYTES} bytes")
        return reply


def request(path: Path, payload: Mapping[str, Any], timeout_s: float = CLIENT_TIMEOUT_S) -> dict[str, Any]:
    """Asks the gateway at `path` and returns its reply; blocks up to `timeout_s`. For command line and web.

    Raises `ControlUnavailable` if there is no gateway, it may not be asked, or it does not answer in time.
    """
    deadline = time.monotonic() + timeout_s
    line = _line(payload)
    if len(line) > MAX_REQUEST_BYTES:
        raise ControlUnavailable(f"a request is at most {MAX_REQUEST_BYTES} bytes, this one has {len(line)}")
    try:
        _check_length(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(timeout_s)
            client.connect(os.fspath(path))
            with contextlib.suppress(BrokenPipeError):  # turned away; the reply says why
                client.sendall(line)
            return _read_reply(client, deadline)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise ControlUnavailable(f"no gateway runs at {path}; start it with: hearthwatch run") from error
    except PermissionError as error:
        raise ControlUnavailable(f"{path} may be asked by root and the gateway's own user only; use sudo") from error
    except TimeoutError as error:
        raise ControlUnavailable(f"the gateway at {path} did not answer within {timeout_s:g} s") from error
    except OSError as error:
        raise ControlUnavailable(f"the gateway at {path} cannot be asked: {error.strerror or error}") from error


def _read_reply(client: socket.socket, deadline: float) -> dict[str, Any]:
    received = bytearray()
    while not received.endswith(b"\n"):
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        client.settimeout(left_s)
        chunk = client.recv(65536)
        if not chunk or len(received) > MAX_REPLY_BYTES:
            raise ControlUnavailable("the gateway ended the conversation without an answer; its log says why")
        received += chunk
    try:
        reply = json.loads(received)
    except (ValueError, RecursionError) as error:
        raise ControlUnavailable("what answered is no gateway: its reply is not JSON") from error
    if not isinstance(reply, dict):
        raise ControlUnavailable("what answered is no gateway: its reply is not an object")
    return reply


def _bind(path: Path) -> socket.socket:
    _check_length(path)
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        os.fchmod(listener.fileno(), 0o600)  # Linux gives the inode the socket's mode: never open, not for a moment
        listener.bind(os.fspath(path))
        path.chmod(0o600)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _remove_stale(path: Path) -> None:
    """Removes the socket of a gateway that died; raises `ControlBusy` if somebody answers on it."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ControlBusy(f"{path} is in the way: expected a socket or nothing")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        if probe.connect_ex(os.fspath(path)) in (0, errno.EAGAIN, errno.EINPROGRESS):
            raise ControlBusy(f"another gateway runs at {path}")
    path.unlink(missing_ok=True)


def _check_length(path: Path) -> None:
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise OSError(errno.ENAMETOOLONG, f"{path} is longer than the {MAX_PATH_BYTES} bytes of a socket's name")


def _peer_uid(writer: asyncio.StreamWriter) -> int:
    peer = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _pid, uid, _gid = struct.unpack("3i", peer)
    return int(uid)


async def _send(writer: asyncio.StreamWriter, reply: bytes) -> None:
    writer.write(reply)
    await asyncio.wait_for(writer.drain(), WRITE_TIMEOUT_S)


def _line(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace") + b"\n"


def _no(why: str) -> bytes:
    return _line({"ok": False, "error": why})
