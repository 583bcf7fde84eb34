"""The way to the platform against a real mosquitto, with the reference platform behind it.

What paho does to the unwary (research/fleet.md 2.2) is each tried on our link here; where mosquitto is too well behaved
to bite, a far end of a few lines does.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mqtt_home import (
    EPOCH,
    QUICK,
    FarEnd,
    Gateway,
    publish_packet,
    remaining_length,
    running,
    running_platform,
    settings,
    until,
)
from stopwatch import stopwatch

from gateway.demo.broker import Broker, free_port
from gateway.upstream import messages
from gateway.upstream.connection import MAX_PACKET_BYTES
from gateway.upstream.dialling import MAX_LINGERING
from gateway.upstream.link import PathState
from gateway.upstream.messages import Stage
from gateway.upstream.window import WINDOW

Events = list[dict[str, Any]]

both_versions = pytest.mark.parametrize("protocol", ["5", "3.1.1"])


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker(tmp_path / "broker")
    made.start()
    yield made
    made.kill()


def of(events: Events, kind: str) -> Events:
    return [event for event in events if event["event"] == kind]


def gateway_states(events: Events) -> list[str]:
    return [event["state"] for event in of(events, "state")]


# Birth, will, heartbeat


@both_versions
async def test_the_platform_sees_birth_and_a_clean_farewell(broker, protocol):
    events: Events = []
    gateway = Gateway(settings(broker.address, protocol=protocol))
    async with running_platform(settings(broker.address, protocol=protocol), events):
        async with running(gateway):
            await until(lambda: gateway_states(events) == ["ONLINE"])
        await until(lambda: gateway_states(events) == ["ONLINE", "OFFLINE"])
    assert gateway.states == [PathState.UP, PathState.DOWN]


@both_versions
async def test_the_birth_waits_retained_for_a_platform_that_comes_later(broker, protocol):
    events: Events = []
    gateway = Gateway(settings(broker.address, protocol=protocol))
    async with running(gateway):
        await until(lambda: gateway.up)
        async with running_platform(settings(broker.address, protocol=protocol), events):
            await until(lambda: gateway_states(events) == ["ONLINE"])
    assert of(events, "state")[0]["boot"] == "boot-1"


@both_versions
async def test_a_gateway_killed_without_a_word_is_declared_offline_by_its_will(broker, protocol):
    events: Events = []
    gateway = Gateway(settings(broker.address, protocol=protocol))
    async with running_platform(settings(broker.address, protocol=protocol), events), running(gateway):
        await until(lambda: gateway_states(events) == ["ONLINE"])
        session = gateway.link._session
        assert session is not None
        session.drop(messages_fault())  # the kernel's shutdown: what the broker sees when a process is killed
        await until(lambda: "OFFLINE" in gateway_states(events))
        await until(lambda: gateway_states(events)[-1] == "ONLINE", "and it comes back by itself")


@both_versions
async def test_a_heartbeat_arrives_and_is_not_kept_when_there_is_no_way(broker, protocol):
    events: Events = []
    gateway = Gateway(settings(broker.address, protocol=protocol))
    assert gateway.link.publish_heartbeat({"v": 1}) is False
    async with running_platform(settings(broker.address, protocol=protocol), events) as platform, running(gateway):
        await until(lambda: gateway.up)
        assert gateway.link.publish_heartbeat({"v": 1, "up_s": 60}) is True
        await until(lambda: of(events, "heartbeat"))
        assert of(events, "heartbeat") == [
            {"event": "heartbeat", "gateway": "gw-1", "epoch": EPOCH, "v": 1, "up_s": 60}
        ]
        home = platform.home("gw-1")
        assert home is not None
        assert home.heartbeat_at is not None


# Delivery


@both_versions
async def test_what_the_platform_acknowledges_leaves_the_outbox(broker, protocol):
    events: Events = []
    gateway = Gateway(settings(broker.address, protocol=protocol))
    async with running_platform(settings(broker.address, protocol=protocol), events) as platform, running(gateway):
        await until(lambda: gateway.up)
        gateway.put(alarm=True)
        gateway.put(40)
        await until(lambda: not gateway.table)
        stored = platform.events("gw-1")
    assert [row.seq for row in stored] == list(range(1, 42))
    assert {row.epoch for row in stored} == {EPOCH}
    assert of(events, "alarm")[0]["delayed"] is False
    assert gateway.most_in_flight <= WINDOW


@both_versions
async def test_an_alarm_while_the_broker_is_down_arrives_once_and_says_it_is_delayed(broker, protocol):
    events: Events = []
    gateway = Gateway(settings(broker.address, protocol=protocol))
    async with running_platform(settings(broker.address, protocol=protocol), events) as platform, running(gateway):
        await until(lambda: gateway.up)
        broker.stop()
        await until(lambda: gateway.states[-1] is PathState.DOWN)
        gateway.put(alarm=True)
        tried = gateway.counted("attempts")
        await until(lambda: gateway.counted("attempts") > tried, "tried in vain")
        broker.start()
        await until(lambda: not gateway.table)
        assert [row.seq for row in platform.events()] == [1]
    alarms = of(events, "alarm")
    assert len(alarms) == 1
    assert alarms[0]["delayed"] is True
    assert alarms[0]["at"] == "2026-03-01T00:15:30.000Z", "with its original time"


@both_versions
async def test_a_puback_without_the_platforms_word_deletes_nothing_and_the_path_counts_as_failed(broker, protocol):
    gateway = Gateway(settings(broker.address, protocol=protocol, timing=QUICK))
    async with running(gateway):
        await until(lambda: gateway.up)
        gateway.put(alarm=True)
        await until(lambda: gateway.counted("puback") >= 2, "it is published again meanwhile (T-09)")
        assert 1 in gateway.table
        await until(lambda: PathState.FAILED in gateway.states)
        events: Events = []
        async with running_platform(settings(broker.address, protocol=protocol), events):
            await until(lambda: not gateway.table)
            await until(lambda: gateway.states[-1] is PathState.UP)
            gateway.put()
            await until(lambda: of(events, "event"), "what was published after all repeats")
        assert len(of(events, "alarm")) == 1, "however often it was published, it has one effect"


async def test_a_broker_that_loses_what_it_acknowledged_costs_a_repeat_and_no_alarm(broker):
    """research 2.2: default persistence, consumer offline, kill -9: 0 of 50 PUBACKed messages survived."""
    events: Events = []
    gateway = Gateway(settings(broker.address, timing=QUICK))
    async with running_platform(settings(broker.address), events):
        pass  # it has subscribed; now it is away
    async with running(gateway):
        await until(lambda: gateway.up)
        gateway.put(10, alarm=True)
        await until(lambda: gateway.counted("puback") >= 10)
        broker.kill()
        broker.start()
        async with running_platform(settings(broker.address), events) as platform:
            await until(lambda: not gateway.table)
            assert [row.seq for row in platform.events()] == list(range(1, 11))


async def test_an_alarm_overtakes_a_backlog_of_500(broker):
    events: Events = []
    gateway = Gateway(settings(broker.address))
    gateway.put(500, wake=False)
    async with running_platform(settings(broker.address), events), running(gateway):
        await until(lambda: len(of(events, "event")) >= 50)
        gateway.put(alarm=True)
        before = len(gateway.table)
        await until(lambda: 501 not in gateway.table)
        assert len(gateway.table) > before - 100, "the backlog is still there"
        await until(lambda: not gateway.table)
    kinds = [event["event"] for event in events if event["event"] in ("alarm", "event")]
    assert kinds.index("alarm") < 200
    assert gateway.most_in_flight <= WINDOW


async def test_an_acknowledgement_of_another_journal_deletes_nothing(broker):
    """research 0.4: after a card swap acknowledgements of bare numbers deleted 5 of 5 new events unsent."""
    events: Events = []
    old = Gateway(settings(broker.address, client_id="gw-1"), epoch="0123456789abcdef")
    async with running_platform(settings(broker.address), events) as platform:
        async with running(old):
            await until(lambda: old.up)
            old.put(5)
            await until(lambda: not old.table)
        session = platform._session
        assert session is not None
        topic = "hw/v1/jinjiang/gw-1/down/ack"
        session.publish(
            topic, messages.received("0123456789abcdef", [1, 2, 3, 4, 5])
        )  # late, for a session that sleeps
    new = Gateway(settings(broker.address, client_id="gw-1", timing=QUICK))
    new.put(5, wake=False)
    async with running(new):
        await until(lambda: new.counted("stale_epoch") == 1)
        await until(lambda: new.counted("puback") >= 5)
        assert len(new.table) == 5


async def test_an_acknowledgement_of_rows_that_never_went_out_deletes_nothing(broker):
    events: Events = []
    gateway = Gateway(settings(broker.address))
    async with running_platform(settings(broker.address), events) as platform, running(gateway):
        await until(lambda: gateway.up)
        session = platform._session
        assert session is not None
        gateway.put(3, wake=False)
        session.publish("hw/v1/jinjiang/gw-1/down/ack", messages.received(EPOCH, [1, 2, 3, 4, 5]))
        await until(lambda: gateway.counted("ack_unknown") == 5)
        assert len(gateway.table) == 3


# People and commands


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


# paho's traps


async def test_a_half_open_link_is_noticed_by_an_alarm_long_before_the_keepalive(broker):
    """paho notices after twice the keepalive; an alarm without PUBACK drops the socket after two timeouts."""
    gateway = Gateway(settings(broker.address, timing=QUICK))
    async with running(gateway):
        await until(lambda: gateway.up)
        broker.freeze()
        gateway.put(alarm=True)
        try:
            async with stopwatch() as watch:
                await until(lambda: gateway.states[-1] is PathState.DOWN)
                assert watch.s < gateway.settings.limits.keepalive_s / 2
        finally:
            broker.thaw()
        assert gateway.counted("fault_unanswered") >= 1
        events: Events = []
        async with running_platform(settings(broker.address), events):
            await until(lambda: not gateway.table)


async def test_a_half_open_link_without_traffic_is_noticed_by_the_keepalive(broker):
    gateway = Gateway(settings(broker.address, limits={"keepalive_s": 1, "connect_s": 2, "connack_s": 1}))
    async with running(gateway):
        await until(lambda: gateway.up)
        broker.freeze()
        try:
            await until(lambda: gateway.states[-1] is PathState.DOWN)
        finally:
            broker.thaw()
        await until(lambda: gateway.up)


async def test_a_swallowed_puback_is_answered_by_publishing_again():
    """paho never sends again on a live connection, as long as its pings are answered."""
    async with FarEnd() as far:
        far.puback = False
        gateway = Gateway(settings(far.address, protocol="3.1.1", timing=QUICK))
        async with running(gateway):
            await until(lambda: gateway.up)
            gateway.put(alarm=True)
            await until(lambda: len(far.messages("alarm")) == 2)
            assert far.connections == 1, "first again on the same socket"
            await until(lambda: far.connections == 2, "then on a new one")
            far.puback = True
            await until(lambda: gateway.counted("puback") == 1)
            assert 1 in gateway.table


async def test_a_reconnect_with_500_waiting_keeps_to_the_window():
    """paho puts its whole queue on the wire after a reconnect, whatever max_inflight says (#492)."""
    async with FarEnd() as far:
        far.puback = False
        gateway = Gateway(settings(far.address, protocol="3.1.1", timing=QUICK))
        gateway.put(500, wake=False)
        async with running(gateway):
            await until(lambda: far.connections >= 3)
            assert len(far.messages("event")) <= WINDOW * far.connections
            assert gateway.most_in_flight <= WINDOW


@both_versions
async def test_a_publish_the_acl_denies_stays_in_the_outbox(tmp_path, protocol):
    """On 3.1.1 mosquitto answers a denied publish with a plain PUBACK."""
    broker = Broker(tmp_path / "b", acl="topic read hw/v1/#\ntopic write hw/v1/+/+/up/state\n")
    broker.start()
    try:
        gateway = Gateway(settings(broker.address, protocol=protocol, timing=QUICK))
        async with running(gateway):
            await until(lambda: gateway.up)
            gateway.put(alarm=True)
            await until(lambda: PathState.FAILED in gateway.states)
            assert 1 in gateway.table
            refused = gateway.counted("publish_refused")
            assert refused >= 1 if protocol == "5" else refused == 0
    finally:
        broker.kill()


async def test_no_deadlock_between_publishing_and_pubacks_under_load(broker):
    """paho holds one mutex around on_publish and inside publish(); a lock of ours across both once stopped at 726."""
    events: Events = []
    gateway = Gateway(settings(broker.address))
    async with running_platform(settings(broker.address), events), running(gateway):
        await until(lambda: gateway.up)
        for _ in range(100):
            gateway.put(20)
            gateway.link.publish_heartbeat({"v": 1})
            await asyncio.sleep(0)
        await until(lambda: not gateway.table)
    assert sorted(event["seq"] for event in of(events, "event")) == list(range(1, 2001))


async def test_a_puback_that_overtakes_publish_is_not_lost():
    """The PUBACK is in the socket while we are still inside publish(), before the id is noted."""
    async with FarEnd() as far:
        gateway = Gateway(settings(far.address, protocol="3.1.1"))
        async with running(gateway):
            await until(lambda: gateway.up)
            session = gateway.link._session
            assert session is not None
            publish = session.publish

            def slow_publish(*arguments: Any, **more: Any) -> int | None:
                if not arguments[0].endswith("/alarm"):
                    return publish(*arguments, **more)
                writer = far.writers[-1]
                mid = publish(*arguments, **more)
                assert mid is not None
                writer.write(b"\x40\x02" + mid.to_bytes(2, "big"))  # the far end shares this loop: in its place
                return mid

            session.publish = slow_publish  # type: ignore[method-assign]
            far.puback = False
            gateway.put(alarm=True)
            await until(lambda: gateway.counted("puback") == 1)
            assert gateway.link.status()["unanswered"] == 0


async def test_ids_that_come_round_to_unanswered_publishes_hold_no_alarm_up():
    """Ids are 16 bit: 65,535 publishes later paho meets the one whose PUBACK was swallowed, and refuses."""
    async with FarEnd() as far:
        gateway = Gateway(settings(far.address, protocol="3.1.1"))
        async with running(gateway):
            await until(lambda: gateway.up)
            far.puback = False
            gateway.put(3)
            await until(lambda: len(far.messages("event")) == 3)
            session = gateway.link._session
            assert session is not None
            client = session._connection._wire.client
            assert client is not None
            held = sorted(client._out_messages)
            assert held == list(range(held[0], held[0] + 3))
            far.puback = True
            client._last_mid = held[0] - 2  # one id is free, the next three are not
            gateway.put(2, alarm=True)
            await until(lambda: len(far.messages("alarm")) == 2)
            await until(lambda: gateway.counted("puback") == 2, "the PUBACKs are booked to the alarms")
            assert sorted(client._out_messages) == held
            assert far.connections == 1


async def test_publishing_into_a_client_that_is_just_ending_does_not_end_the_link(broker):
    """Its socket has gone this moment, and the link does not know it yet."""
    events: Events = []
    gateway = Gateway(settings(broker.address))
    async with running_platform(settings(broker.address), events), running(gateway):
        await until(lambda: gateway.up)
        session = gateway.link._session
        assert session is not None
        client = session._connection._wire.client
        assert client is not None
        client._reset_sockets()
        assert session.publish("hw/v1/jinjiang/gw-1/up/event", b"{}") is None
        gateway.put(alarm=True)
        await until(lambda: not gateway.table)
    assert gateway.counted("connects") == 2


async def test_nothing_is_handed_to_paho_while_there_is_no_connection():
    """paho's queue is RAM only and would send it all, unasked, when it pleases."""
    port = free_port()
    gateway = Gateway(settings(("127.0.0.1", port)))
    async with running(gateway):
        gateway.put(100, alarm=True)
        await until(lambda: gateway.counted("fault_refused") >= 2)
        assert gateway.counted("published") == 0


# Getting a connection


async def test_the_next_broker_is_tried_when_one_is_gone(broker):
    events: Events = []
    dead = ("127.0.0.1", free_port())
    gateway = Gateway(settings(dead, broker.address))
    async with running_platform(settings(broker.address), events), running(gateway):
        gateway.put(alarm=True)
        await until(lambda: not gateway.table)


async def test_a_new_alarm_does_not_wait_for_the_backoff(broker):
    """Ten failures in a row mean minutes of pause; an alarm is tried at once."""
    events: Events = []
    broker.stop()
    gateway = Gateway(settings(broker.address, limits={"backoff_scale": 1.0}))
    gateway.link._dialler.backoff.failures = 10
    async with running(gateway):
        await until(lambda: gateway.counted("fault_refused") >= 1)
        broker.start()
        async with running_platform(settings(broker.address), events):
            await asyncio.sleep(0.3)
            if not gateway.up:  # full jitter may have drawn almost nothing
                assert gateway.counted("fault_refused") <= 2
            async with stopwatch(lambda: broker.pid) as watch:
                gateway.put(alarm=True)
                await until(lambda: not gateway.table)
                assert watch.s < 10, "minutes, by the backoff"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1, "protocol_version"),
        (2, "client_id"),
        (3, "server_unavailable"),
        (4, "not_authorized"),
        (5, "not_authorized"),
    ],
)
async def test_a_broker_that_refuses_says_why_and_is_asked_again(code, kind):
    async with FarEnd() as far:
        far.connack = code
        gateway = Gateway(settings(far.address, protocol="3.1.1"))
        async with running(gateway):
            await until(lambda: far.connections >= 2)
            assert gateway.counted(f"fault_{kind}") >= 1
            far.connack = 0
            await until(lambda: gateway.up)


