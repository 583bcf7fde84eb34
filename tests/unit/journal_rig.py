"""What the journal's tests share: entries as the runtime would make them, a journal opened and closed around a test."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from gateway.actions import Action, Lamp, Publish, Say, Text
from gateway.journal import Entry, Journal, Limits, OutboxRow, Recovered
from gateway.observations import Kind, Observation

SMALL = Limits(reserve_bytes=0)
DAY = 86_400_000


def motion(t: int, **more: Any) -> Entry:
    """A routine observation."""
    return Entry(Observation(Kind.MOTION, True, t, "kitchen-pir"), (), 1_767_000_000_000 + t, "NTP", **more)


def press(t: int, actions: tuple[Action, ...] = (), **more: Any) -> Entry:
    """A call button, pressed: commits at once."""
    observation = Observation(Kind.BUTTON, "press", t, "button", f"ble:A4C138:{t}")
    event = {"alarm": t, "code": "CALL", "severity": "P0", "state": "PRE_ALARM", "device": "button", "room": "bedroom"}
    return Entry(observation, (event,), 1_767_000_000_000 + t, "NTP", actions=actions, urgent=True, **more)


def acknowledged(t: int, *seqs: int) -> Entry:
    """The platform's acknowledgement of some messages."""
    return Entry(Observation(Kind.ACK, {"seq": list(seqs)}, t), (), 1_767_000_000_000 + t, "NTP", acked=seqs)


def received(t: int, *seqs: int) -> Entry:
    """The same as the gateway writes it."""
    value = {"stage": "RECEIVED", "seq": list(seqs)}
    return Entry(Observation(Kind.ACK, value, t), (), 1_767_000_000_000 + t, "NTP", acked=seqs)


def publish(name: str, severity: str = "P0") -> Publish:
    """A message for the platform, with a body of an alarm's usual size."""
    body = {"code": "CALL", "severity": severity, "name": name, "reason": "call button pressed once in the bedroom"}
    return Publish(f"{name}:pub", "alarm", body, severity, 17)


def four_actions(name: str = "a") -> tuple[Action, ...]:
    """What a call that is raised asks for."""
    return (
        Say(f"{name}:say", "V01", {}, 17, "P0"),
        Lamp(f"{name}:lamp", "calling", 17),
        Text(f"{name}:text", "c1", "S01", {"place": "bedroom"}, 17, "P0"),
        publish(name),
    )


@contextlib.asynccontextmanager
async def opened(path: Path, limits: Limits = SMALL, **more: Any) -> AsyncIterator[tuple[Journal, Recovered]]:
    """A journal, closed cleanly at the end."""
    journal, recovered = await asyncio.to_thread(Journal.open, path, limits, **more)
    try:
        yield journal, recovered
    finally:
        await journal.close()


async def all_rows(journal: Journal) -> list[OutboxRow]:
    """All that waits in the outbox. A busy machine may need longer than the half second `rows` gives a disk."""
    for _ in range(60):
        with contextlib.suppress(TimeoutError):
            return await journal.rows(1_000_000, ())
    raise AssertionError("the journal's thread does not answer")


async def contents(path: Path) -> dict[str, Any]:
    """All that a restart would find at `path`, in one comparable value."""
    async with opened(path) as (journal, found):
        return {
            "tail": list(found.tail),
            "snapshot": found.snapshot,
            "pending": found.pending,
            "memory": found.memory,
            "mark": found.mark,
            "rows": await all_rows(journal),
            "epoch": journal.epoch,
            "problems": found.problems,
        }
