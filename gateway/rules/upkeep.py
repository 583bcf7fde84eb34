"""What the household can mend: no mains, a low battery, a lost call button (domain 4.1 P3, T-18 to T-20).

Told in the daytime only, to the first contact and to whoever has a key, at most once per device and matter a week; the
platform has known at once. Announces the mains at home (`outage`). No alarm comes of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from gateway.alarms.quiet import Quiet
from gateway.home.model import Contact, HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.civil import CivilTime
from gateway.rules.declared import Declared
from gateway.rules.outage import AREA_OUTAGE, Outage
from gateway.rules.rule import NOTHING, Line, PlainRule, Signal, Spoken, Technical

LIFE_SAFETY: Final = frozenset({"button", "wearable", "smoke", "gas", "co", "heat"})
NO_ALARM: Final = "00"  # the reference of a text that nobody is asked to answer
_LOST, _BATTERY = "S15", "S16"
_MAINS_GONE, _MAINS_BACK = "S13:", "S14:"  # matters of the home's own: no device follows
_OF: Final = {"DEVICE_LOST": _LOST, "DEVICE_BATTERY_LOW": _BATTERY}


class Upkeep(PlainRule):
    """Keeps what waits to be told, and when each matter was told last."""

    name = "upkeep"
    hears = frozenset({Kind.CONDITION, Kind.SUPPLY, Kind.COMMAND})
    declared = Declared(
        "what the household can mend is told in the daytime: mains, batteries, a lost button",
        needs=("technical conditions; a contact",),
        parameters=("upkeep.*", "technical.mains_back_min"),
    )

    def __init__(self, civil: CivilTime) -> None:
        self._home = HomeView()
        self._quiet = Quiet(civil)
        self._outage = Outage()
        self._waiting: dict[str, int] = {}  # "S15:pendant" -> when it is to be told
        self._told: dict[str, int] = {}

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """The home and the numbers in force; devices that are gone need no battery."""
        self._home, self._quiet.parameters = home, parameters
        self._outage.configure(parameters)
        gone = [m for m in (*self._waiting, *self._told) if (d := _device(m)) and d not in home.devices]
        for matter in gone:
            self._waiting.pop(matter, None)
            self._told.pop(matter, None)
        return NOTHING

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """Whether there is mains, as it is said and before it is believed; and the platform's word on the area."""
        kind, value, t = observation.kind, observation.value, observation.t
        if kind is Kind.COMMAND:
            if value.get("cmd") == AREA_OUTAGE and self._outage.area(value, t):
                self._plan_mains(t)
            return NOTHING
        if kind is Kind.SUPPLY:
            mains = value.get("mains")
        elif kind is Kind.CONDITION and value["code"] == "MAINS_FAIL" and not value.get("subject"):
            mains = value.get("on", True) is not True
        else:
            return NOTHING
        if mains is False:
            self._mains_gone(t)
        elif mains is True:
            self._mains_back(t)
        return NOTHING

    def changed(self, signal: Technical, t: int) -> Iterable[Signal]:
        """A technical condition began or ended."""
        template, device = _OF.get(signal.code), self._home.devices.get(signal.subject)
        if template is None or device is None or (template == _LOST and device.kind not in LIFE_SAFETY):
            return NOTHING
        matter = f"{template}:{device.id}"
        if signal.on:
            self._wait(matter, t)
        else:
            self._waiting.pop(matter, None)
        return NOTHING

    def _wait(self, matter: str, due: int) -> None:
        last = self._told.get(matter)
        if last is None or due - last >= self._quiet.parameters.ms("upkeep.again_h"):
            self._waiting[matter] = due

    # ---- mains

    def _mains_gone(self, t: int) -> None:
        if self._outage.gone(t):
            self._waiting.pop(_MAINS_BACK, None)
            self._wait(_MAINS_GONE, t)
        self._plan_mains(t)

    def _mains_back(self, t: int) -> None:
        if self._outage.back(t):
            self._waiting.pop(_MAINS_GONE, None)
        self._plan_mains(t)

    def _plan_mains(self, t: int) -> None:
        """When contacts are to be told, by what is known now."""
        due = self._outage.tell_due()
        if _MAINS_GONE in self._waiting and due is not None:
            self._waiting[_MAINS_GONE] = max(due, t)

    def _mains_stable(self, t: int) -> Iterable[Signal]:
        """It was back for so long that it is believed (T-20)."""
        self._waiting.pop(_MAINS_GONE, None)
        if self._outage.told:
            self._waiting[_MAINS_BACK] = t
        said = self._outage.said
        self._outage.end()
        return (Spoken("V13", t),) if said else NOTHING

    # ---- time

    def next_due(self) -> int | None:
        """When something is to be told or said."""
        outage = self._outage
        times = [*self._waiting.values()]
        if outage.back_due is not None:
            times.append(outage.back_due)
        elif outage.say_due is not None:  # nothing is said of an outage that seems to be over
            times.append(outage.say_due)
        return min(times, default=None)

    def advance(self, t: int) -> Iterable[Signal]:
        """Tells what is due, in the daytime."""
        signals: list[Signal] = []
        outage = self._outage
        if outage.back_due is not None and outage.back_due <= t:
            signals += self._mains_stable(t)
        elif outage.back_due is None and outage.say_due is not None and outage.say_due <= t:
            signals += self._announce(t)
        for matter in [m for m, due in self._waiting.items() if due <= t]:
            if self._quiet.night(t):
                self._waiting[matter] = self._quiet.morning(t)
                continue
            del self._waiting[matter]
            self._told[matter] = t
            signals += self._tell(matter, t)
        return signals

    def _announce(self, t: int) -> Iterable[Signal]:
        """V12 once at any hour (the lamp went out just now), then in the daytime only."""
        outage = self._outage
        if outage.said and self._quiet.night(t):
            outage.say_due = self._quiet.morning(t)
            return NOTHING
        outage.say_due, outage.said = t + self._quiet.parameters.ms("upkeep.mains_repeat_h"), True
        return (Spoken("V12", t),)

    def gap(self, start: int, end: int) -> None:
        """The gateway was off: whether there was mains meanwhile nobody knows."""
        self._outage.gap(end - start)
        self._plan_mains(end)

    def _tell(self, matter: str, t: int) -> Iterable[Signal]:
        template, device = matter.partition(":")[0], _device(matter)
        params: dict[str, Any] = {"ref": NO_ALARM}
        if device:
            params["device"] = device
        if matter == _MAINS_GONE:
            self._outage.told = True
            params["mins"] = min(9999, self._outage.minutes(t))
        lines: list[Signal] = [Line(c.id, template, t, params) for c in self._menders()]
        return [*lines, Spoken("V14", t, {"device": device})] if template == _BATTERY else lines

    def _menders(self) -> list[Contact]:
        """The first contact, one who reads if any does, and whoever has a key; each only with the consent for it."""
        family, village = self._home.consented("NOTIFY_FAMILY"), self._home.consented("NOTIFY_VILLAGE")
        able = [
            c
            for c in self._home.contacts
            if (c.reads or "call" in c.channels) and (village if c.kind == "village_liaison" else family)
        ]
        first = next((c for c in able if c.reads), able[0] if able else None)
        return [c for c in able if c is first or c.can_enter]

    def to_json(self) -> dict[str, Any]:
        """Mains, what waits and what was told."""
        return {
            **self._outage.to_json(),
            "waiting": dict(self._waiting),
            "told": dict(self._told),
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._outage.from_json(data)
        self._waiting = {str(m): int(t) for m, t in data["waiting"].items()}
        self._told = {str(m): int(t) for m, t in data["told"].items()}


def _device(matter: str) -> str:
    return matter.partition(":")[2]
