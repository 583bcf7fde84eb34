"""Several attempts at once, so that an alarm does not wait behind one that hangs. Knows sessions; not rows nor rules.

An attempt that goes into a black hole hangs for its whole patience (25 s), and giving it up early would keep a slow
link out for ever. So while an alarm waits, further attempts start beside it; the first to be up wins. The oldest keeps
its full patience, for the slow link; the others make way for younger ones when there are too many.

Two sessions of one name take each other's place at the broker, the later CONNECT wins. Hence:
1. After TCP and TLS an attempt waits for the word to speak. A younger one gets it only when the last speaker was not
   answered within `SPEAKER_S` or thrice the time it had taken to get there: a slow link has one speaker only.
2. If an older speaker is answered nevertheless, the youngest speaker is waited for: it will have taken the place.
3. A loser's connection is reset, so that no CONNECT of it arrives late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from gateway.upstream.faults import Fault
from gateway.upstream.session import LinkDown, Session

MAX_AT_ONCE: Final = 8  # threads of some 100 KB; at two attempts a second each young one has some 3 s
SPEAKER_S: Final = 0.7  # a broker that is well answers CONNECT within a round trip
ROUND_TRIPS: Final = 3  # CONNECT takes one; the way there took one (TCP) or more (TLS)

Make = Callable[[int, Callable[[], None]], Session | None]
"""`make(n, on_reached)`: the session of the n-th attempt of this race, not opened yet; None: not now."""

Pace = Callable[[], Awaitable[float | None]]
"""Seconds from one attempt to the next beside it; None: nothing is urgent."""


class _Attempt:
    """One runner. `up` once its CONNACK came."""

    def __init__(self, number: int, session: Session) -> None:
        self.number, self.session = number, session
        self.began = asyncio.get_running_loop().time()
        self.reached_at: float | None = None
        self.spoke_at: float | None = None
        self.opening = asyncio.create_task(session.open())

    def speak(self) -> None:
        self.spoke_at = asyncio.get_running_loop().time()
        self.session.speak()

    @property
    def was_up(self) -> bool:
        return self.opening.done() and not self.opening.cancelled() and self.opening.exception() is None

    @property
    def up(self) -> bool:
        return self.was_up and self.session.fault is None

    @property
    def fault(self) -> Fault | None:
        """Why it is out of the race, if it is."""
        if not self.opening.done():
            return None
        error = None if self.opening.cancelled() else self.opening.exception()
        if error is None:
            return self.session.fault
        if isinstance(error, LinkDown):
            return error.fault
        raise error

    @property
    def patience_until(self) -> float:
        """When somebody else may speak, if this one has spoken and was not answered."""
        assert self.spoke_at is not None
        assert self.reached_at is not None
        return self.spoke_at + max(SPEAKER_S, ROUND_TRIPS * (self.reached_at - self.began))


class Race:
    """One opening of the link. Use once."""

    def __init__(
        self, make: Make, pace: Pace, fell: Callable[[Session, Fault | None], None], kick: asyncio.Event
    ) -> None:
        """`fell` hears of each session that is out and why (None: another won); its thread may still run.

        `kick` is set when `pace` may have changed.
        """
        self._make, self._pace, self._fell, self._kick = make, pace, fell, kick
        self._running: list[_Attempt] = []
        self._count = 0
        self._answered = False  # a CONNACK came: nobody else speaks, while a later speaker is waited for
        self._moved = asyncio.Event()
        self._fault = Fault("error", "no attempt could be made")

    async def run(self) -> tuple[Session, int, int]:
        """The winner's session, its receive maximum and its number. Raises `LinkDown` when all have failed."""
        self._start()
        try:
            while True:
                pace_s = await self._pace()
                self._sift()
                if not self._running:
                    raise LinkDown(self._fault)
                winner = self._winner()
                if winner is not None:
                    self._running.remove(winner)
                    return winner.session, winner.opening.result(), winner.number
                await self._step(pace_s)
        finally:
            for attempt in self._running:
                self._lose(attempt)

    async def _step(self, pace_s: float | None) -> None:
        """Starts and lets speak whoever's turn it is, then waits until something may have changed."""
        now = asyncio.get_running_loop().time()
        times = [self._let_speak(now)]
        if pace_s is not None and not self._answered:
            following = self._running[-1].began + pace_s
            if now >= following:
                self._make_way()
                self._start()
            times.append(now + pace_s if now >= following else following)
        await self._wait(min((t for t in times if t is not None), default=None), now)

    async def _wait(self, until: float | None, now: float) -> None:
        openings = {attempt.opening for attempt in self._running if not attempt.opening.done()}
        hints = {asyncio.create_task(event.wait()) for event in (self._moved, self._kick)}
        timeout = None if until is None else max(0.0, until - now)
        await asyncio.wait(openings | hints, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        self._moved.clear()
        self._kick.clear()
        for hint in hints:
            hint.cancel()

    def _start(self) -> None:
        reached: list[_Attempt] = []

        def on_reached() -> None:
            for attempt in reached:
                attempt.reached_at = asyncio.get_running_loop().time()
            self._moved.set()

        session = self._make(self._count, on_reached)
        if session is not None:
            reached.append(_Attempt(self._count, session))
            self._running += reached
            self._count += 1

    def _let_speak(self, now: float) -> float | None:
        """Gives the word to the youngest that has got there, if it is free; else returns when it will be."""
        ready = [a for a in self._running if a.reached_at is not None and a.spoke_at is None]
        if not ready or self._answered:
            return None
        last = self._last_speaker()
        if last is not None and now < last.patience_until:
            return last.patience_until
        ready[-1].speak()
        return ready[-1].patience_until

    def _last_speaker(self) -> _Attempt | None:
        spoken = [(a.spoke_at, a.number, a) for a in self._running if a.spoke_at is not None]
        return max(spoken)[-1] if spoken else None

    def _winner(self) -> _Attempt | None:
        last = self._last_speaker()
        return last if last is not None and last.up else None

    def _sift(self) -> None:
        spoken = [a for a in self._running if a.spoke_at is not None]
        self._answered = any(a.was_up for a in spoken) or (self._answered and bool(spoken))
        for attempt in list(self._running):
            fault = attempt.fault
            if fault is not None:
                self._running.remove(attempt)
                self._fault = fault
                self._fell(attempt.session, fault)

    def _make_way(self) -> None:
        """When there are too many, the second oldest goes; never the oldest."""
        if len(self._running) >= MAX_AT_ONCE:
            self._lose(self._running.pop(1))

    def _lose(self, attempt: _Attempt) -> None:
        if not attempt.opening.cancel() and not attempt.opening.cancelled():
            attempt.opening.exception()  # heard, so that asyncio does not complain
        attempt.session.abandon()
        self._fell(attempt.session, None)