async def test_a_broker_that_accepts_and_says_nothing_is_given_up_in_time():
    async with FarEnd() as far:
        far.connack = None
        gateway = Gateway(settings(far.address, protocol="3.1.1", limits={"connect_s": 0.3, "connack_s": 0.3}))
        async with running(gateway):
            await until(lambda: gateway.counted("fault_timeout") >= 1)
            far.connack = 0
            await until(lambda: gateway.up)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "x" * 64 + ".example", "a..b"])
async def test_a_name_that_cannot_be_resolved_ends_nothing(host):
    """An over-long label raises UnicodeError inside paho's connect, which is no OSError."""
    gateway = Gateway(settings((host, 1883)))
    async with running(gateway):
        await until(lambda: gateway.link._dialler.backoff.failures >= 2)
        assert gateway.link.status()["state"] == "DOWN"


async def test_a_packet_that_announces_256_mib_is_not_believed():
    async with FarEnd() as far:
        far.greeting = b"\x32" + remaining_length(MAX_PACKET_BYTES * 1000) + b"\x00\x01a\x00\x01"
        gateway = Gateway(settings(far.address, protocol="3.1.1"))
        async with running(gateway):
            await until(lambda: len(far.connects) >= 2)
            clean = [bool(connect[7] & 2) for connect in far.connects]
            assert clean[:2] == [False, True], "the session that holds the monster is thrown away"
            far.greeting = b""
            await until(lambda: gateway.up)


