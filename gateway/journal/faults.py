"""What a failed write means, and how to get hold of the file again. Knows SQLite's codes; decides nothing."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from enum import StrEnum
from pathlib import Path
from typing import Final

from gateway.journal import schema
from gateway.journal.entry import JournalUnavailable, ProblemListener
from gateway.journal.opening import code_of, open_database
from gateway.journal.recovery import recover
from gateway.journal.store import Store


class Fault(StrEnum):
    """Why a commit failed."""

    FULL = "FULL"
    DISK = "DISK"  # I/O error, read-only, locked, gone: may come back
    DAMAGED = "DAMAGED"  # the file's content: will not
    CONTENT = "CONTENT"  # what we wanted to write: our fault


FULL_ERRNOS: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
# SQLITE_ERROR: "no such table" of a table that was there. Whether it is so, the checks of a start decide.
DAMAGED_CODES: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})


def classify(error: Exception) -> Fault:
    """Sorts an error of a commit."""
    code = code_of(error)
    if code == sqlite3.SQLITE_FULL or (isinstance(error, OSError) and error.errno in FULL_ERRNOS):
        return Fault.FULL
    if code in DAMAGED_CODES:
        return Fault.DAMAGED
    if isinstance(error, (OSError, sqlite3.OperationalError)) or code in (
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
    ):
        return Fault.DISK
    if isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error):  # it could not be opened again
        return Fault.DISK
    return Fault.CONTENT


def unavailable(path: Path, error: Exception) -> JournalUnavailable:
    """The error of opening, in words."""
    return JournalUnavailable(f"{path}: {error}; check space, owner and mount")


def reopen(path: Path, check_s: float, on_problem: ProblemListener, replace_damaged: bool) -> tuple[Store, str | None]:
    """A store on a fresh connection; with `replace_damaged` through all checks of a start, then also its epoch.

    Raises sqlite3.Error, OSError or JournalError; the caller goes on retrying.
    """
    if not replace_damaged and path.exists():
        store = Store(schema.connect(path), on_problem)
        epoch = None
    else:
        opened = open_database(path, check_s)
        for problem in opened.problems:
            on_problem(problem)
        store, epoch = Store(opened.connection, on_problem), opened.epoch
    try:
        recover(store, path, fresh=False, problems=[])
    except BaseException:
        store.close()
        raise
    return store, epoch


def unlock(fd: int | None) -> None:
    """Gives the lock file back."""
    if fd is not None:
        with contextlib.suppress(OSError):
            os.close(fd)
