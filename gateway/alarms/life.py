"""The life of an alarm: its states, what moves it, and the fold that rebuilds it from its record.

Rules this file keeps:
- A state changes only along `MOVES`; what is not in the table cannot happen.
- From RAISED on, only an authenticated person ends an alarm (ACCEPTED stops the chain, CLOSED ends it). The elder's
  cancel after sending is noted and told, but withdraws nothing (T-32). No timer leads to silence; a test that nobody
  answered ends by itself (`trial`), for nobody waits for it.
- An `Alarm` changes only by `Book.apply(event)`. Deciding makes events; applying them is a generic patch, so an old
  journal gives the same book whatever newer code would have decided.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from gateway.alarms.open_alarms import OpenAlarms, Timer
from gateway.alarms.shape import checks_of, whole
from gateway.observations import BadObservation


class State(StrEnum):
    """Where an alarm is in its life (domain 3.2)."""

    DETECTED = "DETECTED"  # a rule has decided
    PRE_ALARM = "PRE_ALARM"  # the elder may still cancel or answer
    CANCELLED_LOCAL = "CANCELLED_LOCAL"  # ended by the elder before anything was sent
    RECOVERED = "RECOVERED"  # ended by an answer or activity before anything was sent
    RAISED = "RAISED"  # contacts and platform are being told
    UNANSWERED = "UNANSWERED"  # everybody was told twice, nobody accepted; the platform is told again and again
    CANCELLED_BY_USER = "CANCELLED_BY_USER"  # the elder cancelled after sending: goes on until a person accepts
    ACCEPTED = "ACCEPTED"  # a person said: I go
    ATTENDED = "ATTENDED"  # a person is there
    CLOSED = "CLOSED"  # ended, with an outcome


class Move(StrEnum):
    """What can move an alarm."""

    WARN = "warn"  # open the cancel window
    RAISE = "raise"  # window over, or none
    CANCEL = "cancel"  # the elder pressed cancel
    RECOVER = "recover"  # answered, active again, or the rule can no longer tell
    ACCEPT = "accept"
    EXHAUST = "exhaust"  # all contacts told in every round
    LAPSE = "lapse"  # accepted, but nobody came
    ATTEND = "attend"
    CLOSE = "close"


_OPEN: Final = (State.RAISED, State.UNANSWERED, State.CANCELLED_BY_USER)

MOVES: Final[dict[tuple[State, Move], State]] = {
    (State.DETECTED, Move.WARN): State.PRE_ALARM,
    (State.DETECTED, Move.RAISE): State.RAISED,
    (State.PRE_ALARM, Move.RAISE): State.RAISED,
    (State.PRE_ALARM, Move.CANCEL): State.CANCELLED_LOCAL,
    (State.PRE_ALARM, Move.RECOVER): State.RECOVERED,
    (State.RAISED, Move.CANCEL): State.CANCELLED_BY_USER,
    (State.UNANSWERED, Move.CANCEL): State.CANCELLED_BY_USER,
    (State.RAISED, Move.EXHAUST): State.UNANSWERED,
    (State.CANCELLED_BY_USER, Move.EXHAUST): State.UNANSWERED,
    **{(s, Move.ACCEPT): State.ACCEPTED for s in _OPEN},
    **{(s, Move.ATTEND): State.ATTENDED for s in (*_OPEN, State.ACCEPTED)},
    **{(s, Move.CLOSE): State.CLOSED for s in (*_OPEN, State.ACCEPTED, State.ATTENDED)},
    (State.ACCEPTED, Move.LAPSE): State.RAISED,
}

ENDED: Final = frozenset({State.CANCELLED_LOCAL, State.RECOVERED, State.CLOSED})
WAITING: Final = frozenset(_OPEN)
"""Sent, and nobody has accepted: the chain runs."""


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """One line of an alarm's record: what happened at controller time `t`, and the patch it makes.

    `state` is set when the alarm moved; `patch` overwrites fields of the alarm; `timers` sets (ms) or clears (None).
    """

    alarm: int
    t: int
    what: str
    reason: str
    state: State | None = None
    patch: dict[str, Any] = field(default_factory=dict)
    timers: dict[str, int | None] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A JSON object `event_from_json` turns back into an equal event."""
        made: dict[str, Any] = {"alarm": self.alarm, "t": self.t, "what": self.what, "reason": self.reason}
        if self.state is not None:
            made["state"] = self.state.value
        if self.patch:
            made["patch"] = self.patch
        if self.timers:
            made["timers"] = self.timers
        return made


