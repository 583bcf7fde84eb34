"""A line on the control socket: always one line of JSON back, true or false, whatever was asked."""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
from pathlib import Path
from typing import Any

from gateway.home.changes import changed, empty
from gateway.home.model import BadHome
from gateway.runtime.control import MAX_REPLY_BYTES, ControlRefused, ControlServer

JSON = True
logging.getLogger("gateway.runtime.control").setLevel(logging.CRITICAL)
_LOOP: list[asyncio.AbstractEventLoop] = []


def seeds() -> list[bytes]:
    ops: tuple[dict[str, Any], ...] = (
        {"op": "status"},
        {"op": "leap", "ms": 1000},
        {"op": "echo", "x": [1, {"a": "王"}]},
        {"op": "home.set", "changes": [{"op": "set", "table": "rooms", "id": "a", "values": {"label": "客厅"}}]},
        {"op": "nothing"},
    )
    return [json.dumps(op).encode() + b"\n" for op in ops]


async def _status(_: dict[str, Any]) -> dict[str, Any]:
    return {"status": {"alarms": []}}


async def _leap(request: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(request.get("ms"), int):
        raise ControlRefused("leap: expected ms")
    return {}


async def _echo(request: dict[str, Any]) -> dict[str, Any]:
    return request


async def _home_set(request: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"tables": len(changed(empty(), request.get("changes", [])))}
    except BadHome as error:
        return {"ok": False, "problems": error.problems}


def one_input(data: bytes) -> None:
    handlers = {"status": _status, "leap": _leap, "echo": _echo, "home.set": _home_set}
    server = ControlServer(Path("/nowhere/control.sock"), handlers)
    if not _LOOP:
        _LOOP.append(asyncio.new_event_loop())
        atexit.register(_LOOP[0].close)
    for line in data.split(b"\n")[:10]:
        reply = _LOOP[0].run_until_complete(server._answer(line + b"\n"))
        assert reply.endswith(b"\n")
        assert reply.count(b"\n") == 1
        assert len(reply) <= MAX_REPLY_BYTES
        assert json.loads(reply)["ok"] in (True, False) or b'"echo"' in line
    assert server.counters["failed"] == 0 or b"echo" in data, "home.set must refuse, not fail"
