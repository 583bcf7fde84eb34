"""The archive read from outside, beside a running gateway or without one: what holds, what does not, and all lines.

The chain goes through all files: one that was changed, cut short, exchanged or is missing breaks it there or at its
successor; the head breaks it at the end. Reading goes on behind a break: what can be read is shown, and marked.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gateway.incidents.archive import Head, declared, epoch_of, file_names, read_head
from gateway.incidents.chain import START, BadLine, Block, Read, blocks, line_of, marked_lines, read_line
from gateway.incidents.lines import LineMaker
from gateway.incidents.story import TIMED, FollowUp, Summary, apply_change, follow_ups_of
from gateway.journal import JournalError
from gateway.journal.export import export

MAX_FINDINGS: Final = 50
MAX_DIGITS: Final = 15  # of an alarm's number
FOLLOW_UP_MARK: Final = b'"event":"follow_up"'
SEALED_WITHIN_MS: Final = 3_600_000  # a running gateway takes a minute, and once it has started again no longer


@dataclass(slots=True)
class Findings:
    """What was found wrong; nothing: every line is as it was written."""

    files: int = 0
    blocks: int = 0
    broken: list[str] = field(default_factory=list)

    def bad(self, what: str) -> None:
        """Notes a finding, up to a bound."""
        if len(self.broken) < MAX_FINDINGS:
            self.broken.append(what)


def files(directory: Path, findings: Findings) -> Iterator[tuple[str, bytes, int]]:
    """(epoch, data, sealed bytes) of each file in order, each checked. Raises OSError."""
    head = read_head(directory)  # first: a running gateway may begin a new file meanwhile
    names = file_names(directory)
    previous = None
    for name in names:
        data = (directory / name).read_bytes()
        follows = declared(data)
        if previous is None and follows != START:
            findings.bad(f"{name}: the files before it are gone (retention deletes whole files from the front)")
        elif previous is not None and follows != previous:
            findings.bad(f"{name}: does not follow the file before it")
        findings.files += 1
        good, previous = _check(name, data, follows, head, findings)
        yield epoch_of(name), data, good
    if head is None and names:
        findings.bad("head.json is missing or cannot be read")
    elif head is not None and head.file not in names:
        findings.bad(f"{head.file} is missing")


def _check(name: str, data: bytes, previous: bytes, head: Head | None, findings: Findings) -> tuple[int, bytes]:
    """(bytes that hold, the last seal) of one file."""
    good = 0
    for block in blocks(data, previous):
        if not isinstance(block, Block):
            first, last = data.count(b"\n", 0, block.start) + 1, data.count(b"\n", 0, block.end)
            findings.bad(f"{name} lines {first} to {last}: changed, left out or put in since they were sealed")
            break
        findings.blocks += 1
        good, previous = block.after, block.hash
        if head is not None and head.file == name and head.bytes == good and head.hash.encode() != previous:
            findings.bad(f"{name} byte {good}: not the seal the head vouches for")
    if head is not None and head.file == name and good < head.bytes:
        findings.bad(f"{name}: holds up to byte {good}, the head vouches for {head.bytes}")
    return good, previous


def not_yet_sealed(directory: Path, journal: Path, findings: Findings) -> tuple[str, bytes]:
    """(epoch, lines) the journal has and the archive has not: a running gateway seals them within a minute.

    Empty where the journal cannot be read: the archive does not need it. What was long due is a finding: either nobody
    could write the archive, or somebody took it away.
    """
    head = read_head(directory)
    try:
        with export(journal) as source:
            known = head is not None and epoch_of(head.file) == source.epoch
            source.after = head.row if known and head is not None else 0
            maker, lines, overdue, first = LineMaker(), [b"\n"], 0, 0  # each behind a line end, as in a file
            for row in source:
                if (line := maker.line(row)) is not None:
                    lines.append(line_of(line.wall_ms, line.marks, line.body))
                    first = first or row.observation.t
                overdue = row.observation.t - first if first else 0
            if overdue > SEALED_WITHIN_MS:
                findings.bad(
                    f"{len(lines) - 1} lines of the last {overdue // 3_600_000} h are in the journal and not in the "
                    "archive: it could not be written, or was taken away"
                )
            return source.epoch, b"".join(lines)
    except (JournalError, sqlite3.Error):
        return "", b""


def everything(directory: Path, journal: Path, findings: Findings) -> Iterator[tuple[str, bytes, int]]:
    """The archive's files, each checked, and what is not sealed yet."""
    pending = not_yet_sealed(directory, journal, findings)  # first: what is sealed meanwhile is read twice, not missed
    yield from files(directory, findings)
    yield (*pending, len(pending[1]))


