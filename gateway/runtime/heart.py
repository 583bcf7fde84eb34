"""Where the pure controller meets time and disk: stamp, decide, commit, and only then carry out.

One loop thread, no queue in front: a report is decided on the spot, in order of arrival. Nothing here waits for a disk
or a network; a commit that takes longer than half a second is not waited for (architecture decision 2).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any, Final

from gateway.actions import LOCAL, Call, Push, Text
from gateway.clock import Clock
from gateway.controller import Controller, Result
from gateway.journal import ACT_FROM_MEMORY_S, Entry, Journal, StoredAction, Submitted
from gateway.observations import LIFE_SAFETY, Kind, Observation, Report
from gateway.rules.standby import LAST_WORD
from gateway.runtime.wearables import RecentSignal

FLUSH_DONE_S: Final = 1.0  # finished local actions are written off in groups
MARK_S: Final = 300.0  # where time stood, for the next start; T-13's rhythm
MARK_OPEN_S: Final = 5.0  # the same while an alarm's timer runs, if a tenth of what it still has to run is no more
MARK_SHARE: Final = 10  # ... so a power cut costs a timer 5 s or a tenth, and an alarm open for days no flash
SNAPSHOT_EVERY: Final = 2_000  # entries; recovery replays at most twice as many

BY_PORT: Final = frozenset({Text.kind, Call.kind, Push.kind})
ROUNDS_TO_THE_PORT: Final = 2
"""Of the loop, from a text that is ready to its first command, which the port's thread then writes while the loop does
the rest: the other way round the text waited for all of it, and the longer way should begin first."""
MAX_SAID: Final = 100  # prompts in a second: more is a fault
_FOR_THE_RECORD: Final = frozenset({Kind.ACK, Kind.VISIT, Kind.DELIVERY, Kind.REPLY})

log = logging.getLogger(__name__)


class Heart:
    """Feeds the controller and the journal, and hands each action on once it is safe."""

    def __init__(self, controller: Controller, clock: Clock, journal: Journal) -> None:
        self.controller = controller
        self.clock = clock
        self.journal = journal
        self.carry: Callable[[StoredAction], None] = lambda _: None
        self.publish: Callable[[StoredAction], bool] = lambda _: False  # a durable message; True if it is on its way
        self.recorded: Callable[[], None] = lambda: None  # something for the incident archive is on its way to the disk
        self._loop = asyncio.get_running_loop()
        self.ticked = self._loop.time()  # the last proof that this loop decides and time moves
        self._timer: asyncio.TimerHandle | None = None
        self._recent = RecentSignal()
        self._done: list[int] = []
        self._said: list[tuple[int, str, str]] = []
        self._done_timer: asyncio.TimerHandle | None = None
        self._mark_timer: asyncio.TimerHandle | None = None
        self._since_snapshot = 0
        self.stopped = False

    # ---- the way in

    def take(self, report: Report, *, done: Iterable[int] = (), acked: Iterable[int] = ()) -> Submitted:
        """Decides one report now, submits what came of it, and arms what follows. Never blocks."""
        t = max(self.clock.now(), self.controller.t)
        observation = Observation(report.kind, report.value, t, report.device, report.key)
        result = self.controller.handle(observation)
        if report.kind is Kind.ACCELERATION:
            return self._signal(observation, result, report.memory)
        self._submit_signal_before(result, t)
        return self._submit(observation, result, report.memory, tuple(done), tuple(acked))

    def _signal(self, observation: Observation, result: Result, memory: tuple[str, Any] | None) -> Submitted:
        """Samples are written down only around a decision; until then they wait in memory."""
        self._submit_signal_before(result, observation.t, but=observation.device)
        kept = self._recent.kept_with(observation, result.events, self.controller.book)
        if kept is None and not result and memory is None:
            self._arm()
            nothing: asyncio.Future[bool] = self._loop.create_future()
            nothing.set_result(True)
            return Submitted((), nothing)
        return self._submit(kept or Observation(Kind.TICK, None, observation.t), result, memory, (), ())

    def _submit_signal_before(self, result: Result, t: int, but: str | None = None) -> None:
        """What a decision made by time or by another device was made by comes before it in the journal."""
        for signal in self._recent.decided_without(result.events, self.controller.book, t, but):
            self._submit(signal, Result(), None, (), ())

    def tick(self) -> None:
        """Lets time pass: timers due before this millisecond run. Journalled only if something came of it."""
        t = max(self.clock.now() - 1, self.controller.t)
        observation = Observation(Kind.TICK, None, t)
        result = self.controller.handle(observation)
        self.ticked = self._loop.time()
        if result:
            self._submit_signal_before(result, t)
            self._submit(observation, result, None, (), ())
        else:
            self._arm()

    def finished(self, action_id: int, said: tuple[int, str, str] | None = None) -> None:
        """An action was carried out (or is void): it leaves the journal with the next entry, within a second.

        `said`: (alarm, prompt, "said" or "not_said"), for the record of what the elder really heard.
        """
        self._done.append(action_id)
        if said is not None:
            self._said.append(said)
        if self._done_timer is None and not self.stopped:
            self._done_timer = self._loop.call_later(FLUSH_DONE_S, self._flush_done)

    def check_clock(self) -> None:
        """Tells the controller of a wall-clock step or another trust, also of one a crash kept from it."""
        change = self.clock.check_step()
        accepted = self.clock.accepted
        if change is None and (accepted.offset_ms, str(accepted.trust)) != (
            self.controller.offset_ms,
            self.controller.trust,
        ):
            change = accepted
        if change is not None:
            if change.large:
                log.warning("the wall clock was moved by %d s", change.step_ms // 1000)
            self.take(Report(Kind.CLOCK, change.to_json()))

    # ---- the way out

    def _submit(
        self,
        observation: Observation,
        result: Result,
        memory: tuple[str, Any] | None,
        done: tuple[int, ...],
        acked: tuple[int, ...],
    ) -> Submitted:
        finished, self._done = tuple(self._done), []
        entry = Entry(
            observation=observation,
            events=tuple(event.to_json() for event in result.events),
            wall_ms=self.controller.wall_ms(observation.t),
            trust=self.controller.trust,
            memory=memory,
            actions=tuple(result.actions),
            done=done + finished,
            acked=acked,
            urgent=bool(result.events or result.actions) or observation.kind in LIFE_SAFETY,
        )
        submitted = self.journal.submit(entry)
        self._tell(result)
        if result.events or observation.kind in _FOR_THE_RECORD:
            self.recorded()
        if submitted.stored:
            self._carry_when_safe(submitted)
        self._arm()
        self._since_snapshot += 1
        if self._since_snapshot >= SNAPSHOT_EVERY or any(n.reason == LAST_WORD for n in result.notices):
            self.snapshot()  # when the battery is about to stop: the next start finds all and replays nothing
        return submitted

    def _carry_when_safe(self, submitted: Submitted) -> None:
        """Carries out once durable, or after 500 ms from memory: a broken disk must not silence a call."""
        waiting = True

        def go(durable: bool) -> None:
            nonlocal waiting
            if not waiting:
                return
            waiting = False
            timer.cancel()
            if not durable:
                log.error("acting from memory: the disk has not taken it within %.1f s", ACT_FROM_MEMORY_S)
            far = [stored for stored in submitted.stored if stored.action.kind in BY_PORT]
            near = [stored for stored in submitted.stored if stored.action.kind not in BY_PORT]
            for stored in far:
                self.carry(stored)
            self._after_rounds(ROUNDS_TO_THE_PORT if far else 0, near, durable)

        def committed(future: asyncio.Future[bool]) -> None:
            if not future.cancelled():
                go(future.exception() is None and future.result())

        timer = self._loop.call_later(ACT_FROM_MEMORY_S, go, False)
        submitted.committed.add_done_callback(committed)

    def _after_rounds(self, rounds: int, near: list[StoredAction], durable: bool) -> None:
        """What is a matter of moments, once the texts have had their rounds of the loop; ways out of the home first."""
        if rounds:
            self._loop.call_soon(self._after_rounds, rounds - 1, near, durable)
            return
        for stored in sorted(near, key=lambda s: s.action.kind in LOCAL):
            if not (durable and self.publish(stored)):
                self.carry(stored)

    def _tell(self, result: Result) -> None:
        for event in result.events:
            if event.state is not None:
                alarm = self.controller.book.alarms.get(event.alarm)
                code = alarm.code if alarm else "?"
                log.info("alarm %d %s %s (%s)", event.alarm, code, event.state.value, event.reason)
        for notice in result.notices:
            log.warning("notice %s %s %s (%s)", notice.code, notice.subject, notice.status, notice.reason)

    # ---- time

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.controller.next_due()
        if due is not None and not self.stopped:
            # one millisecond after, so that no observation can still be stamped with the due time itself
            self._timer = self._loop.call_later(max(0, due + 1 - self.clock.now()) / 1000 + 0.0005, self.tick)
        mark = self._mark_timer
        if mark is not None and mark.when() - self._loop.time() > self._mark_delay():
            self._rearm_mark()

    def _mark_delay(self) -> float:
        timer = self.controller.book.next_timer()
        if timer is None:
            return MARK_S
        return min(MARK_S, max(MARK_OPEN_S, (timer[0] - self.controller.t) / 1000 / MARK_SHARE))

    def start_marks(self) -> None:
        """From now on the journal is told regularly where time stands."""
        self._rearm_mark()

    def _rearm_mark(self) -> None:
        if self._mark_timer is not None:
            self._mark_timer.cancel()
        self._mark_timer = None if self.stopped else self._loop.call_later(self._mark_delay(), self._mark)

    def _mark(self) -> None:
        self.check_clock()
        self.tick()
        self.take(Report(Kind.TICK, None, memory=self.clock_memory()))
        self._rearm_mark()

    def clock_memory(self) -> tuple[str, Any]:
        """This moment by all clocks, kept with an entry so that the next start knows how long nobody watched."""
        mark = self.clock.mark()
        return "clock", {
            "t": mark.t,
            "wall_ms": mark.wall_ms,
            "trust": str(mark.trust),
            "boot_id": mark.boot_id,
            "boottime_ms": mark.boottime_ms,
        }

    def _flush_done(self) -> None:
        self._done_timer = None
        said, self._said = self._said, []
        if said:  # nothing the controller decides by: it rides on the entry that writes the actions off
            value = {"channel": "voice", "said": [list(row) for row in said[:MAX_SAID]]}
            self._submit(Observation(Kind.DELIVERY, value, self.controller.t), Result(), None, (), ())
        elif self._done:
            self._submit(Observation(Kind.TICK, None, self.controller.t), Result(), None, (), ())

    def snapshot(self) -> None:
        """Hands the whole state to the journal, ordered with the entries."""
        self._since_snapshot = 0
        self.journal.submit_snapshot(self.controller.to_json())

    def stop(self) -> None:
        """No timer of ours fires any more; what is finished is written off; the state is kept."""
        self.stopped = True
        for timer in (self._timer, self._done_timer, self._mark_timer):
            if timer is not None:
                timer.cancel()
        self.take(Report(Kind.TICK, None, memory=self.clock_memory()))
        self.snapshot()
