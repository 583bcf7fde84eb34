"""Over-use of water: more than 2 m3 in 24 h (WATER_HIGH_USE; the Shanghai Jing'an rule, domain 3.1).

A tap left running or a burst hose; the leak rule sees the trickle, this one the flood. Counts any 24 h, not calendar
days, so that no clock matters. What was not read was not used: gaps can only make it quieter.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Observation
from gateway.parameters import Parameters
from gateway.rules.declared import Declared
from gateway.rules.rule import NOTHING, Signal, Technical
from gateway.rules.use_bins import UseBins
from gateway.rules.water import KINDS, WaterRule

CODE: Final = "WATER_HIGH_USE"
HOURS: Final = 24.0
DAY_MS: Final = 86_400_000
END_BELOW: Final = 0.8  # of the limit: it does not come and go with every glass


class HighWaterUse(WaterRule):
    """Keeps for each meter the litres of the last 24 h."""

    name = "high_water_use"
    hears = KINDS
    declared = Declared(
        "over-use of water in any 24 h",
        needs=("own water_meter",),
        says=("WATER_HIGH_USE",),
        parameters=("water_high.limit_l",),
        consent="MONITORING",
    )

    def __init__(self) -> None:
        super().__init__()
        self._limit = 0.0
        self._bins: dict[str, UseBins] = {}
        self._on: set[str] = set()

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """Which meters, and how much is too much."""
        super().configure(home, parameters, t)
        self._limit = parameters["water_high.limit_l"]
        kept = self._watched
        gone = sorted(self._on - kept)
        self._on &= kept
        self._bins = {m: b for m, b in self._bins.items() if m in kept}
        self._plan()
        return [Technical(CODE, m, False, "removed") for m in gone]

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """Water flowed."""
        flow = self._water.read(observation) if self._consented else None
        meter = observation.device
        if flow is None or meter is None or not flow.amount:
            return NOTHING
        bins = self._bins.setdefault(meter, UseBins(HOURS))
        share = min(1.0, DAY_MS / (flow.end - flow.start))  # of what a register shows after days without a reading
        bins.add(flow.amount * share, flow.end)
        if meter in self._on or bins.amount(flow.end) <= self._limit:
            return NOTHING
        self._on.add(meter)
        self._plan()
        return (Technical(CODE, meter, True, "over_use"),)

    def _plan(self) -> None:
        drops = [due for m in self._on if (due := self._bins[m].next_drop()) is not None]
        self._due = min(drops, default=None)

    def advance(self, t: int) -> Iterable[Signal]:
        """Ends over-use once the last 24 h are well below the limit."""
        signals = []
        for meter in sorted(self._on):
            if self._bins[meter].amount(t + 1) < self._limit * END_BELOW:
                self._on.discard(meter)
                signals.append(Technical(CODE, meter, False, "back_to_normal"))
        self._plan()
        return signals

    def to_json(self) -> dict[str, Any]:
        """The litres, and which meters are over the limit."""
        return {
            "water": self._water.to_json(),
            "bins": {m: b.to_json() for m, b in self._bins.items()},
            "on": sorted(self._on),
            "lost": sorted(self._lost),
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._water.from_json(data["water"])
        for meter, rows in data["bins"].items():
            if meter in self._water.meters:
                self._bins[meter] = UseBins(HOURS)
                self._bins[meter].from_json(rows)
        self._on = {m for m in data["on"] if m in self._bins}
        self._lost = frozenset(str(d) for d in data["lost"])
        self._plan()
