"""What paho does to the unwary (research/fleet.md 2.2), each tried on our link.

Where mosquitto is too well behaved to bite, a far end of a few lines does.
"""

from __future__ import annotations

import asyncio
from typing import Any

from mqtt_home import (
    QUICK,
    Events,
    FarEnd,
    Gateway,
    both_versions,
    of,
    running,
    running_platform,
    settings,
    until,
)
from stopwatch import stopwatch

from gateway.demo.broker import Broker, free_port
from gateway.upstream.link import PathState
from gateway.upstream.window import WINDOW


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
