"""Technical conditions the machine itself reports (network, mains, storage): debounced, closed by their restore.

Each code has its own patience (T-18 to T-22, T-28). A mains failure is believed after a minute and a jitter of this
gateway's own: a village that loses power must not speak in one voice (domain 0-12); and is over after five stable ones.

Some life-safety reports come this way too: a press that could not be verified is asked about (UNVERIFIED_PRESS).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from gateway.alarms.codes import CODES, Flow
from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.declared import ANY_CONDITION, Declared
from gateway.rules.rule import NOTHING, Finding, PlainRule, Signal, Technical

AT_ONCE: Final = frozenset({"STORAGE_FAULT", "DRIVER_BLIND", "AUTH_FAILED", "GATEWAY_BATTERY_FAIL"})
"""Already debounced where they are noticed."""
MAINS: Final = ("MAINS_FAIL", "")
MAX_CONDITIONS: Final = 200


class TechnicalConditions(PlainRule):
    """Keeps which conditions are on, and since when they have been waiting to be believed."""

    name = "technical"
    hears = frozenset({Kind.CONDITION, Kind.SUPPLY})
    declared = Declared(
        "conditions the machine reports, each believed after its own patience",
        needs=("the runtime's and the drivers' reports",),
        says=(ANY_CONDITION, "UNVERIFIED_PRESS"),
        parameters=("technical.*",),
    )

    def __init__(self) -> None:
        self._debounce: dict[str, int] = {"": 0}
        self._restore: dict[str, int] = {}
        self._waiting: dict[tuple[str, str], int] = {}  # (code, subject) -> due
        self._ending: dict[tuple[str, str], int] = {}  # restored, but not yet for long enough
        self.on: set[tuple[str, str]] = set()

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """The debounce times in force."""
        mains = parameters.ms("technical.mains_fail_s") + parameters.ms("technical.mains_jitter_s")
        self._debounce = {
            "": parameters.ms("technical.debounce_s"),
            "MAINS_FAIL": mains,
            "GATEWAY_BATTERY_LOW": parameters.ms("technical.battery_low_min"),
        } | dict.fromkeys(AT_ONCE, 0)
        self._restore = {"MAINS_FAIL": parameters.ms("technical.mains_back_min")}
        return NOTHING

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """Takes `{"code", "on", "subject"?}`; codes that are no technical condition of ours change nothing.

        Of what the gateway runs on it takes whether that is the mains; the battery is `standby`'s.
        """
        if observation.kind is Kind.SUPPLY and (mains := observation.value.get("mains")) is not None:
            return self._end(MAINS, observation.t) if mains else self._begin(MAINS, observation.t)
        if observation.kind is not Kind.CONDITION:
            return NOTHING
        value = observation.value
        code, on = value["code"], value.get("on", True) is True
        if code == "UNVERIFIED_PRESS":
            return (Finding(code, observation.t, "unverified_press", observation.device, {"key": observation.key}),)
        if code not in CODES or CODES[code].flow is not Flow.TECHNICAL:
            return NOTHING
        what = (code, str(value.get("subject", observation.device or "")))
        return self._begin(what, observation.t) if on else self._end(what, observation.t)

    def _begin(self, what: tuple[str, str], t: int) -> Iterable[Signal]:
        self._ending.pop(what, None)  # gone again before it was believed to be back
        if what in self.on or what in self._waiting or len(self.on) + len(self._waiting) >= MAX_CONDITIONS:
            return NOTHING
        patience = self._debounce.get(what[0], self._debounce[""])
        if not patience:
            self.on.add(what)
            return (Technical(*what, True, "reported"),)
        self._waiting[what] = t + patience
        return NOTHING

    def _end(self, what: tuple[str, str], t: int) -> Iterable[Signal]:
        self._waiting.pop(what, None)
        if what not in self.on:
            return NOTHING
        if patience := self._restore.get(what[0], 0):
            self._ending.setdefault(what, t + patience)
            return NOTHING
        self.on.discard(what)
        return (Technical(*what, False, "restored"),)

    def active(self, code: str) -> bool:
        """Whether this condition was reported and not restored, believed or not."""
        return any(c == code for known in (self.on, self._waiting) if known for c, _ in known)

    def subjects(self, code: str) -> set[str]:
        """For whom this condition is on or waiting."""
        return {s for c, s in (*self.on, *self._waiting) if c == code}

    def next_due(self) -> int | None:
        """When the first waiting condition, or its end, is believed."""
        if not self._waiting and not self._ending:
            return None
        return min((*self._waiting.values(), *self._ending.values()))

    def advance(self, t: int) -> Iterable[Signal]:
        """Believes what has lasted."""
        ripe = [what for what, due in self._waiting.items() if due <= t]
        for what in ripe:
            del self._waiting[what]
            self.on.add(what)
        stable = [what for what, due in self._ending.items() if due <= t]
        for what in stable:
            del self._ending[what]
            self.on.discard(what)
        return [Technical(*what, True, "lasted") for what in ripe] + [
            Technical(*what, False, "restored") for what in stable
        ]

    def gap(self, start: int, end: int) -> None:
        """Nobody looked meanwhile: what has not lasted under our eyes waits on, and so does an end."""
        slept = end - start
        for times in (self._waiting, self._ending):
            for what in times:
                times[what] += slept

    def conditions(self) -> Iterable[tuple[str, str]]:
        """What is believed, until it is believed to be over."""
        return self.on

    def to_json(self) -> dict[str, Any]:
        """What is on and what waits."""
        return {
            "on": sorted(self.on),
            "waiting": [[*what, due] for what, due in self._waiting.items()],
            "ending": [[*what, due] for what, due in self._ending.items()],
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self.on = {(code, str(subject)) for code, subject in data["on"] if code in CODES}
        self._waiting = {(code, str(subject)): int(due) for code, subject, due in data["waiting"] if code in CODES}
        ending = data.get("ending", ())
        self._ending = {(code, str(subject)): int(due) for code, subject, due in ending if code in CODES}
