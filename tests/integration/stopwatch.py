"""A stopwatch that knows the machine's stalls: a bound that is a requirement holds for the gateway, not for the load.

What is subtracted is measured, not guessed: how late this loop woke, and how long the kernel kept this process's other
threads, and the processes named (a broker), waiting for a core. On an idle machine that is next to nothing.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

LOOK_S: Final = 0.01

# Asked each time: a broker that was killed and started is another process, and in between there is none.
Pid = Callable[[], int | None]


class Stalls:
    """How long those who are measured were kept from running, since this was made: nobody's claim."""

    def __init__(self, *others: Pid) -> None:
        self._others = others
        self._late_s = 0.0
        self._before = self._waits_s()

    @property
    def total_s(self) -> float:
        waited_s = sum(wait_s - self._before.get(thread, 0.0) for thread, wait_s in self._waits_s().items())
        return self._late_s + waited_s

    async def watch(self) -> None:
        """Looks, all the time, how late this loop wakes."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(LOOK_S)
            self._late_s += max(0.0, time.monotonic() - began - 2 * LOOK_S)

    def _waits_s(self) -> dict[Path, float]:
        """For each thread but this loop's own: its time on the run queue (proc(5), schedstat, second field)."""
        found: dict[Path, float] = {}
        for pid in (os.getpid(), *filter(None, (other() for other in self._others))):
            for thread in Path(f"/proc/{pid}/task").glob("[0-9]*"):
                if thread.name != str(os.getpid()):
                    try:
                        found[thread] = int((thread / "schedstat").read_text().split()[1]) / 1e9
                    except OSError:  # it has ended meanwhile
                        continue
        return found


class Watch:
    """Started now; `s` is what has passed since, less the stalls."""

    def __init__(self, stalled: Stalls) -> None:
        self._stalled = stalled
        self.start()

    def start(self) -> None:
        """Counts from here."""
        self._began, self._before_s = time.monotonic(), self._stalled.total_s

    @property
    def s(self) -> float:
        passed_s = time.monotonic() - self._began
        return passed_s - (self._stalled.total_s - self._before_s)


@asynccontextmanager
async def stalls(*others: Pid) -> AsyncIterator[Stalls]:
    """The stalls of this process, and of the others named, while the block runs."""
    made = Stalls(*others)
    task = asyncio.create_task(made.watch())
    try:
        yield made
    finally:
        task.cancel()


@asynccontextmanager
async def stopwatch(*others: Pid) -> AsyncIterator[Watch]:
    """What a requirement in seconds is checked with."""
    async with stalls(*others) as stalled:
        yield Watch(stalled)
