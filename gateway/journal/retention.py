"""What the journal forgets, and when: by age (T-33, domain 2.5) and by the byte cap. In small steps.

Age is controller time, the journal's only time that never runs backward; time nobody observed does not count, so a
row may be kept longer than the calendar says, never shorter. A step takes a few ms and syncs nothing: should a power
cut undo it, it is done again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from gateway.journal.encoding import RECEIPT
from gateway.journal.entry import Limits
from gateway.journal.store import Row, Store, whole

STEP_ROWS: Final = 64
RUN_EVERY_MS: Final = 3_600_000  # of controller time: old rows go within an hour
FULL_SHARE: Final = 0.9  # the disk is smaller than the cap: this much of what we have must do
LOW_WATER: Final = 0.98  # over the cap we drop down to this share, so that it is not one by one for ever after


class Retention:
    """One journal's forgetting. `step` until it says there is no more to do."""

    def __init__(self, store: Store, limits: Limits) -> None:
        self._store = store
        self._limits = limits
        self.cap_bytes = limits.max_bytes
        self._next_run_t: int | None = None
        self._making_room = False
        self.pruned_routine = 0
        self.pruned_outbox = 0
        self.over_cap = False  # still over it with nothing left that may be dropped

    def move_to(self, store: Store) -> None:
        """The file was opened again."""
        self._store = store

    def lower_cap(self) -> None:
        """The disk was full before the cap was reached."""
        used = self._store.bytes_used()
        if self.cap_bytes >= used:
            self.cap_bytes = int(used * FULL_SHARE)

    def due(self) -> bool:
        """Whether there may be work: an hour has passed, or the cap is reached."""
        if self._store.bytes_used() > self.cap_bytes:
            self._making_room = not self.over_cap
        else:
            self.over_cap = False
        return self._making_room or self._next_run_t is None or self._store.newest_t >= self._next_run_t

    def step(self) -> bool:
        """Does a little; False when all is done. Raises sqlite3.Error."""
        with self._unsynced():
            if self._making_room:
                self._making_room = self._drop_oldest() and not self._below_cap()
                return True
            if self._expire():
                return True
        self._next_run_t = self._store.newest_t + RUN_EVERY_MS
        return False

    def make_room(self) -> int:
        """The disk is full: drops the oldest routine rows, a step. Returns how many. Raises sqlite3.Error."""
        before = self.pruned_routine
        with self._unsynced():
            self._drop_routine()
        return self.pruned_routine - before

    @contextlib.contextmanager
    def _unsynced(self) -> Iterator[None]:
        execute = self._store.connection.execute
        execute("PRAGMA synchronous=NORMAL")
        try:
            yield
        finally:
            execute("PRAGMA synchronous=FULL")

    def _below_cap(self) -> bool:
        return self._store.bytes_used() <= self.cap_bytes * LOW_WATER

    def _drop_oldest(self) -> bool:
        """Routine rows first, then messages of P3 and P4; alarms never. False: nothing left that may go."""
        if self._drop_routine() or self._drop_messages():
            return True
        self.over_cap = self._store.bytes_used() > self.cap_bytes
        return False

    def _drop_routine(self) -> bool:
        """Rows a restart does not need go first; those after the older snapshot only when there are no others."""
        snapshots = self._store.connection.execute("SELECT upto FROM snapshot ORDER BY id DESC LIMIT 2").fetchall()
        needed_after = snapshots[-1][0] if snapshots else 0
        return self._delete_routine(needed_after) or self._delete_routine(self._store.newest_id - 1)

    def _delete_routine(self, upto: int) -> bool:
        rows = self._store.connection.execute(
            "SELECT id, t, body, crc, 'log' FROM log WHERE id <= ? ORDER BY id LIMIT ?",
            (min(upto, self._store.newest_id - 1), STEP_ROWS),
        ).fetchall()
        deleted = self._delete("log", rows)
        self.pruned_routine += deleted
        return bool(rows)

    def _drop_messages(self) -> bool:
        ids = self._store.index.oldest_droppable(STEP_ROWS)
        if not ids:
            return False
        with self._store.transaction() as db:
            db.executemany("DELETE FROM outbox WHERE id=?", [(i,) for i in ids])
        for action_id in ids:
            self._store.index.remove(action_id)
        self.pruned_outbox += len(ids)
        return True

    def _expire(self) -> bool:
        """Deletes what is too old; True if there may be more."""
        limits, now = self._limits, self._store.newest_t
        routine = self._older("log", now - limits.routine_keep_ms)
        records = self._older("record", now - limits.alarm_keep_ms)
        if records and not self._enough_after(records[-1][0]):
            records = []
        for table, rows in (("log", routine), ("record", records)):
            self._delete(table, rows)
        self._store.connection.execute("DELETE FROM snapshot WHERE t < ?", (now - limits.routine_keep_ms,))
        return STEP_ROWS in (len(routine), len(records))

    def _older(self, table: str, cutoff_t: int) -> list[Row]:
        rows: list[Row] = self._store.connection.execute(
            f"SELECT id, t, body, crc, ? FROM {table} WHERE id < ? ORDER BY id LIMIT ?",  # noqa: S608
            (table, self._store.newest_id, STEP_ROWS),
        ).fetchall()
        return [row for row in rows if row[1] < cutoff_t]

    def _enough_after(self, row_id: int) -> bool:
        """Whether the newest `alarm_keep_rows` records would all stay (T-33); a receipt is no record of its own."""
        count = self._store.connection.execute(
            "SELECT count(*) FROM (SELECT 1 FROM record WHERE id > ? AND substr(body, 1, ?) <> ? LIMIT ?)",
            (row_id, len(RECEIPT), RECEIPT, self._limits.alarm_keep_rows),
        ).fetchone()[0]
        return bool(count >= self._limits.alarm_keep_rows)

    def _delete(self, table: str, rows: list[Row]) -> int:
        """Deletes rows that are what was written; a damaged one is kept, in quarantine: its `t` may be the damage."""
        good = [row for row in rows if whole(row)]
        if good:
            with self._store.transaction() as db:
                db.executemany(f"DELETE FROM {table} WHERE id=?", [(row[0],) for row in good])  # noqa: S608
            self._store.history_shortened()
        for row in rows:
            if not whole(row):
                self._store.quarantine(table, row[0], "wrong checksum")
        return len(good)
