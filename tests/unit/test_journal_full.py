"""The journal on a full disk, a real and small file system: every alarm is kept."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bad_disk import PATIENCE_S, until
from journal_rig import acknowledged, contents, four_actions, motion, opened, press
from mounts import small_tmpfs

from gateway.journal import Entry, Health, Journal, Limits, State, export
from gateway.observations import Kind, Observation

MOUNT_BYTES = 8 << 20
FULL_LIMITS = Limits(group_s=0.05)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 8 MiB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    with small_tmpfs(mount, MOUNT_BYTES):
        yield mount


def fill(disk: Path) -> Path:
    """Takes the last free byte."""
    filler = disk / "somebody-elses-log"
    fd = os.open(filler, os.O_WRONLY | os.O_CREAT)
    for size in (65_536, 4_096, 1):
        try:
            while True:
                os.write(fd, b"x" * size)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    os.close(fd)
    return filler


async def test_alarms_are_kept_with_no_free_byte_left(small_disk: Path) -> None:
    path = small_disk / "journal.db"
    heard: list[Health] = []
    async with opened(path, FULL_LIMITS, on_health=heard.append) as (journal, _):
        assert await journal.submit(press(0, four_actions("0"))).committed
        assert path.with_name("journal.reserve").stat().st_size == 4 << 20
        filler = await asyncio.to_thread(fill, small_disk)
        for t in range(1, 101):
            alarm = journal.submit(press(t, four_actions(str(t))))
            assert await asyncio.wait_for(alarm.committed, PATIENCE_S)
        assert journal.health().state is State.FULL
        routine = journal.submit(motion(200))
        assert await asyncio.wait_for(routine.committed, PATIENCE_S) is False
        assert journal.health().dropped_routine == 1
        # the platform's acknowledgements still free their rows
        assert await asyncio.wait_for(journal.submit(acknowledged(201, 1, 2, 3)).committed, PATIENCE_S)
        assert len(await journal.rows(1_000, ())) == 98

        filler.unlink()
        journal._writer._upkeep.at = 0  # the next look is due in 30 s
        await journal.submit(press(202)).committed
        await until(lambda: journal.health().state is State.OK)
        assert path.with_name("journal.reserve").stat().st_size == 4 << 20
        assert await asyncio.wait_for(journal.submit(motion(203)).committed, PATIENCE_S)
        assert [h.state for h in heard][:1] == [State.FULL]
        assert heard[-1].state is State.OK
    found = await contents(path)
    # the acknowledgement's own row may have been dropped again to make room, its effect not
    assert [o.t for o, _ in found["tail"] if o.t != 201] == [*range(101), 202, 203]
    assert len(found["pending"]) == 303
    assert found["problems"] == []


async def test_routine_alone_never_takes_the_reserve(small_disk: Path) -> None:
    path = small_disk / "journal.db"
    async with opened(path, FULL_LIMITS) as (journal, _):
        await asyncio.to_thread(fill, small_disk)
        results = [
            await asyncio.wait_for(journal.submit(motion(t, memory=("pir", t))).committed, PATIENCE_S)
            for t in range(900)
        ]
        assert False in results
        dropped = results.count(False)
        assert journal.health().state is State.FULL
        assert journal.health().dropped_routine == dropped
        await asyncio.sleep(0.2)
        assert journal.health().state is State.FULL  # not over because the reserve is still there
        assert path.with_name("journal.reserve").stat().st_size > 3 << 20
        assert await asyncio.wait_for(journal.submit(press(1_000)).committed, PATIENCE_S)
    found = await contents(path)
    assert found["memory"] == {"pir": 899}  # kept with the press although the motion itself was not
    assert found["tail"][-1][0].t == 1_000


def at_ease(journal: Journal) -> bool:
    """Routine observations are taken, and the owner thread has made the room it wants."""
    return journal.health().routine_kept and journal._writer._upkeep.at > time.monotonic() + 1


async def test_a_journal_that_fills_its_disk_by_itself_goes_on_with_its_own_oldest_room(small_disk: Path) -> None:
    path = small_disk / "journal.db"
    async with opened(path, FULL_LIMITS) as (journal, _):
        last_kept = 0
        for t in range(7_000):
            entry = journal.submit(Entry(Observation(Kind.SEEN, "x" * 600, t, "talkative"), (), t, "NTP"))
            if t % 200 == 0:
                await until(lambda: at_ease(journal))
                assert await asyncio.wait_for(journal.submit(press(t)).committed, PATIENCE_S)
                if entry.committed.done() and entry.committed.result():
                    last_kept = t
        await journal.submit(press(19_000)).committed
        await until(lambda: at_ease(journal))
        health = journal.health()
        assert health.state is State.FULL
        assert health.pruned_routine > 0
        assert last_kept >= 6_000  # to the end, give or take what a busy machine has not answered yet
    with export(path) as rows:
        alarms = [row.observation.t for row in rows if row.observation.kind == "button"]
    assert alarms == [*range(0, 7_000, 200), 19_000]


async def test_a_full_disk_is_looked_at_again_even_if_making_room_fails(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(small_disk / "journal.db", FULL_LIMITS) as (journal, _):
        journal._writer._reserve.give_up()
        filler = await asyncio.to_thread(fill, small_disk)
        upkeep, looks = journal._writer._upkeep, []

        def fails() -> int:
            looks.append(1)
            raise sqlite3.OperationalError("disk I/O error")

        monkeypatch.setattr(upkeep._store, "bytes_free", fails)
        monkeypatch.setattr(upkeep, "full", True)
        upkeep.at = 0.0
        await journal.rows(0, ())
        await until(lambda: bool(looks) and time.monotonic() < upkeep.at < time.monotonic() + 6)
        monkeypatch.undo()
        filler.unlink()


async def test_no_flood_of_routine_takes_the_room_of_an_alarm(small_disk: Path) -> None:
    async with opened(small_disk / "journal.db", FULL_LIMITS) as (journal, _):
        for t in range(12_000):
            journal.submit(Entry(Observation(Kind.SEEN, "x" * 600, t, "talkative"), (), t, "NTP"))
            if t % 200 == 0:
                assert await asyncio.wait_for(journal.submit(press(t, four_actions(str(t)))).committed, PATIENCE_S)
        assert journal.health().state is State.FULL
        assert journal.health().dropped_routine > 0
        assert journal.health().dropped_urgent == 0
        assert len(await journal.rows(100, ())) == 60


async def test_it_starts_on_a_full_disk(small_disk: Path) -> None:
    path = small_disk / "journal.db"
    async with opened(path, FULL_LIMITS) as (journal, _):
        assert await journal.submit(press(1)).committed
    await asyncio.to_thread(fill, small_disk)
    async with opened(path, FULL_LIMITS) as (journal, found):
        assert [o.t for o, _ in found.tail] == [1]
        assert await asyncio.wait_for(journal.submit(press(2)).committed, PATIENCE_S)
    assert [o.t for o, _ in (await contents(path))["tail"]] == [1, 2]
