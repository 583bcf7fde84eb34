"""The archive on disk: numbered files of sealed lines, and the head that says how far they go.

    incidents/0001-<epoch>.log    a header, then the lines of that journal
    incidents/head.json           {"file","bytes","hash","row"}, and its own hash: written after what it vouches for

What lies behind the head may be a write that a power cut tore: it is cut off and made again from the journal. What
the head vouches for is never touched; if it does not hold, a new file is begun, and `verify` names the place.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from gateway.incidents.chain import START, BadLine, Block, blocks, line_of, read_line, seal
from gateway.incidents.lines import LineMaker
from gateway.journal.export import export

FILE_BYTES: Final = 8 << 20  # a file is read whole when it is opened
BATCH: Final = 200  # lines under one seal at most
MODE: Final = 0o600
NAME: Final = re.compile(r"(\d{4,9})-([0-9a-f]{1,64})\.log")
HEAD: Final = "head.json"


@dataclass(frozen=True, slots=True)
class Head:
    """How far the archive goes: the newest file, its sealed bytes, the last seal, and the journal's row behind it."""

    file: str
    bytes: int
    hash: str
    row: int


class Archive:
    """Appends to the archive. One owner; not for use in the gateway's loop, it waits for the disk."""

    def __init__(self, directory: Path, journal: Path) -> None:
        self._directory = directory
        self._journal = journal
        self._file: Path | None = None
        self._size = 0
        self._hash = START
        self._maker = LineMaker()
        self._opened = False
        self.row = 0
        self.head: Head | None = None  # what was found to hold, or was written: not what lies on the disk meanwhile
        self.wrote = False  # so that the head on the disk is ours
        self.problems: list[str] = []

    def catch_up(self) -> int:
        """Appends what the journal has and the archive has not; returns how many lines.

        Raises OSError, `JournalError` and sqlite3.Error: nothing is lost then, the next call tries again.
        """
        if not self._opened:
            self._open()
            self._opened = True
        with export(self._journal, after=self.row) as source:
            if self._file is None or epoch_of(self._file.name) != source.epoch:
                self._begin(source.epoch, 0)
                source.after = 0
            made, seen = 0, self.row
            lines: list[bytes] = []
            for row in source:
                seen = row.log_id
                if (line := self._maker.line(row)) is None:
                    continue
                lines.append(line_of(line.wall_ms, line.marks, line.body))
                if len(lines) == BATCH:
                    made += self._append(lines, seen)
                    lines = []
            made += self._append(lines, seen)
        self.row = max(seen, self.row)
        return made

    # ---- opening

    def _open(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        head, names = read_head(self._directory), file_names(self._directory)
        if not names or (head is not None and head.file not in names):
            if head is not None:
                self._damaged(f"{head.file} is missing")
                self._hash = head.hash.encode()
            return
        path = self._directory / names[-1]
        data = path.read_bytes()
        self._hash, good = declared(data), 0
        for block in blocks(data, self._hash):
            if not isinstance(block, Block):
                break
            self._hash, good = block.hash, block.after
            self._remember(data[block.start : block.end])
        if head is not None and head.file == path.name and good < head.bytes:
            self._damaged(f"{path.name} does not hold behind byte {good}")
            return
        if good < len(data):
            os.truncate(path, good)
        self._file, self._size = path, good
        self.head = Head(path.name, good, self._hash.decode(), self.row)

    def _remember(self, lines: bytes) -> None:
        for line in lines.splitlines():
            with contextlib.suppress(BadLine):
                body = read_line(line).body
                row = body.get("row")
                self.row = max(self.row, row if isinstance(row, int) else 0)
                self._maker.remember(body)

    def _damaged(self, what: str) -> None:
        self.problems.append(f"incident archive: {what}; a new file is begun, `hearthwatch incidents verify` says more")

    # ---- writing

    def _begin(self, epoch: str, row: int) -> None:
        number = 1 + max((int(number_of(name)) for name in file_names(self._directory)), default=0)
        self._file, self._size = self._directory / f"{number:04d}-{epoch}.log", 0
        header = {"incidents": 1, "epoch": epoch, "previous": self._hash.decode(), "row": row}
        self.row = row
        if row == 0:
            self._maker = LineMaker()
        self._write([line_of(0, (), header)])

    def _append(self, lines: list[bytes], row: int) -> int:
        if lines:
            assert self._file is not None
            self.row = row
            self._write(lines)
            if self._size > FILE_BYTES:
                self._begin(epoch_of(self._file.name), row)
        return len(lines)

    def _write(self, lines: Iterable[bytes]) -> None:
        """Appends a sealed block, flushed, then the head that vouches for it."""
        assert self._file is not None
        data, found = seal(self._hash, b"".join(lines))
        with os.fdopen(os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, MODE), "wb") as out:
            out.truncate(self._size)  # what a failed write before may have left
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        self._hash, self._size = found, self._size + len(data)
        head = Head(self._file.name, self._size, found.decode(), self.row)
        temporary = self._directory / "head.tmp"
        with temporary.open("wb") as out:
            out.write(written(head))
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(self._directory / HEAD)
        self.head, self.wrote = head, True
        _sync_directory(self._directory)


def file_names(directory: Path) -> list[str]:
    """The archive's files in order."""
    found = [p.name for p in directory.iterdir() if NAME.fullmatch(p.name)] if directory.is_dir() else []
    return sorted(found, key=lambda name: int(number_of(name)))


def written(head: Head) -> bytes:
    """The head as it lies on disk: with its own hash, so that no part of it changes unseen."""
    said = json.dumps(asdict(head))
    return json.dumps(asdict(head) | {"check": hashlib.sha256(said.encode()).hexdigest()}).encode()


def read_head(directory: Path) -> Head | None:
    """The head, or None where there is none, or not as it was written."""
    try:
        data = (directory / HEAD).read_bytes()
        head = head_of(json.loads(data))
    except (OSError, ValueError, RecursionError):
        return None
    return head if head is not None and written(head) == data else None


def head_of(row: Any) -> Head | None:
    """A head as JSON holds it; None for what is none."""
    try:
        return Head(str(row["file"]), int(row["bytes"]), str(row["hash"]), int(row["row"]))
    except (ValueError, TypeError, KeyError, OverflowError):
        return None


def declared(data: bytes) -> bytes:
    """The seal a file says it follows: `START`, or that of the file before it."""
    try:
        previous = read_line(data[: data.index(b"\n")]).body.get("previous")
    except ValueError:
        return START
    return previous.encode() if isinstance(previous, str) and previous.isascii() else START


def number_of(name: str) -> str:
    """The number of an archive file."""
    return name.partition("-")[0]


def epoch_of(name: str) -> str:
    """The journal's epoch that an archive file was made of."""
    return name.partition("-")[2].removesuffix(".log")


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
