"""asyncio's own event loop on a clock that jumps to the next timer: an hour of waiting takes no time.

One loop is one process on the gateway. Killing the process is leaving its loop behind: nothing of it runs any more.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable
from typing import Any, Final

OUTSIDE_WAIT_S: Final = 20.0  # real seconds; a thread of the real journal that says nothing for so long hangs


class Crash(SystemExit):
    """The process ends here and now. asyncio lets a SystemExit through from any callback."""


class OutOfTime(RuntimeError):
    """Nothing is planned any more and nobody can wake the loop: the simulation forgot its own end."""


class VirtualLoop(asyncio.BaseEventLoop):
    """`now_us` moves only by waiting. While `outside()` says a thread owes an answer, real time passes instead."""

    def __init__(self, now_us: int, outside: Callable[[], bool] | None = None) -> None:
        super().__init__()
        self.now_us = now_us
        self.outside = outside or (lambda: False)
        self.accidents: list[BaseException | str] = []
        self._selector = self
        self._clock_resolution = 1e-6  # seconds since 1970 as a double know no nanoseconds: asyncio would spin
        self._woken = threading.Event()
        self.set_exception_handler(self._accident)

    def time(self) -> float:
        """Seconds; starts anywhere, like CLOCK_MONOTONIC."""
        return self.now_us / 1e6

    def select(self, timeout: float | None) -> list[Any]:
        """What a selector does, where no file is ever ready."""
        while self.outside() and not self._ready and timeout != 0:
            if not self._woken.wait(OUTSIDE_WAIT_S):
                raise OutOfTime("a thread owes an answer and does not give it")
            self._woken.clear()
        if self._ready:
            return []
        if timeout is None:
            raise OutOfTime("no timer is left")
        if timeout > 0:
            self.now_us += math.ceil(timeout * 1e6)
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        self._woken.set()

    def _accident(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An exception nobody caught: in the gateway this would be a bug; here it is a violation."""
        self.accidents.append(context.get("exception") or str(context.get("message")))

    def abandon(self) -> None:
        """The process is dead: its tasks never run again and nobody is told so."""
        self.set_exception_handler(lambda *_: None)
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        self._ready.clear()
        self._scheduled.clear()
        self.close()
