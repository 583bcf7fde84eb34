"""The journal after damage: flipped bits, cut files, lost files. Found and reported, or harmless; never silence."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from journal_rig import SMALL, contents, four_actions, motion, opened, press, publish

from gateway.journal import Journal, JournalUnavailable, Problem, export, salvage, schema, wal
from gateway.journal.opening import MAX_CORRUPT_KEPT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


async def lived_in(path: Path, entries: int = 60) -> dict[str, Any]:
    """A journal with a bit of everything, closed; returns what a restart should find."""
    async with opened(path) as (journal, _):
        for t in range(entries):
            journal.submit(press(t, four_actions(str(t))) if t % 6 == 0 else motion(t, memory=(f"pir{t % 4}", t)))
            if t in (entries // 3, entries // 2):
                journal.submit_snapshot({"at": t, "learned": list(range(200))})
    return await contents(path)


def edit(path: Path, sql: str, *values: Any) -> None:
    """Damages a row behind the journal's back, as a flipped bit would."""
    db = sqlite3.connect(path, isolation_level=None)
    assert db.execute(sql, values).rowcount > 0
    db.close()


def codes(problems: list[Problem]) -> list[str]:
    return [str(p.code) for p in problems]


def same(found: dict[str, Any], expected: dict[str, Any]) -> bool:
    return {**found, "problems": []} == {**expected, "problems": []}


# -- single rows --------------------------------------------------------------------------------------------------


async def test_a_damaged_log_row_is_left_out_kept_aside_and_reported_once(path: Path) -> None:
    expected = await lived_in(path)
    edit(path, "UPDATE log SET body=replace(body, 'kitchen', 'Kitchen') WHERE id=45")
    async with opened(path) as (journal, found):
        assert codes(found.problems) == ["ROW_QUARANTINED"]
        assert "log row 45" in found.problems[0].text
        assert [o.t for o, _ in found.tail] == [o.t for o, _ in expected["tail"] if o.t != 44]
        assert journal.health().quarantined == 1
    db = sqlite3.connect(path)
    ((body,),) = db.execute("SELECT body FROM quarantine WHERE source='log' AND name='45'").fetchall()
    db.close()
    assert b"Kitchen" in body if isinstance(body, bytes) else "Kitchen" in body
    assert (await contents(path))["problems"] == []


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE log SET t=t+64 WHERE id=45",
        "UPDATE log SET crc=crc+1 WHERE id=45",
        "UPDATE log SET body=NULL WHERE id=45",
        "UPDATE record SET id=id+900 WHERE id=55",
        "UPDATE log SET id=29 WHERE id=45",  # now before the tail, where nobody would look
        "UPDATE memory SET body=x'31' WHERE name='pir1'",
        "UPDATE memory SET name='pir5' WHERE name='pir1'",
        "UPDATE outbox SET prio=1 WHERE id=4",
        "UPDATE outbox SET seq=9000 WHERE id=4",
        "UPDATE outbox SET kind='tex' WHERE id=3",
        "UPDATE outbox SET created=5 WHERE id=2",
        "UPDATE outbox SET id=500 WHERE id=1",
    ],
)
async def test_every_column_of_a_row_is_covered_by_its_checksum(path: Path, sql: str) -> None:
    expected = await lived_in(path)
    if "id=29" in sql:  # the row that stands there makes way; the tail begins at 32
        edit(path, "DELETE FROM log WHERE id BETWEEN 29 AND 31")
    edit(path, sql)
    found = await contents(path)
    assert codes(found["problems"]) == ["ROW_QUARANTINED"]
    assert not same(found, expected)


async def test_a_message_damaged_while_running_is_reported_and_the_others_go(path: Path) -> None:
    problems: list[Problem] = []
    async with opened(path, on_problem=problems.append) as (journal, _):
        for t in range(3):
            journal.submit(press(t, (publish(str(t)),)))
        await journal.submit(press(9)).committed
        edit(path, "UPDATE outbox SET body=x'00' WHERE seq=2")
        assert [r.seq for r in await journal.rows(10, ())] == [1, 3]
        assert codes(problems) == ["ROW_QUARANTINED"]
        assert journal.health().quarantined == 1
        edit(path, "DELETE FROM outbox WHERE seq=3")
        assert [r.seq for r in await journal.rows(10, ())] == [1]
        assert "vanished" in problems[1].text


