"""Reading the outbox while being told to stop: the link's loop must hear it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from journal_rig import opened

from gateway.journal.commands import Ask


@pytest.mark.parametrize("ticks", range(6))
async def test_a_stop_that_meets_the_answer_is_not_swallowed(tmp_path: Path, monkeypatch: Any, ticks: int) -> None:
    """Python 3.11's wait_for returns the answer and forgets the cancellation: SIGTERM then hung while rows went out."""
    async with opened(tmp_path / "journal.db") as (journal, _):
        asked: list[Ask] = []
        with monkeypatch.context() as patched:
            patched.setattr(journal._writer, "commands", SimpleNamespace(put=asked.append))
            reading = asyncio.create_task(journal.rows(16, ()))
            await asyncio.sleep(0.01)
            asked[0].answer.set_result([])
            for _ in range(ticks):
                await asyncio.sleep(0)
            told = reading.cancel()
            await asyncio.wait({reading})
        assert reading.cancelled() is told
