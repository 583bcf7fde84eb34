"""Who may speak to whom: mutual TLS and the broker's ACL, with a real mosquitto and certificates made here."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mqtt_home import QUICK, Gateway, running, running_platform, settings, until

from gateway.demo.broker import ACL, Broker, ServerTls
from gateway.demo.pki import Pair, Pki
from gateway.upstream.link import PathState
from gateway.upstream.settings import Tls

both_versions = pytest.mark.parametrize("protocol", ["5", "3.1.1"])


@dataclass
class Fleet:
    """One issuer, one broker, the platform's certificate and those of two gateways."""

    pki: Pki
    broker: Broker

    def tls(self, pair: Pair | None) -> Tls:
        return Tls(self.pki.ca) if pair is None else Tls(self.pki.ca, pair.cert, pair.key)

    def settings(self, name: str = "gw-1", **more: Any) -> Any:
        if "tls" not in more:
            more["tls"] = self.tls(self.pki.client(name))
        return settings(self.broker.address, **more)

    def platform(self, events: list[dict[str, Any]], **more: Any) -> Any:
        return running_platform(self.settings("platform", **more), events)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    pki = Pki(tmp_path / "pki")
    server = pki.server()
    broker = Broker(tmp_path / "broker", tls=ServerTls(pki.ca, server.cert, server.key), acl=ACL)
    broker.start()
    yield Fleet(pki, broker)
    broker.kill()


@both_versions
async def test_with_its_own_certificate_a_gateway_is_served(fleet, protocol):
    events: list[dict[str, Any]] = []
    gateway = Gateway(fleet.settings(protocol=protocol))
    async with fleet.platform(events, protocol=protocol), running(gateway):
        gateway.put(alarm=True)
        gateway.put(30)
        await until(lambda: not gateway.table)
    assert len([event for event in events if event["event"] == "alarm"]) == 1


async def test_dropping_a_tls_link_under_traffic_loses_nothing(fleet):
    """The socket is shut down under paho's feet, in the middle of records."""
    from gateway.upstream.faults import Fault

    events: list[dict[str, Any]] = []
    gateway = Gateway(fleet.settings())
    async with fleet.platform(events) as platform, running(gateway):
        for round_ in range(1, 4):
            await until(lambda: gateway.up)
            gateway.put(100)
            session = gateway.link._session
            assert session is not None
            await until(lambda n=round_: gateway.counted("acked") >= 100 * (n - 1) + 10)
            session.drop(Fault("lost", "by the test"))
            await until(lambda: not gateway.table)
        assert len(platform.events()) == 300


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_without_a_certificate_nobody_is_let_in(fleet, protocol):
    gateway = Gateway(fleet.settings(tls=fleet.tls(None), protocol=protocol))
    async with running(gateway):
        await until(lambda: gateway.link._dialler.backoff.failures >= 2)
        assert PathState.UP not in gateway.states
        assert gateway.counted("fault_client_certificate") >= 1


async def test_a_certificate_of_another_issuer_with_the_right_name_is_not_let_in(fleet, tmp_path):
    rogue = Pki(tmp_path / "rogue").client("gw-1")
    gateway = Gateway(fleet.settings(tls=fleet.tls(rogue)))
    async with running(gateway):
        await until(lambda: gateway.link._dialler.backoff.failures >= 2)
        assert PathState.UP not in gateway.states


async def test_an_expired_client_certificate_is_not_let_in(fleet):
    old = fleet.pki.client("gw-1", expired=True)
    gateway = Gateway(fleet.settings(tls=fleet.tls(old)))
    async with running(gateway):
        await until(lambda: gateway.link._dialler.backoff.failures >= 2)
        assert PathState.UP not in gateway.states


@both_versions
async def test_one_gateways_certificate_cannot_speak_for_another(fleet, protocol):
    """A7. gw-1's certificate, gw-2's topics: the broker keeps it back, and nothing leaves the outbox."""
    events: list[dict[str, Any]] = []
    thief = Gateway(fleet.settings("gw-1", protocol=protocol, timing=QUICK), name="gw-2")
    async with fleet.platform(events, protocol=protocol) as platform, running(thief):
        await until(lambda: thief.states)
        thief.put(alarm=True)
        await until(lambda: PathState.FAILED in thief.states)
        assert 1 in thief.table
        assert platform.events() == []


