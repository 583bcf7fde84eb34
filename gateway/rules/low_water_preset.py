"""Low use of water by a city's fixed rule (WATER_LOW_USE), beside the learned one. Off unless a preset is chosen.

Known to be a false-alarm machine overnight (research/inactivity.md: 2 to 4 a week for one person), so a window is
judged only if it holds 4 h of waking time (domain 3.1, Lessons b); while no clock can be trusted, only a window of
24 h is, which holds them whatever the hour. Missing readings are no low use: the window begins anew after every gap,
absence or lost meter, and a register that was not read lately says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.call_button import role_of
from gateway.rules.civil import DAY_MS, CivilTime
from gateway.rules.declared import Declared
from gateway.rules.in_sight import InSight
from gateway.rules.rule import NOTHING, Finding, PlainRule, Readiness, Recovery, Signal, Status
from gateway.rules.switched import Switched
from gateway.rules.use_bins import BIN_MS, UseBins
from gateway.rules.water import KINDS, OwnWater

CODE: Final = "WATER_LOW_USE"
HOUR_MS: Final = 3_600_000
LONGEST_H: Final = 24
"""The longest window; also that of any city while no clock is trusted."""
KEPT_H: Final = LONGEST_H + 0.5  # it may begin within a half-hour
FRESH_MS: Final = 2 * HOUR_MS
"""A register read longer ago says nothing of now."""


@dataclass(frozen=True, slots=True)
class Preset:
    """Less than `litres` in `hours` is too little."""

    city: str
    hours: int
    litres: float


PRESETS: Final[dict[int, Preset]] = {  # domain 3.1; Taicang: research/inactivity.md
    1: Preset("Shanghai", 12, 10.0),
    2: Preset("Shenzhen Longgang", 12, 10.0),
    3: Preset("Ningbo Haishu", 24, 8.001),  # "8 L or less"
    4: Preset("Taicang", 24, 10.0),
}
_AT_HOME: Final = frozenset({Kind.MOTION, Kind.OCCUPANCY, Kind.FLUSH, Kind.APPLIANCE})
_BY_KEY: Final = frozenset({Kind.OK, Kind.CANCEL, Kind.BUTTON})
_HEARD: Final = KINDS | _AT_HOME | _BY_KEY | {Kind.AWAY, Kind.RECORDER}


class LowWaterPreset(PlainRule):
    """Adds up the meters of the home over the preset's window."""

    name = "low_water_preset"
    declared = Declared(
        "low use of water by a city's fixed rule",
        needs=("own water_meter", "water_preset.rule above 0"),
        says=("WATER_LOW_USE",),
        parameters=("away.max_h", "water_preset.*"),
        consent="MONITORING",
    )

    def __init__(self, civil: CivilTime) -> None:
        self._civil = civil
        self._water = OwnWater()
        self._consented = False
        self._preset: Preset | None = None
        self._waking = 0
        self._day = (0, 0)  # waking time, ms of day
        self._away_max = 0
        self._bins = UseBins(KEPT_H)
        self._switched = Switched()
        self._radars = InSight()
        self._began: int | None = None  # the window is observed since; None: stands still
        self._read: dict[str, int] = {}  # register -> last read; interval meters are vouched for
        self._lost: frozenset[str] = frozenset()
        self._recording = True
        self._away_until: int | None = None
        self._asked = False
        self._may_leave = True  # somebody was there since the last absence
        self._home = HomeView()
        self._look = 0  # when the window is judged next

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """Which meters, which city's rule."""
        self._home = home
        self._water.configure(home)
        self._consented = home.consented("MONITORING")
        preset = PRESETS.get(round(parameters["water_preset.rule"]))
        signals: Iterable[Signal] = NOTHING
        if preset != self._preset or not self._consented:
            signals = self._answered("rule_unavailable", t)
            self._preset, self._bins, self._began = preset, UseBins(KEPT_H), None
        self._waking = round(parameters["water_preset.waking_h"] * HOUR_MS)
        self._day = (
            round(parameters["water_preset.wake_h"]) * HOUR_MS,
            round(parameters["water_preset.sleep_h"]) * HOUR_MS,
        )
        self._away_max = parameters.ms("away.max_h")
        self._read = {m: at for m, at in self._read.items() if m in self._water.meters}
        self._switched.keep(home.devices)
        self._radars.keep(home.devices)
        return (*signals, *self._reconsider(t))

    # ---- what is said

    @property
    def hears(self) -> Set[Kind]:  # type: ignore[override]
        """Water and people; nothing where no city's rule was chosen."""
        return frozenset() if self._preset is None else _HEARD

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """Water flowed, somebody is about, somebody left."""
        self.sooner = self._preset is not None
        if self._preset is None:
            return NOTHING
        kind, t = observation.kind, observation.t
        if kind is Kind.AWAY:
            return self._away(observation, t)
        if kind is Kind.RECORDER:
            self._recording = observation.value is True
            return self._reconsider(t)
        if kind in _BY_KEY:
            return self._key(observation, t)
        if kind in _AT_HOME:
            return self._answered("activity", t) if self._is_somebody(observation) else NOTHING
        flow = self._water.read(observation) if self._consented else None
        if observation.kind is Kind.WATER_VOLUME and observation.device in self._water.meters:
            assert observation.device is not None
            self._read[observation.device] = t
        if flow is None:
            return NOTHING
        if flow.amount is None:
            self._begin(t)
            return NOTHING
        signals = self._answered("activity", t) if flow.amount > 0 else NOTHING
        self._bins.add(flow.amount, t)  # what answers is the new window's first water
        return signals

    def _is_somebody(self, observation: Observation) -> bool:
        on = observation.value is True
        if observation.kind is Kind.OCCUPANCY:
            return self._radars.is_sign(observation.device or "", on, observation.t)
        if observation.kind is Kind.APPLIANCE:
            return self._switched.is_act(observation.device or "", on, observation.t)
        return on

    def _key(self, observation: Observation, t: int) -> Iterable[Signal]:
        """The desk hears what a key says; the rule, that somebody is there. Who calls is asked no more."""
        asked = self._asked
        self._answered("key", t)
        calls = observation.kind is Kind.BUTTON and role_of(self._home, observation.device) == "call"
        return (Recovery(CODE, "call_pressed"),) if asked and calls else NOTHING

    def _away(self, observation: Observation, t: int) -> Iterable[Signal]:
        value = observation.value
        if isinstance(value, dict) and "away" not in value:
            return NOTHING  # guests: who is out is out
        if value is True or (isinstance(value, dict) and value.get("away") is True):
            if self._away_until is None and self._may_leave:  # only somebody at home can say it again (A10)
                self._away_until, self._may_leave = t + self._away_max, False
        else:
            self._away_until, self._may_leave = None, True
        return self._reconsider(t)

    def _answered(self, reason: str, t: int) -> Iterable[Signal]:
        """Somebody is there, or nobody can tell any more: what was asked ends, and the window begins anew."""
        self._may_leave = self._may_leave or reason != "rule_unavailable"
        if not self._asked:
            return NOTHING
        self._asked = False
        self._begin(t)
        return (Recovery(CODE, reason),)

    # ---- standing still and going on

    def _reconsider(self, t: int) -> Iterable[Signal]:
        armed = self.status().readiness is Readiness.ARMED
        if armed and self._began is None:
            self._began = t
            self._begin(t)
        if not armed and self._began is not None:
            self._began = None
            return self._answered("rule_unavailable", t)
        return NOTHING

    def _begin(self, t: int) -> None:
        """The window begins anew at `t`, if it runs at all."""
        if self._began is not None:
            self._bins.clear()
            self._began, self._look = t, t + self._window(t)

    def _window(self, t: int) -> int:
        assert self._preset is not None
        return (self._preset.hours if self._civil.trusted(t) else LONGEST_H) * HOUR_MS

    def blinded(self, lost: Set[str], t: int) -> Iterable[Signal]:
        """A lost meter makes the window begin anew."""
        self._lost = frozenset(lost)
        return self._reconsider(t)

    def gap(self, start: int, end: int) -> None:
        """Nobody read: the window begins anew."""
        self._begin(end)
        if self._away_until is not None:
            self._away_until = max(self._away_until, end)

    # ---- time

    def next_due(self) -> int | None:
        """When the window is judged next, or an absence ends."""
        if self._preset is None:
            return None
        if self._away_until is not None:
            return self._away_until
        return self._look if self._began is not None and not self._asked else None

    def advance(self, t: int) -> Iterable[Signal]:
        """Judges the window that ends now."""
        if self._away_until is not None:
            self._away_until = None
            return self._reconsider(t)
        assert self._preset is not None
        assert self._began is not None
        due = self._look
        self._look = due + BIN_MS
        window = self._window(due)
        litres = self._bins.lately(due, window)
        stale = any(due - at > FRESH_MS for at in self._read.values())
        if due - self._began < window or stale or litres >= self._preset.litres or not self._awake(due - window, due):
            return NOTHING
        self._asked = True
        evidence = {
            "limit_h": window // HOUR_MS,
            "litres": round(litres, 1),
            "limit_litres": round(self._preset.litres, 1),
            "preset": self._preset.city,
        }
        return (Finding(CODE, due, "low_water_use", None, evidence),)

    def _awake(self, start: int, end: int) -> bool:
        """Whether the window holds enough waking time; without a trusted clock it is a whole day, which does."""
        if not self._civil.trusted(end):
            return True
        wake, sleep = self._day
        awake = 0
        for day in range(self._civil.day(start), self._civil.day(end) + 1):
            begins, ends = self._civil.at(day, wake), self._civil.at(day, min(sleep, DAY_MS))
            awake += max(0, min(end, ends) - max(start, begins))
        return awake >= self._waking

    def unconfirmed(self, code: str, t: int) -> None:
        """The finding is not on record: the window is judged again."""
        if code == CODE:
            self._asked = False

    def status(self) -> Status:
        """OFF unless chosen, without consent or a meter of its own; UNAVAILABLE while blind."""
        if self._preset is None:
            return Status(Readiness.OFF, "setting")
        status = self._water.status(self._lost, self._consented)
        if status.readiness is not Readiness.ARMED:
            return status
        if not self._recording:
            return Status(Readiness.UNAVAILABLE, "recording_lost")
        return Status(Readiness.OFF, "away") if self._away_until is not None else status

    def to_json(self) -> dict[str, Any]:
        """The window and what stopped it."""
        return {
            "water": self._water.to_json(),
            "bins": self._bins.to_json(),
            "switched": self._switched.to_json(),
            "radars": self._radars.to_json(),
            "began": self._began,
            "read": dict(self._read),
            "lost": sorted(self._lost),
            "recording": self._recording,
            "away_until": self._away_until,
            "asked": self._asked,
            "may_leave": self._may_leave,
            "look": self._look,
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._water.from_json(data["water"])
        self._bins.from_json(data["bins"])
        if "switched" in data:  # not in snapshots of 0.1
            self._switched.from_json(data["switched"])
        if "radars" in data:  # nor this
            self._radars.from_json(data["radars"])
        self._began = None if data["began"] is None else int(data["began"])
        self._read = {str(m): int(at) for m, at in data["read"].items()}
        self._lost = frozenset(str(d) for d in data["lost"])
        self._recording = bool(data["recording"])
        self._away_until = None if data["away_until"] is None else int(data["away_until"])
        self._asked, self._may_leave = bool(data["asked"]), bool(data["may_leave"])
        self._look = int(data["look"])
