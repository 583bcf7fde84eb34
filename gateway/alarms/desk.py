"""What is done about what is found and said: the flows of domain 3.2. Decided; nothing carried out.

Takes findings, people's words and due timers; answers with alarm events (applied to the book at once) and actions.
Knows no clock, no phone number and no text: it names prompts and templates. Holds no state but the book and the mute.
What only repeats an open alarm `repeats` tells, what the elder answers is `elder`'s, who is told `chain`'s, what
people answer `people`'s, what may still be said `truth`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.actions import Action, Call
from gateway.alarms.chain import TEST_ENDS, Chain
from gateway.alarms.codes import CODES, Code, Flow
from gateway.alarms.elder import Elder
from gateway.alarms.hours import held_until
from gateway.alarms.life import WAITING, Alarm, AlarmEvent, Book, Move, State
from gateway.alarms.people import People
from gateway.alarms.quiet import Civil, Quiet
from gateway.alarms.record import Record, Timers
from gateway.alarms.repeats import SEEN, NeverStuck, Repeats, Stuck
from gateway.alarms.telling import FALLS, URGENT
from gateway.alarms.trial import Trial
from gateway.alarms.truth import PRESS, about, still_true
from gateway.home.model import HomeView
from gateway.parameters import Parameters

_STEP_TIMERS: Final = ("ask", "next", "persist", "speak", "repeat", "loop", "attend", "resume", TEST_ENDS)
_LOUDEST: Final = 3
_WELL: Final = frozenset({"activity", "got_up", "walking", "activity_elsewhere"})
"""Reasons of a recovery for which the elder is thanked: they are seen to be well."""
LINE_WAITS_MS: Final = 60_000
"""A call about what is no alarm waits so long, and again, while P0 or P1 may need the telephone (invariant iv)."""
UNKNOWN: Final = "rule_unavailable"
"""Reason of a recovery that knows of nothing better: the rule lost its sensors."""


class Desk:
    """Decides the flows. `when(t)` gives (ISO UTC, local HH:MM or None) for controller time `t`."""

    def __init__(
        self,
        book: Book,
        when: Callable[[int], tuple[str, str | None]],
        civil: Civil | None = None,
        buttons: Stuck | None = None,
    ) -> None:
        self.quiet = Quiet(civil)
        self.record = Record(book, when, self.quiet)
        self.tell = self.record.tell
        self._chain = Chain(self.record)
        self._elder = Elder(self.record, self._chain)
        self._people = People(self.record, self._chain)
        self._trial = Trial(self.record, self._chain)
        self._repeats = Repeats(self.record, buttons or NeverStuck())

    @property
    def book(self) -> Book:
        """All alarms."""
        return self.record.book

    def configure(self, home: HomeView, parameters: Parameters) -> None:
        """The home and the numbers in force."""
        self.tell.home = home
        self.record.parameters = self.quiet.parameters = parameters

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
        now: int | None = None,
    ) -> None:
        """Opens an alarm, or joins it to the open one it repeats (T-31). `severity` overrides the code's own.

        `t` is when it happened; `now`, later where signal came in bursts, is when anybody can be asked or told.
        """
        kind, evidence, now = CODES[code], evidence or {}, max(t, t if now is None else now)
        if (same_fall := self._repeats.fall(kind, device)) is not None:
            self.record.do(same_fall, t, "again", reason)
            return
        if kind.flow is Flow.CALL and (self._repeats.run(device, t) or self._trial.pressed(device, t)):
            return
        if (open_alarm := self._repeats.alarm(kind, device, t, evidence)) is not None:
            self._again(open_alarm, t)
            return
        if kind.flow is Flow.CALL:
            self._press_answers_question(t)
        self._open(kind, t, now, reason, device, evidence, severity or kind.severity.value)

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
        open_alarms = [a for a in self.book.live_of(device) if a.code == code]
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

    def _again(self, alarm: Alarm, t: int) -> None:
        flow = CODES[alarm.code].flow
        if alarm.deferred and not alarm.told and alarm.state in WAITING:
            self._chain.lasts(alarm, t)
        elif flow in SEEN:
            self._detected_again(alarm, t)
        else:
            self._pressed_again(alarm, t)

    def _detected_again(self, alarm: Alarm, t: int) -> None:
        """The detector says it still, or again: the home hears it, the platform knows; the chain goes its way."""
        presses = alarm.presses + 1
        self.record.do(alarm, t, "detected", "detected_again", patch={"presses": presses, "last_press_t": t})
        self.tell.publish(alarm, t, "detected_again", again=f"again{presses}")
        self.tell.say(alarm, t, CODES[alarm.code].ask)

    def _pressed_again(self, alarm: Alarm, t: int) -> None:
        """Every press gets feedback; one after acceptance tells the acceptor and the platform again."""
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
        contact = self._chain.contact(alarm.accepted_by) or self._chain.contact(self._chain.first(alarm, t))
        if contact is not None:
            self._chain.reaching.remind(alarm, contact, f"{PRESS}{presses}")
        again = contact.id if contact is not None else None
        self.tell.say(alarm, t, "V05" if self.tell.unreachable else "V02", contact=again, again=True)

    def _press_answers_question(self, t: int) -> None:
        """A call during 'have you fallen?' is the answer yes: it is sent at once (T-04). One that could not be verified
        is one with the call that follows it."""
        for alarm in list(self.book.live_in(State.PRE_ALARM)):
            if alarm.code in FALLS:
                self._chain.raise_(alarm, t, "call_pressed")
            elif alarm.code == "UNVERIFIED_PRESS":
                self._elder.recover(alarm, t, "call_pressed")

    def _open(
        self, kind: Code, t: int, now: int, reason: str, device: str | None, evidence: dict[str, Any], severity: str
    ) -> None:
        known = self.tell.home.devices.get(device or "")
        wait = self.record.parameters.ms(kind.pre_alarm) if kind.pre_alarm else 0
        if wait > 0:
            evidence = {**evidence, "pre_alarm_s": wait / 1000 if wait % 1000 else wait // 1000}
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
            self.tell.feedback(alarm, self.book, now)
        if wait <= 0:
            self._chain.raise_(alarm, now, reason)
            return
        timers: Timers = {"pre": now + wait}
        if kind.flow is Flow.QUESTION:
            timers["ask"] = self._asks_again(alarm, now)
        self.record.move(alarm, now, Move.WARN, reason, patch={"spoken": 1}, timers=timers)
        self._announce(alarm, now)

    def _asks_again(self, alarm: Alarm, t: int) -> int:
        return self.record.in_(t, "fall.repeat_s" if alarm.code in FALLS else "inactivity.repeat_s")

    def _announce(self, alarm: Alarm, t: int) -> None:
        """What the elder hears in the pre-alarm: how long to cancel and who is told then, as far as that is true."""
        left = max(0, alarm.timers.get("pre", t) - t) // 1000
        alone = self.tell.unreachable
        louder = {"level": min(alarm.spoken, _LOUDEST)} if alarm.code in FALLS else {}
        first = self._chain.first(alarm, t)
        self.tell.say(alarm, t, CODES[alarm.code].ask, n=left, contact=first, alone=alone, **louder)

    # ---- what time does

    def due(self) -> tuple[int, int, str] | None:
        """The next alarm timer: (due, alarm number, name), earliest first, then in order of creation."""
        return self.book.next_timer()

    def fire(self, number: int, name: str) -> None:
        """Lets the timer `name` of an alarm do its work, at its due time."""
        alarm = self.book.alarms[number]
        t = alarm.timers[name]
        if name == "pre" and alarm.test:
            self._trial.not_pressed(alarm, t)
        elif name == "pre":
            asked = CODES[alarm.code].flow is Flow.QUESTION
            self._chain.raise_(alarm, t, "no_answer" if asked else "not_cancelled")
        elif name == "ask":
            self._ask(alarm, t)
        elif name == TEST_ENDS and alarm.test:
            self._trial.unanswered(alarm, t)
        else:
            self._chain.go_on(alarm, t, name)

    def _ask(self, alarm: Alarm, t: int) -> None:
        """The question once more; what is not urgent is asked only so often at night (domain 4.5)."""
        again, spoken = self._asks_again(alarm, t), alarm.spoken + 1
        enough = alarm.severity not in URGENT and spoken >= self.record.parameters["night.repeats"]
        last = again >= alarm.timers.get("pre", again) or (enough and self.quiet.night(t))
        timers: Timers = {"ask": None if last else again}
        self.record.do(alarm, t, "asked", "asked_again", patch={"spoken": spoken}, timers=timers)
        self._announce(alarm, t)

    def returned(self, t: int) -> None:
        """Power is back at `t`: of the steps that fell into the gap each alarm takes the first, not all at once."""
        self.record.not_before = t
        for alarm in list(self.book.live()):
            redials = self._chain.reaching.timers_of(alarm)
            steps = (*_STEP_TIMERS, *redials)
            timers: Timers = {n: t for n, due in alarm.timers.items() if n in steps and due < t}
            if timers:
                self.record.do(alarm, t, "resumed", "power_returned", timers=timers)

    # ---- what the elder says

    def cancel(self, t: int) -> None:
        """The elder pressed cancel (`Elder.cancel`)."""
        self._elder.cancel(t)

    def ok(self, t: int) -> bool:
        """The elder answers a question; returns whether anything was asked (`Elder.ok`)."""
        return self._elder.ok(t)

    def ok_too_late(self, t: int) -> None:
        """The answer to a question that was sent meanwhile (`Elder.ok_too_late`)."""
        self._elder.ok_too_late(t)

    def mute(self, value: Any, t: int) -> None:
        """The elder wants quiet for a while: nothing below P1 is said (P0, P1 and tests are)."""
        self.quiet.mute(value, t)

    def test(self, t: int, wanted: Mapping[str, Any]) -> bool:
        """A test alarm is wanted (`Trial.begin`); returns whether one began."""
        return self._trial.begin(t, wanted)

    def recovered(self, code: str, t: int, reason: str, device: str | None = None) -> None:
        """A rule takes back what is still only asked about; only who was well is thanked.

        What was raised stays raised; if its contacts sleep until the morning they may, unless nobody can tell any more.
        """
        for alarm in list(self.book.live()):
            if alarm.code != code or device not in (None, alarm.device):
                continue
            if alarm.state is State.PRE_ALARM:
                self._elder.recover(alarm, t, reason)
                if reason in _WELL:
                    self.tell.say(alarm, t, "V20")
            elif reason != UNKNOWN:
                self._chain.eased(alarm, t, reason)

    # ---- what others say

    def reply(
        self, contact: str, answer: str, reference: str | None, t: int, via: str = "sms", *, line_waits: bool = False
    ) -> None:
        """A listed contact answered: by text, by a key in a call, by a link (`People.reply`)."""
        self._people.reply(contact, answer, reference, t, via, line_waits=line_waits)

    def open_alarm_for(self, contact: str) -> Alarm | None:
        """What a listed contact who rings back is told; None: nothing is open for them."""
        return self._people.open_alarm_for(contact)

    def delivery(self, number: int, contact: str, channel: str, result: str, t: int) -> None:
        """A channel says how a text or a call went."""
        self._people.delivery(number, contact, channel, result, t)

    def stage(self, number: int, stage: str, by: str, outcome: str | None, t: int) -> bool:
        """The platform's people speak: ACCEPTED, ATTENDED or CLOSED. Returns whether it moved anything."""
        return self._people.stage(number, stage, by, outcome, t)

    def arrived(self, by: str, t: int) -> None:
        """An authenticated visitor is at the door."""
        self._people.arrived(by, t)

    def way_is_back(self, t: int) -> None:
        """The cell is back: who was not reached for long hears that it had happened."""
        self._people.way_is_back(t)

    # ---- what may still be said

    def held_until(self, action: Action, now: int) -> int | None:
        """Until when an action must wait because its contact is to be left in peace, or the telephone is needed for a
        life; None: it may go (`hours`)."""
        if isinstance(action, Call) and action.alarm is None and self._somebody_is_called():
            return now + LINE_WAITS_MS
        return held_until(action, self.tell.home, self.quiet, now)

    def _somebody_is_called(self) -> bool:
        urgent = (a for state in (State.PRE_ALARM, *WAITING) for a in self.book.live_in(state))
        return any(a.severity in URGENT for a in urgent)

    def wanted(self, action: Action, now: int | None = None) -> bool:
        """Whether an action that waited (no signal, a power cut) still says something true and useful (invariant vii).

        `now`: controller time; with it, a promise of seconds that have run meanwhile is not made any more.
        """
        number = about(action)
        if number is None:
            return True
        alarm = self.book.alarms.get(number)
        if alarm is None:  # ended so long ago that it is forgotten; one from the future is not ours to judge
            return not 0 < number < self.book.next_number
        return still_true(action, alarm, self._people.promised(alarm), now)
