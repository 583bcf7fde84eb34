"""What the owner thread does when nobody waits: checkpoint, forget, keep the reserve, find room on a full disk.

Knows the store, its retention and its reserve; knows nothing of groups and retries.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable
from math import inf
from typing import Final

from gateway.journal.entry import Limits
from gateway.journal.reserve import Reserve
from gateway.journal.retention import Retention
from gateway.journal.store import Store

log = logging.getLogger(__name__)

CHECKPOINT_BYTES: Final = 256 << 10  # short enough not to hold an alarm up, long enough to write hot pages once
STEP_PAUSE_S: Final = 0.02  # between two steps of retention, so that an alarm gets in between
FAILED_PAUSE_S: Final = 5.0
FULL_CHECK_S: Final = 30.0  # how often we look whether a full disk has room again
NO_ROOM_CHECK_S: Final = 5.0  # the same while routine observations are being dropped
MAKE_ROOM_STEPS: Final = 20  # routine rows are given up in portions of 20 steps of 64
ROOM_BYTES: Final = 256 << 10  # free pages of our own that let routine observations go on while the disk is full


class Upkeep:
    """The chores of one journal. `full` from the first "no space" until a whole reserve fits again."""

    def __init__(self, store: Store, limits: Limits, reserve: Reserve, idle: Callable[[], bool]) -> None:
        self.retention = Retention(store, limits)
        self.at = time.monotonic() + STEP_PAUSE_S  # when the next step is due
        self._store, self._limits, self._reserve, self._idle = store, limits, reserve, idle
        self.full = not reserve.make_whole()
        self.routine_kept = not self.full  # whether there is room for routine observations

    def move_to(self, store: Store) -> None:
        """The file was opened again."""
        self._store = store
        self.retention.move_to(store)

    def disk_full(self, urgent: bool) -> bool:
        """A commit found no space. The reserve goes only for an alarm. True: there may be room now."""
        self.full, self.routine_kept = True, False
        self.at = time.monotonic()
        return urgent and (self._reserve.give_up() or self._make_room() > 0)

    def step(self) -> bool:
        """A little of what is to do, if anything is; True if health may have changed."""
        try:
            more = self._routine_step()
        except sqlite3.Error as error:
            log.debug("journal upkeep failed: %s", error)
            if not self.full and not self._reserve.short_of_room():
                self.at = time.monotonic() + FAILED_PAUSE_S
                return True
            self.full, more = True, False
        if more is None:
            return False
        try:
            pause_s = STEP_PAUSE_S if more else self._recover_room() if self.full else self._all_well()
        except sqlite3.Error as error:  # looked at again, always: a full disk must not be forgotten
            log.debug("journal upkeep failed: %s", error)
            pause_s = FAILED_PAUSE_S
        self.at = time.monotonic() + pause_s
        return True

    def _routine_step(self) -> bool | None:
        """Checkpoint and retention: True if there is more to do, None if nothing was due."""
        if self._store.wal_bytes >= CHECKPOINT_BYTES:
            self._store.checkpoint()
        if time.monotonic() < self.at and not self.retention.due():
            return None
        return self.retention.due() and self.retention.step()

    def _all_well(self) -> float:
        self._reserve.make_whole()
        return inf

    def _recover_room(self) -> float:
        """Full no longer, if a whole reserve fits; else our oldest rows make room. Returns s until the next look."""
        if self._reserve.make_whole() and self._reserve.room_beside():
            self.full, self.routine_kept = False, True
            self.retention.cap_bytes = self._limits.max_bytes
            return inf
        dropped = 0
        if self._store.bytes_free() < ROOM_BYTES and self._store.has_routine():
            self._reserve.give_up()  # deleting needs a little room, too
            self.retention.lower_cap()
            dropped = self._make_room()
        self._reserve.make_what_fits()
        # what routine observations could still take must never be what an alarm will need
        self.routine_kept = self._store.bytes_free() >= ROOM_BYTES and self._reserve.half()
        if self.routine_kept:
            return FULL_CHECK_S
        return STEP_PAUSE_S if dropped else NO_ROOM_CHECK_S

    def _make_room(self) -> int:
        """Drops the oldest routine rows: their pages serve the next alarms even if the disk stays full."""
        dropped = 0
        with contextlib.suppress(sqlite3.Error):
            if self._store.bytes_free() >= ROOM_BYTES:
                return 0  # there is room in the file; dropping more would not help
            self._store.checkpoint()  # first, while there is room for it: then the WAL begins anew and need not grow
            for _ in range(MAKE_ROOM_STEPS):
                step = self.retention.make_room()
                dropped += step
                if not step or not self._idle():
                    break
            self._store.checkpoint()
        return dropped
