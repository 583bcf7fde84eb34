"""The tables, the connection's settings, and how an older file becomes a current one.

Knows SQL and nothing of entries. Few tables and no index on purpose: an index would be one more page to write per
commit, and `quick_check` does not look whether an index still agrees with its table.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from gateway.journal.encoding import crc
from gateway.journal.entry import JournalUnavailable

VERSION: Final = 2
"""2: bodies are in shorthand, and the platform's receipts lie in `record`. Rows of 1 read as they are, and stay."""

PAGE_BYTES: Final = 1024
"""Measured (tests/benchmarks/journal_pages.py --pages): an alarm with four actions writes 4.9 KiB with 1 KiB pages,
8.9 KiB with 2 KiB, 17.1 KiB with 4 KiB. 512 bytes saves little more, for then rows overflow."""

WAL_LIMIT_BYTES: Final = 1 << 20  # the WAL file is cut back to this; normally it stays below a quarter of it
WAL_SAFETY_PAGES: Final = 1024  # SQLite checkpoints by itself here, should our own estimate be wrong
BUSY_S: Final = 0.2  # somebody's sqlite3 shell holds the file: then we retry with backoff and say so
CACHE_KIB: Final = 1024

TABLES: Final = {
    "meta": "CREATE TABLE meta(name TEXT PRIMARY KEY, body BLOB, crc INTEGER) WITHOUT ROWID",
    # routine observations; the alarm class lies in `record`, so that dropping the oldest never has to step over it, and
    # so do its receipts: in a table of their own they would be one more page to write for each alarm
    "log": "CREATE TABLE log(id INTEGER PRIMARY KEY, t INTEGER, body BLOB, crc INTEGER)",
    "record": "CREATE TABLE record(id INTEGER PRIMARY KEY, t INTEGER, body BLOB, crc INTEGER)",
    "outbox": "CREATE TABLE outbox(id INTEGER PRIMARY KEY, prio INTEGER, seq INTEGER, kind TEXT, created INTEGER,"
    " body BLOB, crc INTEGER)",
    "memory": "CREATE TABLE memory(name TEXT PRIMARY KEY, body BLOB, crc INTEGER) WITHOUT ROWID",
    "snapshot": "CREATE TABLE snapshot(id INTEGER PRIMARY KEY, upto INTEGER, t INTEGER, body BLOB, crc INTEGER)",
    "quarantine": "CREATE TABLE quarantine(id INTEGER PRIMARY KEY, source TEXT, name TEXT, reason TEXT, body BLOB)",
}

MIGRATIONS: Final[dict[int, Callable[[sqlite3.Connection], None]]] = {1: lambda _: None}
"""From version n to n + 1, all in one transaction. A change of `TABLES` adds one here and raises `VERSION`."""


class Damaged(Exception):
    """The file is not the database we wrote. The text says what was found."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection that owns writing: WAL, synchronous FULL. Never creates the file; raises sqlite3.Error."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=BUSY_S)
    try:
        _settings(connection)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def connect_read_only(path: Path) -> sqlite3.Connection:
    """A reader beside the owner, for any thread. Raises sqlite3.Error."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    if not path.with_name(path.name + "-wal").exists():
        uri += "&immutable=1"  # closed cleanly: needs no -shm, so also works where we may not write
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_S, check_same_thread=False)
    connection.text_factory = _text
    return connection


def create(path: Path, meta: dict[str, Any]) -> sqlite3.Connection:
    """A new file with its tables and its meta rows, open for writing. Raises sqlite3.Error."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S)
    try:
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        _settings(connection)
        connection.execute("BEGIN IMMEDIATE")
        for statement in TABLES.values():
            connection.execute(statement)
        for name, value in {"schema": VERSION, **meta}.items():
            put_meta(connection, name, value)
        connection.execute("COMMIT")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _text(raw: bytes) -> str:
    """Text as it is; what damage made of it is for the row's checksum to find, not an exception here."""
    return raw.decode("utf-8", "surrogateescape")


def _settings(connection: sqlite3.Connection) -> None:
    connection.text_factory = _text
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        f"journal_size_limit={WAL_LIMIT_BYTES}",
        f"wal_autocheckpoint={WAL_SAFETY_PAGES}",
        f"cache_size=-{CACHE_KIB}",
        "secure_delete=FAST",  # Debian's default zeroes every freed page: one more write for each
    ):
        connection.execute(f"PRAGMA {pragma}")


def put_meta(connection: sqlite3.Connection, name: str, value: Any) -> None:
    """Writes one meta row; the caller holds the transaction."""
    body = json.dumps(value).encode()
    connection.execute("INSERT OR REPLACE INTO meta VALUES(?,?,?)", (name, body, crc("meta", body, name)))


def get_meta(connection: sqlite3.Connection, name: str) -> Any:
    """One meta row's value; raises `Damaged` if it is missing or its CRC is wrong."""
    row = connection.execute("SELECT body, crc FROM meta WHERE name=?", (name,)).fetchone()
    if row is None:
        raise Damaged(f"meta row {name} is missing")
    if not isinstance(row[0], bytes) or crc("meta", row[0], name) != row[1]:
        raise Damaged(f"meta row {name} has a wrong checksum")
    return json.loads(row[0])


def check_tables(connection: sqlite3.Connection) -> None:
    """Raises `Damaged` if the table definitions are not, letter for letter, the ones of this version."""
    found = dict(connection.execute("SELECT name, sql FROM sqlite_schema").fetchall())
    if found != TABLES:
        odd = sorted({n for n in {*found, *TABLES} if found.get(n) != TABLES.get(n)}, key=str)
        raise Damaged(f"table definitions differ: {', '.join(map(repr, odd))}")


def migrate(connection: sqlite3.Connection, found: int) -> None:
    """Brings an older file up to `VERSION` in one transaction. A failure is ours, not the file's: it stays as it is."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for version in range(found, VERSION):
            MIGRATIONS[version](connection)
        put_meta(connection, "schema", VERSION)
        connection.execute("COMMIT")
    except (sqlite3.Error, KeyError) as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise JournalUnavailable(f"the journal could not be brought from schema {found} to {VERSION}") from error
