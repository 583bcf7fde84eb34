"""A stove left on (STOVE_ON), by the power it draws or by the word of its plug. Asks first: somebody may be cooking.

Only a device registered as `stove` counts: a whole-house meter cannot tell a stove from a heater. An induction plate
pauses between pulses, so off is off only after `stove.off_min`. While the device is lost the count stands still. Who
answers that all is well is asked again after as long if the stove stays on: who forgot it once forgets it twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import asdict, dataclass
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.declared import Declared
from gateway.rules.rule import NOTHING, Finding, PlainRule, Readiness, Recovery, Signal, Status

CODE: Final = "STOVE_ON"
_READ: Final = frozenset({Kind.POWER, Kind.APPLIANCE})
_KEYS: Final = frozenset({Kind.BUTTON, Kind.OK, Kind.CANCEL})
_OUTAGE: Final = frozenset({Kind.RECORDER})


@dataclass(slots=True)
class _Use:
    """One stove in use. `due`: asked about then; None: asked. `off`: counts as off then; None: it draws power."""

    since: int
    due: int | None
    off: int | None = None


class Stove(PlainRule):
    """Keeps which stoves are on, and since when."""

    name = "stove"
    declared = Declared(
        "a stove left on",
        needs=("stove with power or appliance",),
        says=("STOVE_ON",),
        parameters=("stove.*",),
        consent="MONITORING",
    )

    @property
    def hears(self) -> Set[Kind]:  # type: ignore[override]
        """Plugs and meters, where there is a stove behind one."""
        return _READ | _KEYS | _OUTAGE if self._stoves and self._consented else _OUTAGE

    def __init__(self) -> None:
        self._stoves: frozenset[str] = frozenset()
        self._lost: frozenset[str] = frozenset()
        self._consented = False
        self._recording = True
        self._on_w = 0.0
        self._limit = self._pause = 0
        self._uses: dict[str, _Use] = {}
        self._still: dict[str, int] = {}  # stove -> since when its count stands still
        self._due: int | None = None

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """Which stoves, and how long is long."""
        self._stoves = frozenset(d.id for d in home.devices.values() if d.kind == "stove")
        self._consented = home.consented("MONITORING")
        self._on_w, limit = parameters["stove.on_w"], parameters.ms("stove.limit_min")
        self._pause = parameters.ms("stove.off_min")
        kept = self._stoves if self._consented else frozenset()
        gone = [s for s, use in self._uses.items() if s not in kept and use.due is None]
        self._uses = {s: use for s, use in self._uses.items() if s in kept}
        for use in self._uses.values():
            if use.due is not None:
                use.due = max(use.due + limit - self._limit, t)
        self._limit = limit
        self._plan()
        return [Recovery(CODE, "rule_unavailable", s) for s in gone]

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """A stove draws power, or none."""
        kind, device, t = observation.kind, observation.device, observation.t
        if kind is Kind.RECORDER:
            self._recording = observation.value is True
            self._stand(t)
            return NOTHING
        if kind in _KEYS:
            self._ask_again(self._uses, t)
            return NOTHING
        if device not in self._stoves or not self._consented or kind not in _READ:
            return NOTHING
        assert device is not None
        on = observation.value >= self._on_w if kind is Kind.POWER else observation.value is True
        use = self._uses.get(device)
        if on and use is None:
            self._uses[device] = _Use(t, t + self._limit)
        elif use is not None:
            if on and use.off is not None and use.due is not None:
                use.due = max(use.due, t)  # due in a pause: it is this word that shows it is still on
            use.off = None if on else t + self._pause if use.off is None else use.off
        self._plan()
        return NOTHING

    def _ask_again(self, stoves: Iterable[str], t: int) -> None:
        """What was asked about these is answered or can be answered no more: they count anew from `t`."""
        for stove in stoves:
            if self._uses[stove].due is None:
                self._uses[stove].due = t + self._limit
        self._plan()

    # ---- time

    def _plan(self) -> None:
        dues = [
            due
            for stove, use in self._uses.items()
            if stove not in self._still
            for due in (use.due if use.off is None else use.off,)
            if due is not None
        ]
        self._due = min(dues, default=None)

    def next_due(self) -> int | None:
        """When a stove has been on too long, or counts as off."""
        return self._due

    def advance(self, t: int) -> Iterable[Signal]:
        """Asks about a stove that stays on; takes the question back when it goes off."""
        signals: list[Signal] = []
        for stove, use in list(self._uses.items()):
            if stove in self._still:
                continue
            if use.off is not None:
                if use.off <= t:
                    del self._uses[stove]
                    if use.due is None:
                        signals.append(Recovery(CODE, "switched_off", stove))
            elif use.due is not None and use.due <= t:
                evidence = {
                    "on_min": (use.due - use.since) // 60_000,
                    "limit_min": self._limit // 60_000,
                    "from_w": self._on_w,
                }
                signals.append(Finding(CODE, use.due, "stove_on", stove, evidence))
                use.due = None
        self._plan()
        return signals

    def _stand(self, t: int) -> None:
        """Lets counts stand still while nobody can see, and go on where they stood."""
        blind = set(self._uses) if not self._recording else set(self._uses) & self._lost
        for stove in sorted(set(self._still) - blind):
            since, use = self._still.pop(stove), self._uses.get(stove)
            if use is not None:
                use.due = None if use.due is None else use.due + t - since
                use.off = None if use.off is None else use.off + t - since
        for stove in sorted(blind - set(self._still)):
            self._still[stove] = t
        self._plan()

    def blinded(self, lost: Set[str], t: int) -> Iterable[Signal]:
        """A lost stove's question can no longer be judged."""
        gone = lost - self._lost
        self._lost = frozenset(lost)
        self._stand(t)
        asked = [s for s, use in self._uses.items() if s in gone and use.due is None]
        self._ask_again(asked, t)
        return [Recovery(CODE, "rule_unavailable", s) for s in asked]

    def gap(self, start: int, end: int) -> None:
        """While the gateway was off nothing was observed."""
        for stove, use in self._uses.items():
            if stove not in self._still:
                use.due = None if use.due is None else use.due + end - start
                use.off = None if use.off is None else use.off + end - start
        self._plan()

    def unconfirmed(self, code: str, t: int) -> None:
        """The finding is not on record: found again at once if the stove is still on."""
        for use in self._uses.values():
            if code == CODE and use.due is None:
                use.due = t
        self._plan()

    def status(self) -> Status:
        """OFF without consent or stove, UNAVAILABLE while one is lost."""
        if not self._consented:
            return Status(Readiness.OFF, "no_consent")
        if not self._stoves:
            return Status(Readiness.OFF, "no_stove")
        if not self._recording:
            return Status(Readiness.UNAVAILABLE, "recording_lost")
        if self._lost & self._stoves:
            return Status(Readiness.UNAVAILABLE, "sensor_lost")
        return Status(Readiness.ARMED)

    def to_json(self) -> dict[str, Any]:
        """The stoves in use."""
        return {
            "uses": {s: asdict(use) for s, use in self._uses.items()},
            "still": dict(self._still),
            "lost": sorted(self._lost),
            "recording": self._recording,
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._uses = {str(s): _Use(**row) for s, row in data["uses"].items()}
        self._still = {str(s): int(t) for s, t in data["still"].items()}
        self._lost = frozenset(str(d) for d in data["lost"])
        self._recording = bool(data["recording"])
        self._plan()
