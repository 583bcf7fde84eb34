"""A leak: flow in every half-hour of 24 h (LEAK_SUSPECTED; the Shenzhen Longgang rule, domain 3.1).

Half-hours are of controller time, so no clock matters. A meter that is read less often is judged by its own interval:
what it shows is flow somewhere in it. One slot without flow ends the run, and so does one in which nobody read.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import asdict, dataclass
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.declared import Declared
from gateway.rules.rule import NOTHING, Signal, Technical
from gateway.rules.water import KINDS, WaterRule

CODE: Final = "LEAK_SUSPECTED"
SLOT_MS: Final = 30 * 60_000


@dataclass(slots=True)
class _Run:
    """Slots with flow without a break: from `first` to `last`, each `slot` ms."""

    slot: int
    first: int
    last: int
    told: bool = False

    @property
    def over(self) -> int:
        """When it is certain that a whole slot had no flow: readings come late by a little."""
        return (self.last + 2) * self.slot + self.slot // 2


class Leak(WaterRule):
    """Keeps for each meter the run of slots in which water flowed."""

    name = "leak"
    hears = KINDS | {Kind.RECORDER}
    declared = Declared(
        "flow in every half-hour of a day",
        needs=("own water_meter",),
        says=("LEAK_SUSPECTED",),
        parameters=("leak.flow_h",),
        consent="MONITORING",
    )

    def __init__(self) -> None:
        super().__init__()
        self._hours = 0
        self._intervals: dict[str, int] = {}
        self._runs: dict[str, _Run] = {}
        self._recording = True

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """Which meters, and for how long water may flow."""
        super().configure(home, parameters, t)
        self._hours = parameters.ms("leak.flow_h")
        self._intervals = {m: round((home.devices[m].interval_s or 0) * 1000) for m in self._water.meters}
        gone = [m for m, run in self._runs.items() if run.told and m not in self._watched]
        self._runs = {m: run for m, run in self._runs.items() if m in self._watched}
        self._plan()
        return [Technical(CODE, m, False, "removed") for m in gone]

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """Water flowed: the run goes on or begins."""
        if observation.kind is Kind.RECORDER:
            self._recording = observation.value is True
            self._unseen(list(self._runs), observation.t)
            return NOTHING
        flow = self._water.read(observation) if self._consented else None
        meter = observation.device
        if flow is None or meter is None:
            return NOTHING
        if flow.amount is None:  # re-based: nobody knows what flowed
            return self._end(meter, "meter_rebased")
        if flow.amount <= 0:
            return NOTHING
        size = max(SLOT_MS, self._intervals.get(meter, 0))
        slot, run = (flow.end - 1) // size, self._runs.get(meter)
        signals: Iterable[Signal] = NOTHING
        if run is None or run.slot != size or slot > run.last + 1:
            signals = self._end(meter, "flow_stopped")
            run = self._runs[meter] = _Run(size, slot, slot)
        run.last = max(run.last, slot)
        if not run.told and (run.last - run.first + 1) * size >= self._hours:
            run.told = True
            signals = (*signals, Technical(CODE, meter, True, "flow_in_every_slot"))
        self._plan()
        return signals

    def _end(self, meter: str, reason: str) -> Iterable[Signal]:
        run = self._runs.pop(meter, None)
        self._plan()
        return (Technical(CODE, meter, False, reason),) if run is not None and run.told else NOTHING

    # ---- time

    def _plan(self) -> None:
        told = [run.over for m, run in self._runs.items() if run.told and m not in self._lost]
        self._due = min(told, default=None) if self._recording else None

    def advance(self, t: int) -> Iterable[Signal]:
        """A slot without flow: no leak, or no more."""
        over = [m for m, run in self._runs.items() if run.told and run.over <= t and m not in self._lost]
        return [signal for m in over for signal in self._end(m, "flow_stopped")]

    def _unseen(self, meters: Iterable[str], t: int) -> None:
        """Nobody read for a while: a run that is not yet a leak proves nothing; one that is goes on until seen dry."""
        for meter in meters:
            run = self._runs.get(meter)
            if run is not None and run.told:
                run.last = max(run.last, t // run.slot)
            elif run is not None:
                del self._runs[meter]
        self._plan()

    def gap(self, start: int, end: int) -> None:
        """The gateway was off."""
        self._unseen(list(self._runs), end)

    def blinded(self, lost: Set[str], t: int) -> Iterable[Signal]:
        """A meter was lost, or is back."""
        changed = self._lost ^ lost
        self._lost = frozenset(lost)
        self._unseen(sorted(changed & set(self._runs)), t)
        return NOTHING

    def to_json(self) -> dict[str, Any]:
        """The runs."""
        return {
            "water": self._water.to_json(),
            "runs": {m: asdict(run) for m, run in self._runs.items()},
            "lost": sorted(self._lost),
            "recording": self._recording,
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._water.from_json(data["water"])
        self._runs = {str(m): _Run(**row) for m, row in data["runs"].items() if row["slot"] > 0}
        self._lost = frozenset(str(d) for d in data["lost"])
        self._recording = bool(data["recording"])
        self._plan()
