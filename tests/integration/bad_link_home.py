"""For the tests of bad links: a gateway's link on a real journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mqtt_home import now_ms

from gateway.actions import Publish
from gateway.journal import Entry, Journal, Limits
from gateway.observations import Kind, Observation
from gateway.upstream.link import PathState, Upstream
from gateway.upstream.settings import UpstreamSettings

WALL_MS = 1_767_225_600_000


class JournalHome:
    """The real outbox and the real link, as the runtime wires them. Severity decides the priority."""

    def __init__(self, journal: Journal, settings: UpstreamSettings) -> None:
        self.journal = journal
        self.states: list[PathState] = []
        self.published = 0
        self.link = Upstream(
            settings, "gw-1", "jinjiang", journal.epoch, journal.rows, self._ack, lambda _: None,
            lambda state, _why: self.states.append(state), now_ms=now_ms, boot="boot-1",
        )  # fmt: skip

    async def put(self, severity: str = "P3", count: int = 1) -> int:
        """Commits messages of one severity; returns the last one's seq once it is durable."""
        submitted = None
        for _ in range(count):
            self.published += 1
            channel = "alarm" if severity in ("P0", "P1") else "event"
            body = {"code": "CALL_FIXED" if channel == "alarm" else "MAINS_FAIL", "alarm": self.published}
            publish = Publish(f"k{self.published}", channel, body, severity)
            submitted = self.journal.submit(
                Entry(
                    Observation(Kind.TICK, None, now_ms()),
                    (),
                    WALL_MS,
                    "NTP",
                    actions=(publish,),
                    urgent=True,
                )
            )
        assert submitted is not None
        assert await submitted.committed
        self.link.wake()
        seq = submitted.stored[0].seq
        assert seq is not None
        return seq

    def _ack(self, word: dict[str, Any]) -> Any:
        observation = Observation(Kind.ACK, {"seq": word["seq"]}, now_ms())
        return self.journal.submit(Entry(observation, (), WALL_MS, "NTP", acked=tuple(word["seq"]))).committed

    async def waiting(self) -> int:
        """Rows in the outbox, up to 10,000."""
        return len(await self.journal.rows(10_000, ()))


@asynccontextmanager
async def journal_home(
    folder: Path, settings: UpstreamSettings, limits: Limits | None = None
) -> AsyncIterator[JournalHome]:
    """Opened, running, and closed at the end."""
    limits = limits or Limits(reserve_bytes=0)
    journal, _ = await asyncio.to_thread(Journal.open, folder / "journal.db", limits)
    home = JournalHome(journal, settings)
    running = asyncio.create_task(home.link.run())
    try:
        yield home
        if running.done():
            running.result()
        assert not running.done(), "the link never ends by itself"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await journal.close()
