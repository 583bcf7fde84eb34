"""The daily summary to the platform (T-15, domain 5.2): once a day, in this gateway's own slot between 06:00 and 08:00.

A report and no supervision: that is the heartbeat's (domain 0-11). Says how long the home was watched and by what,
what was wrong with gateway and devices, how many alarms there were; of the elder one index against her own usual days,
and only with MONITORING. No name, no number, no reading; what is not known is absent and never 0.

A summary that cannot go waits in the outbox like any message. One whose slot passed while the gateway was off is
written when it is on again, and `from` says since when it speaks. A clock nobody vouches for has no slot and no date:
then it goes a day after the last.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.civil import CivilTime, date_of
from gateway.rules.declared import Declared
from gateway.rules.rule import NOTHING, PlainRule, Readiness, Signal, Status, Summary, Technical
from gateway.rules.schedule import Daily

FROM_MIN: Final = 6 * 60  # T-15
TIMED: Final = {"MAINS_FAIL": "mains_off_s", "UPLINK_LOST": "uplink_lost_s", "CELL_LOST": "cell_lost_s"}
"""Conditions of which it is told how long they lasted, counted from when each was believed."""
DAY_MS: Final = 86_400_000
WEEK_MS: Final = 7 * DAY_MS
COACH_AFTER: Final = 3
"""Domain A11: so many in seven days, and somebody should show the elder once more how it is done."""
MAX_MISTAKES: Final = 100


class DailySummary(PlainRule):
    """Counts since the last summary, and writes the next."""

    name = "daily_summary"
    hears = frozenset({Kind.RESTART, Kind.RECORDER, Kind.CLOCK})
    sooner = True
    declared = Declared(
        "one report a day to the platform: what was watched, what is wrong, how many alarms",
        needs=("a platform",),
        parameters=("summary.*",),
    )

    def __init__(self, civil: CivilTime) -> None:
        self._civil = civil
        self._enabled = False
        self._daily = Daily(FROM_MIN)
        self._consents: dict[str, bool] = {}
        self._done: int | None = None  # the local day whose summary went
        self._since = -1  # of this account; it begins where the rule does, be it an update of an old gateway
        self._t = 0
        self._restarts = 0
        self._slept = False  # within one observation only
        self._off_ms = self._unrecorded_ms = 0
        self._unrecorded: int | None = None
        self._began: dict[str, int] = {}  # of `TIMED`, since when it is on
        self._lasted: Counter[str] = Counter()
        self._alarms: Counter[str] = Counter()
        self._mistakes: deque[int] = deque(maxlen=MAX_MISTAKES)

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """The slot; on the first day one that is over is let pass."""
        self._enabled = parameters["summary.enabled"] > 0
        self._daily = Daily(FROM_MIN + round(parameters["summary.slot_min"]))
        self._consents = dict(home.consents)
        self._reach(t)
        if self._since < 0:
            self._since = t
        if self._done is None:
            due = self._daily.due(self._civil, t, None)
            if due is not None and due <= t:
                self._done = self._civil.day(t)
        return NOTHING

    # ---- what is counted

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """Starts, and times of which nothing was recorded."""
        if observation.kind not in self.hears:
            return NOTHING
        self._reach(observation.t)
        if observation.kind is Kind.RESTART:
            self._restarts += not self._slept  # else counted before whatever was due meanwhile
            self._slept = False
        elif observation.kind is Kind.RECORDER:
            if observation.value is not True:
                self._unrecorded = self._t if self._unrecorded is None else self._unrecorded
            elif self._unrecorded is not None:
                self._unrecorded_ms += self._t - self._unrecorded
                self._unrecorded = None
        return NOTHING

    def changed(self, signal: Technical, t: int) -> None:
        """A technical condition began or ended: how long some last is told."""
        if signal.code not in TIMED:
            return
        if signal.on:
            self._began.setdefault(signal.code, t)
        elif (began := self._began.pop(signal.code, None)) is not None:
            self._lasted[signal.code] += t - began

    def alarmed(self, code: str, t: int) -> None:
        """There was an alarm."""
        self._alarms[code] += 1

    def mistaken(self, t: int) -> None:
        """A press that was cancelled before it was sent, or an alarm that people closed as false."""
        self._mistakes.append(t)

    def gap(self, start: int, end: int) -> None:
        """The gateway was off."""
        self._reach(end)
        self._off_ms += end - start
        self._restarts += 1
        self._slept = True

    def _reach(self, t: int) -> None:
        self._t = max(self._t, t)

    # ---- time

    def next_due(self) -> int | None:
        """The slot of the next day that has had no summary."""
        if not self._enabled:
            return None
        return self._due(self._t)

    def _due(self, t: int) -> int | None:
        """The slot; where no clock vouches for the hour, a day after the last."""
        return self._since + DAY_MS if self._civil.trust == "NONE" else self._daily.due(self._civil, t, self._done)

    def advance(self, t: int) -> Iterable[Signal]:
        """Writes the summary whose slot has come, and begins to count anew."""
        self._reach(t)
        t = self._t  # after a gap it is later than what was due
        due = self._due(t) if self._enabled else None
        if due is None or due > t:
            return NOTHING
        if self._civil.trusted(t):
            self._done = self._civil.day(t)
        summary = Summary(t, self._since, self._body(t))
        self._begin_anew(t)
        return (summary,)

    def _body(self, t: int) -> dict[str, Any]:
        lasted = self._lasted + Counter({code: t - began for code, began in self._began.items()})
        unrecorded = self._unrecorded_ms + (0 if self._unrecorded is None else t - self._unrecorded)
        week = sum(t - at < WEEK_MS for at in self._mistakes)
        return {
            "summary": 1,
            "date": date_of(self._civil.day(t) - 1).isoformat() if self._civil.trusted(t) else None,
            "service": {
                "restarts": self._restarts,
                "off_s": self._off_ms // 1000,
                **{word: lasted[code] // 1000 for code, word in TIMED.items()},
            },
            "watched_min": max(0, t - self._since - self._off_ms - unrecorded) // 60_000,
            "alarms": dict(sorted(self._alarms.items())),
            "mistaken": {"since": sum(at >= self._since for at in self._mistakes), "week": week},
            "coach": week >= COACH_AFTER,
            "consents": dict(sorted(self._consents.items())),
        }

    def _begin_anew(self, t: int) -> None:
        self._since, self._restarts, self._off_ms, self._unrecorded_ms = t, 0, 0, 0
        self._lasted.clear()
        self._alarms.clear()
        self._began = dict.fromkeys(self._began, t)
        self._unrecorded = None if self._unrecorded is None else t

    def status(self) -> Status:
        """OFF where it is not wanted."""
        return Status(Readiness.ARMED) if self._enabled else Status(Readiness.OFF, "switched_off")

    def to_json(self) -> dict[str, Any]:
        """The account since the last summary."""
        return {
            "done": self._done, "since": self._since, "t": self._t, "restarts": self._restarts,
            "off_ms": self._off_ms, "unrecorded_ms": self._unrecorded_ms, "unrecorded": self._unrecorded,
            "began": dict(self._began), "lasted": dict(self._lasted), "alarms": dict(self._alarms),
            "mistakes": list(self._mistakes),
        }  # fmt: skip

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._done = None if data["done"] is None else int(data["done"])
        self._since, self._t, self._restarts = int(data["since"]), int(data["t"]), int(data["restarts"])
        self._off_ms, self._unrecorded_ms = int(data["off_ms"]), int(data["unrecorded_ms"])
        self._unrecorded = None if data["unrecorded"] is None else int(data["unrecorded"])
        self._began = {str(code): int(t) for code, t in data["began"].items() if code in TIMED}
        self._lasted = Counter({str(code): int(ms) for code, ms in data["lasted"].items()})
        self._alarms = Counter({str(code): int(n) for code, n in data["alarms"].items()})
        self._mistakes = deque((int(t) for t in data["mistakes"]), maxlen=MAX_MISTAKES)
