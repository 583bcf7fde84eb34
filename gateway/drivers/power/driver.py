"""Looks at the kernel's power supplies every few seconds and reports what has changed.

A Pi without a battery has none of them, and that is no fault: it is said in the status, and nothing is reported. A
battery that was there and is gone is one, and so is a battery this home is to have (`power.battery`) and has not.
"""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Final

from gateway.drivers.port import DriverContext, DriverFault
from gateway.drivers.power.supplies import READ, Reading, read
from gateway.observations import Kind, Report

FOLDER: Final = Path("/sys/class/power_supply")
EVERY_S: Final = 5.0  # of the minute a mains failure must last (T-19)
IDLE: Final = 6  # so many times rarer where there is nothing to read: a board's module may be loaded late
READ_S: Final = 10.0  # a gauge on a stuck bus answers no sooner, or never
LIVENESS_S: Final = 90.0
STEP_PCT: Final = 1.0  # a change smaller than this is none
STEP_LEFT: Final = 0.1  # of the time left, which moves all the time
MAX_SUPPLIES: Final = 16
MAX_BYTES: Final = 64


class PowerDriver:
    """One way in: the gateway's own supply."""

    name = "power"
    liveness_s = LIVENESS_S
    devices: tuple[str, ...] = ()

    def __init__(
        self, folder: Path = FOLDER, *, battery: bool = False, every_s: float = EVERY_S, read_s: float = READ_S
    ) -> None:
        """`battery`: this gateway is to have one (T-21), so none is a fault."""
        self._folder = folder
        self._battery = battery
        self._every_s, self._read_s = every_s, read_s
        self._asked: asyncio.Future[dict[str, dict[str, str]]] | None = None
        self._known: frozenset[str] = frozenset()  # supplies there ever were since the start
        self.latest = Reading()

    async def run(self, context: DriverContext) -> None:
        """Until cancelled. Raises `DriverFault` when a supply is gone, or cannot be read."""
        said: Reading | None = None
        while True:
            reading = await self._look()
            self.latest = reading
            self._known |= set(reading.seen)
            if reading.seen and (said is None or differs(said, reading)):
                said = reading
                context.emit(Report(Kind.SUPPLY, reading.value()))
            context.beat()
            await asyncio.sleep(self._every_s * (1 if reading.seen else IDLE))

    async def _look(self) -> Reading:
        if self._asked is None:  # else the last question still waits for its answer, and one thread is enough
            self._asked = asyncio.get_running_loop().run_in_executor(None, read_folder, self._folder)
        asked, _ = await asyncio.wait({self._asked}, timeout=self._read_s)
        if not asked:
            self.latest = Reading()
            raise DriverFault(f"{self._folder}: a supply does not answer within {self._read_s:g} s")
        answer, self._asked = self._asked, None
        reading = read(answer.result())
        gone = sorted(self._known - set(reading.seen))
        if gone:
            self.latest = Reading()
            raise DriverFault(f"{self._folder}: {', '.join(gone)[:80]} is gone; is the battery board seated?")
        if self._battery and reading.percent is None and reading.bad is not True:
            raise DriverFault(f"{self._folder}: no battery, but power.battery says there is one; see docs/sensors.md")
        return reading


def differs(said: Reading, now: Reading) -> bool:
    """Whether people or rules would want to know."""
    if (said.mains, said.bad, said.percent is None, said.left_s is None) != (
        now.mains, now.bad, now.percent is None, now.left_s is None,
    ):  # fmt: skip
        return True
    if abs((now.percent or 0) - (said.percent or 0)) >= STEP_PCT:
        return True
    return abs((now.left_s or 0) - (said.left_s or 0)) > STEP_LEFT * (said.left_s or 0)


def read_folder(folder: Path) -> dict[str, dict[str, str]]:
    """What stands in each supply's files. Blocking; what is not there or cannot be read is left out."""
    try:
        entries = sorted(itertools.islice(folder.iterdir(), MAX_SUPPLIES))
    except OSError:
        return {}
    return {entry.name: texts for entry in entries if (texts := _texts(entry))}


def _texts(supply: Path) -> dict[str, str]:
    found = {}
    for name in READ:
        try:
            with (supply / name).open("rb") as file:
                found[name] = file.read(MAX_BYTES).decode("ascii", "replace").strip()
        except OSError:  # not a file of this supply, or its bus failed just now
            continue
    return found
