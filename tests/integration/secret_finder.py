"""Looks for what must not leave the registry, in every spelling we know of, in any bytes and any folder of files."""

from __future__ import annotations

import base64
import json
import sqlite3
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


@dataclass(frozen=True, slots=True)
class Found:
    """One finding: which secret, how it was spelled, and where it lay."""

    secret: str
    spelling: str
    where: str


@dataclass
class SecretFinder:
    """`needles`: (secret's label, spelling) by the bytes it is written as."""

    needles: dict[bytes, tuple[str, str]] = field(default_factory=dict)

    def text(self, label: str, words: str) -> None:
        """A name, or somebody's own words."""
        self._add(label, _spellings_of_text(words))

    def phone(self, label: str, number: str) -> None:
        """A mobile number of eleven digits."""
        groups = (number[:3], number[3:7], number[7:])
        spelled = {
            "spaced": " ".join(groups), "hyphened": "-".join(groups), "digit by digit": " ".join(number),
            "full width": number.translate(FULL_WIDTH), "its last eight": number[3:],
        }  # fmt: skip
        for name, words in spelled.items():
            self._add(label, {name: words.encode()})
        self._add(label, _spellings_of_text(number))
        for name, digits in (("semi-octets", number), ("semi-octets with 86", "86" + number)):
            even = digits + "F" * (len(digits) % 2)
            swapped = _swap(even)
            self._add(label, {name: swapped.encode(), f"{name}, raw": bytes.fromhex(swapped)})

    def key(self, label: str, key: bytes) -> None:
        """A key of a device."""
        hexed = key.hex()
        pairs = [hexed[i : i + 2] for i in range(0, len(hexed), 2)]
        self._add(label, {
            "raw": key, "hex": hexed.encode(), "HEX": hexed.upper().encode(), "colons": ":".join(pairs).encode(),
            "spaced hex": " ".join(pairs).encode(), "COLONS": ":".join(pairs).upper().encode(),
            "repr": repr(key)[2:-1].encode(), "base64": base64.b64encode(key)[:-2],
            "list": str(list(key)).encode(),
            "JSON list": json.dumps(list(key), separators=(",", ":")).encode(),
        })  # fmt: skip

    def pem(self, label: str, text: str) -> None:
        """A private key as it lies in its file."""
        body = "".join(line for line in text.splitlines() if not line.startswith("-----"))
        self._add(label, {"first line": body[:48].encode(), "last line": body[-48:].rstrip("=").encode()})
        raw = base64.b64decode(body)
        self._add(label, {"DER": raw[-32:]})

    def digits(self, label: str, digits: str) -> None:
        """A PIN or password."""
        self._add(label, _spellings_of_text(digits))

    def _add(self, label: str, spellings: Mapping[str, bytes]) -> None:
        for name, needle in spellings.items():
            assert len(needle) >= 6, f"{label}, {name}: so short that it would be found by chance"
            self.needles[needle] = (label, name)

    # ---- looking

    def look(self, where: str, blob: bytes) -> list[Found]:
        """What is in `blob`, as it is, in lower and in upper case."""
        views = (blob, blob.lower(), blob.upper())
        return [Found(*what, where) for needle, what in self.needles.items() if any(needle in view for view in views)]

    def look_through(self, folder: Path, *, but: Iterable[str] = ()) -> list[Found]:
        """Every file below `folder` but the named ones (relative paths); databases row by row and unpacked as well."""
        allowed, found = set(but), []
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
            name = str(path.relative_to(folder))
            if name in allowed:
                continue
            blob = path.read_bytes()
            found += self.look(name, blob)
            if blob.startswith(b"SQLite format 3"):
                found += [f for where, cell in _cells(path) for f in self.look(f"{name}: {where}", cell)]
        return found


def _swap(even: str) -> str:
    return "".join(even[i + 1] + even[i] for i in range(0, len(even), 2))


def _spellings_of_text(words: str) -> dict[str, bytes]:
    utf8, ucs2 = words.encode(), words.encode("utf-16-be")
    spellings = {
        "UTF-8": utf8, "UTF-8 in hex": utf8.hex().encode(), "UTF-8 in HEX": utf8.hex().upper().encode(),
        "UCS-2": ucs2, "UCS-2 in hex": ucs2.hex().encode(), "UCS-2 in HEX": ucs2.hex().upper().encode(),
        "UTF-16-LE": words.encode("utf-16-le"), "GBK": words.encode("gbk"),
        "JSON": json.dumps(words)[1:-1].encode(), "URL": quote(words).encode(), "repr": repr(utf8)[2:-1].encode(),
    }  # fmt: skip
    for shift in range(3):  # what of the base64 depends on nothing before and after it
        coded = base64.b64encode(b"\0" * shift + utf8)
        spellings[f"base64 at {shift}"] = coded[(0, 2, 3)[shift] : len(coded) - 4]
    return {name: needle for name, needle in spellings.items() if len(needle) >= 6}


def _cells(path: Path) -> Iterable[tuple[str, bytes]]:
    """Every value of every table; a packed one unpacked too, for a page of it would show nothing."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        tables = [row[0] for row in connection.execute("select name from sqlite_master where type='table'")]
        for table in tables:
            for row in connection.execute(f'select * from "{table}"'):
                yield from ((f"table {table}", blob) for value in row for blob in _blobs(value))
    finally:
        connection.close()


def _blobs(value: Any) -> Iterable[bytes]:
    blob = value if isinstance(value, bytes) else str(value).encode()
    yield blob
    if isinstance(value, bytes):
        for wbits in (15, -15, 31):
            try:
                yield zlib.decompressobj(wbits).decompress(blob)
            except zlib.error:
                continue
