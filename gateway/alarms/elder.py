"""What the elder's own keys do to alarms: cancel, and OK (T-32).

What was not sent yet is withdrawn. What was sent is told and not withdrawn: it goes on until a person accepts.
"""

from __future__ import annotations

from typing import Final

from gateway.alarms.chain import Chain
from gateway.alarms.codes import CODES, Flow
from gateway.alarms.life import Alarm, Move, State
from gateway.alarms.record import Record

_CANCELLABLE: Final = frozenset({Flow.CALL, Flow.QUESTION, Flow.TEST})


class Elder:
    """Takes the elder's word, and lets the chain tell it."""

    def __init__(self, record: Record, chain: Chain) -> None:
        self._record, self._tell = record, record.tell
        self._chain = chain

    def cancel(self, t: int) -> None:
        """The elder pressed cancel: what was not sent yet is withdrawn; what was sent is told, not withdrawn (T-32)."""
        for alarm in list(self._record.book.live()):
            self._chain.hazards.hush(alarm, t)
        alarms = [a for a in self._record.book.live() if CODES[a.code].flow in _CANCELLABLE]
        asked = [a for a in alarms if a.state is State.PRE_ALARM]
        for alarm in asked:
            self._record.move(alarm, t, Move.CANCEL, "cancelled_by_elder", timers={"pre": None, "ask": None})
            self._tell.publish_event(alarm, t, "cancelled_by_elder")
            self._tell.say(alarm, t, "V06")
        if asked:
            self._tell.lamp(self._record.book, t)
            return
        self._take_back([a for a in alarms if not a.test], t, "cancelled_by_elder")

    def _take_back(self, alarms: list[Alarm], t: int, reason: str) -> None:
        """What was sent goes on until a person accepts (T-32). Contacts hear that a key was pressed, and the elder that
        it goes on: a key that answers nothing is pressed again and again."""
        sent = [a for a in alarms if a.state in (State.RAISED, State.UNANSWERED)]
        for alarm in sent:
            self._record.move(alarm, t, Move.CANCEL, reason)
            self._tell.publish(alarm, t, reason)
            for contact in alarm.told:
                self._chain.reaching.once(alarm, contact, "S11", t)
        if sent:
            self._chain.say_trying(sent[0], t, still=True)

    def ok(self, t: int) -> bool:
        """The elder answers a question: whatever is asked about ends. Returns whether anything was asked."""
        asked = [a for a in self._record.book.live_in(State.PRE_ALARM) if CODES[a.code].flow is Flow.QUESTION]
        for alarm in asked:
            self.recover(alarm, t, "ok_reported")
        if asked:
            self._tell.say(asked[0], t, "V20")
        return bool(asked)

    def ok_too_late(self, t: int) -> None:
        """A question that nobody answered in time was sent. The answer withdraws nothing now, as a cancel
        (T-32), but who was told "问话没有回应" hears that she has pressed a key after all."""
        questions = [a for a in self._record.book.live() if CODES[a.code].flow is Flow.QUESTION]
        self._take_back(questions, t, "ok_reported")

    def recover(self, alarm: Alarm, t: int, reason: str) -> None:
        """What is asked about ends; nobody was told, and the platform hears of it as an event."""
        self._record.move(alarm, t, Move.RECOVER, reason, timers={"pre": None, "ask": None})
        self._tell.publish_event(alarm, t, reason)
        self._tell.lamp(self._record.book, t)
