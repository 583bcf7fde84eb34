"""Which rules can do their work: a rule that cannot says so, and when it can again (T-27).

A rule that raised is out of service until the next start: our fault, and not the next rule's (A23).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.controller.result import Notice
from gateway.rules.call_button import CallButton
from gateway.rules.rule import Readiness, Rule, Status

MAX_FAULT_CHARS: Final = 200
_FAULT: Final = Status(Readiness.UNAVAILABLE, "fault")


class Standing:
    """How each rule stands, against how it stood when that was last looked at."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self.faults: dict[str, str] = {}  # of rules that raised
        self._told: dict[str, Status] = {}

    def is_out(self, rule: Rule) -> bool:
        """Whether a rule is out of service; who makes a call of a press never is."""
        return rule.name in self.faults and rule.name != CallButton.name

    def put_out(self, rule: Rule, error: Exception) -> bool:
        """This rule raised; returns whether that is news."""
        if rule.name in self.faults:
            return False
        self.faults[rule.name] = f"{type(error).__name__}: {error}"[:MAX_FAULT_CHARS]
        return True

    def changed(self, t: int) -> list[Notice]:
        """What is to be told at `t` of rules that have become unable, or able again, since the last look."""
        notices = []
        told, faults = self._told, self.faults
        for rule in self._rules:
            name = rule.name
            status = rule.status() if not faults or name not in faults else _FAULT
            before = told.get(name)
            if before == status:
                continue
            told[name] = status
            if before is not None and Readiness.UNAVAILABLE in (before.readiness, status.readiness):
                notices.append(Notice("RULE_UNAVAILABLE", t, "rule", name, status.readiness.value, status.reason))
        return notices

    def now(self) -> dict[str, Status]:
        """Each rule's readiness and why, for people and the heartbeat."""
        return {rule.name: _FAULT if rule.name in self.faults else rule.status() for rule in self._rules}

    def told(self) -> dict[str, Status]:
        """How each rule stood when that was last looked at: what has changed since is news still to be told."""
        return dict(self._told)

    def settle(self, told: Mapping[str, Status]) -> None:
        """`told` is what was known of the rules; else how things stand now is the norm and no news."""
        self._told = {name: told.get(name, status) for name, status in self.now().items()}
