"""Less water than usual in 24 h (WATER_LOW_USE): the learned line beside the cities' presets.

Never on a shared or well supply, and not beside a city's rule that was chosen instead. Where a water meter is the only
witness, the inactivity rule's day without any flow stays its cap.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.civil import CivilTime
from gateway.rules.declared import Declared
from gateway.rules.low_use import LowUse
from gateway.rules.meter_flow import Flow
from gateway.rules.water import OwnWater


class WaterLowUse(LowUse):
    """The home's own water meters."""

    name = "water_low_use"
    declared = Declared(
        "less water in 24 h than this home usually needs, and nobody seen",
        needs=("own water_meter", "a week of whole days at home"),
        says=("WATER_LOW_USE",),
        parameters=("away.max_h", "water_low_use.*", "water_preset.rule"),
        consent="MONITORING",
    )
    code = "WATER_LOW_USE"
    reads = frozenset({Kind.WATER_VOLUME})
    unit = "L"
    setting = "water_low_use"

    def __init__(self, civil: CivilTime) -> None:
        super().__init__(civil)
        self._water = OwnWater()

    def _meters(self) -> Set[str]:
        return self._water.meters

    def _lacks(self, home: HomeView, parameters: Parameters) -> str:
        self._water.configure(home)
        if parameters["water_preset.rule"] > 0:
            return "preset_chosen"
        if self._water.meters:
            return ""
        return "not_own_supply" if self._water.others else "no_water_meter"

    def _read(self, observation: Observation) -> Flow | None:
        return self._water.read(observation)

    def _severity(self, t: int, evidence: dict[str, Any]) -> str | None:
        """The code's own; and the words people read want their litres."""
        evidence |= {"litres": evidence["used"], "limit_litres": evidence["line"]}
        return None

    def _state(self) -> dict[str, Any]:
        return super()._state() | {"water": self._water.to_json()}

    def _restore(self, data: dict[str, Any]) -> None:
        super()._restore(data)
        self._water.from_json(data["water"])
