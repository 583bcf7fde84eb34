"""What one key of the configuration is: type, default, unit, range and a line of explanation, kept with the field.

Knows how to judge a value and how to describe itself; knows no section and no file.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gateway.observations import shown

MAX_TEXT: Final = 1024
MAX_LIST: Final = 16
_METADATA: Final = "hearthwatch"


@dataclass(frozen=True, slots=True)
class Key:
    """One key: everything the reader, `init` and the documentation need to know about it."""

    name: str
    type: Any  # str, int, float, bool or tuple[str, ...]
    default: Any  # dataclasses.MISSING: must be set
    doc: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()
    pattern: str = ""
    shape: str = ""  # the pattern in words
    secret: bool = False
    check: Callable[[str], str | None] | None = None  # what else was expected of a text, None: good

    @property
    def required(self) -> bool:
        """Whether the file must name it."""
        return self.default is dataclasses.MISSING

    @property
    def type_name(self) -> str:
        """The type in TOML's words."""
        names = {str: "text", int: "whole number", float: "number", bool: "true or false"}
        return names.get(self.type, "list of texts")

    @property
    def range(self) -> str:
        """The values it takes, in words; empty where the type says it all."""
        if self.choices:
            return "one of " + ", ".join(repr(c) if isinstance(c, str) else str(c) for c in self.choices)
        if self.low is not None:
            return f"{self.low:g} to {self.high:g}{' ' + self.unit if self.unit else ''}"
        return self.shape

    @property
    def expected(self) -> str:
        """What a value must be, for an error text."""
        if self.choices or self.type is bool:
            return self.range or self.type_name
        if self.shape:
            return self.shape
        return f"a {self.type_name}" + (f" of {self.range}" if self.range else "")

    def read(self, found: Any) -> tuple[Any, str | None]:
        """The value to use and None, or the default and what is wrong with what was found. Secrets are not shown."""
        wrong, culprit = self._wrong(found), found
        if wrong is None and isinstance(found, list):
            wrong, culprit = next(((w, item) for item in found if (w := self._wrong_text(item))), (None, found))
        if wrong is not None:
            seen = "a value that is not shown" if self.secret else shown(culprit)
            return None if self.required else self.default, f"expected {wrong}, found {seen}"
        if self.type is float:
            return float(found), None
        return (tuple(found) if isinstance(found, list) else found), None

    def _wrong(self, found: Any) -> str | None:
        if self.type in (int, float):
            fits = isinstance(found, int) or (self.type is float and isinstance(found, float))
            good = fits and not isinstance(found, bool) and self._within(found)
        elif self.type is bool:
            good = isinstance(found, bool)
        elif self.type is str:
            return self._wrong_text(found)
        else:
            good = isinstance(found, list) and len(found) <= MAX_LIST
            return None if good else f"a list of at most {MAX_LIST} texts"
        return None if good else self.expected

    def _within(self, found: float) -> bool:
        if self.choices:
            return found in self.choices
        return self.low is None or self.high is None or self.low <= found <= self.high

    def _wrong_text(self, found: Any) -> str | None:
        if not isinstance(found, str) or len(found) > MAX_TEXT or not found.isprintable():
            return self.expected
        if self.choices and found not in self.choices:
            return self.expected
        if found == "" and self.default == "":
            return None
        if self.pattern and not re.fullmatch(self.pattern, found):
            return self.expected
        return self.check(found) if self.check else None


def option(
    default: Any = dataclasses.MISSING,
    doc: str = "",
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[Any, ...] = (),
    pattern: str = "",
    shape: str = "",
    secret: bool = False,
    check: Callable[[str], str | None] | None = None,
) -> Any:
    """A dataclass field that carries its `Key`. A secret is kept out of the section's repr, so out of logs."""
    about = {
        "doc": doc, "unit": unit, "low": low, "high": high, "choices": choices, "pattern": pattern, "shape": shape,
        "secret": secret, "check": check,
    }  # fmt: skip
    return dataclasses.field(default=default, repr=not secret, metadata=types.MappingProxyType({_METADATA: about}))


def keys_of(section: type) -> list[Key]:
    """The keys of a section's dataclass, in order."""
    hints = typing.get_type_hints(section)
    return [Key(f.name, hints[f.name], f.default, **f.metadata[_METADATA]) for f in dataclasses.fields(section)]
