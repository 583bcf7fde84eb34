"""The journal on a healthy disk: order, groups, restart, ids, outbox, snapshots, retention, export."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from journal_rig import DAY, SMALL, acknowledged, contents, four_actions, motion, opened, press, publish, received

from gateway.actions import Publish, Say
from gateway.journal import (
    Entry,
    Journal,
    JournalBusy,
    JournalError,
    JournalUnavailable,
    Limits,
    Mark,
    SchemaNewer,
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


# -- snapshots ----------------------------------------------------------------------------------------------------


async def test_snapshot_stands_between_the_entries_it_was_taken_between(path: Path) -> None:
    state = {"open": [1, 2], "长者": "半\ud83d"}
    async with opened(path) as (journal, _):
        journal.submit(motion(1))
        kept = journal.submit_snapshot(state)
        state["open"] = "changed later"
        journal.submit(motion(2))
        assert await kept
    found = await contents(path)
    assert found["snapshot"] == {"open": [1, 2], "长者": "半\ud83d"}
    assert [o.t for o, _ in found["tail"]] == [2]


async def test_newest_two_snapshots_and_one_a_day_are_kept(path: Path) -> None:
    async with opened(path) as (journal, _):
        for hour in range(0, 72, 6):
            journal.submit(press(hour * 3_600_000))
            assert await asyncio.wait_for(journal.submit_snapshot({"hour": hour}), 5)
    with sqlite3.connect(path) as db:
        hours = [t // 3_600_000 for (t,) in db.execute("SELECT t FROM snapshot ORDER BY id")]
    db.close()
    assert hours == [18, 42, 60, 66]


async def test_a_long_tail_is_streamed_and_may_be_read_twice(path: Path) -> None:
    async with opened(path) as (journal, _):
        for t in range(1_500):
            journal.submit(motion(t))
    async with opened(path) as (_, found):
        assert found.tail_rows == 1_500
        assert [o.t for o, _ in found.tail] == list(range(1_500)) == [o.t for o, _ in found.tail]


# -- retention ----------------------------------------------------------------------------------------------------


async def settled_upkeep(journal: Journal) -> None:
    """Waits until all is committed and the owner thread, looking after that, has found nothing left to forget."""
    upkeep, at_ease = journal._writer._upkeep, threading.Event()
    look = upkeep.step

    def step() -> bool:
        changed = look()
        at_ease.set() if upkeep.at > time.monotonic() + 1 else at_ease.clear()
        return changed

    for _ in range(3_000):
        if journal.health().waiting == 0:
            upkeep.step = step  # type: ignore[method-assign]
        with contextlib.suppress(TimeoutError):  # the owner is busy forgetting
            await journal.rows(0, ())  # it answers before it looks after itself; what a look found is told by then
        if at_ease.is_set():
            await journal.rows(0, ())
            return
        await asyncio.sleep(0.02)
    raise AssertionError("upkeep does not come to an end")


async def test_routine_goes_after_thirty_days_and_alarms_stay(path: Path) -> None:
    async with opened(path) as (journal, _):
        for day in range(40):
            journal.submit(motion(day * DAY))
            journal.submit(press(day * DAY + 1))
        assert await journal.submit(press(40 * DAY)).committed
        await settled_upkeep(journal)
        assert journal.health().pruned_routine == 0  # old age is no loss
    with export(path) as rows:
        kept = [(row.observation.kind, row.observation.t // DAY) for row in rows]
    assert [day for kind, day in kept if kind is Kind.MOTION] == list(range(10, 40))
    assert [day for kind, day in kept if kind is Kind.BUTTON] == list(range(41))


async def test_alarm_records_go_after_three_years_but_never_the_newest_thousand(path: Path) -> None:
    async with opened(path) as (journal, _):
        for n in range(1_200):
            journal.submit(press(n))
        assert await journal.submit(press(4 * 365 * DAY)).committed
        await settled_upkeep(journal)
    with export(path) as rows:
        kept = [row.observation.t for row in rows]
    assert 1_000 <= len(kept) <= 1_064
    assert kept[-1] == 4 * 365 * DAY
    assert kept[:-1] == list(range(1_200 - len(kept) + 1, 1_200))


async def test_receipts_lie_beside_their_alarms_and_are_none_of_the_newest_thousand(path: Path) -> None:
    """T-33 counts events: each with a receipt must not make five hundred of a thousand."""
    async with opened(path) as (journal, _):
        for n in range(1_200):
            (stored,) = journal.submit(press(n, (publish(str(n)),))).stored
            assert stored.seq is not None
            journal.submit(received(n, stored.seq))
        assert await journal.submit(press(4 * 365 * DAY)).committed
        await settled_upkeep(journal)
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM log").fetchone() == (0,)
    db.close()
    with export(path) as rows:
        kept = [row.observation for row in rows]
    presses = [o.t for o in kept if o.kind is Kind.BUTTON]
    assert 1_000 <= len(presses) <= 1_064
    assert presses[:-1] == list(range(1_200 - len(presses) + 1, 1_200))
    assert [o.t for o in kept if o.kind is Kind.ACK][-199:] == list(range(1_001, 1_200))


async def test_byte_cap_drops_oldest_routine_first_and_says_so(path: Path) -> None:
    heard: list[int] = []
    limits = Limits(max_bytes=150_000, reserve_bytes=0)
    async with opened(path, limits, on_health=lambda h: heard.append(h.pruned_routine)) as (journal, _):
        for t in range(4_000):
            journal.submit(motion(t) if t % 10 else press(t, (publish(str(t), "P0"),) if t % 1_000 == 0 else ()))
            if t % 500 == 0:
                await journal.submit(press(t)).committed
        await settled_upkeep(journal)
        health = journal.health()
        assert health.bytes_used <= 150_000
        assert health.pruned_routine > 500
        assert health.pruned_outbox == 0
        assert heard[-1] == health.pruned_routine
        assert len(await journal.rows(100, ())) == 4
    with export(path) as rows:
        kept = [row.observation for row in rows]
    routine = [o.t for o in kept if o.kind is Kind.MOTION]
    assert {o.t for o in kept if o.kind is Kind.BUTTON} == set(range(0, 4_000, 10))
    assert routine == [t for t in range(4_000) if t % 10][-len(routine) :]


async def test_over_the_cap_without_routine_only_messages_of_p3_p4_go(path: Path) -> None:
    limits = Limits(max_bytes=120_000, reserve_bytes=0)
    async with opened(path, limits) as (journal, _):
        for t in range(400):
            journal.submit(press(t, (publish(str(t), ("P0", "P1", "P2", "P3", "P4")[t % 5]),)))
        assert await journal.submit(press(1_000)).committed
        await settled_upkeep(journal)
        health = journal.health()
        assert health.pruned_outbox == 160
        assert "nothing left but alarms" in health.reason
        assert {r.severity for r in await journal.rows(1_000, ())} == {"P0", "P1", "P2"}
        assert health.outbox_rows == 240
        assert await journal.submit(press(1_001)).committed
    with export(path) as rows:
        assert len(list(rows)) == 402


async def test_cap_spares_what_a_restart_from_the_older_snapshot_needs(path: Path) -> None:
    limits = Limits(max_bytes=60_000, reserve_bytes=0)
    async with opened(path, limits) as (journal, _):
        for t in range(1_000):
            journal.submit(motion(t))
        assert await journal.submit_snapshot({"n": 1})
        for t in range(1_000, 1_300):
            journal.submit(motion(t))
        assert await journal.submit_snapshot({"n": 2})
        await settled_upkeep(journal)
        assert journal.health().pruned_routine > 0
    with export(path) as rows:
        assert {row.observation.t for row in rows} >= set(range(1_000, 1_300))


def test_limits_below_what_the_rules_ask_are_refused() -> None:
    with pytest.raises(ValueError, match="90 days"):
        Limits(alarm_keep_ms=89 * DAY)
    with pytest.raises(ValueError, match="30 days"):
        Limits(routine_keep_ms=31 * DAY)


# -- schema -------------------------------------------------------------------------------------------------------


async def test_a_newer_schema_is_refused_and_nothing_is_changed(path: Path) -> None:
    async with opened(path) as (journal, _):
        journal.submit(press(1))
    with sqlite3.connect(path) as db:
        schema.put_meta(db, "schema", schema.VERSION + 1)
    db.close()
    before = await asyncio.to_thread(path.read_bytes)
    with pytest.raises(SchemaNewer, match="Install the version"):
        await asyncio.to_thread(Journal.open, path, SMALL)
    with pytest.raises(SchemaNewer):
        export(path)
    assert await asyncio.to_thread(path.read_bytes) == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["journal.db", "journal.db.lock"]


async def test_an_older_schema_is_brought_up_in_one_step(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(path) as (journal, _):
        journal.submit(press(1))
    now = schema.VERSION
    monkeypatch.setattr(schema, "VERSION", now + 1)
    monkeypatch.setitem(schema.TABLES, "more", "CREATE TABLE more(id INTEGER PRIMARY KEY)")
    with pytest.raises(JournalUnavailable, match="could not be brought"):  # the step is not there yet
        await asyncio.to_thread(Journal.open, path, SMALL)
    monkeypatch.setitem(schema.MIGRATIONS, now, lambda db: db.execute(schema.TABLES["more"]))
    found = await contents(path)
    assert [o.t for o, _ in found["tail"]] == [1]
    assert found["problems"] == []
    with sqlite3.connect(path) as db:
        assert schema.get_meta(db, "schema") == now + 1
    db.close()


async def test_a_journal_of_schema_1_goes_on_and_its_rows_read_as_they_were(path: Path) -> None:
    """`golden/journal-schema-1.db` was written by the code of schema 1: full words, receipts in `log`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(shutil.copy, Path(__file__).parent / "golden" / "journal-schema-1.db", path)
    async with opened(path) as (journal, found):
        assert found.problems == []
        assert found.snapshot == {"n": 1}
        assert [o for o, _ in found.tail] == [press(4).observation, motion(5).observation]
        assert found.memory == {"ble:A4C138": {"counter": 2}}
        named = [(s.action, s.created_t) for s in found.pending]
        texts = [a for name in "ab" for a in four_actions(name) if not isinstance(a, Publish)]
        assert named == [(a, 2 if n < 3 else 4) for n, a in enumerate(texts)]
        (row,) = await journal.rows(10, ())
        assert row.body == publish("b").body
        assert await journal.submit(press(6, four_actions("c"))).committed
        journal.submit(acknowledged(7, row.seq))
    with export(path) as rows:
        assert [r.observation.t for r in rows] == [1, 2, 3, 4, 5, 6, 7]
    again = await contents(path)
    assert [r.body for r in again["rows"]] == [publish("c").body]
    assert again["problems"] == []
    with sqlite3.connect(path) as db:
        assert schema.get_meta(db, "schema") == schema.VERSION
        assert [r[0] for r in db.execute("SELECT t FROM log ORDER BY id")] == [1, 3, 5], "nothing old was rewritten"
    db.close()


