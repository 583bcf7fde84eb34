"""Notes on vital signs that drift from what is usual for this person (VITAL_TREND). For information: never an alarm.

A day is 24 h of controller time, so no clock matters. Its mean counts if enough was measured; the usual is the median
of up to 14 such days, from 7 on. Two days in a row beyond the drift are noted, the first day back ends the note. Days
beyond are not learned while they are news, so that a slow illness does not become the usual at once. Where several
people live each device has its own usual. Needs the consent HEALTH_DATA; without it nothing is read and nothing kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.declared import Declared
from gateway.rules.rule import NOTHING, PlainRule, Readiness, Signal, Status, Technical
from gateway.rules.vital_signs import KINDS, MEASURES, Belief, Measure

CODE: Final = "VITAL_TREND"
DAY_MS: Final = 86_400_000
USUAL_DAYS: Final = 14
LEAST_DAYS: Final = 7
LEAST_READINGS: Final = 20  # of a sign that is measured by itself; of a spot measurement one is a day's
NEWS_DAYS: Final = 2
LEARN_AFTER: Final = 7  # days beyond in a row: this is the usual now


@dataclass(slots=True)
class _Course:
    """One measure's course: the day that runs, the usual days, the days beyond in a row (negative: below)."""

    total: float = 0.0
    count: int = 0
    days: list[float] = field(default_factory=list)
    news: list[float] = field(default_factory=list)
    side: int = 0
    noted: bool = False


class VitalTrend(PlainRule):
    """Keeps daily means, and no single reading."""

    name = "vital_trend"
    hears = KINDS | {Kind.TEMPERATURE, Kind.WORN}
    declared = Declared(
        "vital signs that drift from what is usual for this person: a note",
        needs=("the same as vitals, for a week",),
        says=("VITAL_TREND",),
        consent="HEALTH_DATA",
    )

    def __init__(self) -> None:
        self._consented = False
        self._belief = Belief()
        self._known: frozenset[str] = frozenset()
        self._several = False  # people
        self._measured = False  # there is a health device
        self._courses: dict[str, _Course] = {}  # by measure, or device/measure
        self._until: int | None = None  # the end of the day that runs

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """A withdrawn consent forgets everything; a device that is gone measures nobody any more."""
        gone, self._known = self._known - home.devices.keys(), frozenset(home.devices)
        self._consented = home.consented("HEALTH_DATA")
        self._belief.configure(home)
        self._measured = any(d.kind == "health" for d in home.devices.values())
        before, self._several = self._several, len(home.residents) > 1
        if self._consented:
            if before is not self._several:
                return self._forget("residents_changed", list(self._courses))
            return self._forget("removed", [n for n in self._courses if n.rpartition("/")[0] in gone])
        self._belief.forget()
        return self._forget("no_consent", list(self._courses))

    def _forget(self, reason: str, names: list[str]) -> Iterable[Signal]:
        noted = sorted(name for name in names if self._courses.pop(name).noted)
        self._until = self._until if self._courses else None
        return [Technical(CODE, name, False, reason) for name in noted]

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """A measurement, or a device put on or taken off."""
        device = observation.device
        if device is None or not self._consented:
            return NOTHING
        if observation.kind is Kind.WORN:
            self._belief.wear(device, observation.value is True)
        elif self._belief.concerns(observation):
            for name, value in self._belief.read(observation).items():
                whose = f"{device}/{name}" if self._several else name
                course = self._courses.setdefault(whose, _Course())
                course.total, course.count = course.total + value, course.count + 1
                if self._until is None:
                    self._until = observation.t + DAY_MS
        return NOTHING

    def next_due(self) -> int | None:
        """When the day is over."""
        return self._until

    def advance(self, t: int) -> Iterable[Signal]:
        """Ends the day. The next begins with the next measurement."""
        self._until = None
        signals: list[Signal] = []
        for name, course in self._courses.items():
            mean = course.total / course.count if course.count else 0.0
            enough = course.count >= (1 if _measure(name).spot else LEAST_READINGS)
            course.total, course.count = 0.0, 0
            if enough:
                signals += _judge(name, course, mean)
        return signals

    def gap(self, start: int, end: int) -> None:
        """A day that ended meanwhile ends now."""
        self._until = None if self._until is None else max(self._until, end)

    def status(self) -> Status:
        """OFF without consent or measurements, LEARNING until something is usual."""
        if not self._consented:
            return Status(Readiness.OFF, "no_consent")
        if not (self._courses or self._measured):
            return Status(Readiness.OFF, "no_health_device")
        learned = any(len(course.days) >= LEAST_DAYS for course in self._courses.values())
        return Status(Readiness.ARMED) if learned else Status(Readiness.LEARNING, "too_few_days")

    def conditions(self) -> Iterable[tuple[str, str]]:
        """Which courses were noted."""
        return [(CODE, name) for name, course in self._courses.items() if course.noted]

    def to_json(self) -> dict[str, Any]:
        """The courses."""
        return {
            "courses": {name: asdict(course) for name, course in self._courses.items()},
            "belief": self._belief.to_json(),
            "until": self._until,
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        if not self._consented:
            return
        self._courses = {str(n): _Course(**row) for n, row in data["courses"].items() if _named(n) in MEASURES}
        self._belief.from_json(data["belief"])
        self._until = None if data["until"] is None else int(data["until"])


def _named(course: str) -> str:
    return course.rpartition("/")[2]


def _measure(course: str) -> Measure:
    return MEASURES[_named(course)]


def _middle(days: list[float]) -> float:
    """The median; `statistics` would bring `decimal` and `fractions` along, 0.7 MiB in every gateway."""
    ordered, half = sorted(days), len(days) // 2
    return ordered[half] if len(days) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _judge(name: str, course: _Course, mean: float) -> Iterable[Signal]:
    """Compares a day with the usual, and learns it unless it is news."""
    side = 0
    if len(course.days) >= LEAST_DAYS:
        off = mean - _middle(course.days)
        side = 0 if abs(off) < _measure(name).drift else 1 if off > 0 else -1
    course.news = [*course.news, mean] if side and side == course.side else [mean] if side else []
    course.side = side
    signals: list[Signal] = []
    if not side:
        course.days = [*course.days, mean][-USUAL_DAYS:]
    elif len(course.news) >= LEARN_AFTER:
        course.days, course.news, course.side = course.news, [], 0
    if course.noted and not course.news:
        course.noted = False
        signals.append(Technical(CODE, name, False, "back_in_range"))
    elif not course.noted and len(course.news) >= NEWS_DAYS:
        course.noted = True
        signals.append(Technical(CODE, name, True, "trend_up" if side > 0 else "trend_down"))
    return signals
