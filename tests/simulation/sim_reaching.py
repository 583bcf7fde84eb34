"""Reaching contacts, as an onlooker judges it: each fact once, nothing without consent, the telephone as agreed."""

from __future__ import annotations

from typing import Final

from sim_folds import Judging, looks_at
from sim_history import Decided, History, Violation, Woke

from gateway.actions import Call, Text
from gateway.home.model import HomeView
from gateway.observations import Kind

FACTS: Final = frozenset({"S10", "S11", "S12", "S18", "S21", "S25", "S-area"})
MOST_CALLS: Final = 2  # one call, one redial, each time a contact is asked


@looks_at(Decided, Woke)
def each_fact_is_told_once(_: History) -> Judging:
    """A contact hears each fact once per state. What a crash took back may be decided again."""
    found: list[Violation] = []
    keys: set[str] = set()
    facts: set[tuple[int, str, str, int, bool]] = set()
    while (seen := (yield)) is not None:
        item, alarms = seen
        if isinstance(item, Woke):
            keys.clear()
            facts.clear()
        if not isinstance(item, Decided):
            continue
        for action in item.actions:
            if not isinstance(action, (Text, Call)) or action.alarm is None:
                continue
            if action.key in keys:
                found.append(Violation("once", f"{action.key} is decided twice", item.true_ms))
            keys.add(action.key)
            if isinstance(action, Text) and action.template in FACTS:
                answers = ":once" in action.key  # to a late "1" it is said once more that somebody goes
                fact = (action.alarm, action.contact, action.template, alarms[action.alarm].moved_t, answers)
                if fact in facts:
                    found.append(Violation("once", f"{action.key}: told in this state already", item.true_ms))
                facts.add(fact)
    return found


def _agreed(home: HomeView, contact: str, severity: str) -> bool:
    listed = next((c for c in home.contacts if c.id == contact), None)
    if listed is None:
        return False
    purpose = "NOTIFY_VILLAGE" if listed.kind == "village_liaison" else "NOTIFY_FAMILY"
    return severity in ("P0", "P1") or home.consents.get(purpose, False)


@looks_at(Decided)
def nothing_leaves_without_consent(_: History) -> Judging:
    """(viii) Nothing goes to a contact without the consent for it, an open life-safety alarm excepted."""
    found: list[Violation] = []
    while (seen := (yield)) is not None:
        item, _ = seen
        if not isinstance(item, Decided):
            continue
        for action in item.actions:
            if isinstance(action, (Text, Call)) and not _agreed(item.home, action.contact, action.severity):
                found.append(Violation("viii consent", f"{action.key} goes to {action.contact}", item.true_ms))
    return found


@looks_at(Decided, Woke)
def the_telephone_is_used_as_agreed(_: History) -> Judging:
    """A landline takes no texts; nobody is rung who gave no number to call, nor more than twice each time asked."""
    found: list[Violation] = []
    rung: dict[tuple[int, str], int] = {}
    while (seen := (yield)) is not None:
        item, _ = seen
        if isinstance(item, Woke):
            rung.clear()
        if not isinstance(item, Decided):
            continue
        for event in item.events:
            if event.what in ("told", "moved", "reminded", "pressed"):
                rung = {k: n for k, n in rung.items() if k[0] != event.alarm}
        ways = {c.id: c.channels for c in item.home.contacts}
        for action in item.actions:
            if isinstance(action, Text) and "sms" not in ways.get(action.contact, ()):
                found.append(Violation("phone", f"{action.key} is texted to a landline", item.true_ms))
            if isinstance(action, Call):
                asked = (action.alarm or 0, action.contact)
                rung[asked] = rung.get(asked, 0) + (action.alarm is not None)  # a line to a landline is one call
                if "call" not in ways.get(action.contact, ()) or rung[asked] > MOST_CALLS:
                    said = f"{action.key} by {item.observation.kind.value}"
                    found.append(Violation("phone", said, item.true_ms))
                if item.observation.kind is Kind.DELIVERY and item.observation.value.get("result") == "answered":
                    found.append(Violation("phone", f"{action.key}: redialled after an answer", item.true_ms))
    return found
