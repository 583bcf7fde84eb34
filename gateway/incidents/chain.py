"""The chain: what is appended at once ends with a seal, the hash over it and over the seal before. No line can be
changed, left out or put in without every later seal telling.

    * <wall ms> <marks> <json>      a line in which an alarm changed its state: 17=DETECTED:CALL_FIXED:P0,17=RAISED
    - <wall ms> <json>              any other line
    = <64 hex of SHA-256>           the seal of the lines above it, up to the seal before

`marks` let a list of all incidents do without JSON. Pure: bytes in, bytes or a finding out.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from gateway.bounds import untamed
from gateway.incidents.shape import fits

START: Final = b"0" * 64
"""The seal before the first line of the first file."""
SEAL_BYTES: Final = len("= ") + 64 + 1

MAX_WALL_MS: Final = 10**14  # the year 5138
_MARKED_LINE: Final = re.compile(rb"\n\* (\d{1,14}) (\d{1,15})=([!-~]+) ")

_encode: Final = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode


class BadLine(ValueError):
    """A sealed line that is not of the archive's form: of a newer version, or a fault of ours."""


@dataclass(frozen=True, slots=True)
class Broken:
    """Where the chain does not hold: the lines between `start` and `end` (bytes) are not what was sealed."""

    start: int
    end: int


class Block(NamedTuple):
    """Lines that hold, as positions in the data; `hash` is their seal's."""

    start: int
    end: int  # of the lines; the seal follows
    after: int  # where the next block begins
    hash: bytes


class Read(NamedTuple):
    """One line, read."""

    wall_ms: int
    marks: tuple[str, ...]
    body: dict[str, Any]


def line_of(wall_ms: int, marks: Iterable[str], body: dict[str, Any]) -> bytes:
    """One line, its line end included."""
    marked = ",".join(marks)
    head = f"* {wall_ms} {marked}" if marked else f"- {wall_ms}"
    return f"{head} {_encode(body)}\n".encode("ascii", "backslashreplace")


def seal(previous: bytes, lines: bytes) -> tuple[bytes, bytes]:
    """(lines with their seal, its hash), to follow a block of hash `previous`."""
    found = hashlib.sha256(previous + lines).hexdigest().encode()
    return lines + b"= " + found + b"\n", found


def blocks(data: bytes, previous: bytes) -> Iterator[Block | Broken]:
    """Each block of `data` that follows `previous` and holds; the first that does not ends it with `Broken`.

    What follows the last seal is nobody's: not sealed, so not yielded (`Block.after` of the last one tells where).
    """
    start, view, find, sha256 = 0, memoryview(data), data.find, hashlib.sha256
    while (at := find(b"\n= ", start) + 1) and (after := at + SEAL_BYTES) <= len(data):
        digest = sha256(previous)
        digest.update(view[start:at])
        found = digest.hexdigest().encode()
        if data[at + 2 : after] != found + b"\n":
            yield Broken(start, after)
            return
        yield Block(start, at, after, found)
        start, previous = after, found


def marked_lines(data: bytes, end: int) -> list[tuple[bytes, bytes, bytes]]:
    """(wall ms, alarm, marks without that first number) of every line before `end` in which an alarm changed its state.

    Looks at no JSON. All at once: a hundred thousand incidents are half a million such lines, and one at a time costs
    more than finding them. A file begins with its header, which is no such line, so each has a line end before it.
    """
    return _MARKED_LINE.findall(data, 0, end)


def read_line(line: bytes) -> Read:
    """One line of a block that holds; raises `BadLine`."""
    try:
        if line.startswith(b"* "):
            _, wall, marks, body = line.split(b" ", 3)
        else:
            _, wall, body = line.split(b" ", 2)
            marks = b""
        value = json.loads(body)
        if not fits(value) or not 0 <= int(wall) < MAX_WALL_MS:
            raise BadLine("of another form")
        if b"\\ud" in body.lower() and untamed(value):  # an emoji at most, else what no page could be written with
            raise BadLine("half a character")
        return Read(int(wall), tuple(marks.decode("ascii").split(",")) if marks else (), value)
    except (ValueError, RecursionError) as error:
        raise BadLine(f"not a line of the archive: {type(error).__name__}") from None
