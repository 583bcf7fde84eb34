"""Less electricity than usual in 24 h (POWER_LOW_USE): P2, and P1 where the water says the same (domain 4.2).

A whole-house meter is a second witness, never a fast one: a refrigerator goes on without anybody (research/inactivity,
3). All electricity meters of the home are added up; a plug of one stove is no meter.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any, Final

from gateway.alarms.codes import Severity
from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.civil import DAY_MS, CivilTime
from gateway.rules.declared import Declared
from gateway.rules.household import Sign
from gateway.rules.low_use import FRESH_MS, LowUse
from gateway.rules.meter_flow import EnergyFlow, Flow
from gateway.rules.rule import Signal
from gateway.rules.use_bins import UseBins
from gateway.rules.water import KINDS, OwnWater

DRY_L: Final = 10.0
"""Water that confirms it: less than the cities' 0.01 m3 (domain 3.1)."""
_READ: Final = frozenset({Kind.ENERGY, Kind.POWER})


class PowerLowUse(LowUse):
    """The electricity meters of the home, and what its water says of the same day."""

    name = "power_low_use"
    declared = Declared(
        "less electricity in 24 h than this home usually needs, and nobody seen; P1 with the water low too",
        needs=("electricity_meter with energy or power", "a week of whole days at home"),
        says=("POWER_LOW_USE",),
        parameters=("away.max_h", "power_low_use.*"),
        consent="MONITORING",
    )
    code = "POWER_LOW_USE"
    unit = "kWh"
    setting = "power_low_use"

    def __init__(self, civil: CivilTime) -> None:
        super().__init__(civil)
        self._flows: dict[str, EnergyFlow] = {}
        self._water = OwnWater()
        self._litres = UseBins(24)
        self._water_seen: dict[str, tuple[int, int]] = {}  # register -> read without a gap since, and last
        self._water_told: set[str] = set()  # water meters that ever told anything

    def _meters(self) -> Set[str]:
        return self._flows.keys()

    def _lacks(self, home: HomeView, parameters: Parameters) -> str:
        self._water.configure(home)
        meters = [d.id for d in home.devices.values() if d.kind == "electricity_meter"]
        self._flows = {m: self._flows.get(m) or EnergyFlow() for m in meters}
        return "" if meters else "no_electricity_meter"

    def _read(self, observation: Observation) -> Flow | None:
        return self._flows[observation.device or ""].read(observation) if observation.kind in _READ else None

    def _take(self, observation: Observation, sign: Sign | None) -> Iterable[Signal]:
        if observation.kind in KINDS and observation.device in self._water.meters:
            self._take_water(observation)
        return super()._take(observation, sign)

    def _take_water(self, observation: Observation) -> None:
        """A meter of the home's own water tells."""
        flow, t, meter = self._water.read(observation), observation.t, observation.device or ""
        self._water_told.add(meter)
        if observation.kind is Kind.WATER_VOLUME:
            swapped = flow is not None and flow.amount is None
            since, last = self._water_seen.get(meter, (t, t))
            self._water_seen[meter] = (t if swapped or t - last > FRESH_MS else since, t)
        if flow is not None and self._running:
            self._litres.add(flow.amount or 0.0, t)

    def _knows_the_water(self, t: int) -> bool:
        """Whether the home's own water was seen for the whole day; a meter that lists flow alone is vouched for."""
        meters = self._water.meters
        if not meters or not meters <= self._water_told or self._household.lost & meters:
            return False
        seen = (self._water_seen[m] for m in meters & self._water_seen.keys())
        return all(t - last <= FRESH_MS and t - since >= DAY_MS for since, last in seen)

    def _anew(self, t: int) -> None:
        super()._anew(t)
        self._litres.clear()

    def _severity(self, t: int, evidence: dict[str, Any]) -> str | None:
        """With water it is as bad as no water alone; and the words people read want their kilowatt-hours."""
        evidence |= {"used_kwh": evidence["used"], "usual_kwh": evidence["usual"], "limit_kwh": evidence["line"]}
        if not self._knows_the_water(t):
            return None
        litres = self._litres.amount(t)
        evidence["litres"] = round(litres, 1)
        return Severity.P1.value if litres < DRY_L else None

    def _state(self) -> dict[str, Any]:
        return super()._state() | {
            "flows": {m: flow.to_json() for m, flow in self._flows.items()},
            "water": self._water.to_json(),
            "litres": self._litres.to_json(),
            "water_seen": {m: list(seen) for m, seen in self._water_seen.items()},
            "water_told": sorted(self._water_told),
        }

    def _restore(self, data: dict[str, Any]) -> None:
        super()._restore(data)
        for meter, state in data["flows"].items():
            if meter in self._flows:
                self._flows[meter].from_json(state)
        self._water.from_json(data["water"])
        self._litres.from_json(data["litres"])
        self._water_told = {str(m) for m in data.get("water_told", self._water.meters)}
        last = data.get("water_read")  # 0.1 took all registers for one
        registers = self._water_told & self._water.registers
        before = {} if last is None else dict.fromkeys(registers, (data.get("water_since", 0), last))
        self._water_seen = {str(m): (int(since), int(at)) for m, (since, at) in data.get("water_seen", before).items()}