async def test_a_gateway_cannot_hear_what_is_said_to_another(fleet):
    events: list[dict[str, Any]] = []
    gateway = Gateway(fleet.settings("gw-2"), name="gw-2")
    spy = Gateway(fleet.settings("gw-1"), name="gw-2", epoch="0000000000000000")  # subscribes to gw-2's down topics
    async with fleet.platform(events) as platform, running(gateway), running(spy):
        await until(lambda: gateway.up and spy.states)
        gateway.put(alarm=True)
        await until(lambda: not gateway.table)
        platform.command("gw-2", {"cmd": "ping"})
        await until(lambda: gateway.commands)
        assert spy.commands == []


@pytest.mark.parametrize("fault", ["expired", "host", "issuer"])
async def test_a_broker_that_is_not_the_right_one_is_refused_and_tried_again(tmp_path, fault):
    """A wrong clock looks like an expired certificate, so no refusal is final: put right, the link comes up."""
    pki = Pki(tmp_path / "pki")
    good = pki.server()
    bad = {
        "expired": lambda: pki.server(expired=True, file="bad"),
        "host": lambda: pki.server("elsewhere.example", file="bad"),
        "issuer": lambda: Pki(tmp_path / "other").server(file="bad"),
    }[fault]()
    live = Pair(tmp_path / "live.crt", tmp_path / "live.key")
    copy(bad, live)
    broker = Broker(tmp_path / "broker", tls=ServerTls(pki.ca, live.cert, live.key), acl=ACL)
    broker.start()
    try:
        client = pki.client("gw-1")
        gateway = Gateway(settings(broker.address, tls=Tls(pki.ca, client.cert, client.key)))
        async with running(gateway):
            await until(lambda: gateway.counted("fault_server_certificate") >= 2)
            assert PathState.UP not in gateway.states
            if fault == "expired":
                assert "clock" in gateway.link.status()["detail"]
            broker.stop()
            copy(good, live)
            broker.start()
            await until(lambda: gateway.up)
    finally:
        broker.kill()


async def test_a_missing_or_broken_certificate_file_is_named_and_picked_up_when_it_comes(fleet, tmp_path):
    mine = Pair(tmp_path / "mine.crt", tmp_path / "mine.key")
    gateway = Gateway(fleet.settings(tls=fleet.tls(mine)))
    async with running(gateway):
        await until(lambda: gateway.counted("fault_credentials") >= 1)
        assert str(mine.cert) in gateway.link.status()["detail"]
        mine.cert.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n")
        mine.key.write_text("nonsense")
        seen = gateway.counted("fault_credentials")
        await until(lambda: gateway.counted("fault_credentials") > seen)
        copy(fleet.pki.client("gw-1"), mine)
        await until(lambda: gateway.up)


async def test_a_renewed_certificate_is_used_without_a_restart_and_without_a_will(fleet, tmp_path):
    events: list[dict[str, Any]] = []
    mine = Pair(tmp_path / "mine.crt", tmp_path / "mine.key")
    copy(fleet.pki.client("gw-1"), mine)
    gateway = Gateway(fleet.settings(tls=fleet.tls(mine)))
    async with fleet.platform(events), running(gateway):
        await until(lambda: gateway.up)
        gateway.link.publish_heartbeat({"v": 1})
        assert gateway.counted("credentials_renewed") == 0

        mine.key.write_text("half way replaced")
        gateway.link.publish_heartbeat({"v": 1})
        assert gateway.counted("new_credentials_unusable") == 1
        assert gateway.up, "the link we have is better than none"

        copy(fleet.pki.client("gw-1", file="renewed"), mine)
        gateway.link.publish_heartbeat({"v": 1})
        await until(lambda: gateway.counted("connects") == 2)
        assert gateway.counted("credentials_renewed") == 1
        gateway.put(alarm=True)
        await until(lambda: not gateway.table)
        states = [event["state"] for event in events if event["event"] == "state"]
        assert states == ["ONLINE"], "the platform saw no outage"


def copy(source: Pair, target: Pair) -> None:
    shutil.copy(source.cert, target.cert)
    shutil.copy(source.key, target.key)
