"""The rows of an open journal: writing parts, reading rows, checking each by its CRC. Only the owner thread calls.

Knows SQL and rows; knows nothing of threads, groups, retries or retention. Raises sqlite3.Error.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from math import inf
from typing import Any, Final

from gateway.journal import schema
from gateway.journal.encoding import (
    ActionRow,
    BadRow,
    Part,
    SnapshotPart,
    crc,
    read_message,
)
from gateway.journal.entry import DAY_MS, OutboxRow, Problem, ProblemCode, ProblemListener
from gateway.journal.opening import Marks
from gateway.journal.outbox import OutboxIndex
from gateway.journal.wal import FRAME_HEAD_BYTES

MAX_QUARANTINED: Final = 1_000
SNAPSHOTS_KEPT: Final = 2  # the newest, and one to fall back to; beside them one a day
READ_CHUNK: Final = 200
SIZE_HOLDS_S: Final = 0.5  # for which the file's size is as last measured: some hundred alarms

# What an entry adds to the WAL beside bodies, about (too little is `schema.WAL_SAFETY_PAGES`' to notice): its leaf,
# an inner page and the first page; of the outbox, where rows come and go side by side, a leaf for some six of them.
WAL_PAGES_AN_ENTRY: Final = 3
OUTBOX_ROWS_A_PAGE: Final = 6
WAL_PAGE_BYTES: Final = schema.PAGE_BYTES + FRAME_HEAD_BYTES

HISTORY: Final = (
    "SELECT id, t, body, crc, 'record' FROM record WHERE id > ?1 AND id <= ?2 UNION ALL "
    "SELECT id, t, body, crc, 'log' FROM log WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3"
)
ALARM_HISTORY: Final = "SELECT id, t, body, crc, 'record' FROM record WHERE id > ?1 ORDER BY id LIMIT ?2"
MAX_ID: Final = (1 << 63) - 1  # a flipped bit may have made an id as large as this

Row = tuple[int, int, bytes, int, str]
"""A row of history: id, t, body, crc, and the table it lies in."""


class Store:
    """An open journal's rows. `on_problem` hears of each row that had to be put in quarantine."""

    def __init__(self, connection: sqlite3.Connection, on_problem: ProblemListener) -> None:
        self.connection = connection
        self.on_problem = on_problem
        self.index = OutboxIndex()
        self.quarantined = 0
        self.newest_id = 0
        self.newest_t = 0
        self._oldest_id: int | None = None  # of history; None: to be looked for
        self._size = (-inf, 0)  # when it was last measured, bytes
        self.wal_bytes = 0  # an estimate, from above, of what lies in the WAL since the last checkpoint

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; what fails is rolled back and raised."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise

    def write(self, parts: Sequence[Part | SnapshotPart], before_commit: Callable[[], None] | None = None) -> None:
        """Writes the parts in order, in one transaction; the index follows once it is durable."""
        with self.transaction():
            here: dict[int, int] = {}  # seq -> action id of messages that are not durable yet
            for part in parts:
                if isinstance(part, SnapshotPart):
                    self._write_snapshot(part)
                else:
                    here.update((a.seq, a.id) for a in part.actions if a.seq is not None)
                    self._write_entry(part, here)
            if before_commit is not None:
                before_commit()
        for part in parts:
            if isinstance(part, Part):
                self.index.apply(part)
                self.newest_id, self.newest_t = part.log_id, max(self.newest_t, part.t)

    def _write_entry(self, part: Part, here: dict[int, int]) -> None:
        execute = self.connection.execute
        table = "record" if part.alarm else "log"
        checksum = crc(table, part.body, part.log_id, part.t)
        execute(f"INSERT INTO {table} VALUES(?,?,?,?)", (part.log_id, part.t, part.body, checksum))
        if part.actions:
            execute(_insert_actions(len(part.actions)), [value for a in part.actions for value in _action_columns(a)])
        for name, body in part.memory:
            execute("INSERT OR REPLACE INTO memory VALUES(?,?,?)", (name, body, crc("memory", body, name)))
        acked = (here.get(seq, self.index.id_of(seq)) for seq in part.acked)
        finished = [*part.done, *(action_id for action_id in acked if action_id is not None)]
        if finished:
            self.connection.executemany("DELETE FROM outbox WHERE id=?", [(action_id,) for action_id in finished])
        outbox = len(part.actions) + len(finished)
        pages = WAL_PAGES_AN_ENTRY + len(part.memory) + -(-outbox // OUTBOX_ROWS_A_PAGE)
        self.wal_bytes += sum(map(len, (part.body, *(a.body for a in part.actions)))) + pages * WAL_PAGE_BYTES

    def _write_snapshot(self, part: SnapshotPart) -> None:
        body = zlib.compress(part.body)
        row_id = self.connection.execute("SELECT ifnull(max(id), 0) + 1 FROM snapshot").fetchone()[0]
        columns = (row_id, part.upto, part.t)
        self.connection.execute(
            "INSERT INTO snapshot VALUES(?,?,?,?,?)", (*columns, body, crc("snapshot", body, *columns))
        )
        self.wal_bytes += 2 * len(body) + WAL_PAGES_AN_ENTRY * WAL_PAGE_BYTES
        self._thin_snapshots()

    def _thin_snapshots(self) -> None:
        days: set[int] = set()
        rows = self.connection.execute("SELECT id, t FROM snapshot ORDER BY id DESC").fetchall()
        for position, (row_id, t) in enumerate(rows):
            day = t // DAY_MS
            if position >= SNAPSHOTS_KEPT and day in days:
                self.connection.execute("DELETE FROM snapshot WHERE id=?", (row_id,))
            days.add(day)

    def rows(self, limit: int, skip: Collection[int]) -> list[OutboxRow]:
        """Pending messages by (prio, seq) without those in `skip`; bad ones go to quarantine and are not returned."""
        found: list[OutboxRow] = []
        for seq, action_id in self.index.pending(skip):
            if len(found) >= limit:
                break
            raw = self.connection.execute("SELECT * FROM outbox WHERE id=?", (action_id,)).fetchone()
            if raw is None:
                self._lost(action_id, seq)
            elif (row := self.checked_action(raw)) is None:
                self.index.remove(action_id)
            else:
                try:
                    found.append(read_message(row))
                except BadRow as bad:
                    self.index.remove(action_id)
                    self.quarantine("outbox", action_id, f"message {seq}: {bad}")
        return found

    def _lost(self, action_id: int, seq: int) -> None:
        self.index.remove(action_id)
        self.quarantined += 1
        self.on_problem(Problem(ProblemCode.ROW_QUARANTINED, f"outbox row {action_id}: message {seq} has vanished"))

    def checked_action(self, row: tuple[Any, ...]) -> ActionRow | None:
        """A raw outbox row as an ActionRow; None if its CRC is wrong (then it is in quarantine)."""
        *columns, body, found = row
        if not isinstance(body, bytes) or crc("outbox", body, *columns) != found:
            self.quarantine("outbox", columns[0], "wrong checksum")
            return None
        return ActionRow(*row[:6])

    def quarantine(self, table: str, key: int | str, reason: str) -> None:
        """Moves a row out of the way, body and all, and reports it. The report goes out even if the disk refuses."""
        # a damaged name may not be text any more: found by its bytes
        name, value = ("CAST(name AS BLOB)", _bytes(str(key))) if table == "memory" else ("id", key)
        with contextlib.suppress(sqlite3.Error), self.transaction() as db:
            db.execute(
                f"INSERT INTO quarantine(source, name, reason, body) SELECT ?, {name}, ?, body"  # noqa: S608
                f" FROM {table} WHERE {name}=?",
                (table, reason, value),
            )
            db.execute(f"DELETE FROM {table} WHERE {name}=?", (value,))  # noqa: S608
            db.execute("DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?", (MAX_QUARANTINED,))
        self.history_shortened()
        self.quarantined += 1
        code = ProblemCode.SNAPSHOT_BAD if table == "snapshot" else ProblemCode.ROW_QUARANTINED
        self.on_problem(Problem(code, f"{table} row {_shown(key)}: {reason}; moved to table quarantine"))

    def bytes_used(self) -> int:
        """Bytes of live pages; the file itself may be larger."""
        pages = int(self.connection.execute("PRAGMA page_count").fetchone()[0])
        return pages * schema.PAGE_BYTES - self.bytes_free()

    def bytes_used_lately(self) -> int:
        """The same, measured in the last half second: for what looks at it after every commit."""
        now = time.monotonic()
        if now - self._size[0] > SIZE_HOLDS_S:
            self._size = (now, self.bytes_used())
        return self._size[1]

    def bytes_free(self) -> int:
        """Bytes of pages within the file that can be written without it growing."""
        return int(self.connection.execute("PRAGMA freelist_count").fetchone()[0]) * schema.PAGE_BYTES

    def log_span(self) -> int:
        """Rows of history at most: ids between the oldest and the newest. Counting would read the whole file."""
        if self._oldest_id is None:
            self._oldest_id = self.connection.execute(
                "SELECT min(x) FROM (SELECT min(id) x FROM log UNION ALL SELECT min(id) FROM record)"
            ).fetchone()[0]
        return 0 if self._oldest_id is None else self.newest_id - self._oldest_id + 1

    def history_shortened(self) -> None:
        """Rows of history were deleted."""
        self._oldest_id = None

    def has_routine(self) -> bool:
        """Whether there is a routine row that could be dropped to make room."""
        return self.connection.execute("SELECT 1 FROM log LIMIT 1").fetchone() is not None

    def reserve(self, marks: Marks) -> None:
        """Writes down that all ids below `marks` may have been given away."""
        with self.transaction() as db:
            schema.put_meta(db, "marks", marks.as_json())

    def checkpoint(self, mode: str = "PASSIVE") -> None:
        """Moves the WAL into the main file. A reader may hold part of it back: then the next one does."""
        self.connection.execute(f"PRAGMA wal_checkpoint({mode})")
        self.wal_bytes = 0

    def close(self) -> None:
        """Closes the connection."""
        self.connection.close()


@lru_cache(maxsize=32)
def _insert_actions(count: int) -> str:
    """One statement for all actions of an entry: between two, the interpreter changes threads."""
    return "INSERT INTO outbox VALUES" + ",".join(["(?,?,?,?,?,?,?)"] * count)


def _action_columns(a: ActionRow) -> tuple[Any, ...]:
    columns = (a.id, a.prio, a.seq, a.kind, a.created)
    return (*columns, a.body, crc("outbox", a.body, *columns))


def history(connection: sqlite3.Connection, after: int, upto: int = MAX_ID) -> Iterator[Row]:
    """Raw rows (id, t, body, crc, table) of `log` and `record` in order, in chunks, so no read holds the WAL back."""
    while True:
        rows = connection.execute(HISTORY, (after, upto, READ_CHUNK)).fetchall()
        yield from rows
        if len(rows) < READ_CHUNK:
            return
        after = rows[-1][0]


def alarm_history(connection: sqlite3.Connection, after: int = 0) -> Iterator[Row]:
    """As `history`, of `record` alone: what is about alarms, without stepping over the rest."""
    while rows := connection.execute(ALARM_HISTORY, (after, READ_CHUNK)).fetchall():
        yield from rows
        after = rows[-1][0]


def whole(row: Row) -> bool:
    """Whether a history row is, byte for byte, what was written."""
    row_id, t, body, found, table = row
    return isinstance(body, bytes) and crc(table, body, row_id, t) == found


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _shown(key: int | str) -> str:
    return str(key).encode("ascii", "backslashreplace").decode()
