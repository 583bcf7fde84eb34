"""The owner thread: the only one that touches the database. Gathers, commits, retries, makes room, looks after itself.

It sleeps until something is handed in or a deadline it set itself (the group's second, the next retry, a step of
retention). Nothing here runs in the event loop; what the loop must hear goes through `Listener`.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import logging
import queue
import sqlite3
import threading
import time
from collections import deque
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Final

from gateway.journal import faults
from gateway.journal.commands import Ask, Close, Command, Listener, Parts, ReserveIds, Start
from gateway.journal.encoding import Part, SnapshotPart
from gateway.journal.entry import (
    ACT_FROM_MEMORY_S,
    Health,
    JournalError,
    JournalUnavailable,
    Limits,
    Problem,
    ProblemCode,
    Seam,
    State,
)
from gateway.journal.faults import Fault
from gateway.journal.opening import Marks, Opened, lock, open_database
from gateway.journal.recovery import recover
from gateway.journal.reserve import Reserve
from gateway.journal.store import Store
from gateway.journal.upkeep import Upkeep

log = logging.getLogger(__name__)

MAX_GROUP_PARTS: Final = 500  # one transaction; after a long failure the backlog goes in several
RETRY_FIRST_S: Final = 0.05
RETRY_CAP_S: Final = 5.0
REOPEN_AFTER: Final = 3  # failures in a row: a fresh file handle may help (card re-mounted, file moved)
REPLACE_AFTER: Final = 3  # times "malformed" in a row: the file is damaged
SLOW_HOLD_S: Final = 60.0  # SLOW until no commit was slow for this long
REPLACE_CHECK_S: Final = 30.0  # nothing works anyway: time to look through the whole file


class Writer:
    """Owns the thread, its queue and, within the thread, the store."""

    def __init__(self, path: Path, limits: Limits, listener: Listener, seam: Seam) -> None:
        self.commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self.health = Health(State.OK)
        self.commit_started: float | None = None
        self._path, self._limits, self._listener, self._seam = path, limits, listener, seam
        self._reserve = Reserve(path.with_name(f"{path.stem}.reserve"), limits.reserve_bytes)
        self._group: deque[Part | SnapshotPart] = deque()
        self._marks: Marks | None = None  # waiting to be written
        self._group_due = self._retry_at = inf
        self._failures = 0  # commits in a row
        self._singly = 0  # this many parts go one by one: one of them was refused
        self._fault: Fault | None = None
        self._reason = ""
        self._slow_until = 0.0
        self._rejected = 0
        self._closing: Close | None = None

    def start(self) -> Start:
        """Starts the thread, waits until the journal is open. Raises what opening raised."""
        opened: concurrent.futures.Future[Start] = concurrent.futures.Future()
        self.thread = threading.Thread(target=self._run, args=(opened,), name="journal", daemon=True)
        self.thread.start()
        return opened.result()

    # -- in the owner thread ------------------------------------------------------------------------------------

    def _run(self, opened: concurrent.futures.Future[Start]) -> None:
        lock_fd = None
        try:
            lock_fd = lock(self._path)
            start = self._open()
        except BaseException as error:  # noqa: BLE001 handed to the caller of start(), whole
            faults.unlock(lock_fd)
            opened.set_exception(error)
            return
        opened.set_result(start)
        try:
            while self._closing is None:
                try:
                    self._turn()
                except Exception as error:  # the thread's boundary: our bug must not end the journal
                    log.exception("journal: a turn failed")
                    self._back_off(Fault.DISK, f"{type(error).__name__}: {error}")
                    time.sleep(RETRY_FIRST_S)
            self._finish(self._closing)
        finally:
            faults.unlock(lock_fd)
            if self._closing is not None:
                self._closing.done.set_result(None)

    def _open(self) -> Start:
        opened = self._open_file()
        self._store = Store(opened.connection, opened.problems.append)
        try:
            recovered = recover(self._store, self._path, opened.fresh, opened.problems)
            marks = Marks(max(opened.marks.log, self._store.newest_id + 1), opened.marks.action, opened.marks.seq)
            self._reserve_at_start(marks.ahead())
        except sqlite3.Error as error:
            self._store.close()
            raise faults.unavailable(self._path, error) from error
        except BaseException:
            self._store.close()
            raise
        self._store.on_problem = self._listener.problem_found
        self._upkeep = Upkeep(self._store, self._limits, self._reserve, self.commands.empty)
        self._tell()
        return Start(recovered, opened.epoch, marks, marks.ahead())

    def _open_file(self) -> Opened:
        try:
            return open_database(self._path, self._limits.check_s)
        except JournalUnavailable:  # even reading needs room for the WAL's index
            if not self._reserve.short_of_room() or not self._reserve.give_up():
                raise
        return open_database(self._path, self._limits.check_s)

    def _reserve_at_start(self, marks: Marks) -> None:
        try:
            self._store.reserve(marks)
        except sqlite3.Error as error:
            if faults.classify(error) is not Fault.FULL or not self._reserve.give_up():
                raise
            self._store.reserve(marks)

    def _turn(self) -> None:
        asks = self._gather()
        now = time.monotonic()
        while self._commit_at() <= now and self._commit():
            pass
        for ask in asks:
            self._answer(ask)
        if self.commands.empty() and self._commit_at() > time.monotonic() and self._upkeep.step():
            self._tell()

    def _gather(self) -> list[Ask]:
        """Waits for something to do; takes in all that was handed in so far."""
        asks: list[Ask] = []
        wake = min(self._commit_at(), self._upkeep.at)
        wait = None if wake == inf else max(0.0, wake - time.monotonic())
        with contextlib.suppress(queue.Empty):
            self._take(self.commands.get(timeout=wait), asks)
            for _ in range(self.commands.qsize()):
                self._take(self.commands.get_nowait(), asks)
        return asks

    def _take(self, command: Command, asks: list[Ask]) -> None:
        now = time.monotonic()
        match command:
            case Ask():
                asks.append(command)
            case ReserveIds():
                self._marks = command.upto
                self._group_due = min(self._group_due, now + self._limits.group_s)
            case Close():
                self._closing = command
            case _:
                self._group.extend(command)
                self._group_due = now
                if any(part.urgent for part in command):  # an alarm does not wait for the end of a long backoff
                    self._retry_at = min(self._retry_at, now + RETRY_FIRST_S)

    def _commit_at(self) -> float:
        """When the next commit is due; never, if there is nothing to write."""
        if not self._group and self._marks is None:
            return inf
        return self._retry_at if self._failures else self._group_due

    def _commit(self) -> bool:
        """Commits the head of the group; False if the disk did not take it."""
        count = 1 if self._singly else MAX_GROUP_PARTS
        parts = [self._group[i] for i in range(min(count, len(self._group)))]
        self.commit_started = started = time.monotonic()
        try:
            if self._marks is not None:
                self._store.reserve(self._marks)
                self._marks = None
            if parts:
                self._store.write(parts, self._seam.before_commit)
        except (sqlite3.Error, OSError, OverflowError, ValueError) as error:
            return self._failed(error, parts)
        finally:
            self.commit_started = None
        self._committed(parts, time.monotonic() - started)
        return True

    def _committed(self, parts: Parts, took_s: float) -> None:
        now = time.monotonic()
        if took_s > ACT_FROM_MEMORY_S:
            self._slow_until = now + SLOW_HOLD_S
        self._failures = 0
        self._singly = max(0, self._singly - len(parts))
        self._fault, self._reason = None, ""
        self._tell(in_passing=True)
        self._leave(parts, True)

    def _leave(self, parts: Parts, ok: bool) -> None:
        for _ in parts:
            self._group.popleft()
        if not self._group:
            self._group_due = inf
        if parts:
            self._listener.settled(parts, ok)

    def _failed(self, error: Exception, parts: Parts) -> bool:
        """Decides what a failed commit means; True to try again at once."""
        fault = faults.classify(error)
        if fault is Fault.CONTENT and parts:
            return self._isolate(error, parts)
        if fault is Fault.DISK and self._reserve.short_of_room():
            fault = Fault.FULL
        if fault is Fault.FULL and self._disk_full():
            return True
        self._back_off(fault, f"{type(error).__name__}: {error}")
        if fault is Fault.DAMAGED and self._failures >= REPLACE_AFTER:
            self._reopen(replace_damaged=True)
        elif self._failures % REOPEN_AFTER == 0:
            self._reopen(replace_damaged=False)
        return False

    def _back_off(self, fault: Fault, reason: str) -> None:
        self._failures += 1
        self._fault, self._reason = fault, reason
        self._retry_at = time.monotonic() + min(RETRY_CAP_S, RETRY_FIRST_S * 2 ** min(self._failures - 1, 10))
        log.log(logging.WARNING if self._failures == 1 else logging.DEBUG, "journal commit failed: %s", reason)
        self._tell()

    def _isolate(self, error: Exception, parts: Parts) -> bool:
        """SQLite refused content, not the disk: one by one, so that only the odd one is given up."""
        if len(parts) > 1:
            self._singly = len(parts)
            return True
        self._rejected += 1
        self._singly = max(0, self._singly - 1)
        self._tell()
        self._leave(parts, False)
        log.error("journal: an entry was refused: %s", error)
        self._listener.problem_found(Problem(ProblemCode.ENTRY_REJECTED, f"{type(error).__name__}: {error}"))
        return True

    def _disk_full(self) -> bool:
        """Routine observations are given up, the reserve only for an alarm. True to try again at once."""
        again = self._upkeep.disk_full(any(part.urgent for part in self._group))
        self._group = deque(sorted(self._group, key=lambda part: not part.droppable))  # stable: order stays
        self._tell()
        self._leave([part for part in self._group if part.droppable], False)
        return again

    def _reopen(self, replace_damaged: bool) -> None:
        """A fresh handle on the file, or a new file in place of a damaged one. Failing is no news: we retry."""
        with contextlib.suppress(sqlite3.Error):
            self._store.close()
        try:
            check_s = REPLACE_CHECK_S if replace_damaged else self._limits.check_s
            store, epoch = faults.reopen(self._path, check_s, self._listener.problem_found, replace_damaged)
        except (sqlite3.Error, OSError, JournalError) as error:
            log.warning("journal cannot be opened again: %s", error)
            return
        store.newest_id = max(store.newest_id, self._store.newest_id)
        store.newest_t = max(store.newest_t, self._store.newest_t)
        store.quarantined += self._store.quarantined
        self._store = store
        self._upkeep.move_to(store)
        if epoch is not None:
            self._listener.epoch_changed(epoch)

    def _answer(self, ask: Ask) -> None:
        if not ask.answer.set_running_or_notify_cancel():
            return
        try:
            found = self._store.rows(ask.limit, ask.skip)
        except sqlite3.Error as error:  # what waits in memory is known to the loop
            ask.answer.set_exception(faults.unavailable(self._path, error))
            return
        if self._store.quarantined != self.health.quarantined:
            self._tell()  # before the answer: whoever has it may look at health next
        ask.answer.set_result(found)

    def _tell(self, *, in_passing: bool = False) -> None:
        health = self._health(in_passing)
        kept = self.health
        changed = (health.state, health.reason, health.routine_kept) != (kept.state, kept.reason, kept.routine_kept)
        lost = health.pruned_outbox + health.pruned_routine > kept.pruned_outbox + kept.pruned_routine
        self.health = health
        if changed or lost:
            self._listener.health_changed(health)

    def _health(self, in_passing: bool) -> Health:
        state, reason = State.OK, ""
        if self._fault is not None and self._fault is not Fault.FULL:
            state, reason = State.FAILING, self._reason
        elif self._upkeep.full:
            state, reason = State.FULL, "the disk is full"
        elif time.monotonic() < self._slow_until:
            state, reason = State.SLOW, f"a commit took more than {ACT_FROM_MEMORY_S:g} s"
        elif self._upkeep.retention.over_cap:
            reason = "over the byte cap with nothing left but alarms"
        size, rows = self.health.bytes_used, self.health.log_rows
        with contextlib.suppress(sqlite3.Error):
            size = self._store.bytes_used_lately() if in_passing else self._store.bytes_used()
            rows = self._store.log_span()
        return replace(
            self.health, state=state, reason=reason, rejected=self._rejected, quarantined=self._store.quarantined,
            pruned_routine=self._upkeep.retention.pruned_routine, pruned_outbox=self._upkeep.retention.pruned_outbox,
            outbox_rows=len(self._store.index), routine_kept=self._upkeep.routine_kept, bytes_used=size, log_rows=rows,
        )  # fmt: skip

    def _finish(self, close: Close) -> None:
        """The last commits; what the disk does not take now is given up and says so."""
        while self._group and self._commit():
            pass
        self._leave(list(self._group), False)
        with contextlib.suppress(sqlite3.Error):
            self._store.reserve(close.marks)
            self._store.checkpoint("TRUNCATE")
        with contextlib.suppress(sqlite3.Error):
            self._store.close()
