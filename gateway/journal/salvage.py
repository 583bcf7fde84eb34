"""What can still be read of a damaged journal, copied row by row into a new one. Rows with a bad CRC stay behind.

Carries over what life hangs on: the outbox, the memory, the snapshots and the alarm-class records; routine
observations after the newest snapshot too, since the state is rebuilt from them. Other history stays in the old file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gateway.journal import schema
from gateway.journal.encoding import crc

MAX_FAILURES: Final = 2_000  # failed reads of one table; halving takes some 50 to find its way round one bad page
MAX_ID: Final = 1 << 53
BATCH: Final = 50

COLUMNS: Final = {
    "snapshot": "id, upto, t, body, crc",
    "outbox": "id, prio, seq, kind, created, body, crc",
    "memory": "name, body, crc",
    "record": "id, t, body, crc",
    "log": "id, t, body, crc",
}


@dataclass(slots=True)
class Kept:
    """What was carried over."""

    counts: dict[str, int] = field(default_factory=dict)
    last_log: int = 0
    last_action: int = 0
    last_seq: int = 0
    upto: int = 0

    def summary(self) -> str:
        """For the report."""
        return ", ".join(f"{n} of {table}" for table, n in self.counts.items()) or "nothing"


def salvage(damaged: Path, into: sqlite3.Connection) -> Kept:
    """Copies what is readable and whole. Never raises for what it finds in `damaged`; sqlite3.Error for `into`."""
    kept = Kept()
    try:
        source = schema.connect_read_only(damaged)
    except sqlite3.Error:
        return kept
    try:
        for table in COLUMNS:
            _copy(source, into, table, kept)
    finally:
        source.close()
    return kept


def _copy(source: sqlite3.Connection, into: sqlite3.Connection, table: str, kept: Kept) -> None:
    start = kept.upto + 1 if table == "log" else 0
    rows = _by_name(source) if table == "memory" else _by_id(source, table, start)
    marks = ",".join("?" * (COLUMNS[table].count(",") + 1))
    kept.counts[table] = 0
    into.execute("BEGIN IMMEDIATE")
    for row in rows:
        *columns, body, found = row
        if not isinstance(body, bytes) or crc(table, body, *columns) != found:
            continue
        into.execute(f"INSERT OR IGNORE INTO {table} VALUES({marks})", row)
        kept.counts[table] += 1
        _note(kept, table, columns)
    into.execute("COMMIT")


def _note(kept: Kept, table: str, columns: list[Any]) -> None:
    match table:
        case "log" | "record":
            kept.last_log = max(kept.last_log, columns[0])
        case "snapshot":
            kept.upto = max(kept.upto, columns[1])
            kept.last_log = max(kept.last_log, columns[1])
        case "outbox":
            kept.last_action = max(kept.last_action, columns[0])
            kept.last_seq = max(kept.last_seq, columns[2] or 0)


def _by_id(source: sqlite3.Connection, table: str, start: int) -> Iterator[tuple[Any, ...]]:
    """Every row that can be reached by its id: on an error the rest is halved, and halved again."""
    sql = f"SELECT {COLUMNS[table]} FROM {table} WHERE id BETWEEN ? AND ? ORDER BY id LIMIT {BATCH}"  # noqa: S608
    ranges = [(start, MAX_ID)]
    failures = 0
    while ranges and failures < MAX_FAILURES:
        low, high = ranges.pop()
        try:
            rows = source.execute(sql, (low, high)).fetchall()
        except (sqlite3.Error, UnicodeDecodeError):
            failures += 1
            if low < high:
                middle = (low + high) // 2
                ranges += [(middle + 1, high), (low, middle)]
            continue
        yield from rows
        if len(rows) == BATCH and rows[-1][0] < high:
            ranges.append((rows[-1][0] + 1, high))


def _by_name(source: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """From both ends to the damage; names cannot be halved."""
    for order in ("ASC", "DESC"):
        try:
            cursor = source.execute(f"SELECT {COLUMNS['memory']} FROM memory ORDER BY name {order}")  # noqa: S608
            while (row := cursor.fetchone()) is not None:
                yield row
        except (sqlite3.Error, UnicodeDecodeError):
            continue
        return