def event_from_json(data: dict[str, Any]) -> AlarmEvent:
    """The inverse of `AlarmEvent.to_json`; raises `BadObservation` for what is not one."""
    if not isinstance(data, dict):
        raise BadObservation("alarm event: expected an object")
    number, t, what, reason = (data.get(key) for key in ("alarm", "t", "what", "reason"))
    patch, timers = data.get("patch", {}), data.get("timers", {})
    if not (isinstance(number, int) and whole(number) and isinstance(t, int) and whole(t)):
        raise BadObservation("alarm event: alarm and t: expected whole numbers")
    if not (isinstance(what, str) and isinstance(reason, str)):
        raise BadObservation("alarm event: what and reason: expected texts")
    _check_patch(what, patch)
    if not (isinstance(timers, dict) and all(due is None or (whole(due) and due >= t) for due in timers.values())):
        raise BadObservation("alarm event: timers: expected times from the event on, or null")
    try:
        state = None if data.get("state") is None else State(data["state"])
    except ValueError:
        raise BadObservation("alarm event: state: unknown") from None
    return AlarmEvent(number, t, what, reason, state, dict(patch), dict(timers))


def _check_patch(what: str, patch: Any) -> None:
    """Fields we do not know are of a newer version and change nothing."""
    if not isinstance(patch, dict):
        raise BadObservation("alarm event: patch: expected an object")
    wrong = [name for name, value in patch.items() if name in _PATCHABLE and not _FITS[name](value)]
    if what == "opened":
        wrong += [name for name in _OPENED_WITH if name not in patch]
    if wrong:
        raise BadObservation(f"alarm event: patch: {', '.join(wrong)}: missing or of the wrong type")


@dataclass(slots=True)
class Alarm:
    """One alarm as its record says it is now. Times are controller ms."""

    number: int
    code: str
    severity: str
    state: State
    device: str | None
    room: str | None
    reason: str
    evidence: dict[str, Any]
    opened_t: int
    ended_t: int = 0
    last_press_t: int = 0
    presses: int = 1
    round: int = 0
    told: list[str] = field(default_factory=list)  # contacts whom this alarm was sent to, in order of first telling
    asked: list[str] = field(default_factory=list)  # of them, those of this round
    asking: str | None = None  # whose answer is awaited now
    accepted_by: str | None = None
    puzzled: list[str] = field(default_factory=list)  # contacts whose reply we could not read, told so once
    dialled: dict[str, int] = field(default_factory=dict)  # contact -> how often phoned since last told
    declined: dict[str, int] = field(default_factory=dict)  # contact -> when they last said that they cannot go
    sent: list[str] = field(default_factory=list)  # contacts a text about this alarm got out to
    late: list[str] = field(default_factory=list)  # contacts told afterwards that it had happened (S18)
    heard: list[str] = field(default_factory=list)  # "S11:c1": what each contact was told once and for all
    deferred: bool = False  # its first text waited, or waits, for the morning
    spoken: int = 0  # how often the question was asked
    outcome: str | None = None
    test: bool = False
    timers: dict[str, int] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """The two digits people answer with."""
        return f"{self.number % 100:02d}"

    @property
    def ended(self) -> bool:
        """Whether this alarm's life is over."""
        return self.state in ENDED


_FITS: Final = checks_of(Alarm.__dataclass_fields__)
_OPENED_WITH: Final = ("code", "severity", "device", "room", "evidence")
_PATCHABLE: Final = frozenset(Alarm.__dataclass_fields__) - {"number", "state", "timers", "ended_t"}
KEPT_ENDED: Final = 100
"""Ended alarms kept in memory for late answers and joins; the journal keeps all of them."""


