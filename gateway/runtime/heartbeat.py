"""The heartbeat to the platform (T-13, domain 5.1): sent by the rule loop itself after a look at itself, or not at all.

A socket's keepalive proves the socket; this proves that the gateway decides. No activity data in it.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any, Final

from gateway import __version__
from gateway.rules.rule import Readiness

if TYPE_CHECKING:
    from gateway.runtime.gateway import Gateway

JITTER: Final = 0.1  # T-13: so that a village whose power returns does not speak in chorus
FIRST_S: Final = 2.0  # the platform sees a new start soon


class Heartbeat:
    """Sends one heartbeat every `interval_s`, give or take a tenth, while nothing is stuck."""

    def __init__(self, gateway: Gateway, interval_s: float, rng: random.Random | None = None) -> None:
        self._gateway = gateway
        self._interval_s = interval_s
        self._rng = rng or random.Random()
        self._seq = 0
        self._began = asyncio.get_running_loop().time()

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.sleep(FIRST_S)
        while True:
            self.beat()
            await asyncio.sleep(self.pause_s())

    def pause_s(self) -> float:
        """Until the next one."""
        return self._interval_s * self._rng.uniform(1 - JITTER, 1 + JITTER)

    def beat(self) -> bool:
        """One heartbeat, through the rule loop; False if something is stuck or there is no connection."""
        gateway = self._gateway
        gateway.heart.tick()
        if gateway.watchdog.stuck() or gateway.upstream is None:
            return False
        self._seq += 1
        return gateway.upstream.publish_heartbeat(self.body())

    def body(self) -> dict[str, Any]:
        """At most 300 bytes; indices of health only."""
        gateway = self._gateway
        controller = gateway.heart.controller
        statuses = controller.statuses()
        return {
            "v": 1,
            "n": self._seq,
            "clock_trust": str(gateway.heart.clock.trust()),
            "up_s": round(asyncio.get_running_loop().time() - self._began),
            **gateway.ways_in.power(),
            "open_alarms": sum(1 for _ in controller.book.live()),
            "q_depth": gateway.journal.health().outbox_rows,
            "rules": {
                "armed": sum(s.readiness is Readiness.ARMED for s in statuses.values()),
                "unavailable": [n for n, s in statuses.items() if s.readiness is Readiness.UNAVAILABLE][:5],
            },
            **({"muted": True} if controller.desk.quiet.muted("P4", controller.t) else {}),
            "blind": gateway.ways_in.blind()[:5],
            "fw": __version__,
        }
