"""Reads the tables of a home's document, and collects every problem instead of stopping at the first."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from gateway.home.shape import units
from gateway.observations import ID_PATTERN, shown

MAX_PROBLEMS: Final = 50  # more helps nobody, and a hostile document must not make a hostile error
MAX_SECONDS: Final = 30 * 86400
TIME_OF_DAY: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")


class BadHome(ValueError):
    """The home is not valid. `problems` lists each, up to a bound: which key, what was found, what was expected."""

    def __init__(self, problems: list[str]) -> None:
        more = len(problems) - MAX_PROBLEMS
        self.problems = problems[:MAX_PROBLEMS] + ([f"and {more} more"] if more > 0 else [])
        super().__init__("; ".join(self.problems))


class Reader:
    """Reads values, each with what it must be; one that is not is a problem named, and something harmless instead."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def bad(self, where: str, expected: str, found: object) -> None:
        """Names a problem."""
        self.problems.append(f"{where}: expected {expected}, found {shown(found)}")

    def finish(self) -> None:
        """Raises `BadHome` if there was any problem."""
        if self.problems:
            raise BadHome(self.problems)

    def rows(self, document: Mapping[str, Any], key: str, most: int) -> list[dict[str, Any]]:
        """A list of tables, such as the devices."""
        rows = document.get(key, [])
        if not isinstance(rows, list) or len(rows) > most or not all(isinstance(r, dict) for r in rows):
            self.bad(key, f"a list of at most {most} tables", rows)
            return []
        return rows

    def table(self, document: Mapping[str, Any], key: str) -> dict[str, Any]:
        """A table of names, such as the consents."""
        table = document.get(key, {})
        if not isinstance(table, dict) or not all(isinstance(k, str) for k in table):
            self.bad(key, "a table", table)
            return {}
        return table

    def id(self, row: dict[str, Any], where: str, taken: set[str]) -> str:
        """A row's id, which is `taken` from then on."""
        found = row.get("id")
        if not isinstance(found, str) or not ID_PATTERN.fullmatch(found):
            self.bad(f"{where}.id", "1 to 64 of A-Z a-z 0-9 _ . : / -", found)
            return ""
        if found in taken:
            self.bad(f"{where}.id", "an id that is not taken", found)
        taken.add(found)
        return found

    def text(self, row: dict[str, Any], key: str, where: str, most: int) -> str:
        """Printable words of at most so many UCS-2 units."""
        found = row.get(key)
        text = found.strip() if isinstance(found, str) else ""
        if not text or not text.isprintable() or units(text) > most:
            self.bad(f"{where}.{key}", f"1 to {most} printable characters", found)
            return ""
        return text

    def choice(self, row: dict[str, Any], key: str, where: str, of: Collection[str], default: str | None) -> str:
        """One of the words `of`."""
        found = row.get(key, default)
        if not isinstance(found, str) or found not in of:
            self.bad(f"{where}.{key}", "one of " + ", ".join(sorted(of)), found)
            return ""
        return found

    def time_of_day(self, row: dict[str, Any], key: str, where: str) -> str | None:
        """HH:MM, or None where it is not given."""
        found = row.get(key)
        if found is not None and not (isinstance(found, str) and TIME_OF_DAY.fullmatch(found)):
            self.bad(f"{where}.{key}", "a time of day, HH:MM", found)
            return None
        return found

    def seconds(self, row: dict[str, Any], key: str, where: str) -> float | None:
        """A length of time in seconds, or None where it is not given."""
        found = row.get(key)
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, (int, float)) or not 1 <= found <= MAX_SECONDS:
            self.bad(f"{where}.{key}", f"1 to {MAX_SECONDS} seconds", found)
            return None
        return float(found)

    def whole(self, row: Mapping[str, Any], key: str, where: str, low: int, high: int, default: int) -> int:
        """A whole number within both bounds."""
        found = row.get(key, default)
        if isinstance(found, bool) or not isinstance(found, int) or not low <= found <= high:
            self.bad(where, f"a whole number from {low} to {high}", found)
            return default
        return found


def where_of(table: str, i: int, row: dict[str, Any]) -> str:
    """How a row is called in a problem: by its id where it has one, else by its place."""
    found = row.get("id")
    return f"{table}.{found}" if isinstance(found, str) and ID_PATTERN.fullmatch(found) else f"{table}[{i}]"
