"""A supervised driver that does what its script says, on a loop that waits no real second."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from gateway.drivers.port import DriverContext, DriverFault
from gateway.drivers.supervisor import DriverHealth, HealthState, Supervisor
from gateway.observations import Kind, Report

PRESS = Report(Kind.BUTTON, "press", "bedside")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Waits no real second: when nothing is ready, its clock jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        wait = self._selector.select  # type: ignore[attr-defined]

        def select(timeout: float | None = None) -> Any:
            if timeout:
                self.now += timeout
            return wait(0)

        self._selector.select = select  # type: ignore[attr-defined]

    def time(self) -> float:
        return self.now


def virtually(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(scene())


class Scripted:
    """A driver that does in its n-th run what the n-th (or last) step of the script says."""

    name = "ble"
    liveness_s = 90.0
    devices = ("bedside", "kitchen-pir")

    def __init__(self, *script: Callable[[DriverContext], Awaitable[None]]) -> None:
        self.script, self.runs, self.alive = script, 0, 0
        self.started: list[float] = []
        self.contexts: list[DriverContext] = []

    async def run(self, context: DriverContext) -> None:
        step = self.script[min(self.runs, len(self.script) - 1)]
        self.runs += 1
        self.started.append(asyncio.get_running_loop().time())
        self.contexts.append(context)
        self.alive += 1
        assert self.alive == 1, "two runs at once"
        try:
            await step(context)
        finally:
            self.alive -= 1


async def works(context: DriverContext) -> None:
    while True:
        context.beat()
        await asyncio.sleep(30)


async def hangs(context: DriverContext) -> None:
    await asyncio.Event().wait()


async def raises(context: DriverContext) -> None:
    raise DriverFault("no adapter hci0: plug in a Bluetooth dongle")


async def crashes(context: DriverContext) -> None:
    raise ZeroDivisionError("division by zero")


async def returns(context: DriverContext) -> None:
    await asyncio.sleep(0)


async def exits(context: DriverContext) -> None:
    raise SystemExit(1)


async def swallows(context: DriverContext) -> None:
    deadline = asyncio.get_running_loop().time() + 600
    while asyncio.get_running_loop().time() < deadline:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            context.emit(PRESS)
            context.beat()


class House:
    """A supervised driver and what was heard of it."""

    def __init__(self, driver: Any, emit: Callable[[Report], None] | None = None) -> None:
        self.reports: list[Report] = []
        self.health: list[DriverHealth] = []
        self.driver = driver
        self.supervisor = Supervisor(
            driver, emit or self.reports.append, self.health.append, rng=random.Random(1).random
        )

    async def __aenter__(self) -> "House":
        self.supervisor.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.supervisor.stop()
        assert not self.supervisor.healthy()

    @property
    def states(self) -> list[HealthState]:
        return [h.state for h in self.health]


@contextmanager
def logged() -> Iterator[list[logging.LogRecord]]:
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    logger = logging.getLogger("gateway.drivers.supervisor")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield records
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
