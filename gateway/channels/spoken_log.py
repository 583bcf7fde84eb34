"""The spoken-text log: one JSON line for every prompt, heard or not, in a small private file that rotates.

Knows files and nothing else. Writing happens on a thread of its own, because a stuck disk must not hold up a voice.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

MAX_FILE_BYTES: Final = 256 << 10
"""About 1,500 prompts; the previous file is kept as `.1`, so half a megabyte at most."""

MAX_WAITING: Final = 200
"""Lines that wait for a stuck disk; more are dropped and counted."""

PRIVATE: Final = 0o600

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Spoken:
    """One prompt: `at` for people (ISO), `text` as spoken or with ids for names, `heard`: whether it was played out."""

    at: str
    prompt: str
    text: str
    severity: str
    heard: bool

    def to_json(self) -> dict[str, Any]:
        """One line of the file."""
        return {name: getattr(self, name) for name in self.__slots__}


class SpokenLog:
    """Appends to `path`. A disk that fails costs lines (counted), never a prompt."""

    def __init__(self, path: Path, *, max_bytes: int = MAX_FILE_BYTES) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spoken-log")
        self._noted = self._settled = 0  # lines taken in by the loop; lines the thread has written or given up
        self._gathered: list[bytes] = []
        self._soon: asyncio.Handle | None = None
        self.counts: Counter[str] = Counter()

    def note(self, spoken: Spoken) -> None:
        """Queues one line and returns at once. Call it from the event loop."""
        if self._noted - self._settled >= MAX_WAITING:
            self.counts["dropped"] += 1
            return
        self._noted += 1
        line = json.dumps(spoken.to_json(), ensure_ascii=False) + "\n"
        self._gathered.append(line.encode())
        if self._soon is None:  # lines of one turn together; no later: kill -9 would take what the elder has heard
            self._soon = asyncio.get_running_loop().call_soon(self._hand_over)

    def _hand_over(self) -> None:
        self._soon = None
        lines, self._gathered = self._gathered, []
        self._writer.submit(self._append, lines)  # nobody waits: waking the loop again is most of the cost

    async def flush(self) -> None:
        """Returns when what was noted so far is in the file."""
        if self._soon is not None:
            self._soon.cancel()
            self._hand_over()
        await asyncio.get_running_loop().run_in_executor(self._writer, lambda: None)

    async def close(self) -> None:
        """Writes what is queued and ends the thread."""
        await self.flush()
        self._writer.shutdown(wait=False)

    # in the thread

    def _append(self, lines: list[bytes]) -> None:
        try:
            self._write_all(lines)
        except OSError as error:
            if not self.counts["failed"]:  # once: a broken disk has its own alarm
                log.error("spoken-text log: cannot write: %s", type(error).__name__)
            self.counts["failed"] += len(lines)
        finally:
            self._settled += len(lines)

    def _write_all(self, lines: list[bytes]) -> None:
        while lines:
            room = self._rotate(len(lines[0]))
            fit = 1
            while fit < len(lines) and sum(map(len, lines[: fit + 1])) <= room:
                fit += 1
            self._write(b"".join(lines[:fit]))
            lines = lines[fit:]

    def _write(self, text: bytes) -> None:
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, PRIVATE)
        try:
            os.fchmod(handle, PRIVATE)  # a file that was already there may have been readable by others
            os.write(handle, text)
        finally:
            os.close(handle)

    def _rotate(self, more: int) -> int:
        """Makes room for `more` bytes; returns how many the file has room for."""
        try:
            size = self._path.stat().st_size
        except FileNotFoundError:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return self._max_bytes
        if size + more <= self._max_bytes:
            return self._max_bytes - size
        self._path.replace(self._path.with_name(self._path.name + ".1"))
        return self._max_bytes
