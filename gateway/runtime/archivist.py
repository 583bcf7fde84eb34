"""Keeps the incident archive behind the journal, in a thread of its own: a slow card must not hold the loop.

The journal is durable, the archive is derived from it: it may be a minute behind, and after a crash it catches up.
Waits for word, never polls; what fails is told once and tried again with the next word.

Has the journal keep its last seal, so that `incidents verify` need not make every line anew (`incidents.witness`): of
an archive that the journal bore out when this run began, and that nobody else has written since.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from gateway.incidents.archive import Archive, Head, read_head
from gateway.incidents.reading import Findings, summaries
from gateway.incidents.witness import VOUCHED, against_the_journal
from gateway.journal import JournalError

BATCH_S: Final = 60.0
"""One press, its texts and their answers come within a minute: one seal and three flushes for all of it."""
VOUCH_S: Final = 3600.0
"""One more entry in the journal an hour, and only if there were alarms; what came since is compared line by line."""
CLOSE_S: Final = 5.0  # at the end the last lines are taken along; a card that hangs is not waited for

log = logging.getLogger(__name__)


class Archivist:
    """Owns the archive. `wake` after a commit that belongs in it; `close` takes the rest along."""

    def __init__(
        self,
        state_dir: Path,
        *,
        batch_s: float = BATCH_S,
        vouch: Callable[[tuple[str, Any]], None] | None = None,
    ) -> None:
        """`vouch` has the journal keep what it is given; called in this thread."""
        self._directory, self._journal = state_dir / "incidents", state_dir / "journal.db"
        self._archive = Archive(self._directory, self._journal)
        self._batch_s = batch_s
        self._vouch = vouch
        self._vouches = False  # whether what is sealed was found to be what the journal tells
        self._vouched: tuple[Head, float] | None = None
        self._word = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="archivist", daemon=True)
        self.failed: str | None = None
        self.looking = True  # until what is there has been compared

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
        self._vouches = self._vouch is not None and not self._closing.is_set() and self._borne_out()
        self.looking = False
        if self._closing.is_set():  # meanwhile
            self._catch_up()
        while not self._closing.is_set():
            self._have_vouched()
            self._word.wait()
            self._closing.wait(self._batch_s)
            self._word.clear()
            self._catch_up()

    def _borne_out(self) -> bool:
        """Whether what is sealed is what the journal tells: looked at once, before anything is vouched for."""
        findings = Findings()
        try:
            summaries(self._directory, self._journal, findings)
            against_the_journal(self._directory, self._journal, findings)
        except (OSError, ValueError) as error:
            findings.bad(str(error))
        for finding in findings.broken:
            log.error("incident archive: %s; `hearthwatch incidents verify` says more", finding)
        return not findings.broken

    def _have_vouched(self) -> None:
        head, now = self._archive.head, time.monotonic()
        if not self._vouches or self.failed is not None or head is None or head.row == 0 or self._vouch is None:
            return
        if head != read_head(self._directory):
            if self._archive.wrote:  # else a crash may have come between the lines and their head
                self._vouches = False
                log.error("incident archive: somebody else wrote it; `hearthwatch incidents verify` says more")
            return
        if self._vouched is not None and (self._vouched[0] == head or now - self._vouched[1] < VOUCH_S):
            return
        self._vouched = (head, now)
        self._vouch((VOUCHED, asdict(head)))

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
