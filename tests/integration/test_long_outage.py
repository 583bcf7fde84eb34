"""Thirty days without a platform: what waits is bounded in memory and on disk, and what must arrive does.

The whole house on real wires, only time leaps. Nobody answers the alarms, so each P0 is told to the platform again
every 10 min for a day and hourly from then on: the worst that an outbox can be given.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from bad_link_home import journal_home
from mqtt_home import running_platform, until

from gateway.demo.broker import Broker, free_port
from gateway.demo.house import GATEWAY, VirtualHouse
from gateway.journal import Limits
from gateway.upstream.settings import UpstreamSettings

DAYS = 30
ALARMS_EVERY_DAYS = 3
STEP_MS = 2 * 3_600_000  # sensors with a sign of life an hour are lost after three
RSS_CAP_MIB = 100
STATE_CAP_MIB = 64


def rss_mib(house: VirtualHouse) -> float:
    assert house._child is not None
    status = Path(f"/proc/{house._child.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def state_mib(house: VirtualHouse) -> float:
    return sum(file.stat().st_size for file in house.state.rglob("*") if file.is_file()) / (1 << 20)


def journal_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("journal.db*"))


async def a_day_passes(house: VirtualHouse) -> None:
    for _ in range(86_400_000 // STEP_MS):
        reply = await house._ask({"op": "leap", "ms": STEP_MS})
        assert reply.get("ok"), reply
        for name in ("hall-pir", "front-door"):
            house._send(name, house.devices[name].battery())
        house._send("hall-pir", house.devices["hall-pir"].motion(True))
        await asyncio.sleep(0.03)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_month_without_a_platform(house: VirtualHouse) -> None:
    await house.expect("platform", "ONLINE")
    house.pull_network()
    before_mib = rss_mib(house)
    waiting = [house.status()["outbox"]]
    for day in range(DAYS):
        if day % ALARMS_EVERY_DAYS == 0:
            mark = house.mark()
            house.press()
            await house.expect("sms", "→", "按了", since=mark, within_s=60)
        await a_day_passes(house)
        waiting.append(house.status()["outbox"])
    rss, state = rss_mib(house), state_mib(house)
    print(
        f"\n{DAYS} days, an unanswered alarm every {ALARMS_EVERY_DAYS}: {waiting[-1]} messages wait, by day {waiting}"
    )
    print(f"RSS {before_mib:.0f} -> {rss:.0f} MiB, state directory {state:.1f} MiB")
    assert waiting[-1] > 1000, "this was an outage worth the name"
    assert rss <= RSS_CAP_MIB
    assert state <= STATE_CAP_MIB
    await house.restore_network()
    await house.until(lambda: house.status().get("outbox") == 0, 180, "the outbox empties")
    stored = [row.seq for row in house.platform.events(GATEWAY)]
    print(f"afterwards {len(stored)} stored at the platform, RSS {rss_mib(house):.0f} MiB")
    assert sorted(stored) == list(range(1, max(stored) + 1)), "all of them, once each"
    days = [row.body["from"] for row in house.platform.events(GATEWAY) if row.channel == "summary"]
    assert len(days) == len(set(days)) >= DAYS - 1, "T-30: the summary of every day, once each"
    assert rss_mib(house) <= RSS_CAP_MIB


async def test_over_the_byte_cap_the_least_important_go_and_it_is_said(tmp_path: Path) -> None:
    """A cap of a quarter MiB instead of 256: alarms all stay, of the rest the oldest go, counted."""
    broker = Broker(tmp_path / "broker", port=free_port())
    events: list[dict[str, object]] = []
    limits = Limits(max_bytes=1 << 18, reserve_bytes=0)
    async with journal_home(tmp_path, UpstreamSettings((broker.address,)), limits) as home:
        alarms = []
        for _ in range(15):
            await home.put("P3", 160)
            alarms.append(await home.put("P0", 1))
        await until(lambda: home.journal.health().pruned_outbox > 0, "the drop is said")
        await until(lambda: home.journal.health().bytes_used <= limits.max_bytes)
        on_disk = journal_bytes(tmp_path)
        health = home.journal.health()
        assert health.outbox_rows + health.pruned_outbox == 2400 + len(alarms), "what is not there was counted"
        broker.start()
        try:
            async with running_platform(UpstreamSettings((broker.address,)), events):
                await until(lambda: home.journal.health().outbox_rows == 0, patience_s=60)
                # the acknowledgements' own rows cost some more, and what is dropped on its way arrives all the same
                health = home.journal.health()
        finally:
            broker.kill()
    stored = {kind: [e["seq"] for e in events if e["event"] == kind] for kind in ("alarm", "event")}
    print(f"\n2,415 messages, cap 0.25 MiB: {health.pruned_outbox} dropped, file {on_disk / (1 << 20):.1f} MiB")
    assert sorted(stored["alarm"]) == alarms
    assert 0 < 2400 - len(stored["event"]) <= health.pruned_outbox < 2400, "nothing was lost uncounted"
    assert min(stored["event"]) > 1, "the oldest went first"
    assert on_disk <= 4 << 20
