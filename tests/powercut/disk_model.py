"""A disk as a power cut leaves it: what was issued, what was made durable, and what may be left of the rest.

What the model assumes, and what it does not:

- A file's bytes are durable after its own fsync or fdatasync returned, size included; not by that of another.
- A name (created, renamed, linked, removed) is durable after an fsync of its directory; not by an fsync of the file.
  ext4 and btrfs promise more. Names and sizes that were not synced survive in the order in which they were issued,
  any number of them (a metadata journal), never in another order. A rename is both of its names or neither.
- A 512-byte sector is written whole or not at all; sectors of writes that were not synced survive in any combination,
  whatever their order. SQLite's `powersafe_overwrite` asks for no more; a card that destroys neighbouring sectors does
  not keep to it, and no software model of a disk tells what it does.
- Where a file grew and the bytes did not arrive, it is shorter or holds zeros.
- An mmap is not traced. SQLite maps only its `-shm`, which a first opener makes anew: images leave it out, torn ones
  put rubbish in its place.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
SURVIVING = (0.05, 0.5, 0.95)  # shares of un-synced sectors in a torn image: nearly none, half, nearly all

Image = dict[str, bytes]
"""File name to content."""


@dataclass(slots=True, eq=False)
class Inode:
    """A file, whatever its names. `now` is what a reader sees, `kept` what a power cut at once would leave."""

    now: bytearray = field(default_factory=bytearray)
    kept: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes issued and not synced."""

    inode: Inode
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Resize:
    """A size issued and not synced."""

    inode: Inode
    length: int
    grow_only: bool = False


@dataclass(frozen=True, slots=True)
class Names:
    """Names that change together: None removes."""

    changes: tuple[tuple[str, Inode | None], ...]


Pending = Write | Resize | Names


class Disk:
    """One directory. Every method is one system call that has returned."""

    def __init__(self, start: Image | None = None) -> None:
        self.names = {name: Inode(bytearray(b), bytearray(b)) for name, b in (start or {}).items()}
        self._kept_names = dict(self.names)
        self._pending: list[Pending] = []

    # ---- system calls

    def create(self, name: str) -> Inode:
        """openat with O_CREAT of a name that was not there."""
        inode = Inode()
        self._rename(((name, inode),))
        return inode

    def write(self, inode: Inode, offset: int, data: bytes) -> None:
        """write, pwrite64."""
        put(inode.now, offset, data)
        self._pending.append(Write(inode, offset, data))

    def resize(self, inode: Inode, length: int, *, grow_only: bool = False) -> None:
        """ftruncate, O_TRUNC; with `grow_only` fallocate."""
        change = Resize(inode, length, grow_only)
        cut(inode.now, change)
        self._pending.append(change)

    def sync(self, inode: Inode) -> None:
        """fsync, fdatasync of a file."""
        inode.kept[:] = inode.now
        self._pending = [p for p in self._pending if isinstance(p, Names) or p.inode is not inode]

    def sync_directory(self) -> None:
        """fsync of the directory."""
        self._kept_names = dict(self.names)
        self._pending = [p for p in self._pending if not isinstance(p, Names)]

    def rename(self, old: str, new: str) -> None:
        """rename; two names of one file stay as they are."""
        if self.names[old] is not self.names.get(new):
            self._rename(((old, None), (new, self.names[old])))

    def link(self, old: str, new: str) -> None:
        """link."""
        self._rename(((new, self.names[old]),))

    def unlink(self, name: str) -> None:
        """unlink."""
        self._rename(((name, None),))

    def _rename(self, changes: tuple[tuple[str, Inode | None], ...]) -> None:
        rename(self.names, changes)
        self._pending.append(Names(changes))

    # ---- what a power cut leaves

    def strict(self) -> Image:
        """Only what was synced."""
        return image(self._kept_names, lambda inode: inode.kept)

    def everything(self) -> Image:
        """All that was issued."""
        return image(self.names, lambda inode: inode.now)

    def torn(self, rng: random.Random) -> Image:
        """Some sectors of what was not synced, and the first few of the names and sizes."""
        names = dict(self._kept_names)
        files: dict[Inode, bytearray] = {}
        survives = rng.choice(SURVIVING)
        metadata = sum(not isinstance(p, Write) for p in self._pending)
        applied = rng.randint(0, metadata)
        for pending in self._pending:
            if isinstance(pending, Write):
                content = files.setdefault(pending.inode, bytearray(pending.inode.kept))
                put_some(content, pending, rng, survives)
            elif applied:
                applied -= 1
                if isinstance(pending, Names):
                    rename(names, pending.changes)
                else:
                    cut(files.setdefault(pending.inode, bytearray(pending.inode.kept)), pending)
        made = image(names, lambda inode: files.get(inode, inode.kept))
        for name in [n for n in made if n.endswith("-wal") and made[n]]:
            made[name.removesuffix("-wal") + "-shm"] = rng.randbytes(32768)
        return made


def put(content: bytearray, offset: int, data: bytes) -> None:
    """Writes into a file's bytes; a gap is zeros."""
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def put_some(content: bytearray, write: Write, rng: random.Random, survives: float) -> None:
    """Writes some of the sectors; the file may grow to the end of the write all the same."""
    at, end = write.offset, write.offset + len(write.data)
    while at < end:
        upto = min(end, (at // SECTOR + 1) * SECTOR)
        if rng.random() < survives:
            put(content, at, write.data[at - write.offset : upto - write.offset])
        at = upto
    if len(content) < end and rng.random() < 0.5:
        content.extend(bytes(end - len(content)))


def cut(content: bytearray, change: Resize) -> None:
    """Gives a file's bytes another length."""
    if len(content) < change.length:
        content.extend(bytes(change.length - len(content)))
    elif not change.grow_only:
        del content[change.length :]


def rename(names: dict[str, Inode], changes: tuple[tuple[str, Inode | None], ...]) -> None:
    """Changes names together."""
    for name, inode in changes:
        if inode is None:
            names.pop(name, None)
        else:
            names[name] = inode


def image(names: dict[str, Inode], content: Callable[[Inode], bytearray]) -> Image:
    """The files under their names, but for SQLite's shared memory."""
    return {name: bytes(content(inode)) for name, inode in names.items() if not name.endswith("-shm")}


def digest(files: Image) -> bytes:
    """The same for the same image."""
    made = hashlib.blake2b(digest_size=16)
    for name in sorted(files):
        made.update(f"{name}\0{len(files[name])}\0".encode())
        made.update(files[name])
    return made.digest()


def lay_out(files: Image, folder: Path) -> None:
    """Puts an image on a real file system."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def read_back(folder: Path) -> Image:
    """What really lies in a directory, as an image."""
    return {f.name: f.read_bytes() for f in folder.iterdir() if f.is_file() and not f.name.endswith("-shm")}
