"""The way to the platform against a real mosquitto: birth, will, heartbeat, delivery; and the platform's own duties."""

from __future__ import annotations

import json

from mqtt_home import (
    EPOCH,
    QUICK,
    Events,
    Gateway,
    both_versions,
    gateway_states,
    messages_fault,
    of,
    running,
    running_platform,
    settings,
    until,
)

from gateway.upstream import messages
from gateway.upstream.link import PathState
from gateway.upstream.window import WINDOW

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
