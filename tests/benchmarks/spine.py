"""Heart and journal without drivers and channels, and homes that give them something to do."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from gateway.clock import Clock, Sources, host_sources
from gateway.controller import Controller
from gateway.home.model import HomeView, view_from_json
from gateway.journal import Journal, Limits, Submitted
from gateway.observations import Kind, Report
from gateway.runtime.heart import Heart

RAM = Path("/dev/shm")
BACKLOG = {True: 300, False: 1_500}
"""Entries, urgent or routine, that may wait for the disk before the feeder waits too: routine ones are capped at 2,000,
an urgent one that waits for half a second would be acted on from memory."""


def home_view(buttons: int, motions: int = 20, **settings: float) -> HomeView:
    """One elder, call buttons and motion sensors; `settings` with `__` for the dot of a parameter."""
    return view_from_json(
        {
            "revision": 1,
            "rooms": {"r1": "卧室"},
            "devices": [
                *({"id": f"button-{i}", "kind": "button", "room": "r1"} for i in range(buttons)),
                *({"id": f"pir-{i}", "kind": "motion", "room": "r1"} for i in range(motions)),
            ],
            "contacts": [],
            "consents": {"MONITORING": True},
            "settings": {name.replace("__", "."): value for name, value in settings.items()},
        }
    )


@contextlib.contextmanager
def folder(where: Path | None = None) -> Iterator[Path]:
    """A directory of its own on the disk (or at `where`), gone afterwards."""
    made = Path(tempfile.mkdtemp(prefix="hearthwatch-bench-", dir=where))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


class Feeder:
    """Gives reports to a heart as fast as the journal takes them."""

    def __init__(self, heart: Heart, *, urgent: bool) -> None:
        self.heart = heart
        self._backlog = BACKLOG[urgent]
        self._last: Submitted | None = None
        self._given = 0

    async def give(self, report: Report, *, done: tuple[int, ...] = ()) -> Submitted:
        """One report; waits while too much is not durable yet."""
        submitted = self._last = self.heart.take(report, done=done)
        self._given += 1
        if self._given % 50 == 0:
            await asyncio.sleep(0)  # futures of what is durable are settled in the loop
            while self.heart.journal.health().waiting > self._backlog:  # noqa: ASYNC110
                await asyncio.sleep(0.002)  # a feeder may poll; the gateway may not
        return submitted

    async def settled(self) -> None:
        """All that was given is durable."""
        if self._last is not None:
            assert await self._last.committed


@contextlib.asynccontextmanager
async def spine(
    state: Path, view: HomeView, limits: Limits | None = None, sources: Sources | None = None
) -> AsyncIterator[Heart]:
    """The real heart over the real journal; actions count as carried out at once."""
    journal, _ = await asyncio.to_thread(Journal.open, state / "journal.db", limits or Limits(reserve_bytes=0))
    heart = Heart(Controller(view, trust="NTP"), Clock(sources or host_sources()), journal)
    heart.carry = lambda stored: heart.finished(stored.id)
    try:
        yield heart
    finally:
        heart.stop()
        await journal.close()


def close_alarm(number: int) -> Report:
    """The platform's desk ends an alarm."""
    value = {"alarm": number, "stage": "CLOSED", "by": "desk", "outcome": "HELPED"}
    return Report(Kind.ACK, value)
