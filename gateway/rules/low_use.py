"""Too little used against this home's own usual: water (WATER_LOW_USE) and electricity (POWER_LOW_USE).

Keeps what was used in each whole 24 h that was observed with somebody at home, a fortnight of them, and asks when the
last 24 h stay under a share of their middle. The middle, because an unlabelled trip leaves low days behind it; whole
days, because every hour of the day is then compared with itself and no clock is needed. A sign of anybody within the
last hours answers before it is asked: who is up and about has only used little. How many hours, the home's own spells
teach (`quiet_spells`): where nights away are usual and nothing tells of them, it waits longer. Readings that are
missing are no low use: the window begins anew after every gap, absence or lost meter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Set
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.asking import AskingRule
from gateway.rules.civil import DAY_MS, CivilTime
from gateway.rules.household import Sign
from gateway.rules.inactivity.habit import SECOND_RESIDENT
from gateway.rules.meter_flow import Flow
from gateway.rules.quiet_spells import QuietSpells
from gateway.rules.rule import NOTHING, Finding, Readiness, Signal, Status
from gateway.rules.use_bins import BIN_MS, UseBins

HOUR_MS: Final = 3_600_000
DAYS_KEPT: Final = 14
ENOUGH_DAYS: Final = 7
FRESH_MS: Final = 2 * HOUR_MS
"""A register read longer ago says nothing of now."""
_READ: Final = frozenset({Kind.WATER_VOLUME, Kind.ENERGY, Kind.POWER})
"""What must come regularly; a meter that lists intervals with flow alone is vouched for."""


class LowUse(AskingRule):
    """The amounts of the last 24 h, and of the usual ones. Below it: which meters, and how to read them."""

    reads = _READ
    unit = ""
    setting = ""  # the room of its parameters

    def __init__(self, civil: CivilTime) -> None:
        super().__init__(civil)
        self._bins = UseBins(24)
        self._began = 0  # the window is observed since
        self._look = 0  # when it is judged next
        self._learn = 0  # when the next whole day is over
        self._days: deque[float] = deque(maxlen=DAYS_KEPT)
        self._read_at: dict[str, int] = {}  # cumulative registers: last read
        self._share = 0.0
        self._quiet = 0
        self._most = 0
        self._spells = QuietSpells()
        self._seen: int | None = None  # the last sign of anybody

    # ---- which meters

    def _meters(self) -> Set[str]:
        raise NotImplementedError

    def _lacks(self, home: HomeView, parameters: Parameters) -> str:
        """Why this home has nothing to judge, or nothing."""
        raise NotImplementedError

    def _read(self, observation: Observation) -> Flow | None:
        raise NotImplementedError

    def _severity(self, t: int, evidence: dict[str, Any]) -> str | None:
        """What else makes it worse or milder than its code's own severity."""
        return None

    # ---- the frame's questions

    def _set_up(self, home: HomeView, parameters: Parameters, t: int) -> Status | None:
        lacks = self._lacks(home, parameters)
        several = SECOND_RESIDENT if len(home.residents) > 1 else 1.0
        self._share = parameters[f"{self.setting}.share"] / several
        self._quiet = parameters.ms(f"{self.setting}.quiet_h")
        self._most = parameters.ms(f"{self.setting}.most_h")
        self._read_at = {m: at for m, at in self._read_at.items() if m in self._meters()}
        if parameters[f"{self.setting}.enabled"] <= 0:
            return Status(Readiness.OFF, "setting")
        if not lacks and all((home.devices[m].interval_s or 0) * 1000 > FRESH_MS for m in self._meters()):
            lacks = "read_too_seldom"
        return Status(Readiness.OFF, lacks) if lacks else None

    def _needed(self) -> Set[str]:
        return self._meters()

    def _ready(self) -> Status:
        return Status(Readiness.ARMED if len(self._days) >= ENOUGH_DAYS else Readiness.LEARNING)

    def _take(self, observation: Observation, sign: Sign | None) -> Iterable[Signal]:
        t, device = observation.t, observation.device
        if sign is not None:
            if self._seen is None or t - self._seen >= self._quiet:
                self._spell_ended(t)
            self._seen = t
        if device not in self._meters():
            return NOTHING
        if observation.kind in _READ:
            self._read_at[device or ""] = t
        flow = self._read(observation)
        if flow is None:
            return NOTHING
        if flow.amount is None or flow.end - flow.start > FRESH_MS:  # swapped, or not read for long: no telling
            self._anew(t)
        elif self._running:
            self._bins.add(flow.amount, t)
        return NOTHING

    def _spell_ended(self, t: int) -> None:
        """Somebody was seen: a spell before it that would have called, long and with little used, is learned."""
        quiet = self._quiet_for(t)
        if quiet >= self._quiet and self._running and t - self._began >= DAY_MS and self._low(self._bins.amount(t)):
            self._spells.ended(quiet, t)

    def _quiet_for(self, t: int) -> int:
        """How long nobody was seen, as far as it was observed."""
        return t - (self._began if self._seen is None else max(self._seen, self._began))

    def _low(self, used: float) -> bool:
        """Whether that is too little for 24 h; while nobody knows what is usual, nothing at all is."""
        line = self._line()
        return used < line if line is not None else used == 0

    def _anew(self, t: int) -> None:
        self._spells.watch(t)
        self._bins.clear()
        self._began, self._look, self._learn = t, t + DAY_MS, t + DAY_MS

    def _due(self) -> int | None:
        return self._look

    def _judge(self, due: int) -> Iterable[Signal]:
        self._look = due + BIN_MS
        used = self._bins.amount(due)
        if any(due - at > FRESH_MS for at in self._read_at.values()):
            self._anew(due)  # nobody knows what was used meanwhile
            return NOTHING
        line = self._line()
        if line is not None and used < line and self._quiet_for(due) >= self._wait(due):
            evidence = {
                "limit_h": 24, "used": round(used, 2), "line": round(line, 2), "usual": round(self._usual(), 2),
                "unit": self.unit, "days": len(self._days), "waited_h": round(self._wait(due) / HOUR_MS, 1),
            }  # fmt: skip
            self._learned_day(used, due)  # one low day moves no middle; a home that became frugal is known in a week
            return (Finding(self.code, due, "low_use", None, evidence, self._severity(due, evidence)),)
        if due >= self._learn:
            self._learned_day(used, due)
        return NOTHING

    def _learned_day(self, used: float, t: int) -> None:
        self._days.append(round(used, 3))
        self._learn = t + DAY_MS

    def _wait(self, t: int) -> int:
        return self._spells.wait_ms(self._quiet, self._most, t)

    def _usual(self) -> float:
        return sorted(self._days)[len(self._days) // 2]

    def _line(self) -> float | None:
        return self._share * self._usual() if len(self._days) >= ENOUGH_DAYS else None

    def _begin_anew(self, t: int) -> None:
        self._anew(t)

    def _run(self, t: int) -> None:
        self._anew(t)

    def _stand(self, t: int) -> None:
        self._anew(t)

    def _skip(self, start: int, end: int) -> None:
        self._anew(end)
        self._read_at = {m: max(at, end) for m, at in self._read_at.items()}

    def learned(self) -> dict[str, Any]:
        """What is usual here, and the line."""
        if not self._days:
            return {}
        line = self._line()
        return {
            "days": len(self._days), "days_needed": ENOUGH_DAYS, f"usual_{self.unit}_a_day": round(self._usual(), 2),
            f"line_{self.unit}_a_day": None if line is None else round(line, 2),
            "quiet_h": round(self._wait(self._t) / HOUR_MS, 1), "quiet_spells": self._spells.count(self._t),
        }  # fmt: skip

    def _state(self) -> dict[str, Any]:
        return {
            "bins": self._bins.to_json(), "began": self._began, "look": self._look, "learn": self._learn,
            "days": list(self._days), "read_at": dict(self._read_at), "seen": self._seen,
            "spells": self._spells.to_json(),
        }  # fmt: skip

    def _restore(self, data: dict[str, Any]) -> None:
        self._bins.from_json(data["bins"])
        self._began, self._look, self._learn = int(data["began"]), int(data["look"]), int(data["learn"])
        self._days = deque((float(used) for used in data["days"]), maxlen=DAYS_KEPT)
        self._read_at = {str(m): int(at) for m, at in data["read_at"].items() if m in self._meters()}
        self._seen = None if data["seen"] is None else int(data["seen"])
        self._spells.from_json(data["spells"])
