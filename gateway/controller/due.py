"""When the rules have something to do, asked of as few of them as possible.

Keeps for each rule a moment before which it has nothing to do: a bound, never later than its `next_due`. A bound that
is too early costs a question; one that is too late would lose an alarm. So what is known of a rule is forgotten with
everything that may bring its moment forward: an observation it heard (unless the rule says of itself that this one did
not: `Rule.sooner`), its own `advance`, and whatever else the controller tells rules (`anew`). A bound that time has
reached is asked about again, so what moved back is found out then, and not with every observation that moved it.

Knows nothing of alarms and their timers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from math import inf
from typing import Final

from gateway.rules.rule import PlainRule, Rule

NEVER: Final = inf


class Dues:
    """The bounds of those rules that can ever have something due. `out` are the names of rules out of service."""

    def __init__(self, rules: Sequence[Rule], out: Collection[str]) -> None:
        self._rules = tuple(rule for rule in rules if _has_timers(rule))
        self._out = out
        self._bounds: list[float] = []
        self.floor: float = -inf
        """No rule has anything to do before; never later than the first of them."""
        self.anew()

    def place(self, rule: Rule) -> int | None:
        """Where `heard` finds this rule; None for one that never has anything due."""
        return self._rules.index(rule) if rule in self._rules else None

    def anew(self) -> None:
        """Whatever was known of any rule holds no more."""
        self._bounds = [-inf] * len(self._rules)
        self.floor = -inf

    def heard(self, place: int) -> None:
        """The rule of this place was told something that may have brought its moment forward."""
        due = self._asked(place)
        self._bounds[place] = due
        if due < self.floor:
            self.floor = due

    def within(self, limit: int) -> float:
        """The first moment of all if that is not after `limit`; else any that is."""
        if self.floor > limit:
            return self.floor
        bounds = self._bounds
        for place, bound in enumerate(bounds):
            if bound <= limit:
                bounds[place] = self._asked(place)
        self.floor = min(bounds, default=NEVER)
        return self.floor

    def first(self) -> float:
        """The first moment of all, or `NEVER`."""
        bounds = self._bounds
        while (least := min(bounds, default=NEVER)) < NEVER:
            place = bounds.index(least)
            bounds[place] = self._asked(place)
            if bounds[place] == least:
                break
        self.floor = least
        return least

    def ripe(self, t: int) -> Iterator[Rule]:
        """The rules that have something to do by `t`, in their order; each is taken to have done it when the next is
        asked for, and what that one says may make others ripe or take their turn from them."""
        for place, rule in enumerate(self._rules):
            if self._bounds[place] > t:
                continue
            due = self._bounds[place] = self._asked(place)
            if due <= t:
                yield rule
                self._bounds[place] = self.floor = -inf

    def too_late(self) -> list[str]:
        """The rules whose bound is later than what they say themselves: an alarm lost. For tests; always empty."""
        named = ((rule.name, self._bounds[place], self._asked(place)) for place, rule in enumerate(self._rules))
        late = [f"{name}: {bound} instead of {due}" for name, bound, due in named if bound > due]
        return late if self.floor <= min(self._bounds, default=NEVER) else [*late, f"floor: {self.floor}"]

    def _asked(self, place: int) -> float:
        rule = self._rules[place]
        if self._out and rule.name in self._out:
            return NEVER
        due = rule.next_due()
        return NEVER if due is None else due


def _has_timers(rule: Rule) -> bool:
    """Whether it can ever have anything due."""
    return getattr(type(rule), "next_due", None) is not PlainRule.next_due
