"""The control socket answers the gateway's own people, and a bad client costs nobody else anything."""

import asyncio
import json
import os
import socket
import stat
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.runtime.control import (
    MAX_CLIENTS,
    MAX_REPLY_BYTES,
    MAX_REQUEST_BYTES,
    ControlBusy,
    ControlRefused,
    ControlServer,
    ControlUnavailable,
    request,
)

PATIENCE_S = 20.0  # a loaded two-core machine


async def status(payload: dict[str, Any]) -> dict[str, Any]:
    return {"alarms": 2, "asked": payload.get("what")}


async def refuses(payload: dict[str, Any]) -> dict[str, Any]:
    raise ControlRefused("contact c9: there is none")


async def breaks(payload: dict[str, Any]) -> dict[str, Any]:
    raise KeyError("王阿公")


async def hangs(payload: dict[str, Any]) -> dict[str, Any]:
    await asyncio.Event().wait()
    return {}


async def huge(payload: dict[str, Any]) -> dict[str, Any]:
    return {"text": "x" * (MAX_REPLY_BYTES + 1)}


async def no_json(payload: dict[str, Any]) -> dict[str, Any]:
    return {"nan": float("nan")}


HANDLERS = {"status": status, "refuses": refuses, "breaks": breaks, "hangs": hangs, "huge": huge, "no_json": no_json}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ControlServer]:
    server = ControlServer(tmp_path / "control.sock", HANDLERS, request_timeout_s=0.2)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def path(server: ControlServer, tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


async def ask(path: Path, payload: dict[str, Any], timeout_s: float = PATIENCE_S) -> dict[str, Any]:
    return await asyncio.to_thread(request, path, payload, timeout_s)


async def converse(path: Path, *lines: bytes) -> list[dict[str, Any]]:
    """Sends raw bytes, then reads until the server closes or has answered each."""
    reader, writer = await asyncio.open_unix_connection(path, limit=2 * MAX_REPLY_BYTES)
    replies = []
    try:
        for line in lines:
            writer.write(line)
            answer = await asyncio.wait_for(reader.readline(), PATIENCE_S)
            if not answer:
                break
            replies.append(json.loads(answer))
    finally:
        writer.close()
    return replies


async def test_a_question_is_answered(path: Path) -> None:
    assert await ask(path, {"op": "status", "what": "王阿公"}) == {"ok": True, "alarms": 2, "asked": "王阿公"}


async def test_only_its_owner_may_open_it(path: Path) -> None:
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


async def test_several_questions_on_one_connection(path: Path) -> None:
    replies = await converse(path, *[b'{"op":"status"}\n'] * 3)
    assert [r["ok"] for r in replies] == [True] * 3


@pytest.mark.parametrize(
    "bad",
    [b"\n", b"hello\n", b"[]\n", b"{}\n", b'{"op":7}\n', b'{"op":"reboot"}\n', b"\xff\xfe\n", b"[" * 60_000 + b"\n",
     b"1" * 10_000 + b"\n", b'{"op":["status"]}\n', b"null\n"],
)  # fmt: skip
async def test_a_malformed_question_is_refused_and_the_connection_goes_on(path: Path, bad: bytes) -> None:
    refused, answered = await converse(path, bad, b'{"op":"status"}\n')
    assert refused["ok"] is False
    assert "status" in refused["error"]
    assert answered["ok"] is True


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_any_bytes_leave_the_server_standing(tmp_path: Path, junk: bytes) -> None:
    async def scene() -> None:
        server = ControlServer(tmp_path / "c.sock", HANDLERS)
        await server.start()
        reader, writer = await asyncio.open_unix_connection(tmp_path / "c.sock")
        writer.write(junk)
        writer.write_eof()
        await asyncio.wait_for(reader.read(), PATIENCE_S)
        writer.close()
        assert (await ask(tmp_path / "c.sock", {"op": "status"}))["ok"]
        await server.stop()
        assert server.counters["failed"] == 0

    asyncio.run(scene())


async def test_an_endless_line_ends_the_connection(path: Path, server: ControlServer) -> None:
    (reply,) = await converse(path, b"x" * (MAX_REQUEST_BYTES + 10))
    assert reply == {"ok": False, "error": f"a request is at most {MAX_REQUEST_BYTES} bytes"}
    assert server.counters["bad"] == 1
    with pytest.raises(ControlUnavailable, match="at most"):
        request(path, {"op": "status", "what": "x" * MAX_REQUEST_BYTES})


@pytest.mark.parametrize(
    ("op", "error"),
    [("refuses", "contact c9: there is none"), ("breaks", "breaks: failed inside the gateway; its log says why"),
     ("hangs", "hangs: no answer within 0.2 s"), ("huge", f"huge: the answer is longer than {MAX_REPLY_BYTES} bytes"),
     ("no_json", "no_json: failed inside the gateway; its log says why")],
)  # fmt: skip
async def test_a_handler_that_fails_is_told_to_its_client_only(path: Path, op: str, error: str) -> None:
    assert await ask(path, {"op": op}) == {"ok": False, "error": error}
    assert (await ask(path, {"op": "status"}))["ok"] is True


async def test_a_client_that_says_nothing_frees_its_place(tmp_path: Path) -> None:
    server = ControlServer(tmp_path / "c.sock", HANDLERS, idle_timeout_s=0.05)
    await server.start()
    reader, writer = await asyncio.open_unix_connection(tmp_path / "c.sock")
    assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
    writer.close()
    await server.stop()


async def test_too_many_clients_are_turned_away_and_the_first_ones_go_on(path: Path, server: ControlServer) -> None:
    crowd = [await asyncio.open_unix_connection(path) for _ in range(MAX_CLIENTS)]
    for reader, writer in crowd:
        writer.write(b'{"op":"status"}\n')
        assert json.loads(await asyncio.wait_for(reader.readline(), PATIENCE_S))["ok"]
    assert await ask(path, {"op": "status"}) == {"ok": False, "error": "too many clients; try again"}
    assert server.counters["too_many"] == 1
    crowd[0][1].close()
    for _ in range(1000):
        if (await ask(path, {"op": "status"}))["ok"]:
            break
        await asyncio.sleep(0.01)
    else:
        pytest.fail("the place of a client that left was never given to another")
    for _, writer in crowd[1:]:
        writer.close()


async def test_a_stranger_of_another_user_is_turned_away(tmp_path: Path) -> None:
    server = ControlServer(tmp_path / "c.sock", HANDLERS, allowed_uids=frozenset({os.geteuid() + 1}))
    await server.start()
    reply = await ask(tmp_path / "c.sock", {"op": "status"})
    assert reply == {"ok": False, "error": "only root and the gateway's own user may ask"}
    assert server.counters["refused_peer"] == 1
    await server.stop()


async def test_the_socket_of_a_dead_gateway_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(os.fspath(path))
    dead.close()
    server = ControlServer(path, HANDLERS)
    await server.start()
    assert (await ask(path, {"op": "status"}))["ok"]
    await server.stop()
    assert not path.exists()


async def test_the_socket_of_a_living_gateway_is_not(path: Path) -> None:
    with pytest.raises(ControlBusy, match="another gateway"):
        await ControlServer(path, HANDLERS).start()
    assert (await ask(path, {"op": "status"}))["ok"]


async def test_a_file_in_the_way_is_never_removed(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    path.write_text("somebody's notes")
    with pytest.raises(ControlBusy, match="in the way"):
        await ControlServer(path, HANDLERS).start()
    assert path.read_text() == "somebody's notes"


async def test_stop_ends_conversations_and_is_harmless_twice(tmp_path: Path) -> None:
    server = ControlServer(tmp_path / "c.sock", HANDLERS)
    await server.start()
    reader, writer = await asyncio.open_unix_connection(tmp_path / "c.sock")
    writer.write(b'{"op":"hangs"}\n')
    await asyncio.sleep(0.05)
    await server.stop()
    await server.stop()
    assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
    writer.close()


async def test_a_name_too_long_for_a_socket_says_so(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="longer than the 107 bytes"):
        await ControlServer(tmp_path / ("x" * 120), HANDLERS).start()


def test_without_a_gateway_the_client_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ControlUnavailable, match="hearthwatch run"):
        request(tmp_path / "control.sock", {"op": "status"})
    with pytest.raises(ControlUnavailable, match="longer than"):
        request(tmp_path / ("x" * 120), {"op": "status"})


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [(b"", "without an answer"), (b"not json\n", "not JSON"), (b"[]\n", "not an object"), (None, "within 0.2 s"),
     (b"[" * 100_000 + b"\n", "not JSON")],
)  # fmt: skip
def test_a_client_survives_what_is_no_gateway(tmp_path: Path, answer: bytes | None, complaint: str) -> None:
    path = tmp_path / "c.sock"
    done = threading.Event()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(path))
        listener.listen()

        def impostor() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(4096)
                if answer is None:
                    done.wait(PATIENCE_S)
                else:
                    peer.sendall(answer)

        thread = threading.Thread(target=impostor)
        thread.start()
        with pytest.raises(ControlUnavailable, match=complaint):
            request(path, {"op": "status"}, timeout_s=0.2 if answer is None else PATIENCE_S)
        done.set()
        thread.join()
