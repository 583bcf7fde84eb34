"""Nothing is lost: observations, alarm transitions, actions and the outbox, in one SQLite file with one owner thread.

`Journal.open` in a thread, `submit` from the loop; an action is carried out only once its entry is durable. Knows the
vocabulary in and out; knows nothing of drivers, channels, the platform or clocks.
"""

from gateway.journal.encoding import message
from gateway.journal.entry import (
    ACT_FROM_MEMORY_S,
    Entry,
    Health,
    JournalBusy,
    JournalError,
    JournalUnavailable,
    Limits,
    Mark,
    OutboxRow,
    Problem,
    ProblemCode,
    Recovered,
    SchemaNewer,
    Seam,
    State,
    StoredAction,
    Submitted,
)
from gateway.journal.export import Export, ExportedRow, export
from gateway.journal.journal import Journal

__all__ = [
    "ACT_FROM_MEMORY_S",
    "Entry",
    "Export",
    "ExportedRow",
    "Health",
    "Journal",
    "JournalBusy",
    "JournalError",
    "JournalUnavailable",
    "Limits",
    "Mark",
    "OutboxRow",
    "Problem",
    "ProblemCode",
    "Recovered",
    "SchemaNewer",
    "Seam",
    "State",
    "StoredAction",
    "Submitted",
    "export",
    "message",
]
