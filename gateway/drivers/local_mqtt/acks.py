"""When the broker may forget a message: when all that came of it is committed, and not before.

Knows futures and message ids; speaks no MQTT. A broken disk must not make us deaf: a broker sends only so many
unacknowledged messages, so while commits hang the oldest are acknowledged beyond `HELD`. They were acted upon.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

HELD: Final = 10  # half of what a broker sends unacknowledged (mosquitto's max_inflight_messages, 20)
STUCK_S: Final = 2.0  # a commit that takes longer is not waited for; far above any healthy one, the 1 s group included


@dataclass(slots=True, eq=False)
class _Held:
    """A message that waits: since when, and for how many commits."""

    since: float
    left: int


class Acks:
    """Messages that wait for their commit, in the order they came."""

    def __init__(self, confirm: Callable[[int], None], count: Callable[[str], None]) -> None:
        """`confirm` tells the broker by message id; 0 is a message that it does not wait for."""
        self._confirm, self._count = confirm, count
        self._waiting: OrderedDict[int, _Held] = OrderedDict()  # by message id
        self._timer: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def waiting(self) -> int:
        """How many messages the broker still keeps for us."""
        return len(self._waiting)

    def settle(self, mid: int, commits: Sequence[asyncio.Future[bool]]) -> None:
        """Confirms `mid` once all commits are true; one that is given up leaves it to the broker, as far as there is
        room. `mid` 0 is QoS 0: the broker has forgotten it."""
        if not mid or not commits:
            self._confirm(mid)
            return
        held = self._waiting[mid] = _Held(asyncio.get_running_loop().time(), len(commits))
        self._waiting.move_to_end(mid)
        self._idle.clear()
        for commit in commits:
            commit.add_done_callback(lambda done: self._committed(mid, held, done))
        if len(self._waiting) > HELD:
            self._arm()

    async def idle(self, timeout: float) -> None:
        """Returns when nothing waits, or after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            return

    def close(self) -> None:
        """The connection is gone: what was not confirmed comes again."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _committed(self, mid: int, held: _Held, done: asyncio.Future[bool]) -> None:
        """A commit is done. One that came too late for its message is nothing to the next one of the same id: a broker
        may give an id again as soon as it was confirmed."""
        if self._waiting.get(mid) is not held or done.cancelled() or not done.result():
            return
        held.left -= 1
        if not held.left:
            self._release(mid)

    def _release(self, mid: int) -> None:
        del self._waiting[mid]
        self._confirm(mid)
        if not self._waiting:
            self._idle.set()

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(STUCK_S, self._make_room)

    def _make_room(self) -> None:
        """Acknowledges the oldest beyond `HELD` whose commit is stuck."""
        self._timer = None
        limit = asyncio.get_running_loop().time() - STUCK_S
        while len(self._waiting) > HELD:
            mid, held = next(iter(self._waiting.items()))
            if held.since > limit:
                break
            self._count("acknowledged_uncommitted")
            self._release(mid)
        if len(self._waiting) > HELD:
            self._arm()
