"""The journal on a bad disk: full, slow, failing, and killed in the middle. The alarm path goes on in each."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from journal_rig import SMALL, acknowledged, contents, four_actions, motion, opened, press, publish
from mounts import small_tmpfs

from gateway.journal import Entry, Health, Journal, Limits, Seam, State, export
from gateway.observations import Kind, Observation

PATIENCE_S = 30.0  # what a busy machine may take; no claim


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


class Disk:
    """Stands between the journal and its disk, for as long as it is told."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.tries = 0
        self.hold = threading.Event()
        self.hold.set()

    def before_commit(self) -> None:
        self.tries += 1
        self.hold.wait(60)
        if self.error is not None:
            raise self.error


async def until(true: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Waits for what another thread brings about."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come"
        await asyncio.sleep(0.01)


# -- full: a real, small file system ------------------------------------------------------------------------------

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


# -- slow and failing: through the seam ---------------------------------------------------------------------------


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


# -- kill -9 ------------------------------------------------------------------------------------------------------

CHILD = """
import asyncio, os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from journal_rig import SMALL, four_actions, motion, press
from gateway.journal import Journal

async def main():
    journal, found = Journal.open(Path(sys.argv[1]), SMALL)
    os.write(1, b"open\\n")
    t = max([o.t for o, _ in found.tail], default=0)
    def said(word, n):
        os.write(1, f"{word} {n}\\n".encode())
    while True:
        t += 1
        if t % 3:
            journal.submit(motion(t, memory=("pir", t))).committed.add_done_callback(lambda f, t=t: said("kept", t))
        else:
            alarm = journal.submit(press(t, four_actions(str(t))))
            for stored in alarm.stored:
                said("id", stored.id)
                if stored.seq is not None: said("seq", stored.seq)
            await alarm.committed
            said("kept", t)
        await asyncio.sleep(0)

asyncio.run(main())
"""


async def test_no_acknowledged_entry_is_lost_and_no_id_used_twice_over_ten_kills(path: Path) -> None:
    rng = random.Random(9)
    kept: set[int] = set()
    ids: list[int] = []
    seqs: list[int] = []
    for _ in range(10):
        child = subprocess.Popen(  # noqa: ASYNC220 nothing else runs in this loop
            [sys.executable, "-c", CHILD, str(path), str(Path(__file__).parent)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"open\n"
        lines, enough = [], rng.randint(3, 15)  # counted, not timed: a busy machine gets as far, only later
        while sum(line.startswith("kept") for line in lines) < enough:
            lines.append(child.stdout.readline().decode())
            assert lines[-1], "the child ended by itself"
        await asyncio.sleep(rng.uniform(0, 0.02))
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.read().decode().splitlines()
        child.stdout.close()
        child.wait()
        for word, number in (line.split() for line in lines):
            {"kept": kept.add, "id": ids.append, "seq": seqs.append}[word](int(number))
    found = await contents(path)
    times = [o.t for o, _ in found["tail"]]
    assert len(kept) > 50
    assert kept <= set(times)
    assert times == list(range(1, len(times) + 1))  # each start went on where the log ended: nothing is missing
    assert found["memory"]["pir"] in (times[-1], times[-1] - 1)
    assert len(ids) == len(set(ids))
    assert seqs == sorted(set(seqs))
    assert {p.code for p in found["problems"]} <= {"TAIL_CUT"}
    alarms = [t for t in times if t % 3 == 0]
    assert [int(r.body["name"]) for r in found["rows"]] == alarms
    assert len(found["pending"]) == 3 * len(alarms)


async def test_ids_of_a_lost_commit_are_not_given_again_after_a_kill(path: Path) -> None:
    script = CHILD.replace("await alarm.committed", "os.kill(os.getpid(), 9)").replace(
        "Path(sys.argv[1]), SMALL", "Path(sys.argv[1]), SMALL, seam=Seam(lambda: time.sleep(60))"
    )
    script = script.replace("import Journal\n", "import Journal, Seam\nimport time\n")
    child = subprocess.run(  # noqa: ASYNC221
        [sys.executable, "-c", script, str(path), str(Path(__file__).parent)], stdout=subprocess.PIPE, check=False
    )
    used = [line.split() for line in child.stdout.decode().splitlines()[1:]]
    assert ["seq", "1"] in used
    async with opened(path) as (journal, found):
        assert found.tail_rows == 0
        stored = journal.submit(press(1, four_actions())).stored
        assert stored[0].id > max(int(n) for word, n in used if word == "id")
        assert stored[3].seq is not None
        assert stored[3].seq > 1
