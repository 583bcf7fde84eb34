"""What a line of the record may hold, so that whoever tells or prints it need not ask. Pure; data and look-ups.

The chain keeps no key: a newer version, or a forger who seals anew, may write what we never do. Such a line is a
finding, and the lines around it are read all the same. Fields we do not know are nobody's business, nor is what the
observation itself said (`seen.value`): that is as free as the vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

MAX_NUMBER: Final = 1 << 53  # exact in any JSON reader
YEARS: Final = (1970, 5138)  # of `chain.MAX_WALL_MS`; any of them can be told in another zone

Check = Callable[[Any], bool]


def _number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_NUMBER


def _text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _scalar(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float))


def _moment(value: Any) -> bool:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return found.tzinfo is not None and YEARS[0] <= found.year <= YEARS[1]


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _row_of(count: int, check: Check) -> Check:
    return lambda value: isinstance(value, list) and len(value) == count and all(map(check, value))


def _object(**fields: Check) -> Check:
    """An object; those of its fields that are there fit."""
    return lambda value: (
        isinstance(value, dict) and all(check(value[name]) for name, check in fields.items() if name in value)
    )


_SEEN: Final = _object(kind=lambda kind: isinstance(kind, str))
_DECIDED: Final = _object(
    what=_text, reason=_text, state=_text, code=_text, severity=_text, device=_text, room=_text, accepted_by=_text,
    outcome=_text, evidence=lambda value: value is None or isinstance(value, dict),
)  # fmt: skip
_LINE: Final = _object(
    row=_number,
    at=_moment,
    alarms=_list_of(_number),
    seen=lambda value: _SEEN(value) and "kind" in value,
    decided=_list_of(_DECIDED),
    asked=_list_of(_row_of(4, _scalar)),
    received=_list_of(_row_of(2, _number)),
)


def fits(body: Any) -> bool:
    """Whether a line's JSON is of the record's form. A line about an alarm says when it was."""
    return _LINE(body) and ("at" in body or "alarms" not in body)