# -- export -------------------------------------------------------------------------------------------------------


async def test_export_reads_while_the_gateway_writes(path: Path) -> None:
    async with opened(path) as (journal, _):
        for t in range(10):
            journal.submit(motion(t))
        first = journal.submit_snapshot({"until": 9})
        await journal.submit(press(20)).committed
        assert await first
        with export(path, since_t=15) as rows:
            assert (rows.snapshot, rows.snapshot_t, rows.epoch) == ({"until": 9}, 9, journal.epoch)
            await journal.submit(press(30)).committed
            assert [(r.log_id, r.observation.t, r.wall_ms, r.trust) for r in rows] == [
                (11, 20, 1_767_000_000_020, "NTP"),
                (12, 30, 1_767_000_000_030, "NTP"),
            ]
            assert rows.problems == []
        with export(path, since_t=5) as rows:  # before the first snapshot: from the start
            assert rows.snapshot is None
            assert [r.observation.t for r in rows] == [*range(10), 20, 30]


async def test_export_of_nothing_is_said_so(path: Path) -> None:
    with pytest.raises(JournalUnavailable):
        export(path)
    await asyncio.to_thread(path.write_bytes, b"not a database" * 100)
    with pytest.raises(JournalUnavailable, match="repairs"):
        export(path)


async def test_actions_of_a_newer_version_are_reported_not_lost_in_silence(path: Path) -> None:
    async with opened(path) as (journal, _):
        assert await journal.submit(press(1, (Say("k", "V01"),))).committed
        writer = journal._writer._store
    assert len(writer.index) == 0
    with sqlite3.connect(path) as db:
        from gateway.journal.encoding import crc

        body = b'{"kind":"whistle"}'
        columns = (1, 3, None, "whistle", 1)
        db.execute("UPDATE outbox SET kind='whistle', body=?, crc=?", (body, crc("outbox", body, *columns)))
    db.close()
    async with opened(path) as (_, found):
        assert found.pending == []
        assert [p.code for p in found.problems] == ["ROW_QUARANTINED"]
        assert "whistle" in found.problems[0].text
