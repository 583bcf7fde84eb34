"""The journal of another version, and read from outside beside its owner: schema, export, unknown actions."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest
from journal_rig import SMALL, acknowledged, contents, four_actions, motion, opened, press, publish

from gateway.actions import Publish, Say
from gateway.journal import (
    Journal,
    JournalUnavailable,
    SchemaNewer,
    export,
    schema,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


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
            assert (rows.snapshot, rows.epoch) == ({"until": 9}, journal.epoch)
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
