"""A lane: the actions of one way to people, one at a time, the most severe first, at rest until tried again.

At least once, with the journal's key: an action leaves the journal only in the commit that says how it went. A text
may go out twice only if a crash falls between its hand-over to the modem and the commit that follows the modem's answer
at once: nobody can know whether the network took what was under way.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from gateway.actions import PRIORITY, Action
from gateway.channels.port import Channel, Delivered, NotDelivered, Outcome
from gateway.journal import StoredAction
from gateway.observations import Kind, Report
from gateway.runtime.heart import Heart

MAX_WAIT_S: Final = 60.0  # a channel that says "never try again soon" is asked again anyway at this interval
HELD_LOOK_S: Final = 600.0  # what waits for a contact's hours is looked at again: the clock or the home may change
COMMIT_WITHIN_S: Final = 1.0  # a slow disk must not hold up the next contact

log = logging.getLogger(__name__)


class Lane:
    """Carries the stored actions of one kind until cancelled.

    `before` is awaited before each (a call waits for the texts); `most_tries` of an action None: never given up.
    """

    def __init__(
        self,
        kind: str,
        heart: Heart,
        channel: Callable[[str], Channel | None],
        *,
        before: Callable[[], Awaitable[None]] | None = None,
        most_tries: Callable[[Action], int | None] = lambda _: None,
    ) -> None:
        self.kind = kind
        self._heart, self._channel = heart, channel
        self._before, self._most_tries = before, most_tries
        self._ready: list[tuple[int, int, StoredAction]] = []  # heap: (priority, id)
        self._resting: dict[int, tuple[asyncio.TimerHandle, StoredAction]] = {}
        self._tries: dict[int, int] = {}
        self._more = asyncio.Event()
        self.idle = asyncio.Event()  # nothing is being carried, nothing is ready
        self.idle.set()

    def put(self, stored: StoredAction) -> None:
        """Takes an action that is safe to carry out. Never blocks."""
        heapq.heappush(self._ready, (PRIORITY.get(getattr(stored.action, "severity", "P4"), 3), stored.id, stored))
        self.idle.clear()
        self._more.set()

    def kick(self) -> None:
        """The way is back: whatever rests is tried now."""
        for timer, stored in list(self._resting.values()):
            timer.cancel()
            self._wake(stored)

    def waiting(self) -> int:
        """How many wait."""
        return len(self._ready) + len(self._resting)

    def stop(self) -> None:
        """No rest ends any more."""
        for timer, _ in self._resting.values():
            timer.cancel()

    async def run(self) -> None:
        """Carries until cancelled."""
        while True:
            while not self._ready:
                self.idle.set()
                self._more.clear()
                await self._more.wait()
            if self._before is not None:
                await self._before()
            _, _, stored = heapq.heappop(self._ready)
            await self._carry(stored)

    async def _carry(self, stored: StoredAction) -> None:
        action, desk, now = stored.action, self._heart.controller.desk, self._heart.clock.now()
        if not desk.wanted(action, now):
            self._finish(stored)
            return
        if (until := desk.held_until(action, now)) is not None:
            self._rest(stored, min((until - now) / 1000, HELD_LOOK_S))
            return
        channel = self._channel(self.kind)
        outcome = await channel.carry(action) if channel else NotDelivered(f"no channel for {self.kind}", MAX_WAIT_S)
        if isinstance(outcome, NotDelivered) and outcome.retry_after_s is not None and self._again(stored):
            log.warning("%s waits %.0f s: %s", action.key, outcome.retry_after_s, outcome.reason)
            self._rest(stored, min(outcome.retry_after_s, MAX_WAIT_S))
            return
        self._tries.pop(stored.id, None)
        gone = isinstance(outcome, Delivered)
        log.info("%s %s", action.key, outcome.result if gone else f"not carried: {outcome}")
        memory = outcome.memory if isinstance(outcome, Delivered) else None
        # the commit that ends the only window in which a crash could repeat this action
        told = self._heart.take(
            Report(Kind.DELIVERY, _delivery(action, outcome), key=action.key, memory=memory), done=(stored.id,)
        )
        self._heart.journal.hurry()  # an answer that moves no alarm would wait a second, and the next contact with it
        await asyncio.wait({told.committed}, timeout=COMMIT_WITHIN_S)

    def _again(self, stored: StoredAction) -> bool:
        if (most := self._most_tries(stored.action)) is None:
            return True
        tries = self._tries[stored.id] = self._tries.get(stored.id, 0) + 1
        return tries < most

    def _finish(self, stored: StoredAction) -> None:
        self._tries.pop(stored.id, None)
        self._heart.finished(stored.id)

    def _rest(self, stored: StoredAction, delay_s: float) -> None:
        timer = asyncio.get_running_loop().call_later(delay_s, self._wake, stored)
        self._resting[stored.id] = (timer, stored)

    def _wake(self, stored: StoredAction) -> None:
        self._resting.pop(stored.id, None)
        self.put(stored)


_CHANNEL_OF: Final = {"text": "sms"}


def _delivery(action: Action, outcome: Outcome) -> dict[str, Any]:
    """How an action went, as the controller and the record have it."""
    value = {
        "alarm": getattr(action, "alarm", None),
        "contact": getattr(action, "contact", None),
        "channel": _CHANNEL_OF.get(action.kind, action.kind),
        "template": getattr(action, "template", None),
        "result": outcome.result,
        "reason": outcome.reason[:100] if isinstance(outcome, NotDelivered) else None,
    }
    return {name: found for name, found in value.items() if found is not None or name in ("alarm", "reason")}
