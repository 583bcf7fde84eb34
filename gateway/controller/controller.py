"""The pure heart (EN 50134 calls this part the controller): observations and time in, actions out.

`handle(observation)`, `advance(t)`, `next_due()`. The same code runs live, in replay and in simulation; the same input
gives the same output, byte for byte. Reads no clock, does no I/O, draws no random number.

Time and order: `handle` first advances to the observation's time, so timers due earlier run before it, stamped with
their due time; timers due exactly then run after it, by (due, creation). `advance(a); advance(b)` equals `advance(b)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from gateway.alarms.codes import Outcome
from gateway.alarms.desk import Desk
from gateway.alarms.life import AlarmEvent, Book, State
from gateway.controller import people, recovery, snapshot
from gateway.controller.due import NEVER, Dues
from gateway.controller.heard import HeardKeys
from gateway.controller.moments import written
from gateway.controller.readiness import Standing
from gateway.controller.result import Notice, Result, message
from gateway.controller.signals import heed
from gateway.home.model import BadHome, HomeView, view_from_json
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.civil import CivilTime
from gateway.rules.daily_line import DailyLine
from gateway.rules.daily_summary import DailySummary
from gateway.rules.fall.model import Model
from gateway.rules.rule import (
    NOTHING,
    Rule,
    Signal,
    Status,
)
from gateway.rules.stuck_button import StuckButton
from gateway.rules.supervision import Supervision
from gateway.rules.table import all_rules
from gateway.rules.technical import TechnicalConditions
from gateway.rules.upkeep import Upkeep
from gateway.rules.visits import Visits

_Known = TypeVar("_Known")
_RESTART: Final = Kind.RESTART
_MOTION: Final = Kind.MOTION
_MAY_BE_THE_GREEN_KEY: Final = frozenset({Kind.BUTTON, Kind.OK})
_MAY_CHANGE_ALL: Final = frozenset({Kind.CONFIG, Kind.AWAY, Kind.RECORDER, Kind.RESTART, Kind.WORN, Kind.CLOCK})
"""What may change both what rules can do and when. Some of it reaches them by another way than `observe`: the home, the
hour of the day, the time nobody watched."""
_MORE_THAN_A_READING: Final = _MAY_CHANGE_ALL | people.HEARD_OF.keys() | {Kind.OK, Kind.MUTE}


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
        self._standing = Standing(self.rules)
        self.faults = self._standing.faults  # rules that raised: our fault, out of service until restart
        self.dues = Dues(self.rules, self.faults)
        self._hearing: dict[Kind, tuple[tuple[Rule, int | None], ...]] = {}  # made anew with the home
        self._hearing_stillness: tuple[tuple[Rule, int | None], ...] = ()  # so is this
        self.supervision = next(rule for rule in self.rules if isinstance(rule, Supervision))
        self._technical = next(rule for rule in self.rules if isinstance(rule, TechnicalConditions))
        self.upkeep = next(rule for rule in self.rules if isinstance(rule, Upkeep))
        self.daily_line = next(rule for rule in self.rules if isinstance(rule, DailyLine))
        self.daily_summary = next(rule for rule in self.rules if isinstance(rule, DailySummary))
        self.visits = next(rule for rule in self.rules if isinstance(rule, Visits))
        buttons = next(rule for rule in self.rules if isinstance(rule, StuckButton))
        self.desk = Desk(self.book, self._when, self.civil, buttons)
        self.restored_empty: list[str] = []  # rules whose state in a snapshot could not be read
        self.home_written: tuple[HomeView, dict[str, Any]] | None = None  # for snapshots
        self.heard = HeardKeys()
        self._result = Result()
        self.rebuilding = False
        self.green_answers = False  # a reminder or a roll call waits: the green key is its answer
        self.line_waits = False  # who replies was sent the line about the day, and has not answered it
        self.retelling = recovery.Retelling()
        self._configure()
        self._standing.settle({})

    # ---- the three verbs

    def handle(self, observation: Observation) -> Result:
        """Takes one observation; one stamped before the controller's time counts as said now."""
        t = observation.t
        if t > self.t:
            if observation.kind is _RESTART:
                self._sleep(t)
            if self.dues.floor < t or self.book.busy:  # nearly always neither is so
                self._run_due(t - 1)
            self.t = t
        self._take(observation)
        if self.dues.floor <= self.t or self.book.busy:
            self._run_due(self.t)
        self.desk.record.not_before = 0
        return self._drain()

    def _sleep(self, until: int) -> None:
        """Nobody watched until now: no silence is counted, and of overdue steps each alarm takes one."""
        for rule in self.rules:
            rule.gap(self.t, until)
        if not self.rebuilding:
            self.desk.returned(until)
        self.dues.anew()

    def advance(self, t: int) -> Result:
        """Lets time reach `t`: every timer due by then runs, stamped with its due time."""
        self._run_due(t)
        self.t = max(self.t, t)
        return self._drain()

    def next_due(self) -> int | None:
        """When the next timer is due, or None: until then nothing happens unless something is said."""
        return _whole(self._with_alarms(self.dues.first()))

    def quiet_before(self, t: int) -> bool:
        """Whether nothing can be due before `t`, which is nearly always so; if not, `due_within` knows."""
        return self.dues.floor >= t and not self.book.busy

    def due_within(self, limit: int) -> int | None:
        """`next_due()` if that is at most `limit`, else None: cheaper, for what comes later is left open."""
        floor = self.dues.floor
        due = self._with_alarms(floor if floor > limit else self.dues.within(limit))
        return int(due) if due <= limit else None

    def _with_alarms(self, due: float) -> float:
        """The first of `due` and the timers of alarms."""
        if self.book.busy and not self.rebuilding:
            timer = self.book.next_timer()
            if timer is not None and timer[0] < due:
                return timer[0]
        return due

    # ---- time

    def _run_due(self, limit: int) -> None:
        while (due := self.due_within(limit)) is not None:
            self.t = max(self.t, due)
            a_rule_was_due = False
            for rule in self.dues.ripe(due):
                a_rule_was_due = True
                heed(self, self._guarded(rule, rule.advance, due), due, rule.name)
            while not self.rebuilding and (timer := self.desk.due()) is not None and timer[0] <= due:
                self.look_at_paths()
                self.desk.fire(timer[1], timer[2])
            if a_rule_was_due:  # an alarm's timer readies none, and recovery, where none runs, looks as life did
                self.check_readiness(due)

    def wall_ms(self, t: int) -> int:
        """UTC milliseconds of controller time `t`, by the mapping in force."""
        return t + self.offset_ms

    def _when(self, t: int) -> tuple[str, str | None]:
        """(ISO UTC with ms, local HH:MM) of `t`; nobody is told an hour that no clock vouches for."""
        return written(self.wall_ms(t), self.trust != "NONE")

    # ---- what is said

    def _take(self, observation: Observation) -> None:
        kind, dues = observation.kind, self.dues
        more = kind in _MORE_THAN_A_READING
        if more and not self._before_the_rules(observation):
            return
        still = kind is _MOTION and observation.value is False
        for rule, place in self._hearing_stillness if still else self._hearing[kind]:
            if self.faults and self._standing.is_out(rule):
                continue
            try:  # as `_guarded` does, without a call for each rule and observation
                signals = rule.observe(observation)
            except Exception as error:  # noqa: BLE001
                self._put_out(rule, error)
                continue
            if signals:
                heed(self, signals, self.t, rule.name)
            if place is not None and rule.sooner:
                dues.heard(place)
        if more:
            self._after_the_rules(observation)

    def _before_the_rules(self, observation: Observation) -> bool:
        """What must be known before rules hear of it; False for a press that was handled already."""
        kind = observation.kind
        if observation.key is not None and kind is Kind.BUTTON and not self.heard.is_new(observation.key, self.t):
            return False
        if kind is Kind.CONFIG:
            self._new_home(observation)
        elif kind is Kind.CLOCK:
            self._new_clock(observation.value)
        elif kind is Kind.MUTE:  # state of the home, so a restart repeats it
            self.desk.mute(observation.value, self.t)
        if kind in _MAY_BE_THE_GREEN_KEY:
            self.green_answers = any(rule.waiting for rule in self.rules)
        elif kind is Kind.REPLY:
            self.line_waits = self.daily_line.waits_for(str(observation.value.get("contact")), self.t)
        return True

    def _after_the_rules(self, observation: Observation) -> None:
        """What people said, to alarms; and what may be another now by what was said."""
        kind = observation.kind
        if not self.rebuilding and (hear := people.HEARD_OF.get(kind)) is not None:
            self.look_at_paths()
            hear(self, observation)
        if kind in _MAY_CHANGE_ALL:
            self.check_readiness(self.t)
            self.dues.anew()

    def _guarded(self, rule: Rule, call: Callable[[Any], Iterable[Signal]], what: Any) -> Iterable[Signal]:
        """One rule's fault is not the next one's (A23): a rule that raises is out of service, and says so."""
        if self.faults and self._standing.is_out(rule):
            return NOTHING
        try:
            return call(what)
        except Exception as error:  # noqa: BLE001 - the border between rules: what breaks one must not cost a call
            self._put_out(rule, error)
            return NOTHING

    def asked(self, rule: Rule, question: Callable[..., _Known], *at: int) -> _Known | None:
        """What a rule knows, at a time if it asks for one; None of one that is out of service, or goes so by this."""
        if rule.name in self.faults:
            return None
        try:
            return question(*at)
        except Exception as error:  # noqa: BLE001 - as `_guarded`
            self._put_out(rule, error)
            return None

    def _put_out(self, rule: Rule, error: Exception) -> None:
        if self._standing.put_out(rule, error):
            self.dues.anew()
            self.check_readiness(self.t)

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
            heed(self, rule.configure(self.home, parameters, self.t), self.t, rule.name)
        heard = [((rule, self.dues.place(rule)), rule.hears) for rule in self.rules]
        self._hearing = {k: tuple(pair for pair, kinds in heard if kinds is None or k in kinds) for k in Kind}
        self._hearing_stillness = tuple(pair for pair in self._hearing[_MOTION] if pair[0].hears_stillness)

    def _new_clock(self, value: dict[str, Any]) -> None:
        """The mapping from controller to wall time changed. No duration depends on it (invariant v)."""
        offset, trust = value.get("offset_ms"), value.get("trust")
        if isinstance(offset, int) and not isinstance(offset, bool):
            self.offset_ms = offset
        if trust in ("NONE", "RTC", "PHONE", "GNSS", "NTP"):
            self.trust = trust
        self.civil.set(self.offset_ms, self.trust, self.t)

    def look_at_paths(self) -> None:
        """What is promised from here on knows whether any way out is left."""
        self.desk.tell.unreachable = self._technical.active("CELL_LOST") and self._technical.active("UPLINK_LOST")

    def check_readiness(self, t: int) -> None:
        """A rule that can no longer do its work says so, and says when it can again (T-27)."""
        for notice in self._standing.changed(t):
            self.notice(notice)

    def notice(self, notice: Notice) -> None:
        """Hands back a notice, with its message to the platform; none while rebuilding."""
        if not self.rebuilding:
            self._result.notices.append(notice)
            self._result.actions.append(message(notice, self._when(notice.t)[0], self.home))

    def _drain(self) -> Result:
        result = self._result
        record = self.desk.record
        if record.events or self.desk.tell.actions:
            result.events, record.events = record.events, []
            for event in result.events:
                if event.what == "opened":
                    self.alarmed(event)
                self.ended(event)
            result.actions, self.desk.tell.actions = self.desk.tell.actions + result.actions, []
        elif not result.notices:  # each of them has its action
            return result
        self._result = Result()
        return result

    def confirm(self, code: str, t: int) -> None:
        """Who asked for an alarm of `code` need not ask again."""
        for rule in self.rules:
            rule.opened(code, t)
        self.dues.anew()

    def ended(self, event: AlarmEvent) -> None:
        """For the daily summary: whether it ended a press that was a mistake, cancelled in time or closed as one (A11).

        A question of ours that the elder cancels is our mistake.
        """
        over = event.state is State.CANCELLED_LOCAL or event.patch.get("outcome") == Outcome.FALSE_ALARM.value
        alarm = self.book.alarms.get(event.alarm)
        if over and alarm is not None and alarm.code.startswith("CALL_"):
            self.daily_summary.mistaken(event.t)

    def alarmed(self, event: AlarmEvent) -> None:
        """An alarm was opened, by whomever: some rules tell of the day."""
        for rule in self.rules:
            rule.alarmed(event.patch["code"], event.t)
        self.dues.anew()

    # ---- recovery

    def rebuild(self, observation: Observation, events: Iterable[AlarmEvent]) -> None:
        """Repeats one journalled entry: rules see the observation, alarms change only as the record says.

        What was decided is never decided again, not even by newer code: findings made here are dropped, the recorded
        events are applied. Call `rebuilt()` after the last entry.
        """
        recovery.rebuild(self, observation, events)

    def rebuilt(self) -> None:
        """Recovery is over: what newer code would have found and nobody recorded may now be found."""
        recovery.rebuilt(self)

    def to_json(self) -> dict[str, Any]:
        """The whole state, for a snapshot; holds no name and no number."""
        return snapshot.taken(self)

    @classmethod
    def from_json(cls, data: dict[str, Any], fall_models: Mapping[str, Model] | None = None) -> Controller:
        """The controller of a snapshot; raises `BadSnapshot` for one this version cannot read."""
        return snapshot.restored(cls, data, fall_models)

    def told_readiness(self) -> dict[str, Status]:
        """How each rule stood when that was last looked at: what has changed since is news still to be told."""
        return self._standing.told()

    def settle(self, told: Mapping[str, Status]) -> None:
        """State was put in from a snapshot. `told` is what was known when it was taken; where it says nothing (a rule,
        or a snapshot, of another version) how things stand now is the norm, and no news."""
        self._standing.settle(told)
        self._drain()
        self.dues.anew()

    def statuses(self) -> dict[str, Status]:
        """Each rule's readiness and why, for people and the heartbeat."""
        return self._standing.now()

    def reported(self, code: str) -> set[str]:
        """The subjects for which this technical condition is on or waiting to be believed."""
        return self._technical.subjects(code)


def _whole(due: float) -> int | None:
    return None if due == NEVER else int(due)
