"""每日一句平安: at the hour a contact chose, one consented line about the day; when the gateway was blind it says so.

Says what was seen and nothing more; what a door or a bed repeats of itself is not seen. "As usual" only if there was
activity in at least as many hours as half of this home's usual day, and the sensors were there to see it; that the
devices are fine only while nothing is known to be wrong with any. A reply within a day counts as the child's contact
(子女联系).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Set
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.civil import CivilTime
from gateway.rules.declared import Declared
from gateway.rules.inactivity.witnesses import ACTS, Witnesses
from gateway.rules.rule import NOTHING, Line, Note, PlainRule, Readiness, Signal, Status, Technical
from gateway.rules.schedule import Daily, minutes_of

ACTIVE: Final = ACTS - {Kind.POWER}
_OF_THE_DAY: Final = ACTIVE | {Kind.REPLY, Kind.RECORDER, Kind.CLOCK}
SEEING: Final = frozenset(
    {"motion", "occupancy", "contact", "pressure", "bed", "appliance", "flush", "light", "water_meter"}
)
NO_FAULT: Final = frozenset(
    {"AUTH_FAILED", "DEVICE_BATTERY_LOW", "DOOR_LEFT_OPEN", "GEOFENCE_EXIT", "HOME_AWAY", "LEAK_SUSPECTED",
     "LEDGER_REVIEW_DUE", "METER_REBASED", "TEST_MANUAL", "VISIT_OVERDUE", "VITAL_TREND", "WATCHDOG_RESTART",
     "WATER_HIGH_USE"}
)  # fmt: skip
"""Conditions with which every device still does its work (a battery that runs low is told by S16; some are of people,
and a meter begins anew once and never ends it); any other one that is on forbids to call the devices fine."""
HOUR_MS: Final = 3_600_000
STALE_MS: Final = 2 * HOUR_MS  # a line about the evening is not for the night
USUAL_DAYS: Final = 14
LEAST_DAYS: Final = 3  # of which there must be some before "as usual" may be said
LEAST_SHARE: Final = 0.5
BLIND_MS: Final = 2 * HOUR_MS  # of a day: then it is said
REPLY_MS: Final = 24 * HOUR_MS
TRENDS: Final = ((150, "HIGH"), (60, "NORMAL"), (30, "LOW"), (0, "VERY_LOW"))
"""[P] From so many per cent of the usual on."""


class DailyLine(PlainRule):
    """Keeps which hours of the day were active and which nobody watched, and writes the line."""

    name = "daily_line"
    declared = Declared(
        "one line about the day to each contact who chose an hour",
        needs=("a contact with daily_line; consents NOTIFY_FAMILY and MONITORING",),
        says=("CHILD_CONTACT",),
        consent="MONITORING",
        clock=True,
    )

    def __init__(self, civil: CivilTime) -> None:
        self._civil = civil
        self._times: dict[str, Daily] = {}  # contact -> when
        self._consented = False
        self._witnesses = Witnesses()
        self._seeing: frozenset[str] = frozenset()
        self._lost: frozenset[str] = frozenset()
        self._faults: set[tuple[str, str]] = set()  # (code, subject) of what is wrong with a device or the gateway
        self._recording = True
        self._done: dict[str, int] = {}
        self._sent: dict[str, int] = {}  # contact -> when the last line went, until it was answered
        self._day = 0
        self._hours: set[int] = set()  # active hours of `_day`
        self._blind_ms = 0  # of `_day`
        self._blind_since: int | None = None
        self._alarmed = False  # today
        self._usual: deque[int] = deque(maxlen=USUAL_DAYS)  # active hours of past days that were seen whole
        self._t = 0
        self._monitored = False
        self._before: tuple[int, int, int, int] | None = None  # (day, active hours, blind ms, usual hours or 0)

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """Who chose which hour; without consent nobody hears anything."""
        self._consented = home.consented("NOTIFY_FAMILY") and home.consented("MONITORING")
        self._monitored = home.consented("MONITORING")
        if not self._monitored:
            self._before = None
        times = {c.id: m for c in home.contacts if c.reads and (m := minutes_of(c.daily_line)) is not None}
        for contact, minute in times.items():
            known = self._times.get(contact)
            if known is None or known.minute != minute:  # chosen after its hour: from tomorrow on
                due = Daily(minute).due(self._civil, t, None)
                if due is not None and due < t:
                    self._done.setdefault(contact, self._civil.day(t))
        self._times = {contact: Daily(minute) for contact, minute in times.items()}
        self._witnesses.configure(home)
        self._seeing = frozenset(d.id for d in home.devices.values() if d.kind in SEEING)
        self._reach(t)
        self._look(t)
        return NOTHING

    # ---- what is seen

    @property
    def hears(self) -> Set[Kind] | None:  # type: ignore[override]
        """Everything, for that makes time go on; while nobody waits for a line, what tells of the day."""
        return None if self._times else _OF_THE_DAY

    @property
    def hears_stillness(self) -> bool:  # type: ignore[override]
        """It is time that goes on, no more."""
        return bool(self._times)

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """Activity marks its hour; a reply to the line is the child's contact."""
        kind, t = observation.kind, observation.t
        self.sooner = bool(self._times)  # without, nothing is ever due
        if not self._times and kind not in _OF_THE_DAY:
            return NOTHING
        self._reach(t)
        if kind in ACTIVE:
            if self._witnesses.is_activity(observation):
                self._hours.add(self._civil.ms_of_day(t) // HOUR_MS)
        elif kind is Kind.REPLY:
            return self._replied(str(observation.value.get("contact")), t)
        elif kind is Kind.RECORDER:
            self._recording = observation.value is True
            self._look(t)
        return NOTHING

    def yesterday(self, t: int) -> dict[str, Any] | None:
        """The day before against the usual ones, for the platform's summary; None without consent, or without a sensor
        that could have seen it. `index` in steps of 10 %, 200 at most; absent while nothing is usual yet."""
        today = self._civil.day(t)
        before = self._closed(t) if self._day == today - 1 else self._before  # nobody has said a word since midnight
        if not self._monitored or not self._seeing or before is None or before[0] != today - 1:
            return None
        _, hours, blind_ms, usual = before
        made: dict[str, Any] = {"blind_h": blind_ms // HOUR_MS, "trend": "UNKNOWN"}
        if usual and blind_ms < BLIND_MS:
            made["index"] = index = min(200, round(10 * hours / usual) * 10)
            made["trend"] = next(word for least, word in TRENDS if index >= least)
        return made

    def waits_for(self, contact: str, t: int) -> bool:
        """Whether this contact was sent a line that they may still answer."""
        sent = self._sent.get(contact)
        return sent is not None and t - sent <= REPLY_MS

    def _replied(self, contact: str, t: int) -> Iterable[Signal]:
        awaited = self.waits_for(contact, t)
        self._sent.pop(contact, None)
        if not awaited:
            return NOTHING
        return (Note("CHILD_CONTACT", t, "replied_to_daily_line", {"contact": contact}),)

    def blinded(self, lost: Set[str], t: int) -> Iterable[Signal]:
        """A sensor is lost or found."""
        self._reach(t)
        self._lost = frozenset(lost)
        self._look(t)
        return NOTHING

    def changed(self, signal: Technical) -> None:
        """A technical condition began or ended."""
        if signal.code not in NO_FAULT:
            (self._faults.add if signal.on else self._faults.discard)((signal.code, signal.subject))

    def alarmed(self, code: str, t: int) -> None:
        """There was an alarm today: the line must not say that all was as usual."""
        self._reach(t)  # the first thing of a day may be its alarm
        self._alarmed = True

    def gap(self, start: int, end: int) -> None:
        """Nobody watched while the gateway was off."""
        self._reach(start)
        self._reach(end)
        if self._blind_since is None:
            self._blind_ms += min(end - start, self._civil.ms_of_day(end))  # what lies before midnight was yesterday's

    def _look(self, t: int) -> None:
        """Whether enough is there to see by: blind is who lost half of what could see."""
        blind = not self._recording or 2 * len(self._lost & self._seeing) >= max(len(self._seeing), 1)
        if blind and self._blind_since is None:
            self._blind_since = t
        elif not blind and self._blind_since is not None:
            self._blind_ms += t - self._blind_since
            self._blind_since = None

    def _reach(self, t: int) -> None:
        """Time has come to `t`: a new day begins a new account."""
        if t > self._t:
            self._t = t
        day = self._civil.day(self._t)
        if day == self._day:
            return
        self._before = self._closed(self._t) if self._day else None
        if self._day and not self._blind_today(self._t):
            self._usual.append(len(self._hours))
        self._day, self._hours, self._blind_ms, self._alarmed = day, set(), 0, False
        if self._blind_since is not None:  # since midnight, though nobody may have said a word for hours
            self._blind_since = max(self._blind_since, self._t - self._civil.ms_of_day(self._t))

    def _closed(self, t: int) -> tuple[int, int, int, int]:
        """The account of the day that is over."""
        midnight = t - self._civil.ms_of_day(t)
        blind = self._blind_ms + (0 if self._blind_since is None else max(0, midnight - self._blind_since))
        return self._day, len(self._hours), blind, self._usual_hours() or 0

    def _usual_hours(self) -> int | None:
        """Active hours of the middle one of the past days; None while too few are known."""
        return sorted(self._usual)[len(self._usual) // 2] if len(self._usual) >= LEAST_DAYS else None

    def _blind_today(self, t: int) -> int:
        """Hours of today that nobody watched, whole ones; 0 below `BLIND_MS`."""
        ms = self._blind_ms + (0 if self._blind_since is None else t - self._blind_since)
        return ms // HOUR_MS if ms >= BLIND_MS else 0

    # ---- time

    def next_due(self) -> int | None:
        """When the next contact's hour comes."""
        if not (self._times and self._consented):
            return None
        found = (daily.due(self._civil, self._t, self._done.get(c)) for c, daily in self._times.items())
        return min((due for due in found if due is not None), default=None)

    def advance(self, t: int) -> Iterable[Signal]:
        """Writes to each contact whose hour has come."""
        self._reach(t)
        t = self._t  # after a gap it is later than what was due
        if not self._consented:
            return NOTHING
        signals: list[Signal] = []
        for contact, daily in self._times.items():
            due = daily.due(self._civil, t, self._done.get(contact))
            if due is None or due > t:
                continue
            self._done[contact] = self._civil.day(due)
            if t - due <= STALE_MS:
                self._sent[contact] = t
                signals.append(self._line(contact, t))
        return signals

    def _line(self, contact: str, t: int) -> Line:
        if self._seeing and (hours := self._blind_today(t)):
            return Line(contact, "S23-blind", t, {"hours": min(hours, 24)})
        if self._lost or self._faults:
            return Line(contact, "S23-fault", t)
        if self._alarmed:
            return Line(contact, "S23-alarm", t)
        if not self._seeing:
            return Line(contact, "S23-device", t)
        usual = self._usual_hours()
        share = self._civil.ms_of_day(t) / (24 * HOUR_MS)
        if usual is None:
            return Line(contact, "S23-seen" if self._hours else "S23-quiet", t)
        as_usual = len(self._hours) >= LEAST_SHARE * usual * share
        return Line(contact, "S23" if as_usual else "S23-quiet", t)

    def status(self) -> Status:
        """OFF where nobody chose an hour or agreed."""
        if not self._times:
            return Status(Readiness.OFF, "nobody_asked")
        if not self._consented:
            return Status(Readiness.OFF, "no_consent")
        if not self._civil.trusted(self._t):
            return Status(Readiness.UNAVAILABLE, "clock")
        return Status(Readiness.ARMED)

    def to_json(self) -> dict[str, Any]:
        """Today's account, the usual days, what was sent."""
        return {
            "done": dict(self._done), "sent": dict(self._sent), "day": self._day, "hours": sorted(self._hours),
            "blind_ms": self._blind_ms, "blind_since": self._blind_since, "alarmed": self._alarmed,
            "usual": list(self._usual), "recording": self._recording, "lost": sorted(self._lost), "t": self._t,
            "witnesses": self._witnesses.to_json(),
            "faults": sorted(map(list, self._faults)),
            "before": None if self._before is None else list(self._before),
        }  # fmt: skip

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._done = {c: int(d) for c, d in data["done"].items()}
        self._sent = {c: int(t) for c, t in data["sent"].items()}
        self._day, self._blind_ms, self._t = int(data["day"]), int(data["blind_ms"]), int(data["t"])
        self._blind_since = None if data["blind_since"] is None else int(data["blind_since"])
        self._hours = {int(h) for h in data["hours"] if 0 <= int(h) < 24}
        self._alarmed, self._recording = bool(data["alarmed"]), bool(data["recording"])
        self._usual = deque((int(n) for n in data["usual"]), maxlen=USUAL_DAYS)
        self._lost = frozenset(str(d) for d in data["lost"])
        if "witnesses" in data:
            self._witnesses.from_json(data["witnesses"])
        before = data.get("before")
        self._before = None if before is None else (int(before[0]), int(before[1]), int(before[2]), int(before[3]))
        faults = {(str(code), str(subject)) for code, subject in data.get("faults", ())}
        self._faults = {what for what in faults if what[0] not in NO_FAULT}  # older versions kept more
