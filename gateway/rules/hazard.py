"""Smoke, gas, carbon monoxide, water and fire: a detector's word raises at once, and nothing takes it back but people.

Needs no consent, no clock and no registered kind: a detector that nobody enrolled is believed (T-06, domain 3.2).

One spell of a detector is one finding, however it chatters (A25): a spell ends when the detector has been quiet for
`hazard.clear_s`, which is told as an event and closes nothing. A spell that does not end is told again, in case its
alarm was closed too early; while the alarm is open that joins it.

A test is recognised by what is said before it (drivers say it first of one message): the detector's own `test`, a key
of role `test` on it, or an installer's `test` without a device. What is said after it takes no fire back. A tamper is
no test: a detector may fall from a burning ceiling. A test that lasts longer than `hazard.test_s` is a fire.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import asdict, dataclass
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.declared import Declared
from gateway.rules.rule import NOTHING, Finding, PlainRule, Readiness, Signal, Status, Technical

CODES: Final[dict[Kind, str]] = {
    Kind.SMOKE: "SMOKE",
    Kind.GAS: "GAS",
    Kind.CO: "CO",
    Kind.FLOOD: "FLOOD",
    Kind.HEAT: "HEAT_FIRE",
}
DETECTORS: Final = frozenset({"smoke", "gas", "co", "flood", "heat"})
HEAT_READINGS: Final = 2
"""So many hot readings in a row from a thermometer are a fire: one alone is a broken wire."""
HEAT_MARGIN_C: Final = 5.0
MAX_SPELLS: Final = 1000
_THERMOMETERS: Final = DETECTORS | {"temperature"}
"""Whose temperature is a room's: not a wrist's, nor that of a contact on a sunny door, nor of a pipe."""
_READ: Final = frozenset({*CODES, Kind.TEST, Kind.BUTTON, Kind.TEMPERATURE, Kind.RECORDER})
_ANY: Final = ""  # the "device" of a test of the whole home


@dataclass(slots=True)
class _Spell:
    """One detector giving one alarm. Times are controller ms."""

    code: str
    device: str
    on: bool
    test: bool
    tell: int | None  # when it is told again, or has outlasted its test; None: its device is lost
    over: int = 0  # off: when it counts as over

    @property
    def due(self) -> int | None:
        return self.tell if self.on else self.over


class Hazard(PlainRule):
    """Keeps the spells that are going on and the tests that are announced."""

    name = "hazard"
    hears = _READ
    declared = Declared(
        "smoke, gas, CO, flood and fire at once; a detector's test is told as one",
        needs=("smoke, gas, co, flood or heat detectors, or a thermometer",),
        says=("SMOKE", "GAS", "CO", "FLOOD", "HEAT_FIRE", "HAZARD_CLEARED", "TEST_MANUAL"),
        parameters=("hazard.again_min", "hazard.clear_s", "hazard.heat_c", "hazard.test_s", "hazard.window_min"),
    )

    def __init__(self) -> None:
        self._home = HomeView()
        self._detectors: frozenset[str] = frozenset()
        self._lost: frozenset[str] = frozenset()
        self._recording = True
        self._clear = self._test = self._again = self._window = 0
        self._hot_c = 0.0
        self._spells: dict[tuple[str, str], _Spell] = {}  # by (code, device)
        self._tested: dict[str, int] = {}  # device -> until when its alarm is a test
        self._hot: dict[str, int] = {}  # thermometer -> hot readings in a row
        self._due: int | None = None

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """Which detectors there are, and the times in force."""
        gone = self._home.devices.keys() - home.devices.keys()
        self._home = home
        self._detectors = frozenset(d.id for d in home.devices.values() if d.kind in DETECTORS)
        self._clear, self._test = parameters.ms("hazard.clear_s"), parameters.ms("hazard.test_s")
        self._again, self._window = parameters.ms("hazard.again_min"), parameters.ms("hazard.window_min")
        self._hot_c = parameters["hazard.heat_c"]
        return self._removed(gone)

    def _removed(self, gone: Set[str]) -> Iterable[Signal]:
        """Who took a detector away has seen to it: it is not told again that it never said it is quiet."""
        over = [self._spells.pop(key) for key in sorted(self._spells) if key[1] in gone]
        for device in gone:
            self._tested.pop(device, None)
            self._hot.pop(device, None)
        self._plan()
        return [Technical("TEST_MANUAL" if s.test else "HAZARD_CLEARED", s.device, False, "removed") for s in over]

    # ---- what is said

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """A detector's alarm, its end, or the announcement of a test."""
        kind, t = observation.kind, observation.t
        if kind not in _READ:
            return NOTHING
        if kind is Kind.RECORDER:
            return self._recorded(observation.value is True, t)
        device = observation.device or _ANY
        if kind is Kind.TEST:
            return self._announce(device, observation.value is True, t)
        if kind is Kind.BUTTON:
            known = self._home.devices.get(device)
            return self._announce(device, True, t) if known is not None and known.role == "test" else NOTHING
        if kind is Kind.TEMPERATURE:
            hot = self._is_hot(device, observation.value)
            return (
                NOTHING
                if hot is None
                else self._say("HEAT_FIRE", device, hot, t, self._hot_evidence(observation.value))
            )
        if kind is Kind.HEAT and not self._is_detector(device):
            return NOTHING  # a thermostat's word for warm
        return self._say(CODES[kind], device, observation.value is True, t, {})

    def _hot_evidence(self, celsius: float) -> dict[str, Any]:
        return {"celsius": celsius, "limit_c": self._hot_c, "readings": HEAT_READINGS}

    def _announce(self, device: str, on: bool, t: int) -> Iterable[Signal]:
        """A test begins or ends. Its end is not the end of an alarm that goes on."""
        if on:
            self._tested[device] = t + (self._test if device else self._window)
        else:
            self._tested.pop(device, None)
        return NOTHING

    def _is_detector(self, device: str) -> bool:
        """Whether a device gives alarm when it speaks of heat; one we do not know does."""
        known = self._home.devices.get(device)
        return known is None or known.kind in DETECTORS or known.kind == "other"

    def _is_hot(self, device: str, celsius: float) -> bool | None:
        """Whether a thermometer says fire; None while it says nothing new."""
        known = self._home.devices.get(device)
        if known is not None and known.kind not in _THERMOMETERS:
            return None
        if celsius >= self._hot_c:
            self._hot[device] = min(self._hot.get(device, 0) + 1, HEAT_READINGS)
            return True if self._hot[device] >= HEAT_READINGS else None
        if device not in self._hot or celsius > self._hot_c - HEAT_MARGIN_C:
            return None
        return False if self._hot.pop(device) >= HEAT_READINGS else None

    def _say(self, code: str, device: str, on: bool, t: int, evidence: dict[str, Any]) -> Iterable[Signal]:
        spell = self._spells.get((code, device))
        signals: Iterable[Signal] = NOTHING
        if spell is None:
            if on:
                signals = self._begin(code, device, t, evidence)
        elif spell.on != on:
            spell.on, spell.over = on, t + self._clear
            if on:  # however often it chatters, it is told again when that was due
                spell.tell = t + self._again if spell.tell is None else max(spell.tell, t)
        self._plan()
        return signals

    def _begin(self, code: str, device: str, t: int, evidence: dict[str, Any]) -> Iterable[Signal]:
        test = any(t <= self._tested.get(who, t - 1) for who in (device, _ANY))
        if len(self._spells) >= MAX_SPELLS:  # more detectors than a home has: told, not remembered
            return (Finding(code, t, "detector_alarm", device or None, evidence),)
        self._spells[code, device] = _Spell(code, device, True, test, t + (self._test if test else self._again))
        if test:
            return (Technical("TEST_MANUAL", device, True, "detector_test"),)
        return (Finding(code, t, "detector_alarm", device or None, evidence),)

    # ---- time

    def _plan(self) -> None:
        self._due = min((s.due for s in self._spells.values() if s.due is not None), default=None)

    def next_due(self) -> int | None:
        """When a spell is over, is told again, or has outlasted its test."""
        return self._due

    def advance(self, t: int) -> Iterable[Signal]:
        """Ends spells that have been quiet, tells again those that have not."""
        signals: list[Signal] = []
        for key, spell in list(self._spells.items()):
            if spell.due is None or spell.due > t:
                continue
            if not spell.on:
                del self._spells[key]
                code = "TEST_MANUAL" if spell.test else "HAZARD_CLEARED"
                signals.append(Technical(code, spell.device, False, f"{spell.code.lower()}_cleared"))
            elif spell.device in self._lost or not self._recording:
                spell.tell = None  # nobody knows whether it still sounds
            else:
                reason = "test_outlasted" if spell.test else "still_on"
                signals.append(Finding(spell.code, spell.due, reason, spell.device or None))
                spell.test, spell.tell = False, spell.due + self._again
        self._plan()
        return signals

    def _recorded(self, on: bool, t: int) -> Iterable[Signal]:
        """What a detector said last need not hold while nobody records; it is told again after that."""
        if on and not self._recording:
            for spell in self._spells.values():
                if spell.tell is None and spell.device not in self._lost:
                    spell.tell = t + self._again
        self._recording = on
        self._plan()
        return NOTHING

    def gap(self, start: int, end: int) -> None:
        """Whether a detector went quiet meanwhile nobody knows: what was due then is due at the end."""
        for spell in self._spells.values():
            spell.tell = None if spell.tell is None else max(spell.tell, end)
            spell.over = max(spell.over, end)
        self._plan()

    def blinded(self, lost: Set[str], t: int) -> Iterable[Signal]:
        """A detector that is heard again is told again if it did not say that it is quiet."""
        back = self._lost - lost
        self._lost = frozenset(lost)
        for spell in self._spells.values():
            if spell.device in back and spell.tell is None and self._recording:
                spell.tell = t + self._again
        self._plan()
        return NOTHING

    def unconfirmed(self, code: str, t: int) -> None:
        """A finding that is not on record is made again, at once: the detector may still sound."""
        for spell in self._spells.values():
            if spell.code == code and spell.on and not spell.test:
                spell.tell = t
        self._plan()

    def status(self) -> Status:
        """OFF without a detector, UNAVAILABLE while one of them is lost."""
        if not self._detectors:
            return Status(Readiness.OFF, "no_detector")
        if not self._recording:
            return Status(Readiness.UNAVAILABLE, "recording_lost")
        if self._lost & self._detectors:
            return Status(Readiness.UNAVAILABLE, "sensor_lost")
        return Status(Readiness.ARMED)

    def conditions(self) -> Iterable[tuple[str, str]]:
        """Which detectors are being tested."""
        return [("TEST_MANUAL", spell.device) for spell in self._spells.values() if spell.test]

    def to_json(self) -> dict[str, Any]:
        """The spells, the tests announced, the hot thermometers."""
        return {
            "spells": [asdict(s) for s in self._spells.values()],
            "tested": dict(self._tested),
            "hot": dict(self._hot),
            "lost": sorted(self._lost),
            "recording": self._recording,
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        spells = [_spell_from_json(row) for row in data["spells"]]
        self._spells = {(s.code, s.device): s for s in spells if s.code in CODES.values()}
        self._tested = {str(d): int(t) for d, t in data["tested"].items()}
        self._hot = {str(d): int(n) for d, n in data["hot"].items()}
        self._lost = frozenset(str(d) for d in data["lost"])
        self._recording = bool(data.get("recording", True))
        self._plan()


def _spell_from_json(row: dict[str, Any]) -> _Spell:
    tell = None if row["tell"] is None else int(row["tell"])
    return _Spell(str(row["code"]), str(row["device"]), bool(row["on"]), bool(row["test"]), tell, int(row["over"]))
