"""What devices say of themselves: battery low, taken off the wall, worn out. Events for who maintains, never alarms.

A low battery is told at its first word (T-23: within 1 h), again every 7 days, and as overdue after 14; it ends when
the battery was replaced and not when it recovers by a few points on a warm day. A tamper ends once it has been well
for a minute, so that a loose cover does not flood (A25).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.declared import Declared
from gateway.rules.rule import NOTHING, PlainRule, Signal, Technical

TAMPER_WELL_MS: Final = 60_000
_READ: Final = frozenset({Kind.BATTERY, Kind.BATTERY_LOW, Kind.TAMPER, Kind.END_OF_LIFE})
_BATTERY, _TAMPER, _OLD = "DEVICE_BATTERY_LOW", "DEVICE_TAMPER", "DEVICE_END_OF_LIFE"


class DeviceCondition(PlainRule):
    """Keeps which devices are low, open or worn out."""

    name = "device_condition"
    hears = _READ
    declared = Declared(
        "what devices say of themselves: battery, tamper, end of life",
        needs=("battery, battery_low, tamper or end_of_life of a registered device",),
        says=("DEVICE_BATTERY_LOW", "DEVICE_TAMPER", "DEVICE_END_OF_LIFE"),
        parameters=("battery.*",),
    )

    def __init__(self) -> None:
        self._known: frozenset[str] = frozenset()
        self._low_pct = self._replaced_pct = 0.0
        self._repeat = self._ticket = 0
        self._low: dict[str, list[int]] = {}  # device -> [since, next told]
        self._flagged: set[str] = set()  # low by their own word
        self._drained: set[str] = set()  # low by their percentage
        self._open: dict[str, int | None] = {}  # device -> when its tamper is over, None: open
        self._old: set[str] = set()
        self._due: int | None = None

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """The numbers in force; devices that are gone have nothing to tell."""
        self._known = frozenset(home.devices)
        self._low_pct = parameters["battery.low_pct"]
        self._replaced_pct = min(self._low_pct + parameters["battery.replaced_pct"], 100.0)
        self._repeat, self._ticket = parameters.ms("battery.repeat_h"), parameters.ms("battery.ticket_h")
        signals = [
            Technical(code, device, False, "removed")
            for code, table in ((_BATTERY, self._low), (_TAMPER, self._open), (_OLD, self._old))
            for device in sorted(set(table) - self._known)
        ]
        self._low = {d: row for d, row in self._low.items() if d in self._known}
        self._open = {d: over for d, over in self._open.items() if d in self._known}
        self._flagged &= self._known
        self._drained &= self._known
        self._old &= self._known
        self._plan()
        return signals

    # ---- what is said

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """A device speaks of itself; one that nobody registered has nobody to maintain it."""
        kind, device, value, t = observation.kind, observation.device, observation.value, observation.t
        if kind not in _READ or device is None or device not in self._known:
            return NOTHING
        if kind is Kind.TAMPER:
            signals = self._tamper(device, value is True, t)
        elif kind is Kind.END_OF_LIFE:
            signals = self._end_of_life(device, value is True)
        else:
            signals = self._battery(device, kind, value, t)
        self._plan()
        return signals

    def _battery(self, device: str, kind: Kind, value: Any, t: int) -> Iterable[Signal]:
        if kind is Kind.BATTERY_LOW:
            (self._flagged.add if value else self._flagged.discard)(device)
        elif value <= self._low_pct:
            self._drained.add(device)
        elif value >= self._replaced_pct:
            self._drained.discard(device)
        low = device in self._flagged or device in self._drained
        if low and device not in self._low:
            self._low[device] = [t, t + self._repeat]
            return (Technical(_BATTERY, device, True, "battery_low"),)
        if not low and self._low.pop(device, None) is not None:
            return (Technical(_BATTERY, device, False, "battery_replaced"),)
        return NOTHING

    def _tamper(self, device: str, opened: bool, t: int) -> Iterable[Signal]:
        if opened:
            news = device not in self._open
            self._open[device] = None
            return (Technical(_TAMPER, device, True, "tampered"),) if news else NOTHING
        if device in self._open and self._open[device] is None:
            self._open[device] = t + TAMPER_WELL_MS
        return NOTHING

    def _end_of_life(self, device: str, worn_out: bool) -> Iterable[Signal]:
        if worn_out == (device in self._old):
            return NOTHING
        (self._old.add if worn_out else self._old.discard)(device)
        return (Technical(_OLD, device, worn_out, "worn_out" if worn_out else "restored"),)

    # ---- time

    def _plan(self) -> None:
        dues = [due for _, due in self._low.values()] + [over for over in self._open.values() if over is not None]
        self._due = min(dues, default=None)

    def next_due(self) -> int | None:
        """When a low battery is told again, or a tamper is over."""
        return self._due

    def advance(self, t: int) -> Iterable[Signal]:
        """Tells again what is still low; ends what has been well."""
        signals: list[Signal] = []
        for device, row in self._low.items():
            if row[1] <= t:
                overdue = row[1] - row[0] >= self._ticket
                signals.append(Technical(_BATTERY, device, True, "battery_overdue" if overdue else "battery_still_low"))
                row[1] += self._repeat
        for device, over in list(self._open.items()):
            if over is not None and over <= t:
                del self._open[device]
                signals.append(Technical(_TAMPER, device, False, "restored"))
        self._plan()
        return signals

    def gap(self, start: int, end: int) -> None:
        """What was due meanwhile is due now, once."""
        for row in self._low.values():
            row[1] = max(row[1], end)
        self._open = {d: None if over is None else max(over, end) for d, over in self._open.items()}
        self._plan()

    def conditions(self) -> Iterable[tuple[str, str]]:
        """Who is low, open or worn out."""
        tables = ((_BATTERY, self._low), (_TAMPER, self._open), (_OLD, self._old))
        return [(code, device) for code, table in tables for device in table]

    def to_json(self) -> dict[str, Any]:
        """Who is low, open, old."""
        return {
            "low": {d: list(row) for d, row in self._low.items()},
            "flagged": sorted(self._flagged),
            "drained": sorted(self._drained),
            "open": dict(self._open),
            "old": sorted(self._old),
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._low = {str(d): [int(since), int(due)] for d, (since, due) in data["low"].items()}
        self._flagged, self._drained, self._old = set(data["flagged"]), set(data["drained"]), set(data["old"])
        self._open = {str(d): None if over is None else int(over) for d, over in data["open"].items()}
        self._plan()
