"""What the daily summary says that other rules know: what is on, readiness, the day against the usual ones, visits
(domain 5.2); and what it may not say any more, for a consent withdrawn today holds for what was counted before (5.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.rules.rule import Readiness, Rule, Status
from gateway.visits.ledger import Assessment

Conditions = Iterable[tuple[str, str]]
Asked = Callable[[Rule, Callable[[], Conditions]], Conditions | None]
"""How a rule is asked, that its fault costs nothing but its own answer."""
MAX_CONDITIONS: Final = 40
"""Named in a summary; with ids of 64 characters some 4 KiB, of the 8 a message may have."""


def more(
    activity: dict[str, Any] | None, visits: Mapping[str, Assessment] | None, statuses: Mapping[str, Status]
) -> dict[str, Any]:
    """Each block only where there is something to say, and the consent to say it; none of a rule out of service."""
    made: dict[str, Any] = {"rules": _rules(statuses)}
    if activity is not None:
        made["activity"] = activity
    if visits:
        made["visits"] = [
            {
                "elder": elder,
                "state": row.state.value,
                "on_site_done": row.on_site_done,
                "remote_contacts": row.remote_contacts,
                "next_due_on": row.next_due_on.isoformat(),
                "overdue_days": row.overdue_days,
                "ledger_review_due": row.review_due.isoformat(),
            }
            for elder, row in visits.items()
        ]
    return made


def conditions(rules: Iterable[Rule], home: HomeView, asked: Asked) -> dict[str, Any]:
    """What is on now, as the rules know it that tell of it: nothing that began before an update is forgotten."""
    told = [asked(rule, rule.conditions) or () for rule in rules if _granted(rule, home)]
    on = sorted({what for whats in told for what in whats})
    return {"conditions": [list(what) for what in on[:MAX_CONDITIONS]], "conditions_n": len(on)}


def agreed(alarms: Mapping[str, int], rules: Iterable[Rule], home: HomeView) -> dict[str, int]:
    """Of the alarms by code those that may be told of now: some rule that finds them needs no consent, or has its own.

    What no rule finds alone (a service call, duress, a test) is always told of.
    """
    finds: dict[str, bool] = {}  # code -> whether anybody may find it now
    for rule in rules:
        finds.update((code, _granted(rule, home) or finds.get(code, False)) for code in rule.declared.says)
    return {code: n for code, n in alarms.items() if finds.get(code, True)}


def _granted(rule: Rule, home: HomeView) -> bool:
    return not rule.declared.consent or home.consented(rule.declared.consent)


def _rules(statuses: Mapping[str, Status]) -> dict[str, Any]:
    """ "No alarm" is worth as much as what was armed to find one."""
    counts = {word: sum(s.readiness is word for s in statuses.values()) for word in Readiness}
    unavailable = {name: s.reason for name, s in statuses.items() if s.readiness is Readiness.UNAVAILABLE}
    return {word.value.lower(): n for word, n in counts.items()} | {"unavailable": unavailable}
