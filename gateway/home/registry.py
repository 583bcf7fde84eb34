"""The home on disk: TinyDB over our atomic storage, one writer, validated as a whole before a byte is written.

Knows files, the lock and the revision; what makes a home valid is `model`'s, what a change is, `changes`'s. The running
gateway holds the lock for its whole life; the command line writes itself only when no gateway runs.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from gateway.home.changes import FIELDS, MAPS, Document, changed, empty, slips
from gateway.home.model import BadHome, Home, read_home
from gateway.home.storage import MAGIC, MAX_BYTES, AtomicStorage, DamagedRegistry
from gateway.observations import shown

__all__ = ["FILE_NAME", "BadHome", "DamagedRegistry", "Registry", "RegistryBusy", "document_from_json", "read_document"]

FILE_NAME: Final = "home.json"  # in the gateway's state_dir
_KEY: Final = {"consents": "purpose", "settings": "name"}
_VALUE: Final = {"consents": "granted", "settings": "value"}


class RegistryBusy(Exception):
    """Another process is the registry's writer. Says who, where and what to do."""


class Registry:
    """The home registry in one file. Safe to use from several threads; only one process may write.

    `path` is the file (`state_dir/home.json`); its directory must exist. With `readonly` it takes no lock and never
    writes, so it may be used beside a running gateway. `on_recovered` is told, in words for a person, that the newest
    generation was damaged and the one before it is in force; the same text stays in `recovered`.

    Raises `DamagedRegistry`, `RegistryBusy`, `BadHome` (readable but not valid) or `OSError`.
    """

    def __init__(
        self, path: Path, *, readonly: bool = False, on_recovered: Callable[[str], None] | None = None
    ) -> None:
        from tinydb import TinyDB

        self.path = Path(path)
        self.readonly = readonly
        self._guard = threading.Lock()
        self._lock_fd = None if readonly else _only_writer(self.path)
        try:
            self._storage = AtomicStorage(self.path, on_recovered)
            self._db = TinyDB(storage=lambda: self._storage)
            self.new = self._storage.read() is None
            self.recovered = self._storage.recovered
            self._home = read_home(self._document())
            if not readonly and self.recovered:
                self._storage.repair()
        except BaseException:
            self._unlock()
            raise

    def home(self) -> Home:
        """The home in force; an empty one if nobody has described it yet."""
        with self._guard:
            return self._home

    def document(self) -> Document:
        """The whole home as JSON, names, numbers and keys included: what `replace` and `home.json` files hold."""
        with self._guard:
            return self._document()

    def apply(self, changes: list[dict[str, Any]]) -> Home:
        """Makes the changes (`gateway.home.changes`) durable as one new revision and returns the home.

        Validated as a whole: with any problem nothing is written and `BadHome` names them all. Changes that change
        nothing make no revision. Blocks for the fsyncs (a few ms; much more on a bad card): not for the event loop.
        """
        if self.readonly:
            raise RegistryBusy(f"{self.path}: opened for reading only")
        with self._guard:
            old = self._document()
            new = changed(old, changes)
            new["revision"] = old["revision"]  # ours to count, whatever a document says
            home = read_home(new)
            if problems := slips(new):
                raise BadHome(problems)
            if new == old and not self.new:
                return self._home
            new["revision"] = old["revision"] + (0 if self.new and new == old else 1)
            home = read_home(new)
            with self._storage.transaction():
                for table in (*FIELDS, *MAPS):
                    self._fill(table, _rows(table, new[table]))
                self._fill("meta", [{"revision": new["revision"]}])
            self._home, self.new = home, False
            return home

    def create(self) -> None:
        """Writes the empty home of revision 0 if there is none yet, so that from now on a missing file is damage."""
        if self.new:
            self.apply([{"op": "replace", "document": empty()}])

    def close(self) -> None:
        """Lets go of the lock. Nothing is pending: every `apply` was durable when it returned."""
        with self._guard:
            self._db.close()
            self._unlock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _document(self) -> Document:
        document = empty()
        for table in FIELDS:
            document[table] = [dict(row) for row in self._db.table(table)]
        for table in MAPS:
            rows = self._db.table(table).all()
            document[table] = {r.get(_KEY[table], ""): r.get(_VALUE[table]) for r in rows}
        meta = self._db.table("meta").all()
        document["revision"] = meta[0].get("revision", 0) if meta else 0
        return document

    def _fill(self, name: str, rows: list[dict[str, Any]]) -> None:
        table = self._db.table(name)
        table.truncate()
        table.insert_multiple(rows)

    def _unlock(self) -> None:
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None


def read_document(path: Path) -> Document:
    """A home's document from a registry file or from plain JSON (`home show --json --secrets`), for reading only.

    Raises `BadHome` for a file that is neither or is damaged, `OSError` for one that cannot be read. Validates nothing.
    """
    path = Path(path)
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if not data.startswith(MAGIC):
        return document_from_json(data)
    try:
        with Registry(path, readonly=True) as registry:
            return registry.document()
    except DamagedRegistry as damaged:
        raise BadHome([str(damaged)]) from None


def document_from_json(data: bytes) -> Document:
    """A home's document from JSON text; raises `BadHome`. Validates nothing but that it is an object."""
    if len(data) > MAX_BYTES:
        raise BadHome([f"home: expected at most {MAX_BYTES} bytes"])
    try:
        found = json.loads(data)
    except RecursionError:
        raise BadHome(["home: nested too deeply"]) from None
    except ValueError as error:  # JSON, UTF-8, or an integer of thousands of digits
        raise BadHome([f"home: not JSON: {error}"]) from None
    if not isinstance(found, dict):
        raise BadHome([f"home: expected a table, found {shown(found)}"])
    return found


def _rows(table: str, content: Any) -> list[dict[str, Any]]:
    if table in FIELDS:
        return list(content)
    return [{_KEY[table]: name, _VALUE[table]: value} for name, value in content.items()]


def _only_writer(path: Path) -> int:
    """Takes the lock beside the registry, which the kernel frees at exit; raises `RegistryBusy`."""
    lock = path.with_name(path.name + ".lock")
    fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(fd, 20).decode("ascii", "replace").strip()
        os.close(fd)
        raise RegistryBusy(
            f"{path}: process {holder or 'unknown'} is writing this home registry already. "
            "A running gateway is its only writer; stop it, or change the home through it."
        ) from None
    except BaseException:
        os.close(fd)
        raise
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd
