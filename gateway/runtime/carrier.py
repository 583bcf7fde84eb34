"""Carries out what the journal holds: each action to its channel, alarms first, each finished one written off.

What goes to people outside goes by lanes (`lane`), at least once and with the journal's key; what happens at home
happens at once or not at all. A call is dialled after the texts that are ready: they take seconds, a call minutes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from gateway.actions import LOCAL, STALE_AFTER_MS, Action, Call, Publish, Push, Say, Text
from gateway.channels.port import Channel, Delivered, NotDelivered, Outcome
from gateway.journal import StoredAction
from gateway.runtime.heart import Heart
from gateway.runtime.lane import MAX_WAIT_S, Lane

__all__ = ["MAX_WAIT_S", "Carrier"]

TEXTS_FIRST_S: Final = 15.0
"""[P]: a text takes 2 to 5 s; a network that lets one wait for a minute must not keep the phone from ringing (T-10)."""
CALL_TRIES: Final = 3  # for want of a modem or a network; then it is `failed`, and the next contact is asked
PUSH_TRIES: Final = 5  # about an alarm: beside the text and the call, never instead of them
LINE_TRIES: Final = (
    240  # of what is no alarm, to who takes no texts: some two hours, as long as a line about the day holds
)

log = logging.getLogger(__name__)


class Carrier:
    """Hands stored actions to channels. Texts are never given up."""

    def __init__(self, heart: Heart, wake_upstream: Callable[[], None]) -> None:
        self._heart = heart
        self._wake_upstream = wake_upstream
        self._channels: dict[str, Channel] = {}
        self._beside: dict[str, list[Channel]] = {}  # at home, more that carry the same: a strobe beside the voice
        self._texts = Lane(Text.kind, heart, self._channels.get)
        self._lanes = {
            Text.kind: self._texts,
            Call.kind: Lane(
                Call.kind, heart, self._channels.get, before=self._texts_first, most_tries=lambda _: CALL_TRIES
            ),
            Push.kind: Lane(Push.kind, heart, self._channels.get, most_tries=_push_tries),
        }
        self._tasks: set[asyncio.Task[None]] = set()

    def attach(self, kind: str, channel: Channel) -> None:
        """From now on actions of this kind go to this channel. At home any number may carry the same; of what goes to
        people outside each kind has one way, which alone says how it went (ValueError)."""
        if kind not in self._channels:
            self._channels[kind] = channel
        elif kind in LOCAL:
            self._beside.setdefault(kind, []).append(channel)
        else:
            raise ValueError(f"{kind}: {self._channels[kind].name} carries it already")

    def carry(self, stored: StoredAction) -> None:
        """Takes an action that is safe to carry out. Never blocks."""
        action = stored.action
        if isinstance(action, Publish):
            self._wake_upstream()
        elif (lane := self._lanes.get(action.kind)) is not None:
            lane.put(stored)
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
            beside = self._beside.get(action.kind)
            outcome = await (_all_of([channel, *beside], action) if beside else channel.carry(action))
            if isinstance(outcome, NotDelivered):
                log.debug("%s: %s", action.key, outcome.reason)
        if isinstance(action, Say) and action.alarm is not None:
            said = "said" if isinstance(outcome, Delivered) else "not_said"
            self._heart.finished(stored.id, (action.alarm, action.prompt, said))
        else:
            self._heart.finished(stored.id)

    # ---- to people outside

    async def _texts_first(self) -> None:
        """Before a call is dialled: the texts that are ready go, for a while."""
        try:
            async with asyncio.timeout(TEXTS_FIRST_S):
                await self._texts.idle.wait()
        except TimeoutError:
            log.warning("a call is made while texts still wait for the network")

    def kick(self) -> None:
        """The bearer is back: whatever rests is tried now."""
        for lane in self._lanes.values():
            lane.kick()

    async def run(self) -> None:
        """Works all lanes until cancelled; the end of one is the end of all, and of the gateway."""
        async with asyncio.TaskGroup() as group:
            for lane in self._lanes.values():
                group.create_task(lane.run(), name=lane.kind)

    def waiting_texts(self) -> int:
        """How many texts wait for the bearer."""
        return self._texts.waiting()

    async def stop(self) -> None:
        """Lets nothing new begin; local actions under way may end."""
        for lane in self._lanes.values():
            lane.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)


async def _all_of(channels: list[Channel], action: Action) -> Outcome:
    """Each carries it at the same time, and none waits for another or is harmed by it; one that took it is enough."""
    outcomes = await asyncio.gather(*(c.carry(action) for c in channels), return_exceptions=True)
    for channel, outcome in zip(channels, outcomes, strict=True):
        if isinstance(outcome, BaseException):
            log.error("%s failed: %s", channel.name, type(outcome).__name__)
    carried = [o for o in outcomes if not isinstance(o, BaseException)]
    failed = NotDelivered("no channel carried it", None)
    return next((o for o in carried if isinstance(o, Delivered)), carried[0] if carried else failed)


def _push_tries(action: Action) -> int:
    return LINE_TRIES if isinstance(action, Push) and action.alarm is None else PUSH_TRIES
