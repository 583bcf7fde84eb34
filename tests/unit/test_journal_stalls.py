"""A card that stalls for a second while somebody else writes: a durable alarm is late, never forgotten."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest
from journal_rig import SMALL, motion, opened, press, publish

from gateway.journal import JournalUnavailable, Seam


async def test_a_stalled_disk_is_not_an_empty_outbox(tmp_path: Path) -> None:
    """`[]` would tell the link that nothing waits, and it would sleep until the next event at home."""
    stall, stalled = threading.Event(), threading.Event()

    def before_commit() -> None:
        if stall.is_set():
            stalled.set()
            while stall.is_set():
                stall.wait(0.01)
                threading.Event().wait(0.01)

    async with opened(tmp_path / "journal.db", SMALL, seam=Seam(before_commit)) as (journal, _):
        assert await journal.submit(press(1, (publish("alarm"),))).committed
        stall.set()
        routine = journal.submit(motion(2, urgent=True)).committed
        await asyncio.to_thread(stalled.wait, 5)
        with pytest.raises(TimeoutError):
            await journal.rows(10, ())
        stall.clear()
        assert await routine
        assert [row.body["name"] for row in await journal.rows(10, ())] == ["alarm"]


async def test_an_outbox_that_cannot_be_read_is_not_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    async with opened(tmp_path / "journal.db") as (journal, _):
        assert await journal.submit(press(1, (publish("alarm"),))).committed
        monkeypatch.setattr(journal._writer._store, "rows", unreadable)
        with pytest.raises(JournalUnavailable, match="I/O error"):
            await journal.rows(10, ())
        monkeypatch.undo()
        assert [row.body["name"] for row in await journal.rows(10, ())] == ["alarm"]
