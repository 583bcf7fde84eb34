"""What the platform says comes down: people's words and commands, once and kept; nonsense stops nothing."""

from __future__ import annotations

from typing import Any

import pytest
from mqtt_home import (
    Events,
    Gateway,
    both_versions,
    messages_fault,
    running,
    running_platform,
    settings,
    until,
)

from gateway.upstream.messages import Stage


@both_versions
async def test_a_persons_word_and_commands_come_down(broker, protocol):
    events: Events = []
    gateway = Gateway(settings(broker.address, protocol=protocol))
    async with running_platform(settings(broker.address, protocol=protocol), events) as platform, running(gateway):
        await until(lambda: gateway.up)
        gateway.put(alarm=True)
        await until(lambda: not gateway.table)
        assert platform.say("gw-1", 1, Stage.ACCEPTED, "desk-3")
        assert platform.say("gw-1", 1, Stage.CLOSED, "desk-3", "HELPED", epoch=False)
        assert platform.command("gw-1", {"cmd": "ping", "nonce": "42"})
        await until(lambda: len(gateway.stages) == 2 and gateway.commands)
    assert gateway.stages == [
        {"stage": "ACCEPTED", "alarm": 1, "by": "desk-3", "outcome": None},
        {"stage": "CLOSED", "alarm": 1, "by": "desk-3", "outcome": "HELPED"},
    ]
    assert gateway.commands == [{"cmd": "ping", "nonce": "42"}]


@both_versions
async def test_words_said_while_the_gateway_is_away_wait_for_it(broker, protocol):
    events: Events = []
    gateway = Gateway(settings(broker.address, protocol=protocol))
    async with running_platform(settings(broker.address, protocol=protocol), events) as platform:
        async with running(gateway):
            await until(lambda: gateway.up)
            gateway.put(alarm=True)
            await until(lambda: not gateway.table)
        platform.say("gw-1", 1, Stage.ACCEPTED, "desk-3")
        platform.command("gw-1", {"cmd": "ping"})
        again = Gateway(settings(broker.address, protocol=protocol))
        async with running(again):
            await until(lambda: again.stages and again.commands)


async def test_a_word_that_was_not_kept_is_brought_again(broker):
    """The broker may forget an ACCEPTED only when the journal has it."""
    events: Events = []
    gateway = Gateway(settings(broker.address))
    tries: list[dict[str, Any]] = []

    async def fails() -> bool:
        return False  # what the journal says of an entry that it gave up

    def on_ack(word: dict[str, Any]) -> Any:
        if word["stage"] == "RECEIVED":
            return gateway.on_ack(word)
        tries.append(word)
        return fails() if len(tries) == 1 else None

    gateway.link._inbox._on_ack = on_ack
    async with running_platform(settings(broker.address), events) as platform, running(gateway):
        await until(lambda: gateway.up)
        gateway.put(alarm=True)
        await until(lambda: not gateway.table)
        platform.say("gw-1", 1, Stage.ACCEPTED, "desk-3")
        await until(lambda: len(tries) == 1)
        session = gateway.link._session
        assert session is not None
        session.drop(messages_fault())
        await until(lambda: len(tries) == 2)


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"[" * 10_000, b"\xff" * 100, b"x" * 20_000, b'{"stage":"ACCEPTED","alarm":{},"by":"d"}'],
    ids=["empty", "cut", "deep", "binary", "long", "typed"],
)
@both_versions
async def test_nonsense_from_the_platform_is_counted_and_stops_nothing(broker, protocol, payload):
    events: Events = []
    gateway = Gateway(settings(broker.address, protocol=protocol))
    async with running_platform(settings(broker.address, protocol=protocol), events) as platform, running(gateway):
        await until(lambda: gateway.up)
        session = platform._session
        assert session is not None
        session.publish("hw/v1/jinjiang/gw-1/down/ack", payload)
        session.publish("hw/v1/jinjiang/gw-1/down/cmd", payload)
        gateway.put(alarm=True)
        await until(lambda: not gateway.table)
        if not (protocol == "5" and len(payload) > 16_900):  # an MQTT 5 broker is told our limit and keeps it back
            await until(lambda: gateway.counted("bad_message") == 2)
    assert gateway.counted("connects") == 1
    assert not gateway.stages
    assert not gateway.commands


async def test_a_retained_command_is_not_obeyed_with_every_connection(broker):
    events: Events = []
    gateway = Gateway(settings(broker.address))
    async with running_platform(settings(broker.address), events) as platform:
        session = platform._session
        assert session is not None
        session.publish("hw/v1/jinjiang/gw-1/down/cmd", b'{"cmd":"test_alarm"}', retain=True)
        async with running(gateway):
            await until(lambda: gateway.counted("retained_ignored") == 1)
    assert gateway.commands == []
