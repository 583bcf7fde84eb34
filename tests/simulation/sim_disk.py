"""A model of the journal that keeps exactly what was committed, on a disk that is slow, full, failing or cut off.

It promises what `gateway.journal` promises and no more: order of commits is order of submission, a commit is all or
nothing, an urgent entry flushes the open group, routine ones wait a second. `tests/powercut` shows that the real one
keeps these promises; here they are taken for granted so that thousands of days fit in a minute.
"""

from __future__ import annotations

import asyncio
import json
import marshal
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.actions import PRIORITY, Action, Publish, Text, from_json, to_json
from gateway.journal import ACT_FROM_MEMORY_S, Entry, Mark, Recovered, StoredAction, Submitted
from gateway.observations import Observation

GROUP_S: Final = 1.0
RETRY_S: Final = 5.0
HEALTHY_MS: Final = 4  # a flush of an SD card
SLOW_MS: Final = 3_000

Told = Callable[["Row"], None]


Stored = tuple[int, "int | None", int, bytes]
"""An action: its id, its seq if it is a message, when it was asked for, and what was written."""


@dataclass(slots=True)
class Row:
    """One entry as it lies on the disk: what came of it is bytes, so that nobody can change it any more. They cost a
    fifth of JSON's price, and go through JSON where they are read after a crash."""

    observation: Observation
    events: bytes  # none for none
    mark: Mark
    memory: tuple[str, Any] | None
    stored: list[Stored]
    texts: dict[int, tuple[str, int]]  # id of each text it asks for: its key, its alarm
    done: tuple[int, ...]
    acked: tuple[int, ...]
    droppable: bool


@dataclass(slots=True)
class Disk:
    """What survives. `mode`: ok, slow, failing, full. `trap`: crash just before or after the next urgent commit."""

    rows: list[Row] = field(default_factory=list)
    snapshots: list[tuple[int, bytes]] = field(default_factory=list)  # (rows before it, state)
    memory: dict[str, Any] = field(default_factory=dict)
    pending: dict[int, tuple[int | None, int, bytes]] = field(default_factory=dict)
    outbox: dict[int | None, tuple[int, Publish]] = field(default_factory=dict)  # seq: its id, and what was written
    next_id: int = 1
    next_seq: int = 1
    mode: str = "ok"
    trap: str = ""
    told: Told = lambda _: None
    lost_at_crash: int = 0

    def commit(self, row: Row) -> None:
        self.rows.append(row)
        if row.memory is not None:
            self.memory[row.memory[0]] = row.memory[1]
        for action_id, seq, created, written in row.stored:
            self.pending[action_id] = (seq, created, written)
            if seq is not None:
                self.outbox[seq] = (action_id, _message(written))
        for action_id in (*row.done, *(self.outbox[seq][0] for seq in row.acked if seq in self.outbox)):
            seq, _, _ = self.pending.pop(action_id, (None, 0, b""))
            self.outbox.pop(seq, None)
        self.told(row)

    def recover(self) -> Recovered:
        """What a restart finds."""
        upto, state = self.snapshots[-1] if self.snapshots else (0, None)
        tail = [(row.observation, tuple(_read(row.events)) if row.events else ()) for row in self.rows[upto:]]
        pending = [
            StoredAction(i, seq, from_json(_read(written)), created)
            for i, (seq, created, written) in sorted(self.pending.items())
            if seq is None
        ]
        return Recovered(
            snapshot=None if state is None else _read(state),
            tail=tail,
            tail_rows=len(tail),
            pending=pending,
            memory=json.loads(json.dumps(self.memory)),
            mark=self.rows[-1].mark if self.rows else None,
            fresh=not self.rows,
        )


def _read(written: bytes) -> Any:
    """As JSON has it."""
    return json.loads(json.dumps(marshal.loads(written)))


def _message(written: bytes) -> Publish:
    """A message as it was when it was written; the platform's link is a model, and it is not read as after a crash."""
    row = marshal.loads(written)
    assert row.pop("kind") == Publish.kind
    return Publish(**row)


@dataclass(slots=True)
class _Waiting:
    part: Row | bytes  # an entry, or a snapshot's state
    committed: asyncio.Future[bool]
    since: float
    urgent: bool


