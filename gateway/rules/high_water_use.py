"""Over-use of water: more than 2 m3 in 24 h (WATER_HIGH_USE; the Shanghai Jing'an rule, domain 3.1).

A tap left running or a burst hose; the leak rule sees the trickle, this one the flood. Counts any 24 h, not calendar
days, so that no clock matters. What was not read was not used: gaps can only make it quieter. Nor was it over: what was
told ends by 24 h in which somebody read, and not because nobody looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
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
    hears = KINDS | {Kind.RECORDER}
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
        self._since: dict[str, int] = {}  # meter -> read without a break since then, where that matters

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """Which meters, and how much is too much."""
        super().configure(home, parameters, t)
        self._limit = parameters["water_high.limit_l"]
        kept = self._watched
        gone = sorted(self._on - kept)
        self._on &= kept
        self._since = {m: t for m, t in self._since.items() if m in kept}
        self._bins = {m: b for m, b in self._bins.items() if m in kept}
        self._plan()
        return [Technical(CODE, m, False, "removed") for m in gone]

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """Water flowed."""
        if observation.kind is Kind.RECORDER:
            self._recording = observation.value is True
            self._unseen(self._on, observation.t)
            return NOTHING
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
        seen = self._on - self._lost if self._recording else set()
        self._due = min((due for m in seen if (due := self._ends(m)) is not None), default=None)

    def _ends(self, meter: str) -> int | None:
        """When the last 24 h may have become less, all of them seen; with nothing in them, as soon as that is so."""
        drop, watched = self._bins[meter].next_drop(), self._since.get(meter)
        return drop if watched is None else max(watched + DAY_MS, drop or 0)

    def advance(self, t: int) -> Iterable[Signal]:
        """Ends over-use once the last 24 h are well below the limit."""
        signals = []
        for meter in sorted(self._on - self._lost):
            watched = self._since.get(meter)
            if watched is not None and t < watched + DAY_MS:
                continue
            self._since.pop(meter, None)
            if self._bins[meter].amount(t) < self._limit * END_BELOW:
                self._on.discard(meter)
                signals.append(Technical(CODE, meter, False, "back_to_normal"))
        self._plan()
        return signals

    def _unseen(self, meters: Set[str], t: int) -> None:
        """Nobody read these until `t`."""
        self._since |= dict.fromkeys(sorted(self._on & meters), t)
        self._plan()

    def gap(self, start: int, end: int) -> None:
        """The gateway was off."""
        self._unseen(self._on, end)

    def blinded(self, lost: Set[str], t: int) -> Iterable[Signal]:
        """A meter was lost, or is back."""
        changed = self._lost ^ lost
        self._lost = frozenset(lost)
        self._unseen(changed, t)
        return NOTHING

    def conditions(self) -> Iterable[tuple[str, str]]:
        """Which meters are over the limit."""
        return [(CODE, meter) for meter in self._on]

    def to_json(self) -> dict[str, Any]:
        """The litres, and which meters are over the limit."""
        return {
            "water": self._water.to_json(),
            "bins": {m: b.to_json() for m, b in self._bins.items()},
            "on": sorted(self._on),
            "since": dict(self._since),
            "lost": sorted(self._lost),
            "recording": self._recording,
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._water.from_json(data["water"])
        for meter, rows in data["bins"].items():
            if meter in self._water.meters:
                self._bins[meter] = UseBins(HOURS)
                self._bins[meter].from_json(rows)
        self._on = {m for m in data["on"] if m in self._bins}
        self._since = {str(m): int(t) for m, t in data.get("since", {}).items() if m in self._on}
        self._lost = frozenset(str(d) for d in data["lost"])
        self._recording = bool(data.get("recording", True))
        self._plan()
