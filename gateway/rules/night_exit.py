"""Out at night (NIGHT_EXIT, domain 4.2): an entrance is used at night and nobody moves inside afterwards.

Wandering is what this answers. The one who opens the door and is seen inside again, or opens it a second time and comes
in, is well; who comes home late is seen inside at once (`passage`). It needs an entrance contact and something that
sees people inside; with either of them lost the silence inside proves nothing (T-27). Without a trusted hour there is
no night, and the rule is off. In a home of several people one who stays inside answers for one who left: the rule then
sees less, and never more. A walk at dawn that is a habit is given the time it usually takes (`early_walk`).

An alarm that people were told of is theirs to close. That somebody is in again they hear through the platform, as the
end of the notice HOME_AWAY: nobody need search the fields for who is in bed.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.call_button import role_of
from gateway.rules.civil import CivilTime
from gateway.rules.declared import Declared
from gateway.rules.early_walk import EarlyWalks
from gateway.rules.in_sight import SETTLE_MS, InSight
from gateway.rules.night import Night
from gateway.rules.passage import Passage
from gateway.rules.rule import NOTHING, Finding, PlainRule, Readiness, Recovery, Signal, Status, Technical
from gateway.rules.switched import Switched

CODE: Final = "NIGHT_EXIT"
RETURN_CODE: Final = "HOME_AWAY"
INNER_KINDS: Final = frozenset({"motion", "occupancy", "pressure", "bed", "flush", "contact"})
"""Devices that see somebody inside. Water and light may run on by themselves."""
_TRUE_IS_A_PERSON: Final = frozenset({Kind.MOTION, Kind.FLUSH})
_CHANGE_IS_A_PERSON: Final = frozenset({Kind.PRESSURE, Kind.BED, Kind.CONTACT, Kind.LIGHT})
DECLARED_LAG_MS: Final = 10 * 60_000
"""Who says "I am leaving" still looks for the shoes; who is seen inside later than that is not away."""
_KEY_IS_A_PERSON: Final = frozenset({Kind.BUTTON, Kind.OK, Kind.CANCEL})
_DECLARED: Final = frozenset({Kind.AWAY, Kind.RECORDER})


class NightExit(PlainRule):
    """Waits, after an entrance moved at night, for a sign from inside."""

    name = "night_exit"
    hears_stillness = False
    hears = _TRUE_IS_A_PERSON | _CHANGE_IS_A_PERSON | _KEY_IS_A_PERSON | {Kind.OCCUPANCY, Kind.APPLIANCE} | _DECLARED
    declared = Declared(
        "an entrance used at night and nobody seen inside afterwards",
        needs=("an entrance contact", "motion, occupancy, pressure, bed, flush or another contact inside"),
        says=("NIGHT_EXIT", "HOME_AWAY"),
        parameters=("away.max_h", "night_exit.*"),
        consent="MONITORING",
        clock=True,
    )

    def __init__(self, civil: CivilTime) -> None:
        self._civil = civil
        self._home = HomeView()
        self._night = Night(0, 0)
        self._enabled = self._consented = False
        self._wait = self._settle = 0
        self._doors: frozenset[str] = frozenset()
        self._inner: frozenset[str] = frozenset()
        self._lost: frozenset[str] = frozenset()
        self._last: dict[str, Any] = {}  # last state of doors and mats: only a change is an act
        self._switched = Switched()
        self._radars = InSight()
        self._passage = Passage()
        self._walks = EarlyWalks()
        self._learns = False
        self._patience = 0  # what habit gives the exit that is waited for, beyond the wait of every exit
        self._moved: int | None = None  # an entrance moved at night, and nobody was seen since
        self._door: str | None = None
        self._asked = False  # about that movement
        self._out: str | None = None  # the door of an exit that was told, until somebody is seen inside
        self._used = ("", -1)  # the last movement of an entrance, at whatever hour
        self._away: tuple[int, int] | None = None  # declared: since when, and when that ends at the latest (A10)
        self._away_max = 0
        self._may_leave = True  # somebody was seen inside since the last declared absence
        self._recording = True
        self._t = 0

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """Which doors and witnesses there are, and the numbers in force."""
        self._t, self._home = t, home
        self._enabled = parameters["night_exit.enabled"] > 0
        self._consented = home.consented("MONITORING")
        self._night = Night.of_hours(parameters["night_exit.from_h"], parameters["night_exit.until_h"])
        self._wait, self._settle = parameters.ms("night_exit.wait_min"), parameters.ms("night_exit.settle_s")
        self._radars.settle_ms = max(SETTLE_MS, self._settle)  # its one word must not be taken for feet going out
        self._learns = parameters["night_exit.learn"] > 0 and len(home.residents) < 2  # else whose habit is it?
        if not (self._learns and self._consented):
            self._walks.forget()
            self._patience = 0
        devices = home.devices.values()
        self._doors = frozenset(d.id for d in devices if d.kind == "contact" and d.entrance)
        self._inner = frozenset(d.id for d in devices if d.kind in INNER_KINDS) - self._doors
        self._away_max = parameters.ms("away.max_h")
        kept = home.devices if self._consented else {}
        self._last = {d: v for d, v in self._last.items() if d in kept}
        self._switched.keep(kept)
        self._radars.keep(kept)
        signals = self._reconsider()
        if not self._consented:  # whether somebody came back is nobody's business any more
            self._used = ("", -1)
            self._passage.unseen()
            return (*signals, *self._back("no_consent"))
        gone = self._back("removed") if self._out is not None and self._out not in self._doors else NOTHING
        return (*signals, *gone)

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """A door that moves at night begins the wait; whoever is seen inside ends it."""
        kind, t = observation.kind, observation.t
        self.sooner = True
        if kind in _DECLARED:
            return self._declared(observation)
        if not self._consented or not self._acts(observation):
            self.sooner = False
            return NOTHING
        self._t = t
        if observation.device in self._doors and kind is Kind.CONTACT:
            self._radars.passage(t)
            behind = not self._passage.door(observation.value == "closed", t)
            return NOTHING if behind else self._door_moved(str(observation.device), t)
        if not self._passage.inside(0 if kind in _KEY_IS_A_PERSON else self._settle, t):
            return NOTHING
        if (left := self._passage.came_back()) is not None and self._learns:
            self._walks.came_back(self._civil, left, t)
        if self._away is None or t - self._away[0] >= DECLARED_LAG_MS:
            self._away, self._may_leave = None, True
        if self._moved is None and self._out is None:
            self.sooner = False  # nobody waits for anybody
            return NOTHING
        if kind in _KEY_IS_A_PERSON:
            return (*self._pressed(observation), *self._back("activity"))
        return (*self._well("activity"), *self._back("activity"))

    def _pressed(self, observation: Observation) -> Iterable[Signal]:
        """Somebody is in. A key speaks for itself: a call is no word that all is well, the desk hears 'well' itself."""
        answered = self._well("call_pressed")
        called = observation.kind is Kind.BUTTON and role_of(self._home, observation.device) == "call"
        return answered if called else NOTHING

    def _acts(self, observation: Observation) -> bool:
        kind, device = observation.kind, observation.device
        if kind in _TRUE_IS_A_PERSON:
            return observation.value is True
        if kind in _CHANGE_IS_A_PERSON and device is not None:
            before, self._last[device] = self._last.get(device), observation.value
            return before != observation.value and (before is not None or observation.value in (True, "open"))
        if kind is Kind.OCCUPANCY:
            return self._radars.is_sign(device or "", observation.value is True, observation.t)
        if kind is Kind.APPLIANCE:
            return self._switched.is_act(device or "", observation.value is True, observation.t)
        return kind in _KEY_IS_A_PERSON

    def _door_moved(self, door: str, t: int) -> Iterable[Signal]:
        """The wait begins, or begins anew: a second movement may be the return, which then shows inside."""
        signals = self._well("door_used") if self._asked else NOTHING
        self._used = (door, t)
        if self._moved is not None or (self._ready() and self._away is None and self._night.holds(self._civil, t)):
            self._moved, self._door, self._patience = t, door, self._walks.patience(self._civil, t)
        return signals

    def _well(self, reason: str) -> Iterable[Signal]:
        asked, device = self._asked, self._door
        self._moved, self._door, self._asked, self._patience = None, None, False, 0
        return (Recovery(CODE, reason, device),) if asked else NOTHING

    def _back(self, reason: str) -> Iterable[Signal]:
        door, self._out = self._out, None
        return (Technical(RETURN_CODE, door, False, reason),) if door is not None else NOTHING

    def _declared(self, observation: Observation) -> Iterable[Signal]:
        """Nobody records, or does again. Who said that they are out is not lost, for as long as that holds."""
        value, t = observation.value, observation.t
        if observation.kind is Kind.RECORDER:
            self._recording = value is True
            self._passage.unseen()
            return self._reconsider()
        if isinstance(value, dict) and "away" not in value:
            return NOTHING  # guests: they say nothing of who went out
        if value is True or (isinstance(value, dict) and value.get("away") is True):
            if self._away is None and self._may_leave:  # only somebody at home can say it again (A10)
                self._away, self._may_leave = (t, t + self._away_max), False
            return self._well("away")
        self._away, self._may_leave = None, True
        return (*self._well("activity"), *self._back("activity"))

    def blinded(self, lost: Set[str], t: int) -> Iterable[Signal]:
        """With a door or a witness lost, silence inside proves nothing."""
        if (self._lost ^ lost) & (self._doors | self._inner):
            self._passage.unseen()
        self._lost = frozenset(lost)
        if self._moved is None and self._used[1] == t and self._ready():  # the witness came back in that very moment
            self._door_moved(self._used[0], t)
        return self._reconsider()

    def _reconsider(self) -> Iterable[Signal]:
        return NOTHING if self._ready() else self._well("rule_unavailable")

    def _ready(self) -> bool:
        return self._hindrance().readiness is Readiness.ARMED

    def _hindrance(self) -> Status:
        if not self._enabled:
            return Status(Readiness.OFF, "setting")
        if not self._consented:
            return Status(Readiness.OFF, "no_consent")
        if not self._doors:
            return Status(Readiness.OFF, "no_entrance_contact")
        if not self._inner:
            return Status(Readiness.OFF, "no_inner_sensor")
        if not self._recording:
            return Status(Readiness.UNAVAILABLE, "recording_lost")
        if self._lost & (self._doors | self._inner):
            return Status(Readiness.UNAVAILABLE, "sensor_lost")
        return Status(Readiness.ARMED)

    def status(self) -> Status:
        """OFF without doors, witnesses, consent or a trusted hour; UNAVAILABLE while blind; else ARMED."""
        found = self._hindrance()
        if found.readiness is Readiness.ARMED and not self._civil.trusted(self._t):
            return Status(Readiness.OFF, "clock")
        if found.readiness is Readiness.ARMED and self._away is not None:
            return Status(Readiness.OFF, "away")
        return found

    def next_due(self) -> int | None:
        """When nobody has been seen inside for too long, or a declared absence ends."""
        asks, ends = self._asks_at(), self._away and self._away[1]
        return asks if ends is None or (asks is not None and asks <= ends) else ends

    def _asks_at(self) -> int | None:
        return None if self._moved is None or self._asked else self._moved + self._waits()

    def _waits(self) -> int:
        return max(self._wait, self._patience)

    def advance(self, t: int) -> Iterable[Signal]:
        """Asks once."""
        if self._away is not None and self._away[1] <= t:
            self._t, self._away = self._away[1], None  # from here the door decides
        due = self._asks_at()
        if due is None or due > t:
            return NOTHING
        self._asked, self._t = True, due
        left = max(0, due - self._used[1]) // 60_000 if self._used[1] >= 0 else self._waits() // 60_000
        evidence = {"wait_min": self._waits() // 60_000, "left_min": left, "witnesses": len(self._inner)}
        finding = Finding(CODE, due, "no_return", self._door, evidence)
        if self._out is not None:  # out still, or again before anybody came in
            return (finding,)
        self._out = self._door or ""
        return (finding, Technical(RETURN_CODE, self._out, True, "no_return"))

    def gap(self, start: int, end: int) -> None:
        """Only silence that could be observed counts."""
        self._passage.unseen()
        if self._moved is not None and not self._asked:
            self._moved += end - start
        if self._away is not None:
            self._away = (self._away[0], max(self._away[1], end))

    def opened(self, code: str, t: int) -> None:
        """The question is on record."""
        if code == CODE and self._moved is not None:
            self._asked = True

    def unconfirmed(self, code: str, t: int) -> None:
        """It is not: it may be asked again."""
        if code == CODE:
            self._asked = False

    def learned(self) -> dict[str, Any]:
        """The walks at dawn that are a habit here."""
        return self._walks.learned()

    def conditions(self) -> Iterable[tuple[str, str]]:
        """Out by this door."""
        return () if self._out is None else ((RETURN_CODE, self._out),)

    def to_json(self) -> dict[str, Any]:
        """What was last seen, and the wait."""
        return {
            "last": dict(self._last), "switched": self._switched.to_json(), "radars": self._radars.to_json(),
            "used": list(self._used), "passage": self._passage.to_json(), "walks": self._walks.to_json(),
            "patience": self._patience,
            "moved": self._moved, "door": self._door, "asked": self._asked, "out": self._out,
            "away": self._away and list(self._away), "may_leave": self._may_leave,
            "recording": self._recording, "lost": sorted(self._lost),
        }  # fmt: skip

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._last = dict(data["last"])
        if "switched" in data:  # not in snapshots of 0.1
            self._switched.from_json(data["switched"])
        if "radars" in data:  # nor this
            self._radars.from_json(data["radars"])
        if "passage" in data:
            self._passage.from_json(data["passage"])
        if self._learns and self._consented:
            self._walks.from_json(data.get("walks", []))
        self._patience = int(data.get("patience", 0))
        used = data.get("used", ("", -1))
        self._used = (str(used[0]), int(used[1]))
        self._moved = None if data["moved"] is None else int(data["moved"])
        self._door = None if data["door"] is None else str(data["door"])
        self._out = None if data.get("out") is None else str(data["out"])
        self._asked, self._recording = bool(data["asked"]), bool(data["recording"])
        away = data["away"]  # in snapshots of 0.1 true or false: an absence of unknown age, and none is
        self._away = (int(away[0]), int(away[1])) if isinstance(away, list) else None
        self._may_leave = bool(data.get("may_leave", True))
        self._lost = frozenset(str(device) for device in data["lost"])
