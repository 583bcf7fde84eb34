"""An alarm's lines as a story: when it began, who answered, how it ended, and what is still to be followed up.

Pure. `Summary` comes from the marks alone (a list of 100,000 must not parse JSON), `Incident` from all lines of one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from gateway.alarms.life import ENDED, State
from gateway.alarms.words import explain
from gateway.clock import iso
from gateway.incidents.chain import Read

FOLLOW_UP_DAYS: Final = 7
"""Domain 1.4 and question 9: the plan names no interval; the home's setting `record.follow_up_days` is another."""


class FollowUpKind(StrEnum):
    """What is looked at again after an incident (跟踪回访, J-4(3))."""

    HAZARD_REMOVAL = "HAZARD_REMOVAL"  # 风险隐患排除情况
    URGENT_NEED_RELIEF = "URGENT_NEED_RELIEF"  # 急需困难缓解情况
    REFERRAL_FULFILMENT = "REFERRAL_FULFILMENT"  # 转介服务落实情况


_KINDS: Final = frozenset(kind.value for kind in FollowUpKind)
_DUE_AFTER: Final[dict[str, tuple[FollowUpKind, ...]]] = {
    "HELPED": (FollowUpKind.URGENT_NEED_RELIEF,),
    "HOSPITALISED": (FollowUpKind.URGENT_NEED_RELIEF,),
    "REFERRED": (FollowUpKind.REFERRAL_FULFILMENT,),
}
_HAZARDS: Final = frozenset({"SMOKE", "HEAT_FIRE", "GAS", "CO", "FLOOD", "STOVE_ON"})
"""After one of these, whatever the outcome but a test, somebody looks whether the hazard is gone."""
_NO_FOLLOW_UP: Final = frozenset({"TEST", "DECEASED"})


@dataclass(slots=True)
class Summary:
    """One incident in a list. Times are UTC ms of the wall clock as it stood then; None: not yet."""

    epoch: str
    alarm: int
    code: str = "?"
    severity: str = "?"
    state: str = "?"
    outcome: str | None = None
    opened_ms: int = 0
    accepted_ms: int | None = None
    closed_ms: int | None = None

    @property
    def open(self) -> bool:
        """Whether somebody still has to do something about it."""
        return self.state not in {s.value for s in ENDED}


_DETECTED, _ACCEPTED, _CLOSED = (
    State.DETECTED.value,
    State.ACCEPTED.value,
    State.CLOSED.value,
)  # plain text compares fast


TIMED: Final = frozenset({_DETECTED, _ACCEPTED, _CLOSED})
"""States that leave more in a list than themselves."""


def apply_change(summary: Summary, state: str, more: str, wall_ms: int | bytes) -> None:
    """Takes in one mark (`chain`) that was read: the state, and what was said with it. `wall_ms` may be its digits."""
    summary.state = state
    if state == _DETECTED:
        summary.code, _, summary.severity = more.partition(":")
    elif state == _ACCEPTED and summary.accepted_ms is None:
        summary.accepted_ms = int(wall_ms)
    elif state == _CLOSED:
        summary.closed_ms, summary.outcome = int(wall_ms), more or None


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One thing to look at again. `result` None: not done yet."""

    kind: FollowUpKind
    due_on: str  # date, YYYY-MM-DD
    result: str | None = None
    by: str | None = None
    at: str | None = None

    @property
    def open(self) -> bool:
        """Whether somebody still has to look: nobody did, or who did found it not yet settled."""
        return self.result in (None, "NOT_YET")


@dataclass(slots=True)
class Incident:
    """Everything on record about one alarm."""

    summary: Summary
    device: str | None = None
    room: str | None = None
    reason: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)
    trust: str = "NONE"
    accepted_by: str | None = None
    attended_by: str | None = None
    closed_by: str | None = None
    emergency_call: dict[str, Any] | None = None
    follow_ups: list[FollowUp] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The whole record, for programs. Ids of contacts and devices; no name and no number."""
        s = self.summary
        return {
            "incident": s.alarm,
            "epoch": s.epoch,
            "code": s.code,
            "severity": s.severity,
            "state": s.state,
            "outcome": s.outcome,
            "opened_at": iso(s.opened_ms),
            "accepted_at": None if s.accepted_ms is None else iso(s.accepted_ms),
            "closed_at": None if s.closed_ms is None else iso(s.closed_ms),
            "clock_trust": self.trust,
            "device": self.device,
            "room": self.room,
            "reason": self.reason,
            "evidence": self.evidence,
            "why": explain(s.code, self.evidence),
            "accepted_by": self.accepted_by,
            "attended_by": self.attended_by,
            "closed_by": self.closed_by,
            "emergency_call": self.emergency_call,
            "follow_ups": [
                {"kind": f.kind.value, "due_on": f.due_on, "result": f.result, "by": f.by, "at": f.at}
                for f in self.follow_ups
            ],
            "lines": self.lines,
        }


