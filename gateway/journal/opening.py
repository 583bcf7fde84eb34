"""Opening the file: new, as we left it, older, newer, cut short or damaged. Knows files, not what the rows mean.

A damaged database is never repaired in place: what can be read is copied into a new one (new epoch), the old file is
kept beside it. The swap goes through `<name>.ready`, complete and synced, so a power cut in its middle is finished at
the next start and never looks like a fresh journal.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.journal import schema, wal
from gateway.journal.entry import JournalBusy, JournalUnavailable, Problem, ProblemCode, SchemaNewer
from gateway.journal.salvage import salvage
from gateway.journal.schema import Damaged

EPOCH_BYTES: Final = 8
ID_BLOCK: Final = 1 << 16  # ids reserved at a time; see Marks
MAX_HEADER_BYTES_MENDED: Final = 4  # more is not a flipped bit but another file
MAX_CORRUPT_KEPT: Final = 3  # evidence, but each may be as large as the journal

# First page, bytes 16-23, 44-47, 52-59 and 64-67: page size, format versions 2 (WAL), reserved 0, the fixed payload
# fractions; schema format 4; no auto-vacuum; UTF-8. One flipped bit here changes how all else is read.
HEADER_CONSTANTS: Final = {
    0: b"SQLite format 3\0" + schema.PAGE_BYTES.to_bytes(2, "big") + bytes((2, 2, 0, 64, 32, 32)),
    44: (4).to_bytes(4, "big"),
    52: bytes(4) + (1).to_bytes(4, "big"),
    64: bytes(4),
}

# Primary result codes that say "the file's content is wrong" and not "the disk or somebody else is in the way".
DAMAGE_CODES: Final = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB,
                                 sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_MISMATCH})  # fmt: skip


@dataclass(slots=True)
class Marks:
    """The first ids never given to anybody yet: log rows, actions, outbox seqs.

    They are written a block ahead and before any id of the block is used, so an id that was used and whose commit was
    lost is still not given again.
    """

    log: int = 1
    action: int = 1
    seq: int = 1

    def as_json(self) -> list[int]:
        """For the meta row."""
        return [self.log, self.action, self.seq]

    def ahead(self) -> Marks:
        """A block further."""
        return Marks(self.log + ID_BLOCK, self.action + ID_BLOCK, self.seq + ID_BLOCK)


@dataclass(slots=True)
class Opened:
    """An open journal file, its structure checked as far as time allowed."""

    connection: sqlite3.Connection
    epoch: str
    marks: Marks
    fresh: bool
    problems: list[Problem] = field(default_factory=list)


def code_of(error: Exception) -> int | None:
    """SQLite's primary result code, if the error came from SQLite itself."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def is_damage(error: Exception) -> bool:
    """Whether the error says that the file's content is wrong."""
    code = code_of(error)
    return code in DAMAGE_CODES if code is not None else isinstance(error, UnicodeDecodeError)


