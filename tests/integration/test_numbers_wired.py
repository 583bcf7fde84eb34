"""Numbers of domain 2.2 that are no rule's: the running gateway takes them from where they are set, and keeps them.

T-13 (its heartbeat), T-15 and T-19 (its own slot and jitter), T-22 (its last word), T-33 (the seal of its record).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.incidents import command as incidents_command
from gateway.config import parse_config
from gateway.home.registry import Registry
from gateway.incidents.archive import head_of
from gateway.incidents.witness import VOUCHED
from gateway.journal.export import export
from gateway.observations import Kind, Report
from gateway.rules import standby
from gateway.runtime.gateway import Gateway
from gateway.runtime.jitter import MAINS_JITTER, SUMMARY_SLOT, own

CONFIG = """
[gateway]
id = "gw-7"
state_dir = "state"
[ble]
enabled = false
[modem]
enabled = false
[voice]
enabled = false
[power]
enabled = false
[mqtt]
enabled = false
heartbeat_s = 30
"""


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Gateway]:
    (folder / "hearthwatch.toml").write_text(CONFIG, encoding="utf-8")
    config = parse_config(CONFIG, folder / "hearthwatch.toml")
    config.state_dir.mkdir(exist_ok=True)
    with Registry(config.home_file):
        pass
    gateway = Gateway(config)
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(1200):
        if holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("not within a minute")


def snapshots(folder: Path) -> int:
    with closing(sqlite3.connect(f"file:{folder}/state/journal.db?mode=ro", uri=True)) as journal:
        return int(journal.execute("SELECT count(*) + coalesce(max(id), 0) FROM snapshot").fetchone()[0])


async def test_the_heartbeat_is_as_quick_as_it_is_set_and_the_turns_are_this_gateways_own(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        assert all(27 <= gateway._heartbeat.pause_s() <= 33 for _ in range(200))
        settings = gateway.heart.controller.home.settings
        assert {name: settings[name] for name in (MAINS_JITTER, SUMMARY_SLOT)} == {
            MAINS_JITTER: own(MAINS_JITTER, "gw-7"),
            SUMMARY_SLOT: own(SUMMARY_SLOT, "gw-7"),
        }


async def test_the_last_word_writes_the_state_down_and_a_press_still_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T-22: storage is not stopped, it is made whole: who presses on the last percent still calls."""
    monkeypatch.setattr(standby, "LAST_MS", 100)
    async with running(tmp_path) as gateway:
        assert await gateway.heart.take(Report(Kind.SUPPLY, {"mains": False, "percent": 60})).committed
        before = snapshots(tmp_path)
        gateway.heart.take(Report(Kind.SUPPLY, {"mains": False, "percent": 5}))
        await until(lambda: snapshots(tmp_path) > before)
        submitted = gateway.heart.take(Report(Kind.BUTTON, "press", "bedroom"))
        assert await submitted.committed
        assert [alarm.code for alarm in gateway.heart.controller.book.live()] == ["CALL_FIXED"]


async def test_the_journal_keeps_the_seal_of_the_record_and_verify_goes_by_it(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        assert await gateway.heart.take(Report(Kind.BUTTON, "press", "bedroom")).committed

    def kept() -> object:
        with export(tmp_path / "state" / "journal.db") as journal:
            return journal.memory(VOUCHED)

    assert kept() is None, "nothing was there to vouch for when it began"
    async with running(tmp_path):
        await until(lambda: kept() is not None)
    head = head_of(kept())
    assert head is not None
    for more in ((), ("--deep",)):
        arguments = ["verify", "--config", str(tmp_path / "hearthwatch.toml"), *more]
        found = CliRunner().invoke(incidents_command, arguments)
        assert (found.exit_code, "every one holds" in found.output) == (0, True), found.output
    data = (tmp_path / "state" / "incidents" / head.file).read_bytes()
    assert head.hash.encode() in data
