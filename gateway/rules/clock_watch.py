"""A clock nobody vouches for (CLOCK_UNSYNCED, T-34): told after ten minutes without any, or a week without a network's.

Durations do not need it; the hour of the day, the visits' calendar and every stamp people read do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.civil import CivilTime
from gateway.rules.declared import Declared
from gateway.rules.rule import NOTHING, PlainRule, Signal, Technical

CODE: Final = "CLOCK_UNSYNCED"
SYNCED: Final = frozenset({"NTP", "GNSS"})


class ClockWatch(PlainRule):
    """Counts how long the clock has run without a source that corrects it."""

    name = "clock_watch"
    hears = frozenset({Kind.CLOCK})
    declared = Declared(
        "a clock nobody vouches for",
        needs=("the runtime's word on the clock",),
        says=("CLOCK_UNSYNCED",),
        parameters=("clock.*",),
    )

    def __init__(self, civil: CivilTime) -> None:
        self._civil = civil
        self._limits = {"NONE": 0, "": 0}
        self._trust = ""
        self._since: int | None = None  # of this want of trust; None: synced
        self._told = False

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """The times in force."""
        self._limits = {"NONE": parameters.ms("clock.unsynced_min"), "": parameters.ms("clock.free_running_h")}
        return self._look(t)

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """Only the clock's own word changes anything."""
        return self._look(observation.t) if observation.kind is Kind.CLOCK else NOTHING

    def _look(self, t: int) -> Iterable[Signal]:
        if self._civil.trust in SYNCED:
            told, self._since, self._told, self._trust = self._told, None, False, self._civil.trust
            return (Technical(CODE, "", False, "synced"),) if told else NOTHING
        if self._since is None or (self._trust == "NONE") != (self._civil.trust == "NONE"):
            self._since = t
        self._trust = self._civil.trust
        return NOTHING

    def next_due(self) -> int | None:
        """When it is to be told."""
        if self._since is None or self._told:
            return None
        return self._since + self._limits["NONE" if self._trust == "NONE" else ""]

    def advance(self, t: int) -> Iterable[Signal]:
        """Tells it once."""
        due = self.next_due()
        if due is None or due > t:
            return NOTHING
        self._told = True
        return (Technical(CODE, "", True, "no_clock" if self._trust == "NONE" else "free_running"),)

    def conditions(self) -> Iterable[tuple[str, str]]:
        """The clock, once it was told."""
        return ((CODE, ""),) if self._told else ()

    def to_json(self) -> dict[str, Any]:
        """Since when, and whether it was told."""
        return {"trust": self._trust, "since": self._since, "told": self._told}

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._trust, self._told = str(data["trust"]), bool(data["told"])
        self._since = None if data["since"] is None else int(data["since"])