class ModelJournal:
    """What `Heart`, `Carrier` and the platform see of a journal."""

    def __init__(self, disk: Disk, crash: Callable[[], None]) -> None:
        self.epoch = "c0ffee"
        self._disk = disk
        self._crash = crash
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Waiting] = deque()
        self._flush: asyncio.TimerHandle | None = None

    def submit(self, entry: Entry) -> Submitted:
        """Gives ids at once, commits when the disk can."""
        stored = tuple(self._named(action, entry.observation.t) for action in entry.actions)
        row = Row(
            entry.observation,
            marshal.dumps(entry.events) if entry.events else b"",
            Mark(entry.observation.t, entry.wall_ms, entry.trust),
            entry.memory,
            [(s.id, s.seq, s.created_t, marshal.dumps(to_json(s.action))) for s in stored],
            {s.id: (s.action.key, s.action.alarm or 0) for s in stored if isinstance(s.action, Text)},
            entry.done,
            entry.acked,
            entry.droppable,
        )
        committed = self._loop.create_future()
        if self._disk.mode == "full" and entry.droppable:
            committed.set_result(False)
        else:
            self._waiting.append(_Waiting(row, committed, self._loop.time(), entry.urgent))
            self._arm(entry.urgent)
        return Submitted(stored, committed)

    def _named(self, action: Action, t: int) -> StoredAction:
        disk, seq = self._disk, None
        if isinstance(action, Publish):
            seq, disk.next_seq = disk.next_seq, disk.next_seq + 1
        disk.next_id += 1
        return StoredAction(disk.next_id - 1, seq, action, t)

    def submit_snapshot(self, state: dict[str, Any]) -> asyncio.Future[bool]:
        """The state after all entries submitted so far."""
        committed = self._loop.create_future()
        kept = marshal.dumps(state)
        self._waiting.append(_Waiting(kept, committed, self._loop.time(), False))
        self._arm(False)
        return committed

    def hurry(self) -> None:
        """Somebody waits for the open group."""
        if self._waiting:
            self._arm(True)

    def _arm(self, urgent: bool) -> None:
        latency = (SLOW_MS if self._disk.mode == "slow" else HEALTHY_MS) / 1000
        when = self._loop.time() + latency + (0 if urgent else GROUP_S)
        if self._flush is not None:
            if self._flush.when() <= when:
                return
            self._flush.cancel()
        self._flush = self._loop.call_at(when, self._commit)

    def _commit(self) -> None:
        self._flush = None
        disk = self._disk
        if disk.mode == "failing":
            self._flush = self._loop.call_later(RETRY_S, self._commit)
            return
        urgent = any(w.urgent for w in self._waiting)
        if urgent and disk.trap == "before":
            self._crash()
        while self._waiting:
            waiting = self._waiting.popleft()
            if isinstance(waiting.part, bytes):
                disk.snapshots = [*disk.snapshots[-1:], (len(disk.rows), waiting.part)]
            else:
                disk.commit(waiting.part)
            if not waiting.committed.done():
                waiting.committed.set_result(True)
        if urgent and disk.trap == "after":
            self._crash()

    def flush(self) -> None:
        """Everything handed in is on the disk now."""
        if self._waiting:
            self._commit()

    def messages(self) -> list[tuple[int, Publish]]:
        """Messages the platform may be sent now: durable ones, and what the disk has kept waiting for 500 ms."""
        if not self._disk.outbox and not self._waiting:
            return []
        found = [(seq, action) for seq, (_, action) in self._disk.outbox.items()]
        limit = self._loop.time() - ACT_FROM_MEMORY_S
        acked = {seq for w in self._waiting if isinstance(w.part, Row) for seq in w.part.acked}
        for waiting in self._waiting:
            if isinstance(waiting.part, Row) and waiting.since < limit:
                found += [(seq, _message(written)) for _, seq, _, written in waiting.part.stored if seq is not None]
        found = [(seq, action) for seq, action in found if seq not in acked]
        return sorted(found, key=lambda row: (PRIORITY.get(row[1].severity, 3), row[0]))

    def lost(self) -> int:
        """Entries that die with the process."""
        return sum(isinstance(w.part, Row) for w in self._waiting)
