"""What the journal keeps, and for how long: snapshots, routine and alarms, the cap in bytes."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from journal_rig import DAY, contents, motion, opened, press, publish, received

from gateway.journal import (
    Journal,
    Limits,
    export,
)
from gateway.observations import Kind


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


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
