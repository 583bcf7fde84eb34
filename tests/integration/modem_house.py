"""A modem driver under a supervisor of three lines, and all it says: the house the modem tests share."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.demo.virtual_modem import VirtualModem
from gateway.drivers.modem.call_words import CallEnd
from gateway.drivers.modem.modem import ModemDriver
from gateway.drivers.modem.phone import CallResult, Message
from gateway.drivers.modem.timing import Timing
from gateway.drivers.port import DriverContext, DriverFault
from gateway.observations import Report, check_value

QUICK = Timing(settle_s=0.02, probe_after_s=0.3, mute_s=2.0, mute_unproven_s=6.0)
CALLS = replace(QUICK, mute_unproven_s=4.0, clcc_s=0.05, pause_s=0.02, key_s=2.0, ring_s=20.0)
"""Waits for people who answer and press within a tenth of a second, on a machine that now and then stands still."""
NOBODY = replace(CALLS, key_s=0.3, ring_s=1.5)
"""And for people who do neither."""

CONTACT = "13800138000"
S01 = "【居家守护】张阿公03:12在卫生间按了紧急按钮。请马上打电话或过去看，危急先打120。能去回1，去不了回2。编号17"

PATIENCE_S = 30.0  # for a loaded machine; nothing here should take that long

__all__ = ["CALLS", "CONTACT", "NOBODY", "PATIENCE_S", "QUICK", "S01", "CallEnd", "House", "eventually"]


async def eventually(fact: Callable[[], bool]) -> None:
    """Waits for what the modem shows while no driver runs."""
    async with asyncio.timeout(PATIENCE_S):
        while not fact():  # noqa: ASYNC110 -- the virtual modem has no event for each of its facts
            await asyncio.sleep(0.01)


class House:
    """A driver under a supervisor of three lines, and all it says."""

    def __init__(
        self, modem: VirtualModem, timing: Timing | None = None, pin: str | None = None, *, plays: bool = False
    ) -> None:
        self.modem = modem
        self.texts: list[tuple[str, str]] = []
        self.delivery: list[tuple[int, bool]] = []
        self.reports: list[Report] = []
        self.counts: Counter[str] = Counter()
        self.ready = 0
        self.rings: list[str] = []
        self.answer_with: Message | None = None  # what a call from a known number is answered with
        self.played: list[str] = []
        self.driver = ModemDriver(
            modem.path,
            pin=pin,
            timing=timing or QUICK,
            on_sms=self.take,
            on_report=lambda reference, ok: self.delivery.append((reference, ok)),
            on_ready=self._on_ready,
            on_ring=self._on_ring,
            play=self.play if plays else None,
        )
        self._running: asyncio.Task[None] | None = None

    async def take(self, number: str, text: str) -> None:
        await asyncio.sleep(0)  # as a commit would
        self.texts.append((number, text))

    def _on_ready(self) -> None:
        self.ready += 1

    def _on_ring(self, number: str) -> Message | None:
        self.rings.append(number)
        return self.answer_with

    async def play(self, text: str) -> bool:
        await asyncio.sleep(0.05)
        self.played.append(text)
        return True

    async def call(self, number: str, message: Message) -> CallResult:
        return await asyncio.wait_for(self.driver.call(number, message), PATIENCE_S)

    async def start(self, *, until: Callable[[], bool] | None = None) -> None:
        context = DriverContext(self.reports.append, lambda: None, lambda name: self.counts.update([name]))
        self._running = asyncio.create_task(self.driver.run(context))
        await self.until(until or (lambda: self.driver.status.up))

    async def until(self, fact: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
        async with asyncio.timeout(within_s):
            while not fact():
                assert self._running is not None
                if self._running.done():
                    self._running.result()
                await asyncio.sleep(0.01)

    async def fault(self, within_s: float = PATIENCE_S) -> str:
        """Waits until the driver gives up; returns why."""
        assert self._running is not None
        with pytest.raises(DriverFault) as caught:
            await asyncio.wait_for(asyncio.shield(self._running), within_s)
        return str(caught.value)

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def conditions(self) -> list[bool]:
        for report in self.reports:
            check_value(report.kind, report.value)
            assert report.value["code"] == "CELL_LOST"
        return [report.value["on"] for report in self.reports]
