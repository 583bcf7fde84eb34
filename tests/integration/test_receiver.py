"""The reference platform: as a process with a store on disk, killed and started again, and as a reader of nonsense."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mqtt_home import EPOCH, QUICK, Gateway, running, settings, until

from gateway.demo.broker import Broker
from gateway.receiver.reading import Heartbeat, State, read, standing
from gateway.receiver.store import Message, Store
from gateway.upstream.messages import BadMessage


class Process:
    """`hearthwatch-platform` as a command."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []

    def say(self, **words: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(words).encode() + b"\n")

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == kind]

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(json.loads(line))


@asynccontextmanager
async def command(broker: Broker, db: Path) -> AsyncIterator[Process]:
    host, port = broker.address
    made = Process(
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.receiver.main", "--broker", f"{host}:{port}", "--db", str(db),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )
    )  # fmt: skip
    reading = asyncio.create_task(made.read())
    try:
        await until(lambda: made.of("link"))
        yield made
    finally:
        if made.process.returncode is None:
            made.process.kill()
        await made.process.wait()
        await reading


async def test_the_command_prints_one_json_line_for_each_new_event_and_speaks_for_people(broker, tmp_path):
    gateway = Gateway(settings(broker.address))
    async with command(broker, tmp_path / "p.db") as platform, running(gateway):
        gateway.put(alarm=True)
        await until(lambda: not gateway.table)
        await until(lambda: platform.of("alarm"))
        platform.say(gateway="gw-1", alarm=1, stage="ACCEPTED", by="desk")
        platform.say(gateway="nobody", alarm=1, stage="ACCEPTED", by="desk")
        platform.say(gateway="gw-1", stage="NONSENSE")
        platform.say(gateway="gw-1", cmd="ping")
        await until(lambda: gateway.stages and gateway.commands)
        await until(lambda: len(platform.of("refused")) == 2)
    alarm = platform.of("alarm")
    assert len(alarm) == 1
    assert (alarm[0]["gateway"], alarm[0]["epoch"], alarm[0]["seq"]) == ("gw-1", EPOCH, 1)


async def test_killed_between_messages_it_loses_nothing_and_tells_nothing_twice(broker, tmp_path):
    gateway = Gateway(settings(broker.address, timing=QUICK))
    told: list[int] = []
    async with running(gateway):
        await until(lambda: gateway.up)
        for _ in range(3):
            async with command(broker, tmp_path / "p.db") as platform:
                gateway.put(60)
                await until(lambda: gateway.counted("acked") % 60 >= 5 or not gateway.table)
                platform.process.kill()
            told += [line["seq"] for line in platform.of("event")]
        async with command(broker, tmp_path / "p.db") as platform:
            await until(lambda: not gateway.table)
        told += [line["seq"] for line in platform.of("event")]
    store = Store(tmp_path / "p.db")
    assert [row.seq for row in store.events("gw-1")] == list(range(1, 181))
    store.close()
    assert len(told) == len(set(told))


def row(seq: int = 1, epoch: str = "e1") -> Message:
    return Message("s", "gw-1", epoch, seq, "alarm", {"seq": seq})


def test_a_second_delivery_has_no_second_effect_and_a_new_journal_starts_afresh():
    store = Store(":memory:")
    assert store.add([row(1), row(2), row(1)], "t") == [True, True, False]
    assert store.add([row(2), row(2, "e2")], "t") == [False, True]
    assert len(store.events()) == 3
    home = store.home("gw-1")
    assert home is not None
    assert home.epoch == "e2"
    store.close()


def test_state_is_told_only_when_it_changes():
    store = Store(":memory:")
    assert store.set_state("gw-1", "s", "ONLINE", "b1")
    assert not store.set_state("gw-1", "s", "ONLINE", "b1")
    assert store.set_state("gw-1", "s", "ONLINE", "b2"), "another life of the same gateway"
    assert store.set_state("gw-1", "s", "OFFLINE", "b2")
    store.close()


TOPIC = "hw/v1/s/gw-1/up/"
GOOD = {"gateway": "gw-1", "epoch": "e1", "seq": 3, "at": None, "delayed": False, "test": False}


def test_each_kind_of_message_is_read():
    assert read(TOPIC + "alarm", json.dumps(GOOD).encode()) == Message("s", "gw-1", "e1", 3, "alarm", GOOD)
    assert read(TOPIC + "state", b'{"state":"ONLINE","boot":"b"}') == State("s", "gw-1", "ONLINE", "b")
    assert isinstance(read(TOPIC + "heartbeat", b'{"gateway":"gw-1","v":1}'), Heartbeat)


@pytest.mark.parametrize(
    "changed",
    [
        {"gateway": "gw-2"},
        {"gateway": None},
        {"epoch": ""},
        {"epoch": "x" * 65},
        {"seq": 0},
        {"seq": True},
        {"seq": "3"},
    ],
)
def test_a_message_without_its_name_or_with_anothers_is_refused(changed):
    with pytest.raises(BadMessage):
        read(TOPIC + "alarm", json.dumps({**GOOD, **changed}).encode())


@given(st.sampled_from(["alarm", "event", "state", "heartbeat", "other", ""]), st.binary(max_size=200))
def test_no_bytes_make_the_platform_raise_anything_else(channel, payload):
    try:
        read(TOPIC + channel, payload)
    except BadMessage:
        return


def test_three_missed_heartbeats_are_offline_and_a_will_is_suspect_at_once():
    assert standing("ONLINE", 10) == "ONLINE"
    assert standing("OFFLINE", 10) == "SUSPECT"
    assert standing("ONLINE", 901) == "OFFLINE"
    assert standing("ONLINE", None) == "ONLINE"
    assert standing(None, None) == "SUSPECT"
