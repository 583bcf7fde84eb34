"""A leak: flow in every half-hour of 24 h (LEAK_SUSPECTED; the Shenzhen Longgang rule, domain 3.1).

Half-hours are of controller time, so no clock matters. A meter that is read less often is judged from reading to
reading: what it shows is flow somewhere between the two. One slot without flow ends the run, and so does one in which
nobody read. A meter that tells less than every two hours shows nothing: every home draws water a few times a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import asdict, dataclass
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.declared import Declared
from gateway.rules.meter_flow import Flow
from gateway.rules.rule import NOTHING, Readiness, Signal, Status, Technical
from gateway.rules.water import KINDS, WaterRule

CODE: Final = "LEAK_SUSPECTED"
SLOT_MS: Final = 30 * 60_000
MOST_MS: Final = 2 * 3_600_000  # from reading to reading [P]; beyond it a night has too few for one to be dry
SELDOM: Final = 0.9
"""A reading that covers so much of a slot is judged as one: readings come a little early or late."""
MISSED: Final = 1.5  # intervals between two readings: nobody read


@dataclass(slots=True)
class _Run:
    """Flow without a break from `since` to `until` (ms), seen at a pace of `pace` ms."""

    pace: int
    since: int
    until: int
    told: bool = False

    @property
    def over(self) -> int:
        """When it is certain that a whole slot had no flow: readings come late by a little."""
        return self.until + self.pace + self.pace // 2


class Leak(WaterRule):
    """Keeps for each meter the run of slots in which water flowed."""

    name = "leak"
    hears = KINDS | {Kind.RECORDER}
    declared = Declared(
        "flow in every half-hour of a day",
        needs=("own water_meter that tells at least every two hours",),
        says=("LEAK_SUSPECTED",),
        parameters=("leak.flow_h",),
        consent="MONITORING",
    )

    def __init__(self) -> None:
        super().__init__()
        self._hours = 0
        self._intervals: dict[str, int] = {}  # of meters that tell often enough; 0: it states none
        self._runs: dict[str, _Run] = {}

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """Which meters, and for how long water may flow."""
        super().configure(home, parameters, t)
        self._hours = parameters.ms("leak.flow_h")
        stated = {m: round((home.devices[m].interval_s or 0) * 1000) for m in self._water.meters}
        self._intervals = {m: interval for m, interval in stated.items() if interval <= MOST_MS}
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
        if flow is None or meter is None or meter not in self._intervals:
            return NOTHING
        if flow.amount is None:  # re-based: nobody knows what flowed
            return self._end(meter, "meter_rebased")
        size = max(SLOT_MS, self._intervals[meter])
        seldom = flow.end - flow.start >= SELDOM * size
        if flow.amount <= 0:
            return self._end(meter, "flow_stopped") if seldom else NOTHING
        return self._flowed(meter, self._between(meter, flow, size) if seldom else _slot_of(flow, size))

    def _between(self, meter: str, flow: Flow, size: int) -> _Run:
        """The run of one reading and the one before it; of its last slot only, if one between them is missing."""
        span = flow.end - flow.start
        if span > (MISSED * size if self._intervals[meter] else MOST_MS):
            return _slot_of(flow, size)
        return _Run(max(size, span), flow.start, flow.end)

    def _flowed(self, meter: str, seen: _Run) -> Iterable[Signal]:
        """The run goes on, or another begins."""
        run = self._runs.get(meter)
        signals: Iterable[Signal] = NOTHING
        if run is None or seen.since > run.until + seen.pace // 2:
            signals = self._end(meter, "flow_stopped")
            run = self._runs[meter] = seen
        run.until, run.pace = max(run.until, seen.until), seen.pace
        if not run.told and run.until - run.since >= self._hours:
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
                run.until = max(run.until, t + run.pace)
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

    def status(self) -> Status:
        """Also OFF where every meter tells too seldom."""
        found = super().status()
        ready = found.readiness is Readiness.ARMED
        return Status(Readiness.OFF, "read_too_seldom") if ready and not self._intervals else found

    def conditions(self) -> Iterable[tuple[str, str]]:
        """Which meters were told of."""
        return [(CODE, meter) for meter, run in self._runs.items() if run.told]

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
        self._runs = {str(m): _Run(**row) for m, row in data["runs"].items() if "pace" in row}
        self._lost = frozenset(str(d) for d in data["lost"])
        self._recording = bool(data["recording"])
        self._plan()


def _slot_of(flow: Flow, size: int) -> _Run:
    """The run of the one slot in which this flow ended."""
    slot = (flow.end - 1) // size
    return _Run(size, slot * size, (slot + 1) * size)
