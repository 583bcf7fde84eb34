"""The real Apprise behind our port, and a web server of our own at the far end (`pip install -e '.[push]'`)."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import pytest

from gateway.channels.push import AppriseService

pytest.importorskip("apprise", reason="the push extra is not installed: pip install -e '.[push]'")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of its plugins, as they are imported


class Server:
    """Takes one POST a connection; keeps the bodies."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, object]] = []
        self.status = "200 OK"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].split("\r\n")[0])
        self.bodies.append(json.loads(await reader.readexactly(length)))
        writer.write(f"HTTP/1.1 {self.status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    await server.start()
    yield server
    await server.stop()


async def test_a_message_arrives_whole_and_a_bad_address_costs_it_nothing(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    text = "【居家守护】王阿公08:15在卧室按了紧急按钮。\n能去请点：https://p.example/a/TOKEN"
    addresses = ["nosuchservice://SECRET", f"json://user:SECRET@127.0.0.1:{server.port}/key/SECRET?k=SECRET"]
    assert await AppriseService().notify(addresses, text)
    assert server.bodies[0]["message"] == text
    assert "SECRET" not in caplog.text
    assert "王阿公" not in caplog.text


async def test_a_service_that_refuses_is_not_taken(server: Server) -> None:
    server.status = "500 No"
    assert not await AppriseService().notify([f"json://127.0.0.1:{server.port}/"], "文字")
    assert len(server.bodies) == 1
    assert not await AppriseService().notify([], "文字")
