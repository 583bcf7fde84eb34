"""Vital signs beyond a person's limits (VITAL_OUT_OF_RANGE): P2, and P1 if two signs say so. Only with HEALTH_DATA.

One reading is no alarm: two at least, over `vitals.lasting_min`, without one between that is within limits (and eased
by the hysteresis: what lies between the two neither ends a story nor tells it). Readings
that no living person has, or of a device that is not worn, are counted and thrown away; they end nothing. A sign that
is not measured for an hour (a cuff's: a day) begins anew, told or not. Where several people live nobody knows whose
another device is: each is judged alone, and two are no two signs of one person. What people read stays vague (S07):
numbers stay in the evidence, at home.

Without the consent nothing is read and nothing is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import asdict, dataclass
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.declared import Declared
from gateway.rules.rule import NOTHING, Finding, PlainRule, Readiness, Recovery, Signal, Status, Upgrade
from gateway.rules.vital_signs import KINDS, MEASURES, SIGN_OF, Belief, beyond, limit_of

CODE: Final = "VITAL_OUT_OF_RANGE"
ANEW_MS: Final = 3_600_000
"""Continuous signs further apart than this are two stories; spot measurements are judged over a day."""
SPOT_ANEW_MS: Final = 24 * 3_600_000
SPOT_LASTING_MS: Final = 60_000
"""A repeat measurement after a minute's rest is the usual check of a high one [R-H]."""
WELL_READINGS: Final = 2  # within limits, in a row, end what was found


@dataclass(slots=True)
class _Sign:
    """One measure of one device. `since`: first reading beyond; `found`: it was told."""

    side: str
    since: int
    last: int
    value: float
    found: bool = False
    well: int = 0


