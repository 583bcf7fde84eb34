"""A rule that watches one thing while somebody is at home, and asks: what all of them do alike.

The count of such a rule runs only while it can see, and while somebody is in; whatever a person does answers what was
asked; a key speaks for itself (the desk hears 'well' and 'cancel', a call is no word that all is well); and a question
that can no longer be judged is taken back. What is counted, and when it is too much, each rule says itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.call_button import role_of
from gateway.rules.civil import CivilTime
from gateway.rules.household import HEARD, Household, Sign
from gateway.rules.inactivity.witnesses import ACTS
from gateway.rules.rule import NOTHING, Finding, PlainRule, Readiness, Recovery, Signal, Status

KEYS: Final = frozenset({Kind.BUTTON, Kind.OK, Kind.CANCEL})
_MAY_HINDER: Final = frozenset({Kind.AWAY, Kind.RECORDER, Kind.CLOCK})
_DECLARED: Final = frozenset({Kind.AWAY, Kind.RECORDER})
_PEOPLE: Final = ACTS | KEYS | _MAY_HINDER
_MOTION: Final = Kind.MOTION
_INSIDE: Final = Sign.INSIDE
_READINGS: Final = frozenset({Kind.POWER, Kind.ENERGY, Kind.WATER_VOLUME})
"""Come by the minute, and where nobody shows in one it starts no count and brings no moment forward. Nor does the end
of a movement."""


class AskingRule(PlainRule):
    """The frame. Below it: `_set_up`, `_take`, `_due`, `_judge`, and what else a rule needs.

    What `_take` makes of a reading in which nobody shows may put `_due` off, and must not bring it forward.
    """

    code = ""
    reads: Set[Kind] = frozenset()  # what `_take` looks at beside what people do
    by_door = True  # an absence by the door counts; see `Household.hindrance`

    def __init__(self, civil: CivilTime) -> None:
        self._civil = civil
        self._home = HomeView()
        self._household = Household()
        self._off: Status | None = Status(Readiness.OFF, "setting")
        self._running = False
        self._asked = False
        self._t = 0

    # ---- what each rule says

    def _set_up(self, home: HomeView, parameters: Parameters, t: int) -> Status | None:
        """Takes up devices and numbers; why the rule has nothing to do in this home, or None."""
        raise NotImplementedError

    def _take(self, observation: Observation, sign: Sign | None) -> Iterable[Signal]:
        """Something was said: moves the counts."""
        raise NotImplementedError

    def _due(self) -> int | None:
        """When `_judge` has something to do, if nothing is said until then. Asked only while the count runs."""
        raise NotImplementedError

    def _waits(self) -> bool:
        """Whether `_due` may be a moment; False where it is none as things stand, whether the count runs or not."""
        return True

    def _judge(self, due: int) -> Iterable[Signal]:
        """The moment has come; `_due` must have moved on afterwards, unless a finding was made."""
        raise NotImplementedError

    def _needed(self) -> Set[str]:
        """The devices without which nothing can be said."""
        return frozenset()

    def _ready(self) -> Status:
        """The status while nothing hinders."""
        return Status(Readiness.ARMED)

    def _blind(self) -> Status | None:
        """What else hinders this rule now."""
        return None

    def _answers(self, observation: Observation, sign: Sign | None) -> bool:
        """Whether this sign answers what was asked. A kettle that goes off was put on before it was asked."""
        return sign is not None and observation.kind is not Kind.POWER

    def _run(self, t: int) -> None:
        """The count goes on."""

    def _stand(self, t: int) -> None:
        """The count stands still."""

    def _skip(self, start: int, end: int) -> None:
        """Nobody watched from `start` to `end`."""

    def _begin_anew(self, t: int) -> None:
        """What was asked about was answered."""

    def _state(self) -> dict[str, Any]:
        """What a snapshot keeps of the counts."""
        return {}

    def _restore(self, data: dict[str, Any]) -> None:
        """The inverse of `_state`."""

    # ---- the frame

    @property
    def hears(self) -> Set[Kind]:  # type: ignore[override]
        """What people do, and what it reads; next to nothing where this home gives it nothing to do."""
        return _PEOPLE | self.reads if self._off is None else _DECLARED

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """The home and the numbers in force."""
        self._home, self._t = home, t
        self._household.configure(home, parameters)
        self._off = self._set_up(home, parameters, t)
        if self._household.consented:
            return self._reconsider(t)
        self._off = self._off or Status(Readiness.OFF, "no_consent")
        signals = self._reconsider(t)
        self._forget()
        return signals

    def _forget(self) -> None:
        """Without consent nothing is counted and nothing kept: neither who was in, nor what was usual."""
        self._household.forget()
        self._restore(type(self)(self._civil)._state())

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """Moves the counts, and hears the answer to what was asked."""
        kind, off = observation.kind, self._off is not None
        if kind not in _DECLARED and (off or (kind not in _PEOPLE and kind not in self.reads)):
            self.sooner = False
            return NOTHING
        self._t = t = observation.t
        sign = self._household.hear(observation) if kind in HEARD else None
        if off:
            self.sooner = False  # it has no moment
            return NOTHING
        signals = self._take(observation, sign)
        if sign is None and (kind in _READINGS or (kind is _MOTION and observation.value is False)):
            self.sooner = False
            return signals
        if self._asked and (kind in KEYS or self._answers(observation, sign)):
            signals = (*signals, *self._answered(observation))
        if kind in _MAY_HINDER or (sign is not None and not self._runs_on(sign)):
            signals = (*signals, *self._reconsider(t))
        self.sooner = self._waits() or kind is Kind.CLOCK or self._household.next_due() is not None
        return signals

    def _answered(self, observation: Observation) -> Iterable[Signal]:
        self._asked = False
        self._begin_anew(observation.t)
        if observation.kind is Kind.BUTTON:
            call = role_of(self._home, observation.device) == "call"
            return (Recovery(self.code, "call_pressed"),) if call else NOTHING
        return NOTHING if observation.kind in KEYS else (Recovery(self.code, "activity"),)

    def _reconsider(self, t: int) -> Iterable[Signal]:
        """Starts or stops the count at `t` as the status demands; a question that can no longer be judged ends."""
        runs = self._hindrance() is None
        if runs is not self._running:
            self._running = runs
            (self._run if runs else self._stand)(t)
        if runs or not self._asked:
            return NOTHING
        self._asked = False
        self._begin_anew(t)
        return (Recovery(self.code, "rule_unavailable"),)

    def _runs_on(self, sign: Sign) -> bool:
        """Whether the count runs and goes on: an act at home of who was at home ends only what depends on the time."""
        return self._running and sign is _INSIDE and self._blind() is None

    def _hindrance(self) -> Status | None:
        if self._off is not None:
            return self._off
        found = self._household.hindrance(by_door=self.by_door)
        if found is None and self._household.lost and self._household.lost & self._needed():
            return Status(Readiness.UNAVAILABLE, "sensor_lost")
        return found if found is not None else self._blind()

    def status(self) -> Status:
        """OFF by setting, without consent or sensor, while nobody is in; UNAVAILABLE while blind; else `_ready`."""
        return self._hindrance() or self._ready()

    def next_due(self) -> int | None:
        """When there is something to judge, something declared ends, or a clock that was set is believed again."""
        if self._off is not None:
            return None
        moments = (self._judged_at(), self._household.presence.next_due(), self._believed_again())
        return min((moment for moment in moments if moment is not None), default=None)

    def _believed_again(self) -> int | None:
        """Who lies on the floor says nothing when the day of doubt is over: the rule must wake by itself."""
        believed = self._civil.believed_from(self._t) if self.declared.clock and not self._running else None
        return believed if believed is not None and believed > self._t else None

    def _judged_at(self) -> int | None:
        """Never in the past: what becomes due by a change of the home, the clock or a device is due then."""
        due = self._due() if self._running and not self._asked else None
        return None if due is None else max(due, self._t)

    def advance(self, t: int) -> Iterable[Signal]:
        """Judges what is due, then ends what ends."""
        if self._off is not None:
            return NOTHING
        signals: list[Signal] = []
        due = self._judged_at()
        self._t = max(self._t, t)
        if due is not None and due <= t:
            found = tuple(self._judge(due))
            self._asked = any(isinstance(signal, Finding) for signal in found)
            signals += found
        ends = self._household.next_due()
        if ends is not None and ends <= t:
            self._household.advance(ends)
        signals += self._reconsider(t)
        return signals

    def blinded(self, lost: Set[str], t: int) -> Iterable[Signal]:
        """What cannot be seen is not judged (T-27)."""
        self._t = max(self._t, t)
        self._household.lost = frozenset(lost)
        return self._reconsider(t)

    def gap(self, start: int, end: int) -> None:
        """While the gateway was off nothing was observed, and nothing counts."""
        self._household.gap(start, end)
        self._skip(start, end)
        self._t = end

    def opened(self, code: str, t: int) -> None:
        """The alarm is on record, whoever found it: it is not asked about again before an answer."""
        if code == self.code and self._off is None:
            self._asked = True

    def unconfirmed(self, code: str, t: int) -> None:
        """The finding is not on record: it may be found again."""
        if code == self.code:
            self._asked = False

    def to_json(self) -> dict[str, Any]:
        """The household, the counts and what was asked."""
        return {
            "household": self._household.to_json(), "running": self._running, "asked": self._asked, "t": self._t,
            "state": self._state(),
        }  # fmt: skip

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`, called after `configure`."""
        self._household.from_json(data["household"])
        self._running, self._asked, self._t = bool(data["running"]), bool(data["asked"]), int(data["t"])
        self._restore(data["state"])