async def test_a_packet_paho_cannot_read_costs_the_connection_and_not_the_link():
    async with FarEnd() as far:
        far.greeting = b"\x32\x03\xff\xff\xff"
        gateway = Gateway(settings(far.address, protocol="3.1.1"))
        async with running(gateway):
            await until(lambda: far.connections >= 2)
            far.greeting = b""
            await until(lambda: gateway.up and gateway.counted("connects") >= 2)


async def test_a_flood_of_messages_costs_neither_the_memory_nor_the_next_alarm():
    async with FarEnd() as far:
        flood = publish_packet("hw/v1/jinjiang/gw-1/down/cmd", b'{"cmd":"ping"}')
        far.greeting = flood * 20_000
        gateway = Gateway(settings(far.address, protocol="3.1.1"))
        async with running(gateway):
            await until(lambda: far.connections >= 1 and len(gateway.commands) > 0)
            far.greeting = b""
            await until(lambda: gateway.up)
            far_end_alive = gateway.put(alarm=True)
            await until(lambda: far.messages("alarm"))
            assert far_end_alive == 1


async def test_an_outbox_that_cannot_be_read_is_asked_again(broker, monkeypatch):
    monkeypatch.setattr("gateway.upstream.link.ROWS_RETRY_S", 0.1)
    events: Events = []
    gateway = Gateway(settings(broker.address))
    read = gateway.rows
    broken = True

    async def rows(limit: int, skip: Any) -> Any:
        if broken:
            raise OSError(5, "Input/output error")
        return await read(limit, skip)

    gateway.link._rows = rows
    gateway.put(alarm=True, wake=False)
    async with running_platform(settings(broker.address), events), running(gateway):
        await until(lambda: gateway.counted("rows_failed") >= 2)
        broken = False
        await until(lambda: not gateway.table)


