"""Escalation: who is told when, who accepts, what happens if nobody comes (domain 3.2, 4.3). Decided, not carried out.

Rules this file keeps: platform and contacts are told at once and neither waits for the other; every waiting alarm
always has a timer that goes on; `asking` names the contact whose answer is awaited now, and nobody else's "no" or
unreachable phone moves the chain.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.alarms.codes import CODES, Flow, Outcome
from gateway.alarms.hazards import Hazards
from gateway.alarms.life import WAITING, Alarm, Move, State
from gateway.alarms.reaching import Reaching
from gateway.alarms.record import Record, Timers
from gateway.alarms.telling import URGENT, unspoken
from gateway.alarms.truth import ARE_YOU_THERE, REMIND
from gateway.home.model import Contact

FRESH_MS: Final = 24 * 3_600_000
STALE_REPEAT_MS: Final = 3_600_000
"""An alarm nobody answered for a day is repeated hourly: an outbox must stay bounded through a month of outage."""
TEST_ROUNDS: Final = 1  # a test is no emergency: nobody is asked twice
TEST_ENDS: Final = "end"  # name of the timer that ends a test nobody answered
PLATFORM: Final = "platform"
_STOP: Final[Timers] = {"next": None, "speak": None, "repeat": None, "persist": None}


class Chain:
    """Moves an alarm from RAISED to CLOSED."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._tell = record.tell
        self.hazards = Hazards(record)
        self.reaching = Reaching(record)

    # ---- raising and telling

    def raise_(self, alarm: Alarm, t: int, reason: str) -> None:
        """RAISED: platform and contacts at once (policy N-2(4)); by night a matter of P2 is the platform's first."""
        record = self._record
        timers: Timers = {"pre": None, "ask": None}
        if alarm.severity in URGENT and not unspoken(alarm):
            timers["speak"] = record.in_(t, "voice.still_trying_s")
        record.move(alarm, t, Move.RAISE, reason, timers=timers)
        self._tell.publish(alarm, t, reason)
        if CODES[alarm.code].flow is Flow.HAZARD:
            self._tell_all(alarm, t)
            self.hazards.sound(alarm, t)
        else:
            self._begin(alarm, t)
        self._tell.lamp(record.book, t)

    def _begin(self, alarm: Alarm, t: int) -> None:
        """Asks the first contact, and says so where that is true: nobody is being reached until the morning."""
        if self.tell_next(alarm, t) or CODES[alarm.code].flow is Flow.SERVICE:  # the green key is always answered
            self.say_trying(alarm, t)

    def _tell_all(self, alarm: Alarm, t: int) -> None:
        everybody = self.callable(alarm, t)
        told = [c.id for c in everybody]
        dialled = self.reaching.dialled(alarm, everybody)
        patch: dict[str, Any] = {"told": told, "asked": told, "asking": None, "dialled": dialled}
        if not everybody:  # nobody is listed: the platform gets one interval to answer, as with any alarm
            patch["round"] = 1
        reason = "all_at_once" if everybody else "no_contact"
        self._record.do(alarm, t, "told", reason, patch=patch, timers={"next": self._interval(alarm, t)})
        for contact in everybody:
            self.reaching.reach(alarm, contact, t, f"r0t{t}")

    def tell_next(self, alarm: Alarm, t: int) -> bool:
        """Tells the next contact of the list; after the last round nobody is left but the platform.

        Returns whether anybody is being told: not where all of them are left in peace for now, and the platform knows.
        """
        if self._defer(alarm, t) or self._outside_hours(alarm, t):
            return False
        self._tell_one(alarm, t)
        return True

    def _tell_one(self, alarm: Alarm, t: int) -> None:
        contacts = self.callable(alarm, t)
        asked, round_ = alarm.asked, alarm.round
        left = [c for c in contacts if c.id not in asked]
        if not left:
            asked, round_, left = [], round_ + 1, contacts
        rounds = TEST_ROUNDS if alarm.test else self._record.parameters["escalation.rounds"]
        if round_ >= rounds if contacts else round_ > 1:
            self._exhaust(alarm, t)
            return
        timers: Timers = {"next": self._interval(alarm, t)}
        if not left:  # nobody is listed: the platform gets one interval to answer
            self._record.do(alarm, t, "told", "no_contact", patch={"round": round_, "asking": None}, timers=timers)
            return
        contact = next((c for c in left if not self._just_declined(alarm, c, t)), None)
        running = alarm.timers.get("next")
        if contact is None and running != t:  # all of them have just said no: asked again when the time is over
            if running is not None:
                timers = {}
            patch = {"asked": asked, "round": round_, "asking": None}
            self._record.do(alarm, t, "waits", "all_declined", patch=patch, timers=timers)
            return
        self._ask(alarm, contact or left[0], t, asked, round_, timers)

    def _just_declined(self, alarm: Alarm, contact: Contact, t: int) -> bool:
        """Whether this contact said no less than an interval ago: others come first, nobody is rung again at once."""
        said = alarm.declined.get(contact.id)
        return said is not None and t < self._interval(alarm, said)

    def _ask(self, alarm: Alarm, contact: Contact, t: int, asked: list[str], round_: int, timers: Timers) -> None:
        name, first = contact.id, contact.id not in alarm.told
        patch: dict[str, Any] = {
            "told": [*alarm.told, name] if first else alarm.told,
            "asked": [*asked, name],
            "round": round_,
            "asking": name,
            "dialled": self.reaching.dialled(alarm, [contact]),
        }
        if name in alarm.late:
            patch["late"] = [c for c in alarm.late if c != name]
        self._record.do(alarm, t, "told", name, patch=patch, timers=timers)
        self.reaching.reach(alarm, contact, t, f"r{round_}t{t}", first=first)

    def tell_besides(self, alarm: Alarm, contact: str, t: int) -> None:
        """Tells the alarm to a contact whose turn has not come: in writing, if they read. The chain goes its way, and
        asks them in their turn."""
        listed = self.contact(contact)
        if listed is None or contact in alarm.told:
            return
        patch: dict[str, Any] = {"told": [*alarm.told, contact]}
        if listed.reads:
            self._record.do(alarm, t, "told", contact, patch=patch)
            self.reaching.write(alarm, listed, t, f"besides{t}", first=True)
            return
        patch["dialled"] = self.reaching.dialled(alarm, [listed])
        self._record.do(alarm, t, "told", contact, patch=patch)
        self.reaching.reach(alarm, listed, t, f"besides{t}")

    def _defer(self, alarm: Alarm, t: int) -> bool:
        """By night the contacts of a P2 alarm sleep until the morning, once, unless it persists (domain 4.1)."""
        service = CODES[alarm.code].flow is Flow.SERVICE
        at = max(t, self._record.not_before)
        if alarm.severity != "P2" or service or alarm.deferred or not self._tell.quiet.night(at):
            return False
        morning, lasting = self._tell.quiet.morning(at), self._record.in_(t, "night.persist_min")
        timers: Timers = {"next": morning, "persist": lasting if lasting < morning else None}
        self._record.do(alarm, t, "deferred", "until_morning", patch={"deferred": True, "asking": None}, timers=timers)
        return True

    def _outside_hours(self, alarm: Alarm, t: int) -> bool:
        """Whether nobody may be asked at this hour who could be: then the first whose hours begin is."""
        at = max(t, self._record.not_before)
        begin = [self._tell.quiet.hours_begin(c, at) for c in self._listed(alarm)]
        if not begin or self.callable(alarm, at):
            return False
        timers: Timers = {"next": min(b for b in begin if b is not None)}
        self._record.do(alarm, t, "waits", "outside_hours", patch={"asking": None}, timers=timers)
        return True

    def lasts(self, alarm: Alarm, t: int, reason: str = "found_again") -> None:
        """What was put off until the morning is found again, or goes on: nobody waits for the morning any more."""
        self._record.do(alarm, t, "persisting", reason, timers={"persist": None})
        if alarm.deferred and not alarm.told and alarm.state in WAITING:
            self.tell_next(alarm, t)

    def eased(self, alarm: Alarm, t: int, reason: str) -> None:
        """What was put off until the morning is over for now: it can wait that long. Raised it stays (invariant ii)."""
        if "persist" in alarm.timers:
            self._record.do(alarm, t, "eased", reason, timers={"persist": None})

    def _exhaust(self, alarm: Alarm, t: int) -> None:
        timers: Timers = {"next": None, "speak": None}
        if alarm.test:
            timers[TEST_ENDS] = self._record.in_(t, "test.ends_min")
        else:
            timers["repeat"] = self._record.in_(t, "escalation.unanswered_repeat_s")
        if alarm.state is State.UNANSWERED:
            self._record.do(alarm, t, "told", "nobody_left", patch={"asking": None}, timers=timers)
            return
        self._record.move(alarm, t, Move.EXHAUST, "nobody_accepted", patch={"asking": None}, timers=timers)
        self._tell.publish(alarm, t, "nobody_accepted")

    def _interval(self, alarm: Alarm, t: int) -> int:
        urgent = alarm.severity in URGENT or alarm.test
        return self._record.in_(t, "escalation.next_contact_s" if urgent else "escalation.next_contact_p2_s")

    def callable(self, alarm: Alarm, t: int) -> list[Contact]:
        """Who may be told now: everybody for a life-safety alarm, whatever the hour; else who is not left in peace now.

        A test goes to who may be disturbed, and to all where that is nobody: it was agreed upon.
        """
        listed = self._listed(alarm)
        if alarm.severity in URGENT:
            return listed
        able = [c for c in listed if not self._tell.quiet.disturbs(c, t)]
        return able or (listed if alarm.test else [])

    def _listed(self, alarm: Alarm) -> list[Contact]:
        """Who can be told at all; of what is no life-safety alarm only with the consent for it (invariant viii)."""
        home = self._tell.home
        contacts = [c for c in home.contacts if c.reads or "call" in c.channels]
        if alarm.severity in URGENT:
            return contacts
        family, village = home.consented("NOTIFY_FAMILY"), home.consented("NOTIFY_VILLAGE")
        return [c for c in contacts if (village if c.kind == "village_liaison" else family)]

    def first(self, alarm: Alarm, t: int) -> str | None:
        """Who would be told first, of those who have not just said no; None: nobody but the platform."""
        return next((c.id for c in self.callable(alarm, t) if not self._just_declined(alarm, c, t)), None)

    def say_trying(self, alarm: Alarm, t: int, *, still: bool = False) -> None:
        """The elder hears whom we try to reach, or that nothing goes out."""
        if not (alarm.test or unspoken(alarm)):
            self._tell.say_trying(alarm, t, alarm.asking or self._told(alarm, t), still=still)

    def _told(self, alarm: Alarm, t: int) -> str | None:
        """Who is named while nobody is being asked: one who was told of this alarm and has not just said no."""
        able = (c for c in self.callable(alarm, t) if c.id in alarm.told)
        return next((c.id for c in able if not self._just_declined(alarm, c, t)), None)

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
        elif name == "persist":
            self.lasts(alarm, t, "goes_on")
        elif name == "loop":
            self.hazards.go_on(alarm, t)
        elif name == "attend":
            self._remind(alarm, t)
        elif name == "resume":
            self.lapse(alarm, t, "nobody_came")
        elif not self.reaching.go_on(alarm, t, name):  # a timer of another version: drop it rather than spin
            self._record.do(alarm, t, "dropped_timer", name, timers={name: None})

    def _remind(self, alarm: Alarm, t: int) -> None:
        """Accepted, and nobody has come yet: who promised is asked, be it the platform's desk."""
        timers: Timers = {"attend": None, "resume": self._record.in_(t, "escalation.resume_s")}
        self._record.do(alarm, t, "reminded", "not_attended", timers=timers)
        contact = self.contact(alarm.accepted_by)
        if contact is not None:
            self.reaching.remind(alarm, contact, f"{REMIND}{t}", ARE_YOU_THERE)
        else:
            self._tell.publish(alarm, t, "not_attended", again=f"t{t}")

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
        """Somebody goes: the chain stops, the elder hears it, the others know. A test is over with that."""
        if alarm.test:
            self._record.do(alarm, t, "answered", by, patch={"accepted_by": by})
            self.close(alarm, by, Outcome.TEST.value, t, unanswered=silent_contacts(alarm))
            self._tell.say(alarm, t, "V16")
            return
        timers = self._stopped(alarm)
        if alarm.severity in URGENT:
            timers["attend"] = self._record.in_(t, "escalation.attend_s")
        others = [contact for contact in alarm.told if contact != by]
        patch: dict[str, Any] = {"accepted_by": by, "asking": None}
        patch["heard"] = [*alarm.heard, *(f"S10:{contact}" for contact in others)]
        if by in alarm.declined:
            patch["declined"] = {c: said for c, said in alarm.declined.items() if c != by}
        self._record.move(alarm, t, Move.ACCEPT, f"accepted_by_{via}", patch=patch, timers=timers)
        contact = self.contact(by)
        has_key = True if contact is not None and contact.can_enter else None
        self._tell.publish(alarm, t, f"accepted_by_{via}", by=by, via=via, can_enter=has_key)
        # "1" answers "can you go?"; the platform's desk only says that it knows (V03, invariant vii)
        goes = via != PLATFORM
        self._tell.say(alarm, t, "V03", contact=by if goes else None, coming=goes)
        self._tell.lamp(self._record.book, t)
        for told in others:
            self._tell.text(alarm, told, "S10", f"accepted{t}", contact=by if goes else None)

    def lapse(self, alarm: Alarm, t: int, reason: str) -> None:
        """Accepted, but nobody came (or they take it back): the whole list again from the next contact on."""
        gone = alarm.accepted_by
        timers: Timers = {"attend": None, "resume": None}
        if not unspoken(alarm):
            timers["speak"] = self._record.in_(t, "voice.still_trying_s")
        patch: dict[str, Any] = {"accepted_by": None, "asked": [gone] if gone else [], "round": 0}
        patch["heard"] = [fact for fact in alarm.heard if not fact.startswith("S10:")]  # that somebody goes is over
        self._record.move(alarm, t, Move.LAPSE, reason, patch=patch, timers=timers)
        self._tell.publish(alarm, t, reason, again=f"t{t}")
        self._begin(alarm, t)
        self._tell.lamp(self._record.book, t)

    def decline(self, alarm: Alarm, contact: str, t: int) -> None:
        """A contact cannot go: the next is told at once if this one is being asked, or had promised."""
        withdrawn = alarm.state is State.ACCEPTED and alarm.accepted_by == contact
        if not withdrawn and alarm.state not in WAITING:
            return
        # what rings or waits for its turn is void from here on (`truth`), and not tried again however it ends
        patch: dict[str, Any] = {"declined": alarm.declined | {contact: t}}
        if contact in alarm.dialled:
            patch["dialled"] = alarm.dialled | {contact: 2}
        self._record.do(alarm, t, "declined", contact, patch=patch, timers={self.reaching.redial_of(contact): None})
        if withdrawn:
            self.lapse(alarm, t, "withdrawn_by_contact")
        else:
            self.pass_on(alarm, contact, t)

    def pass_on(self, alarm: Alarm, contact: str, t: int) -> None:
        """Goes on at once if `contact` is the one whose answer is awaited."""
        if alarm.state in WAITING and alarm.asking == contact and "next" in alarm.timers:
            self.tell_next(alarm, t)

    def attend(self, alarm: Alarm, by: str, t: int, via: str | None = None) -> None:
        """Somebody is there. `via`: how a contact said so; None for a visitor and the desk."""
        timers = self._stopped(alarm) | {"attend": None, "resume": None, "loop": None}
        self._record.move(alarm, t, Move.ATTEND, "arrived", patch={"asking": None}, timers=timers)
        self._tell.publish(alarm, t, "arrived", by=by, via=via)
        self.hazards.silence(alarm, t)
        self._tell.lamp(self._record.book, t)

    def close(self, alarm: Alarm, by: str, outcome: str, t: int, unanswered: str | None = None) -> None:
        """It is over, with an outcome; who was told learns that, and whom to ask."""
        self._record.move(alarm, t, Move.CLOSE, "closed", patch={"outcome": outcome, "asking": None})
        self._tell.publish(alarm, t, "closed", by=by, outcome=outcome, unanswered=unanswered)
        self.hazards.silence(alarm, t)
        self._tell.lamp(self._record.book, t)
        for contact in alarm.told:
            if contact != alarm.accepted_by and not alarm.test:
                self._tell.text(alarm, contact, "S12", "closed", contact=alarm.accepted_by)

    def _stopped(self, alarm: Alarm) -> Timers:
        return {**_STOP, **self.reaching.timers_of(alarm)}

    def is_contact(self, contact: str | None) -> bool:
        """Whether the home lists this contact."""
        return self.contact(contact) is not None

    def contact(self, contact: str | None) -> Contact | None:
        """The contact of this id, if the home lists one."""
        return next((c for c in self._tell.home.contacts if c.id == contact), None)


def silent_contacts(alarm: Alarm) -> str:
    """Who was asked and gave no sign at all, in order, a comma between; "" for nobody. A no is a sign too."""
    heard = {alarm.accepted_by, *alarm.declined, *alarm.puzzled}
    return ",".join(contact for contact in alarm.told if contact not in heard)