def summaries(directory: Path, journal: Path, findings: Findings) -> dict[tuple[str, int], Summary]:
    """All incidents by (epoch, alarm), in the order in which they began; everything checked on the way."""
    found: dict[tuple[str, int], Summary] = {}
    known: dict[str, dict[bytes, Summary]] = {}  # by epoch, then by the number as it is written
    for epoch, data, good in everything(directory, journal, findings):
        _take_in(marked_lines(data, good), epoch, known.setdefault(epoch, {}), found)
    return found


def follow_ups_due(directory: Path, journal: Path, findings: Findings, days: int) -> list[tuple[Summary, FollowUp]]:
    """What somebody still has to look at again after an incident, the longest due first; everything checked."""
    found: dict[tuple[str, int], Summary] = {}
    known: dict[str, dict[bytes, Summary]] = {}
    looked: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for epoch, data, good in everything(directory, journal, findings):
        _take_in(marked_lines(data, good), epoch, known.setdefault(epoch, {}), found)
        at = -1
        while (at := data.find(FOLLOW_UP_MARK, at + 1, good)) >= 0:
            start = data.rfind(b"\n", 0, at) + 1
            try:
                body = read_line(data[start : data.index(b"\n", at)]).body
            except (BadLine, ValueError) as bad:
                findings.bad(str(bad))
                continue
            for alarm in body.get("alarms", ()):
                looked.setdefault((epoch, alarm), []).append(body)
    due = [
        (summary, follow_up)
        for key, summary in found.items()
        for follow_up in follow_ups_of(summary, looked.get(key, ()), days)
        if follow_up.open
    ]
    return sorted(due, key=lambda row: row[1].due_on)


_Lists = dict[tuple[str, int], Summary]


def _take_in(lines: list[tuple[bytes, bytes, bytes]], epoch: str, here: dict[bytes, Summary], found: _Lists) -> None:
    """Takes half a million lines into the list of incidents, so the way of most of them is short: one move of an alarm
    that is known, in words that were read before."""
    read: dict[bytes, tuple[str, str]] = {}
    for wall, number, marks in lines:
        summary, change = here.get(number), read.get(marks)
        if summary is not None and change is not None:
            summary.state = change[0]
            if change[0] in TIMED:
                apply_change(summary, *change, wall)
            continue
        first, *others = marks.split(b",")  # the first one of it, several alarms in one line, or one that moved twice
        for mark in (number + b"=" + first, *others):
            alarm, _, word = mark.partition(b"=")
            if not alarm.isdigit() or len(alarm) > MAX_DIGITS:
                continue
            if (summary := here.get(alarm)) is None:
                summary = here[alarm] = found[epoch, int(alarm)] = Summary(epoch, int(alarm), opened_ms=int(wall))
            state, _, more = word.decode().partition(":")
            apply_change(summary, state, more, wall)
            if not others:
                read[marks] = (state, more)


def lines_of(directory: Path, journal: Path, epoch: str, alarm: int, findings: Findings) -> Iterator[Read]:
    """The lines on record about one alarm, in order and each once; everything checked on the way."""
    wanted, newest = str(alarm).encode(), 0
    for found, data, good in everything(directory, journal, findings):
        if found != epoch:
            continue
        for line in data[:good].splitlines():
            if wanted not in line or line.startswith(b"="):
                continue
            try:
                read = read_line(line)
            except BadLine as bad:
                findings.bad(str(bad))
                continue
            row = read.body.get("row", 0)
            if alarm in read.body.get("alarms", ()) and row > newest:
                newest = row
                yield read