async def test_rows_the_journal_has_not_deleted_yet_are_not_sent_in_a_spin(broker):
    events: Events = []
    gateway = Gateway(settings(broker.address))
    gateway.keep = True
    async with running_platform(settings(broker.address), events), running(gateway):
        await until(lambda: gateway.up)
        gateway.put(5)
        await until(lambda: gateway.counted("acked") == 5)
        read, reads = gateway.link._rows, 0

        async def counting(limit: int, skip: Any) -> Any:
            nonlocal reads
            reads += 1
            return await read(limit, skip)

        gateway.link._rows = counting
        for n in range(1, 6):
            gateway.link.wake()
            await until(lambda n=n: reads >= n, "it looked for what is to be sent")
        gateway.link.publish_heartbeat({"v": 1})
        await until(lambda: of(events, "heartbeat"), "whatever it sent went before this")
        assert gateway.counted("published") == 5


# The platform's own duties


async def test_the_platform_refuses_a_gateway_that_speaks_for_another(broker):
    """A7: one gateway's certificate must not raise alarms for the others."""
    events: Events = []
    gateway = Gateway(settings(broker.address))
    async with running_platform(settings(broker.address), events) as platform, running(gateway):
        await until(lambda: gateway.up)
        session = gateway.link._session
        assert session is not None
        forged = {"gateway": "gw-2", "epoch": EPOCH, "seq": 1, "at": None, "delayed": False, "test": False}
        session.publish("hw/v1/jinjiang/gw-1/up/alarm", json.dumps(forged).encode())
        await until(lambda: of(events, "refused"))
        assert platform.events() == []


