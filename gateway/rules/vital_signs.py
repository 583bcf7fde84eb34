"""What counts as a vital sign: its measures, how far they can be believed, how each is judged. Data and pure look-ups.

No medical device, and no diagnosis: limits at which somebody should ask how the elder is. They are those of NEWS2
(Royal College of Physicians 2017, recalled) where it has one, and a doctor's own for a person as settings of the home.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Measure:
    """One number: beyond `least`..`most` it is no reading of a person; `ease` is the hysteresis of its limits."""

    name: str
    least: float
    most: float
    ease: float
    low: str | None = None  # the parameters with its limits
    high: str | None = None
    spot: bool = False  # measured when somebody does it: two in a row are two measurements, however far apart
    drift: float = 0.0  # a daily mean this far from the usual is worth a note


MEASURES: Final[dict[str, Measure]] = {
    m.name: m
    for m in (
        Measure("heart_rate", 20, 250, 5, "vitals.heart_rate_low_bpm", "vitals.heart_rate_high_bpm", drift=15),
        Measure("spo2", 50, 100, 2, "vitals.spo2_low_pct", drift=3),
        Measure("systolic", 50, 280, 10, "vitals.systolic_low_mmhg", "vitals.systolic_high_mmhg", spot=True, drift=20),
        Measure("diastolic", 20, 200, 10, None, "vitals.diastolic_high_mmhg", spot=True, drift=15),
        Measure(
            "body_temperature",
            30,
            43,
            0.3,
            "vitals.body_temperature_low_c",
            "vitals.body_temperature_high_c",
            True,
            0.7,
        ),
    )
}
"""Bounds of belief [P]: wider than anything a walking person shows; 0 is what a sensor off the body says."""

SIGN_OF: Final = {"systolic": "blood_pressure", "diastolic": "blood_pressure"}
"""Measures that are one sign: both numbers of one cuff are not two signals."""

KINDS: Final = frozenset({Kind.HEART_RATE, Kind.SPO2, Kind.BLOOD_PRESSURE, Kind.BODY_TEMPERATURE})


class Belief:
    """Which readings are a living person's. Counts and drops the rest: of a device not worn, implausible, or late."""

    def __init__(self) -> None:
        self.off: set[str] = set()  # devices that are not worn
        self.discarded = 0
        self._health: frozenset[str] = frozenset()

    def configure(self, home: HomeView) -> None:
        """Which devices measure a body; those that are gone are forgotten."""
        self._health = frozenset(d.id for d in home.devices.values() if d.kind == "health")
        self.off &= set(home.devices)

    def concerns(self, observation: Observation) -> bool:
        """Whether this is a vital sign: also what a clinical thermometer plainly calls a temperature."""
        kind = observation.kind
        return kind in KINDS or (kind is Kind.TEMPERATURE and observation.device in self._health)

    def wear(self, device: str, worn: bool) -> None:
        """A device was put on or taken off."""
        (self.off.discard if worn else self.off.add)(device)

    def read(self, observation: Observation) -> dict[str, float]:
        """The measures in an observation that `concerns` us; nothing if it cannot be believed."""
        made = None
        if observation.device not in self.off and not observation.late:
            kind = Kind.BODY_TEMPERATURE if observation.kind is Kind.TEMPERATURE else observation.kind
            made = _measures(kind, observation.value)
        self.discarded += made is None
        return made or {}

    def forget(self) -> None:
        """The consent was withdrawn."""
        self.off.clear()
        self.discarded = 0

    def to_json(self) -> dict[str, Any]:
        """Who is not worn, and the count."""
        return {"off": sorted(self.off), "discarded": self.discarded}

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self.off, self.discarded = {str(d) for d in data["off"]}, int(data["discarded"])


def _measures(kind: Kind, value: Any) -> dict[str, float] | None:
    """The measures in a value; None if they cannot be a person's."""
    found = value if kind is Kind.BLOOD_PRESSURE else {kind.value: value}
    made: dict[str, Any] = {name: found[name] for name in MEASURES if found.get(name) is not None}
    if not made or not all(_believed(MEASURES[name], number) for name, number in made.items()):
        return None
    if "systolic" in made and "diastolic" in made and made["systolic"] <= made["diastolic"]:
        return None
    return made


def _believed(measure: Measure, number: Any) -> bool:
    return isinstance(number, (int, float)) and not isinstance(number, bool) and measure.least <= number <= measure.most


def limit_of(measure: Measure, side: str, parameters: Parameters) -> float | None:
    """The limit of that side, None where there is none."""
    name = measure.low if side == "low" else measure.high
    return parameters[name] if name else None


def beyond(measure: Measure, number: float, parameters: Parameters, side: str) -> str:
    """ "low", "high" or "": beyond which limit, with the hysteresis on the `side` it was beyond before."""
    low = parameters[measure.low] if measure.low else None
    high = parameters[measure.high] if measure.high else None
    if low is not None and (number <= low or (side == "low" and number < low + measure.ease)):
        return "low"
    if high is not None and (number >= high or (side == "high" and number > high - measure.ease)):
        return "high"
    return ""
