"""A room too hot or too cold for an elder: TEMP_HIGH, TEMP_LOW, with hysteresis (domain 4.2; Jinjiang: heat matters).

A reading holds until the next one, and through a gap or a loss of its thermometer of an hour at most. While it is lost
nothing is counted, and what is being asked about can no longer be told: heard again, it is asked about again. What was
told already stays found, for a driver's hiccup is no second alarm; a longer loss begins anew. Only thermometers count:
what a door contact on a sunny window measures is not the room, nor is a wrist. Nor is a reading that no room has: a
sensor that lost its wire says -40, one that has just started 85. Two such hot ones are `hazard`'s matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import asdict, dataclass
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.declared import Declared
from gateway.rules.rule import NOTHING, Finding, PlainRule, Readiness, Recovery, Signal, Status

COLDEST_C: Final = -35.0
HOTTEST_C: Final = 60.0
"""Beyond these it is the sensor and not the room [P]."""
HOLDS_MS: Final = 3_600_000
"""After a longer gap a reading from before it says nothing of now: thermometers tell once an hour (T-25)."""


@dataclass(slots=True)
class _Room:
    """One thermometer. `side`: the code of the limit it is beyond, "" within."""

    side: str = ""
    celsius: float = 0.0
    due: int | None = None  # when beyond has lasted, or, once found, when being back has
    found: bool = False
    back: bool = False  # found, and inside again
    asked_until: int | None = None  # found, and until then only asked about


class RoomTemperature(PlainRule):
    """Keeps for each thermometer on which side of its limits it is, and since when."""

    name = "room_temperature"
    hears = frozenset({Kind.TEMPERATURE, Kind.RECORDER})
    declared = Declared(
        "a room too hot or too cold, with hysteresis",
        needs=("temperature",),
        says=("TEMP_HIGH", "TEMP_LOW"),
        parameters=("room_temperature.*", "inactivity.question_min"),
        consent="MONITORING",
    )

    def __init__(self) -> None:
        self._home = HomeView()
        self._thermometers: frozenset[str] = frozenset()
        self._lost: dict[str, int] = {}  # and since when
        self._consented = False
        self._high = self._low = self._hysteresis = 0.0
        self._lasting = self._question = 0
        self._rooms: dict[str, _Room] = {}
        self._dark: int | None = None  # nobody records since
        self._due: int | None = None

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """The thermometers and limits; without consent nothing is remembered."""
        self._home = home
        self._thermometers = frozenset(d.id for d in home.devices.values() if d.kind == "temperature")
        self._consented = home.consented("MONITORING")
        self._high, self._low = parameters["room_temperature.high_c"], parameters["room_temperature.low_c"]
        self._hysteresis = parameters["room_temperature.hysteresis_c"]
        self._lasting = parameters.ms("room_temperature.lasting_min")
        self._question = parameters.ms("inactivity.question_min")
        gone = [d for d in self._rooms if not (self._consented and self._counts(d))]
        asked = [(d, room.side) for d in gone if (room := self._rooms.pop(d)).found]
        self._plan()
        return [Recovery(side, "rule_unavailable", d) for d, side in asked]

    def _counts(self, device: str) -> bool:
        return device in self._thermometers or device not in self._home.devices

    # ---- what is said

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """A reading crosses a limit, stays, or comes back."""
        device = observation.device
        if observation.kind is Kind.RECORDER:
            return self._recorded(observation.value is True, observation.t)
        if observation.kind is not Kind.TEMPERATURE or device is None or not self._consented:
            return NOTHING
        if not self._counts(device) or not COLDEST_C < observation.value < HOTTEST_C:
            return NOTHING
        room = self._rooms.setdefault(device, _Room())
        room.celsius = observation.value
        signals = self._judge(device, room, observation.t)
        self._plan()
        return signals

    def _recorded(self, on: bool, t: int) -> Iterable[Signal]:
        self.gap(t if self._dark is None else self._dark, t)
        self._dark = None if on else t if self._dark is None else self._dark
        self._plan()
        return NOTHING

    def _judge(self, device: str, room: _Room, t: int) -> Iterable[Signal]:
        side = self._side(room)
        signals: Iterable[Signal] = NOTHING
        if side == room.side:
            if room.back:  # beyond again before it was believed to be back
                room.back, room.due = False, None
        elif side and room.found:  # from one extreme to the other
            signals = (Recovery(room.side, "back_in_range", device),)
            self._rooms[device] = _Room(side, room.celsius, t + self._lasting)
        elif side:
            room.side, room.due = side, t + self._lasting
        elif not room.found:
            room.side, room.due = "", None
        elif not room.back:
            room.back, room.due = True, t + self._lasting
        return signals

    def _side(self, room: _Room) -> str:
        """Beyond which limit the reading is; inside only by the hysteresis where it was beyond before."""
        ease_high = self._hysteresis if room.side == "TEMP_HIGH" else 0
        ease_low = self._hysteresis if room.side == "TEMP_LOW" else 0
        if room.celsius >= self._high or (ease_high and room.celsius > self._high - ease_high):
            return "TEMP_HIGH"
        if room.celsius <= self._low or (ease_low and room.celsius < self._low + ease_low):
            return "TEMP_LOW"
        return ""

    # ---- time

    def _plan(self) -> None:
        dues = (r.due for d, r in self._rooms.items() if r.due is not None and d not in self._lost)
        self._due = min(dues, default=None) if self._dark is None else None

    def next_due(self) -> int | None:
        """When the first reading has lasted."""
        return self._due

    def advance(self, t: int) -> Iterable[Signal]:
        """Finds what has lasted, takes back what is over."""
        signals: list[Signal] = []
        for device, room in self._rooms.items():
            if room.due is None or room.due > t or device in self._lost:
                continue
            if room.back:
                signals.append(Recovery(room.side, "back_in_range", device))
                self._rooms[device] = _Room(celsius=room.celsius)
            else:
                evidence = {
                    "celsius": room.celsius,
                    "limit_c": self._high if room.side == "TEMP_HIGH" else self._low,
                    "lasting_min": round(self._lasting / 60_000, 1),
                }
                signals.append(Finding(room.side, room.due, "temperature_lasted", device, evidence))
                room.found, room.asked_until, room.due = True, room.due + self._question, None
        self._plan()
        return signals

    def gap(self, start: int, end: int) -> None:
        """What lasted was not observed: it begins anew, after a long gap with the next reading."""
        for device, room in self._rooms.items():
            if room.due is not None and end - start <= HOLDS_MS:
                room.due = end + self._lasting
            elif room.due is not None:
                self._rooms[device] = _Room(room.side, room.celsius, found=True) if room.found else _Room()
        self._plan()

    def blinded(self, lost: Set[str], t: int) -> Iterable[Signal]:
        """A lost thermometer's question can no longer be judged; one that is soon back goes on from where it stood."""
        gone = lost - self._lost.keys()
        back = {d: since for d, since in self._lost.items() if d not in lost}
        self._lost = {d: self._lost.get(d, t) for d in lost}
        signals: list[Signal] = []
        for device, room in self._rooms.items():
            if device in gone and room.found:
                signals.append(Recovery(room.side, "rule_unavailable", device))
                if room.asked_until is not None and t < room.asked_until:  # unanswered: it must last anew
                    self._rooms[device] = _Room(room.side, room.celsius, t + self._lasting)
            elif device in back and t - back[device] > HOLDS_MS:  # what it said before says nothing of now
                self._rooms[device] = _Room()
            elif device in back and room.due is not None:
                room.due = t + self._lasting
        self._plan()
        return signals

    def unconfirmed(self, code: str, t: int) -> None:
        """A finding that is not on record may be made again, after it has lasted once more."""
        for device, room in self._rooms.items():
            if room.side == code and room.found:
                self._rooms[device] = _Room(room.side, room.celsius, t + self._lasting)
        self._plan()

    def status(self) -> Status:
        """OFF without consent or thermometer, UNAVAILABLE while one is lost."""
        if not self._consented:
            return Status(Readiness.OFF, "no_consent")
        if not self._thermometers:
            return Status(Readiness.OFF, "no_thermometer")
        if self._dark is not None:
            return Status(Readiness.UNAVAILABLE, "recording_lost")
        if self._lost.keys() & self._thermometers:
            return Status(Readiness.UNAVAILABLE, "sensor_lost")
        return Status(Readiness.ARMED)

    def to_json(self) -> dict[str, Any]:
        """Where each thermometer stands."""
        return {
            "rooms": {d: asdict(r) for d, r in self._rooms.items()},
            "lost": dict(sorted(self._lost.items())),
            "dark": self._dark,
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._rooms = {str(d): _Room(**row) for d, row in data["rooms"].items()}
        lost = data["lost"] if isinstance(data["lost"], dict) else dict.fromkeys(data["lost"], 0)  # 0.1: nor of this
        self._lost = {str(d): int(since) for d, since in lost.items()}
        dark = data["dark"] if "dark" in data else None if data["recording"] else 0  # 0.1 did not know since when
        self._dark = None if dark is None else int(dark)
        self._plan()
