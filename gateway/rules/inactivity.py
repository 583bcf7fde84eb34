"""Fixed-time inactivity: no sign of activity for 12 h, the spoken question included (domain 3.2, T-05).

"Found dead days later" is the line of the policy this answers (J-4(3)3). The rule counts only time in which it could
have seen something: while the recording is out, somebody is declared away, or any sensor it needs is lost, the count
stands still and the rule says UNAVAILABLE. Lost data is neither activity nor its absence (T-27).
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.call_button import role_of
from gateway.rules.rule import NOTHING, Finding, PlainRule, Readiness, Recovery, Signal, Status

CODE: Final = "INACTIVITY"
WITNESS_KINDS: Final = frozenset(
    {"motion", "occupancy", "contact", "pressure", "bed", "appliance", "flush", "light", "water_meter"}
)
"""Devices whose silence means something here. A pressed button proves life, but its silence proves nothing; nor does
electricity, which a refrigerator uses too."""

_TRUE_IS_ACTIVITY: Final = frozenset({Kind.MOTION, Kind.OCCUPANCY, Kind.APPLIANCE, Kind.FLUSH})
_ANY_IS_ACTIVITY: Final = frozenset(
    {Kind.CONTACT, Kind.PRESSURE, Kind.BED, Kind.LIGHT, Kind.BUTTON, Kind.CANCEL, Kind.OK}
)
_STATEFUL: Final = frozenset({Kind.CONTACT, Kind.PRESSURE, Kind.BED, Kind.LIGHT})
"""Only a change is an act: a door sensor's heartbeat repeats its state."""


