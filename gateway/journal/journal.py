"""The journal as the event loop sees it: hand in an entry, get its ids at once and a future for "durable".

Lives in the loop thread and never blocks it: no file, no SQL, no lock is touched here. Gives out ids from blocks the
owner thread wrote down beforehand. Keeps what is not durable yet, so that a broken disk cannot silence an alarm.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gateway.actions import Publish
from gateway.journal.commands import Ask, Close, Parts, ReserveIds
from gateway.journal.encoding import BadRow, Part, SnapshotPart, make_part, pack_state, read_message
from gateway.journal.entry import (
    ACT_FROM_MEMORY_S,
    Entry,
    Health,
    HealthListener,
    JournalError,
    JournalUnavailable,
    Limits,
    Mark,
    OutboxRow,
    Problem,
    ProblemListener,
    Recovered,
    Seam,
    State,
    StoredAction,
    Submitted,
)
from gateway.journal.opening import ID_BLOCK, Marks
from gateway.journal.writer import MAX_GROUP_PARTS, Writer


@dataclass(slots=True)
class _Waiting:
    """A part that is not durable yet."""

    part: Part | SnapshotPart
    committed: asyncio.Future[bool]
    since: float  # loop-independent monotonic seconds


class Journal:
    """Nothing is lost. `open` may be slow and may run in any thread; everything else belongs to one event loop."""

    def __init__(self, path: Path, limits: Limits, seam: Seam) -> None:
        self.epoch = ""
        self.on_health: HealthListener | None = None
        self.on_problem: ProblemListener | None = None
        self._limits = limits
        self._writer = Writer(path, limits, self, seam)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next = Marks()
        self._asked = Marks()  # ids below these are written down as taken, or will be next
        self._mark: Mark | None = None
        self._waiting: dict[int, _Waiting] = {}  # by id of the part object, in the order submitted
        self._carried: dict[str, bytes] = {}  # memory of dropped entries, kept with the next one
        self._group: Parts = []  # routine entries in company: waking the owner thread is most of what one costs
        self._group_timer: asyncio.TimerHandle | None = None
        self._load = {True: [0, 0], False: [0, 0]}  # urgent? -> entries and bytes waiting
        self._dropped = {True: 0, False: 0}
        self._closed = False

    @classmethod
    def open(
        cls,
        path: Path,
        limits: Limits | None = None,
        *,
        on_health: HealthListener | None = None,
        on_problem: ProblemListener | None = None,
        seam: Seam | None = None,
    ) -> tuple[Journal, Recovered]:
        """Opens or makes the journal at `path` and reads what a restart needs.

        Raises `JournalUnavailable` (nothing changed; a journal on a tmpfs lets the gateway run meanwhile),
        `JournalBusy` or `SchemaNewer`. A damaged file is no error but a `Problem` in what was recovered.
        """
        journal = cls(path, limits or Limits(), seam or Seam())
        journal.on_health, journal.on_problem = on_health, on_problem
        start = journal._writer.start()
        journal.epoch, journal._next = start.epoch, start.marks
        journal._asked = start.reserved
        journal._mark = start.recovered.mark
        return journal, start.recovered

    def submit(self, entry: Entry) -> Submitted:
        """Hands an entry in; order of calls is order in the log. Raises TypeError or ValueError if it is not JSON."""
        committed = self._running_loop().create_future()
        stored = self._name(entry)
        part = make_part(entry, self._next.log, stored, self._carried)
        self._mark = Mark(entry.observation.t, entry.wall_ms, entry.trust)
        if self._no_room(part):
            self._dropped[not part.droppable] += 1
            self._carried = dict(part.memory)
            committed.set_result(False)
        else:
            self._next.log += 1
            self._carried = {}
            self._hand_over(part, committed)
        return Submitted(stored, committed)

    def submit_snapshot(self, state: dict[str, Any]) -> asyncio.Future[bool]:
        """Hands in the state after all entries submitted so far; it is copied at once."""
        committed: asyncio.Future[bool] = self._running_loop().create_future()
        part = SnapshotPart(self._next.log - 1, self._mark.t if self._mark else 0, pack_state(state, self._mark))
        if self._no_room(part):
            committed.set_result(False)
        else:
            self._hand_over(part, committed)
        return committed

    def hurry(self) -> None:
        """Commits the open group now: somebody waits for it, and can take in no more before."""
        if self._group_timer is not None:
            self._group_timer.cancel()
            self._group_timer = None
        if self._group:
            self._writer.commands.put(self._group)
            self._group = []

    async def rows(self, limit: int, skip: Collection[int]) -> list[OutboxRow]:
        """Pending messages by (prio, seq), without the seqs in `skip` and those whose acknowledgement is handed in.

        Durable ones; and, when the disk has not taken them for 500 ms, those that wait in memory. Raises TimeoutError
        or `JournalUnavailable` if the disk tells nothing: "none" would be a lie that leaves an alarm lying.
        """
        self._running_loop()
        hidden = {*skip, *(s for w in self._waiting.values() if isinstance(w.part, Part) for s in w.part.acked)}
        answer: concurrent.futures.Future[list[OutboxRow]] = concurrent.futures.Future()
        found: list[OutboxRow] = []
        silent: Exception | None = None
        if not self._closed:
            self._writer.commands.put(Ask(limit, hidden, answer))
            try:
                async with asyncio.timeout(ACT_FROM_MEMORY_S):  # wait_for of 3.11 may swallow a cancellation
                    found = await asyncio.wrap_future(answer)
            except (TimeoutError, JournalUnavailable) as error:
                silent = error
        known = hidden.union(row.seq for row in found)
        found += [row for row in self._overdue() if row.seq not in known]
        if silent is not None and not found:
            raise silent
        return sorted(found, key=lambda row: (row.prio, row.seq))[:limit]

    def health(self) -> Health:
        """How the journal is, this moment: a commit that hangs is SLOW although its thread cannot say so."""
        health = self._writer.health
        started = self._writer.commit_started
        if health.state is State.OK and started is not None and time.monotonic() - started > ACT_FROM_MEMORY_S:
            health = replace(health, state=State.SLOW, reason=f"a commit takes more than {ACT_FROM_MEMORY_S:g} s")
        return replace(
            health, waiting=len(self._waiting), dropped_routine=self._dropped[False], dropped_urgent=self._dropped[True]
        )

    @property
    def alive(self) -> bool:
        """Whether the owner thread lives. A failing disk is no reason to restart: it would cost what memory holds."""
        return self._writer.thread.is_alive()

    async def close(self) -> None:
        """Commits all, checkpoints, ends the thread. What the disk refuses now is given up (its futures say False)."""
        if self._closed:
            return
        self._running_loop()
        self.hurry()
        self._closed = True
        done: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._writer.commands.put(Close(replace(self._next), done))
        await asyncio.wrap_future(done)
        await asyncio.sleep(0)  # the last settled() calls are already in the loop's queue

    # -- in the loop ----------------------------------------------------------------------------------------------

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        self._loop = self._loop or asyncio.get_running_loop()
        return self._loop

    def _name(self, entry: Entry) -> tuple[StoredAction, ...]:
        """Gives the actions their ids and messages their seqs, for good."""
        if self._closed:
            raise JournalError("the journal is closed")
        stored = []
        for action in entry.actions:
            seq = None
            if isinstance(action, Publish):
                seq, self._next.seq = self._next.seq, self._next.seq + 1
            stored.append(StoredAction(self._next.action, seq, action, entry.observation.t))
            self._next.action += 1
        return tuple(stored)

    def _no_room(self, part: Part | SnapshotPart) -> bool:
        """Bounded memory: routine entries beyond their cap go; urgent ones beyond theirs (days of a dead disk)."""
        limits, (entries, size) = self._limits, self._load[not part.droppable]
        if not part.droppable:
            return entries >= limits.backlog_urgent or 0 < size > limits.backlog_urgent_bytes - part.size
        if not self._writer.health.routine_kept:
            return True
        return entries >= limits.backlog_routine or 0 < size > limits.backlog_routine_bytes - part.size

    def _hand_over(self, part: Part | SnapshotPart, committed: asyncio.Future[bool]) -> None:
        self._waiting[id(part)] = _Waiting(part, committed, time.monotonic())
        load = self._load[not part.droppable]
        load[0] += 1
        load[1] += part.size
        self._group.append(part)
        if part.urgent or len(self._group) >= MAX_GROUP_PARTS:  # full: waiting saves no flush
            self.hurry()
        elif self._group_timer is None:
            self._group_timer = self._running_loop().call_later(self._limits.group_s, self.hurry)
        if self._running_short():
            self._asked = self._next.ahead()
            self._writer.commands.put(ReserveIds(self._asked))

    def _running_short(self) -> bool:
        pairs = zip(self._asked.as_json(), self._next.as_json(), strict=True)
        return any(asked - following < ID_BLOCK // 2 for asked, following in pairs)

    def _overdue(self) -> list[OutboxRow]:
        """Messages of entries the disk has not taken for so long that we act from memory; each says so."""
        limit = time.monotonic() - ACT_FROM_MEMORY_S
        rows: list[OutboxRow] = []
        for waiting in self._waiting.values():
            if isinstance(waiting.part, Part) and waiting.since < limit:
                with contextlib.suppress(BadRow):
                    rows += [read_message(a) for a in waiting.part.actions if a.seq is not None]
        return [replace(row, body=row.body | {"durable": False}) for row in rows]

    def _settle(self, parts: Parts, ok: bool) -> None:
        for part in parts:
            waiting = self._waiting.pop(id(part))
            load = self._load[not part.droppable]
            load[0] -= 1
            load[1] -= part.size
            if not ok:
                self._given_up(part)
            if not waiting.committed.done():
                waiting.committed.set_result(ok)

    def _given_up(self, part: Part | SnapshotPart) -> None:
        if isinstance(part, SnapshotPart):
            return
        self._dropped[not part.droppable] += 1
        later = [w.part for w in self._waiting.values() if isinstance(w.part, Part) and w.part.log_id > part.log_id]
        newer = {name for other in later for name, _ in other.memory}  # never goes back to an older value
        self._carried = {n: body for n, body in part.memory if n not in newer} | self._carried

    # -- Listener: called in the owner thread -----------------------------------------------------------------------

    def _in_loop(self, call: Callable[..., None], *args: Any) -> None:
        """Runs `call` in the loop; before there is one, or after, there is nobody to tell."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(call, *args)

    def settled(self, parts: Parts, ok: bool) -> None:
        """See `Listener`."""
        self._in_loop(self._settle, parts, ok)

    def health_changed(self, health: Health) -> None:  # noqa: ARG002 the loop asks for the newest, with its own counts
        """See `Listener`."""
        self._in_loop(lambda: self.on_health(self.health()) if self.on_health else None)

    def problem_found(self, problem: Problem) -> None:
        """See `Listener`."""
        self._in_loop(lambda: self.on_problem(problem) if self.on_problem else None)

    def epoch_changed(self, epoch: str) -> None:
        """See `Listener`."""

        def change() -> None:
            self.epoch = epoch
            self._asked = self._next.ahead()
            self._writer.commands.put(ReserveIds(self._asked))

        self._in_loop(change)
