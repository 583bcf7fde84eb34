"""Test alarms as a black box: by the platform's command over a real broker, and by the installer's command line."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from local_black_box import BlackBox
from local_broker import until

COMMANDS = "hw/v1/home/gw-1/down/cmd"
ACKS = "hw/v1/home/gw-1/down/ack"


async def hearthwatch(box: BlackBox, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway.cli.main", *args, "--config", str(box.config)]
    return await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=60, check=False, input=None
    )


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[BlackBox]:
    made = BlackBox(tmp_path)
    await made.start()
    for setting in ("night.from_h=0", "night.until_h=0"):  # whatever the hour here: no night
        done = await hearthwatch(made, "home", "set", "setting", setting)
        assert done.returncode == 0, done.stderr
    yield made
    await asyncio.to_thread(made.stop)


def told_tests(box: BlackBox) -> list[dict[str, Any]]:
    return [m for m in box.up() if m["code"] == "TEST_MANUAL"]


async def test_the_platforms_command_begins_one_test_however_often_it_comes(box: BlackBox) -> None:
    box.outside.say(COMMANDS, {"cmd": "test_alarm"})  # without an id: refused
    for _ in range(3):
        box.outside.say(COMMANDS, {"cmd": "test_alarm", "id": "t-1", "by": "desk-3"})
    await until(lambda: told_tests(box), "the test at the platform")
    told = told_tests(box)[0]
    assert (told["test"], told["severity"], told["state"]) == (True, "TEST", "RAISED")
    assert (told["evidence"]["from"], told["evidence"]["id"], told["evidence"]["by"]) == ("platform", "t-1", "desk-3")
    assert told["why"]["zh"] == "有人要求做一次测试，不是真的报警。"
    box.outside.say(ACKS, {"alarm": told["alarm"], "stage": "CLOSED", "by": "desk-3", "outcome": "TEST"})
    await until(lambda: not box.status()["alarms"], "closed")
    await asyncio.to_thread(box.kill)
    box.launch()
    await until(box.listens, "up again")
    box.outside.say(COMMANDS, {"cmd": "test_alarm", "id": "t-1"})  # replayed from before the crash: known
    box.outside.say(COMMANDS, {"cmd": "test_alarm", "id": "t-2"})
    await until(lambda: any(m["evidence"]["id"] == "t-2" for m in told_tests(box)), "the second test")
    assert {m["evidence"]["id"] for m in told_tests(box)} == {"t-1", "t-2"}
    assert len({m["alarm"] for m in told_tests(box)}) == 2
    audited = [row["value"] for row in box.events()[1:] if row.get("kind") == "command"]
    assert [(v["id"], v["from"]) for v in audited] == [("t-1", "platform")] * 4 + [("t-2", "platform")]


async def test_the_installer_starts_one_and_sees_that_nobody_answered_or_somebody_did(box: BlackBox) -> None:
    begun = await hearthwatch(box, "test-alarm", "--by", "installer-7")
    assert begun.returncode == 0, begun.stderr
    assert begun.stdout.startswith("test alarm 1: begun")
    await until(lambda: told_tests(box), "the test at the platform")
    assert told_tests(box)[0]["evidence"]["by"] == "installer-7"
    again = await hearthwatch(box, "test-alarm")
    assert again.returncode == 1
    assert "a test is under way" in again.stderr
    closed = await hearthwatch(box, "incidents", "close", "1", "--outcome", "TEST", "--by", "installer-7")
    assert closed.returncode == 0, closed.stderr
    waited = await hearthwatch(box, "test-alarm", "--wait", "1")
    assert waited.returncode == 1
    assert "nobody answered within 1 s" in waited.stderr


async def test_without_a_gateway_it_says_so(box: BlackBox) -> None:
    await asyncio.to_thread(box.stop)
    done = await hearthwatch(box, "test-alarm")
    assert done.returncode == 1
    assert "needs the running gateway" in done.stderr