async def test_a_bad_newest_snapshot_falls_back_to_the_older_with_a_longer_tail(path: Path) -> None:
    expected = await lived_in(path)
    assert expected["snapshot"]["at"] == 30
    edit(path, "UPDATE snapshot SET body=substr(body, 2) WHERE id=2")
    found = await contents(path)
    assert codes(found["problems"]) == ["SNAPSHOT_BAD"]
    assert found["snapshot"]["at"] == 20
    assert [o.t for o, _ in found["tail"]] == list(range(21, 60))
    assert found["mark"] == expected["mark"]


async def test_with_no_good_snapshot_the_whole_log_is_the_tail(path: Path) -> None:
    await lived_in(path)
    edit(path, "UPDATE snapshot SET upto=upto+1")
    found = await contents(path)
    assert codes(found["problems"]) == ["SNAPSHOT_BAD", "SNAPSHOT_BAD"]
    assert found["snapshot"] is None
    assert [o.t for o, _ in found["tail"]] == list(range(60))


async def test_export_leaves_damaged_rows_out_and_says_so(path: Path) -> None:
    await lived_in(path)
    edit(path, "UPDATE log SET t=t+1 WHERE id=3")
    with export(path) as rows:
        assert 3 not in [row.log_id for row in rows]
        assert codes(rows.problems) == ["ROW_QUARANTINED"]


# -- the file -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_flipped_bit_in_the_file_is_found_or_harmless(path: Path, tmp_path: Path, seed: int) -> None:
    expected = await lived_in(path)
    good = await asyncio.to_thread(path.read_bytes)
    rng = random.Random(seed)
    header = [(byte, 1 << rng.randrange(8)) for byte in rng.sample(range(100), 12)]
    anywhere = [(rng.randrange(len(good)), 1 << rng.randrange(8)) for _ in range(48)]
    silent = []
    for position, bit in header + anywhere:
        trial = tmp_path / "trial" / "journal.db"
        await asyncio.to_thread(lay_out, trial, flipped(good, position, bit))
        found = await contents(trial)
        if not same(found, expected) and not found["problems"]:
            silent.append((position, bit))
    assert silent == []


def flipped(data: bytes, position: int, bit: int) -> bytes:
    damaged = bytearray(data)
    damaged[position] ^= bit
    return bytes(damaged)


def lay_out(path: Path, main: bytes, log: bytes | None = None) -> None:
    shutil.rmtree(path.parent, ignore_errors=True)
    path.parent.mkdir()
    path.write_bytes(main)
    if log is not None:
        path.with_name(path.name + "-wal").write_bytes(log)


async def crashed(path: Path) -> tuple[dict[str, Any], bytes, bytes]:
    """A journal as a power cut leaves it: what its alarms were, the file and its write-ahead log."""
    async with opened(path) as (journal, _):
        for t in range(20):
            assert await journal.submit(press(t, four_actions(str(t)))).committed
        files = [path.read_bytes(), path.with_name("journal.db-wal").read_bytes()]  # noqa: ASYNC240
    return await contents(path), files[0], files[1]


async def test_a_flipped_bit_in_the_write_ahead_log_is_found_or_harmless(path: Path, tmp_path: Path) -> None:
    expected, main, log = await crashed(path)
    trial = tmp_path / "trial" / "journal.db"
    await asyncio.to_thread(lay_out, trial, main, log)
    whole = await contents(trial)
    assert whole["tail"] == expected["tail"]
    assert whole["problems"] == []
    rng = random.Random(4)
    positions = [*range(56), *(rng.randrange(len(log)) for _ in range(50))]
    lost = 0
    for position in positions:
        await asyncio.to_thread(lay_out, trial, main, flipped(log, position, 1 << rng.randrange(8)))
        found = await contents(trial)
        if found["tail"] != expected["tail"] or found["rows"] != expected["rows"]:
            assert found["problems"], f"byte {position}"
            assert found["tail"] == expected["tail"][: len(found["tail"])] or found["tail"] == []
            lost += 1
    assert lost > 30


