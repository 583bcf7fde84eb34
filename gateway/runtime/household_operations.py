"""What is said for the home over the local socket: nobody is in, guests, quiet for a while, a visitor at the door.

The first three end by themselves: the rules and the mute keep the limits (A10), whoever says it, and none of them
touches a button, a detector or anything of P0 and P1. A visitor at the door attends what is open; the socket admits
root and the gateway's own user only, and that is who vouches for the visitor. The platform cannot say any of it: its
commands are unsigned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from gateway.observations import ID_PATTERN, Kind, Report
from gateway.rules.inactivity.presence import GUESTS_MAX_MS
from gateway.runtime.control import ControlRefused
from gateway.visits.ledger import ON_SITE, REMOTE

if TYPE_CHECKING:
    from gateway.runtime.heart import Heart
    from gateway.runtime.record_operations import Operation

COMMIT_S: Final = 2.0
MINUTE_MS: Final = 60_000


def household_operations(heart: Heart) -> Mapping[str, Operation]:
    """The operations by name. Each takes `on`, mute `minutes` as well, and answers how long it lasts at most."""

    async def away(request: dict[str, Any]) -> dict[str, Any]:
        on = _on(request, "household.away")
        await _commit(heart, Report(Kind.AWAY, {"away": on}))
        return {"on": on, "at_most_min": heart.controller.desk.record.parameters.ms("away.max_h") // MINUTE_MS}

    async def guests(request: dict[str, Any]) -> dict[str, Any]:
        on = _on(request, "household.guests")
        await _commit(heart, Report(Kind.AWAY, {"guests": on}))
        return {"on": on, "at_most_min": GUESTS_MAX_MS // MINUTE_MS}

    async def mute(request: dict[str, Any]) -> dict[str, Any]:
        on, minutes = _on(request, "household.mute"), request.get("minutes")
        most = int(heart.controller.desk.record.parameters["voice.mute_max_min"])
        minutes = most if minutes is None else minutes
        if isinstance(minutes, bool) or not isinstance(minutes, int) or not 1 <= minutes <= most:
            raise ControlRefused(f"household.mute: minutes: expected 1 to {most}")
        await _commit(heart, Report(Kind.MUTE, {"on": on, "minutes": minutes}))
        return {"on": on, "at_most_min": minutes}

    async def visit(request: dict[str, Any]) -> dict[str, Any]:
        by, mode, event = request.get("by", "visitor"), request.get("mode", ON_SITE), request.get("event", "arrived")
        if not isinstance(by, str) or not ID_PATTERN.fullmatch(by):
            raise ControlRefused("visit: by: expected an id, 1 to 64 of A-Z a-z 0-9 _ . : / - and no name")
        if mode not in (ON_SITE, *REMOTE):
            raise ControlRefused(f"visit: mode: expected one of {', '.join((ON_SITE, *sorted(REMOTE)))}")
        if event not in ("arrived", "left"):
            raise ControlRefused("visit: event: expected arrived or left")
        elder = request.get("elder")  # of a couple, the one somebody came for; else both
        if elder is not None and (not isinstance(elder, str) or not ID_PATTERN.fullmatch(elder)):
            raise ControlRefused("visit: elder: expected the id of a resident")
        more = {"mode": None if mode == ON_SITE else mode, "elder": elder}
        value = {"event": event, "by": by} | {name: said for name, said in more.items() if said is not None}
        await _commit(heart, Report(Kind.VISIT, value))
        return {"by": by, "mode": mode, "event": event}

    return {"visit": visit, "household.away": away, "household.guests": guests, "household.mute": mute}


def _on(request: dict[str, Any], what: str) -> bool:
    on = request.get("on")
    if not isinstance(on, bool):
        raise ControlRefused(f"{what}: on: expected true or false")
    return on


async def _commit(heart: Heart, report: Report) -> None:
    submitted = heart.take(report)
    await asyncio.wait({submitted.committed}, timeout=COMMIT_S)
