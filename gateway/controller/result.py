"""What the controller hands back: alarm events, actions and notices; and how a notice is told to the platform."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.actions import Action, Publish
from gateway.alarms.codes import CODES, Flow
from gateway.alarms.life import AlarmEvent
from gateway.home.model import HomeView
from gateway.rules.rule import Readiness
from gateway.rules.supervision import LIFE_SAFETY_TRIGGERS


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about the watching itself: a rule or device that cannot do its part, or can again."""

    code: str
    t: int
    kind: str  # "rule", "device" or "subject"
    subject: str
    status: str
    reason: str


@dataclass(slots=True)
class Result:
    """What came of it: alarm events (already applied), actions to carry out once durable, notices."""

    events: list[AlarmEvent] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.events or self.actions or self.notices)


def message(notice: Notice, at: str, home: HomeView) -> Publish:
    """The event the platform is sent of a notice; `at` is its moment in ISO UTC."""
    severity = CODES[notice.code].severity.value
    device = home.devices.get(notice.subject)
    if notice.code == "DEVICE_LOST" and device is not None and device.kind in LIFE_SAFETY_TRIGGERS:
        severity = "P2"  # life-safety trigger (domain 4.2, T-24)
    restored = notice.status not in ("LOST", "RAISED", Readiness.UNAVAILABLE.value)
    body = {
        "at": at,
        "test": CODES[notice.code].flow is Flow.TEST,
        "code": notice.code,
        "severity": severity,
        "state": "CLOSED" if restored else "RAISED",
        notice.kind: notice.subject,
        "reason": notice.reason,
    }
    key = f"n:{notice.code}:{notice.subject}:{notice.status}:{notice.t}"
    return Publish(key, "event", body, severity)
