"""Which finding is a new alarm, and which only repeats one that is open (T-31): judged here, done at the desk."""

from __future__ import annotations

from typing import Any, Final, Protocol

from gateway.alarms.codes import CODES, Code, Flow
from gateway.alarms.life import WAITING, Alarm, State
from gateway.alarms.record import Record
from gateway.alarms.telling import FALLS

SEEN: Final = frozenset({Flow.HAZARD, Flow.SILENT, Flow.ABSENT})
"""Found anew it is the same alarm, and nobody at home pressed anything."""


class Stuck(Protocol):
    """Which call buttons are known to be held down or to chatter (`gateway.rules.stuck_button.StuckButton`)."""

    def stuck(self, device: str | None, /) -> bool:
        """Whether this button is."""
        ...

    def run_since(self, device: str | None, t: int, /) -> int | None:
        """When the unbroken run began that a press at `t` goes on; None after a pause, which is a person's press."""
        ...


class NeverStuck:
    """Every press is a person's."""

    def stuck(self, _: str | None) -> bool:
        """Not known to be stuck."""
        return False

    def run_since(self, *_: object) -> int | None:
        """No run."""
        return None


class Repeats:
    """Compares what is found with the alarms that are open. Changes nothing."""

    def __init__(self, record: Record, buttons: Stuck) -> None:
        self._record = record
        self._stuck = buttons

    def run(self, device: str | None, t: int) -> bool:
        """Whether a press only goes on an unbroken run of a stuck button, which has said what it can say.

        One alarm for as long as that is open. Once it is over the run calls again after a while, each time after twice
        that: somebody in panic may press on and on while a desk closes her alarm too soon. A press after a pause is a
        person's and always counts.
        """
        began = self._stuck.run_since(device, t)
        if began is None:
            return False
        calls = [a for a in self._record.book.alarms.values() if a.device == device and CODES[a.code].flow is Flow.CALL]
        if any(not a.ended for a in calls):
            return True
        over = [a.ended_t for a in calls if a.ended_t >= began]
        if not over:
            return False
        first, most = (self._record.parameters.ms(f"call_button.stuck_again_{unit}") for unit in ("s", "min"))
        return t - max(over) < min(first << min(len(over) - 1, 16), max(most, first))

    def alarm(self, kind: Code, device: str | None, t: int, evidence: dict[str, Any]) -> Alarm | None:
        """The open alarm this repeats. What cannot be verified never opens a second one beside an open first."""
        doubtful = kind.name == "UNVERIFIED_PRESS" or "replay_suspect" in evidence
        join = self._record.parameters.ms("call_button.join_s")
        stuck = self._stuck.stuck(device)  # and the press came after a pause: heard, and one more of the same call
        for alarm in self._record.book.live_of(device):
            if CODES[alarm.code].flow is not kind.flow or alarm.state is State.ATTENDED:
                continue
            if kind.flow is Flow.SERVICE or (doubtful and alarm.code == kind.name):
                return alarm
            if kind.flow in SEEN and alarm.code == kind.name:
                return alarm  # a detector that chatters or goes on: one alarm (A25)
            if alarm.code == kind.name and alarm.deferred and not alarm.told and alarm.state in WAITING:
                return alarm  # put off until the morning, and it lasts
            if kind.flow is Flow.CALL and (alarm.state is State.ACCEPTED or t - alarm.last_press_t <= join or stuck):
                return alarm
        return None

    def fall(self, kind: Code, device: str | None) -> Alarm | None:
        """The fall of this wearable that is not over: one fall is one alarm, however often its wearer is moved."""
        if kind.name not in FALLS and kind.name != "LONG_LIE":
            return None
        return next((a for a in self._record.book.live_of(device) if a.code in FALLS), None)
