"""What each rule says of itself, in one shape for the control socket, a snapshot and a recording."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.observations import bounded
from gateway.rules.rule import Rule, Status


def report(rules: Iterable[Rule], statuses: Mapping[str, Status]) -> list[dict[str, Any]]:
    """One row a rule, in the order they are asked: name, status, reason, learned."""
    rows = []
    for rule in rules:
        status = statuses[rule.name]
        row = {"rule": rule.name, "status": status.readiness.value, "reason": status.reason}
        rows.append(row | {"learned": {} if status.reason == "fault" else _learned(rule)})
    return rows


def _learned(rule: Rule) -> dict[str, Any]:
    """Of JSON and modest size, or nothing: a picture must not cost the one who asks a broken answer."""
    learned = rule.learned()
    return learned if bounded(learned) else {}
