"""The meter driver at work on one end of a pty, and whoever hears what it reports."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.drivers.meters.bus import LineSettings
from gateway.drivers.meters.electricity import ElectricityMeters, Meter
from gateway.drivers.port import DriverContext, DriverFault
from gateway.observations import Kind, Report

PATIENCE_S = 30.0  # a loaded two-core machine
HOME = "123456789012"
FLAT = "000000000161"
IMPATIENT_S = 0.4  # reply timeout where no reply is expected anyway

ALL_THREE = [
    Report(Kind.ENERGY, 1234.56, "meter"),
    Report(Kind.POWER, 130.2, "meter"),
    Report(Kind.VOLTAGE, 220.4, "meter"),
]


class Listener:
    """The supervisor's end of the driver's context."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.beats = 0
        self.counts: Counter[str] = Counter()
        self.changed = asyncio.Event()
        self.context = DriverContext(self._emit, self._beat, self._count)

    def _emit(self, report: Report) -> None:
        self.reports.append(report)
        self.changed.set()

    def _beat(self) -> None:
        self.beats += 1
        self.changed.set()

    def _count(self, name: str) -> None:
        self.counts[name] += 1
        self.changed.set()

    async def until(self, satisfied: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not satisfied():
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def running(driver: ElectricityMeters, listener: Listener) -> AsyncIterator[asyncio.Task[None]]:
    """The driver at work; a fault of its own fails the test, unless the test takes it from the task."""
    task = asyncio.ensure_future(driver.run(listener.context))
    task.add_done_callback(lambda _: listener.changed.set())
    try:
        yield task
    finally:
        if not task.done():
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


def driver_on(
    path: Path, *meters: Meter, interval_s: float = 0.1, reply_timeout_s: float = 2.0, parity: str = "N"
) -> ElectricityMeters:
    line = LineSettings(str(path), parity=parity, reply_timeout_s=reply_timeout_s)
    return ElectricityMeters(line, meters or [Meter("meter", HOME)], interval_s=interval_s)


async def faults(driver: ElectricityMeters, listener: Listener) -> str:
    """The text of the fault that ends the run."""
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(DriverFault) as caught:
            await driver.run(listener.context)
    return str(caught.value)
