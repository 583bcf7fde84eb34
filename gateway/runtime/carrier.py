"""Carries out what the journal holds: each action to its channel, alarms first, each finished one written off.

At least once, with the journal's key: an action leaves the journal only after its channel took it. A text may go out
twice only if a crash falls between its hand-over to the modem and the commit that follows the modem's answer at once:
nobody can know whether the network took what was under way.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable
from typing import Final

from gateway.actions import LOCAL, PRIORITY, STALE_AFTER_MS, Action, Publish, Say, Text
from gateway.channels.port import Channel, Delivered, NotDelivered, Outcome
from gateway.journal import StoredAction
from gateway.observations import Kind, Report
from gateway.runtime.heart import Heart

MAX_WAIT_S: Final = 60.0  # a channel that says "never try again soon" is asked again anyway at this interval

log = logging.getLogger(__name__)


class Carrier:
    """Hands stored actions to channels. Texts go one at a time, the most severe first, and are never given up."""

    def __init__(self, heart: Heart, wake_upstream: Callable[[], None]) -> None:
        self._heart = heart
        self._wake_upstream = wake_upstream
        self._channels: dict[str, Channel] = {}
        self._texts: list[tuple[int, int, StoredAction]] = []  # heap: (priority, id)
        self._resting: dict[int, tuple[asyncio.TimerHandle, StoredAction]] = {}
        self._more = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def attach(self, kind: str, channel: Channel) -> None:
        """From now on actions of this kind go to this channel."""
        self._channels[kind] = channel

    def carry(self, stored: StoredAction) -> None:
        """Takes an action that is safe to carry out. Never blocks."""
        action = stored.action
        if isinstance(action, Publish):
            self._wake_upstream()
        elif isinstance(action, Text):
            heapq.heappush(self._texts, (PRIORITY.get(action.severity, 3), stored.id, stored))
            self._more.set()
        else:
            task = asyncio.get_running_loop().create_task(self._carry_local(stored))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def resume(self, pending: list[StoredAction]) -> None:
        """After a restart: texts go on; what was to be said at home is said only if it is still fresh and true."""
        now = self._heart.clock.now()
        for stored in pending:
            stale = stored.action.kind in LOCAL and now - stored.created_t > STALE_AFTER_MS
            if stale or not self._wanted(stored.action):
                self._heart.finished(stored.id)
            else:
                self.carry(stored)

    def _wanted(self, action: Action) -> bool:
        return self._heart.controller.desk.wanted(action, self._heart.clock.now())

    async def _carry_local(self, stored: StoredAction) -> None:
        action = stored.action
        channel = self._channels.get(action.kind)
        outcome: Outcome | None = None
        if channel is not None and (not isinstance(action, Say) or self._wanted(action)):
            outcome = await channel.carry(action)
            if isinstance(outcome, NotDelivered):
                log.debug("%s: %s", action.key, outcome.reason)
        if isinstance(action, Say) and action.alarm is not None:
            said = "said" if isinstance(outcome, Delivered) else "not_said"
            self._heart.finished(stored.id, (action.alarm, action.prompt, said))
        else:
            self._heart.finished(stored.id)

    # ---- texts

    def kick(self) -> None:
        """The bearer is back: whatever rests is tried now."""
        for timer, stored in list(self._resting.values()):
            timer.cancel()
            self._wake(stored)

    async def run(self) -> None:
        """Sends texts until cancelled."""
        while True:
            while not self._texts:
                self._more.clear()
                await self._more.wait()
            _, _, stored = heapq.heappop(self._texts)
            await self._send(stored)

    async def _send(self, stored: StoredAction) -> None:
        action = stored.action
        assert isinstance(action, Text)
        if not self._wanted(action):
            self._heart.finished(stored.id)
            return
        channel = self._channels.get(Text.kind)
        outcome = await channel.carry(action) if channel else NotDelivered("no SMS channel", MAX_WAIT_S)
        if isinstance(outcome, NotDelivered) and outcome.retry_after_s is not None:
            log.warning("%s waits %.0f s: %s", action.key, outcome.retry_after_s, outcome.reason)
            delay = min(outcome.retry_after_s, MAX_WAIT_S)
            timer = asyncio.get_running_loop().call_later(delay, self._wake, stored)
            self._resting[stored.id] = (timer, stored)
            return
        sent = isinstance(outcome, Delivered)
        log.info("%s %s", action.key, "sent" if sent else f"cannot be sent: {outcome}")
        value = {
            "alarm": action.alarm,
            "contact": action.contact,
            "template": action.template,
            "result": "sent" if sent else "failed",
            "reason": outcome.reason[:100] if isinstance(outcome, NotDelivered) else None,
        }
        # the commit that ends the only window in which a crash could repeat this text
        submitted = self._heart.take(Report(Kind.DELIVERY, value, key=action.key), done=(stored.id,))
        await asyncio.wait({submitted.committed}, timeout=1.0)

    def _wake(self, stored: StoredAction) -> None:
        self._resting.pop(stored.id, None)
        self.carry(stored)

    def waiting_texts(self) -> int:
        """How many texts wait for the bearer."""
        return len(self._texts) + len(self._resting)

    async def stop(self) -> None:
        """Lets nothing new begin; local actions under way may end."""
        for timer, _ in self._resting.values():
            timer.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)