class Inactivity(PlainRule):
    """Counts observed silence and asks for a question `question_min` before the limit."""

    name = "inactivity"

    def __init__(self) -> None:
        self._home = HomeView()
        self._witnesses: frozenset[str] = frozenset()
        self._lost: frozenset[str] = frozenset()
        self._ask_after = 0  # ms of observed silence
        self._limit_h = 12.0
        self._enabled = True
        self._consented = False
        self._silent = 0  # ms of observed silence before `_since`
        self._since: int | None = None  # counting since, None: standing still
        self._asked = False  # since the last activity
        self._away_until: int | None = None
        self._may_leave = True  # somebody was seen at home since the last absence
        self._away_max = 0
        self._recording = True
        self._last: dict[str, Any] = {}  # last state of contacts, mats, lights; registers of water meters

    # ---- configuration

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """Which sensors are needed, and the numbers in force."""
        self._enabled = parameters["inactivity.enabled"] > 0
        self._consented = home.consented("MONITORING")
        self._limit_h = parameters["inactivity.limit_h"]
        self._ask_after = parameters.ms("inactivity.limit_h") - parameters.ms("inactivity.question_min")
        self._away_max = parameters.ms("away.max_h")
        self._witnesses = frozenset(d.id for d in home.devices.values() if d.kind in WITNESS_KINDS)
        self._home = home
        self._last = {n: v for n, v in self._last.items() if n.partition(":")[2] in home.devices}
        if self._since is not None:  # a limit made shorter is due now and not in the past: the question comes first
            self._silent, self._since = self._silent + t - self._since, t
        return self._reconsider(t)

    # ---- what is said

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """Activity starts the count anew; away and the recorder make it stand still."""
        kind, t = observation.kind, observation.t
        if kind is Kind.AWAY:
            return self._away(_is_away(observation.value), t)
        if kind is Kind.RECORDER:
            self._recording = observation.value is True
            return self._reconsider(t)
        if not self._is_activity(observation):
            return NOTHING
        self._silent, self._may_leave = 0, True
        if self._since is not None:
            self._since = t
        if not self._asked:
            return NOTHING
        self._asked = False
        return self._answer(observation)

    def _answer(self, observation: Observation) -> Iterable[Signal]:
        """What ends an open question. Keys speak for themselves: the desk hears 'well' and 'cancel', not this rule."""
        if observation.kind is Kind.BUTTON:
            call = role_of(self._home, observation.device) == "call"
            return (Recovery(CODE, "call_pressed"),) if call else NOTHING
        return NOTHING if observation.kind in (Kind.OK, Kind.CANCEL) else (Recovery(CODE, "activity"),)

    def _away(self, away: bool, t: int) -> Iterable[Signal]:
        """Away lasts `away.max_h` at most, however often it is said; only somebody at home can say it again (A10)."""
        if not away:
            self._away_until, self._may_leave = None, True
        elif self._away_until is None and self._may_leave:
            self._away_until, self._may_leave = t + self._away_max, False
        return self._reconsider(t)

    def _is_activity(self, observation: Observation) -> bool:
        kind, device = observation.kind, observation.device
        name = f"{kind.value}:{device}"  # one device may report several things
        if kind in _TRUE_IS_ACTIVITY:
            return observation.value is True
        if kind in _STATEFUL and device is not None:
            before, self._last[name] = self._last.get(name), observation.value
            return before is None or before != observation.value
        if kind is Kind.WATER:
            return bool(observation.value > 0)
        if kind is Kind.WATER_VOLUME and device is not None:
            before, self._last[name] = self._last.get(name), observation.value
            return before is not None and observation.value > before  # a smaller one is a swapped meter (A27)
        return kind in _ANY_IS_ACTIVITY

    def blinded(self, lost: Set[str], t: int) -> Iterable[Signal]:
        """The count stands still while any sensor this rule needs is lost."""
        self._lost = frozenset(lost)
        return self._reconsider(t)

    # ---- standing still and going on

    def _reconsider(self, t: int) -> Iterable[Signal]:
        """Starts or stops the count at `t` as the status demands; a question that can no longer be judged ends."""
        armed = self.status().readiness is Readiness.ARMED
        if armed and self._since is None:
            self._since = t
        elif not armed and self._since is not None:
            self._silent += t - self._since
            self._since = None
            if self._asked:
                self._asked = False
                return (Recovery(CODE, "rule_unavailable"),)
        return NOTHING

    def status(self) -> Status:
        """OFF by setting or without sensors, UNAVAILABLE while blind or away, else ARMED."""
        if not self._enabled:
            return Status(Readiness.OFF, "setting")
        if not self._consented:
            return Status(Readiness.OFF, "no_consent")
        if not self._witnesses:
            return Status(Readiness.OFF, "no_activity_sensor")
        if not self._recording:
            return Status(Readiness.UNAVAILABLE, "recording_lost")
        if self._lost & self._witnesses:
            return Status(Readiness.UNAVAILABLE, "sensor_lost")
        if self._away_until is not None:
            return Status(Readiness.OFF, "away")
        return Status(Readiness.ARMED)

    # ---- time

    def next_due(self) -> int | None:
        """When the question is due, or when a declared absence ends."""
        if self._away_until is not None:
            return self._away_until
        if self._since is None or self._asked:
            return None
        return self._since + max(self._ask_after - self._silent, 0)

    def advance(self, t: int) -> Iterable[Signal]:
        """Ends an absence that lasted too long, and finds the silence that has become too long."""
        due = self.next_due()
        if due is None or due > t:
            return NOTHING
        if self._away_until is not None:
            self._away_until = None
            self._silent = 0  # nobody knows who is in: count from here
            return self._reconsider(due)
        self._asked = True
        evidence = {"limit_h": self._limit_h, "silent_min": self._ask_after // 60_000}
        return (Finding(CODE, due, "no_activity", None, evidence),)

    def gap(self, start: int, end: int) -> None:
        """While the gateway was off nothing was observed: that time does not count as silence.

        The count goes on from `end`, so that what is overdue is asked now and not raised as if it had been asked then.
        """
        if self._since is not None:
            self._silent, self._since = self._silent + start - self._since, end
        if self._away_until is not None:  # an absence that ended meanwhile ends now: nobody knows when who came in
            self._away_until = max(self._away_until, end)

    def opened(self, code: str, t: int) -> None:
        """The alarm is on record: do not ask again before there was activity."""
        if code == CODE:
            self._asked = True

    def unconfirmed(self, code: str) -> None:
        """The finding is not on record: it may be found again."""
        if code == CODE:
            self._asked = False

    # ---- snapshot

    def to_json(self) -> dict[str, Any]:
        """The count, the absence and the last states."""
        return {
            "silent": self._silent,
            "since": self._since,
            "asked": self._asked,
            "away_until": self._away_until,
            "may_leave": self._may_leave,
            "recording": self._recording,
            "last": dict(self._last),
            "lost": sorted(self._lost),
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """Restores what `to_json` gave."""
        self._silent = int(data["silent"])
        self._since = None if data["since"] is None else int(data["since"])
        self._asked = bool(data["asked"])
        self._away_until = None if data["away_until"] is None else int(data["away_until"])
        self._may_leave = bool(data["may_leave"])
        self._recording = bool(data["recording"])
        self._last = dict(data["last"])
        self._lost = frozenset(str(device) for device in data["lost"])


def _is_away(value: Any) -> bool:
    return value is True or (isinstance(value, dict) and value.get("away") is True)
