"""The pure heart (EN 50134 calls this part the controller): observations and time in, actions out.

`handle(observation)`, `advance(t)`, `next_due()`. The same code runs live, in replay and in simulation; the same input
gives the same output, byte for byte. Reads no clock, does no I/O, draws no random number.

Time and order: `handle` first advances to the observation's time, so timers due earlier run before it, stamped with
their due time; timers due exactly then run after it, by (due, creation). `advance(a); advance(b)` equals `advance(b)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from math import inf
from typing import Any, Final

from gateway.actions import Publish
from gateway.alarms.codes import CODES, Flow
from gateway.alarms.desk import Desk
from gateway.alarms.life import AlarmEvent, Book
from gateway.alarms.trial import COMMAND as TEST_ALARM
from gateway.controller import snapshot
from gateway.controller.heard import HeardKeys
from gateway.controller.result import Notice, Result
from gateway.home.model import BadHome, HomeView, view_from_json
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.call_button import CallButton, role_of
from gateway.rules.civil import CivilTime
from gateway.rules.daily_line import DailyLine
from gateway.rules.fall.model import Model
from gateway.rules.rule import (
    NOTHING,
    Finding,
    Line,
    Note,
    PlainRule,
    Readiness,
    Recovery,
    Rule,
    Signal,
    Spoken,
    Status,
    Technical,
    Upgrade,
)
from gateway.rules.stuck_button import StuckButton
from gateway.rules.supervision import INTERFERENCE, LIFE_SAFETY_TRIGGERS, Supervision
from gateway.rules.table import all_rules
from gateway.rules.technical import TechnicalConditions
from gateway.rules.upkeep import Upkeep
from gateway.rules.visits import mode_of
from gateway.visits.ledger import ON_SITE

SHANGHAI: Final = timezone(timedelta(hours=8))  # no DST since 1991; texts for people in the home are always local
_MAY_BE_THE_GREEN_KEY: Final = frozenset({Kind.BUTTON, Kind.OK})
_MAY_CHANGE_READINESS: Final = frozenset({Kind.CONFIG, Kind.AWAY, Kind.RECORDER, Kind.RESTART, Kind.WORN})
_MAY_CHANGE_DUES: Final = _MAY_CHANGE_READINESS | {Kind.CLOCK}
"""What reaches rules by another way than `observe`: the home, the hour of the day, the time nobody watched."""
_BLINDING: Final = frozenset({"DEVICE_LOST", INTERFERENCE})
"""What changes the set of devices that cannot be heard."""


class Controller:
    """One home's state. `t` is controller time in ms; `offset_ms` maps it to wall time (UTC ms)."""

    def __init__(
        self,
        home: HomeView | None = None,
        *,
        t: int = 0,
        offset_ms: int = 0,
        trust: str = "NONE",
        fall_models: Mapping[str, Model] | None = None,
    ) -> None:
        self.t = t
        self.offset_ms = offset_ms
        self.trust = trust
        self.home = home if home is not None else HomeView()
        self.book = Book()
        self.civil = CivilTime(offset_ms, trust)
        self.rules: tuple[Rule, ...] = all_rules(self.civil, fall_models)
        self._timed: tuple[Rule, ...] = tuple(rule for rule in self.rules if _has_timers(rule))
        self._hearing: dict[Kind, tuple[Rule, ...]] = {}  # made anew with the home: where it lacks a sensor
        self._moved_by: dict[Kind, tuple[Rule, ...]] = {}  # those of them that have timers
        self._supervision = next(rule for rule in self.rules if isinstance(rule, Supervision))
        self._technical = next(rule for rule in self.rules if isinstance(rule, TechnicalConditions))
        self._upkeep = next(rule for rule in self.rules if isinstance(rule, Upkeep))
        self._daily_line = next(rule for rule in self.rules if isinstance(rule, DailyLine))
        buttons = next(rule for rule in self.rules if isinstance(rule, StuckButton))
        self.desk = Desk(self.book, self._when, self.civil, buttons)
        self.faults: dict[str, str] = {}  # rules that raised: our fault, out of service until restart
        self._readiness: dict[str, Status] = {}
        self.restored_empty: list[str] = []  # rules whose state in a snapshot could not be read
        self.heard = HeardKeys()
        self._result = Result()
        self._rebuilding = False
        self._green_answers = False  # a reminder or a roll call waits: the green key is its answer
        self._unconfirmed: set[str] = set()
        self._found_again: set[str] = set()  # while rebuilding: what the rules found in the entry at hand
        self._due: int | None = None
        self._due_known = False  # `_due` holds until something is said or done: asked three times an observation
        self._rule_dues: dict[str, float] = dict.fromkeys((rule.name for rule in self._timed), inf)
        self._least: float = inf  # of `_rule_dues`
        self._ask_again: tuple[Rule, ...] = self._timed  # whose due time may be another than `_rule_dues` says
        self._configure()
        self._readiness = {rule.name: rule.status() for rule in self.rules}

    # ---- the three verbs

    def handle(self, observation: Observation) -> Result:
        """Takes one observation; one stamped before the controller's time counts as said now."""
        if observation.kind is Kind.RESTART and observation.t > self.t:
            self._sleep(observation.t)
        if observation.t > self.t:
            self._run_due(observation.t - 1)
            self.t = observation.t
        self._take(observation)
        self._run_due(self.t)
        self.desk.record.not_before = 0
        return self._drain()

    def _sleep(self, until: int) -> None:
        """Nobody watched until now: no silence is counted, and of overdue steps each alarm takes one."""
        for rule in self.rules:
            rule.gap(self.t, until)
        if not self._rebuilding:
            self.desk.returned(until)
        self._due_anew()

    def advance(self, t: int) -> Result:
        """Lets time reach `t`: every timer due by then runs, stamped with its due time."""
        self._run_due(t)
        self.t = max(self.t, t)
        return self._drain()

    def next_due(self) -> int | None:
        """When the next timer is due, or None: until then nothing happens unless something is said."""
        if not self._due_known:
            self._due, self._due_known = self._earliest(self._ask_again), True
            self._ask_again = ()
        return self._due

    def _earliest(self, asked: tuple[Rule, ...]) -> int | None:
        """The next due time of all, if only those `asked` may have another one than before."""
        dues, faults, least, moved_on = self._rule_dues, self.faults, self._least, False
        for rule in asked:
            name = rule.name
            rule_due = rule.next_due() if not faults or name not in faults else None
            due, before = inf if rule_due is None else rule_due, dues[name]
            if due != before:
                dues[name] = due
                if due < least:
                    least = due
                elif before == least:
                    moved_on = True  # the earliest may be another's now
        due = self._least = min(dues.values()) if moved_on else least
        if self.book.alarms and not self._rebuilding:
            alarm_due = self.desk.due()
            if alarm_due is not None:
                due = min(due, alarm_due[0])
        return None if due == inf else int(due)

    def _due_anew(self) -> None:
        """Whatever was known of what is due holds no more."""
        self._due_known, self._ask_again = False, self._timed

    # ---- time

    def _run_due(self, limit: int) -> None:
        while (due := self.next_due()) is not None and due <= limit:
            self.t = max(self.t, due)
            self._due_anew()
            a_rule_was_due = False
            for rule in self._timed:
                if rule.name not in self.faults and (rule_due := rule.next_due()) is not None and rule_due <= due:
                    a_rule_was_due = True
                    self._heed(self._guarded(rule, rule.advance, due), due, rule.name)
            while not self._rebuilding and (timer := self.desk.due()) is not None and timer[0] <= due:
                self._look_at_paths()
                self.desk.fire(timer[1], timer[2])
            if a_rule_was_due:  # an alarm's timer readies none, and recovery, where none runs, looks as life did
                self._check_readiness(due)

    def wall_ms(self, t: int) -> int:
        """UTC milliseconds of controller time `t`, by the mapping in force."""
        return t + self.offset_ms

    def _when(self, t: int) -> tuple[str, str | None]:
        """(ISO UTC with ms, local HH:MM) of `t`; nobody is told an hour that no clock vouches for."""
        return _written(self.wall_ms(t), self.trust != "NONE")

    # ---- what is said

    def _take(self, observation: Observation) -> None:
        kind = observation.kind
        self._ask_again = self._moved_by[kind] if self._due_known and not self._ask_again else self._timed
        self._due_known = False
        if observation.key is not None and kind is Kind.BUTTON and not self.heard.is_new(observation.key, self.t):
            return
        if kind is Kind.CONFIG:
            self._new_home(observation)
        elif kind is Kind.CLOCK:
            self._new_clock(observation.value)
        elif kind is Kind.MUTE:  # state of the home, so a restart repeats it
            self.desk.mute(observation.value, self.t)
        if kind in _MAY_BE_THE_GREEN_KEY:
            self._green_answers = any(rule.waiting for rule in self.rules)
        for rule in self._hearing[kind]:
            if self.faults and self._is_out(rule):
                continue
            try:  # as `_guarded` does, without a call for each rule and observation
                signals = rule.observe(observation)
            except Exception as error:  # noqa: BLE001
                self._put_out(rule, error)
                continue
            if signals:
                self._heed(signals, self.t, rule.name)
        if not self._rebuilding and (handler := _PEOPLE.get(kind)) is not None:
            self._look_at_paths()
            handler(self, observation)
        if kind in _MAY_CHANGE_READINESS:
            self._check_readiness(self.t)
        if kind in _MAY_CHANGE_DUES:
            self._ask_again = self._timed

    def _guarded(self, rule: Rule, call: Callable[[Any], Iterable[Signal]], what: Any) -> Iterable[Signal]:
        """One rule's fault is not the next one's (A23): a rule that raises is out of service, and says so."""
        if self.faults and self._is_out(rule):
            return NOTHING
        try:
            return call(what)
        except Exception as error:  # noqa: BLE001 - the border between rules: what breaks one must not cost a call
            self._put_out(rule, error)
            return NOTHING

    def _is_out(self, rule: Rule) -> bool:
        """Whether a rule is out of service; who makes a call of a press never is."""
        return rule.name in self.faults and rule.name != CallButton.name

    def _put_out(self, rule: Rule, error: Exception) -> None:
        if rule.name not in self.faults:
            self.faults[rule.name] = f"{type(error).__name__}: {error}"[:200]
            self._check_readiness(self.t)

    def _new_home(self, observation: Observation) -> None:
        try:
            self.home = view_from_json(observation.value)
        except (BadHome, AttributeError, TypeError):
            return  # the registry validated it; a bad one from a recording leaves the home as it was
        self._configure()

    def _configure(self) -> None:
        parameters = Parameters(self.home.settings)
        self.desk.configure(self.home, parameters)
        for rule in self.rules:
            self._heed(rule.configure(self.home, parameters, self.t), self.t, rule.name)
        heard = [(rule, rule.hears) for rule in self.rules]
        self._hearing = {k: tuple(rule for rule, kinds in heard if kinds is None or k in kinds) for k in Kind}
        self._moved_by = {k: tuple(r for r in rules if r in self._timed) for k, rules in self._hearing.items()}

    def _new_clock(self, value: dict[str, Any]) -> None:
        """The mapping from controller to wall time changed. No duration depends on it (invariant v)."""
        offset, trust = value.get("offset_ms"), value.get("trust")
        if isinstance(offset, int) and not isinstance(offset, bool):
            self.offset_ms = offset
        if trust in ("NONE", "RTC", "PHONE", "GNSS", "NTP"):
            self.trust = trust
        self.civil.set(self.offset_ms, self.trust, self.t)

    def _look_at_paths(self) -> None:
        self.desk.tell.unreachable = self._technical.active("CELL_LOST") and self._technical.active("UPLINK_LOST")

    def _on_button(self, observation: Observation) -> None:
        role = role_of(self.home, observation.device)
        if role == "cancel":
            self.desk.cancel(self.t)
        elif role == "duress":
            self.desk.found("DURESS", self.t, "duress_pressed", observation.device, {"rule": "duress_key"})
        elif role == "ok":
            self._on_ok(observation)
        elif role == "service" and not self.desk.ok(self.t) and not self._green_answers:
            # while a question is open the green key means OK
            evidence = {"rule": "green_key"}
            self.desk.found("SERVICE_REQUEST", self.t, "service_requested", observation.device, evidence)

    def _on_ok(self, _: Observation) -> None:
        if not self.desk.ok(self.t) and not self._green_answers:
            self.desk.tell.ok_reported(self.t)

    def _on_reply(self, observation: Observation) -> None:
        value = observation.value
        reference = value.get("ref")
        self.desk.reply(
            str(value.get("contact")),
            str(value.get("answer")),
            reference if isinstance(reference, str) else None,
            self.t,
            via=str(value.get("via", "sms")),
        )

    def _on_ack(self, observation: Observation) -> None:
        """A person's stage from the platform; RECEIVED only empties the outbox, which is the journal's work."""
        value = observation.value
        number = value.get("alarm")
        if isinstance(number, int) and not isinstance(number, bool):
            by, outcome = str(value.get("by", "platform"))[:64], value.get("outcome")
            self.desk.stage(number, str(value.get("stage")), by, outcome if isinstance(outcome, str) else None, self.t)

    def _on_delivery(self, observation: Observation) -> None:
        value = observation.value
        number = value.get("alarm")
        if isinstance(number, int) and not isinstance(number, bool):
            channel, result = str(value.get("channel", "sms")), str(value.get("result"))
            self.desk.delivery(number, str(value.get("contact")), channel, result, self.t)

    def _on_command(self, observation: Observation) -> None:
        """A test of the whole way, of the button first where `press` asks for it; others are not the heart's."""
        value = observation.value
        if value.get("cmd") == TEST_ALARM:
            self.desk.test(self.t, value)

    def _on_visit(self, observation: Observation) -> None:
        value = observation.value
        if mode_of(value) != ON_SITE:  # a call by phone puts nobody at the door
            return
        if not isinstance(value, dict) or value.get("event", "arrived") == "arrived":
            by = value.get("by") if isinstance(value, dict) else value
            self.desk.arrived(by if isinstance(by, str) else "visitor", self.t)

    # ---- what rules say

    def _heed(self, signals: Iterable[Signal], t: int, rule: str = "") -> None:
        lost = False
        for signal in signals:
            if isinstance(signal, Technical):
                self._technical_change(signal, t)
                lost = lost or signal.code in _BLINDING
            elif self._rebuilding:
                if isinstance(signal, Finding):
                    self._unconfirmed.add(signal.code)
                    self._found_again.add(signal.code)
                    self._confirm(signal.code, signal.t)  # as in life: of two rules with one code the other asks not
            elif isinstance(signal, Finding):
                self._look_at_paths()
                self.desk.found(
                    signal.code,
                    min(signal.t, t),
                    signal.reason,
                    signal.device,
                    {"rule": rule, **signal.evidence},
                    severity=signal.severity,
                    now=t,
                )
                self._confirm(signal.code, signal.t)
            elif isinstance(signal, Recovery):
                self.desk.recovered(signal.code, t, signal.reason, signal.device)
            elif isinstance(signal, Spoken):
                self.desk.tell.spoken(signal.prompt, signal.t, signal.params)
            elif isinstance(signal, Line):
                self.desk.tell.line(signal.contact, signal.template, signal.t, signal.params)
            elif isinstance(signal, Note):
                self.desk.tell.note(signal.code, signal.t, signal.reason, signal.more)
            elif isinstance(signal, Upgrade):
                self.desk.upgraded(
                    signal.code,
                    signal.to,
                    signal.device,
                    t,
                    signal.reason,
                    {"rule": rule, **signal.evidence},
                    severity=signal.severity,
                )
        if lost:
            for other in self.rules:
                self._heed(other.blinded(self._supervision.lost, t), t, other.name)
        if signals:
            self._ask_again = self._timed
            self._check_readiness(t)

    def _confirm(self, code: str, t: int) -> None:
        for rule in self.rules:
            rule.opened(code, t)

    def _technical_change(self, signal: Technical, t: int) -> None:
        kind = "device" if signal.code.startswith("DEVICE_") or signal.subject in self.home.devices else "subject"
        begun = "LOST" if signal.code.startswith("DEVICE_LOST") else "RAISED"
        status = begun if signal.on else "RESTORED"
        code = "DEVICE_RESTORED" if signal.code == "DEVICE_LOST" and not signal.on else signal.code
        self._notice(Notice(code, t, kind, signal.subject, status, signal.reason))
        self._heed(self._upkeep.changed(signal, t), t, self._upkeep.name)
        self._daily_line.changed(signal)
        if signal.code == "CELL_LOST" and not signal.on and not self._rebuilding:
            self.desk.way_is_back(t)

    def _check_readiness(self, t: int) -> None:
        """A rule that can no longer do its work says so, and says when it can again (T-27)."""
        for rule in self.rules:
            status = self._status(rule)
            before = self._readiness.get(rule.name)
            if before == status:
                continue
            self._readiness[rule.name] = status
            if before is not None and Readiness.UNAVAILABLE in (before.readiness, status.readiness):
                self._notice(Notice("RULE_UNAVAILABLE", t, "rule", rule.name, status.readiness.value, status.reason))

    def _notice(self, notice: Notice) -> None:
        if self._rebuilding:
            return
        self._result.notices.append(notice)
        severity = CODES[notice.code].severity.value
        device = self.home.devices.get(notice.subject)
        if notice.code == "DEVICE_LOST" and device is not None and device.kind in LIFE_SAFETY_TRIGGERS:
            severity = "P2"  # life-safety trigger (domain 4.2, T-24)
        restored = notice.status not in ("LOST", "RAISED", Readiness.UNAVAILABLE.value)
        body = {
            "at": self._when(notice.t)[0],
            "test": CODES[notice.code].flow is Flow.TEST,
            "code": notice.code,
            "severity": severity,
            "state": "CLOSED" if restored else "RAISED",
            notice.kind: notice.subject,
            "reason": notice.reason,
        }
        key = f"n:{notice.code}:{notice.subject}:{notice.status}:{notice.t}"
        self._result.actions.append(Publish(key, "event", body, severity))

    def _drain(self) -> Result:
        result = self._result
        record = self.desk.record
        if record.events or self.desk.tell.actions:
            result.events, record.events = record.events, []
            for event in result.events:
                if event.what == "opened":
                    self._alarmed(event)
                    self._ask_again = self._timed
            result.actions, self.desk.tell.actions = self.desk.tell.actions + result.actions, []
        if not result:
            return result
        self._result = Result()
        return result

    def _alarmed(self, event: AlarmEvent) -> None:
        for rule in self.rules:
            rule.alarmed(event.patch["code"], event.t)

    # ---- recovery

    def rebuild(self, observation: Observation, events: Iterable[AlarmEvent]) -> None:
        """Repeats one journalled entry: rules see the observation, alarms change only as the record says.

        What was decided is never decided again, not even by newer code: findings made here are dropped, the recorded
        events are applied. Call `rebuilt()` after the last entry.
        """
        self._rebuilding = True
        self._due_anew()
        self._found_again.clear()
        try:
            self.handle(observation)
        finally:
            self._rebuilding = False
            self._due_anew()
        for event in events:
            self.book.apply(event)
            if event.what == "opened":
                code = event.patch["code"]
                self._unconfirmed.discard(code)
                self._alarmed(event)
                if code not in self._found_again:  # else the rule knows, and may know of an answer in the same entry
                    self._confirm(code, event.t)
            elif event.what == "detected" and event.alarm in self.book.alarms:  # found, and joined to what was open
                self._unconfirmed.discard(self.book.alarms[event.alarm].code)

    def rebuilt(self) -> None:
        """Recovery is over: what newer code would have found and nobody recorded may now be found."""
        for code in self._unconfirmed:
            for rule in self.rules:
                rule.unconfirmed(code, self.t)
        self._unconfirmed.clear()
        self._due_anew()

    def to_json(self) -> dict[str, Any]:
        """The whole state, for a snapshot; holds no name and no number."""
        return snapshot.taken(self)

    @classmethod
    def from_json(cls, data: dict[str, Any], fall_models: Mapping[str, Model] | None = None) -> Controller:
        """The controller of a snapshot; raises `BadSnapshot` for one this version cannot read."""
        return snapshot.restored(cls, data, fall_models)

    def told_readiness(self) -> dict[str, Status]:
        """How each rule stood when that was last looked at: what has changed since is news still to be told."""
        return dict(self._readiness)

    def settle(self, told: Mapping[str, Status]) -> None:
        """State was put in from a snapshot. `told` is what was known when it was taken; where it says nothing (a rule,
        or a snapshot, of another version) how things stand now is the norm, and no news."""
        self._readiness = {name: told.get(name, status) for name, status in self.statuses().items()}
        self._drain()
        self._due_anew()

    def _status(self, rule: Rule) -> Status:
        return Status(Readiness.UNAVAILABLE, "fault") if rule.name in self.faults else rule.status()

    def statuses(self) -> dict[str, Status]:
        """Each rule's readiness and why, for people and the heartbeat."""
        return {rule.name: self._status(rule) for rule in self.rules}

    def reported(self, code: str) -> set[str]:
        """The subjects for which this technical condition is on or waiting to be believed."""
        return self._technical.subjects(code)


def _has_timers(rule: Rule) -> bool:
    """Whether it can ever have anything due."""
    return getattr(type(rule), "next_due", None) is not PlainRule.next_due


@lru_cache(maxsize=16)
def _written(wall_ms: int, believed: bool) -> tuple[str, str | None]:
    """One decision writes the same moment into each of its messages and texts."""
    wall = datetime.fromtimestamp(wall_ms / 1000, UTC)
    local = wall.astimezone(SHANGHAI).strftime("%H:%M") if believed else None
    return wall.isoformat(timespec="milliseconds").replace("+00:00", "Z"), local


_PEOPLE: Final = {
    Kind.BUTTON: Controller._on_button,
    Kind.CANCEL: lambda controller, _: controller.desk.cancel(controller.t),
    Kind.OK: Controller._on_ok,
    Kind.REPLY: Controller._on_reply,
    Kind.ACK: Controller._on_ack,
    Kind.DELIVERY: Controller._on_delivery,
    Kind.VISIT: Controller._on_visit,
    Kind.COMMAND: Controller._on_command,
}
