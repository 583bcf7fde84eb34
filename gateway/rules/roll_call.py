"""点名: on the platform's weather warning the elder is asked to report well; who cannot be asked is said as well.

The answer goes to the platform. If data is down it goes by text to the village liaison where that was agreed, since a
typhoon takes the network first: 平安 (answered), 未应 (asked, no answer), 失联 (could not be asked: no key that works).
A result of a moment before data went down goes that way too: nobody knows whether it still got through.
Whether this home itself is gone only the platform can tell. Never an alarm.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.call_button import green_key
from gateway.rules.declared import Declared
from gateway.rules.rule import NOTHING, Line, Note, PlainRule, Readiness, Signal, Spoken, Status

COMMAND: Final = "roll_call"
LEAST_APART_MS: Final = 15 * 60_000
"""A roll call while one is open, or so soon after the last, is the same one: nobody is asked without end."""
MAX_NAME: Final = 40
UNSURE_MS: Final = 5 * 60_000  # a link that is gone is noticed within 3 minutes at the latest (T-28)


class RollCall(PlainRule):
    """Asks, waits, and tells the platform or the liaison."""

    name = "roll_call"
    hears = frozenset({Kind.CONDITION, Kind.COMMAND, Kind.BUTTON, Kind.OK})
    declared = Declared(
        "on the platform's word the elder is asked to report well",
        needs=("a button of role ok or service",),
        says=("ROLL_CALL",),
        parameters=("roll_call.*",),
    )

    def __init__(self) -> None:
        self._home = HomeView()
        self._liaisons: tuple[str, ...] = ()
        self._keys: frozenset[str] = frozenset()
        self._lost: frozenset[str] = frozenset()
        self._repeat_ms = self._answer_ms = 0
        self._call: str | None = None
        self._began = 0
        self._again: int | None = None
        self._uplink_down: set[str] = set()
        self._told: tuple[str, int] | None = None  # a result that went to the platform alone, and when

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """Who is told, and which keys could answer."""
        self._home = home
        agreed = home.consented("NOTIFY_VILLAGE")
        self._liaisons = tuple(c.id for c in home.contacts if agreed and c.kind == "village_liaison")
        self._keys = frozenset(
            d.id for d in home.devices.values() if d.kind == "button" and d.role in ("ok", "service")
        )
        self._repeat_ms = parameters.ms("roll_call.repeat_min")
        self._answer_ms = parameters.ms("roll_call.answer_min")
        return NOTHING

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """The platform's command begins one, the green key ends it; a lost uplink changes whom the result goes to."""
        value = observation.value
        if observation.kind is Kind.CONDITION and value.get("code") == "UPLINK_LOST":
            subject = str(value.get("subject", ""))
            down = value.get("on", True) is True
            (self._uplink_down.add if down else self._uplink_down.discard)(subject)
            if down and self._told is not None:
                (result, told), self._told = self._told, None
                return self._lines(result, observation.t) if observation.t - told <= UNSURE_MS else NOTHING
        if self._call is not None and green_key(self._home, observation):
            return (Spoken("V20", observation.t), *self._result("well", observation.t))
        if observation.kind is not Kind.COMMAND or value.get("cmd") != COMMAND:
            return NOTHING
        if self._began and observation.t - self._began < LEAST_APART_MS:
            return NOTHING
        self._call, self._began = str(value.get("id", ""))[:MAX_NAME], observation.t
        if not self._keys or self._keys <= self._lost:
            return self._result("unreachable", observation.t)
        self._again = observation.t + self._repeat_ms
        return (Spoken("V23", observation.t),)

    @property
    def waiting(self) -> bool:
        """Whether the green key answers a roll call now."""
        return self._call is not None

    def _result(self, result: str, t: int) -> Iterable[Signal]:
        call, self._call, self._again = self._call, None, None
        note = Note("ROLL_CALL", t, result, {"roll_call": call})
        if not self._uplink_down:
            self._told = (result, t)
            return (note,)
        return (note, *self._lines(result, t))

    def _lines(self, result: str, t: int) -> tuple[Line, ...]:
        return tuple(Line(c, f"S24-{result}", t) for c in self._liaisons)

    def blinded(self, lost: Set[str], t: int) -> Iterable[Signal]:
        """Which keys give no sign of life."""
        self._lost = frozenset(lost)
        return NOTHING

    def next_due(self) -> int | None:
        """When the question is repeated, or given up."""
        return None if self._call is None else min(self._again or self._until(), self._until())

    def _until(self) -> int:
        return self._began + self._answer_ms

    def advance(self, t: int) -> Iterable[Signal]:
        """Asks again, or says that nobody answered."""
        if self._call is None:
            return NOTHING
        if t >= self._until():
            return self._result("no_answer", t)
        if self._again is not None and t >= self._again:
            self._again = t + self._repeat_ms
            return (Spoken("V23", t),)
        return NOTHING

    def status(self) -> Status:
        """Without a green key, or with all of them lost, nobody can answer, and that is what it says."""
        if not self._keys:
            return Status(Readiness.OFF, "no_green_key")
        return Status(Readiness.UNAVAILABLE, "sensor_lost") if self._keys <= self._lost else Status(Readiness.ARMED)

    def to_json(self) -> dict[str, Any]:
        """The open roll call."""
        return {
            "call": self._call, "began": self._began, "again": self._again, "lost": sorted(self._lost),
            "uplink_down": sorted(self._uplink_down), "told": self._told and list(self._told),
        }  # fmt: skip

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._call = None if data["call"] is None else str(data["call"])
        self._began = int(data["began"])
        self._again = None if data["again"] is None else int(data["again"])
        self._lost = frozenset(str(d) for d in data["lost"])
        self._uplink_down = {str(s) for s in data["uplink_down"]}
        told = data.get("told")
        self._told = None if told is None else (str(told[0]), int(told[1]))