async def test_the_platform_brought_the_same_message_twice_stores_and_tells_it_once_but_acknowledges_both(broker):
    events: Events = []
    gateway = Gateway(settings(broker.address))
    gateway.keep = True
    async with running_platform(settings(broker.address), events) as platform, running(gateway):
        await until(lambda: gateway.up)
        gateway.put(alarm=True)
        await until(lambda: gateway.counted("acked") == 1)
        gateway.link._window._settled.clear()
        gateway.link.wake()
        await until(lambda: gateway.counted("acked") == 2)
        assert platform.counts["duplicates"] == 1
    assert len(of(events, "alarm")) == 1


def messages_fault() -> Any:
    from gateway.upstream.faults import Fault

    return Fault("lost", "by the test")


async def test_the_kernel_is_told_to_give_up_on_unacknowledged_bytes(broker):
    gateway = Gateway(settings(broker.address, limits={"user_timeout_s": 7}))
    async with running(gateway):
        await until(lambda: gateway.up)
        session = gateway.link._session
        assert session is not None
        sock = session._connection._wire._sock
        assert sock is not None
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7000


async def test_a_name_server_that_hangs_costs_a_few_threads_and_no_more(monkeypatch):
    release = threading.Event()

    def hang(*_: Any, **__: Any) -> Any:
        release.wait(60)
        raise OSError("released")

    monkeypatch.setattr("socket.getaddrinfo", hang)
    gateway = Gateway(settings(("127.0.0.1", 1), limits={"connect_s": 0.05, "connack_s": 0.05}))
    try:
        async with running(gateway):
            await until(lambda: gateway.counted("fault_name") >= 3)
            hanging = [thread for thread in threading.enumerate() if thread.name.startswith("mqtt 127.0.0.1")]
            assert len(hanging) == MAX_LINGERING
            release.set()
            monkeypatch.undo()
            await until(lambda: gateway.counted("fault_refused") >= 1, "it goes on when the name server does")
    finally:
        release.set()
