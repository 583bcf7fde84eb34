"""报平安: the green key every morning before an agreed hour; a miss is asked about (WELFARE_MISSED, domain 3.2).

Optional: off until the home sets its hour. The window opens early, the home reminds once ("早上好"), the key is thanked
and told as OK_REPORTED; at the hour the question is asked, and whoever is seen then is well. A day nobody could press
on (the power was cut over the hour, the key is lost, nobody is at home, no clock is trusted) is let pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.asking import AskingRule
from gateway.rules.call_button import green_key
from gateway.rules.civil import CivilTime
from gateway.rules.declared import Declared
from gateway.rules.household import Sign
from gateway.rules.rule import NOTHING, Finding, Note, Readiness, Signal, Spoken, Status
from gateway.rules.schedule import Daily, of_a_wrong_clock

GOOD_MORNING: Final = "V19"
THANKS: Final = "V20"


class Welfare(AskingRule):
    """Opens the window of the day, hears the key, and asks when it closes."""

    name = "welfare"
    declared = Declared(
        "the green key every morning by an agreed hour",
        needs=("a button of role ok or service", "welfare.by_h above 0"),
        says=("WELFARE_MISSED", "OK_REPORTED"),
        parameters=("away.max_h", "welfare.*"),
        consent="MONITORING",
        clock=True,
    )
    code = "WELFARE_MISSED"

    def __init__(self, civil: CivilTime) -> None:
        super().__init__(civil)
        self._keys: frozenset[str] = frozenset()
        self._opens = self._closes = Daily(0)
        self._remind = 0
        self._day: int | None = None  # of the open window
        self._reminded = False
        self._done: int | None = None  # the last day that is over: pressed, asked about or let pass

    def _set_up(self, home: HomeView, parameters: Parameters, t: int) -> Status | None:
        self._keys = frozenset(
            d.id for d in home.devices.values() if d.kind == "button" and d.role in ("ok", "service")
        )
        before = self._closes
        self._opens = Daily(round(parameters["welfare.from_h"] * 60))
        self._closes = Daily(round(parameters["welfare.by_h"] * 60))
        self._remind = parameters.ms("welfare.remind_min")
        if before != self._closes:  # set after its hour: it begins tomorrow
            self._day = None
            self._let_pass(t)
        if parameters["welfare.by_h"] <= 0 or self._closes.minute <= self._opens.minute:
            return Status(Readiness.OFF, "setting")
        return None if self._keys else Status(Readiness.OFF, "no_green_key")

    def _needed(self) -> Set[str]:
        return self._keys if self._keys <= self._household.lost else frozenset()

    def _blind(self) -> Status | None:
        return None if self._civil.trusted(self._t) else Status(Readiness.OFF, "clock")

    @property
    def waiting(self) -> bool:
        """While the window is open the green key reports well and asks for nothing."""
        return self._day is not None

    # ---- the day

    def _let_pass(self, t: int) -> None:
        """Today's hour is over and nobody was to press by it."""
        if self._civil.trusted(t) and t >= self._civil.at(self._civil.day(t), self._closes.minute * 60_000):
            today = self._civil.day(t)
            ahead = self._done is not None and of_a_wrong_clock(self._done, today)
            self._done = today if self._done is None or ahead else max(self._done, today)

    def _take(self, observation: Observation, sign: Sign | None) -> Iterable[Signal]:
        t = observation.t
        if observation.kind is Kind.CLOCK and self._day is None:
            self._let_pass(t)  # a clock that is set over the hour misses nobody (invariant v)
        if self._day is None or not green_key(self._home, observation):
            return NOTHING
        self._over()
        return (Spoken(THANKS, t), Note("OK_REPORTED", t, "morning"))

    def _over(self) -> None:
        self._done, self._day = self._day, None

    def _due(self) -> int | None:
        if self._day is None:
            return self._opens.due(self._civil, self._t, self._done)
        closes = self._civil.at(self._day, self._closes.minute * 60_000)
        return closes if self._reminded or not self._remind else closes - self._remind

    def _judge(self, due: int) -> Iterable[Signal]:
        if self._day is None:
            self._day, self._reminded = self._civil.day(due), False
            return NOTHING
        if self._remind and not self._reminded:
            self._reminded = True
            return (Spoken(GOOD_MORNING, due),)
        self._over()
        return (Finding(self.code, due, "no_ok_report", None, {"by": f"{self._closes.minute // 60:02d}:"
                                                              f"{self._closes.minute % 60:02d}"}),)  # fmt: skip

    # ---- days that do not count

    def _run(self, t: int) -> None:
        self._let_pass(t)
        opens = self._opens.due(self._civil, t, self._done)
        if opens is not None and opens <= t:
            self._day, self._reminded = self._civil.day(opens), False

    def _begin_anew(self, t: int) -> None:
        self._let_pass(t)  # who answers at noon what was asked yesterday is not asked for this morning

    def _stand(self, t: int) -> None:
        self._day = None

    def _skip(self, start: int, end: int) -> None:
        if self._day is not None and end >= self._civil.at(self._day, self._closes.minute * 60_000):
            self._over()
        elif self._day is None:
            self._let_pass(end)

    def _state(self) -> dict[str, Any]:
        return {"day": self._day, "reminded": self._reminded, "done": self._done}

    def _restore(self, data: dict[str, Any]) -> None:
        self._day = None if data["day"] is None else int(data["day"])
        self._reminded = bool(data["reminded"])
        self._done = None if data["done"] is None else int(data["done"])
