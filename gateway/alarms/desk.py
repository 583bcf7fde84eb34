"""What is done about what is found and said: the flows of domain 3.2. Decided; nothing carried out.

Takes findings, people's words and due timers; answers with alarm events (applied to the book at once) and actions.
Knows no clock, no phone number and no text: it names prompts and templates. Holds no state but the book.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gateway.actions import AckDevice, Action, Publish, Say, Text
from gateway.alarms.chain import Chain
from gateway.alarms.codes import CODES, Code, Flow, Outcome
from gateway.alarms.life import MOVES, WAITING, Alarm, AlarmEvent, Book, Move, State
from gateway.alarms.record import Record, Timers

_CANCELLABLE: Final = frozenset({Flow.CALL, Flow.QUESTION, Flow.TEST})
_STEP_TIMERS: Final = ("ask", "next", "speak", "repeat", "attend", "resume")
_SAID_IN: Final[dict[str, frozenset[State]]] = {
    "V01": frozenset({State.PRE_ALARM}),
    "V02": WAITING | {State.ACCEPTED},
    "V03": frozenset({State.ACCEPTED}),
    "V04": WAITING,
    "V05": WAITING | {State.ACCEPTED},
    "V07": frozenset({State.PRE_ALARM}),
    "V08": frozenset({State.PRE_ALARM}),
}
"""Each sentence is bound to the states in which it is true (invariant vii); the others are true once said."""
_PRESS: Final = "press"  # tag of the text a repeated press asks for
LATE_S: Final = 2
"""A prompt that promises seconds may begin this much late (act from memory takes half a second)."""


class Desk:
    """Decides the flows. `when(t)` gives (ISO UTC, local HH:MM or None) for controller time `t`."""

    def __init__(self, book: Book, when: Callable[[int], tuple[str, str | None]]) -> None:
        self.record = Record(book, when)
        self.tell = self.record.tell
        self._chain = Chain(self.record)

    @property
    def book(self) -> Book:
        """All alarms."""
        return self.record.book

    # ---- what rules find

    def found(
        self,
        code: str,
        t: int,
        reason: str,
        device: str | None = None,
        evidence: dict[str, Any] | None = None,
        *,
        severity: str | None = None,
    ) -> None:
        """Opens an alarm, or joins it to the open one it repeats (T-31). `severity` overrides the code's own."""
        kind, evidence = CODES[code], evidence or {}
        if (open_alarm := self._repeats(kind, device, t, evidence)) is not None:
            self._pressed_again(open_alarm, t)
            return
        if kind.flow is Flow.CALL:
            self._press_answers_question(t)
        self._open(kind, t, reason, device, evidence, severity or kind.severity.value)

    def upgraded(
        self,
        code: str,
        to: str,
        device: str | None,
        t: int,
        reason: str,
        evidence: dict[str, Any],
        *,
        severity: str | None = None,
    ) -> None:
        """The open alarm of `code` and `device` becomes `to`, with its severity: still one alarm (domain 3.2).

        With a `severity` of its own it opens one where the first has ended: it is new that it is that bad.
        """
        open_alarms = [a for a in self.book.live() if a.code == code and a.device == device]
        if severity is not None and not open_alarms:
            self.found(to, t, reason, device, evidence, severity=severity)
        for alarm in open_alarms:
            patch = {
                "code": to,
                "severity": severity or CODES[to].severity.value,
                "evidence": {**alarm.evidence, **evidence},
            }
            self.record.do(alarm, t, "upgraded", reason, patch=patch)
            if alarm.state is not State.PRE_ALARM:
                self.tell.publish(alarm, t, reason, again=f"{to}{t}")

    def _repeats(self, kind: Code, device: str | None, t: int, evidence: dict[str, Any]) -> Alarm | None:
        """The open alarm this repeats. What cannot be verified never opens a second one beside an open first."""
        doubtful = kind.name == "UNVERIFIED_PRESS" or "replay_suspect" in evidence
        join = self.record.parameters.ms("call_button.join_s")
        for alarm in self.book.live():
            if alarm.device != device or CODES[alarm.code].flow is not kind.flow or alarm.state is State.ATTENDED:
                continue
            if kind.flow is Flow.SERVICE or (doubtful and alarm.code == kind.name):
                return alarm
            if kind.flow is Flow.HAZARD and alarm.code == kind.name:
                return alarm  # a detector that chatters or goes on: one alarm (A25)
            if kind.flow is Flow.CALL and (alarm.state is State.ACCEPTED or t - alarm.last_press_t <= join):
                return alarm
        return None

    def _pressed_again(self, alarm: Alarm, t: int) -> None:
        """Every press gets feedback; one after acceptance tells the acceptor and the platform again."""
        if CODES[alarm.code].flow is Flow.HAZARD:
            self._detected_again(alarm, t)
            return
        presses = alarm.presses + 1
        self.record.do(alarm, t, "pressed", "pressed_again", patch={"presses": presses, "last_press_t": t})
        self.tell.feedback(alarm, self.book, t)
        if alarm.state is State.PRE_ALARM:
            self._announce(alarm, t)
            return
        if alarm.state is not State.ACCEPTED or CODES[alarm.code].flow is not Flow.CALL:
            self._chain.say_trying(alarm, t)
            return
        self.tell.publish(alarm, t, "pressed_again", again=f"press{presses}")
        again = alarm.accepted_by if self._chain.is_contact(alarm.accepted_by) else self._chain.first(alarm)
        if again is not None:
            self.tell.text(alarm, again, CODES[alarm.code].template, f"{_PRESS}{presses}")
        self.tell.say(alarm, t, "V05" if self.tell.unreachable else "V02", contact=again, again=True)

    def _detected_again(self, alarm: Alarm, t: int) -> None:
        """The detector says it still, or again: the home hears it, the platform knows; the chain goes its way."""
        presses = alarm.presses + 1
        self.record.do(alarm, t, "detected", "detected_again", patch={"presses": presses, "last_press_t": t})
        self.tell.publish(alarm, t, "detected_again", again=f"again{presses}")
        self.tell.say(alarm, t, CODES[alarm.code].ask)

    def _press_answers_question(self, t: int) -> None:
        """A call during 'have you fallen?' is the answer yes: it is sent at once (T-04)."""
        for alarm in list(self.book.live()):
            if alarm.state is State.PRE_ALARM and alarm.code in ("FALL", "FALL_IMMOBILE"):
                self._chain.raise_(alarm, t, "call_pressed")

    def _open(
        self, kind: Code, t: int, reason: str, device: str | None, evidence: dict[str, Any], severity: str
    ) -> None:
        known = self.tell.home.devices.get(device or "")
        patch = {
            "code": kind.name,
            "severity": severity,
            "device": device,
            "room": known.room if known else None,
            "evidence": evidence,
        }
        alarm = self.record.add(AlarmEvent(self.book.next_number, t, "opened", reason, State.DETECTED, patch))
        assert alarm is not None
        if kind.flow is Flow.CALL:
            self.tell.feedback(alarm, self.book, t)
        wait = self.record.parameters.ms(kind.pre_alarm) if kind.pre_alarm else 0
        if wait <= 0:
            self._chain.raise_(alarm, t, reason)
            return
        timers: Timers = {"pre": t + wait}
        if kind.flow is Flow.QUESTION:
            timers["ask"] = self.record.in_(t, "inactivity.repeat_s")
        self.record.move(alarm, t, Move.WARN, reason, timers=timers)
        self._announce(alarm, t)

    def _announce(self, alarm: Alarm, t: int) -> None:
        """What the elder hears in the pre-alarm: how long to cancel and who is told then, as far as that is true."""
        left = max(0, alarm.timers.get("pre", t) - t) // 1000
        alone = self.tell.unreachable
        self.tell.say(alarm, t, CODES[alarm.code].ask, n=left, contact=self._chain.first(alarm), alone=alone)

    # ---- what time does

    def due(self) -> tuple[int, int, str] | None:
        """The next alarm timer: (due, alarm number, name), earliest first, then in order of creation."""
        return self.book.next_timer()

    def fire(self, number: int, name: str) -> None:
        """Lets the timer `name` of an alarm do its work, at its due time."""
        alarm = self.book.alarms[number]
        t = alarm.timers[name]
        if name == "pre":
            asked = CODES[alarm.code].flow is Flow.QUESTION
            self._chain.raise_(alarm, t, "no_answer" if asked else "not_cancelled")
        elif name == "ask":
            again = self.record.in_(t, "inactivity.repeat_s")
            last = again >= alarm.timers.get("pre", again)
            self.record.do(alarm, t, "asked", "asked_again", timers={"ask": None if last else again})
            self._announce(alarm, t)
        else:
            self._chain.go_on(alarm, t, name)

    def returned(self, t: int) -> None:
        """Power is back at `t`: of the steps that fell into the gap each alarm takes the first, not all at once."""
        self.record.not_before = t
        for alarm in list(self.book.live()):
            timers: Timers = {n: t for n, due in alarm.timers.items() if n in _STEP_TIMERS and due < t}
            if timers:
                self.record.do(alarm, t, "resumed", "power_returned", timers=timers)

    # ---- what people say

    def cancel(self, t: int) -> None:
        """The elder pressed cancel: what was not sent yet is withdrawn; what was sent is told, not withdrawn (T-32)."""
        alarms = [a for a in self.book.live() if CODES[a.code].flow in _CANCELLABLE]
        asked = [a for a in alarms if a.state is State.PRE_ALARM]
        for alarm in asked:
            self.record.move(alarm, t, Move.CANCEL, "cancelled_by_elder", timers={"pre": None, "ask": None})
            self.tell.publish_event(alarm, t, "cancelled_by_elder")
            self.tell.say(alarm, t, "V06")
        if asked:
            self.tell.lamp(self.book, t)
            return
        for alarm in alarms:
            if alarm.state in (State.RAISED, State.UNANSWERED):
                self.record.move(alarm, t, Move.CANCEL, "cancelled_by_elder")
                self.tell.publish(alarm, t, "cancelled_by_elder")
                for contact in alarm.told:
                    self.tell.text(alarm, contact, "S11", "cancelled")

    def ok(self, t: int) -> bool:
        """The elder answers a question: whatever is asked about ends. Returns whether anything was asked."""
        asked = [a for a in self.book.live() if a.state is State.PRE_ALARM and CODES[a.code].flow is Flow.QUESTION]
        for alarm in asked:
            self._recover(alarm, t, "ok_reported")
        if asked:
            self.tell.say(asked[0], t, "V20")
        return bool(asked)

    def recovered(self, code: str, t: int, reason: str, device: str | None = None) -> None:
        """A rule takes back what is still only asked about; only who was well is thanked."""
        for alarm in list(self.book.live()):
            if alarm.code == code and alarm.state is State.PRE_ALARM and device in (None, alarm.device):
                self._recover(alarm, t, reason)
                if reason == "activity":
                    self.tell.say(alarm, t, "V20")

    def _recover(self, alarm: Alarm, t: int, reason: str) -> None:
        self.record.move(alarm, t, Move.RECOVER, reason, timers={"pre": None, "ask": None})
        self.tell.publish_event(alarm, t, reason)
        self.tell.lamp(self.book, t)

    def reply(self, contact: str, answer: str, reference: str | None, t: int) -> None:
        """A listed contact answered a text. Anyone else's never gets here."""
        if not self._chain.is_contact(contact):
            return
        meant = self._meant(reference)
        if not meant or answer not in ("1", "2"):
            self._puzzled(contact, t, several=not meant and answer in ("1", "2"))
            return
        for alarm in meant:
            if answer == "2":
                self._chain.decline(alarm, contact, t)
            elif alarm.state in WAITING:
                self._chain.accept(alarm, contact, "sms", t)
            elif alarm.accepted_by not in (None, contact):
                self.tell.text(alarm, contact, "S10", "taken", contact=alarm.accepted_by)

    def _meant(self, reference: str | None) -> list[Alarm]:
        """What a reply is about: the alarm of its reference, or the only one there is.

        Several calls from one device are one call for help; a bare digit answers them all.
        """
        open_alarms = [a for a in self.book.live() if a.state in WAITING or a.state is State.ACCEPTED]
        if reference is not None:
            return [a for a in open_alarms if a.reference == reference][-1:]
        waiting = [a for a in open_alarms if a.state in WAITING] or open_alarms
        same_call = all(a.device == waiting[0].device and CODES[a.code].flow is Flow.CALL for a in waiting)
        return waiting if len(waiting) == 1 or (waiting and same_call) else []

    def _puzzled(self, contact: str, t: int, *, several: bool) -> None:
        """An unreadable reply while somebody waits for an answer: say once what to write; the chain goes on."""
        for alarm in self.book.live():
            if alarm.state in WAITING and contact in alarm.told and contact not in alarm.puzzled:
                self.record.do(alarm, t, "puzzled", contact, patch={"puzzled": [*alarm.puzzled, contact]})
                self.tell.text(alarm, contact, "S21-ref" if several else "S21", "puzzled")
                return

    def stage(self, number: int, stage: str, by: str, outcome: str | None, t: int) -> bool:
        """The platform's people speak: ACCEPTED, ATTENDED or CLOSED. Returns whether it moved anything."""
        alarm = self.book.alarms.get(number)
        if alarm is None:
            return False
        if stage == "ACCEPTED" and alarm.state in WAITING:
            self._chain.accept(alarm, by, "platform", t)
        elif stage == "ATTENDED" and (alarm.state, Move.ATTEND) in MOVES:
            self._chain.attend(alarm, by, t)
        elif stage == "CLOSED" and (alarm.state, Move.CLOSE) in MOVES and outcome in Outcome.__members__:
            self._chain.close(alarm, by, str(outcome), t)
        else:
            return False
        return True

    def delivery(self, number: int, contact: str, sent: bool, t: int) -> None:
        """The channel says how a text went. One that can never arrive hands over to the next contact at once."""
        alarm = self.book.alarms.get(number)
        if alarm is None or alarm.ended:
            return
        self.record.do(alarm, t, "sent" if sent else "unsendable", contact)
        if not sent:
            self._chain.pass_on(alarm, contact, t)

    def arrived(self, by: str, t: int) -> None:
        """An authenticated visitor is at the door: whatever is open is attended."""
        for alarm in list(self.book.live()):
            if (alarm.state, Move.ATTEND) in MOVES:
                self._chain.attend(alarm, by, t)

    def wanted(self, action: Action, now: int | None = None) -> bool:
        """Whether an action that waited (no signal, a power cut) still says something true and useful (invariant vii).

        `now`: controller time; with it, a promise of seconds that have run meanwhile is not made any more.
        """
        number = None if isinstance(action, (AckDevice, Publish)) else action.alarm
        if number is None:
            return True
        alarm = self.book.alarms.get(number)
        if alarm is None:  # ended so long ago that it is forgotten; one from the future is not ours to judge
            return not 0 < number < self.book.next_number
        if isinstance(action, Text):
            return self._text_is_true(action, alarm)
        return not isinstance(action, Say) or self._say_is_true(action, alarm, now)

    def _text_is_true(self, text: Text, alarm: Alarm) -> bool:
        if text.template == CODES[alarm.code].template:  # "please go": to who promised, and after another press to all
            again = text.key.rpartition(":")[2].startswith(_PRESS)
            return alarm.state in WAITING or (
                alarm.state is State.ACCEPTED and (again or text.contact == alarm.accepted_by)
            )
        if text.template == "S10":  # "... has promised to go": still, and the same; the desk is nobody in particular
            promised = alarm.accepted_by if self._chain.is_contact(alarm.accepted_by) else None
            return alarm.state in (State.ACCEPTED, State.ATTENDED) and text.params.get("contact") in (promised, None)
        return text.template != "S21" or alarm.state in WAITING  # "nobody has taken it over yet"

    def _say_is_true(self, say: Say, alarm: Alarm, now: int | None) -> bool:
        if alarm.state not in _SAID_IN.get(say.prompt, frozenset(State)):
            return False
        if say.prompt == "V01" and now is not None:
            left = (alarm.timers.get("pre", now) - now) / 1000
            return bool(say.params.get("n", 0) <= left + LATE_S)
        if say.prompt in ("V02", "V05") and alarm.state is State.ACCEPTED:  # only a press after acceptance tries again
            return say.params.get("again") is True
        return True
