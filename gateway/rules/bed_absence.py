"""Left the bed at night and not back (BED_ABSENCE, domain 4.2; a virtual sensor of Tunstall's, domain 3.1).

The count runs from leaving a bed that was lain in; whoever is seen elsewhere extends it, for who is up and about is
well; it asks when neither the bed nor anything else has seen anybody for so long. It ends with the night: who rises in
the morning is not absent. Without a trusted hour there is no night.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.asking import AskingRule
from gateway.rules.civil import CivilTime
from gateway.rules.declared import Declared
from gateway.rules.household import Sign
from gateway.rules.inactivity.habit import SECOND_RESIDENT
from gateway.rules.night import Night
from gateway.rules.rule import NOTHING, Finding, Readiness, Signal, Status

SETTLED_MS: Final = 10 * 60_000
"""Who sat on the edge of the bed had not gone to bed."""


class BedAbsence(AskingRule):
    """Keeps which beds are lain in, and since when the one that was left is empty."""

    name = "bed_absence"
    declared = Declared(
        "a bed left at night and nobody seen since",
        needs=("bed",),
        says=("BED_ABSENCE",),
        parameters=("away.max_h", "bed_absence.*"),
        consent="MONITORING",
        clock=True,
    )
    code = "BED_ABSENCE"

    def __init__(self, civil: CivilTime) -> None:
        super().__init__(civil)
        self._night = Night(0, 0)
        self._after = 0
        self._shared = False  # several live here: each has a bed, and who sleeps on answers for nobody
        self._beds: frozenset[str] = frozenset()
        self._lain_in: dict[str, int] = {}  # bed -> since
        self._left: int | None = None  # the bed was left then
        self._bed: str | None = None
        self._last = 0  # the last sign of anybody since

    def _set_up(self, home: HomeView, parameters: Parameters, t: int) -> Status | None:
        self._beds = frozenset(d.id for d in home.devices.values() if d.kind == "bed")
        self._night = Night.of_hours(parameters["bed_absence.from_h"], parameters["bed_absence.until_h"])
        self._shared = len(home.residents) > 1
        several = SECOND_RESIDENT if self._shared else 1.0
        self._after = round(parameters.ms("bed_absence.after_min") * several)
        self._lain_in = {bed: since for bed, since in self._lain_in.items() if bed in self._beds}
        if self._bed not in self._beds:
            self._left = self._bed = None
        if parameters["bed_absence.enabled"] <= 0:
            return Status(Readiness.OFF, "setting")
        return None if self._beds else Status(Readiness.OFF, "no_bed_sensor")

    def _needed(self) -> Set[str]:
        return self._beds

    def _blind(self) -> Status | None:
        return None if self._civil.trusted(self._t) else Status(Readiness.OFF, "clock")

    def _take(self, observation: Observation, sign: Sign | None) -> Iterable[Signal]:
        bed, t = observation.device, observation.t
        if observation.kind is Kind.BED and bed in self._beds and bed is not None:
            if observation.value is True:
                self._lain_in.setdefault(bed, t)
                if bed == self._bed or not self._shared:
                    self._left = self._bed = None
            elif (since := self._lain_in.pop(bed, None)) is not None:
                self._rose(bed, since, t)
        elif sign is not None:
            self._last = t
        return NOTHING

    def _rose(self, bed: str, since: int, t: int) -> None:
        if self._left is None and t - since >= SETTLED_MS and self._night.holds(self._civil, t):
            self._left, self._bed, self._last = t, bed, t

    def _waits(self) -> bool:
        return self._left is not None

    def _due(self) -> int | None:
        return None if self._left is None else self._last + self._after

    def _judge(self, due: int) -> Iterable[Signal]:
        assert self._left is not None
        if not self._night.holds(self._civil, due):  # risen
            self._left = self._bed = None
            return NOTHING
        evidence = {
            "absent_min": (due - self._left) // 60_000,
            "unseen_min": (due - self._last) // 60_000,
            "limit_min": self._after // 60_000,
        }
        return (Finding(self.code, due, "not_back_in_bed", self._bed, evidence),)

    def _run(self, t: int) -> None:
        self._last = t

    def _begin_anew(self, t: int) -> None:
        self._last = t

    def _skip(self, start: int, end: int) -> None:
        self._last += end - start

    def _state(self) -> dict[str, Any]:
        return {"lain_in": dict(self._lain_in), "left": self._left, "bed": self._bed, "last": self._last}

    def _restore(self, data: dict[str, Any]) -> None:
        self._lain_in = {str(bed): int(since) for bed, since in data["lain_in"].items() if bed in self._beds}
        self._left = None if data["left"] is None else int(data["left"])
        self._bed = None if data["bed"] is None else str(data["bed"])
        self._last = int(data["last"])