class Vitals(PlainRule):
    """Keeps the measures that are beyond their limits."""

    name = "vitals"
    hears = KINDS | {Kind.TEMPERATURE, Kind.WORN, Kind.RECORDER}
    declared = Declared(
        "vital signs beyond this person's limits, persistent; two signs are worse than one",
        needs=("health, or anything that tells a vital sign",),
        says=("VITAL_OUT_OF_RANGE",),
        parameters=("vitals.*",),
        consent="HEALTH_DATA",
    )

    def __init__(self) -> None:
        self._consented = False
        self._health: frozenset[str] = frozenset()
        self._known: frozenset[str] = frozenset()
        self._parameters = Parameters()
        self._signs: dict[tuple[str, str], _Sign] = {}  # (device, measure)
        self._sources: set[str] = set()  # devices that gave a vital sign
        self._belief = Belief()
        self._lost: frozenset[str] = frozenset()
        self._recording = True
        self._several = False  # people
        self._asked: dict[str, str] = {}  # whose -> the device whose alarm is the first sign's
        self._grave: set[str] = set()  # of whom a second sign was told

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """The limits in force; a withdrawn consent forgets everything, and ends what is only asked about."""
        self._parameters = parameters
        self._health = frozenset(d.id for d in home.devices.values() if d.kind == "health")
        self._known = frozenset(home.devices)
        self._consented = home.consented("HEALTH_DATA")
        self._belief.configure(home)
        self._sources &= self._known
        self._several = len(home.residents) > 1
        grave = {self._asked[whose] for whose in self._grave & self._asked.keys()}
        self._asked = {self._whose(device): device for device in self._asked.values()}
        self._grave = {self._whose(device) for device in grave}
        if self._consented:
            return NOTHING
        asked = bool(self._asked)
        self._signs.clear()
        self._sources.clear()
        self._belief.forget()
        self._asked.clear()
        self._grave.clear()
        return (Recovery(CODE, "no_consent"),) if asked else NOTHING

    def _whose(self, device: str) -> str:
        """The person a device measures: the resident, or of several whoever wears this one."""
        return device if self._several else ""

    # ---- what is said

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """A measurement, or a device put on or taken off."""
        device, t = observation.device, observation.t
        if observation.kind is Kind.RECORDER:
            self._recording = observation.value is True
            self.gap(t, t)
            return NOTHING
        if device is None or not self._consented:
            return NOTHING
        if observation.kind is Kind.WORN:
            return self._worn(device, observation.value is True)
        if not self._belief.concerns(observation):
            return NOTHING
        measures = self._belief.read(observation)
        if measures and device in self._known:
            self._sources.add(device)
        return [signal for name, value in measures.items() for signal in self._measure(device, name, value, t)]

    def _worn(self, device: str, worn: bool) -> Iterable[Signal]:
        """What was beyond its limits on the wrist is not known on the table."""
        self._belief.wear(device, worn)
        return NOTHING if worn else self._forget(device)

    def _forget(self, device: str) -> Iterable[Signal]:
        for key in [key for key in self._signs if key[0] == device]:
            del self._signs[key]
        return self._settle("rule_unavailable")

    def _measure(self, device: str, name: str, value: float, t: int) -> Iterable[Signal]:
        measure, key = MEASURES[name], (device, name)
        self._end_old_stories(t)
        sign = self._signs.get(key)
        side = beyond(measure, value, self._parameters, sign.side if sign is not None else "")
        if not side:
            return self._within(key, sign, t)
        if sign is None or sign.side != side:
            self._signs[key] = _Sign(side, t, t, value, found=sign is not None and sign.found)
            return NOTHING
        sign.last, sign.value, sign.well = t, value, 0
        lasting = SPOT_LASTING_MS if measure.spot else self._parameters.ms("vitals.lasting_min")
        if sign.found or t - sign.since < lasting or not beyond(measure, value, self._parameters, ""):
            return NOTHING
        sign.found = True
        return self._tell(device, name, t)

    def _end_old_stories(self, t: int) -> None:
        """What was not measured for so long is known no more, told or not: it holds back nothing that is found now."""
        for key, sign in list(self._signs.items()):
            if t - sign.last > (SPOT_ANEW_MS if MEASURES[key[1]].spot else ANEW_MS):
                del self._signs[key]

    def _within(self, key: tuple[str, str], sign: _Sign | None, t: int) -> Iterable[Signal]:
        if sign is None:
            return NOTHING
        sign.well, sign.last = sign.well + 1, t
        if sign.found and sign.well < WELL_READINGS:
            return NOTHING
        del self._signs[key]
        return self._settle("back_in_range") if sign.found else NOTHING

    def _tell(self, device: str, name: str, t: int) -> Iterable[Signal]:
        """The first sign asks; a second one makes it grave; more of the same change nothing."""
        together, whose = self._parameters.ms("vitals.together_min"), self._whose(device)
        found = {
            k: s for k, s in self._signs.items() if s.found and t - s.last <= together and self._whose(k[0]) == whose
        }
        signs = {SIGN_OF.get(n, n) for _, n in found}
        evidence: dict[str, Any] = {"signs": sorted(f"{n}_{s.side}" for (_, n), s in found.items())}
        evidence |= {n: s.value for (_, n), s in found.items()}
        evidence |= {
            "signs_n": len(signs),
            "limits": {f"{n}_{s.side}": limit_of(MEASURES[n], s.side, self._parameters) for (_, n), s in found.items()},
            "lasting_min": self._parameters["vitals.lasting_min"],
        }
        if len(signs) > 1:
            if whose in self._grave:
                return NOTHING
            self._grave.add(whose)
            if whose in self._asked:
                return (Upgrade(CODE, CODE, self._asked[whose], "two_signs", evidence, severity="P1"),)
            self._asked[whose] = device
            return (Finding(CODE, t, "two_signs", device, evidence, severity="P1"),)
        if whose in self._asked and len(found) > 1:  # the same sign by another number or device
            return NOTHING
        self._asked[whose] = device
        self._grave.discard(whose)  # what was told of before is another story by now
        return (Finding(CODE, t, "out_of_range", device, evidence),)

    def _settle(self, reason: str) -> Iterable[Signal]:
        """Once no sign is beyond its limits any more, what is still asked about ends."""
        beyond_still = {self._whose(device) for (device, _), sign in self._signs.items() if sign.found}
        well = sorted(self._asked.keys() - beyond_still)
        self._grave.difference_update(well)
        return [Recovery(CODE, reason, self._asked.pop(whose)) for whose in well]

    # ---- losing sight

    def blinded(self, lost: Set[str], t: int) -> Iterable[Signal]:
        """What a lost device last said is no longer known."""
        gone = lost - self._lost
        self._lost = frozenset(lost)
        return [signal for device in sorted(gone & self._sources) for signal in self._forget(device)]

    def gap(self, start: int, end: int) -> None:
        """What began before the gap is not known to have lasted through it."""
        self._signs = {k: s for k, s in self._signs.items() if s.found}

    def unconfirmed(self, code: str, t: int) -> None:
        """The finding is not on record: the next reading beyond the limits makes it again."""
        if code == CODE:
            self._asked.clear()
            self._grave.clear()
            for sign in self._signs.values():
                sign.found = False

    def status(self) -> Status:
        """OFF without consent or device, UNAVAILABLE while a device is lost or none is worn."""
        if not self._consented:
            return Status(Readiness.OFF, "no_consent")
        devices = self._health | self._sources
        if not devices:
            return Status(Readiness.OFF, "no_health_device")
        if not self._recording:
            return Status(Readiness.UNAVAILABLE, "recording_lost")
        if self._lost & devices:
            return Status(Readiness.UNAVAILABLE, "sensor_lost")
        if devices <= self._belief.off:
            return Status(Readiness.UNAVAILABLE, "not_worn")
        return Status(Readiness.ARMED)

    def to_json(self) -> dict[str, Any]:
        """The signs beyond their limits; nothing within them is kept."""
        return {
            "signs": [[device, name, asdict(sign)] for (device, name), sign in self._signs.items()],
            "sources": sorted(self._sources),
            "belief": self._belief.to_json(),
            "lost": sorted(self._lost),
            "recording": self._recording,
            "asked": dict(self._asked),
            "grave": sorted(self._grave),
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._lost = frozenset(str(d) for d in data["lost"])
        self._recording = bool(data.get("recording", True))
        if not self._consented:
            return
        self._signs = {(str(d), str(n)): _Sign(**row) for d, n, row in data["signs"] if n in MEASURES}
        self._sources = {str(d) for d in data["sources"]}
        self._belief.from_json(data["belief"])
        asked, grave = data["asked"], data["grave"]
        if not isinstance(asked, dict):  # 0.1 knew one person
            asked = {} if asked is None else {self._whose(str(asked)): asked}
            grave = list(asked) if grave else []
        self._asked = {str(whose): str(device) for whose, device in asked.items()}
        self._grave = {str(whose) for whose in grave}
