"""TinyDB's tables on disk, whole or not at all.

TinyDB's own JSON storage writes in place: a power cut in the wrong moment makes the whole registry unreadable, a
flipped bit goes unnoticed (measured, research/fleet.md 1.2). Here a file is complete and proven by its CRC, or it is
not believed. Each write: temporary file, fsync, the present generation kept as `.prev` by hard link, rename, fsync of
the directory. Knows files and generations; knows nothing of homes.

What reading finds, and what becomes of it:

    the file is good                      it is read
    damaged or missing, `.prev` is good   `.prev` is read, `recovered` says so, `on_recovered` is called
    damaged or missing, no good `.prev`   DamagedRegistry; never an empty registry
    nothing at all                        new: None
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from tinydb.storages import Storage

MAX_BYTES: Final = 16 * 2**20  # 10,000 devices are 3 MB; more is no registry of ours
MODE: Final = 0o600  # phone numbers and bind keys
MAGIC: Final = b"HEARTHWATCH-HOME-1"

Tables = dict[str, dict[str, Any]]


class DamagedRegistry(Exception):
    """Our file is damaged and there is no good predecessor. Says which file, what is wrong and what to do."""


class _Damaged(Exception):
    """One generation cannot be believed; the text says why."""


def _sealed(tables: Tables) -> bytes:
    """The file's bytes for these tables: a line of magic, length and CRC-32, then JSON. Raises `ValueError`."""
    try:
        body = json.dumps(tables, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except RecursionError:
        raise ValueError("the tables are nested too deeply") from None
    if len(body) > MAX_BYTES - len(_header(body)):
        raise ValueError(f"the registry would exceed {MAX_BYTES} bytes")
    return _header(body) + body


def _header(body: bytes) -> bytes:
    return b"%s %d %08x\n" % (MAGIC, len(body), zlib.crc32(body))


def _unsealed(data: bytes) -> Tables:
    """The inverse of `_sealed`; raises `_Damaged`. The header is not believed but made again and compared."""
    _, _, body = data.partition(b"\n")
    if data != _header(body) + body:
        raise _Damaged("empty" if not data else f"its {len(data)} bytes do not match their length and CRC-32")
    try:
        tables = json.loads(body)
    except (ValueError, RecursionError):
        raise _Damaged("not JSON although its CRC-32 is right") from None
    if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
        raise _Damaged("not a set of tables although its CRC-32 is right")
    return tables


class AtomicStorage(Storage):
    """One file that is always a whole generation. Not thread safe; `Registry` sees to a single writer."""

    def __init__(self, path: Path, on_recovered: Callable[[str], None] | None = None) -> None:
        self.path = Path(path)
        self.previous = self.path.with_name(self.path.name + ".prev")
        self.quarantined = self.path.with_name(self.path.name + ".damaged")
        self.recovered: str | None = None  # what was wrong with the newest generation; None: nothing
        self._on_recovered = on_recovered
        self._text: str | None = None  # what a reader of this process sees; text, because TinyDB edits what it reads
        self._loaded = False
        self._staging = False
        self._present_good = True  # whether `path` may become the predecessor

    def read(self) -> Tables | None:
        """The tables, from this process's memory after the first time; None: there was never a registry here."""
        if not self._loaded:
            tables = self._load()
            self._text = None if tables is None else json.dumps(tables)
            self._loaded = True
        return None if self._text is None else json.loads(self._text)

    def write(self, data: Tables) -> None:
        """Makes `data` the newest generation, durably; in a `transaction` only at its end. Raises `OSError`."""
        self.read()  # a damaged registry must be an error, not overwritten
        if not self._staging:
            self._persist(data)
        self._text = json.dumps(data)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Every write within is one generation; an exception inside leaves memory and disk as they were."""
        self.read()
        before = self._text
        self._staging = True
        try:
            yield
            if self._text is not None and self._text != before:
                self._persist(json.loads(self._text))
        except BaseException:
            self._text = before
            raise
        finally:
            self._staging = False

    def repair(self) -> None:
        """After a recovery: puts the damaged file aside and makes the recovered generation the newest again."""
        tables = self.read()
        if self.recovered is None or tables is None:
            return
        with contextlib.suppress(FileNotFoundError):
            os.replace(self.path, self.quarantined)
        self._present_good = False
        self._persist(tables)

    def _load(self) -> Tables | None:
        wrong = []
        for path in (self.path, self.previous):
            try:
                tables = _unsealed(_bytes_of(path))
            except FileNotFoundError:
                wrong.append(f"{path.name} is missing")
            except _Damaged as why:
                wrong.append(f"{path.name} is damaged: {why}")
            else:
                if wrong:
                    self._present_good = False
                    self.recovered = f"{wrong[0]}; the generation before it, {path.name}, was good and is in force"
                    if self._on_recovered:
                        self._on_recovered(self.recovered)
                return tables
        if all(not os.path.lexists(p) for p in (self.path, self.previous, self.quarantined)):
            return None
        raise DamagedRegistry(
            f"{self.path}: the home registry is damaged and no good generation is left ({'; '.join(wrong)}). "
            f"Restore {self.path.name} from a backup, or move all {self.path.name}* files away and start a new home."
        )

    def _persist(self, data: Tables) -> None:
        fresh = self.path.with_name(self.path.name + ".new")
        content = _sealed(data)
        try:
            _write_durably(fresh, content)
            if self._present_good and self.path.exists():
                self._keep_present()  # only what was read as good may become the predecessor
            os.replace(fresh, self.path)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
        _fsync_directory(self.path.parent)
        self._present_good = True

    def _keep_present(self) -> None:
        kept = self.path.with_name(self.path.name + ".prev.new")
        kept.unlink(missing_ok=True)  # left by a crash; renaming one link of a file onto another does nothing
        try:
            os.link(self.path, kept)
        except OSError:  # no hard links here (vfat, some network shares)
            _write_durably(kept, self.path.read_bytes())
        os.replace(kept, self.previous)
        kept.unlink(missing_ok=True)


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        if error.errno == errno.EIO:  # a sector that cannot be read is damage; a missing permission is not
            raise _Damaged("the disk cannot read it") from None
        raise
    if len(data) > MAX_BYTES:
        raise _Damaged(f"more than {MAX_BYTES} bytes")
    return data


def _write_durably(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
    try:
        with open(fd, "wb", closefd=False) as file:
            file.write(content)
        os.fsync(fd)
    finally:
        os.close(fd)


def _fsync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
