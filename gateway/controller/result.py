"""What the controller hands back: alarm events, actions and notices."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.actions import Action
from gateway.alarms.life import AlarmEvent


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
