"""The alarms whose life is not over, found by what is asked about them: number, device, state, next timer.

A home that is drowned in calls has a thousand of them at once, and each press asks a dozen times. Knows how to find,
and nothing of what is done with what is found; every answer is what a look through all of them would give.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.alarms.life import Alarm, State

Timer = tuple[int, int, str]
"""(due, alarm number, name): what an alarm does next."""


class OpenAlarms:
    """Kept up to date by the book: `add` and `drop`, and `moved` and `wound` after an alarm has changed."""

    def __init__(self) -> None:
        self.all: dict[int, Alarm] = {}  # in order of number
        self._of_device = _Groups()
        self._in_state = _Groups()
        # each alarm's first timer; rows that no longer hold are passed over, so that a thousand open alarms cost a look
        # at one (None: to be made anew)
        self._timers: list[Timer] | None = None
        self._next: Timer | None = None
        self._next_known = False  # asked with every observation while an alarm is open, changed by its events alone

    def add(self, alarm: Alarm) -> None:
        """An alarm with a number above all others."""
        self.all[alarm.number] = alarm
        self._next_known = False
        self._of_device.put(alarm.device, alarm)
        self._in_state.put(alarm.state, alarm)

    def drop(self, alarm: Alarm, device: str | None, state: State) -> None:
        """Its life is over; `device` and `state` are what it was known by."""
        del self.all[alarm.number]
        self._next_known = False
        self._of_device.take(device, alarm)
        self._in_state.take(state, alarm)

    def moved(self, alarm: Alarm, device: str | None, state: State) -> None:
        """Its device or its state may be another; these are those from before."""
        if alarm.state is not state:
            self._in_state.take(state, alarm)
            self._in_state.put(alarm.state, alarm)
        if alarm.device != device:
            self._of_device.take(device, alarm)
            self._of_device.put(alarm.device, alarm)

    def of(self, device: str | None) -> Collection[Alarm]:
        """Those of one device, in order of number."""
        return self._of_device.of(device)

    def in_(self, state: State) -> Collection[Alarm]:
        """Those in one state, in order of number."""
        return self._in_state.of(state)

    # ---- timers

    def wound(self, alarm: Alarm) -> None:
        """Its timers changed."""
        self._next_known = False
        if self._timers is not None and (row := _first_timer(alarm)) is not None:
            heappush(self._timers, row)

    def next_timer(self) -> Timer | None:
        """The earliest timer of all; of two at once that of the lower number."""
        if not self._next_known:
            self._next, self._next_known = self._look_for_next(), True
        return self._next

    def _look_for_next(self) -> Timer | None:
        if self._timers is None or len(self._timers) > 4 * len(self.all) + 64:
            self._timers = [row for alarm in self.all.values() if (row := _first_timer(alarm)) is not None]
            heapify(self._timers)
        while self._timers:
            row = self._timers[0]
            alarm = self.all.get(row[1])
            if alarm is not None and _first_timer(alarm) == row:
                return row
            heappop(self._timers)
        return None


class _Groups:
    """Alarms by one thing about them, each group in order of number. No group is empty."""

    def __init__(self) -> None:
        self._groups: dict[Hashable, dict[int, Alarm]] = {}

    def put(self, key: Hashable, alarm: Alarm) -> None:
        group = self._groups.setdefault(key, {})
        late = bool(group) and alarm.number < next(reversed(group))
        group[alarm.number] = alarm
        if late:
            self._groups[key] = dict(sorted(group.items()))

    def take(self, key: Hashable, alarm: Alarm) -> None:
        group = self._groups[key]
        del group[alarm.number]
        if not group:
            del self._groups[key]

    def of(self, key: Hashable) -> Collection[Alarm]:
        group = self._groups.get(key)
        return () if group is None else group.values()


def _first_timer(alarm: Alarm) -> Timer | None:
    """What an alarm does next; of two at once what was set first."""
    name = min(alarm.timers, key=alarm.timers.__getitem__, default=None)
    return None if name is None else (alarm.timers[name], alarm.number, name)
