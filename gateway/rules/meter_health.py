"""Whether a meter can be believed: METER_STALE for one that does not come or does not change, METER_REBASED for one
that was swapped or reset (A27). Stale is not zero use: this rule says what the rules about use must not conclude.

Only what once came can fail to come: a meter that lists intervals with flow alone is vouched for by its driver or
recording. Frozen means the very same number: an electricity register always grows (a refrigerator), a power reading
always trembles; a water register may rest for days. A plug at 0 W is off and not frozen. A register that shows whole
kWh has four times as long: a refrigerator alone moves it every other day.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import asdict, dataclass
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.declared import Declared
from gateway.rules.meter_flow import MAX_POWER_KW, MAX_WATER_L_H, Register
from gateway.rules.rule import NOTHING, PlainRule, Readiness, Signal, Status, Technical

STALE, REBASED = "METER_STALE", "METER_REBASED"
METERS: Final = frozenset({"electricity_meter", "water_meter"})
INTERVALS: Final = 3  # T-25
COARSE: Final = 4  # times; [P] 0.3 kWh a day of a refrigerator move a register of whole kWh in 80 h
_CAPS: Final = {Kind.ENERGY: MAX_POWER_KW, Kind.WATER_VOLUME: MAX_WATER_L_H / 1000}
_READ: Final = frozenset({*_CAPS, Kind.POWER})


@dataclass(slots=True)
class _Dial:
    """One number a meter shows: when it came last, since when it has not changed, whether that was told."""

    value: float
    came: int
    changed: int
    told: str = ""  # the reason


class MeterHealth(PlainRule):
    """Keeps the last number of each dial of each meter."""

    name = "meter_health"
    hears = _READ | {Kind.RECORDER}
    declared = Declared(
        "meters that come no more, never change, or were swapped",
        needs=("electricity_meter or water_meter",),
        says=("METER_STALE", "METER_REBASED"),
        parameters=("meter.*",),
    )

    def __init__(self) -> None:
        self._meters: dict[str, str] = {}  # id -> kind
        self._silent: dict[str, int] = {}  # id -> ms without a reading
        self._frozen = {"electricity_meter": 0, "water_meter": 0}
        self._dials: dict[str, dict[str, _Dial]] = {}  # meter -> kind of reading -> dial
        self._registers: dict[str, Register] = {}  # "kind:meter"
        self._lost: frozenset[str] = frozenset()
        self._recording = True
        self._due: int | None = None
        self._planned = True  # `_due` holds; each reading moves it back, and it is asked for seldom

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """Which meters, and how long each may be silent or frozen."""
        least = parameters.ms("meter.silent_h")
        meters = [d for d in home.devices.values() if d.kind in METERS]
        self._meters = {d.id: d.kind for d in meters}
        self._silent = {d.id: max(least, round((d.interval_s or 0) * 1000 * INTERVALS)) for d in meters}
        self._frozen = {
            "electricity_meter": parameters.ms("meter.frozen_energy_h"),
            "water_meter": parameters.ms("meter.frozen_water_h"),
        }
        gone = [m for m, dials in self._dials.items() if m not in self._meters and _told(dials)]
        self._dials = {m: dials for m, dials in self._dials.items() if m in self._meters}
        self._registers = {n: r for n, r in self._registers.items() if n.partition(":")[2] in self._meters}
        self._plan()
        return [Technical(STALE, m, False, "removed") for m in gone]

    # ---- what is said

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """A meter shows a number."""
        kind, meter, t = observation.kind, observation.device, observation.t
        self.sooner = True
        if kind not in _READ:
            if kind is Kind.RECORDER:
                self._recording = observation.value is True
                self._excuse(self._dials, t)
            return NOTHING
        if meter not in self._meters or observation.late:
            return NOTHING
        assert meter is not None
        value = float(observation.value)
        dial = self._dials[meter].get(kind) if meter in self._dials else None
        if dial is not None and not dial.told and self._goes_on(dial, meter, kind, value, t):
            self.sooner = self._planned = False  # it is stale later, and nothing is to be told of it
            return self._rebased(meter, kind, value, t) if kind in _CAPS else NOTHING
        before = _told(self._dials.get(meter, {}))
        self._show(meter, kind, value, t)
        rebased = self._rebased(meter, kind, value, t) if kind in _CAPS else NOTHING
        signals = (*rebased, *self._changed(meter, before))
        self._plan()
        return signals

    def _goes_on(self, dial: _Dial, meter: str, kind: Kind, value: float, t: int) -> bool:
        """A dial that was well takes the next number, and is well; False, and untouched, if it has frozen."""
        if value != dial.value or (value == 0 and kind is Kind.POWER):
            dial.value = value
            dial.came = dial.changed = t
            return True
        if t - dial.changed >= self._rest(meter, kind, value):
            return False
        dial.came = t
        return True

    def _show(self, meter: str, kind: Kind, value: float, t: int) -> None:
        dial = self._dials.setdefault(meter, {}).get(kind.value)
        if dial is None:
            self._dials[meter][kind.value] = _Dial(value, t, t)
        elif value != dial.value or (value == 0 and kind is Kind.POWER):
            dial.value, dial.came, dial.changed, dial.told = value, t, t, ""
        else:
            dial.came = t  # frozen is judged by what comes, never by what does not
            dial.told = "frozen" if t - dial.changed >= self._rest(meter, kind, value) else ""

    def _rest(self, meter: str, kind: Kind, value: float) -> int:
        """How long this number may stay the same."""
        coarse = kind == Kind.ENERGY and value == int(value)
        return self._frozen[self._meters[meter]] * (COARSE if coarse else 1)

    def _rebased(self, meter: str, kind: Kind, value: float, t: int) -> Iterable[Signal]:
        name = f"{kind}:{meter}"
        register = self._registers.get(name)
        if register is None:
            register = self._registers[name] = Register(_CAPS[kind])
        flow = register.read(value, t)
        if flow is None or flow.amount is not None:
            return NOTHING
        return (Technical(REBASED, meter, True, "meter_rebased"),)

    def _changed(self, meter: str, before: str) -> Iterable[Signal]:
        """What to tell when the worst of a meter's dials became another."""
        after = _told(self._dials[meter])
        if bool(after) == bool(before):
            return NOTHING
        return (Technical(STALE, meter, bool(after), after or "heard_again"),)

    # ---- time

    def _plan(self) -> None:
        self._planned = True
        if not self._recording:
            self._due = None
            return
        dues = [
            dial.came + self._silent[meter]
            for meter, dials in self._dials.items()
            if meter not in self._lost
            for dial in dials.values()
            if not dial.told
        ]
        self._due = min(dues, default=None)

    def next_due(self) -> int | None:
        """When the first dial is stale if nothing comes."""
        if not self._planned:
            self._plan()
        return self._due

    def advance(self, t: int) -> Iterable[Signal]:
        """Declares stale what has been silent up to `t`."""
        signals: list[Signal] = []
        for meter, dials in self._dials.items():
            if meter in self._lost:
                continue
            before = _told(dials)
            for dial in dials.values():
                if not dial.told and dial.came + self._silent[meter] <= t:
                    dial.told = "silent"
            signals += self._changed(meter, before)
        self._plan()
        return signals

    def _excuse(self, meters: Iterable[str], t: int) -> None:
        """Nobody could read until `t`: that silence is not the meter's."""
        for meter in meters:
            for dial in self._dials[meter].values():
                dial.came = dial.changed = t
        self._plan()

    def gap(self, start: int, end: int) -> None:
        """The gateway was off."""
        self._excuse(self._dials, end)

    def blinded(self, lost: Set[str], t: int) -> Iterable[Signal]:
        """A meter that is lost is told as lost; one that is back begins anew."""
        back = self._lost - lost
        self._lost = frozenset(lost)
        self._excuse(sorted(back & set(self._dials)), t)
        return NOTHING

    def status(self) -> Status:
        """OFF without a meter, UNAVAILABLE while one is lost."""
        if not self._meters:
            return Status(Readiness.OFF, "no_meter")
        if not self._recording:
            return Status(Readiness.UNAVAILABLE, "recording_lost")
        if self._lost & set(self._meters):
            return Status(Readiness.UNAVAILABLE, "sensor_lost")
        return Status(Readiness.ARMED)

    def conditions(self) -> Iterable[tuple[str, str]]:
        """Which meters were told to be stale."""
        return [(STALE, meter) for meter, dials in self._dials.items() if _told(dials)]

    def to_json(self) -> dict[str, Any]:
        """The dials and registers."""
        return {
            "dials": {m: {k: asdict(d) for k, d in dials.items()} for m, dials in self._dials.items()},
            "registers": {n: r.to_json() for n, r in self._registers.items()},
            "lost": sorted(self._lost),
            "recording": self._recording,
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._dials = {
            str(m): {str(k): _Dial(**row) for k, row in dials.items()}
            for m, dials in data["dials"].items()
            if m in self._meters
        }
        for name, state in data["registers"].items():
            kind, _, meter = str(name).partition(":")
            if meter in self._meters:
                self._registers[name] = Register(_CAPS[Kind(kind)])
                self._registers[name].from_json(state)
        self._lost = frozenset(str(d) for d in data["lost"])
        self._recording = bool(data["recording"])
        self._plan()


def _told(dials: dict[str, _Dial]) -> str:
    """The reason for which a meter was told to be stale, or nothing."""
    for dial in dials.values():
        if dial.told:
            return dial.told
    return ""
