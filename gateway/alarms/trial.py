"""Tests: an alarm that goes the whole way and says everywhere that it is one (domain T-17, 3.5).

With `press` the voice asks for the red key (V15), and the first press while it waits is the test; a second is a call.
Without, it is sent at once. A contact's 1 closes it with outcome TEST, and only then V16 says that it worked. One that
nobody answered ends as TEST_UNANSWERED, which no person can say: after a while, or when the next is begun.

Whoever got hold of the platform's broker could call the family by tests, or have the voice ask for presses so that a
call is taken for one: from there so many a day begin, none at night, none twice, and none while somebody needs help.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.alarms.chain import Chain, silent_contacts
from gateway.alarms.codes import CODES, TEST_UNANSWERED
from gateway.alarms.life import WAITING, Alarm, AlarmEvent, Move, State
from gateway.alarms.record import Record

CODE: Final = "TEST_MANUAL"
COMMAND: Final = "test_alarm"
PLATFORM: Final = "platform"
DAY_MS: Final = 24 * 3_600_000
_TOLD: Final = ("from", "id", "by")  # who wanted it, kept with the alarm


class Trial:
    """One test at a time."""

    def __init__(self, record: Record, chain: Chain) -> None:
        self._record = record
        self._chain = chain
        self._tell = record.tell

    def begin(self, t: int, wanted: Mapping[str, Any], reason: str = "test_wanted") -> bool:
        """A test is wanted: `{"press"?, "from"?: "platform"|"local", "id"?, "by"?}`. Returns whether one began.

        One that is refused is told to the platform with the reason; a command that comes twice is one.
        """
        press, who = wanted.get("press") is True, {n: str(wanted[n])[:64] for n in _TOLD if wanted.get(n) is not None}
        if who.get("from") == PLATFORM and self._known(who.get("id")):
            return False
        if (why := self._refusal(t, who.get("from"))) is not None:
            if who:
                self._tell.note(CODE, t, why, who)
            return False
        for former in [a for a in self._record.book.live_in(State.UNANSWERED) if a.test]:
            self.unanswered(former, t, "another_test")
        patch: dict[str, Any] = {
            "code": CODE,
            "severity": CODES[CODE].severity.value,
            "device": None,
            "room": None,
            "evidence": {"rule": "test", "press": press, **who},
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

    def _known(self, request: str | None) -> bool:
        return any(a.test and a.evidence.get("id") == request for a in self._record.book.alarms.values())

    def _refusal(self, t: int, origin: str | None) -> str | None:
        """Why no test may begin now, or None. One that everybody was asked about keeps no other waiting."""
        live = [a for a in self._record.book.live() if not (a.test and a.state is State.UNANSWERED)]
        if any(a.test for a in live):
            return "test_underway"
        if any(a.state in WAITING or a.state is State.PRE_ALARM for a in live):
            return "alarm_open"
        if origin != PLATFORM:
            return None
        if self._tell.quiet.night(t):
            return "test_at_night"
        alarms = self._record.book.alarms.values()
        of_today = [a for a in alarms if a.evidence.get("from") == PLATFORM and a.test and t - a.opened_t < DAY_MS]
        return "test_too_often" if len(of_today) >= self._record.parameters["test.per_day"] else None

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

    def unanswered(self, alarm: Alarm, t: int, reason: str = "test_unanswered") -> None:
        """Everybody was asked and nobody answered: over, so that another test can begin. Not told as a success."""
        silent = silent_contacts(alarm)
        for contact in filter(None, silent.split(",")):
            self._record.do(alarm, t, "unanswered", contact)
        self._record.move(alarm, t, Move.CLOSE, reason, patch={"outcome": TEST_UNANSWERED, "asking": None})
        self._tell.publish(alarm, t, reason, outcome=TEST_UNANSWERED, unanswered=silent)
        self._tell.lamp(self._record.book, t)
