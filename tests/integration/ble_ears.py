"""The Bluetooth driver on a virtual org.bluez, and ears for what it reports."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.demo.fake_bluez import FakeBluez
from gateway.drivers.ble.driver import BleDriver, Waits
from gateway.drivers.port import DriverContext, DriverFault
from gateway.home.model import Home, read_home
from gateway.observations import Kind, Report

PATIENCE_S = 30.0  # a loaded machine; a working one needs milliseconds
SHORT = Waits(start_s=2.0, stop_s=2.0, retry_s=0.01)  # a busy machine answers within; what hangs costs this
KEY = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")
CALL, SEALED, DOOR, CANCEL = "AA:BB:CC:00:00:01", "AA:BB:CC:00:00:02", "AA:BB:CC:00:00:03", "AA:BB:CC:00:00:04"
STRANGER = "11:22:33:44:55:66"


def devices_on_air() -> Home:
    """A home whose buttons and door advertise; its meter does not."""
    return read_home(
        {
            "devices": [
                {"id": "bath", "kind": "button", "address": CALL},
                {"id": "pendant", "kind": "button", "address": SEALED, "key": KEY.hex()},
                {"id": "door", "kind": "contact", "address": DOOR},
                {"id": "cancel", "kind": "button", "role": "cancel", "address": CANCEL, "key": KEY.hex()},
                {"id": "meter", "kind": "electricity_meter", "address": "000000000001"},
            ]
        }
    )


class Ears:
    """What the supervisor gives a driver, and what came of it."""

    def __init__(self) -> None:
        self.reports: asyncio.Queue[Report] = asyncio.Queue()
        self.counts: Counter[str] = Counter()
        self.beats = 0
        self._news = asyncio.Event()
        self.context = DriverContext(self.reports.put_nowait, self._beat, self._count)

    def _beat(self) -> None:
        self.beats += 1

    def _count(self, name: str) -> None:
        self.counts[name] += 1
        self._news.set()

    async def report(self) -> Report:
        async with asyncio.timeout(PATIENCE_S):
            return await self.reports.get()

    async def reports_of(self, kind: Kind) -> Report:
        while (report := await self.report()).kind is not kind:
            pass
        return report

    async def counted(self, name: str, times: int = 1) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self.counts[name] < times:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def listening(driver: BleDriver, bluez: FakeBluez) -> AsyncIterator[tuple[Ears, asyncio.Task[None]]]:
    """The driver while it scans."""
    ears = Ears()
    async with asyncio.timeout(PATIENCE_S):
        await bluez.idle.wait()  # an earlier scan has ended, so what scans next is this driver
    task = asyncio.create_task(driver.run(ears.context))
    scanning = asyncio.create_task(bluez.scanning.wait())
    try:
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait({task, scanning}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield ears, task
    finally:
        for each in (task, scanning):
            each.cancel()
        await asyncio.gather(task, scanning, return_exceptions=True)


async def fault_of(task: asyncio.Task[None]) -> str:
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(DriverFault) as caught:
            await task
    return str(caught.value)
