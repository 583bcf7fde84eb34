"""What people at the home may add to an incident's record, over the local socket: its end, and follow-ups.

The socket admits root and the gateway's own user only: that is the authenticated person (domain 3.2). Each word is
checked here and becomes an observation; the heart decides what it moves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from gateway.alarms.codes import Outcome
from gateway.alarms.life import MOVES, Move
from gateway.incidents.story import FollowUpKind
from gateway.observations import Kind, Report
from gateway.runtime.control import ControlRefused

if TYPE_CHECKING:
    from gateway.runtime.gateway import Gateway

COMMIT_S: Final = 2.0
MAX_NOTE: Final = 120
RESULTS: Final = ("DONE", "NOT_YET", "NOT_NEEDED")
EMERGENCY: Final = ("110", "119", "120", "122")

Operation = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


def record_operations(gateway: Gateway) -> Mapping[str, Operation]:
    """The operations by name."""

    async def close(request: dict[str, Any]) -> dict[str, Any]:
        number, by = _number(request), _by(request)
        alarm = gateway.heart.controller.book.alarms.get(number)
        if alarm is None or (alarm.state, Move.CLOSE) not in MOVES:
            raise ControlRefused(f"alarm {number}: not open, nothing to close")
        outcome = request.get("outcome")
        if outcome not in Outcome.__members__:
            raise ControlRefused(f"outcome: expected one of {', '.join(Outcome.__members__)}")
        value = {"stage": "CLOSED", "alarm": number, "by": by, "outcome": outcome, "via": "local"}
        if (call := emergency_call(request.get("emergency_call"))) is not None:
            value["emergency_call"] = call
        await _commit(gateway, Report(Kind.ACK, value))
        return {"alarm": number, "outcome": outcome}

    async def follow_up(request: dict[str, Any]) -> dict[str, Any]:
        number, by = _number(request), _by(request)
        kind, result = request.get("kind"), request.get("result")
        if kind not in FollowUpKind.__members__:
            raise ControlRefused(f"kind: expected one of {', '.join(FollowUpKind.__members__)}")
        if result not in RESULTS:
            raise ControlRefused(f"result: expected one of {', '.join(RESULTS)}")
        if number >= gateway.heart.controller.book.next_number:
            raise ControlRefused(f"alarm {number}: there is none of that number")
        value = {"event": "follow_up", "alarm": number, "kind": kind, "result": result, "by": by}
        await _commit(gateway, Report(Kind.VISIT, value))
        return {"alarm": number, "kind": kind, "result": result}

    return {"incident.close": close, "incident.follow_up": follow_up}


def emergency_call(value: Any) -> dict[str, str] | None:
    """The emergency call as it is kept: who called which number when, or why nobody had to; raises `ControlRefused`.

    Domain 1.4: on an emergency the call comes first, and the record says so.
    """
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ControlRefused('emergency_call: expected {"number","by","at"} or {"not_needed"}')
    if "not_needed" in value:
        return {"not_needed": _text(value["not_needed"], "emergency_call.not_needed")}
    if value.get("number") not in EMERGENCY:
        raise ControlRefused(f"emergency_call.number: expected one of {', '.join(EMERGENCY)}")
    made = {"number": str(value["number"]), "by": _text(value.get("by"), "emergency_call.by")}
    if value.get("at") is not None:
        made["at"] = _text(value["at"], "emergency_call.at")
    return made


def _number(request: dict[str, Any]) -> int:
    number = request.get("alarm")
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ControlRefused("alarm: expected the number of an alarm")
    return number


def _by(request: dict[str, Any]) -> str:
    return _text(request.get("by"), "by")


def _text(value: Any, name: str) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not text or not text.isprintable() or len(text) > MAX_NOTE:
        raise ControlRefused(f"{name}: expected 1 to {MAX_NOTE} printable characters")
    return text


async def _commit(gateway: Gateway, report: Report) -> None:
    submitted = gateway.heart.take(report)
    await asyncio.wait({submitted.committed}, timeout=COMMIT_S)
