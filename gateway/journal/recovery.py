"""What a restart finds: newest good snapshot, the tail after it, the memory, what is still to be done.

Every row is checked before it is believed; what is wrong goes to quarantine and is reported. The tail rebuilds state
only: actions already decided come from the outbox and are never decided again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.journal import schema
from gateway.journal.encoding import BadRow, crc, load, read_action, read_log, unpack_state
from gateway.journal.entry import Happened, Mark, Problem, ProblemCode, ProblemListener, Recovered, StoredAction
from gateway.journal.store import MAX_ID, Row, Store, history, whole


@dataclass(frozen=True, slots=True)
class Tail:
    """What happened after the snapshot, streamed from the file. May be iterated again, from any one thread."""

    path: Path
    after: int
    upto: int
    on_problem: ProblemListener

    def __iter__(self) -> Iterator[Happened]:
        if self.upto <= self.after:
            return
        connection = schema.connect_read_only(self.path)
        try:
            for row in history(connection, self.after, self.upto):
                try:
                    if not whole(row):
                        raise BadRow("wrong checksum")
                    observation, events, _ = read_log(row[1], row[2])
                except BadRow as bad:
                    self.on_problem(Problem(ProblemCode.ROW_QUARANTINED, f"{row[4]} row {row[0]}: {bad}; left out"))
                    continue
                yield observation, events
        finally:
            connection.close()


def recover(store: Store, path: Path, fresh: bool, problems: list[Problem]) -> Recovered:
    """Reads all that a restart needs, in the owner thread. Raises sqlite3.Error."""
    snapshot, after, at = _snapshot(store)
    rows, newest = _check_tail(store, after)
    # usually the newest row; but after salvage the snapshot may be newer than any row that was left
    mark = max((m for m in (newest, at) if m is not None), key=lambda m: m.t, default=None)
    store.newest_t = max(store.newest_t, mark.t if mark else 0)
    return Recovered(
        snapshot, Tail(path, after, store.newest_id, problems.append), rows, _pending(store), _memory(store), mark,
        fresh, problems,
    )  # fmt: skip


def _snapshot(store: Store) -> tuple[dict[str, Any] | None, int, Mark | None]:
    for row_id, upto, t, body, found in store.connection.execute("SELECT * FROM snapshot ORDER BY id DESC").fetchall():
        try:
            if not isinstance(body, bytes) or crc("snapshot", body, row_id, upto, t) != found:
                raise BadRow("wrong checksum")
            state, at = unpack_state(t, body)
        except BadRow as bad:
            store.quarantine("snapshot", row_id, str(bad))
            continue
        return state, upto, at
    return None, 0, None


def _check_tail(store: Store, after: int) -> tuple[int, Mark | None]:
    """Counts the good rows after `after`; finds the newest row's mark, before `after` if there is no tail."""
    count, last, bad = 0, None, []
    for row in history(store.connection, after):
        if whole(row):
            count, last = count + 1, row
        else:
            bad.append((row[4], row[0]))
    # a row whose damaged id now reads lower would hide just before the tail
    bad += [(row[4], row[0]) for row in _last_before(store.connection, after) if not whole(row)]
    for table, row_id in bad:
        store.quarantine(table, row_id, "wrong checksum")
    store.newest_id = max(after, last[0] if last else 0)
    last = last or _newest(store.connection)
    if last is None:
        return count, None
    store.newest_t = last[1]
    try:
        return count, read_log(last[1], last[2])[2]
    except BadRow:
        return count, None  # written by a newer version; `Tail` reports it


def _newest(connection: sqlite3.Connection) -> Row | None:
    return max((row for row in _last_before(connection, MAX_ID) if whole(row)), default=None)


def _last_before(connection: sqlite3.Connection, upto: int) -> list[Row]:
    return [
        (*row, table)
        for table in ("log", "record")
        for row in connection.execute(
            f"SELECT id, t, body, crc FROM {table} WHERE id <= ? ORDER BY id DESC LIMIT 1",  # noqa: S608
            (upto,),
        )
    ]


def _pending(store: Store) -> list[StoredAction]:
    pending = []
    for raw in store.connection.execute("SELECT * FROM outbox ORDER BY id").fetchall():
        row = store.checked_action(raw)
        if row is None:
            continue
        if row.seq is not None:
            store.index.add(row)
            continue
        try:
            pending.append(read_action(row))
        except BadRow as bad:
            store.quarantine("outbox", row.id, str(bad))
    return pending


def _memory(store: Store) -> dict[str, Any]:
    memory = {}
    for name, body, found in store.connection.execute("SELECT * FROM memory").fetchall():
        try:
            if not isinstance(body, bytes) or crc("memory", body, name) != found:
                raise BadRow("wrong checksum")
            memory[name] = load(body)
        except BadRow as bad:
            store.quarantine("memory", name, str(bad))
    return memory
