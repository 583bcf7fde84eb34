"""Every number a person may set, in one table: name, default, unit, range and where the number comes from.

The home registry validates settings against it, rules and flows read their numbers through `Parameters`, `replay --set`
takes the same names, and the documentation is generated from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Parameter:
    """One settable number. `low`..`high` inclusive, in `unit`."""

    name: str
    default: float
    unit: str
    low: float
    high: float
    source: str
    meaning: str


TABLE: Final[dict[str, Parameter]] = {
    p.name: p
    for p in (
        Parameter("call_button.pre_alarm_s", 10, "s", 0, 99, "T-03", "cancel window after a press; 0 sends at once"),
        Parameter("call_button.join_s", 30, "s", 0, 300, "T-31", "a repeat press of one device joins its open alarm"),
        Parameter("unverified_press.pre_alarm_s", 30, "s", 0, 99, "T-04", "an unverified press: ask first"),
        Parameter("inactivity.enabled", 1, "0/1", 0, 1, "[P]", "1: watch for long inactivity"),
        Parameter("inactivity.limit_h", 12, "h", 1, 72, "domain 3.1 (fixed12)",
                  "silence after which the alarm is raised, the question included"),
        Parameter("inactivity.question_min", 5, "min", 1, 30, "T-05", "how long the spoken question is asked"),
        Parameter("inactivity.repeat_s", 60, "s", 10, 300, "T-05", "the question is repeated at this interval"),
        Parameter("escalation.next_contact_s", 120, "s", 30, 3600, "T-12", "P0/P1: then the next contact is told"),
        Parameter("escalation.next_contact_p2_s", 600, "s", 30, 7200, "T-12", "P2: then the next contact is told"),
        Parameter("escalation.rounds", 2, "times", 1, 5, "T-12", "how often the whole list is gone through"),
        Parameter("escalation.unanswered_repeat_s", 600, "s", 60, 7200, "domain 4.3",
                  "UNANSWERED: the platform is told again at this interval"),
        Parameter("escalation.attend_s", 1800, "s", 60, 14400, "domain 3.2", "ACCEPTED, not ATTENDED: remind"),
        Parameter("escalation.resume_s", 900, "s", 60, 14400, "domain 3.2", "after the reminder: escalation resumes"),
        Parameter("voice.still_trying_s", 60, "s", 20, 600, "domain 3.2", "the elder hears that we go on trying"),
        Parameter("away.max_h", 12, "h", 1, 24, "domain A10", "a manual 'away' ends after this"),
        Parameter("supervision.lost_factor", 3, "intervals", 2, 20, "T-25", "silent this many intervals: lost"),
        Parameter("supervision.lost_min_h", 1, "h", 0.1, 48, "T-25", "but never sooner than this"),
        Parameter("reminder.answer_min", 20, "min", 1, 120, "domain 1.9", "how long a reminder waits for an answer"),
        Parameter("reminder.again_min", 10, "min", 1, 60, "domain 1.9", "unanswered: it is said once more after this"),
        Parameter("reminder.heat_c", 30, "degC", 20, 45, "domain 1.9", "'drink water' is said from this warmth on"),
        Parameter("roll_call.answer_min", 30, "min", 5, 180, "issue 4.6", "how long a roll call waits for an answer"),
        Parameter("roll_call.repeat_min", 10, "min", 2, 60, "issue 4.6", "a roll call is asked again at this interval"),
        Parameter("technical.debounce_s", 90, "s", 0, 3600, "T-28", "a technical condition must last this long"),
    )
}  # fmt: skip


class BadParameter(ValueError):
    """A setting that is unknown, no number or out of range. The text names the key, the finding and the range."""


def check(name: str, value: Any) -> float:
    """Returns the value as a number if `name` is known and the value within its range, else raises `BadParameter`."""
    parameter = TABLE.get(name)
    if parameter is None:
        raise BadParameter(f"{name}: unknown setting; known ones: {', '.join(sorted(TABLE))}")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadParameter(f"{name}: expected a number of {parameter.unit}, found {value!r}")
    if not parameter.low <= value <= parameter.high:
        raise BadParameter(
            f"{name}: expected {parameter.low:g} to {parameter.high:g} {parameter.unit}, found {value!r}"
        )
    return float(value)


class Parameters:
    """The numbers in force: the table's defaults, overridden by a home's settings. Unknown or bad ones are refused."""

    __slots__ = ("_values",)

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        self._values = {name: p.default for name, p in TABLE.items()}
        for name, value in (settings or {}).items():
            self._values[name] = check(name, value)

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def ms(self, name: str) -> int:
        """The duration `name` in milliseconds; its unit is in its name (`_s`, `_min`, `_h`)."""
        unit = name.rsplit("_", 1)[1]
        return round(self._values[name] * {"s": 1000, "min": 60_000, "h": 3_600_000}[unit])
