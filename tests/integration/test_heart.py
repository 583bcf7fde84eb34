"""Decision 2 at work: durable before done, and a broken disk that silences no call. Real heart, real journal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from stopwatch import stopwatch

from gateway.actions import Publish, Say, Text
from gateway.clock import Clock, host_sources
from gateway.controller import Controller
from gateway.home.model import Contact, Device, HomeView
from gateway.journal import Journal, Seam, StoredAction
from gateway.observations import Kind, Report
from gateway.runtime.heart import Heart

HOME = HomeView(
    devices={"b": Device("b", "button")},
    contacts=(Contact("c1", 1),),
    settings={"call_button.pre_alarm_s": 0},
)


class Disk:
    """Stands between journal and disk: sleeps or fails at each commit, as told."""

    def __init__(self) -> None:
        self.tries = 0
        self.sleep_s = 0.0
        self.error: OSError | None = None

    def __call__(self) -> None:
        self.tries += 1
        time.sleep(self.sleep_s)
        if self.error is not None:
            raise self.error


@pytest.fixture
async def alive(tmp_path: Path) -> AsyncIterator[tuple[Heart, Disk, list[tuple[float, StoredAction]]]]:
    disk = Disk()
    journal, _ = await asyncio.to_thread(Journal.open, tmp_path / "journal.db", seam=Seam(before_commit=disk))
    heart = Heart(Controller(HOME), Clock(host_sources()), journal)
    carried: list[tuple[float, StoredAction]] = []
    heart.carry = lambda stored: carried.append((time.monotonic(), stored))
    yield heart, disk, carried
    disk.sleep_s, disk.error = 0.0, None
    heart.stop()
    await journal.close()


async def until(true: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come"
        await asyncio.sleep(0.01)


async def test_nothing_is_carried_out_before_it_is_durable(
    alive: tuple[Heart, Disk, list[tuple[float, StoredAction]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    heart, disk, carried = alive
    monkeypatch.setattr("gateway.runtime.heart.ACT_FROM_MEMORY_S", 60.0)  # a busy machine is no broken disk
    durable: list[bool] = []
    heart.carry = lambda stored: (
        carried.append((time.monotonic(), stored)),
        durable.append(submitted.committed.done()),
    )
    disk.sleep_s = 0.2
    submitted = heart.take(Report(Kind.BUTTON, "press", "b"))
    assert carried == []
    assert await submitted.committed
    await until(lambda: len(carried) == len(submitted.stored))
    assert all(durable)
    assert {s.action.kind for _, s in carried} >= {"say", "text", "publish"}


async def test_the_longest_way_begins_first_and_home_comes_last(
    alive: tuple[Heart, Disk, list[tuple[float, StoredAction]]],
) -> None:
    """A text takes rounds of the loop to its port: the message and the lamp are done while its thread writes."""
    heart, _, carried = alive
    rounds: dict[str, int] = {}
    passed = 0

    def carry(stored: StoredAction) -> None:
        carried.append((time.monotonic(), stored))
        rounds.setdefault(stored.action.kind, passed)

    heart.carry = carry
    submitted = heart.take(Report(Kind.BUTTON, "press", "b"))
    while len(carried) < len(submitted.stored):
        passed += 1
        await asyncio.sleep(0)
    kinds = [s.action.kind for _, s in carried]
    assert kinds == sorted(kinds, key=lambda kind: {"text": 0, "call": 0, "publish": 1}.get(kind, 2))
    assert rounds["publish"] - rounds["text"] <= 3
    assert {s.id for _, s in carried} == {s.id for s in submitted.stored}


async def test_a_disk_that_hangs_delays_a_call_by_half_a_second_and_no_more(
    alive: tuple[Heart, Disk, list[tuple[float, StoredAction]]],
) -> None:
    heart, disk, carried = alive
    disk.sleep_s = 5.0
    async with stopwatch() as watch:  # what the machine kept us from running is not the gateway's
        pressed = time.monotonic()
        heart.take(Report(Kind.BUTTON, "press", "b"))
        await until(lambda: any(isinstance(s.action, Text) for _, s in carried))
        assert carried[0][0] - pressed > 0.4
        assert watch.s < 2.0  # invariant (iv): 2 s, the disk included


async def test_a_disk_that_fails_does_not_silence_a_call_and_the_platform_learns_it(
    alive: tuple[Heart, Disk, list[tuple[float, StoredAction]]],
) -> None:
    heart, disk, carried = alive
    disk.error = OSError(5, "Input/output error")
    submitted = heart.take(Report(Kind.BUTTON, "press", "b"))
    await until(lambda: {"say", "text", "publish"} <= {s.action.kind for _, s in carried})
    rows = await heart.journal.rows(10, ())
    assert [r.body["state"] for r in rows] == ["RAISED"]
    assert rows[0].body["durable"] is False
    assert not submitted.committed.done()
    disk.error = None  # the disk is back: what was acted on from memory is written after all
    assert await asyncio.wait_for(submitted.committed, 30)
    rows = await heart.journal.rows(10, ())
    assert "durable" not in rows[0].body


async def test_each_action_is_carried_out_once_whatever_the_disk_does(
    alive: tuple[Heart, Disk, list[tuple[float, StoredAction]]],
) -> None:
    heart, disk, carried = alive
    disk.sleep_s = 0.8
    submitted = heart.take(Report(Kind.BUTTON, "press", "b"))
    await submitted.committed
    await asyncio.sleep(0.3)
    ids = [s.id for _, s in carried]
    assert len(ids) == len(set(ids))
    assert [s.action.prompt for _, s in carried if isinstance(s.action, Say)] == ["V02"]
    assert sum(isinstance(s.action, Publish) for _, s in carried) == 1


async def test_a_tick_without_consequence_writes_nothing(
    alive: tuple[Heart, Disk, list[tuple[float, StoredAction]]],
) -> None:
    heart, _, _ = alive
    await heart.take(Report(Kind.BUTTON, "press", "b")).committed
    before = heart.journal.health().log_rows
    for _ in range(20):
        heart.tick()
    await heart.take(Report(Kind.CANCEL, None)).committed
    assert heart.journal.health().log_rows <= before + 2  # the cancel, and finished actions
