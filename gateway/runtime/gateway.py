"""Wires the house together and runs it: journal and heart first, then ways to people, then ways in, then the platform.

Nothing here decides about an alarm. The alarm path needs neither network nor radio nor modem to come up; what is
missing is said, not waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gateway import __version__
from gateway.alarms.words import explain
from gateway.clock import GapKind, LeapSources
from gateway.config import Config
from gateway.home.model import Home
from gateway.journal import Health, Problem, StoredAction, message
from gateway.journal import State as StoreState
from gateway.observations import Kind, Report
from gateway.runtime.archivist import Archivist
from gateway.runtime.awakening import Awake, awaken, last_mark
from gateway.runtime.carrier import Carrier
from gateway.runtime.commands import Commands, test_operations
from gateway.runtime.control import ControlBusy, ControlServer
from gateway.runtime.heart import Heart
from gateway.runtime.heartbeat import Heartbeat
from gateway.runtime.house_operations import house_operations
from gateway.runtime.household_operations import household_operations
from gateway.runtime.jitter import settled
from gateway.runtime.logs import Logs
from gateway.runtime.record_operations import record_operations
from gateway.runtime.status import status_line, status_of
from gateway.runtime.storage import journal_limits, open_storage, whole_history
from gateway.runtime.systemd import Notifier, Watchdog, watchdog_interval_s
from gateway.runtime.ways_in import WaysIn
from gateway.runtime.ways_out import WaysOut

if TYPE_CHECKING:
    from gateway.upstream.link import Upstream

HEART_STUCK_S: Final = 20.0  # the rule loop ticks at least every 10 s (`_pulse`)
PULSE_S: Final = 10.0
GIVE_WAY_S: Final = 0.0005
"""A thread that waits for the interpreter gets it after this, not after Python's 5 ms: the disk's thread and the port's
each have some 0.3 ms to do for a press, and waited for the loop to come to rest (tests/benchmarks, press)."""
UNPROVEN_S: Final = 10.0  # a modem registers and a broker answers within this, or people are told nothing goes out
DAMAGE: Final = ("ROW_QUARANTINED", "SNAPSHOT_BAD", "DATABASE_QUARANTINED", "the journal", "the home", "home.json")
"""How a problem of the disk begins; a tail cut by a power cut, or a structure check cut short, is none."""
UPLINK_DOWN: Final = {"code": "UPLINK_LOST", "on": True}
CELL_DOWN: Final = {"code": "CELL_LOST", "on": True}

log = logging.getLogger(__name__)


class Gateway:
    """One gateway process. `start`, then `wait`, then `stop`."""

    def __init__(
        self, config: Config, *, leap: bool = False, log_names: bool = False, logs: Logs | None = None
    ) -> None:
        """`leap` gives the demo's clock, which may jump; `run` never sets it."""
        self.config = config
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        self.leap: LeapSources | None = None  # the demo's clock
        self._wants_leap = leap
        self._log_names = log_names
        self._logs = logs
        self._stop = asyncio.Event()
        self._path_up = False
        self._tasks: list[asyncio.Task[None]] = []
        self._notifier = Notifier()

    # ---- coming up

    async def start(self) -> None:
        """Brings the alarm path up, then everything else. Raises what makes a gateway impossible: no registry that
        can be read, no journal that can be opened, another gateway on the same state."""
        sys.setswitchinterval(GIVE_WAY_S)
        self._loop = asyncio.get_running_loop()
        journal_file = self.state_dir / "journal.db"
        opened = await asyncio.to_thread(
            open_storage,
            self.config.home_file,
            journal_file,
            journal_limits(self.config.journal),
            problems=self.problems,
            on_health=self._storage,
            on_problem=self._journal_problem,
        )
        self.registry, self.journal, recovered = opened.registry, opened.journal, opened.recovered
        self.know_home(self.registry.home())
        mark = last_mark(recovered)
        self.leap = LeapSources.following(mark) if self._wants_leap else None
        from gateway.clock import host_sources

        sources = self.leap.sources() if self.leap else host_sources()
        awake = await asyncio.to_thread(awaken, recovered, sources, lambda: whole_history(journal_file))
        self.problems += awake.problems
        self.heart = Heart(awake.controller, awake.clock, self.journal)
        self.archivist = Archivist(self.state_dir, vouch=self._vouch)
        self.archivist.start()
        self.heart.recorded = self.archivist.wake
        self.carrier = Carrier(self.heart, self._wake_upstream)
        self.ways_out = WaysOut(self, recovered.memory)
        self.ways_out.open()
        self.heart.carry = self.carrier.carry
        self.heart.publish = self._publish
        self.ways_in = WaysIn(self, recovered.memory)
        self._epoch = self.journal.epoch
        self._begin(awake)
        if self.problems:  # whatever was wrong with what is on disk: from here on it is whole again
            self.heart.snapshot()
        self.carrier.resume(recovered.pending)
        self._tasks.append(asyncio.create_task(self.carrier.run(), name="texts"))
        self.ways_in.open()
        self.upstream: Upstream | None = self._open_upstream()
        await self._open_control()
        self._heartbeat = Heartbeat(self, self.config.mqtt.heartbeat_s)
        self._tasks.append(asyncio.create_task(self._heartbeat.run(), name="heartbeat"))
        self._start_watchdog()
        for problem in self.problems:
            log.error("%s", problem)

    def _begin(self, awake: Awake) -> None:
        """The first words to the controller: that it slept, what time it is, and how the home is now."""
        gap = {"gap_ms": awake.gap.ms, "gap": awake.gap.kind.value, "version": __version__}
        self.heart.take(Report(Kind.RESTART, gap, memory=self.heart.clock_memory()))
        self.heart.check_clock()
        view = settled(self.registry.home().view, self.config.gateway.id)
        if awake.controller.home.to_json() != view.to_json():
            self.heart.take(Report(Kind.CONFIG, view.to_json()))
        damaged = any(p.startswith(DAMAGE) for p in self.problems)
        self.heart.take(Report(Kind.CONDITION, {"code": "STORAGE_FAULT", "on": damaged}))
        if not self.config.mqtt.enabled or not self.config.mqtt.hosts:
            log.warning("no platform is configured ([mqtt] hosts): contacts are told, the platform is not")
        if awake.gap.kind is GapKind.UNKNOWN and awake.controller.book.alarms:
            log.warning("started after a gap of unknown length: timers go on where they stood")
        self.heart.start_marks()
        asyncio.get_running_loop().call_later(UNPROVEN_S, self._say_unproven)

    def _say_unproven(self) -> None:
        """A way out that has not shown itself by now is taken for closed: nothing is promised over it (vii)."""
        if not self._path_up:
            self.heart.take(Report(Kind.CONDITION, UPLINK_DOWN))
        if not self.ways_in.texts_can_go:
            self.heart.take(Report(Kind.CONDITION, CELL_DOWN))

    def _open_upstream(self) -> Upstream | None:
        if not self.config.mqtt.enabled or not self.config.mqtt.hosts:
            return None
        from gateway.upstream.link import Upstream
        from gateway.upstream.settings import BadSettings, from_config

        explain("", {})  # the words are read now, not while the first alarm waits for them
        try:
            settings = from_config(self.config.mqtt, self.config.resolved)
        except BadSettings as error:
            self.problems.append(f"[mqtt]: {error}")
            return None
        loop = asyncio.get_running_loop()
        commands = Commands(lambda report: self.heart.take(report).committed, self.counts, loop.time)
        upstream = Upstream(
            settings,
            self.config.gateway.id,
            self.config.gateway.site,
            self.journal.epoch,
            self.journal.rows,
            self._on_ack,
            commands.heard,
            self._on_path,
            now_ms=self.heart.clock.now,
        )
        self._tasks.append(asyncio.create_task(upstream.run(), name="upstream"))
        return upstream

    async def _open_control(self) -> None:
        operations = {
            **house_operations(self),
            **test_operations(self.heart),
            **household_operations(self.heart),
            **record_operations(self),
        }
        self.control = ControlServer(self.config.control_socket, operations)
        try:
            await self.control.start()
        except (OSError, ControlBusy) as error:  # alarms need no socket
            self.problems.append(f"no local socket: {error}; `home set` and `doctor` cannot reach this gateway")

    def _start_watchdog(self) -> None:
        checks = {
            "rule loop": lambda: asyncio.get_running_loop().time() - self.heart.ticked < HEART_STUCK_S,
            "store": lambda: self.journal.alive,
            "drivers": self.ways_in.healthy,
            "texts": lambda: not any(t.done() for t in self._tasks),
        }
        self.watchdog = Watchdog(checks, self._notifier, watchdog_interval_s(), lambda: status_line(self.heart))
        self._tasks.append(asyncio.create_task(self.watchdog.run(), name="watchdog"))
        self._tasks.append(asyncio.create_task(self._pulse(), name="pulse"))
        self._notifier.ready(status_line(self.heart))

    async def _pulse(self) -> None:
        """Proves that the rule loop decides: an observation of nothing goes all the way through it."""
        while True:
            self.heart.tick()
            await asyncio.sleep(PULSE_S)

    # ---- running and stopping

    async def wait(self) -> None:
        """Until `request_stop`, or until a part that must not end has ended."""
        stopping = asyncio.create_task(self._stop.wait())
        done, _ = await asyncio.wait([stopping, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        for task in done - {stopping}:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise RuntimeError(f"{task.get_name()} ended") from error

    def request_stop(self) -> None:
        """SIGTERM: end cleanly. May be called from a signal handler of the loop."""
        self._stop.set()

    async def stop(self) -> None:
        """Ways in first, so that nothing new comes; then ways out; the journal last, complete."""
        self._notifier.stopping()
        await self.ways_in.close()
        await self.control.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.carrier.stop()
        await self.ways_out.close()
        self.heart.stop()
        await self.journal.close()
        await asyncio.to_thread(self.archivist.close)
        self.registry.close()

    # ---- what others tell us

    def _vouch(self, memory: tuple[str, Any]) -> None:
        """The archivist's seal, to be kept by the journal. From its thread; a loop that has ended keeps nothing."""

        def keep() -> None:
            if not self.heart.stopped:
                self.heart.take(Report(Kind.TICK, None, memory=memory))

        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(keep)

    def _storage(self, health: Health) -> None:
        bad = health.state in (StoreState.FAILING, StoreState.FULL, StoreState.SLOW)
        if hasattr(self, "heart"):
            self.heart.take(Report(Kind.CONDITION, {"code": "STORAGE_FAULT", "on": bad, "why": health.state.value}))

    def _journal_problem(self, problem: Problem) -> None:
        """The journal found damage while running: told, and a new journal's epoch goes to the platform."""
        self.problems.append(f"{problem.code.value}: {problem.text}")
        log.error("%s: %s", problem.code.value, problem.text)
        if hasattr(self, "heart"):
            self.heart.take(Report(Kind.CONDITION, {"code": "STORAGE_FAULT", "on": True, "why": problem.code.value}))
            if self.journal.epoch != self._epoch:
                log.error("a new journal was begun; starting again with it")
                self.request_stop()

    def _publish(self, stored: StoredAction) -> bool:
        """A message that has just become durable: on the wire at once, if nothing waits before it."""
        row = message(stored)
        upstream = getattr(self, "upstream", None)
        return row is not None and upstream is not None and upstream.offer(row)

    def _wake_upstream(self) -> None:
        if getattr(self, "upstream", None) is not None:
            assert self.upstream is not None
            self.upstream.wake()

    def _on_path(self, state: Any, detail: str) -> None:
        up = self._path_up = state.value == "UP"
        log.info("platform: %s (%s)", state.value, detail)
        if not self._stop.is_set():
            self.heart.take(Report(Kind.CONDITION, {"code": "UPLINK_LOST", "on": not up}))

    def _on_ack(self, word: dict[str, Any]) -> asyncio.Future[bool] | None:
        """The platform's word becomes an observation; its commit empties the outbox."""
        if word["stage"] == "RECEIVED":
            value = {"stage": "RECEIVED", "seq": word["seq"]}
            return self.heart.take(Report(Kind.ACK, value), acked=word["seq"]).committed
        number = _alarm_number(word.get("alarm"), self.journal.epoch)
        if number is None:
            self.counts["ack_for_unknown_alarm"] += 1
            return None
        return self.heart.take(Report(Kind.ACK, {**word, "alarm": number})).committed

    def know_home(self, home: Home) -> None:
        """Whose names and numbers no log may hold."""
        if self._logs is not None:
            pushes = (address for addresses in home.pushes.values() for address in addresses)
            self._logs.redactor.know([*home.names.values(), *pushes], home.phones.values())

    # ---- how it is

    def status(self) -> dict[str, Any]:
        """Everything `doctor`, the demo and a person want to know. No name, no number, no key."""
        return status_of(self)

    @property
    def state_dir(self) -> Path:
        """Where journal, registry and socket are."""
        return self.config.state_dir

    @property
    def log_names(self) -> bool:
        """Whether the spoken-text log may hold names: in the demo, where nobody is real."""
        return self._log_names


def _alarm_number(alarm: object, epoch: str) -> int | None:
    """Our number of an alarm as the platform names it: `17`, "17" or "<epoch>-17"; another epoch's is not ours."""
    if isinstance(alarm, int) and not isinstance(alarm, bool):
        return alarm
    if not isinstance(alarm, str):
        return None
    prefix, _, number = alarm.rpartition("-")
    if prefix not in ("", epoch) or not number.isascii() or not number.isdigit() or len(number) > 12:
        return None
    return int(number)


async def run_until_stopped(gateway: Gateway, *, ready: asyncio.Event | None = None) -> None:
    """Starts, runs until SIGTERM or SIGINT, and stops cleanly, whatever happened in between."""
    import signal

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, gateway.request_stop)
    await gateway.start()
    if ready is not None:
        ready.set()
    try:
        await gateway.wait()
    finally:
        await gateway.stop()
