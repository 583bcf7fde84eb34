"""Push end to end: a real gateway, the real Apprise, a web server of ours at the far end, and the link it was sent."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from test_push_apprise import Server
from test_ways_out import HOME, SON, House

from gateway.alarms.life import State
from gateway.channels.push import AppriseService
from gateway.runtime.control import request

pytest.importorskip("apprise", reason="the push extra is not installed: pip install -e '.[push]'")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of its plugins, as they are imported

LINK = "https://p.example/a/"
PUSH = f'[push]\nenabled = true\nlink_base = "{LINK}"\n'


@pytest.fixture
async def far_end() -> AsyncIterator[Server]:
    await asyncio.to_thread(AppriseService)  # its hundred plugins take seconds to import, once
    server = Server()
    await server.start()
    yield server
    await server.stop()


def document(server: Server) -> dict[str, Any]:
    """Both children have push addresses beside their numbers."""
    home = copy.deepcopy(HOME)
    for contact in home["contacts"]:
        contact["push"] = f"json://127.0.0.1:{server.port}/{contact['id']}"
    return home


def messages(server: Server) -> list[str]:
    return [str(body["message"]) for body in server.bodies]


def token_in(message: str) -> str:
    return message.rpartition(LINK)[2].strip()


async def test_the_daughter_taps_the_link_of_her_push_and_the_others_hear_of_it(
    far_end: Server, tmp_path: Path
) -> None:
    house = House(tmp_path, more=PUSH, home=document(far_end))
    await house.start()
    try:
        house.press()
        await house.until(lambda: far_end.bodies and house.modems[0].sent)  # side by side
        assert [s.number for s in house.modems[0].sent] == [SON]
        message = messages(far_end)[0]
        text, _, link = message.partition("\n")
        assert text == house.modems[0].sent[0].text
        assert LINK in link
        assert "王小明" not in message  # the one who is told is not named, the elder is
        await house.until(lambda: house.deliveries(channel="push", result="sent"))
        assert house.gateway.status()["channels"]["push"] == {"state": "UP", "why": ""}

        asked = {"op": "link.answer", "token": token_in(message), "answer": "2"}
        assert (await asyncio.to_thread(request, house.gateway.config.control_socket, asked))["ok"]
        await house.until(lambda: len(far_end.bodies) == 2)  # declined by link: the next at once, by both ways
        second = messages(far_end)[1]
        asked = {"op": "link.answer", "token": token_in(second), "answer": "1"}
        answer = await asyncio.to_thread(request, house.gateway.config.control_socket, asked)
        assert answer == {"ok": True, "contact": "c2"}
        await house.until(lambda: house.alarm.state is State.ACCEPTED)
        assert house.alarm.accepted_by == "c2"
        await house.until(lambda: len(far_end.bodies) == 3)
        told = messages(far_end)[2]
        assert "已答应去处理" in told
        assert LINK not in told  # it asks nobody to go
    finally:
        await house.stop()


async def test_a_push_service_that_fails_costs_no_text_and_says_so(far_end: Server, tmp_path: Path) -> None:
    far_end.status = "500 No"
    house = House(tmp_path, more=PUSH, home=document(far_end))
    await house.start()
    try:
        house.press()
        await house.until(lambda: house.modems[0].sent and far_end.bodies)
        await house.until(lambda: house.deliveries(contact="c1", channel="sms", result="sent"))
        await house.until(lambda: house.gateway.status()["channels"]["push"]["state"] == "DOWN")
        assert house.alarm.state is State.RAISED
        assert house.alarm.asking == "c1"  # whether a push arrives moves nothing
        assert house.alarm.sent == ["c1"]
    finally:
        await house.stop()
