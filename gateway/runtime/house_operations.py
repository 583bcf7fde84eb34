"""What may be asked of the running house over the local socket: its state, its home, links, the demo's clock.

Each request is checked here. What changes anything is an observation, or a change of the registry that becomes one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from gateway.channels.accept_link import BadLink
from gateway.clock import iso
from gateway.drivers.port import DriverFault
from gateway.home.model import BadHome
from gateway.observations import Kind, Report
from gateway.rules.report import report
from gateway.runtime.control import ControlRefused
from gateway.runtime.jitter import settled

if TYPE_CHECKING:
    from gateway.runtime.gateway import Gateway
    from gateway.runtime.record_operations import Operation

COMMIT_S: Final = 2.0
MAX_LEAP_MS: Final = 86_400_000

log = logging.getLogger(__name__)


def house_operations(gateway: Gateway) -> Mapping[str, Operation]:
    """The operations by name."""

    async def status(_: dict[str, Any]) -> dict[str, Any]:
        return {"status": gateway.status()}

    async def rules(_: dict[str, Any]) -> dict[str, Any]:
        controller = gateway.heart.controller
        return {
            "rules": report(controller.rules, controller.statuses()),
            "now": iso(controller.wall_ms(gateway.heart.clock.now())),
        }

    async def set_home(request: dict[str, Any]) -> dict[str, Any]:
        try:
            home = await asyncio.to_thread(gateway.registry.apply, request.get("changes", []))
        except BadHome as error:
            return {"ok": False, "error": str(error), "problems": error.problems}
        except OSError as error:
            raise ControlRefused(f"the home could not be written: {error.strerror}") from None
        gateway.know_home(home)
        submitted = gateway.heart.take(Report(Kind.CONFIG, settled(home.view, gateway.config.gateway.id).to_json()))
        gateway.ways_in.enrol(home)
        await asyncio.wait({submitted.committed}, timeout=COMMIT_S)
        return {"revision": home.view.revision}

    async def answer_link(request: dict[str, Any]) -> dict[str, Any]:
        """The page of an accept link: who holds a good link may answer 1 or 2 for the contact it was made for."""
        token, answer = request.get("token"), request.get("answer")
        if not isinstance(token, str) or answer not in ("1", "2"):
            raise ControlRefused("link.answer: expected a token, and answer 1 or 2")
        try:
            return {"contact": await gateway.ways_out.link_answered(token, answer)}
        except (BadLink, OSError) as error:
            gateway.counts["links_refused"] += 1
            raise ControlRefused(str(error) if isinstance(error, BadLink) else "the key cannot be read") from None

    async def permit_join(request: dict[str, Any]) -> dict[str, Any]:
        seconds = request.get("seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int):
            raise ControlRefused("zigbee.permit_join: expected seconds, a whole number")
        try:
            await gateway.ways_in.permit_join(seconds)
        except DriverFault as error:
            raise ControlRefused(str(error)) from None
        log.warning("the Zigbee network is open for new devices for %d s", seconds)
        return {"seconds": seconds}

    async def leap(request: dict[str, Any]) -> dict[str, Any]:
        ms = request.get("ms")
        if gateway.leap is None:
            raise ControlRefused("leap: refused; time runs by itself here, only the demo's clock can leap")
        if isinstance(ms, bool) or not isinstance(ms, int) or not 0 <= ms <= MAX_LEAP_MS:
            raise ControlRefused(f"leap: expected ms from 0 to {MAX_LEAP_MS}")
        gateway.leap.leap(ms)
        gateway.heart.tick()
        return {"t": gateway.heart.clock.now()}

    return {
        "status": status,
        "rules": rules,
        "home.set": set_home,
        "leap": leap,
        "zigbee.permit_join": permit_join,
        "link.answer": answer_link,
    }
