"""What a recorded alarm must look like to be believed: each field of its type, before anything is built of it.

A row whose checksum is right may still be of another version of ours, and a snapshot may come from a recording. Knows
types by the words that `Alarm` is annotated with; knows no alarm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field
from typing import Any, Final

from gateway.alarms.codes import CODES
from gateway.observations import bounded

MAX_T: Final = 1 << 45  # ms of controller time: a thousand years


def whole(value: Any) -> bool:
    """Whether this is a time or a count."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < MAX_T


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)


_FITS: Final[dict[str, Callable[[Any], bool]]] = {
    "int": whole,
    "str": lambda value: isinstance(value, str),
    "str | None": lambda value: value is None or isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "list[str]": _texts,
    "dict[str, Any]": lambda value: isinstance(value, dict) and bounded(value),
    "dict[str, int]": lambda value: isinstance(value, dict) and all(map(whole, value.values())),
    "State": lambda value: isinstance(value, str),
}


def checks_of(fields: Mapping[str, Field[Any]]) -> dict[str, Callable[[Any], bool]]:
    """For each field of a dataclass (annotations kept as text) whether a value fits it."""
    checks = {name: _FITS[str(field.type)] for name, field in fields.items()}
    return checks | {"code": lambda value: isinstance(value, str) and value in CODES}