class Book:
    """All alarms that are open, and the last few that ended. Knows how to apply an event and nothing else."""

    def __init__(self) -> None:
        self.alarms: dict[int, Alarm] = {}
        self.next_number = 1
        self._open_alarms = OpenAlarms()

    def apply(self, event: AlarmEvent) -> Alarm | None:
        """Applies one event; an event of an alarm we no longer hold changes nothing and returns None."""
        if event.what == "opened":
            self._open(event)
        alarm = self.alarms.get(event.alarm)
        if alarm is None:
            return None
        device, state = alarm.device, alarm.state
        for name, value in event.patch.items():
            if name in _PATCHABLE:
                setattr(alarm, name, value)
        for name, due in event.timers.items():
            if due is None:
                alarm.timers.pop(name, None)
            else:
                alarm.timers[name] = due
        if event.state is not None:
            alarm.state = event.state
            if alarm.ended:
                alarm.ended_t = event.t
                alarm.timers.clear()
        self._follow(alarm, device, state)
        if event.timers and not alarm.ended:
            self._open_alarms.wound(alarm)
        return alarm

    def _follow(self, alarm: Alarm, device: str | None, state: State) -> None:
        """What is found of open alarms is found as they are now; `device` and `state` are from before."""
        known = alarm.number in self._open_alarms.all
        if known and alarm.ended:
            self._open_alarms.drop(alarm, device, state)
        elif known:
            self._open_alarms.moved(alarm, device, state)
        elif not alarm.ended:  # no move leads back to life, a foreign record might
            self._look_through()

    def _look_through(self) -> None:
        self._open_alarms = OpenAlarms()
        for alarm in self.alarms.values():
            if not alarm.ended:
                self._open_alarms.add(alarm)

    def _open(self, event: AlarmEvent) -> None:
        self._forget_oldest()  # when a new one opens: who hears that an old one ended must still find it
        patch = event.patch
        alarm = self.alarms[event.alarm] = Alarm(
            number=event.alarm,
            code=patch["code"],
            severity=patch["severity"],
            state=State.DETECTED,
            device=patch["device"],
            room=patch["room"],
            reason=event.reason,
            evidence=patch["evidence"],
            opened_t=event.t,
            last_press_t=event.t,
        )
        if event.alarm >= self.next_number:
            self._open_alarms.add(alarm)
            self.next_number = event.alarm + 1
        else:  # numbers only ever grow, a foreign record's might not
            self._look_through()

    def _forget_oldest(self) -> None:
        surplus = len(self.alarms) - len(self._open_alarms.all) - KEPT_ENDED
        if surplus > 0:
            for number in [n for n in self.alarms if n not in self._open_alarms.all][:surplus]:
                del self.alarms[number]

    def next_timer(self) -> Timer | None:
        """The next timer of any alarm: (due, alarm number, name), earliest first, then in order of creation."""
        return self._open_alarms.next_timer()

    @property
    def busy(self) -> bool:
        """Whether there is an alarm whose life is not over: else none has a timer."""
        return bool(self._open_alarms.all)

    def live(self) -> Collection[Alarm]:
        """Alarms whose life is not over, in order of number."""
        return self._open_alarms.all.values()

    def live_of(self, device: str | None) -> Collection[Alarm]:
        """Those of them that are this device's, in order of number."""
        return self._open_alarms.of(device)

    def live_in(self, state: State) -> Collection[Alarm]:
        """Those of them that are in this state, in order of number."""
        return self._open_alarms.in_(state)

    def to_json(self) -> dict[str, Any]:
        """The whole book as JSON, for a snapshot."""
        rows = [
            {name: _plain(getattr(alarm, name)) for name in Alarm.__dataclass_fields__}
            for alarm in self.alarms.values()
        ]
        return {"next": self.next_number, "alarms": rows}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Book:
        """The inverse of `to_json`; raises KeyError, TypeError or ValueError for what is not a book."""
        book = cls()
        if not whole(data["next"]):
            raise ValueError("next: expected a whole number")
        book.next_number = data["next"]
        for row in data["alarms"]:
            known = {k: v for k, v in row.items() if k in _FITS}
            if wrong := [name for name, value in known.items() if not _FITS[name](value)]:
                raise ValueError(f"alarm: {', '.join(wrong)}: of the wrong type")
            alarm = Alarm(**{**known, "state": State(row["state"])})
            book.alarms[alarm.number] = alarm
        book._look_through()
        return book


def _plain(value: Any) -> Any:
    """A copy that later patches cannot reach."""
    if isinstance(value, State):
        return value.value
    if isinstance(value, list):
        return list(value)
    return dict(value) if isinstance(value, dict) else value
