"""The journal on a healthy disk: order, groups, restart, ids, outbox, its one owner."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from journal_rig import SMALL, acknowledged, contents, four_actions, motion, opened, press, publish

from gateway.actions import Publish
from gateway.journal import (
    Entry,
    Journal,
    JournalBusy,
    JournalError,
    JournalUnavailable,
    Limits,
    Mark,
    Seam,
    State,
    export,
    schema,
)
from gateway.observations import Kind, Observation


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


async def test_new_journal_is_fresh_and_empty(path: Path) -> None:
    async with opened(path) as (journal, found):
        assert found.fresh
        assert (found.snapshot, list(found.tail), found.pending, found.memory, found.mark) == (None, [], [], {}, None)
        assert found.problems == []
        assert len(journal.epoch) == 16
        assert journal.health().state is State.OK


async def test_all_of_an_entry_survives_a_restart(path: Path) -> None:
    late = Observation(Kind.REPLY, {"contact": "c1", "answer": "1", "ref": "半\ud83d"}, 7_000, None, "sms:1", late=True)
    async with opened(path) as (journal, _):
        stored = journal.submit(press(5_000, four_actions(), memory=("ble:A4C138", {"counter": 5001}))).stored
        answered = journal.submit(Entry(late, ({"alarm": 1, "state": "ACCEPTED"},), 123, "GNSS", urgent=True))
        assert await answered.committed
        epoch = journal.epoch
    async with opened(path) as (journal, found):
        assert journal.epoch == epoch
        assert not found.fresh
        assert [o for o, _ in found.tail] == [press(5_000).observation, late]
        assert [e for _, e in found.tail] == [press(5_000).events, ({"alarm": 1, "state": "ACCEPTED"},)]
        assert tuple(found.pending) == stored[:3]
        (row,) = await journal.rows(10, ())
        message = stored[3].action
        assert isinstance(message, Publish)
        assert (row.seq, row.prio, row.channel, row.body) == (stored[3].seq, 0, "alarm", message.body)
        assert (row.severity, row.created_t) == ("P0", 5_000)
        assert found.memory == {"ble:A4C138": {"counter": 5001}}
        assert found.mark == Mark(7_000, 123, "GNSS")
        assert found.problems == []


async def test_routine_waits_for_its_group_and_an_alarm_flushes_it_in_order(path: Path) -> None:
    commits: list[float] = []
    patient = Limits(reserve_bytes=0, group_s=60)
    async with opened(path, patient, seam=Seam(lambda: commits.append(time.monotonic()))) as (journal, _):
        first = journal.submit(motion(1_000))
        second = journal.submit(motion(2_000))
        await journal.rows(0, ())  # the owner has both
        assert not first.committed.done()
        assert commits == []
        alarm = journal.submit(press(3_000))
        assert await asyncio.wait_for(alarm.committed, 30)
        assert first.committed.done()
        assert second.committed.done()
        assert len(commits) == 1
    assert [o.t for o, _ in (await contents(path))["tail"]] == [1_000, 2_000, 3_000]


async def test_routine_group_is_committed_within_its_second(path: Path) -> None:
    async with opened(path) as (journal, _):
        started = time.monotonic()
        entries = [journal.submit(motion(t)) for t in range(20)]
        assert all(await asyncio.gather(*(e.committed for e in entries)))
        assert 0.8 < time.monotonic() - started < 10


async def test_log_order_is_submit_order_whatever_the_urgency(path: Path) -> None:
    async with opened(path) as (journal, _):
        for t in range(300):
            journal.submit(press(t) if t % 7 == 0 else motion(t))
            if t % 50 == 0:
                await asyncio.sleep(0.01)
    assert [o.t for o, _ in (await contents(path))["tail"]] == list(range(300))


async def test_what_is_on_disk_is_always_a_prefix_of_what_was_submitted(path: Path) -> None:
    seen: list[list[int]] = []

    def look() -> None:  # before each commit: what a power cut would leave just now
        with export(path) as rows:
            seen.append([row.observation.t for row in rows])

    async with opened(path, seam=Seam(look)) as (journal, _):
        for t in range(60):
            submitted = journal.submit(press(t) if t % 5 == 0 else motion(t))
            if t % 5 == 0:
                await submitted.committed
    assert len(seen) >= 12
    assert all(one == list(range(len(one))) for one in seen)


async def test_submit_never_waits_for_the_disk(path: Path) -> None:
    release = threading.Event()
    async with opened(path, seam=Seam(lambda: assert_true(release.wait(20)))) as (journal, _):
        started = time.monotonic()
        for t in range(500):
            journal.submit(press(t))
        assert time.monotonic() - started < 10  # half of what the disk takes if nobody releases it
        release.set()


def assert_true(value: bool) -> None:
    assert value


async def test_done_and_acked_leave_and_stay_away(path: Path) -> None:
    async with opened(path) as (journal, _):
        stored = journal.submit(press(1, four_actions())).stored
        say, lamp, text, message = stored
        assert message.seq is not None
        done = Entry(Observation(Kind.DELIVERY, {"action": text.id}, 2), (), 0, "NTP", done=(say.id, lamp.id, text.id))
        journal.submit(done)
        journal.submit(acknowledged(3, message.seq))
        # handed in, not durable yet: the platform is not told twice meanwhile
        assert await journal.rows(10, ()) == []
    found = await contents(path)
    assert (found["pending"], found["rows"]) == ([], [])


async def test_messages_go_alarms_first_then_in_order(path: Path) -> None:
    async with opened(path) as (journal, _):
        for t, severity in enumerate(["P4", "P2", "P0", "P3", "P1", "P4", "TEST", "P0"]):
            journal.submit(press(t, (publish(str(t), severity),)))
        rows = await journal.rows(100, ())
        assert [int(r.body["name"]) for r in rows] == [2, 4, 7, 1, 3, 6, 0, 5]
        assert [r.seq for r in await journal.rows(2, {rows[0].seq})] == [rows[1].seq, rows[2].seq]
        assert await journal.rows(0, ()) == []
    assert [int(r.body["name"]) for r in (await contents(path))["rows"]] == [2, 4, 7, 1, 3, 6, 0, 5]


async def test_unknown_acks_and_done_ids_change_nothing(path: Path) -> None:
    async with opened(path) as (journal, _):
        journal.submit(press(1, (publish("a"),)))
        entry = acknowledged(2, 99, 98)
        assert await journal.submit(entry).committed
        assert len(await journal.rows(10, ())) == 1


async def test_memory_keeps_the_newest_value(path: Path) -> None:
    async with opened(path) as (journal, _):
        for counter in range(5):
            journal.submit(motion(counter, memory=("pir", counter)))
    assert (await contents(path))["memory"] == {"pir": 4}


async def test_ids_and_seqs_grow_over_restarts_even_when_nothing_is_left(path: Path) -> None:
    given: list[tuple[int, int | None]] = []
    for _ in range(4):
        async with opened(path) as (journal, _):
            (stored,) = journal.submit(press(1, (publish("a"),))).stored
            given.append((stored.id, stored.seq))
            assert stored.seq is not None
            journal.submit(acknowledged(2, stored.seq))
        db = sqlite3.connect(path)
        for table in ("log", "record", "outbox", "memory"):
            db.execute(f"DELETE FROM {table}")
        db.commit()
        db.close()
    assert given == [(n, n) for n in (1, 2, 3, 4)]


async def test_ids_are_reserved_ahead_again_before_a_block_ends(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.journal.opening.ID_BLOCK", 10)
    monkeypatch.setattr("gateway.journal.journal.ID_BLOCK", 10)
    async with opened(path) as (journal, _):
        for t in range(40):
            (stored,) = journal.submit(press(t, (publish("a"),))).stored
        assert await journal.submit(press(99)).committed
        with sqlite3.connect(path) as db:
            log, action, seq = schema.get_meta(db, "marks")
        db.close()
        assert stored.id == 40
        assert min(action, seq) > 40
        assert log > 41


async def test_an_entry_that_is_no_json_is_refused_at_once(path: Path) -> None:
    async with opened(path) as (journal, _):
        with pytest.raises(TypeError):
            journal.submit(press(1, (publish("a"),), memory=("x", object())))
        assert await journal.submit(press(2)).committed
    assert [o.t for o, _ in (await contents(path))["tail"]] == [2]


async def test_what_sqlite_refuses_is_given_up_alone_and_reported(path: Path) -> None:
    problems: list[str] = []
    async with opened(path, on_problem=lambda p: problems.append(p.code)) as (journal, _):
        good = journal.submit(motion(1))
        bad = journal.submit(motion(1 << 70))
        alarm = journal.submit(press(3))
        assert await asyncio.gather(good.committed, bad.committed, alarm.committed) == [True, False, True]
        assert journal.health().rejected == 1
        assert journal.health().state is State.OK
        assert problems == ["ENTRY_REJECTED"]
    assert [o.t for o, _ in (await contents(path))["tail"]] == [1, 3]


async def test_a_closed_journal_takes_nothing(path: Path) -> None:
    async with opened(path) as (journal, _):
        pass
    with pytest.raises(JournalError):
        journal.submit(press(1))
    assert await journal.rows(1, ()) == []
    await journal.close()


async def test_closing_checkpoints_into_one_file(path: Path) -> None:
    async with opened(path) as (journal, _):
        journal.submit(motion(1))
    assert not path.with_name("journal.db-wal").exists()
    assert [o.t for o, _ in (await contents(path))["tail"]] == [1]


async def test_a_second_owner_is_refused(path: Path) -> None:
    async with opened(path):
        with pytest.raises(JournalBusy, match="another gateway"):
            await asyncio.to_thread(Journal.open, path, SMALL)


async def test_a_path_that_cannot_be_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalUnavailable, match="check its owner"):
        await asyncio.to_thread(Journal.open, tmp_path / "file" / "journal.db", SMALL)