async def test_ids_stay_unused_ones_when_the_end_of_the_log_was_lost(path: Path, tmp_path: Path) -> None:
    _, main, log = await crashed(path)
    trial = tmp_path / "trial" / "journal.db"
    await asyncio.to_thread(lay_out, trial, main, flipped(log, 32 + 30, 1))
    async with opened(trial) as (journal, found):
        assert codes(found.problems) == ["TAIL_CUT"]
        assert found.tail_rows < 20
        (stored,) = journal.submit(press(1, (publish("a"),))).stored
        assert stored.seq is not None
        assert stored.seq > 20
        assert stored.id > 80


async def test_a_log_cut_anywhere_leaves_a_prefix(path: Path, tmp_path: Path) -> None:
    expected, main, log = await crashed(path)
    trial = tmp_path / "trial" / "journal.db"
    lengths = set()
    for cut in (*range(0, len(log), len(log) // 25), len(log) - 1):
        await asyncio.to_thread(lay_out, trial, main, log[:cut])
        found = await contents(trial)
        assert found["tail"] == expected["tail"][: len(found["tail"])]
        assert len(found["rows"]) == len(found["tail"])
        lengths.add(len(found["tail"]))
        commit_cut = (cut - 32) % (schema.PAGE_BYTES + wal.FRAME_HEAD_BYTES)
        assert cut < 32 or commit_cut == 0 or found["problems"] or len(found["tail"]) in (0, 20)
    assert {0, 19} <= lengths


async def test_a_file_cut_anywhere_is_found_and_what_can_be_read_is_kept(path: Path, tmp_path: Path) -> None:
    expected = await lived_in(path)
    good = await asyncio.to_thread(path.read_bytes)
    trial = tmp_path / "trial" / "journal.db"
    for cut in [0, 1, 99, 100, 1_023, *range(1_024, len(good), len(good) // 10)]:
        await asyncio.to_thread(lay_out, trial, good[:cut])
        async with opened(trial) as (journal, found):
            assert "DATABASE_QUARANTINED" in codes(found.problems)
            assert not found.fresh
            assert journal.epoch != expected["epoch"]
            assert await journal.submit(press(1)).committed
        assert trial.with_name("journal.corrupt-1").stat().st_size >= cut


async def test_what_life_hangs_on_survives_a_damaged_page(path: Path) -> None:
    expected = await lived_in(path, 600)
    good = bytearray(await asyncio.to_thread(path.read_bytes))
    db = sqlite3.connect(path)
    pages = [p for (p,) in db.execute("SELECT pageno FROM dbstat WHERE name='log' AND pagetype='leaf'")]
    db.close()
    page = pages[len(pages) // 4]
    good[(page - 1) * 1024 : page * 1024] = b"\xa5" * 1024
    await asyncio.to_thread(path.write_bytes, bytes(good))
    async with opened(path) as (journal, found):
        assert codes(found.problems) == ["DATABASE_QUARANTINED"]
        assert "kept 2 of snapshot, 400 of outbox, 4 of memory, 100 of record" in found.problems[0].text
        assert found.pending == expected["pending"]
        assert found.memory == expected["memory"]
        assert found.snapshot == expected["snapshot"]
        assert list(found.tail) == expected["tail"]
        assert found.mark == expected["mark"]
        assert [r.body for r in await journal.rows(1_000, ())] == [r.body for r in expected["rows"]]
        (stored,) = journal.submit(press(10_000, (publish("new"),))).stored
        assert stored.seq is not None
        assert stored.seq > max(r.seq for r in expected["rows"])
    assert path.with_name("journal.corrupt-1").exists()
    assert (await contents(path))["problems"] == []


async def test_one_flipped_bit_in_the_header_costs_no_row(path: Path) -> None:
    expected = await lived_in(path)
    good = await asyncio.to_thread(path.read_bytes)
    await asyncio.to_thread(path.write_bytes, flipped(good, 59, 2))  # the text encoding
    found = await contents(path)
    assert codes(found["problems"]) == ["DATABASE_QUARANTINED"]
    assert {k: found[k] for k in ("rows", "pending", "memory", "snapshot", "tail")} == {
        k: expected[k] for k in ("rows", "pending", "memory", "snapshot", "tail")
    }


async def test_damage_found_while_running_leads_to_a_new_file_and_no_alarm_is_lost(path: Path) -> None:
    problems: list[Problem] = []
    async with opened(path, on_problem=problems.append) as (journal, _):
        for t in range(200):
            journal.submit(press(t, (publish(str(t)),)))
        assert await journal.submit(press(500)).committed
        epoch = journal.epoch
        await asyncio.to_thread(spoil, path)
        alarm = journal.submit(press(501, (publish("after"),)))
        assert await asyncio.wait_for(alarm.committed, 30)
        for _ in range(200):  # told through the loop, from the owner thread
            if problems:
                break
            await asyncio.sleep(0.05)
        assert "DATABASE_QUARANTINED" in codes(problems)
        assert journal.epoch != epoch
        rows = await journal.rows(1_000, ())
        assert [r.body["name"] for r in rows][-1] == "after"
        assert rows[-1].seq == 201
        assert len(rows) > 150
        assert journal.health().state == "OK"
    found = await contents(path)
    assert found["tail"][-1][0].t == 501
    assert found["rows"] == rows


def spoil(path: Path) -> None:
    """Overwrites the page every new record goes through; the owner drops its cache because somebody else wrote."""
    other = sqlite3.connect(path, isolation_level=None)
    page = other.execute("SELECT max(pageno) FROM dbstat WHERE name='record' AND pagetype='internal'").fetchone()[0]
    other.execute("UPDATE meta SET crc=crc")
    while other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        time.sleep(0.02)  # the owner is at its own checkpoint
    other.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * 1024)
        file.write(b"\xa5" * 1024)


async def test_an_unreadable_file_is_kept_and_at_most_three_of_them(path: Path) -> None:
    for n in range(5):
        await asyncio.to_thread(path.write_bytes, b"\x07" * (5_000 + n))
        async with opened(path) as (_, found):
            assert codes(found.problems) == ["DATABASE_QUARANTINED"]
            assert "kept 0 of snapshot" in found.problems[0].text or "nothing" in found.problems[0].text
    kept = sorted(p.name for p in path.parent.glob("*corrupt*"))
    assert kept == ["journal.corrupt-3", "journal.corrupt-4", "journal.corrupt-5"]
    assert len(kept) == MAX_CORRUPT_KEPT


async def test_a_log_without_its_file_is_moved_aside_not_replayed_into_a_new_one(path: Path) -> None:
    _, _, log = await crashed(path)
    await asyncio.to_thread(path.unlink)
    await asyncio.to_thread(path.with_name("journal.db-wal").write_bytes, log)
    async with opened(path) as (_, found):
        assert codes(found.problems) == ["DATABASE_QUARANTINED"]
        assert not found.fresh
        assert found.tail_rows == 0
    assert path.with_name("journal.corrupt-1-wal").exists()


@pytest.mark.parametrize("stop_at", [1, 2, 3])
async def test_a_power_cut_while_replacing_a_damaged_file_is_finished_at_the_next_start(
    path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    expected = await lived_in(path)
    good = await asyncio.to_thread(path.read_bytes)
    await asyncio.to_thread(path.write_bytes, flipped(good, 59, 2))
    with monkeypatch.context() as patched:
        patched.setattr("os.replace", stop_after(stop_at))
        with pytest.raises(JournalUnavailable):
            await asyncio.to_thread(Journal.open, path, SMALL)
    found = await contents(path)
    assert "DATABASE_QUARANTINED" in codes(found["problems"])
    assert (found["rows"], found["memory"]) == (expected["rows"], expected["memory"])


def stop_after(calls: int) -> Callable[[Any, Any], None]:
    from os import replace

    count = 0

    def stopping(source: Any, target: Any) -> None:
        nonlocal count
        count += 1
        if count > calls:
            raise OSError(5, "power cut")
        replace(source, target)

    return stopping


async def test_a_check_that_takes_too_long_is_said_so(path: Path) -> None:
    from gateway.journal import Limits

    await lived_in(path, 600)
    async with opened(path, Limits(reserve_bytes=0, check_s=0.0)) as (_, found):
        assert codes(found.problems) == ["CHECK_UNFINISHED"]
        assert len(list(found.tail)) > 0


def test_salvage_of_what_is_no_database_keeps_nothing(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b"\x07" * 4_096)
    into = schema.create(tmp_path / "new.db", {})
    kept = salvage.salvage(path, into)
    into.close()
    assert set(kept.counts.values()) <= {0}
