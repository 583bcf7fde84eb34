"""Whether SQLite took all that lies in its write-ahead log. Pure reading of the file format, no SQL.

SQLite stops at the first frame with a bad checksum and says nothing, which is right after a power cut in the middle of
a write and wrong after damage: then acknowledged entries vanish. So we look before it does, and compare after.
Format: https://www.sqlite.org/fileformat2.html section 4.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HEADER: Final = struct.Struct(">8I")  # magic, version, page size, sequence, salt1, salt2, checksum1, checksum2
FRAME: Final = struct.Struct(">4I")  # page number, size after commit, salt1, salt2 (two checksums follow)
FRAME_HEAD_BYTES: Final = 24
MAGIC: Final = 0x377F0682  # the lowest bit says big-endian checksums
MAX_FRAMES: Final = 1 << 16  # looked at; 64 times the size our WAL is cut back to


@dataclass(frozen=True, slots=True)
class WalExtent:
    """What the file holds: `frames` up to the last one of the current generation, and a header in order or not."""

    frames: int
    header_ok: bool


def extent(wal: Path) -> WalExtent | None:
    """Looks at a WAL that nobody has open. None: no file or nothing in it. Raises OSError."""
    try:
        fd = os.open(wal, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return _extent(fd)
    finally:
        os.close(fd)


def _extent(fd: int) -> WalExtent | None:
    head = os.pread(fd, HEADER.size, 0)
    if len(head) < HEADER.size:
        return WalExtent(0, header_ok=False) if head else None
    magic, _, page, _, salt1, salt2, *sums = HEADER.unpack(head)
    if magic & ~1 != MAGIC or _checksum(head[:24], "<>"[magic & 1]) != tuple(sums):
        return WalExtent(0, header_ok=False)
    last, size = 0, FRAME_HEAD_BYTES + page
    for number in range(MAX_FRAMES):
        frame = os.pread(fd, FRAME.size, HEADER.size + number * size)
        if len(frame) < FRAME.size:
            break
        salts = FRAME.unpack(frame)[2:]
        # one salt right is this generation with a damaged frame; older generations differ in both
        if salts[0] == salt1 or salts[1] == salt2:
            last = number + 1
    return WalExtent(last, header_ok=True)


def _checksum(data: bytes, order: str) -> tuple[int, int]:
    s0 = s1 = 0
    for x0, x1 in struct.iter_unpack(f"{order}2I", data):
        s0 = (s0 + x0 + s1) & 0xFFFFFFFF
        s1 = (s1 + x1 + s0) & 0xFFFFFFFF
    return s0, s1
