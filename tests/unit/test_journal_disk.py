"""The journal on a slow or failing disk: the alarm path goes on, and what was not kept is said."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
import time
from pathlib import Path

import pytest
from bad_disk import PATIENCE_S, Disk, until
from journal_rig import SMALL, acknowledged, contents, motion, opened, press, publish

from gateway.journal import Journal, Limits, Seam, State


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


async def test_a_commit_that_hangs_is_slow_and_its_message_can_be_sent_from_memory(path: Path) -> None:
    disk, heard = Disk(), []
    async with opened(path, seam=Seam(disk.before_commit), on_health=lambda h: heard.append(h.state)) as (journal, _):
        assert await journal.submit(press(1, (publish("durable"),))).committed
        disk.hold.clear()
        alarm = journal.submit(press(2, (publish("hanging"),)))
        await until(lambda: journal.health().state is State.SLOW)
        assert not alarm.committed.done()
        started = time.monotonic()
        rows = await journal.rows(10, ())
        assert [r.body["name"] for r in rows] == ["hanging"]  # the owner thread hangs: it cannot read, either
        assert time.monotonic() - started < 20  # not until the disk is back
        journal.submit(acknowledged(3, rows[0].seq))
        with pytest.raises(TimeoutError):  # and does not say "none" while "durable" waits
            await journal.rows(10, ())
        disk.hold.set()
        assert await asyncio.wait_for(alarm.committed, PATIENCE_S)
        await until(lambda: heard == [State.SLOW])
        assert [r.body["name"] for r in await journal.rows(10, ())] == ["durable"]
    found = await contents(path)
    assert [r.body["name"] for r in found["rows"]] == ["durable"]
    assert [o.t for o, _ in found["tail"]] == [1, 2, 3]


@pytest.mark.parametrize(
    "error",
    [OSError(errno.EIO, "I/O error"), OSError(errno.EROFS, "read-only"), sqlite3.OperationalError("disk I/O error")],
    ids=["EIO", "EROFS", "sqlite"],
)
async def test_a_failing_disk_is_retried_until_it_works(path: Path, error: Exception) -> None:
    disk, heard = Disk(), []
    async with opened(path, seam=Seam(disk.before_commit), on_health=lambda h: heard.append(h.state)) as (journal, _):
        disk.error = error
        alarm = journal.submit(press(1, (publish("a"),)))
        await until(lambda: disk.tries >= 4)  # with a fresh connection in between
        assert not alarm.committed.done()
        assert journal.health().state is State.FAILING
        assert journal.health().waiting == 1
        await asyncio.sleep(0.5)
        assert [r.body["name"] for r in await journal.rows(10, ())] == ["a"]
        disk.error = None
        assert await asyncio.wait_for(alarm.committed, PATIENCE_S)
        await until(lambda: heard == [State.FAILING, State.OK])
        assert len(await journal.rows(10, ())) == 1
    assert [o.t for o, _ in (await contents(path))["tail"]] == [1]


async def test_a_database_locked_by_somebody_elses_shell_is_waited_for(path: Path) -> None:
    async with opened(path) as (journal, _):
        shell = sqlite3.connect(path, isolation_level=None)
        shell.execute("BEGIN IMMEDIATE")
        alarm = journal.submit(press(1))
        await until(lambda: journal.health().state is State.FAILING)
        assert "locked" in journal.health().reason
        shell.execute("ROLLBACK")
        shell.close()
        assert await asyncio.wait_for(alarm.committed, PATIENCE_S)


async def test_memory_is_bounded_while_the_disk_fails(path: Path) -> None:
    disk = Disk()
    limits = Limits(reserve_bytes=0, backlog_routine=50, backlog_urgent=20)
    async with opened(path, limits, seam=Seam(disk.before_commit)) as (journal, _):
        disk.error = OSError(errno.EIO, "I/O error")
        routine = [journal.submit(motion(t, memory=("pir", t))) for t in range(200)]
        alarms = [journal.submit(press(1_000 + t)) for t in range(25)]
        assert [r.committed.done() for r in routine] == [False] * 50 + [True] * 150
        assert journal.health().dropped_routine == 150
        assert journal.health().dropped_urgent == 5
        assert journal.health().waiting == 70
        disk.error = None
        assert (
            await asyncio.wait_for(asyncio.gather(*(a.committed for a in alarms)), PATIENCE_S)
            == [True] * 20 + [False] * 5
        )
    found = await contents(path)
    assert [o.t for o, _ in found["tail"]] == [*range(50), *range(1_000, 1_020)]
    assert found["memory"] == {"pir": 199}


async def test_closing_on_a_dead_disk_ends_and_says_what_was_not_kept(path: Path) -> None:
    disk = Disk()
    journal, _ = await asyncio.to_thread(Journal.open, path, SMALL, seam=Seam(disk.before_commit))
    disk.error = OSError(errno.EIO, "I/O error")
    alarm = journal.submit(press(1))
    await asyncio.wait_for(journal.close(), PATIENCE_S)
    assert await asyncio.wait_for(alarm.committed, PATIENCE_S) is False


async def test_a_cancelled_wait_for_a_commit_harms_nothing(path: Path) -> None:
    disk = Disk()
    async with opened(path, seam=Seam(disk.before_commit)) as (journal, _):
        disk.hold.clear()
        alarm = journal.submit(press(1))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(alarm.committed, 0.05)  # cancels the future
        disk.hold.set()
        assert await asyncio.wait_for(journal.submit(press(2)).committed, PATIENCE_S)
    assert [o.t for o, _ in (await contents(path))["tail"]] == [1, 2]


async def test_an_idle_journal_sleeps(path: Path) -> None:
    async with opened(path) as (journal, _):
        await journal.submit(press(1)).committed
        await until(lambda: journal._writer._upkeep.at == float("inf"))
        turns, turn = [], journal._writer._turn
        journal._writer._turn = lambda: turns.append(turn())  # type: ignore[method-assign]
        await journal.rows(0, ())  # ends the wait it was in; from here its turns are counted
        await asyncio.sleep(0.3)
        begun = len(turns)
        await asyncio.sleep(1.0)
        assert len(turns) == begun <= 1
