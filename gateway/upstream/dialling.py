"""Getting a connection: which broker, how many attempts at once, how long to wait between them.

Puts `backoff` (when) and `race` (how many at once) to work. Knows whether an alarm waits, not what it says; must not
know what a connection is used for.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

from gateway.upstream.backoff import HURRIED_FLOOR_S, STABLE_S, Backoff, Hurry
from gateway.upstream.faults import TURNED_AWAY, Fault
from gateway.upstream.race import MAX_AT_ONCE, Race
from gateway.upstream.session import LinkDown, Session
from gateway.upstream.settings import UpstreamSettings

MAX_LINGERING: Final = 4  # threads left behind in a hanging name server before we wait for them

Address = tuple[str, int]

Make = Callable[[Address, Address | None, Callable[[], None]], Session]
"""`make(broker, found_at, on_reached)`: a session not opened yet. `found_at`: the address to use instead of asking a
name server."""


class Dialler:
    """Opens one connection after the other. `kick` is set when a new alarm may wait."""

    def __init__(
        self,
        settings: UpstreamSettings,
        make: Make,
        newest_alarm: Callable[[], Awaitable[int]],
        on_fault: Callable[[Fault], None],
        kick: asyncio.Event,
        rng: random.Random | None = None,
    ) -> None:
        """`newest_alarm`: the seq of the newest alarm that waits, 0 if none; `on_fault` hears of each failure."""
        self._brokers, self._scale = settings.brokers, settings.limits.backoff_scale
        self._make, self._newest_alarm, self._tell_fault, self._kick = make, newest_alarm, on_fault, kick
        self.backoff = Backoff(rng, self._scale)
        self._hurry = Hurry()
        self._turn = 0
        self._found_at: dict[str, Address] = {}  # where a broker's name led when it last worked
        self._tried = 0  # newest alarm that got its immediate try
        self._left: list[Session] = []  # losers and failures whose threads may still run

    @property
    def broker(self) -> Address:
        """The one in use, or next to be tried."""
        return self._ahead(0)

    async def open(self) -> tuple[Session, int]:
        """A session that is up, and its receive maximum. Raises `LinkDown`; the fault was told already."""
        if self._lingering() >= MAX_LINGERING:
            fault = Fault("name", "the name server hangs")
            self._failed(fault)
            raise LinkDown(fault)
        race = Race(self._contender, self._pace, self._fell, self._kick)
        try:
            session, receive_maximum, number = await race.run()
        except LinkDown as down:
            self._turn += 1
            if down.fault.kind not in TURNED_AWAY:
                self.backoff.turned_away = 0
            raise
        self._turn += number
        if session.peer is not None:
            self._found_at[self.broker[0]] = session.peer
        self._hurry.over()
        return session, receive_maximum

    def ended(self, lived_s: float) -> None:
        """The connection is over. One that died young counts as a broker that turned us away."""
        if lived_s >= STABLE_S * self._scale:
            self.backoff.worked()
        else:
            self.backoff.failed(turned_away=True)
            self._turn += 1

    async def pause(self) -> None:
        """Waits before the next attempt; a new alarm ends the wait at once, one time each."""
        loop = asyncio.get_running_loop()
        began, pause_s = loop.time(), await self._pause_s()
        while self._hurry.newest <= self._tried and loop.time() < began + pause_s:
            self._kick.clear()
            hurried = self._hurry.newest > 0
            try:
                async with asyncio.timeout(began + pause_s - loop.time()):
                    await self._kick.wait()
            except TimeoutError:
                break
            again_s = await self._pause_s()
            pause_s = pause_s if hurried else min(pause_s, again_s)
        self._tried = max(self._hurry.newest, self._tried)

    async def _pause_s(self) -> float:
        now = asyncio.get_running_loop().time()
        self._hurry.waiting(await self._newest_alarm(), now)
        return self.backoff.pause_s(self._hurry.newest > 0, self._hurry.in_vain_s(now))

    async def _pace(self) -> float | None:
        """From one attempt to the next beside it: only while an alarm waits, never in a spin."""
        pause_s = await self._pause_s()
        self._tried = max(self._hurry.newest, self._tried)
        return max(HURRIED_FLOOR_S, pause_s) if self._hurry.newest else None

    def _contender(self, number: int, on_reached: Callable[[], None]) -> Session | None:
        """Brokers in turn; every other round asks no name server if it need not. None: too many threads hang."""
        if self._lingering() >= MAX_AT_ONCE:
            return None
        broker = self._ahead(number)
        known = self._found_at.get(broker[0]) if number // len(self._brokers) % 2 else None
        return self._make(broker, known, on_reached)

    def _fell(self, session: Session, fault: Fault | None) -> None:
        self._left.append(session)
        if fault is not None:
            self._failed(fault)

    def _failed(self, fault: Fault) -> None:
        self.backoff.failed(turned_away=fault.kind in TURNED_AWAY)
        self._tell_fault(fault)

    def _lingering(self) -> int:
        self._left = [session for session in self._left if session.lingers]
        return len(self._left)

    def _ahead(self, number: int) -> Address:
        return self._brokers[(self._turn + number) % len(self._brokers)]
