"""The asyncio face of one connection: open it, use it, wait for its end.

Knows time limits of opening and closing; must not know what is sent or why, nor when to connect again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.upstream.connection import Connection, Incoming, Plan
from gateway.upstream.faults import Fault


class LinkDown(Exception):
    """The connection could not be made or is gone; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.kind}: {fault.detail}")
        self.fault = fault


class Session:
    """One connection. Callbacks come in the loop; after its end none comes any more."""

    def __init__(
        self,
        plan: Plan,
        *,
        on_puback: Callable[[int, bool, str], None],
        on_message: Callable[[Incoming], None],
        on_subscribed: Callable[[bool, str], None],
        on_ended: Callable[[], None],
        on_reached: Callable[[], None] | None = None,
    ) -> None:
        """`on_reached`: TCP and TLS stand; only told if the plan `waits_to_speak`."""
        self._plan = plan
        self._tell_puback, self._tell_message = on_puback, on_message
        self._tell_subscribed, self._tell_ended = on_subscribed, on_ended
        self._tell_reached = on_reached
        self._connection = Connection(plan, self)
        self._opened: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()
        self._waiting: dict[int, asyncio.Future[bool]] = {}
        self._abandoned = False
        self.fault: Fault | None = None

    async def open(self) -> int:
        """Connects; returns the broker's receive maximum. Raises `LinkDown`, within the plan's limits at the latest."""
        limits = self._plan.limits
        self._connection.start()
        try:
            async with asyncio.timeout(limits.connect_s + limits.connack_s):
                return await asyncio.shield(self._opened)
        except TimeoutError:
            self._abandon(Fault("timeout", "no answer in time"))
            raise LinkDown(Fault("timeout", "no answer in time")) from None
        except asyncio.CancelledError:
            self._abandon(Fault("closed", "by us"))
            raise

    def speak(self) -> None:
        """Lets a session whose plan `waits_to_speak` introduce itself to the broker."""
        self._connection.speak()

    @property
    def peer(self) -> tuple[str, int] | None:
        """The address that was reached."""
        return self._connection.peer

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._over.is_set()

    @property
    def lingers(self) -> bool:
        """Whether its thread still runs, for example inside a hanging name server."""
        return self._connection.lingers

    @property
    def oversized(self) -> bool:
        """Whether it ended because a packet was announced that nobody sane sends."""
        return self._connection.oversized

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int | None:
        """Puts a QoS 1 message on the wire; its id, or None if the connection is ending."""
        return None if self.over else self._connection.publish(topic, payload, retain=retain)

    async def publish_and_wait(self, topic: str, payload: bytes, *, retain: bool, timeout: float) -> bool:
        """Publishes and waits for the broker's PUBACK; False if none came in time."""
        mid = self.publish(topic, payload, retain=retain)
        if mid is None:
            return False
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[mid] = waiter
        try:
            async with asyncio.timeout(timeout):
                return await waiter
        except TimeoutError:
            return False
        finally:
            self._waiting.pop(mid, None)

    def subscribe(self, *filters: str) -> None:
        """Subscribes at QoS 1."""
        self._connection.subscribe(*filters)

    def confirm(self, message: Incoming) -> None:
        """Lets the broker forget a message that was dealt with."""
        if not self.over:
            self._connection.confirm(message)

    def drop(self, fault: Fault) -> None:
        """Ends it at once; the broker will publish the will."""
        self._connection.drop(fault)

    def abandon(self) -> None:
        """Ends it at once and unheard: another session has won."""
        self._abandon(Fault("closed", "by us"))

    async def close(self) -> None:
        """Ends it cleanly, so that no will is published; at once if the far end does not play along."""
        if self.over:
            return
        self._connection.close()
        try:
            async with asyncio.timeout(self._plan.limits.farewell_s):
                await self._over.wait()
        except TimeoutError:
            self._connection.drop(Fault("closed", "by us"))

    # Events, in the loop

    def on_reached(self) -> None:
        if self._tell_reached is not None and not self._abandoned:
            self._tell_reached()

    def on_up(self, session_present: bool, receive_maximum: int) -> None:
        del session_present  # we subscribe each time: a broker may have lost the session without saying so
        if not self._opened.done():
            self._opened.set_result(receive_maximum)

    def on_subscribed(self, granted: bool, detail: str) -> None:
        if not self._abandoned:
            self._tell_subscribed(granted, detail)

    def on_puback(self, mid: int, taken: bool, detail: str) -> None:
        waiter = self._waiting.get(mid)
        if waiter is not None and not waiter.done():
            waiter.set_result(taken)
        elif not self._abandoned:
            self._tell_puback(mid, taken, detail)

    def on_message(self, message: Incoming) -> None:
        if not self._abandoned:
            self._tell_message(message)

    def on_ended(self, fault: Fault, was_up: bool) -> None:
        self.fault = fault
        self._over.set()
        for waiter in self._waiting.values():
            if not waiter.done():
                waiter.set_result(False)
        if not self._opened.done():
            if self._abandoned:
                self._opened.cancel()
            else:
                self._opened.set_exception(LinkDown(fault))
        elif was_up and not self._abandoned:
            self._tell_ended()

    def _abandon(self, fault: Fault) -> None:
        self._abandoned = True
        self.fault = fault
        self._connection.drop(fault)
