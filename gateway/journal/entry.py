"""The journal's shapes: what goes in, what comes back after a restart, how it says that it is well.

Knows the vocabulary (observations, actions) and nothing of SQL, files or threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from gateway.actions import Action
from gateway.observations import Observation

ACT_FROM_MEMORY_S: Final = 0.5
"""A life-safety commit that takes longer is not waited for (T-02, architecture decision 2)."""

DAY_MS: Final = 86_400_000


class JournalError(Exception):
    """The journal cannot be used. The text says what was found and what to do."""


class JournalUnavailable(JournalError):
    """The file cannot be opened or written (permission, read-only or full disk, I/O error). Nothing was changed."""


class JournalBusy(JournalUnavailable):
    """Another process owns this journal."""


class SchemaNewer(JournalError):
    """The journal was written by a newer Hearthwatch. Nothing was changed; install that version or move the file."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened and all it caused: one transaction part, kept whole or not at all."""

    observation: Observation
    events: tuple[dict[str, Any], ...]  # alarm transitions, JSON
    wall_ms: int
    trust: str
    memory: tuple[str, Any] | None = None  # kept with the observation, e.g. a button's last counter
    actions: tuple[Action, ...] = ()
    done: tuple[int, ...] = ()  # ids of actions this entry finishes
    acked: tuple[int, ...] = ()  # outbox seqs the platform acknowledged
    urgent: bool = False

    @property
    def alarm_class(self) -> bool:
        """Whether the row belongs to the incident record (T-33): kept for years, never dropped to make room."""
        return self.urgent or bool(self.events or self.acked)

    @property
    def droppable(self) -> bool:
        """Whether losing it loses nothing but history: no alarm, no action, nothing finished."""
        return not (self.urgent or self.events or self.actions or self.done or self.acked)


@dataclass(frozen=True, slots=True)
class StoredAction:
    """An action with the names the journal gave it. `seq` only for Publish; neither is ever given twice."""

    id: int
    seq: int | None
    action: Action
    created_t: int


@dataclass(frozen=True, slots=True)
class Submitted:
    """`committed` becomes True once durable, False if the entry was given up. It stays pending while the disk fails."""

    stored: tuple[StoredAction, ...]
    committed: asyncio.Future[bool]


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message the platform has not acknowledged yet."""

    seq: int
    prio: int
    channel: str
    body: dict[str, Any]
    severity: str
    created_t: int


class ProblemCode(StrEnum):
    """What was found wrong with what was stored. Each is for the platform and `doctor`, none is for silence."""

    ROW_QUARANTINED = "ROW_QUARANTINED"  # bad CRC or not of our vocabulary; the row lies in table `quarantine`
    SNAPSHOT_BAD = "SNAPSHOT_BAD"  # an older one with a longer tail was used
    DATABASE_QUARANTINED = "DATABASE_QUARANTINED"  # moved aside; what could be read was carried over; new epoch
    TAIL_CUT = "TAIL_CUT"  # the last transaction on disk is not whole: a cut while writing, or damage
    CHECK_UNFINISHED = "CHECK_UNFINISHED"  # a big file: structure not looked through in the time allowed
    ENTRY_REJECTED = "ENTRY_REJECTED"  # our fault: SQLite refused the content of an entry


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding, in words a technician can act on; no names, phones or keys."""

    code: ProblemCode
    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Where time stood at the newest row: controller time, wall clock and how far that was to be trusted."""

    t: int
    wall_ms: int
    trust: str


Happened = tuple[Observation, tuple[dict[str, Any], ...]]


@dataclass(slots=True)
class Recovered:
    """What a restart finds. Feed `snapshot`, then `tail` (streamed from disk, may be iterated again)."""

    snapshot: dict[str, Any] | None
    tail: Iterable[Happened]
    tail_rows: int
    pending: list[StoredAction]  # decided, not finished; Publish ones wait in the outbox
    memory: dict[str, Any]
    mark: Mark | None
    fresh: bool  # a new journal, and not one that replaces a damaged one
    problems: list[Problem] = field(default_factory=list)


class State(StrEnum):
    """How the journal is; the worst one holds."""

    OK = "OK"
    SLOW = "SLOW"  # a commit takes or took more than 500 ms
    FULL = "FULL"  # no space: alarms are kept from the reserve, routine observations only in room of our own
    FAILING = "FAILING"  # commits fail; they are retried, the gateway acts from memory


@dataclass(frozen=True, slots=True)
class Health:
    """The journal's own account of itself. Counts are since the start of the process."""

    state: State
    reason: str = ""
    routine_kept: bool = True  # False: no room, routine observations are dropped
    waiting: int = 0  # entries submitted and not yet durable
    dropped_routine: int = 0  # observations never written: disk full or backlog over its cap
    dropped_urgent: int = 0  # the same for urgent ones: days of a dead disk
    rejected: int = 0
    quarantined: int = 0
    pruned_routine: int = 0  # rows dropped early because of the byte cap
    pruned_outbox: int = 0
    bytes_used: int = 0
    outbox_rows: int = 0
    log_rows: int = 0  # an upper bound: ids between oldest and newest


HealthListener = Callable[[Health], None]
ProblemListener = Callable[[Problem], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of the disk, of memory and of the past the journal may take."""

    max_bytes: int = 256 << 20  # of live rows; the file may be a little larger
    reserve_bytes: int = 4 << 20  # given up when the disk is full: thousands of alarms of 4 KiB
    routine_keep_ms: int = 30 * DAY_MS  # PIPL art. 19 (domain 2.5): raw observations at most 30 days
    alarm_keep_ms: int = 3 * 365 * DAY_MS  # domain 2.5: the incident record, 3 years
    alarm_keep_rows: int = 1_000  # T-33: however old, never fewer than this many events
    group_s: float = 1.0  # architecture decision 2: routine groups of at most 1 s
    check_s: float = 0.5  # structure check at opening; a cold start may take 1 s in all
    backlog_routine: int = 2_000  # entries that wait in memory for a failing disk
    backlog_routine_bytes: int = 4 << 20
    backlog_urgent: int = 8_000  # four actions each still fit in half a block of ids
    backlog_urgent_bytes: int = 16 << 20

    MIN_ALARM_KEEP_MS = 90 * DAY_MS  # T-33

    def __post_init__(self) -> None:
        if self.alarm_keep_ms < self.MIN_ALARM_KEEP_MS or self.alarm_keep_rows < 1_000:
            raise ValueError("alarm records: keep at least 90 days and 1000 rows (T-33)")
        if self.routine_keep_ms > 30 * DAY_MS:
            raise ValueError("routine observations: keep at most 30 days (PIPL art. 19)")


@dataclass(frozen=True, slots=True)
class Seam:
    """Where a test may stand between us and the disk. Called in the owner thread; may sleep or raise OSError."""

    before_commit: Callable[[], None] | None = None