def lock(path: Path) -> int:
    """Takes the journal for this process; a second owner would give ids twice. Raises `JournalUnavailable`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise JournalUnavailable(f"{path.parent}: {error.strerror}; check its owner and mount") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        raise JournalBusy(f"{path}: another gateway owns this journal; stop it first") from error
    return fd


def open_database(path: Path, check_s: float) -> Opened:
    """Opens, creates, migrates or replaces the file at `path`. Raises `JournalUnavailable` or `SchemaNewer`."""
    try:
        finished = _finish_swap(path)
        if not path.exists():
            return _open_new(path, finished)
        try:
            opened = _open_existing(path, check_s)
        except Damaged as damage:
            return _replace(path, str(damage))
        opened.problems[:0] = finished
        return opened
    except sqlite3.Error as error:
        raise JournalUnavailable(f"{path}: {error}; check space, owner and mount") from error
    except OSError as error:
        raise JournalUnavailable(f"{path}: {error.strerror}; check space, owner and mount") from error


def _open_new(path: Path, problems: list[Problem]) -> Opened:
    orphan = path.with_name(path.name + "-wal")
    if orphan.exists():  # SQLite would replay it into the new file
        aside = _free_name(path)
        os.replace(orphan, aside.with_name(aside.name + "-wal"))
        text = f"{path.name} was missing but its write-ahead log was there; moved aside as {aside.name}-wal"
        problems.append(Problem(ProblemCode.DATABASE_QUARANTINED, text))
    epoch = secrets.token_hex(EPOCH_BYTES)
    with _built(path) as (draft, _):
        pass
    _write_meta_and_place(draft, path, epoch, Marks())
    return Opened(schema.connect(path), epoch, Marks(), fresh=not problems, problems=problems)


def _open_existing(path: Path, check_s: float) -> Opened:
    _check_header(path)
    extent = wal.extent(path.with_name(path.name + "-wal"))
    connection = None
    try:
        connection = schema.connect(path)
        opened = _examine(connection, extent, check_s)
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, (sqlite3.Error, UnicodeDecodeError)) and is_damage(error):
            raise Damaged(str(error)) from error
        raise
    return opened


def _check_header(path: Path) -> None:
    """Raises `Damaged` if the header is not ours. Some flipped bits are put right first, so that salvage can read."""
    with path.open("r+b") as file:
        head = bytearray(file.read(100))
        wrong = [
            (offset + i, byte)
            for offset, constants in HEADER_CONSTANTS.items()
            for i, byte in enumerate(constants)
            if head[offset + i : offset + i + 1] != bytes((byte,))
        ]
        if not wrong:
            return
        if len(wrong) <= MAX_HEADER_BYTES_MENDED and len(head) == 100:
            for offset, byte in wrong:
                head[offset] = byte
            file.seek(0)
            file.write(head)
    raise Damaged(f"file header differs at bytes {[offset for offset, _ in wrong[:8]]}")


def _examine(connection: sqlite3.Connection, extent: wal.WalExtent | None, check_s: float) -> Opened:
    problems = []
    version = schema.get_meta(connection, "schema")
    if version > schema.VERSION:
        raise SchemaNewer(
            f"the journal has schema {version}, this Hearthwatch knows up to {schema.VERSION}; nothing was changed. "
            "Install the version that wrote it, or move the file away to start anew"
        )
    if version < schema.VERSION:
        schema.migrate(connection, version)
    schema.check_tables(connection)
    if not _check_structure(connection, check_s):
        text = f"structure not looked through in {check_s:g} s; every row is still checked when it is read"
        problems.append(Problem(ProblemCode.CHECK_UNFINISHED, text))
    marks = Marks(*schema.get_meta(connection, "marks"))
    valid = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1]
    if extent is not None and (not extent.header_ok or extent.frames > valid):
        text = f"the write-ahead log holds {extent.frames} pages, {valid} of them whole: cut while writing, or damaged"
        problems.append(Problem(ProblemCode.TAIL_CUT, text))
        marks = marks.ahead()  # the lost part may have held a newer mark
    return Opened(connection, str(schema.get_meta(connection, "epoch")), marks, fresh=False, problems=problems)


def _check_structure(connection: sqlite3.Connection, check_s: float) -> bool:
    """`quick_check` within a time limit, what life hangs on first. False: not finished. Raises `Damaged`."""
    deadline = time.monotonic() + check_s
    for table in ("(meta)", "(outbox)", "(memory)", "(snapshot)", "(record)", ""):
        if (left := deadline - time.monotonic()) <= 0:
            return False
        timer = threading.Timer(left, connection.interrupt)
        timer.start()
        try:
            found = connection.execute(f"PRAGMA quick_check{table}").fetchall()
        except sqlite3.OperationalError as error:
            if code_of(error) == sqlite3.SQLITE_INTERRUPT:
                return False
            raise
        finally:
            timer.cancel()
            timer.join()
        if time.monotonic() >= deadline and found != [("ok",)]:
            return False  # an interrupted check may end with a finding of its own
        if found != [("ok",)]:
            raise Damaged(f"quick_check{table}: {str(found[0][0]).splitlines()[-1]}")
    return True


@contextlib.contextmanager
def _built(path: Path) -> Iterator[tuple[Path, sqlite3.Connection]]:
    """A new database beside `path`, closed (so in one file) and synced at the end."""
    draft = path.with_name(path.name + ".new")
    for leftover in (draft, draft.with_name(draft.name + "-wal"), draft.with_name(draft.name + "-shm")):
        leftover.unlink(missing_ok=True)
    connection = schema.create(draft, {})
    try:
        yield draft, connection
    finally:
        connection.close()


def _write_meta_and_place(draft: Path, path: Path, epoch: str, marks: Marks) -> None:
    connection = schema.connect(draft)
    connection.execute("BEGIN IMMEDIATE")
    schema.put_meta(connection, "epoch", epoch)
    schema.put_meta(connection, "marks", marks.as_json())
    connection.execute("COMMIT")
    connection.close()
    draft.chmod(0o600)
    _sync(draft)
    os.replace(draft, path)
    _sync(path.parent)


def _replace(path: Path, reason: str) -> Opened:
    """Salvages the damaged file into a new one and puts that in its place."""
    with _built(path) as (draft, connection):
        kept = salvage(path, connection)
    marks = Marks(kept.last_log + 1, kept.last_action + 1, kept.last_seq + 1).ahead()
    epoch = secrets.token_hex(EPOCH_BYTES)
    ready = path.with_name(path.name + ".ready")
    _write_meta_and_place(draft, ready, epoch, marks)
    problems = _finish_swap(path, f"{reason}; kept {kept.summary()}")
    return Opened(schema.connect(path), epoch, marks, fresh=False, problems=problems)


def _finish_swap(path: Path, reason: str = "found at the last start, which was cut short") -> list[Problem]:
    """Moves the old file and its log aside and the ready one in place; each step may be the last before a power cut."""
    ready = path.with_name(path.name + ".ready")
    if not ready.exists():
        return []
    aside = _free_name(path)
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    # the log goes last of the old pair and before the new file comes: neither may ever stand beside a stranger
    for suffix in ("", "-wal"):
        with contextlib.suppress(FileNotFoundError):
            os.replace(path.with_name(path.name + suffix), aside.with_name(aside.name + suffix))
    _sync(path.parent)
    os.replace(ready, path)
    _sync(path.parent)
    return [Problem(ProblemCode.DATABASE_QUARANTINED, f"moved aside as {aside.name}: {reason}")]


def _free_name(path: Path) -> Path:
    """`journal.corrupt-<n>` with the next n; the oldest beyond `MAX_CORRUPT_KEPT` are removed."""
    stem = f"{path.stem}.corrupt-"
    numbers = {
        int(tail)
        for found in path.parent.glob(f"{stem}*")
        if (tail := found.name.removeprefix(stem).removesuffix("-wal")).isdigit()
    }
    for old in sorted(numbers)[: -(MAX_CORRUPT_KEPT - 1)]:
        for suffix in ("", "-wal"):
            path.with_name(f"{stem}{old}{suffix}").unlink(missing_ok=True)
    return path.with_name(f"{stem}{max(numbers, default=0) + 1}")


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
