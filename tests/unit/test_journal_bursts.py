"""A burst of routine observations: committed as it comes, none dropped for want of room in memory."""

from __future__ import annotations

import asyncio
from pathlib import Path

from journal_rig import motion, opened

from gateway.journal import Limits
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
