"""Runs a child under strace and plays its system calls on a `Disk`, one by one.

Names of files are followed by our own table of descriptors and not by strace's guess at a path, for a file may be
renamed or removed while it is open. A call that fails changes nothing. A call that another thread interrupts in the
trace counts when it returned; a word on descriptor 1 counts when it was begun, for from then on somebody may have read
it.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from disk_model import Disk, Image, Inode

SYNCS = ("fsync", "fdatasync")
WRITES = ("write", "pwrite64")
SIZES = ("ftruncate", "fallocate")
NAMES = ("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat")
SUSPICIOUS = ("writev", "pwritev", "pwritev2", "sendfile", "copy_file_range", "truncate", "dup", "dup2", "dup3")
TRACED = ("openat", "close", "lseek", *WRITES, *SIZES, *SYNCS, *NAMES, *SUSPICIOUS)
LINE = re.compile(r"(\d+) +(.*)")
CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+)")
RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')

Word = dict[str, Any]
"""A line of JSON the child wrote to descriptor 1."""


class UnknownCall(Exception):
    """The child did something to our files which the model does not know."""


class ChildFailed(Exception):
    """The traced child did not end well; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Call:
    """One system call; `begun` when only its beginning was seen."""

    name: str
    arguments: str
    result: int
    begun: bool = False


@dataclass(slots=True)
class Trace:
    """A finished child: where its files were, what was there before, and what it called."""

    folder: Path
    start: Image
    calls: list[Call]
    said: list[Word]


def trace(command: list[str], folder: Path, log: Path, start: Image | None = None) -> Trace:
    """Runs a Python child to its end. Raises `ChildFailed` with what it said on stderr."""
    words = [f"trace={','.join(TRACED)}"]
    done = subprocess.run(
        ["strace", "-f", "--seccomp-bpf", "-xx", "-s", "99999999", "-o", str(log), "-e", *words, sys.executable,
         *command], capture_output=True, check=False, timeout=100,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    if done.returncode:
        raise ChildFailed(f"{command}: exit {done.returncode}: {done.stderr.decode()[-2000:]}")
    said = [json.loads(line) for line in done.stdout.splitlines()]
    return Trace(folder, start or {}, list(_calls(log)), said)


def _calls(log: Path) -> Iterator[Call]:
    begun: dict[str, str] = {}
    with log.open() as lines:
        for line in lines:
            parts = LINE.match(line)
            if parts is None:
                continue
            thread, text = parts.groups()
            if text.endswith("<unfinished ...>"):
                begun[thread] = text.removesuffix("<unfinished ...>").rstrip()
                if text.startswith("write(1,"):
                    yield Call("write", begun.pop(thread).removeprefix("write("), 0, begun=True)
                continue
            if (rest := RESUMED.match(text)) is not None:
                text = begun.pop(thread, "") + rest[1]
            if (call := CALL.match(text)) is not None and not call[3].startswith("-"):
                yield Call(call[1], call[2], int(call[3]))


def unquoted(arguments: str) -> list[bytes]:
    """The strings among a call's arguments."""
    return [codecs.escape_decode(text.encode())[0] for text in TEXT.findall(arguments)]


@dataclass(slots=True)
class Player:
    """Plays a trace on a disk. `step` says what the child had announced so far after each call that matters."""

    trace: Trace
    disk: Disk = field(init=False)
    _open: dict[int, Inode | None] = field(default_factory=dict)  # None: the directory itself
    _at: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.disk = Disk(self.trace.start)

    def steps(self) -> Iterator[Word | None]:
        """After each call on our directory None, after each announcement what was said."""
        for call in self.trace.calls:
            if call.name == "write" and call.arguments.startswith("1,"):
                yield json.loads(unquoted(call.arguments)[0])
            elif self._play(call):
                yield None

    def _play(self, call: Call) -> bool:
        """Whether it was about our directory."""
        if call.name == "openat":
            return self._openat(call)
        if call.name in NAMES:
            return self._name(call)
        descriptor = int(call.arguments.split(",")[0].split("(")[0])
        if descriptor not in self._open:
            return False
        if call.name == "close":
            del self._open[descriptor]
            return False
        return self._on_file(call, descriptor, self._open[descriptor])

    def _on_file(self, call: Call, descriptor: int, inode: Inode | None) -> bool:
        if call.name in SYNCS:
            self.disk.sync_directory() if inode is None else self.disk.sync(inode)
        elif inode is None or call.name in SUSPICIOUS:
            raise UnknownCall(f"{call.name}({call.arguments[:100]})")
        elif call.name == "lseek":
            self._at[descriptor] = call.result
            return False
        elif call.name in WRITES:
            data = unquoted(call.arguments)[0][: call.result]
            at = self._at[descriptor] if call.name == "write" else int(call.arguments.rsplit(",", 1)[1])
            if call.name == "write":
                self._at[descriptor] = at + len(data)
            self.disk.write(inode, at, data)
        elif call.name == "ftruncate":
            self.disk.resize(inode, int(call.arguments.rsplit(",", 1)[1]))
        elif call.name == "fallocate":
            _, mode, offset, length = call.arguments.split(",")
            if int(mode, 0):
                raise UnknownCall(f"fallocate mode {mode}")
            self.disk.resize(inode, int(offset) + int(length), grow_only=True)
        return True

    def _openat(self, call: Call) -> bool:
        path = Path(os.fsdecode(unquoted(call.arguments)[0]))
        if path == self.trace.folder:
            self._open[call.result] = None
            return False
        if path.parent != self.trace.folder:
            self._open.pop(call.result, None)
            return False
        inode, made = self.disk.names.get(path.name), False
        if inode is None:
            inode, made = self.disk.create(path.name), True
        elif "O_TRUNC" in call.arguments and inode.now:
            self.disk.resize(inode, 0)
            made = True
        self._open[call.result], self._at[call.result] = inode, 0
        if "O_APPEND" in call.arguments:
            raise UnknownCall("O_APPEND")
        return made

    def _name(self, call: Call) -> bool:
        paths = [Path(os.fsdecode(raw)) for raw in unquoted(call.arguments)]
        ours = [path.name for path in paths if path.parent == self.trace.folder]
        if not ours:
            return False
        if len(ours) != len(paths):
            raise UnknownCall(f"{call.name} across directories")
        if call.name.startswith("rename"):
            self.disk.rename(*ours)
        elif call.name.startswith("link"):
            self.disk.link(*ours)
        else:
            self.disk.unlink(*ours)
        return True
