"""Escalation: who is told when, who accepts, what happens if nobody comes (domain 3.2, 4.3). Decided, not carried out.

Rules this file keeps: platform and contacts are told at once and neither waits for the other; every waiting alarm
always has a timer that goes on; `asking` names the contact whose answer is awaited now, and nobody else's "no" or
unreachable phone moves the chain.
"""

from __future__ import annotations

from typing import Final

from gateway.alarms.codes import CODES, Flow
from gateway.alarms.life import WAITING, Alarm, Move, State
from gateway.alarms.record import Record, Timers
from gateway.alarms.telling import URGENT
from gateway.home.model import Contact

FRESH_MS: Final = 24 * 3_600_000
STALE_REPEAT_MS: Final = 3_600_000
"""An alarm nobody answered for a day is repeated hourly: an outbox must stay bounded through a month of outage."""
_STOP: Final[Timers] = {"next": None, "speak": None, "repeat": None}


class Chain:
    """Moves an alarm from RAISED to CLOSED."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._tell = record.tell

    # ---- raising and telling

    def raise_(self, alarm: Alarm, t: int, reason: str) -> None:
        """RAISED: platform and contacts at once (policy N-2(4))."""
        record = self._record
        timers: Timers = {"pre": None, "ask": None}
        if alarm.severity in URGENT and alarm.code != "DURESS":
            timers["speak"] = record.in_(t, "voice.still_trying_s")
        record.move(alarm, t, Move.RAISE, reason, timers=timers)
        self._tell.publish(alarm, t, reason)
        if CODES[alarm.code].flow is Flow.HAZARD:
            self._tell_all(alarm, t)
            self._tell.say(alarm, t, CODES[alarm.code].ask)
            return
        self.tell_next(alarm, t)
        self.say_trying(alarm, t)
        self._tell.lamp(record.book, t)

    def _tell_all(self, alarm: Alarm, t: int) -> None:
        told = [c.id for c in self.callable(alarm)]
        patch = {"told": told, "asked": told, "asking": None}
        self._record.do(alarm, t, "told", "all_at_once", patch=patch, timers={"next": self._interval(alarm, t)})
        for contact in told:
            self._tell.text(alarm, contact, CODES[alarm.code].template, f"r0t{t}")

    def tell_next(self, alarm: Alarm, t: int) -> None:
        """Tells the next contact of the list; after the last round nobody is left but the platform."""
        contacts = [c.id for c in self.callable(alarm)]
        asked, round_ = alarm.asked, alarm.round
        left = [c for c in contacts if c not in asked]
        if not left:
            asked, round_, left = [], round_ + 1, contacts
        if round_ >= self._record.parameters["escalation.rounds"] or (not contacts and round_ > 1):
            self._exhaust(alarm, t)
            return
        timers: Timers = {"next": self._interval(alarm, t)}
        if not left:  # nobody is listed: the platform gets one interval to answer
            self._record.do(alarm, t, "told", "no_contact", patch={"round": round_, "asking": None}, timers=timers)
            return
        contact = left[0]
        told = alarm.told if contact in alarm.told else [*alarm.told, contact]
        patch = {"told": told, "asked": [*asked, contact], "round": round_, "asking": contact}
        self._record.do(alarm, t, "told", contact, patch=patch, timers=timers)
        self._tell.text(alarm, contact, CODES[alarm.code].template, f"r{round_}t{t}")

    def _exhaust(self, alarm: Alarm, t: int) -> None:
        again = self._record.in_(t, "escalation.unanswered_repeat_s")
        timers: Timers = {"next": None, "speak": None, "repeat": again}
        if alarm.state is State.UNANSWERED:
            self._record.do(alarm, t, "told", "nobody_left", patch={"asking": None}, timers=timers)
            return
        self._record.move(alarm, t, Move.EXHAUST, "nobody_accepted", patch={"asking": None}, timers=timers)
        self._tell.publish(alarm, t, "nobody_accepted")

    def _interval(self, alarm: Alarm, t: int) -> int:
        urgent = alarm.severity in URGENT
        return self._record.in_(t, "escalation.next_contact_s" if urgent else "escalation.next_contact_p2_s")

    def callable(self, alarm: Alarm) -> list[Contact]:
        """Who may be told: everybody for a life-safety alarm, else only with the consent for it (invariant viii)."""
        home = self._tell.home
        contacts = [c for c in home.contacts if "sms" in c.channels]  # landlines: calls come later
        if alarm.severity in URGENT or alarm.test:
            return contacts
        family, village = home.consented("NOTIFY_FAMILY"), home.consented("NOTIFY_VILLAGE")
        return [c for c in contacts if (village if c.kind == "village_liaison" else family)]

    def first(self, alarm: Alarm) -> str | None:
        """Who would be told first; None: nobody but the platform."""
        return next((c.id for c in self.callable(alarm)), None)

    def say_trying(self, alarm: Alarm, t: int, *, still: bool = False) -> None:
        """The elder hears whom we try to reach, or that nothing goes out."""
        self._tell.say_trying(alarm, t, alarm.asking or self.first(alarm), still=still)

    # ---- time

    def go_on(self, alarm: Alarm, t: int, name: str) -> None:
        """A timer of the chain is due."""
        if name == "next":
            self.tell_next(alarm, t)
        elif name == "speak":
            timers: Timers = {"speak": self._record.in_(t, "voice.still_trying_s")}
            self._record.do(alarm, t, "spoke", "still_trying", timers=timers)
            self.say_trying(alarm, t, still=True)
        elif name == "repeat":
            self._repeat(alarm, t)
        elif name == "attend":
            timers = {"attend": None, "resume": self._record.in_(t, "escalation.resume_s")}
            self._record.do(alarm, t, "reminded", "not_attended", timers=timers)
            if alarm.accepted_by is not None and self.is_contact(alarm.accepted_by):
                self._tell.text(alarm, alarm.accepted_by, CODES[alarm.code].template, f"remind{t}")
        elif name == "resume":
            self.lapse(alarm, t, "nobody_came")
        else:  # a timer of another version: drop it rather than spin
            self._record.do(alarm, t, "dropped_timer", name, timers={name: None})

    def _repeat(self, alarm: Alarm, t: int) -> None:
        fresh = t - alarm.opened_t < FRESH_MS
        after = self._record.in_(t, "escalation.unanswered_repeat_s")
        timers: Timers = {"repeat": after if fresh else max(t, self._record.not_before) + STALE_REPEAT_MS}
        self._record.do(alarm, t, "repeated", "unanswered", timers=timers)
        self._tell.publish(alarm, t, "unanswered", again=f"t{t}")
        if fresh:
            self.say_trying(alarm, t, still=True)

    # ---- people

    def accept(self, alarm: Alarm, by: str, via: str, t: int) -> None:
        """Somebody goes: the chain stops, the elder hears it, the others know."""
        timers = dict(_STOP)
        if alarm.severity in URGENT:
            timers["attend"] = self._record.in_(t, "escalation.attend_s")
        patch = {"accepted_by": by, "asking": None}
        self._record.move(alarm, t, Move.ACCEPT, f"accepted_by_{via}", patch=patch, timers=timers)
        self._tell.publish(alarm, t, f"accepted_by_{via}", by=by, via=via)
        # "1" answers "can you go?"; the platform's desk only says that it knows (V03, invariant vii)
        self._tell.say(alarm, t, "V03", contact=by if via == "sms" else None, coming=via == "sms")
        self._tell.lamp(self._record.book, t)
        for contact in alarm.told:
            if contact != by:
                self._tell.text(alarm, contact, "S10", f"accepted{t}", contact=by if via == "sms" else None)

    def lapse(self, alarm: Alarm, t: int, reason: str) -> None:
        """Accepted, but nobody came (or they take it back): the whole list again from the next contact on."""
        gone = alarm.accepted_by
        timers: Timers = {"attend": None, "resume": None, "speak": self._record.in_(t, "voice.still_trying_s")}
        patch = {"accepted_by": None, "asked": [gone] if gone else [], "round": 0}
        self._record.move(alarm, t, Move.LAPSE, reason, patch=patch, timers=timers)
        self._tell.publish(alarm, t, reason, again=f"t{t}")
        self.tell_next(alarm, t)
        self.say_trying(alarm, t)
        self._tell.lamp(self._record.book, t)

    def decline(self, alarm: Alarm, contact: str, t: int) -> None:
        """A contact cannot go: the next is told at once if this one is being asked, or had promised."""
        if alarm.state is State.ACCEPTED and alarm.accepted_by == contact:
            self.lapse(alarm, t, "withdrawn_by_contact")
        elif alarm.state in WAITING:
            self._record.do(alarm, t, "declined", contact)
            self.pass_on(alarm, contact, t)

    def pass_on(self, alarm: Alarm, contact: str, t: int) -> None:
        """Goes on at once if `contact` is the one whose answer is awaited."""
        if alarm.state in WAITING and alarm.asking == contact and "next" in alarm.timers:
            self.tell_next(alarm, t)

    def attend(self, alarm: Alarm, by: str, t: int) -> None:
        """Somebody is there."""
        timers: Timers = {**_STOP, "attend": None, "resume": None}
        self._record.move(alarm, t, Move.ATTEND, "arrived", patch={"asking": None}, timers=timers)
        self._tell.publish(alarm, t, "arrived", by=by)
        self._tell.lamp(self._record.book, t)

    def close(self, alarm: Alarm, by: str, outcome: str, t: int) -> None:
        """It is over, with an outcome; who was told learns that, and whom to ask."""
        self._record.move(alarm, t, Move.CLOSE, "closed", patch={"outcome": outcome, "asking": None})
        self._tell.publish(alarm, t, "closed", by=by, outcome=outcome)
        self._tell.lamp(self._record.book, t)
        for contact in alarm.told:
            if contact != alarm.accepted_by:
                self._tell.text(alarm, contact, "S12", "closed", contact=alarm.accepted_by)

    def is_contact(self, contact: str | None) -> bool:
        """Whether the home lists this contact."""
        return any(c.id == contact for c in self._tell.home.contacts)
