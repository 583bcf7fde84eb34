"""Observed silence, counted the plain way: an independent model of what the inactivity rule must find, and when.

It shares no code with the rule. It keeps one number, the observed silence so far, and walks from one moment to the
next: at each it asks whether this stretch could be observed at all (somebody listens, nothing needed is lost, nobody is
declared away), and adds the stretch or not. Supervision is modelled here too, because a lost sensor blinds the rule.
"""

from __future__ import annotations

import copy
from math import inf
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation

HOUR: Final = 3_600_000
NEEDED: Final = ("motion", "occupancy", "contact", "pressure", "bed", "appliance", "flush", "light", "water_meter")


class Silence:
    """Fed with what the controller is told, in order. `asked_at` fills with the moments a question is due."""

    def __init__(self) -> None:
        self.t = 0
        self.home = HomeView()
        self.needed: frozenset[str] = frozenset()
        self.limits: dict[str, int] = {}
        self.most_silent = 12 * HOUR  # a question comes so long after the last sign
        self.agreed = False  # to being watched, by anything at all
        self.silent = 0
        self.asked = False
        self.away_until: int | None = None
        self.at_home = True  # since the last absence somebody has shown to be there
        self.recording = True
        self.unrecorded: int | None = None  # since when nobody records what is heard
        self.lost: set[str] = set()
        self.heard: dict[str, int] = {}
        self.last: dict[str, Any] = {}
        self.keys: dict[str, int] = {}  # of presses, and when each was first heard
        self.out_since: int | None = None  # went out by the door, or said so, and not heard inside since
        self.deaf_until = 0
        self.returning = False
        self.by_door = False
        self.came_back = False  # by a door that told of every return so far, and not heard since
        self.ended = [0, 0]  # absences by door: ended by the door, ended without it
        self.out: tuple[Any, ...] | None = None  # the absence somebody heard inside has just ended, and when
        self.doubt: tuple[str | None, int] | None = None
        self.flow: dict[str, int] = {}
        self.asked_at: list[int] = []

    def copy(self) -> Silence:
        """The same, apart: what a crash takes back is the other one."""
        return copy.deepcopy(self)

    def observable(self) -> bool:
        """Whether activity would be seen now if there were any."""
        return (
            self.agreed
            and self.recording
            and self.away_until is None
            and (self.out_since is None or self.came_back)
            and self.needed.isdisjoint(self.lost)
        )

    def remember(self, o: Observation, events: list[dict[str, Any]], unconfirmed: bool) -> bool:
        """What a restart makes of a row: it hears it, and believes of questions only what is written down.

        Returns whether it has seen a question come due that is on no record: rows before it were lost with a full disk.
        """
        before = len(self.asked_at)
        self.tell(o)
        if any(e["what"] == "opened" and e["patch"]["code"] == "INACTIVITY" for e in events):
            if len(self.asked_at) == before:
                self.asked = True
            return False
        return unconfirmed or len(self.asked_at) > before

    def tell(self, o: Observation) -> None:
        """Time reaches `o`, then `o` is heard, then what is due at that very moment happens."""
        if o.kind is Kind.RESTART:
            shift = o.t - self.t  # nobody watched: not silence, and no device's fault
            self.heard = {d: t + shift for d, t in self.heard.items()}
            if self.out_since is not None:
                self.out_since += shift
            self._absence_ends(o.t, watched=False)
            self.t = o.t
        self._reach(o.t)
        again = o.key is not None and o.t - self.keys.get(o.key, -HOUR) <= 10 * 60_000
        if o.kind is not Kind.BUTTON or not again:  # the same packet again is nothing
            self._hear(o)
            if o.key is not None:
                self.keys[o.key] = o.t
        while self._happens():
            pass

    def _reach(self, until: int) -> None:
        """What is due before `until` happens when it is due."""
        while (moment := self._next()) < until:
            self._pass(moment)
            self._happens()
        self._pass(until)

    def _pass(self, until: int) -> None:
        if until > self.t:
            if self.observable():
                self.silent += until - self.t
            self.t = until

    def _next(self) -> float:
        """When something changes by itself."""
        moment = inf
        for device in self._heard_or_lost():
            moment = min(moment, self.heard[device] + self.limits[device])
        if self.away_until is not None:
            moment = min(moment, self.away_until)
        elif not self.asked and self.observable():
            moment = min(moment, self.t + max(0, self.most_silent - self.silent))
        return max(moment, self.t)

    def _happens(self) -> bool:
        for device in self._heard_or_lost():
            if self.heard[device] + self.limits[device] <= self.t:
                self._lose(device)
                return True
        if self._absence_ends(self.t):
            return True
        if not self.asked and self.silent >= self.most_silent and self.observable():
            self.asked = True
            self.asked_at.append(self.t)
            return True
        return False

    def _heard_or_lost(self) -> list[str]:
        """The devices whose own silence counts now: none while nobody records."""
        return [d for d in self.limits if d not in self.lost] if self.unrecorded is None else []

    def _records(self, on: bool, t: int) -> None:
        """What nobody recorded is no silence, of people or of devices."""
        self.recording = on
        if not on and self.unrecorded is None:
            self.unrecorded = t
        elif on and self.unrecorded is not None:
            self.heard = {d: min(heard + t - self.unrecorded, t) for d, heard in self.heard.items()}
            self.unrecorded = None

    def _lose(self, device: str) -> None:
        self.lost.add(device)
        if not self.observable():
            self.asked = False  # a question that can no longer be judged is taken back

    def _absence_ends(self, t: int, *, watched: bool = True) -> bool:
        if self.away_until is None or self.away_until > t - (not watched):
            return False
        self.away_until = None
        return True

    def _hear(self, o: Observation) -> None:
        device = o.device
        if o.kind is Kind.CONFIG:
            self._configure(o.value)
        if device is not None and o.kind is not Kind.CONDITION:
            if o.kind is Kind.SEEN and o.value is False:
                if device in self.home.devices:
                    self._lose(device)
            elif o.kind is not Kind.SEEN or o.value is True:
                self.lost.discard(device)
                if device in self.heard:
                    self.heard[device] = o.t
        if o.kind is Kind.AWAY:
            self._leaves(o)
        if o.kind is Kind.RECORDER:
            self._records(o.value, o.t)
        if not self.observable():
            self.asked = False
        if self._act(o) and (self._passes(o) or self._believed(o)):
            self.silent = 0
            self.asked = False

    def _passes(self, o: Observation) -> bool:
        """Somebody goes through the entrance door: out, as far as anybody knows yet."""
        device = self.home.devices.get(o.device or "")
        if o.kind is not Kind.CONTACT or device is None or not device.entrance:
            return False
        passing = self.doubt is not None and self.doubt[1] == o.t
        if self.out is not None and self.out[0] == o.t:  # heard inside and at the door in one moment: through it
            passing = True
            _, self.out_since, self.returning, self.came_back, self.by_door, self.ended = self.out
        self.out = None
        if self.out_since is None:
            self.returning, self.by_door = False, True
        elif o.t - self.out_since > 10 * 60_000:
            sound = self.ended[0] >= 8 and 9 * self.ended[1] <= self.ended[0]
            self.came_back = sound and self.by_door and not self.returning
            self.returning = True
        elif o.t - self.out_since > 60_000:
            self.came_back = False
        self.out_since, self.doubt = o.t, None
        self.deaf_until = o.t - 1 if self.returning else o.t + 20_000
        if passing and self.returning:
            self._comes_in(o.t)
        return True

    def _believed(self, o: Observation) -> bool:
        """After a departure only what cannot well be wrong says that somebody is in: water alone may drip."""
        if self.out_since is not None:
            inside = [d for d in self.home.devices.values() if d.kind in NEEDED and not d.entrance]
            if o.t <= self.deaf_until:
                return False
            if o.kind is Kind.WATER_VOLUME and not self.returning and len(inside) >= 3:
                before, self.doubt = self.doubt, (o.device, o.t)
                if before is None or before[0] == o.device or o.t - before[1] > HOUR / 2:
                    return False
        self._comes_in(o.t)
        return True

    def _comes_in(self, t: int) -> None:
        if self.out_since is not None:
            self.out = (t, self.out_since, self.returning, self.came_back, self.by_door, list(self.ended))
            if self.by_door and (self.returning or t - self.out_since > 10 * 60_000):
                self.ended[not self.returning] += 1
                if sum(self.ended) >= 64:
                    self.ended = [n // 2 for n in self.ended]
        self.out_since, self.doubt, self.at_home, self.came_back = None, None, True, False

    def _leaves(self, o: Observation) -> None:
        """Away lasts 12 h at most; saying it again does not prolong it, and only somebody at home can say it anew."""
        if o.value is not True:
            self.away_until, self.out_since, self.at_home, self.came_back = None, None, True, False
        elif self.away_until is None and self.at_home:
            self.away_until, self.at_home = o.t + 12 * HOUR, False
            if self.out_since is None:
                self.out_since, self.returning, self.doubt, self.by_door = o.t, False, None, False
                self.deaf_until = o.t + 10 * 60_000

    def _act(self, o: Observation) -> bool:
        """Whether somebody must be there for this to be said."""
        if o.kind is Kind.MOTION:
            return o.value is True
        if o.kind in (Kind.CONTACT, Kind.BED, Kind.WATER_VOLUME) and o.device is not None:
            known, before = o.device in self.last, self.last.get(o.device)
            self.last[o.device] = o.value
            if o.kind is Kind.WATER_VOLUME:
                flowed = self.flow.get(o.device)
                if not known or o.value <= before:
                    return False
                self.flow[o.device] = o.t
                return flowed is None or o.t - flowed >= 9 * 60_000  # else the same draw goes on
            return not known or before != o.value
        return o.kind is Kind.BUTTON

    def _configure(self, value: dict[str, Any]) -> None:
        from gateway.home.model import view_from_json

        self.home = view_from_json(value)
        devices, numbers = self.home.devices.values(), self.home.settings
        most, question = numbers.get("inactivity.limit_h", 12), numbers.get("inactivity.question_min", 5)
        self.most_silent = round(most * HOUR - question * 60_000)
        self.needed = frozenset(d.id for d in devices if d.kind in NEEDED)
        self.agreed = self.home.consents.get("MONITORING", False) and bool(self.needed)
        self.limits = {d.id: max(round(d.heartbeat_s * 3000), HOUR) for d in devices if d.heartbeat_s is not None}
        self.heard = {d: self.heard.get(d, self.t) for d in self.limits}
        self.lost &= set(self.home.devices)
        self.last = {d: v for d, v in self.last.items() if d in self.home.devices}
