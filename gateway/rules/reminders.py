"""Reminders (监测提醒): spoken at their hour, answered by the green key, counted, never alarms (domain 1.9).

Medication, water in heat, test the button, today's visit, a child's call due. One that was missed by half an hour (the
gateway was off, the clock was moved) is not said any more: a tablet for eight o'clock is not for noon.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.home.shape import Reminder
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.call_button import green_key
from gateway.rules.civil import CivilTime
from gateway.rules.declared import Declared
from gateway.rules.rule import NOTHING, Note, PlainRule, Readiness, Signal, Spoken, Status
from gateway.rules.schedule import Daily, days_of, minutes_of

PROMPTS: Final = {"medication": "V18", "water": "V21", "test_button": "V15", "visit": "V17", "child_call": "V22"}
STALE_MS: Final = 30 * 60_000
TIMES: Final = 2  # said again once when nobody answered
DAYS_KEPT: Final = 8  # of counts
_WARMTH: Final = frozenset({Kind.TEMPERATURE})


@dataclass(slots=True)
class _Open:
    """A reminder that waits for the green key."""

    said: int
    again: int | None  # when it is said once more
    until: int


class Reminders(PlainRule):
    """Says what is due, and counts who answered."""

    name = "reminders"
    declared = Declared(
        "what was asked to be said at an hour: medication, water in heat, a visit, a child's call",
        needs=("reminders of the home",),
        says=("REMINDER_ANSWERED", "REMINDER_MISSED"),
        parameters=("reminder.*",),
        clock=True,
    )

    def __init__(self, civil: CivilTime) -> None:
        self._civil = civil
        self._home = HomeView()
        self._reminders: dict[str, Reminder] = {}
        self._times: dict[str, Daily] = {}
        self._done: dict[str, int] = {}  # reminder -> last day it was said or let pass
        self._open: dict[str, _Open] = {}
        self._counts: dict[int, list[int]] = {}  # day -> [said, answered, missed]
        self._warmth: tuple[int, float] | None = None  # (t, degC): the last room temperature
        self._answer_ms = self._again_ms = 0
        self._heat_c = 30.0
        self._t = 0

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """The reminders of the home and the numbers in force; what waits for an answer goes on waiting."""
        self._home = home
        self._answer_ms = parameters.ms("reminder.answer_min")
        self._again_ms = parameters.ms("reminder.again_min")
        self._heat_c = parameters["reminder.heat_c"]
        before, self._reminders = self._reminders, {r.id: r for r in home.reminders}
        self._times = {r.id: _daily(r) for r in home.reminders}
        for name in [n for n in self._open if n not in self._reminders]:
            del self._open[name]
        self._done = {n: d for n, d in self._done.items() if n in self._reminders}
        for name, reminder in self._reminders.items():  # what was set after its hour begins tomorrow
            if name not in before or before[name] != reminder:
                due = self._times[name].due(self._civil, t, None)
                if due is not None and due < t and name not in self._done:
                    self._done[name] = self._civil.day(t)
        self._t = t
        return NOTHING

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """Remembers how warm it is (water is reminded of in heat only), and hears the green key."""
        if self._reminders:
            self._t = observation.t
        if observation.kind is Kind.TEMPERATURE:
            self._warmth = (observation.t, float(observation.value))
        elif self._open and green_key(self._home, observation):
            return self._answered(observation.t)
        return NOTHING

    def _answered(self, t: int) -> Iterable[Signal]:
        """One press answers everything that is open."""
        signals: list[Signal] = []
        for name in list(self._open):
            del self._open[name]
            self._count(t, 1)
            signals.append(Note("REMINDER_ANSWERED", t, self._reminders[name].kind, {"reminder": name}))
        return [Spoken("V20", t), *signals]

    @property
    def hears(self) -> Set[Kind] | None:  # type: ignore[override]
        """Everything, for that makes time go on; without a reminder only how warm it is, in case of one."""
        return None if self._reminders else _WARMTH

    @property
    def waiting(self) -> bool:
        """Whether a reminder waits for the green key."""
        return bool(self._open)

    # ---- time

    def next_due(self) -> int | None:
        """When the next reminder is due, said again, or given up."""
        found = [due for name in self._reminders if (due := self._due(name)) is not None]
        return min(found) if found else None

    def _due(self, name: str) -> int | None:
        waits = self._open.get(name)
        if waits is not None:
            return waits.until if waits.again is None else min(waits.again, waits.until)
        return self._times[name].due(self._civil, self._t, self._done.get(name))

    def advance(self, t: int) -> Iterable[Signal]:
        """Says what is due by `t`, again what nobody answered, and counts what stayed without an answer."""
        t = self._t = max(self._t, t)  # after a gap it is later than what was due
        signals: list[Signal] = []
        for name in self._reminders:
            while (due := self._due(name)) is not None and due <= t:
                signals.extend(self._step(name, due, t))
        return signals

    def _step(self, name: str, due: int, t: int) -> Iterable[Signal]:
        waits = self._open.get(name)
        if waits is None:
            return self._begin(name, due, t)
        if waits.again is not None and waits.again <= t:
            waits.again = None
            return (self._spoken(name, t),) if t < waits.until else NOTHING
        del self._open[name]
        self._count(t, 2)
        return (Note("REMINDER_MISSED", t, self._reminders[name].kind, {"reminder": name}),)

    def _begin(self, name: str, due: int, t: int) -> Iterable[Signal]:
        self._done[name] = self._civil.day(due)
        if t - due > STALE_MS or not self._applies(self._reminders[name], t):
            return NOTHING
        self._open[name] = _Open(t, t + self._again_ms if TIMES > 1 else None, t + self._answer_ms)
        self._count(t, 0)
        return (self._spoken(name, t),)

    def _applies(self, reminder: Reminder, t: int) -> bool:
        if reminder.kind != "water":
            return True
        return self._warmth is not None and t - self._warmth[0] <= 2 * 3_600_000 and self._warmth[1] >= self._heat_c

    def _spoken(self, name: str, t: int) -> Spoken:
        reminder = self._reminders[name]
        params = {"visitor": reminder.about} if reminder.kind == "visit" and reminder.about else {}
        if reminder.kind == "child_call" and reminder.about:
            params = {"contact": reminder.about}
        return Spoken(PROMPTS[reminder.kind], t, {**params, "reminder": name})

    def _count(self, t: int, which: int) -> None:
        day = self._civil.day(t)
        self._counts.setdefault(day, [0, 0, 0])[which] += 1
        for old in [d for d in self._counts if not day - DAYS_KEPT < d <= day]:  # nor a day of a wrong clock
            del self._counts[old]

    def counts(self, day: int) -> tuple[int, int, int]:
        """(said, answered, missed) of a day, for the daily summary."""
        said, answered, missed = self._counts.get(day, (0, 0, 0))
        return said, answered, missed

    def gap(self, start: int, end: int) -> None:
        """What waited for an answer while the gateway was off waits no more: nobody could press."""
        self._open.clear()
        self._t = end

    def status(self) -> Status:
        """OFF without reminders, UNAVAILABLE while nothing vouches for the hour."""
        if not self._reminders:
            return Status(Readiness.OFF, "no_reminder")
        if not self._civil.trusted(self._t):
            return Status(Readiness.UNAVAILABLE, "clock")
        return Status(Readiness.ARMED)

    def to_json(self) -> dict[str, Any]:
        """What was said, what waits, what was counted."""
        return {
            "done": dict(self._done),
            "open": {n: [o.said, o.again, o.until] for n, o in self._open.items()},
            "counts": [[day, *row] for day, row in self._counts.items()],
            "warmest": None if self._warmth is None else list(self._warmth),
            "t": self._t,
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`, for reminders that still exist."""
        self._done = {n: int(d) for n, d in data["done"].items() if n in self._reminders}
        self._open = {
            n: _Open(int(o[0]), None if o[1] is None else int(o[1]), int(o[2]))
            for n, o in data["open"].items()
            if n in self._reminders
        }
        self._counts = {int(row[0]): [int(x) for x in row[1:4]] for row in data["counts"]}
        warmest = data["warmest"]
        self._warmth = None if warmest is None else (int(warmest[0]), float(warmest[1]))
        self._t = int(data["t"])


def _daily(reminder: Reminder) -> Daily:
    """The schedule; the registry validated it."""
    return Daily(minutes_of(reminder.at) or 0, days_of(reminder.days) or frozenset(range(7)))
