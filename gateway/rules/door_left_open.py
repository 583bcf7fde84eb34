"""An entrance left open (DOOR_LEFT_OPEN, domain 4.2): longer than people air a room, sooner by night.

A technical condition: told to the platform, closed when the door is. In the country doors stand open all day; the
number is for the home to set. Without a trusted hour only the day's time counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.civil import CivilTime
from gateway.rules.declared import Declared
from gateway.rules.night import Night
from gateway.rules.rule import NOTHING, PlainRule, Readiness, Signal, Status, Technical

CODE: Final = "DOOR_LEFT_OPEN"


class DoorLeftOpen(PlainRule):
    """Counts how long each entrance has stood open."""

    name = "door_left_open"
    hears = frozenset({Kind.CLOCK, Kind.CONTACT, Kind.RECORDER})
    declared = Declared(
        "an entrance that stands open, sooner by night",
        needs=("an entrance contact",),
        says=("DOOR_LEFT_OPEN",),
        parameters=("door_left_open.*", "night_exit.from_h", "night_exit.until_h"),
        consent="MONITORING",
    )

    def __init__(self, civil: CivilTime) -> None:
        self._civil = civil
        self._night = Night(0, 0)
        self._after = self._by_night = 0
        self._consented = False
        self._doors: frozenset[str] = frozenset()
        self._lost: frozenset[str] = frozenset()
        self._recording = True
        self._open: dict[str, int] = {}  # door -> since when, while it is neither closed nor told
        self._told: set[str] = set()
        self._due: dict[str, int] = {}

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """Which entrances there are, and the times in force."""
        self._consented = home.consented("MONITORING")
        self._night = Night.of_hours(parameters["night_exit.from_h"], parameters["night_exit.until_h"])
        self._after = parameters.ms("door_left_open.after_min")
        self._by_night = min(self._after, parameters.ms("door_left_open.night_min"))
        doors = (d.id for d in home.devices.values() if d.kind == "contact" and d.entrance)
        self._doors = frozenset(doors) if self._consented else frozenset()
        gone = self._told - self._doors
        self._told -= gone
        self._open = {door: since for door, since in self._open.items() if door in self._doors}
        self._reckon(t)
        return [Technical(CODE, door, False, "removed") for door in sorted(gone)]

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """Opened: the count begins. Closed: it ends, and what was told is over."""
        if observation.kind is Kind.CLOCK:
            self._reckon(observation.t)
            return NOTHING
        if observation.kind is Kind.RECORDER:
            self._recording = observation.value is True
            self._unseen(self._open.keys(), observation.t)
            return NOTHING
        door = observation.device
        if observation.kind is not Kind.CONTACT or door not in self._doors or door is None:
            return NOTHING
        if observation.value == "open":
            if door not in self._open and door not in self._told:
                self._open[door] = observation.t
                self._reckon(observation.t)
            return NOTHING
        self._open.pop(door, None)
        self._due.pop(door, None)
        if door not in self._told:
            return NOTHING
        self._told.discard(door)
        return (Technical(CODE, door, False, "closed"),)

    def _reckon(self, t: int) -> None:
        """When each open door will have been open too long, by the hour as it is known now; never in the past."""
        seen = {d: since for d, since in self._open.items() if d not in self._lost} if self._recording else {}
        self._due = {door: max(self._due_of(since, t), t) for door, since in seen.items()}

    def _unseen(self, doors: Set[str], t: int) -> None:
        """Nobody could hear these close until `t`: their count begins there."""
        for door in doors & self._open.keys():
            self._open[door] = t
        self._reckon(t)

    def _due_of(self, since: int, t: int) -> int:
        by_day = since + self._after
        if self._night.holds(self._civil, t):
            due = since + self._by_night
            return due if due <= self._night.end_after(self._civil, t) else by_day  # then it is a door of the day
        night = self._night.next_start(self._civil, t)
        return by_day if night is None else min(by_day, max(night, since + self._by_night))

    def next_due(self) -> int | None:
        """When the first door has stood open too long."""
        return min(self._due.values()) if self._due else None

    def advance(self, t: int) -> Iterable[Signal]:
        """Tells of those that have."""
        signals = []
        for door, due in sorted(self._due.items(), key=lambda row: (row[1], row[0])):
            if due <= t:
                del self._due[door], self._open[door]
                self._told.add(door)
                signals.append(Technical(CODE, door, True, "open_too_long"))
        return signals

    def blinded(self, lost: Set[str], t: int) -> Iterable[Signal]:
        """A lost contact's door may have been closed since: its count stands still until it speaks again."""
        newly, back = (lost & self._doors) - self._lost, self._lost - lost
        self._lost = frozenset(lost & self._doors)
        if newly or back:
            self._unseen(back, t)
        return NOTHING

    def gap(self, start: int, end: int) -> None:
        """Only time in which its closing would have been heard counts."""
        self._open = {door: since + end - start for door, since in self._open.items()}
        self._reckon(end)

    def status(self) -> Status:
        """OFF without an entrance contact or consent; UNAVAILABLE while all are lost."""
        if not self._consented:
            return Status(Readiness.OFF, "no_consent")
        if not self._doors:
            return Status(Readiness.OFF, "no_entrance_contact")
        if not self._recording:
            return Status(Readiness.UNAVAILABLE, "recording_lost")
        if self._doors <= self._lost:
            return Status(Readiness.UNAVAILABLE, "sensor_lost")
        return Status(Readiness.ARMED)

    def conditions(self) -> Iterable[tuple[str, str]]:
        """Which doors were told of."""
        return [(CODE, door) for door in self._told]

    def to_json(self) -> dict[str, Any]:
        """Which doors are open since when, and which were told of."""
        return {
            "open": dict(self._open), "told": sorted(self._told), "due": dict(self._due), "lost": sorted(self._lost),
            "recording": self._recording,
        }  # fmt: skip

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`, for doors that still exist."""
        self._open = {door: int(since) for door, since in data["open"].items() if door in self._doors}
        self._due = {door: int(due) for door, due in data["due"].items() if door in self._open}
        self._told = set(data["told"]) & self._doors
        self._lost = frozenset(data["lost"]) & self._doors
        self._recording = data.get("recording", True) is True
