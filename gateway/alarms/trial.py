"""Tests: an alarm that goes the whole way and says everywhere that it is one (domain T-17, 3.5).

With `press` the voice asks for the red key (V15), and the first press while it waits is the test; a second is a call.
Without, it is sent at once. A contact's 1 closes it with outcome TEST, and only then V16 says that it worked.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.alarms.chain import Chain
from gateway.alarms.codes import CODES
from gateway.alarms.life import Alarm, AlarmEvent, Move, State
from gateway.alarms.record import Record

CODE: Final = "TEST_MANUAL"


class Trial:
    """One test at a time."""

    def __init__(self, record: Record, chain: Chain) -> None:
        self._record = record
        self._chain = chain
        self._tell = record.tell

    def begin(self, t: int, *, press: bool, reason: str) -> bool:
        """A test is wanted; returns whether one began (one that is under way is not doubled)."""
        if any(a.test for a in self._record.book.live()):
            return False
        patch: dict[str, Any] = {
            "code": CODE,
            "severity": CODES[CODE].severity.value,
            "device": None,
            "room": None,
            "evidence": {"press": press},
            "test": True,
        }
        record = self._record
        alarm = record.add(AlarmEvent(record.book.next_number, t, "opened", reason, State.DETECTED, patch))
        assert alarm is not None
        if not press:
            self._chain.raise_(alarm, t, reason)
            return True
        record.move(alarm, t, Move.WARN, reason, timers={"pre": record.in_(t, "test.window_s")})
        self._tell.say(alarm, t, CODES[CODE].ask)
        return True

    def pressed(self, device: str | None, t: int) -> bool:
        """A call button was pressed; returns whether that was the press a test waits for."""
        alarm = next((a for a in self._record.book.live_in(State.PRE_ALARM) if a.test), None)
        if alarm is None:
            return False
        known = self._tell.home.devices.get(device or "")
        patch = {"device": device, "room": known.room if known else None}
        self._record.do(alarm, t, "pressed", "test_pressed", patch=patch)
        self._tell.feedback(alarm, self._record.book, t)
        self._chain.raise_(alarm, t, "test_pressed")
        return True

    def not_pressed(self, alarm: Alarm, t: int) -> None:
        """Nobody pressed in time: the platform knows, nobody is told that it worked."""
        self._record.move(alarm, t, Move.RECOVER, "test_not_pressed", timers={"pre": None})
        self._tell.publish_event(alarm, t, "test_not_pressed")
        self._tell.lamp(self._record.book, t)
