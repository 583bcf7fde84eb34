"""Beyond the fence (GEOFENCE_EXIT): a wearable with a receiver is farther from home than was agreed.

Whereabouts are sensitive (PIPL 28): without the WHEREABOUTS consent nothing is judged and nothing kept, and a position
leaves the home inside an alarm only, labelled WGS84. A fix counts as outside only if it is outside by more than its own
error, and as back only some way inside the fence, so that a house on the line makes no alarms. No fix proves nothing:
receivers fall silent indoors.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import Any, Final

from gateway.datum import Point, distance_m, wgs84
from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.declared import Declared
from gateway.rules.rule import NOTHING, Finding, PlainRule, Readiness, Recovery, Signal, Status, Technical

CODE: Final = "GEOFENCE_EXIT"
RETURN_CODE: Final = "HOME_AWAY"
"""The notice of leaving and coming back: an alarm that was sent is closed by people, never by a fix."""
UNSTATED_ACCURACY_M: Final = 20.0  # what a receiver with a clear sky gives when it does not say
MAX_WEARERS: Final = 8


@dataclass(slots=True)
class _Wearer:
    """One wearable's side of the fence."""

    beyond: int = 0  # fixes outside, one after another
    out: bool = False
    distance: float = 0.0
    heard: int = 0


class Geofence(PlainRule):
    """Judges each fix against one circle."""

    name = "geofence"
    hears = frozenset({Kind.POSITION, Kind.RECORDER})
    declared = Declared(
        "a wearable farther from home than was agreed",
        needs=("position", "geofence.radius_m above 0"),
        says=("GEOFENCE_EXIT", "HOME_AWAY"),
        parameters=("geofence.*",),
        consent="WHEREABOUTS",
    )

    def __init__(self) -> None:
        self._consented = False
        self._centre = Point(0.0, 0.0)
        self._radius = self._hysteresis = self._worst = 0.0
        self._fixes = 1
        self._wearers: dict[str, _Wearer] = {}
        self._known: frozenset[str] = frozenset()
        self._lost: frozenset[str] = frozenset()
        self._recording = True

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """The fence; a consent withdrawn or a fence taken down forgets where everybody was."""
        self._consented = home.consented("WHEREABOUTS")
        self._radius, self._hysteresis = parameters["geofence.radius_m"], parameters["geofence.hysteresis_m"]
        self._worst, self._fixes = parameters["geofence.accuracy_m"], round(parameters["geofence.fixes"])
        datum = "GCJ02" if parameters["geofence.centre_gcj02"] > 0 else "WGS84"
        self._centre = wgs84(parameters["geofence.centre_lat_deg"], parameters["geofence.centre_lon_deg"], datum)
        gone, self._known = self._known - home.devices.keys(), frozenset(home.devices)
        if not self._armed():
            return self._forget(self._wearers, "fence_off")
        return self._forget(gone, "removed")

    def _forget(self, devices: Iterable[str], reason: str) -> Iterable[Signal]:
        """Nobody knows any more where these are."""
        forgotten = {device: self._wearers.pop(device) for device in sorted(devices) if device in self._wearers}
        return [Technical(RETURN_CODE, device, False, reason) for device, wearer in forgotten.items() if wearer.out]

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """Takes a position in either datum; one that is too rough changes nothing."""
        device = observation.device
        if observation.kind is Kind.RECORDER:
            self._recording = observation.value is True
            return NOTHING
        if observation.kind is not Kind.POSITION or device is None or not self._armed():
            return NOTHING
        value = observation.value
        accuracy = _accuracy(value)
        if accuracy > self._worst:
            return NOTHING
        wearer = self._wearers.get(device)
        if wearer is None:
            if len(self._wearers) >= MAX_WEARERS:
                return NOTHING
            wearer = self._wearers[device] = _Wearer()
        point = wgs84(value["lat"], value["lon"], value.get("datum", "WGS84"))
        wearer.distance, wearer.heard = distance_m(self._centre, point), observation.t
        if wearer.out:
            return self._maybe_back(device, wearer, accuracy)
        if wearer.distance - accuracy <= self._radius:
            wearer.beyond = 0
            return NOTHING
        wearer.beyond += 1
        return self._gone(observation, device, wearer, point, accuracy) if wearer.beyond >= self._fixes else NOTHING

    def _gone(
        self, observation: Observation, device: str, wearer: _Wearer, point: Point, accuracy: float
    ) -> Iterable[Signal]:
        wearer.out = True
        evidence = {
            "lat": round(point.lat, 5), "lon": round(point.lon, 5), "datum": "WGS84",  # five digits: a metre
            "accuracy_m": round(accuracy), "distance_m": round(wearer.distance), "radius_m": round(self._radius),
            "fixes": wearer.beyond,
        }  # fmt: skip
        return (
            Finding(CODE, observation.t, "beyond_fence", device, evidence),
            Technical(RETURN_CODE, device, True, "beyond_fence"),
        )

    def _maybe_back(self, device: str, wearer: _Wearer, accuracy: float) -> Iterable[Signal]:
        inner = max(self._radius - self._hysteresis, self._radius / 2)
        if wearer.distance + min(accuracy, self._hysteresis) > inner:
            return NOTHING
        wearer.out, wearer.beyond = False, 0
        return (Recovery(CODE, "returned", device), Technical(RETURN_CODE, device, False, "returned"))

    def blinded(self, lost: Set[str], t: int) -> Iterable[Signal]:
        """Which wearables give no sign of life."""
        self._lost = frozenset(lost)
        return NOTHING

    def opened(self, code: str, t: int) -> None:
        """Who is out was set when it was found."""

    def _armed(self) -> bool:
        return self._consented and self._radius > 0

    def status(self) -> Status:
        """OFF without consent or fence; UNAVAILABLE while every wearable that ever gave a fix is lost."""
        if not self._consented:
            return Status(Readiness.OFF, "no_consent")
        if self._radius <= 0:
            return Status(Readiness.OFF, "no_fence")
        if not self._recording:
            return Status(Readiness.UNAVAILABLE, "recording_lost")
        if self._wearers and self._wearers.keys() <= self._lost:
            return Status(Readiness.UNAVAILABLE, "sensor_lost")
        return Status(Readiness.ARMED)

    def learned(self) -> dict[str, Any]:
        """How far each wearable was at its last fix, to 50 m; never where."""
        return {
            "distance_m": {device: round(w.distance / 50) * 50 for device, w in sorted(self._wearers.items())},
            "out": sorted(device for device, w in self._wearers.items() if w.out),
        }

    def conditions(self) -> Iterable[tuple[str, str]]:
        """Who is out."""
        return [(RETURN_CODE, device) for device, wearer in self._wearers.items() if wearer.out]

    def to_json(self) -> dict[str, Any]:
        """Each wearable's side of the fence."""
        return {
            "wearers": {d: [w.beyond, w.out, w.distance, w.heard] for d, w in self._wearers.items()},
            "lost": sorted(self._lost),
            "recording": self._recording,
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        rows = data["wearers"].items() if self._armed() else ()
        self._wearers = {d: _Wearer(int(b), bool(o), float(m), int(t)) for d, (b, o, m, t) in rows}
        self._lost = frozenset(str(device) for device in data["lost"])
        self._recording = bool(data.get("recording", True))


def _accuracy(value: dict[str, Any]) -> float:
    found = value.get("accuracy_m")
    if isinstance(found, bool) or not isinstance(found, (int, float)) or found < 0:
        return UNSTATED_ACCURACY_M
    return float(found)
