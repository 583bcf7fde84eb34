"""Keeps one driver running: liveness, restarts, and a "blind" notice when restarting does not help (decision 6, A22).

Knows the driver's port and the event loop. Must not know what the driver speaks, nor what others do with its reports.
One supervisor a driver, so that one cannot hurt another. Everything here runs in the event loop's thread: a driver's
own threads hand over with `loop.call_soon_threadsafe`.

A driver that swallows cancellation is *abandoned*: it is told again every minute and counted, people are told BLIND at
once, and no new run starts before the old one has ended, because two runs of one driver would share its port and its
state. What it still reports counts (a press is a press); its beats do not.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.drivers.pace import Pace
from gateway.drivers.port import Driver, DriverContext, DriverFault
from gateway.drivers.restart_policy import RestartPolicy, Rung
from gateway.observations import LIFE_SAFETY, Report

CANCEL_GRACE_S: Final = 10.0  # bleak's and pyserial's own closing timeouts are 5 s or less
RECANCEL_S: Final = 60.0  # tell an abandoned run again this often
STALL_S: Final = 1.0  # a timer this late means that the loop stood still, not the driver
MAX_COUNTERS: Final = 64  # names a driver counts; the rest is counted as "other"
MAX_COUNTER_CHARS: Final = 64
MAX_REASON_CHARS: Final = 300  # enough for what, where, what to do

log = logging.getLogger(__name__)


class HealthState(StrEnum):
    """What people need to know of a driver."""

    UP = "UP"
    BLIND = "BLIND"


@dataclass(frozen=True, slots=True)
class DriverHealth:
    """Told when a driver goes blind or proves alive: at its first beat ever, and at the first after BLIND."""

    name: str
    state: HealthState
    reason: str  # why it is blind; empty when up
    since: float  # loop.time() of the first failure that led here, or of the beat
    restarts: int
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DriverStatus:
    """For `doctor`, status and the heartbeat."""

    name: str
    rung: Rung
    reason: str
    restarts: int
    abandoned: bool
    last_beat: float | None  # loop.time()
    counters: dict[str, int]


@dataclass(slots=True)
class _Run:
    """One run of the driver: what it did so far."""

    started_at: float
    silent: asyncio.Event
    last_beat: float | None = None
    condemned: bool = False  # cancelled for silence: its beats no longer count
    ended: bool = False  # callbacks it leaked no longer count
    timer: asyncio.TimerHandle | None = field(default=None)

    @property
    def proved_s(self) -> float:
        return 0.0 if self.last_beat is None else self.last_beat - self.started_at


class Supervisor:
    """Runs one driver for ever. `start()` and `stop()` from the runtime; `healthy()` for the watchdog."""

    def __init__(
        self,
        driver: Driver,
        emit: Callable[[Report], None],
        on_health: Callable[[DriverHealth], None],
        *,
        emit_durable: Callable[[Report], asyncio.Future[bool]] | None = None,
        policy: RestartPolicy | None = None,
        rng: Callable[[], float] = random.random,
        cancel_grace_s: float = CANCEL_GRACE_S,
        recancel_s: float = RECANCEL_S,
    ) -> None:
        """`emit_durable` takes a report like `emit` and says when it is durable; the future stays its maker's."""
        self._driver, self._emit, self._on_health = driver, emit, on_health
        self._emit_durable = emit_durable
        self._promised: dict[int, asyncio.Future[bool]] = {}  # by id of a report that Pace may hold back
        self._policy, self._rng = policy or RestartPolicy(), rng
        self._cancel_grace_s, self._recancel_s = cancel_grace_s, recancel_s
        self._pace = Pace(self._forward, self._too_fast)
        self._task: asyncio.Task[None] | None = None
        self._counters: dict[str, int] = {}
        self._restarts = 0
        self._reason = ""
        self._logged: str | None = None
        self._failing_since: float | None = None
        self._told_blind = False
        self._abandoned = False
        self._last_beat: float | None = None

    @property
    def name(self) -> str:
        """The driver's name."""
        return self._driver.name

    def start(self) -> None:
        """Starts supervising; needs a running loop. Does nothing if it already runs."""
        if not self.healthy():
            self._task = asyncio.create_task(self._supervise(), name=f"supervisor:{self.name}")

    async def stop(self) -> None:
        """Cancels the driver and waits for it, at most `cancel_grace_s`. Never raises."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task}, timeout=self._cancel_grace_s + 1.0)
        self._pace.close()

    def healthy(self) -> bool:
        """Whether the supervisor itself is alive. A blind driver is not ill health: restarting us cannot help."""
        return self._task is not None and not self._task.done()

    def status(self) -> DriverStatus:
        """How the driver does, for people."""
        return DriverStatus(
            self.name, self._policy.rung, self._reason, self._restarts, self._abandoned, self._last_beat,
            dict(self._counters),
        )  # fmt: skip

    def count(self, name: str) -> None:
        """Counts one of `name`, in at most `MAX_COUNTERS` names."""
        name = name[:MAX_COUNTER_CHARS]
        if name not in self._counters and len(self._counters) >= MAX_COUNTERS:
            name = "other"
        self._counters[name] = self._counters.get(name, 0) + 1

    async def _supervise(self) -> None:
        while True:
            run = _Run(asyncio.get_running_loop().time(), asyncio.Event())
            reason = await self._run_once(run)
            delay_s = self._policy.failed(run.proved_s, self._rng())
            self._fail(reason)
            await asyncio.sleep(delay_s)
            self._restarts += 1

    async def _run_once(self, run: _Run) -> str:
        """Runs the driver until it has ended, whatever that takes; returns why it ended."""
        context = DriverContext(
            emit=lambda report: self._emitted(run, report),
            beat=lambda: self._beat(run),
            count=self.count,
            emit_durable=lambda report: self._emitted_durable(run, report),
        )
        task = asyncio.create_task(self._guarded(context), name=f"driver:{self.name}")
        silent = asyncio.create_task(run.silent.wait(), name=f"liveness:{self.name}")
        self._arm(run, run.started_at + self._driver.liveness_s)
        try:
            await asyncio.wait({task, silent}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                run.condemned = True
                reason = f"no sign of life for {self._driver.liveness_s:g} s"
                self.count("silent")
                await self._end(task, reason)
                return reason
            return self._why(task)
        finally:
            silent.cancel()
            if run.timer is not None:
                run.timer.cancel()
            if not task.done():  # we are being stopped
                task.cancel()
                await asyncio.wait({task}, timeout=self._cancel_grace_s)
            run.ended = True
            if task.done() and not task.cancelled():
                task.exception()  # retrieved: asyncio need not complain

    async def _guarded(self, context: DriverContext) -> None:
        try:
            await self._driver.run(context)
        except SystemExit as error:  # asyncio would let it end the whole gateway
            raise DriverFault("the driver tried to end the process") from error

    async def _end(self, task: asyncio.Task[None], reason: str) -> None:
        """Cancels a silent run and returns only when it has ended."""
        task.cancel()
        await asyncio.wait({task}, timeout=self._cancel_grace_s)
        if task.done():
            return
        self._abandoned = True
        self.count("abandoned")
        self._policy.give_up()
        self._fail(f"{reason}, and it ignores being stopped; restart the gateway")
        while not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=self._recancel_s)
        self._abandoned = False

    def _arm(self, run: _Run, due: float) -> None:
        run.timer = asyncio.get_running_loop().call_at(due, self._check, run, due)

    def _check(self, run: _Run, due: float) -> None:
        """The liveness timer. A beat costs no timer: the deadline is looked up only when the old one has passed."""
        now = asyncio.get_running_loop().time()
        beat_due = (run.started_at if run.last_beat is None else run.last_beat) + self._driver.liveness_s
        if beat_due > now:
            self._arm(run, beat_due)
        elif now - due > STALL_S:  # the loop stood still: beats may be waiting behind us in its queue
            self._arm(run, now + STALL_S)
        else:
            run.silent.set()

    def _beat(self, run: _Run) -> None:
        if run.condemned or run.ended:
            return
        run.last_beat = self._last_beat = asyncio.get_running_loop().time()
        if self._policy.rung is not Rung.UP and self._policy.proved_alive():
            self._told_blind = False
            self._reason, self._logged, self._failing_since = "", None, None
            log.info("driver %s is up", self.name)
            self._tell(HealthState.UP, run.last_beat)

    def _fail(self, reason: str) -> None:
        reason = reason[:MAX_REASON_CHARS]
        now = asyncio.get_running_loop().time()
        self._reason = reason
        if self._failing_since is None or self._policy.failed_runs == 1:
            self._failing_since, self._logged = now, None
        log.log(
            logging.DEBUG if reason == self._logged else logging.WARNING,
            "driver %s failed (%s), restart %d: %s", self.name, self._policy.rung, self._restarts + 1, reason,
        )  # fmt: skip
        self._logged = reason
        if self._policy.rung is Rung.BLIND and not self._told_blind:
            self._told_blind = True
            log.error("driver %s is blind: %s", self.name, reason)
            self._tell(HealthState.BLIND, self._failing_since)

    def _tell(self, state: HealthState, since: float) -> None:
        health = DriverHealth(self.name, state, self._reason, since, self._restarts, self._driver.devices)
        try:
            self._on_health(health)
        except Exception:  # task boundary: a listener's bug must not end supervision
            self.count("health_listener_failed")
            log.exception("driver %s: the listener to its health failed", self.name)

    def _why(self, task: asyncio.Task[None]) -> str:
        """Why the driver's task ended, in words; a traceback for what the driver did not foresee."""
        if task.cancelled():
            self.count("cancelled_itself")
            return "cancelled itself"
        error = task.exception()
        if error is None:
            self.count("returned")
            return "returned without being asked to stop"
        self.count("fault" if isinstance(error, DriverFault) else "crash")
        reason = str(error) if isinstance(error, DriverFault) else f"{type(error).__name__}: {error}"
        if not isinstance(error, DriverFault) and reason[:MAX_REASON_CHARS] != self._logged:
            log.warning("driver %s crashed", self.name, exc_info=error)
        return reason

    def _emitted(self, run: _Run, report: Report) -> None:
        if run.ended:
            self.count("reported_after_its_end")
            return
        self._pace.take(report)

    def _emitted_durable(self, run: _Run, report: Report) -> asyncio.Future[bool]:
        """What can wait at its far end is not held back here: life-saving reports pass at any speed."""
        if self._emit_durable is None:
            raise NotImplementedError("this supervisor was not told how to make a report durable")
        promise: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if run.ended:
            self.count("reported_after_its_end")
            promise.set_result(False)
            return promise
        self._promised[id(report)] = promise
        if report.kind in LIFE_SAFETY:
            self._forward(report)
        else:
            self._pace.take(report)
        return promise

    def _forward(self, report: Report) -> None:
        promise = self._promised.pop(id(report), None)
        try:
            if promise is None:
                self._emit(report)
            else:
                assert self._emit_durable is not None
                self._emit_durable(report).add_done_callback(lambda done: _keep(promise, done))
        except Exception:  # border to the runtime: its bug must not end the driver that is still hearing presses
            self.count("emit_failed")
            log.exception("driver %s: a report was not taken", self.name)

    def _too_fast(self, report: Report) -> None:
        if (promise := self._promised.pop(id(report), None)) is not None:
            promise.set_result(True)  # a newer one takes its place
        self.count("too_fast")
        if (n := self._counters.get("too_fast", 0)) & (n - 1) == 0:  # 1, 2, 4, 8...: the log must not chatter too
            log.warning("driver %s: %s reports too fast, %d dropped so far", self.name, report.device, n)


def _keep(promise: asyncio.Future[bool], done: asyncio.Future[bool]) -> None:
    if not promise.done():
        promise.set_result(not done.cancelled() and done.exception() is None and done.result())
