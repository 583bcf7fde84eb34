"""What people say about an alarm: contacts by text or key, the platform's desk, a visitor at the door (domain 4.3).

Knows whom a word may come from and which alarm it is about; what follows is the chain's.
"""

from __future__ import annotations

from typing import Final

from gateway.alarms.chain import PLATFORM, Chain
from gateway.alarms.codes import CODES, Flow, Outcome
from gateway.alarms.life import MOVES, WAITING, Alarm, Move, State
from gateway.alarms.reaching import CALL_RESULTS
from gateway.alarms.record import Record
from gateway.alarms.telling import URGENT

VIA: Final = frozenset({"sms", "call", "callback", "link"})
"""How a contact's own word comes: a text, a key pressed in a call (ours or theirs), a signed link."""
SPOKEN_OF: Final = VIA - {"sms"}
"""Ways by which only the alarm can be answered that was just told, or whose link was sent."""
ASKED_MS: Final = 24 * 3_600_000
"""A text that asks for a word back may be answered so long after, as the line about the day."""
_TAKEN: Final = frozenset({State.ACCEPTED, State.ATTENDED})


class People:
    """Takes words and hands them to the chain."""

    def __init__(self, record: Record, chain: Chain) -> None:
        self._record = record
        self._chain = chain
        self._tell = record.tell

    # ---- contacts

    def reply(
        self, contact: str, answer: str, reference: str | None, t: int, via: str = "sms", *, line_waits: bool = False
    ) -> None:
        """A listed contact answered. Anyone else's word never gets here, and would not be heeded.

        `line_waits`: they were also sent a line about the day, which asks for a word back.
        """
        if not self._chain.is_contact(contact):
            return
        if answer == "arrived":
            self._is_there(contact, reference, t, via if via in VIA else "sms", line_waits=line_waits)
            return
        meant = self._meant(contact, reference)
        if not meant and answer in ("1", "2") and via != "sms":
            return  # a key or a link answers the one alarm it was asked about, and that is over: nothing to ask again
        if not meant or answer not in ("1", "2"):
            self._puzzled(contact, t, several=not meant and answer in ("1", "2"))
            return
        bare = reference is None and via not in SPOKEN_OF
        if bare and (line_waits or self._test_waits(contact, t)) and self._never_told(contact, meant, t):
            return
        for alarm in meant:
            if answer == "2":
                self._chain.decline(alarm, contact, t)
            elif alarm.state in WAITING:
                self._chain.accept(alarm, contact, via if via in VIA else "sms", t)
            elif alarm.accepted_by not in (None, contact):
                self._chain.reaching.once(alarm, contact, "S10", t, contact=self.promised(alarm))

    def _is_there(self, contact: str, reference: str | None, t: int, via: str, *, line_waits: bool) -> None:
        """A contact says that they are at the door: ATTENDED, and nobody is asked any more (domain 3.2).

        Without a reference it is what they promised to look after, else what a bare 1 would be about. It closes nothing
        (A8), and the platform is told by which way the word came.
        """
        promised = [a for a in self._record.book.live_in(State.ACCEPTED) if a.accepted_by == contact]
        meant = promised if promised and reference is None else self._meant(contact, reference)
        if reference is None and line_waits and self._never_told(contact, meant, t):
            return
        for alarm in meant:
            if alarm.state in WAITING:  # the others are to hear who went
                self._chain.accept(alarm, contact, via, t)
            if (alarm.state, Move.ATTEND) in MOVES:  # a test is over with the answer
                self._chain.attend(alarm, contact, t, via=via)
        if not meant:
            self._puzzled(contact, t, several=True)

    def _never_told(self, contact: str, meant: list[Alarm], t: int) -> bool:
        """Whether this contact has heard of none of these from us; then they are told what is open.

        Of who has nothing else to answer a bare 1 is taken all the same: a sister may have told them by telephone.
        """
        if not meant or any(contact in a.told or contact == a.accepted_by for a in meant):
            return False
        for alarm in meant:
            if alarm.state in WAITING:
                self._chain.tell_besides(alarm, contact, t)
        return True

    def _test_waits(self, contact: str, t: int) -> bool:
        """Whether a test of the last day asked this contact for a 1 that has not come."""
        tests = (a for a in self._record.book.alarms.values() if a.test and t - a.opened_t < ASKED_MS)
        return any(contact in a.told and contact not in (a.accepted_by, *a.puzzled) for a in tests)

    def promised(self, alarm: Alarm) -> str | None:
        """The contact who promised to go; None for the platform's desk."""
        return alarm.accepted_by if self._chain.is_contact(alarm.accepted_by) else None

    def _meant(self, contact: str, reference: str | None) -> list[Alarm]:
        """What a reply is about: the alarm of its reference, or the only one there is that this contact may know of.

        Several calls from one device are one call for help; a bare digit answers them all.
        """
        open_alarms = [a for a in self._theirs(contact) if a.state in WAITING or a.state is State.ACCEPTED]
        if reference is not None:
            return [a for a in open_alarms if a.reference == reference][-1:]
        waiting = [a for a in open_alarms if a.state in WAITING] or open_alarms
        same_call = all(a.device == waiting[0].device and CODES[a.code].flow is Flow.CALL for a in waiting)
        return waiting if len(waiting) == 1 or (waiting and same_call) else []

    def _puzzled(self, contact: str, t: int, *, several: bool) -> None:
        """An unreadable reply while somebody waits for an answer: the platform knows at once, the contact is told once
        what to write; the chain goes on."""
        waiting = [a for a in self._record.book.live() if a.state in WAITING and contact in a.told]
        if not waiting:
            return
        alarm = next((a for a in waiting if contact not in a.puzzled), waiting[0])
        first = contact not in alarm.puzzled
        patch = {"puzzled": [*alarm.puzzled, contact]} if first else None
        self._record.do(alarm, t, "puzzled", contact, patch=patch)
        self._tell.publish(alarm, t, "unreadable_reply", again=f"puzzled:{contact}:{t}", by=contact)
        if first and not alarm.test:
            self._tell.text(alarm, contact, "S21-ref" if several else "S21", "puzzled")

    def open_alarm_for(self, contact: str) -> Alarm | None:
        """What a listed contact who rings is told: the most severe alarm that waits, else one somebody has taken."""
        if not self._chain.is_contact(contact):
            return None
        theirs = [a for a in self._theirs(contact) if a.state in WAITING or a.state in _TAKEN]
        return min(theirs, key=lambda a: (a.state in _TAKEN, a.severity, -a.number), default=None)

    def _theirs(self, contact: str) -> list[Alarm]:
        """What is this contact's to know: one that is no life-safety alarm only if they were told (invariant viii).

        Their belated word about one call would else be answered, or taken, for another matter they never heard of.
        """
        return [a for a in self._record.book.live() if a.severity in URGENT or contact in a.told]

    def delivery(self, number: int, contact: str, channel: str, result: str, t: int) -> None:
        """A channel says how a text or a call went. A contact who cannot be reached hands over to the next at once."""
        alarm = self._record.book.alarms.get(number)
        if alarm is None or alarm.ended:
            return
        if channel == "sms" and result == "sent":
            new = contact not in alarm.sent
            self._record.do(alarm, t, "sent", contact, patch={"sent": [*alarm.sent, contact]} if new else None)
        elif channel == "sms" and result == "failed":
            self._record.do(alarm, t, "unsendable", contact)
            self._chain.pass_on(alarm, contact, t)
        elif channel == "call" and result in CALL_RESULTS:
            listed = self._chain.contact(contact)
            if listed is not None and self._chain.reaching.called(alarm, listed, result, t):
                self._chain.pass_on(alarm, contact, t)

    # ---- the platform's people, and visitors

    def stage(self, number: int, stage: str, by: str, outcome: str | None, t: int) -> bool:
        """The platform's people speak: ACCEPTED, ATTENDED or CLOSED. Returns whether it moved anything."""
        alarm = self._record.book.alarms.get(number)
        if alarm is None:
            return False
        if stage == "ACCEPTED" and alarm.state in WAITING:
            self._chain.accept(alarm, by, PLATFORM, t)
        elif stage == "ATTENDED" and (alarm.state, Move.ATTEND) in MOVES:
            self._chain.attend(alarm, by, t)
        elif stage == "CLOSED" and (alarm.state, Move.CLOSE) in MOVES and outcome in Outcome.__members__:
            self._chain.close(alarm, by, str(outcome), t)
        else:
            return False
        return True

    def arrived(self, by: str, t: int) -> None:
        """An authenticated visitor is at the door: whatever is open is attended, a test excepted."""
        for alarm in list(self._record.book.live()):
            if (alarm.state, Move.ATTEND) in MOVES and not alarm.test:
                self._chain.attend(alarm, by, t)

    def way_is_back(self, t: int) -> None:
        """Texts get out again."""
        for alarm in list(self._record.book.live()):
            self._chain.reaching.afterwards(alarm, t)
