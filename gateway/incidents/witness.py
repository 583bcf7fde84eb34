"""The journal as a second witness: whether a sealed archive tells what the journal still remembers.

A seal needs no key: who may write the archive may also seal it anew, head and all, and then every seal holds. What is
about alarms stays in the journal for years, in rows of its own, so where both speak of one entry they must agree. Of
what one alone has only decisions are missed: every version made a line of those, and only where the other reaches.
Told in other words by an older version is no finding: values that both have are compared, not which there are.

Half a million lines made anew take half a minute. So the gateway, once it has found that both agree, keeps the seal it
wrote last in the journal (`VOUCHED`): an archive that runs through that very seal is the one it wrote, line by line,
and only what came after is compared. `deep` compares all the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from heapq import merge
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from gateway.incidents.archive import Head, epoch_of, file_names, head_of, read_head
from gateway.incidents.chain import SEAL_BYTES, BadLine, Read, line_of, read_line
from gateway.incidents.lines import LineMaker
from gateway.incidents.reading import Findings
from gateway.journal import JournalError
from gateway.journal.export import Export, export

VOUCHED: Final = "incidents:seal"
"""Under which the journal keeps the archive's seal, as `Head`."""

UNCOMPARED: Final = frozenset({"received", "alarms"})
"""Made of what was sent before, which the journal may have forgotten."""

_Told = tuple[int, str, Read]
"""(journal's row, who tells it, the line)."""


def against_the_journal(directory: Path, journal: Path, findings: Findings, *, deep: bool = False) -> None:
    """Notes each entry that the journal has otherwise. Nothing where it cannot be read: the archive does not need it.

    For an archive whose seals hold; of another it is known already. Raises OSError.
    """
    head = read_head(directory)
    if findings.broken:
        return
    try:
        with export(journal) as source:
            vouched = head_of(source.memory(VOUCHED))
            if vouched is not None and not _runs_through(directory, vouched):
                findings.bad(f"{vouched.file} byte {vouched.bytes}: not the seal the journal vouches for")
                vouched = None
            if head is not None and epoch_of(head.file) == source.epoch:
                known = None if deep or vouched is None or epoch_of(vouched.file) != source.epoch else vouched
                _compare(directory, source, head, known, findings)
    except (JournalError, sqlite3.Error):
        return


def _runs_through(directory: Path, vouched: Head) -> bool:
    """Whether the archive has this seal at this place; that its chain holds is known."""
    if vouched.file not in file_names(directory):
        return False
    if not SEAL_BYTES <= vouched.bytes <= (directory / vouched.file).stat().st_size:
        return False
    with (directory / vouched.file).open("rb") as file:
        file.seek(vouched.bytes - SEAL_BYTES)
        return file.read(SEAL_BYTES) == b"= " + vouched.hash.encode() + b"\n"


def _compare(directory: Path, source: Export, head: Head, known: Head | None, findings: Findings) -> None:
    """Compares what lies behind `known`, or all the journal still reaches; not what the gateway seals meanwhile."""
    begins = _begins(directory, source.epoch) if known is None else known.row
    reaches = (source.oldest_alarm() or head.row) if known is None else known.row
    told = merge(_kept(directory, known, head), _remembered(source, begins, head.row), key=itemgetter(0))
    for row, group in groupby(told, key=itemgetter(0)):
        said = {who: read for _, who, read in group}
        kept, remembered = said.get("archive"), said.get("journal")
        if kept is not None and remembered is not None:
            if not _same(kept, remembered):
                findings.bad(f"entry {row}: the journal tells it otherwise")
        elif remembered is not None and "decided" in remembered.body:
            findings.bad(f"entry {row}: in the journal, and not in the archive")
        elif kept is not None and "decided" in kept.body and row > reaches and not source.problems:
            findings.bad(f"entry {row}: in the archive, and not in the journal")


def _begins(directory: Path, epoch: str) -> int:
    """The row behind which the archive of this journal begins: retention deletes whole files from the front."""
    for name in file_names(directory):
        if epoch_of(name) == epoch:
            with (directory / name).open("rb") as file:
                row = read_line(file.readline()).body.get("row")
            return row if isinstance(row, int) else 0
    return 0


def _kept(directory: Path, known: Head | None, head: Head) -> Iterator[_Told]:
    """The archive's lines of the head's journal, in order, up to the head; those behind `known` only."""
    names = [name for name in file_names(directory) if epoch_of(name) == epoch_of(head.file)]
    first = 0 if known is None else names.index(known.file)
    for name in names[first : names.index(head.file) + 1]:
        data = (directory / name).read_bytes()
        if name == head.file:
            data = data[: head.bytes]
        if known is not None and name == known.file:
            data = data[known.bytes :]
        for line in data.splitlines():
            try:
                read = read_line(line)
            except BadLine:  # a seal, or what a newer version wrote
                continue
            if isinstance(row := read.body.get("row"), int) and "t" in read.body:  # else the header of a file
                yield row, "archive", read


def _remembered(source: Export, begins: int, upto: int) -> Iterator[_Told]:
    maker = LineMaker()
    for row in source.alarms(begins):
        if row.log_id > upto:
            return
        if (line := maker.line(row)) is not None:
            yield row.log_id, "journal", read_line(line_of(line.wall_ms, line.marks, line.body))


def _same(kept: Read, remembered: Read) -> bool:
    if (kept.wall_ms, kept.marks) != (remembered.wall_ms, remembered.marks):
        return False
    both = (kept.body.keys() & remembered.body.keys()) - UNCOMPARED
    return all(_agree(kept.body[name], remembered.body[name]) for name in both)


def _agree(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return all(_agree(one[name], other[name]) for name in one.keys() & other.keys())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_agree(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)
