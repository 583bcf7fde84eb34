"""A file that only takes up room, so that the alarm path has some left when the disk is full (domain A21).

Knows one file; the writer decides when it goes and when it comes back.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

HEADROOM_BYTES: Final = 1 << 20  # free beside a whole reserve: the WAL at its largest
LEAST_HEADROOM_BYTES: Final = 64 << 10  # beside a makeshift one
LEAST_BYTES: Final = 256 << 10  # smaller is not worth a file: some dozens of alarms


class Reserve:
    """The reserve file of one journal. `size` 0 turns it off."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size

    def whole(self) -> bool:
        """Whether all the room wished for is held back. Never raises."""
        return self._held() >= self._size

    def room_beside(self) -> bool:
        """Whether the disk has room that is not the reserve's: a reserve still whole says nothing of that."""
        return self._free() >= HEADROOM_BYTES

    def half(self) -> bool:
        """Whether at least half of it is held back. Never raises."""
        return self._held() * 2 >= self._size

    def short_of_room(self) -> bool:
        """Whether the disk is as good as full; SQLite says "I/O error" if it was not a plain write. Never raises."""
        return self._size > 0 and self._free() < LEAST_HEADROOM_BYTES

    def give_up(self) -> bool:
        """Removes the file; True if that made room. Never raises."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def make_whole(self) -> bool:
        """Holds back all the room, if the disk has it and some beside; True if it is held now. Never raises."""
        if self.whole():
            return True
        if self._free() + self._held() < self._size + HEADROOM_BYTES:
            return False
        return self._allocate(self._size)

    def make_what_fits(self) -> None:
        """The disk stays full: holds back what little there is, so that others do not take it. Never raises."""
        size = min(self._size, self._free() + self._held() - LEAST_HEADROOM_BYTES)
        if size >= LEAST_BYTES:
            self._allocate(size)

    def _held(self) -> int:
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def _free(self) -> int:
        try:
            stat = os.statvfs(self._path.parent)
        except OSError:
            return 0
        return stat.f_bavail * stat.f_frsize

    def _allocate(self, size: int) -> bool:
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(fd, 0, size)
            finally:
                os.close(fd)
        except OSError:
            self.give_up()
            return False
        return True
