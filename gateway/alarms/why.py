"""Why an alarm was found: one sentence for people, made of the evidence, with its numbers in units people use.

A code has a list of sentences in the catalogue; the first one whose every placeholder the evidence can fill is said,
the last one needs none. A placeholder is a name in the evidence and its ending tells the unit (`silent_min`,
`limit_h`, `celsius`). Only numbers and times of day are ever filled in: no name, no number of a telephone. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.alarms.proofread import PLACEHOLDER

_SECONDS: Final = {"s": 1, "min": 60, "h": 3600}
_HH_MM: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_MOST: Final = 1e9  # a larger number is no measurement of ours
TWO_MINUTES_S: Final = 120
TWO_HOURS_S: Final = 7200
"""Below the first people count seconds, below the second minutes: 90 minutes, but 2 hours."""

KEPT_NUMBERS: Final = 12
"""So many of an alarm's scalars go to the platform; the rest stay in the record at home."""
_KEPT_CHARS: Final = 24


def sentence(texts: Sequence[str], measures: Mapping[str, str], evidence: Mapping[str, Any]) -> str | None:
    """The first of `texts` that the evidence can fill; None if there is none."""
    for text in texts:
        values = [measured(name, evidence.get(name), measures) for name in PLACEHOLDER.findall(text)]
        if None not in values:
            filled = iter(values)
            return PLACEHOLDER.sub(lambda _: str(next(filled)), text)  # noqa: B023 - used before the loop goes on
    return None


def measured(name: str, value: Any, measures: Mapping[str, str]) -> str | None:
    """A value of the evidence as people read it: `("limit_h", 1.5)` is 90 minutes. None for what is no measurement."""
    if isinstance(value, str):
        return value if _HH_MM.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < _MOST:
        return None
    unit = name.rpartition("_")[2]
    if unit in _SECONDS:
        return _duration(round(value * _SECONDS[unit]), measures) if value >= 0 else None
    return PLACEHOLDER.sub(_short(value), measures[unit]) if unit in measures else _short(value)


def _duration(seconds: int, measures: Mapping[str, str]) -> str:
    minutes = round(seconds / 60)
    if seconds < TWO_MINUTES_S and seconds != 60:
        return measures["s"].replace("{n}", str(seconds))
    if seconds < TWO_HOURS_S:
        return measures["min"].replace("{n}", str(minutes))
    hours, minutes = divmod(minutes, 60)
    if not minutes:
        return measures["h"].replace("{n}", str(hours))
    return measures["h_min"].replace("{h}", str(hours)).replace("{min}", str(minutes))


def _short(value: float) -> str:
    """At most one digit behind the point, and none that says nothing."""
    return f"{value:.1f}".removesuffix(".0") if abs(value) >= 1 or value == 0 else f"{value:.2g}"


def scalars(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the evidence that fits a message to the platform: single values, and only so many."""
    kept = {name: value for name, value in evidence.items() if name != "key" and _is_scalar(value)}
    return dict(list(kept.items())[:KEPT_NUMBERS])


def _is_scalar(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _KEPT_CHARS
    return isinstance(value, (bool, int, float))
