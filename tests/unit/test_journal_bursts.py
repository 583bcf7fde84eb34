"""A burst of routine observations: committed as it comes, none dropped for want of room in memory."""

from __future__ import annotations

import asyncio
from pathlib import Path

from journal_rig import all_rows, motion, opened, press, publish, received

from gateway.journal import Limits, Seam, export
from gateway.journal.writer import MAX_GROUP_PARTS


async def test_a_full_group_does_not_wait_for_its_second(tmp_path: Path) -> None:
    """Else a burst of more than a second's cap of waiting entries would be dropped on a healthy disk."""
    patient = Limits(reserve_bytes=0, group_s=600.0)
    async with opened(tmp_path / "journal.db", patient) as (journal, _):
        for burst in range(3):  # more than the cap in all
            entries = range(patient.backlog_routine - MAX_GROUP_PARTS)
            futures = [journal.submit(motion(burst)).committed for _ in entries]
            assert await asyncio.wait_for(futures[-MAX_GROUP_PARTS], 60)  # what is left is less than a group
        assert journal.health().dropped_routine == 0


async def test_a_receipt_waits_for_company_and_goes_with_the_next_alarm_in_one_commit(tmp_path: Path) -> None:
    """Waking the disk's thread and flushing is nearly all of what a routine entry costs."""
    commits: list[int] = []
    patient = Limits(reserve_bytes=0, group_s=600.0)
    seam = Seam(before_commit=lambda: commits.append(1))
    async with opened(tmp_path / "journal.db", patient, seam=seam) as (journal, _):
        first = journal.submit(press(1, (publish("a"),)))
        assert await first.committed
        (stored,) = first.stored
        assert stored.seq is not None
        receipt = journal.submit(received(2, stored.seq))
        routine = journal.submit(motion(3))
        await asyncio.sleep(0.05)
        assert commits == [1], "the disk has heard of neither"
        assert not receipt.committed.done()
        assert await journal.submit(press(4)).committed
        assert receipt.committed.result()
        assert routine.committed.result()
        assert commits == [1, 1]
        assert await all_rows(journal) == []
    with export(tmp_path / "journal.db") as rows:
        assert [row.observation.t for row in rows] == [1, 2, 3, 4]


async def test_nothing_waits_longer_than_a_group_may(tmp_path: Path) -> None:
    async with opened(tmp_path / "journal.db", Limits(reserve_bytes=0, group_s=0.1)) as (journal, _):
        assert await asyncio.wait_for(journal.submit(motion(1)).committed, 60)


async def test_somebody_in_a_hurry_takes_the_open_group_along(tmp_path: Path) -> None:
    async with opened(tmp_path / "journal.db", Limits(reserve_bytes=0, group_s=600.0)) as (journal, _):
        journal.hurry()  # with nothing open that is no work
        committed = journal.submit(motion(1)).committed
        journal.hurry()
        assert await asyncio.wait_for(committed, 60)


async def test_what_still_waits_at_the_end_is_written(tmp_path: Path) -> None:
    async with opened(tmp_path / "journal.db", Limits(reserve_bytes=0, group_s=600.0)) as (journal, _):
        committed = journal.submit(motion(1)).committed
    assert committed.result()
