"""Opens what the gateway keeps on disk, and what to do where the disk takes nothing any more.

A disk that can be read but not written (worn out, full, remounted read-only) must not make a silent house: the home is
then read without a lock, the journal goes to memory, what the old one tells is read as far as it can be, and the fault
is told. Only what would be wrong is refused: another gateway on the same state, a home nobody can read.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from gateway.config import JournalConfig
from gateway.home.registry import Registry
from gateway.journal import Health, Journal, JournalBusy, JournalError, JournalUnavailable, Limits, Problem, Recovered
from gateway.journal.entry import DAY_MS, Happened, Mark
from gateway.journal.export import export

UNWRITABLE: Final = frozenset({errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EACCES, errno.EPERM})
IN_MEMORY: Final = ("/dev/shm", "/run", tempfile.gettempdir())  # noqa: S108 - a private folder is made inside
MEMORY_LIMITS: Final = Limits(max_bytes=16 << 20, reserve_bytes=0)
LATEST: Final = 1 << 62


@dataclass(slots=True)
class Opened:
    """The registry and the journal, and what was found in it."""

    registry: Registry
    journal: Journal
    recovered: Recovered


def journal_limits(journal: JournalConfig) -> Limits:
    """What the configuration gives the journal to live on."""
    return Limits(
        max_bytes=journal.max_mib << 20,
        reserve_bytes=journal.reserve_mib << 20,
        alarm_keep_ms=journal.retention_days * DAY_MS,
        routine_keep_ms=journal.raw_days * DAY_MS,
    )


def open_storage(
    home_file: Path,
    journal_file: Path,
    limits: Limits,
    *,
    problems: list[str],
    on_health: Callable[[Health], None],
    on_problem: Callable[[Problem], None],
) -> Opened:
    """Opens both; blocking. Raises what makes a gateway impossible (see the module's first lines)."""
    registry = _registry(home_file, problems)
    try:
        journal, recovered = Journal.open(journal_file, limits, on_health=on_health, on_problem=on_problem)
    except JournalBusy:
        raise
    except (JournalUnavailable, OSError) as error:
        if isinstance(error, OSError) and error.errno not in UNWRITABLE:
            raise
        problems.append(f"the journal is kept in memory and a power cut will lose it: {error}")
        journal, recovered = _in_memory(journal_file, problems, on_health, on_problem)
        return Opened(registry, journal, recovered)
    return Opened(registry, journal, recovered)


def _registry(path: Path, problems: list[str]) -> Registry:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Registry(path, on_recovered=problems.append)
    except OSError as error:
        if error.errno not in UNWRITABLE or not path.exists():
            raise
        problems.append(f"the home can be read but not changed: {path.parent}: {os.strerror(error.errno or 0)}")
        return Registry(path, readonly=True, on_recovered=problems.append)


def _in_memory(
    lost: Path, problems: list[str], on_health: Callable[[Health], None], on_problem: Callable[[Problem], None]
) -> tuple[Journal, Recovered]:
    folder = next(Path(f) for f in IN_MEMORY if os.access(f, os.W_OK))
    path = Path(tempfile.mkdtemp(prefix="hearthwatch-", dir=folder)) / "journal.db"
    journal, fresh = Journal.open(path, MEMORY_LIMITS, on_health=on_health, on_problem=on_problem)
    told = newest_history(lost, problems)
    if told is None:
        return journal, fresh
    snapshot, tail, mark = told
    return journal, replace(fresh, snapshot=snapshot, tail=tail, tail_rows=len(tail), mark=mark, fresh=False)


def newest_history(path: Path, problems: list[str]) -> tuple[dict[str, Any] | None, list[Happened], Mark | None] | None:
    """What a journal that cannot be written still tells: newest snapshot, what followed, where time stood."""
    if not path.exists():
        return None
    try:
        with export(path, LATEST) as source:
            rows = list(source)
            tail = [(row.observation, row.events) for row in rows]
            mark = Mark(rows[-1].observation.t, rows[-1].wall_ms, rows[-1].trust) if rows else None
            return source.snapshot, tail, mark
    except (JournalError, OSError) as error:
        problems.append(f"what happened before could not be read: {error}")
        return None


def whole_history(path: Path) -> Iterator[Happened]:
    """Everything that is still on record, from the first row on: for a snapshot that this version cannot read."""
    with export(path) as source:
        for row in source:
            yield row.observation, row.events
