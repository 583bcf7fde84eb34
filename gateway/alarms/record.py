"""Writing the record: the one way in which deciding changes the book, as events that are also its history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.alarms.life import MOVES, Alarm, AlarmEvent, Book, Move, State
from gateway.alarms.quiet import Quiet
from gateway.alarms.telling import Telling
from gateway.parameters import Parameters

Timers = dict[str, int | None]


class Record:
    """The book, the events decided since it was last read out, and the numbers in force.

    `not_before`: after a power cut, steps that follow an overdue one are counted from the return of power and not from
    their due time, so that one hour without power is not one hour's texts at once.
    """

    def __init__(self, book: Book, when: Callable[[int], tuple[str, str | None]], quiet: Quiet | None = None) -> None:
        self.book = book
        self.parameters = Parameters()
        self.events: list[AlarmEvent] = []
        self.tell = Telling(when, quiet)
        self.not_before = 0

    def in_(self, t: int, name: str) -> int:
        """When the duration `name` from `t` on is over."""
        return max(t, self.not_before) + self.parameters.ms(name)

    def do(
        self,
        alarm: Alarm,
        t: int,
        what: str,
        reason: str,
        *,
        state: State | None = None,
        patch: dict[str, Any] | None = None,
        timers: Timers | None = None,
    ) -> None:
        """Something happened to an alarm: noted and applied. A timer that does not run need not be stopped."""
        wound = {name: due for name, due in (timers or {}).items() if due is not None or name in alarm.timers}
        self.add(AlarmEvent(alarm.number, t, what, reason, state, patch or {}, wound))

    def move(
        self,
        alarm: Alarm,
        t: int,
        move: Move,
        reason: str,
        *,
        patch: dict[str, Any] | None = None,
        timers: Timers | None = None,
    ) -> None:
        """An alarm moves along the table; raises KeyError for a move the table has not (a fault of ours)."""
        self.do(alarm, t, "moved", reason, state=MOVES[alarm.state, move], patch=patch, timers=timers)

    def add(self, event: AlarmEvent) -> Alarm | None:
        """Notes and applies an event as it is; returns its alarm."""
        self.events.append(event)
        return self.book.apply(event)
