"""An event loop on a clock that jumps to the next timer: an hour of waiting takes no time.

It is asyncio's own in all but waiting and calling: no file is ever ready here, so a round is a look at the timers and
at what is to be called. One loop is one process on the gateway. Killing the process is leaving its loop behind: nothing
of it runs any more.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

OUTSIDE_WAIT_S: Final = 20.0  # real seconds; a thread of the real journal that says nothing for so long hangs

Context = contextvars.Context | None


class Crash(SystemExit):
    """The process ends here and now. asyncio lets a SystemExit through from any callback, and so does this loop."""


class OutOfTime(RuntimeError):
    """Nothing is planned any more and nobody can wake the loop: the simulation forgot its own end."""


class _Planned:
    """A callback that will be called: asyncio's handle, without the debugging and the copied context."""

    __slots__ = ("_when", "args", "callback", "context")

    def __init__(self, when: float, callback: Callable[..., Any], args: tuple[Any, ...], context: Context) -> None:
        self._when, self.callback, self.args, self.context = when, callback, args, context

    def when(self) -> float:
        return self._when

    def cancel(self) -> None:
        self.callback = _nothing  # what it held may be freed
        self.args = ()

    def cancelled(self) -> bool:
        return self.callback is _nothing


def _nothing() -> None:
    """What a cancelled callback does."""


class VirtualLoop(asyncio.BaseEventLoop):
    """`now_us` moves only by waiting. While `outside()` says a thread owes an answer, real time passes instead."""

    def __init__(self, now_us: int, moved: Callable[[int], None] | None = None) -> None:
        """`moved` is told the new `now_us` whenever it has moved."""
        super().__init__()
        self.now_us = now_us
        self.outside: Callable[[], bool] | None = None
        self.accidents: list[BaseException | str] = []
        self._moved = moved or (lambda _: None)
        self._ready: deque[_Planned] = deque()
        self._scheduled: list[tuple[int, int, _Planned]] = []  # heap: (us, in order of planning)
        self._count = 0
        self._woken = threading.Event()
        self.set_exception_handler(self._accident)

    def time(self) -> float:
        """Seconds; starts anywhere, like CLOCK_MONOTONIC."""
        return self.now_us / 1e6

    # ---- planning; the types are asyncio's, which knows no protocol for its handles

    def call_soon(self, callback: Any, *args: Any, context: Context = None) -> Any:
        """As asyncio's."""
        planned = _Planned(0.0, callback, args, context)
        self._ready.append(planned)
        return planned

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Context = None) -> Any:
        """As asyncio's."""
        planned = self.call_soon(callback, *args, context=context)
        self._woken.set()
        return planned

    def call_at(self, when: float, callback: Any, *args: Any, context: Context = None) -> Any:
        """As asyncio's; of two at the same microsecond the one planned first is called first."""
        planned = _Planned(when, callback, args, context)
        self._count += 1
        heapq.heappush(self._scheduled, (round(when * 1e6), self._count, planned))
        return planned

    def call_later(self, delay: float, callback: Any, *args: Any, context: Context = None) -> Any:
        """As asyncio's."""
        return self.call_at(self.now_us / 1e6 + delay, callback, *args, context=context)

    # ---- running

    def _run_once(self) -> None:
        """One round: time jumps to the next timer if nothing is to be called now; then all that is, is called."""
        ready, scheduled = self._ready, self._scheduled
        if self.outside is not None:
            self._wait_for(self.outside)
        if not ready:
            self._jump()
        now = self.now_us
        while scheduled and scheduled[0][0] <= now:
            ready.append(heapq.heappop(scheduled)[2])
        for _ in range(len(ready)):
            planned = ready.popleft()
            try:
                if planned.context is None:
                    planned.callback(*planned.args)
                else:
                    planned.context.run(planned.callback, *planned.args)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                self.call_exception_handler({"message": "exception in a callback", "exception": error})

    def _wait_for(self, outside: Callable[[], bool]) -> None:
        ready, scheduled = self._ready, self._scheduled
        while outside() and not ready and not (scheduled and scheduled[0][0] <= self.now_us):
            if not self._woken.wait(OUTSIDE_WAIT_S):
                raise OutOfTime("a thread owes an answer and does not give it")
            self._woken.clear()

    def _jump(self) -> None:
        scheduled = self._scheduled
        while scheduled and scheduled[0][2].cancelled():
            heapq.heappop(scheduled)
        if not scheduled:
            raise OutOfTime("no timer is left")
        if scheduled[0][0] > self.now_us:
            self.now_us = scheduled[0][0]
            self._moved(self.now_us)

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
