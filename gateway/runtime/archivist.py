"""Keeps the incident archive behind the journal, in a thread of its own: a slow card must not hold the loop.

The journal is durable, the archive is derived from it: it may be a minute behind, and after a crash it catches up.
Waits for word, never polls; what fails is told once and tried again with the next word.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from pathlib import Path
from typing import Final

from gateway.incidents.archive import Archive
from gateway.journal import JournalError

BATCH_S: Final = 60.0
"""One press, its texts and their answers come within a minute: one seal and three flushes for all of it."""
CLOSE_S: Final = 5.0  # at the end the last lines are taken along; a card that hangs is not waited for

log = logging.getLogger(__name__)


class Archivist:
    """Owns the archive. `wake` after a commit that belongs in it; `close` takes the rest along."""

    def __init__(self, state_dir: Path, *, batch_s: float = BATCH_S) -> None:
        self._archive = Archive(state_dir / "incidents", state_dir / "journal.db")
        self._batch_s = batch_s
        self._word = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="archivist", daemon=True)
        self.failed: str | None = None

    def start(self) -> None:
        """Begins with what the last run left out."""
        self._thread.start()

    def wake(self) -> None:
        """There is something new in the journal. Never blocks."""
        self._word.set()

    def close(self) -> None:
        """Takes the last lines along, within `CLOSE_S`. Call it when the journal is closed."""
        self._closing.set()
        self._word.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)

    def _run(self) -> None:
        self._catch_up()
        while not self._closing.is_set():
            self._word.wait()
            self._closing.wait(self._batch_s)
            self._word.clear()
            self._catch_up()

    def _catch_up(self) -> None:
        try:
            self._archive.catch_up()
            self.failed = None
        except (OSError, JournalError, sqlite3.Error) as error:
            if self.failed is None:
                log.warning("the incident archive could not be written: %s; tried again with the next alarm", error)
            self.failed = f"{type(error).__name__}: {error}"
        for problem in self._archive.problems:
            log.error("%s", problem)
        self._archive.problems.clear()
