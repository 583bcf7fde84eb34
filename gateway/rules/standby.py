"""The gateway's own battery (T-22): low at 20 % or an hour, its last word at 5 %, and one that failed its check.

Says only what the supply says of itself: a gateway without a battery that can be asked has nothing to tell, and a
reading that is missing changes nothing. Low is believed after some minutes, since a gauge sags when the modem sends,
and ends only well above the limit. A battery that charges is still low until it could carry the home again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.declared import Declared
from gateway.rules.rule import NOTHING, PlainRule, Readiness, Signal, Status, Technical

LOW: Final = "GATEWAY_BATTERY_LOW"
FAIL: Final = "GATEWAY_BATTERY_FAIL"
LAST_WORD: Final = "last_gasp"
WELL_PCT: Final = 5.0
"""So far above a limit the battery is well again: a gauge swings by a few points between load and rest."""
WELL_TIME: Final = 1.5  # the same for the time left, which follows the load of the moment
LAST_MS: Final = 30_000
"""The last word is believed after this, not after minutes: there may be none left. Longer than one bad reading."""


class Standby(PlainRule):
    """Keeps the last reading of the supply, and what was said of the battery."""

    name = "standby"
    hears = frozenset({Kind.SUPPLY})
    declared = Declared(
        "the gateway's own battery: low, about to stop, failed",
        needs=("a battery of the gateway's own that the system can read ([power])",),
        says=(LOW, FAIL),
        parameters=("standby.*", "technical.battery_low_min"),
    )

    def __init__(self) -> None:
        self._low_pct, self._last_pct = 20.0, 5.0
        self._low_s = 3600.0
        self._patience = 0
        self._mains: bool | None = None
        self._percent: float | None = None
        self._left_s: float | None = None
        self._low_due: int | None = None  # low, but not yet for long enough
        self._last_due: int | None = None
        self._low = self._last = self._bad = False  # what was said

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """The limits in force; the last reading is judged by them anew."""
        self._low_pct, self._last_pct = parameters["standby.low_pct"], parameters["standby.last_pct"]
        self._low_s = parameters.ms("standby.low_min") / 1000
        self._patience = parameters.ms("technical.battery_low_min")
        return self._judge(t)

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """What the supply says; of what it does not say the last word holds, but for the time left."""
        if observation.kind is not Kind.SUPPLY:
            return NOTHING
        value = observation.value
        mains, percent, bad = value.get("mains"), value.get("percent"), value.get("bad")
        self._mains = self._mains if mains is None else mains
        self._percent = self._percent if percent is None else float(percent)
        self._left_s = value.get("left_s")
        return [*self._check(bad), *self._judge(observation.t)]

    def _check(self, bad: bool | None) -> Iterable[Signal]:
        if bad is None or bad == self._bad:
            return NOTHING
        self._bad = bad
        return (Technical(FAIL, "", bad, "battery_failed" if bad else "restored"),)

    def _judge(self, t: int) -> Iterable[Signal]:
        if self._above(self._last_pct, 0):
            self._last = False  # charged since: another cut has a last word of its own
        last = self._mains is False and self._below(self._last_pct, 0) and not self._last
        self._last_due = (self._last_due or t + LAST_MS) if last else None
        if self._below(self._low_pct, self._low_s):
            self._low_due = None if self._low else (self._low_due or t + self._patience)
        elif self._above(self._low_pct, self._low_s):
            self._low_due, said, self._low = None, self._low, False
            return (Technical(LOW, "", False, "charged"),) if said else NOTHING
        return NOTHING  # between the two: as it was

    def _below(self, percent: float, left_s: float) -> bool:
        """At a limit or under it. How long it would last is asked only while it is what the gateway runs on."""
        if self._percent is not None and self._percent <= percent:
            return True
        return self._mains is False and self._left_s is not None and self._left_s <= left_s

    def _above(self, percent: float, left_s: float) -> bool:
        """So far above a limit that a gauge's swing cannot bring it back."""
        return not self._below(percent + WELL_PCT, left_s * WELL_TIME)

    def next_due(self) -> int | None:
        """When a low battery is believed, or its last word is due."""
        return min((due for due in (self._low_due, self._last_due) if due is not None), default=None)

    def advance(self, t: int) -> Iterable[Signal]:
        """Says once that it is low, and once that it is about to stop."""
        if self._last_due is not None and self._last_due <= t:
            self._last_due = self._low_due = None
            self._low = self._last = True
            return (Technical(LOW, "", True, LAST_WORD),)
        if self._low_due is not None and self._low_due <= t:
            self._low_due, self._low = None, True
            return (Technical(LOW, "", True, "battery_low"),)
        return NOTHING

    def gap(self, start: int, end: int) -> None:
        """Nobody read the gauge meanwhile: what was waiting waits on, for a reading of now.

        A gateway that stopped, as it had said, has a last word again, however little it has charged since.
        """
        self._last = False
        slept = end - start
        self._low_due = None if self._low_due is None else self._low_due + slept
        self._last_due = None if self._last_due is None else self._last_due + slept

    def status(self) -> Status:
        """OFF where nothing can be asked of a battery."""
        return Status(Readiness.ARMED) if self._percent is not None else Status(Readiness.OFF, "no_battery")

    def learned(self) -> dict[str, Any]:
        """What the supply said last."""
        known = {"on_mains": self._mains, "percent": self._percent, "left_s": self._left_s}
        return {name: value for name, value in known.items() if value is not None}

    def conditions(self) -> Iterable[tuple[str, str]]:
        """What was said of the battery."""
        return [(code, "") for code, said in ((LOW, self._low), (FAIL, self._bad)) if said]

    def to_json(self) -> dict[str, Any]:
        """The last reading and what was said."""
        return {
            "reading": [self._mains, self._percent, self._left_s],
            "due": [self._low_due, self._last_due],
            "said": [self._low, self._last, self._bad],
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        mains, percent, left_s = data["reading"]
        self._mains = None if mains is None else mains is True
        self._percent = None if percent is None else float(percent)
        self._left_s = None if left_s is None else float(left_s)
        self._low_due, self._last_due = (None if due is None else int(due) for due in data["due"])
        self._low, self._last, self._bad = (said is True for said in data["said"])
