"""Bounds of JSON from outside, whatever its meaning: how deep it nests and whether its texts can be written down.

`json.loads` takes nests that `copy.deepcopy` and others fail on (they recurse more than once a level), and texts with
half a surrogate pair, which no file, database or socket takes. Pure; knows nothing of what the JSON is about.
"""

from __future__ import annotations

from typing import Any, Final

MAX_NEST: Final = 32  # our own messages nest four deep


def untamed(value: Any) -> str | None:
    """What makes parsed JSON unfit for further handling, in words; None if nothing does."""
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if isinstance(item, str):
            if not item.isascii() and any("\ud800" <= c <= "\udfff" for c in item):
                return "half a surrogate pair in a text"
        elif isinstance(item, (dict, list)):
            if depth >= MAX_NEST:
                return f"nested deeper than {MAX_NEST}"
            if isinstance(item, dict):
                waiting += [(key, depth + 1) for key in item]
                item = list(item.values())
            waiting += [(each, depth + 1) for each in item]
    return None


def within(value: Any, most: int) -> bool:
    """Whether every number in parsed JSON lies in -`most`..`most`; not a number does not."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, (int, float)):
            if not -most <= item <= most:
                return False
        elif isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    return True
