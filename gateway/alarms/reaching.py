"""Reaching one contact: by which of their ways, with which words, and what the telephone made of it (domain 4.3, 4.4).

Rules this file keeps: a text, a push and a call go out side by side for P0 and P1, one redial after no answer or a busy
line; a push is never instead of the others and proves nothing; a landline takes no text; what is told late says so.
When the next contact is asked is the chain's to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from gateway.alarms.codes import CODES, Flow
from gateway.alarms.life import WAITING, Alarm
from gateway.alarms.record import Record, Timers
from gateway.alarms.telling import URGENT
from gateway.alarms.truth import LATE
from gateway.home.model import Contact

FAMILY: Final = "emergency_contact"
UNANSWERED_CALLS: Final = frozenset({"no_answer", "busy"})
CALL_RESULTS: Final = UNANSWERED_CALLS | {"answered", "rejected", "failed", "withdrawn"}
_REACHED: Final = frozenset({"answered", "withdrawn"})  # or did not need to be
_REDIAL: Final = "redial:"


class Reaching:
    """Texts and calls to contacts about one alarm."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._tell = record.tell

    def reach(self, alarm: Alarm, contact: Contact, t: int, tag: str, *, first: bool = True) -> None:
        """Tells a contact by every way they have. `first`: they have not heard of it yet."""
        if contact.reads:
            self.write(alarm, contact, t, tag, first=first)
        if self._rings(alarm, contact):
            self._tell.call(alarm, contact.id, tag)

    def write(self, alarm: Alarm, contact: Contact, t: int, tag: str, *, first: bool) -> None:
        """The same in writing alone, for who reads."""
        template, params = self._words(alarm, contact, t)
        self._tell.text(alarm, contact.id, template, tag, **params)
        if first and contact.distance == "other_city" and alarm.severity in URGENT:
            self._tell.text(alarm, contact.id, "S-area", "area")

    def remind(self, alarm: Alarm, contact: Contact, tag: str, template: str | None = None) -> None:
        """Tells who promised once more what it is about: by `template`, else in the alarm's own words."""
        if contact.reads:
            self._tell.text(alarm, contact.id, template or CODES[alarm.code].template, tag)
        if "sms" not in contact.channels:
            self._tell.call(alarm, contact.id, tag)

    def once(self, alarm: Alarm, to: str, template: str, t: int, **params: Any) -> None:
        """Texts a contact what they need hear only once, however often the reason for it returns."""
        fact = f"{template}:{to}"
        if fact not in alarm.heard:
            self._record.do(alarm, t, "informed", to, patch={"heard": [*alarm.heard, fact]})
            self._tell.text(alarm, to, template, f"once{t}", **params)

    def _rings(self, alarm: Alarm, contact: Contact) -> bool:
        if "call" not in contact.channels:
            return False
        return alarm.severity in URGENT or alarm.test or "sms" not in contact.channels

    def dialled(self, alarm: Alarm, contacts: Iterable[Contact]) -> dict[str, int]:
        """How often each was phoned once these are told."""
        return alarm.dialled | {c.id: 1 for c in contacts if self._rings(alarm, c)}

    def _words(self, alarm: Alarm, contact: Contact, t: int) -> tuple[str | None, dict[str, Any]]:
        """S18 for what is told long after, S09 for a hop that is not family; else the alarm's own."""
        now = max(t, self._record.not_before)
        date = self._tell.date(alarm.opened_t)
        if alarm.severity in URGENT and date is not None and now - t >= self._late_ms():
            return "S18", {"date": date}
        code, minutes = CODES[alarm.code], (now - alarm.opened_t) // 60_000
        hop = contact.kind != FAMILY and code.flow is not Flow.HAZARD and alarm.severity in URGENT
        if hop and minutes >= 1:
            return "S09", {"mins": min(minutes, 9999)}
        return code.template, {}

    def _late_ms(self) -> int:
        return self._record.parameters.ms("escalation.late_min")

    def afterwards(self, alarm: Alarm, t: int) -> None:
        """Texts get out again: whoever has not been reached for long hears that it had happened."""
        date = self._tell.date(alarm.opened_t)
        if alarm.state not in WAITING or alarm.severity not in URGENT:
            return
        if t - alarm.opened_t < self._late_ms():
            return
        texted = {c.id for c in self._tell.home.contacts if "sms" in c.channels}
        missed = [c for c in alarm.told if c in texted and c not in (*alarm.sent, *alarm.late, *alarm.declined)]
        if not missed:
            return
        self._record.do(alarm, t, "told_late", "way_is_back", patch={"late": [*alarm.late, *missed]})
        # without a clock that anybody believes nobody is told a day: then it is the alarm's own words, late
        template, params = (CODES[alarm.code].template, {}) if date is None else ("S18", {"date": date})
        for contact in missed:
            self._tell.text(alarm, contact, template, f"{LATE}{t}", **params)

    # ---- the telephone

    def called(self, alarm: Alarm, contact: Contact, result: str, t: int) -> bool:
        """How a call went. Returns whether this contact cannot be reached any more, and the next is to be asked."""
        again = result in UNANSWERED_CALLS and alarm.dialled.get(contact.id) == 1 and alarm.state in WAITING
        timers: Timers = {self.redial_of(contact.id): self._record.in_(t, "escalation.redial_s")} if again else {}
        self._record.do(alarm, t, f"call_{result}", contact.id, timers=timers)
        return not again and result not in _REACHED and "sms" not in contact.channels

    def go_on(self, alarm: Alarm, t: int, name: str) -> bool:
        """A redial is due; returns whether `name` is one."""
        if not name.startswith(_REDIAL):
            return False
        contact = name.removeprefix(_REDIAL)
        patch = {"dialled": alarm.dialled | {contact: 2}}
        self._record.do(alarm, t, "redialled", contact, patch=patch, timers={name: None})
        if alarm.state in WAITING and any(c.id == contact and "call" in c.channels for c in self._tell.home.contacts):
            self._tell.call(alarm, contact, f"again{t}")
        return True

    def redial_of(self, contact: str) -> str:
        """The name of the timer that redials a contact."""
        return _REDIAL + contact

    def timers_of(self, alarm: Alarm) -> Timers:
        """Stops every redial."""
        return {name: None for name in alarm.timers if name.startswith(_REDIAL)}