def incident(alarm: int, epoch: str, lines: Iterable[Read], follow_up_days: int = FOLLOW_UP_DAYS) -> Incident | None:
    """The story of one alarm from its lines; None if nothing is on record."""
    made: Incident | None = None
    marked = f"{alarm}="
    for wall_ms, marks, body in lines:
        if made is None:
            made = Incident(Summary(epoch, alarm, opened_ms=wall_ms), trust=str(body.get("trust")))
        for mark in marks:
            if mark.startswith(marked):
                state, _, more = mark[len(marked) :].partition(":")
                apply_change(made.summary, state, more, wall_ms)
        _tell(made, body)
        made.lines.append(body)
    if made is not None:
        made.follow_ups = follow_ups_of(made.summary, made.lines, follow_up_days)
    return made


def _tell(made: Incident, body: dict[str, Any]) -> None:
    number, there = made.summary.alarm, False
    for event in body.get("decided", ()):
        if event.get("alarm") != number:
            continue
        if event.get("what") == "opened":
            made.device, made.room = event.get("device"), event.get("room")
            made.reason, made.evidence = str(event.get("reason")), event.get("evidence") or {}
        elif "evidence" in event:  # one fall that turned out worse
            made.evidence = event["evidence"]
        if "code" in event:
            made.summary.code, made.summary.severity = str(event["code"]), str(event.get("severity"))
        if event.get("state") == State.ACCEPTED:
            made.accepted_by = event.get("accepted_by")
        there = there or event.get("state") == State.ATTENDED
    seen = body.get("seen", {})
    value = seen.get("value")
    if not isinstance(value, dict):
        return
    if there and seen.get("kind") == "reply":
        made.attended_by = made.attended_by or str(value.get("contact"))
    if isinstance(value.get("emergency_call"), dict):
        made.emergency_call = value["emergency_call"]
    if seen.get("kind") == "visit" and value.get("event", "arrived") == "arrived":
        made.attended_by = made.attended_by or str(value.get("by"))
    stage = value.get("stage")
    if stage == "ATTENDED":
        made.attended_by = made.attended_by or str(value.get("by"))
    elif stage == "CLOSED":
        made.closed_by = str(value.get("by"))


# ---- follow-ups


def follow_ups_of(summary: Summary, lines: Iterable[dict[str, Any]], days: int) -> list[FollowUp]:
    """What is to be looked at again after this incident, and what `lines` say was found; due `days` after its end."""
    done = {row["kind"]: row for row in _results(lines)}
    due = due_kinds(summary)
    closed = summary.closed_ms or summary.opened_ms
    on = (datetime.fromisoformat(iso(closed)) + timedelta(days=days)).date().isoformat()
    kinds = (*due, *(FollowUpKind(k) for k in done if k not in due))
    rows = [(kind, done.get(kind.value, {})) for kind in kinds]
    return [FollowUp(kind, on, row.get("result"), row.get("by"), row.get("at")) for kind, row in rows]


def due_kinds(summary: Summary) -> tuple[FollowUpKind, ...]:
    """What has to be looked at again once this incident is closed."""
    if summary.state != State.CLOSED or summary.outcome in _NO_FOLLOW_UP or summary.outcome is None:
        return ()
    hazard = (FollowUpKind.HAZARD_REMOVAL,) if summary.code in _HAZARDS else ()
    return (*hazard, *_DUE_AFTER.get(summary.outcome, ()))


def _results(lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for body in lines:
        value = body.get("seen", {}).get("value")
        if isinstance(value, dict) and value.get("event") == "follow_up" and str(value.get("kind")) in _KINDS:
            result, by = (None if value.get(name) is None else str(value[name]) for name in ("result", "by"))
            found.append({"kind": str(value["kind"]), "result": result, "by": by, "at": body.get("at")})
    return found
