"""The journal read from outside, while the gateway runs or not: for `hearthwatch events` and replay. Writes nothing.

Short reads only: a long one would hold the gateway's WAL back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from gateway.journal import schema
from gateway.journal.encoding import BadRow, crc, load, read_log, unpack_state
from gateway.journal.entry import JournalUnavailable, Problem, ProblemCode, SchemaNewer
from gateway.journal.store import Row, alarm_history, history, whole
from gateway.observations import Observation


class ExportedRow(NamedTuple):
    """One entry of the log."""

    log_id: int
    observation: Observation
    events: tuple[dict[str, Any], ...]
    wall_ms: int
    trust: str
    body: bytes  # as written: `journal.encoding.read_did` tells what was asked for with it


@dataclass(slots=True)
class Export:
    """`snapshot` (None: replay from nothing) and, iterated, all rows after it.

    Also those before `since_t`, for the state at that time needs them; whoever prints from there on looks at
    `observation.t`. `problems` grows while iterated.
    """

    epoch: str
    snapshot: dict[str, Any] | None
    after: int
    connection: sqlite3.Connection
    problems: list[Problem] = field(default_factory=list)

    def __iter__(self) -> Iterator[ExportedRow]:
        return self._read(history(self.connection, self.after))

    def alarms(self, after: int = 0) -> Iterator[ExportedRow]:
        """What is about alarms, from the row that follows `after`, without reading the rest."""
        return self._read(alarm_history(self.connection, after))

    def oldest_alarm(self) -> int | None:
        """The oldest row about alarms: what was before, the journal has forgotten."""
        found = self.connection.execute("SELECT min(id) FROM record").fetchone()[0]
        return found if isinstance(found, int) else None

    def memory(self, name: str) -> Any:
        """What was kept under this name with an entry; None for nothing, and for what is not as it was written."""
        row = self.connection.execute("SELECT body, crc FROM memory WHERE name=?", (name,)).fetchone()
        if row is None or not isinstance(row[0], bytes) or crc("memory", row[0], name) != row[1]:
            return None
        try:
            return load(row[0])
        except BadRow:
            return None

    def _read(self, rows: Iterator[Row]) -> Iterator[ExportedRow]:
        for row in rows:
            try:
                if not whole(row):
                    raise BadRow("wrong checksum")
                observation, events, mark = read_log(row[1], row[2])
            except BadRow as bad:
                self.problems.append(Problem(ProblemCode.ROW_QUARANTINED, f"{row[4]} row {row[0]}: {bad}; left out"))
                continue
            yield ExportedRow(row[0], observation, events, mark.wall_ms, mark.trust, row[2])

    def close(self) -> None:
        """Lets the file go."""
        self.connection.close()

    def __enter__(self) -> Export:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def export(path: Path, since_t: int | None = None, *, after: int = 0) -> Export:
    """Opens the journal at `path` for reading, from the newest good snapshot at or before `since_t`, or from the row
    that follows row `after`.

    `since_t` is controller time in ms. Raises `JournalUnavailable` or `SchemaNewer`.
    """
    try:
        connection = schema.connect_read_only(path)
    except sqlite3.Error as error:
        raise JournalUnavailable(f"{path}: {error}") from error
    try:
        version = schema.get_meta(connection, "schema")
        if version != schema.VERSION:
            raise SchemaNewer(f"{path}: schema {version}, expected {schema.VERSION}; start the gateway of this version")
        made = Export(str(schema.get_meta(connection, "epoch")), None, after, connection)
        if since_t is not None:
            _find_snapshot(made, since_t)
    except (sqlite3.Error, schema.Damaged) as error:
        connection.close()
        raise JournalUnavailable(f"{path}: {error}; the gateway repairs it when it starts") from error
    except SchemaNewer:
        connection.close()
        raise
    return made


def _find_snapshot(made: Export, since_t: int) -> None:
    rows = made.connection.execute("SELECT * FROM snapshot WHERE t <= ? ORDER BY id DESC", (since_t,)).fetchall()
    for row_id, upto, t, body, found in rows:
        try:
            if not isinstance(body, bytes) or crc("snapshot", body, row_id, upto, t) != found:
                raise BadRow("wrong checksum")
            made.snapshot, _ = unpack_state(t, body)
        except BadRow as bad:
            made.problems.append(Problem(ProblemCode.SNAPSHOT_BAD, f"snapshot {row_id}: {bad}; left out"))
            continue
        made.after = upto
        return
