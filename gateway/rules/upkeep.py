"""What the household can mend: no mains, a low battery, a lost call button (domain 4.1 P3, T-18 to T-20).

Told in the daytime only, to the first contact and to whoever has a key, at most once per device and matter a week; the
platform has known at once. Announces the mains at home. No alarm comes of it.
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
from gateway.rules.rule import NOTHING, Line, PlainRule, Signal, Spoken, Technical

LIFE_SAFETY: Final = frozenset({"button", "wearable", "smoke", "gas", "co", "heat"})
NO_ALARM: Final = "00"  # the reference of a text that nobody is asked to answer
_MAINS_GONE, _MAINS_BACK, _LOST, _BATTERY = "S13", "S14", "S15", "S16"
_OF: Final = {"DEVICE_LOST": _LOST, "DEVICE_BATTERY_LOW": _BATTERY}


class Upkeep(PlainRule):
    """Keeps what waits to be told, and when each matter was told last."""

    name = "upkeep"
    hears = frozenset[Kind]()
    declared = Declared(
        "what the household can mend is told in the daytime: mains, batteries, a lost button",
        needs=("technical conditions; a contact",),
        parameters=("upkeep.*",),
    )

    def __init__(self, civil: CivilTime) -> None:
        self._home = HomeView()
        self._quiet = Quiet(civil)
        self._mains: int | None = None  # since when it is gone
        self._mains_told = self._mains_said = False
        self._say: int | None = None
        self._waiting: dict[str, int] = {}  # "S15:pendant" -> when it is to be told
        self._told: dict[str, int] = {}

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """The home and the numbers in force; devices that are gone need no battery."""
        self._home, self._quiet.parameters = home, parameters
        gone = [m for m in (*self._waiting, *self._told) if (d := _device(m)) and d not in home.devices]
        for matter in gone:
            self._waiting.pop(matter, None)
            self._told.pop(matter, None)
        return NOTHING

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """Hears of conditions, not of readings (`changed`)."""
        return NOTHING

    def changed(self, signal: Technical, t: int) -> Iterable[Signal]:
        """A technical condition began or ended."""
        if signal.code == "MAINS_FAIL":
            return self._mains_gone(t) if signal.on else self._mains_back(t)
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

    def _mains_gone(self, t: int) -> Iterable[Signal]:
        ms = self._quiet.parameters.ms
        self._mains, self._mains_told = t, False
        believed_after = ms("technical.mains_fail_s") + ms("technical.mains_jitter_s")
        self._say = t + max(0, ms("upkeep.mains_say_s") - believed_after)
        self._waiting.pop(f"{_MAINS_BACK}:", None)
        self._wait(f"{_MAINS_GONE}:", t + ms("upkeep.mains_min"))
        return NOTHING

    def _mains_back(self, t: int) -> Iterable[Signal]:
        self._mains = self._say = None
        self._waiting.pop(f"{_MAINS_GONE}:", None)
        if self._mains_told:
            self._waiting[f"{_MAINS_BACK}:"] = t  # it was stable for a while before it is believed (T-20)
        said, self._mains_said = self._mains_said, False
        return (Spoken("V13", t),) if said else NOTHING

    # ---- time

    def next_due(self) -> int | None:
        """When something is to be told or said."""
        times = [*self._waiting.values(), *([self._say] if self._say is not None else [])]
        return min(times, default=None)

    def advance(self, t: int) -> Iterable[Signal]:
        """Tells what is due, in the daytime."""
        signals: list[Signal] = []
        if self._say is not None and self._say <= t:
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
        if self._mains_said and self._quiet.night(t):
            self._say = self._quiet.morning(t)
            return NOTHING
        self._say, self._mains_said = t + self._quiet.parameters.ms("upkeep.mains_repeat_h"), True
        return (Spoken("V12", t),)

    def _tell(self, matter: str, t: int) -> Iterable[Signal]:
        template, device = matter.partition(":")[0], _device(matter)
        params: dict[str, Any] = {"ref": NO_ALARM}
        if device:
            params["device"] = device
        if template == _MAINS_GONE:
            self._mains_told = True
            params["mins"] = min(9999, (t - (self._mains or t)) // 60_000)
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
            "mains": self._mains,
            "mains_told": self._mains_told,
            "mains_said": self._mains_said,
            "say": self._say,
            "waiting": dict(self._waiting),
            "told": dict(self._told),
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._mains = None if data["mains"] is None else int(data["mains"])
        self._say = None if data["say"] is None else int(data["say"])
        self._mains_told, self._mains_said = data["mains_told"] is True, data["mains_said"] is True
        self._waiting = {str(m): int(t) for m, t in data["waiting"].items()}
        self._told = {str(m): int(t) for m, t in data["told"].items()}


def _device(matter: str) -> str:
    return matter.partition(":")[2]
