"""What the platform may ask of a running gateway: roll calls, test alarms, visit windows, and an outage of the area.
The rest changes nothing.

Each command is checked here, becomes an observation (that is its audit: the journal and, for a test, the incident's
record), and is confirmed to the broker only when that is durable. Whether it does anything is the heart's to decide.
No command here can silence, close or change an alarm, so the broker's access list and TLS guard it; what could
(configuration) comes signed, with the platform's full contract.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from gateway.alarms.chain import silent_contacts
from gateway.alarms.trial import COMMAND as TEST_ALARM
from gateway.alarms.trial import PLATFORM
from gateway.observations import Kind, Report
from gateway.rules.outage import AREA_OUTAGE, MOST_HOURS
from gateway.rules.roll_call import COMMAND as ROLL_CALL
from gateway.rules.visits import WINDOWS
from gateway.runtime.control import ControlRefused

if TYPE_CHECKING:
    from gateway.runtime.heart import Heart
    from gateway.runtime.record_operations import Operation

MOST: Final = 12
WITHIN_S: Final = 600.0
"""More commands than this in ten minutes are a fault or an attack: counted, and nothing is written down for them."""
MAX_ID: Final = 40
LOCAL: Final = "local"
COMMIT_S: Final = 2.0

log = logging.getLogger(__name__)


class BadCommand(ValueError):
    """Theirs: a command that is not of the contract."""


def read(command: dict[str, Any]) -> dict[str, Any] | None:
    """The observation's value of a command, None for one that is not ours. Raises `BadCommand`."""
    name = command.get("cmd")
    if name == ROLL_CALL:
        return {"cmd": ROLL_CALL, "id": str(command.get("id", ""))[:MAX_ID]}
    if name in WINDOWS:
        return _window(str(name), command)
    if name == AREA_OUTAGE:
        return _area(command)
    if name != TEST_ALARM:
        return None
    request, press, by = command.get("id"), command.get("press", False), command.get("by")
    if not isinstance(request, str) or not 0 < len(request) <= MAX_ID:
        raise BadCommand(f"test_alarm: id: expected 1 to {MAX_ID} characters, so that it is never done twice")
    if not isinstance(press, bool):
        raise BadCommand("test_alarm: press: expected true or false")
    if by is not None and not (isinstance(by, str) and 0 < len(by) <= MAX_ID and by.isprintable()):
        raise BadCommand(f"test_alarm: by: expected 1 to {MAX_ID} characters")
    value = {"cmd": TEST_ALARM, "id": request, "press": press, "from": PLATFORM}
    return value if by is None else {**value, "by": by}


def _window(name: str, command: dict[str, Any]) -> dict[str, Any]:
    """More visits wanted, or none possible, from one day to another (domain 1.4); the ledger bounds how far."""
    said = {key: str(command[key])[:MAX_ID] for key in ("from", "to", "reason") if command.get(key) is not None}
    try:
        if date.fromisoformat(said["from"]) > date.fromisoformat(said["to"]):
            raise BadCommand(f"{name}: from: lies after to")
    except (KeyError, ValueError):
        raise BadCommand(f"{name}: from, to: expected two days as YYYY-MM-DD") from None
    return {"cmd": name, **said}


def _area(command: dict[str, Any]) -> dict[str, Any]:
    """The whole area is without mains, or has it again (T-19, domain 5.3)."""
    value: dict[str, Any] = {"cmd": AREA_OUTAGE, "on": command.get("on", True)}
    if not isinstance(value["on"], bool):
        raise BadCommand(f"{AREA_OUTAGE}: on: expected true or false")
    if (hours := command.get("hours")) is not None:
        if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 < hours <= MOST_HOURS:
            raise BadCommand(f"{AREA_OUTAGE}: hours: expected a number above 0, at most {MOST_HOURS:g}")
        value["hours"] = hours
    return value


async def local_test(heart: Heart, request: dict[str, Any]) -> dict[str, Any]:
    """The installer, or whoever stands at the gateway, wants a test alarm (domain 3.5). Raises `ControlRefused`."""
    press, by = request.get("press", False), request.get("by", "local")
    if not isinstance(press, bool):
        raise ControlRefused("test.alarm: press: expected true or false")
    if not isinstance(by, str) or not 0 < len(by) <= MAX_ID or not by.isprintable():
        raise ControlRefused(f"test.alarm: by: expected 1 to {MAX_ID} characters")
    book = heart.controller.book
    before = {alarm.number for alarm in book.live()}
    submitted = heart.take(Report(Kind.COMMAND, {"cmd": TEST_ALARM, "press": press, "from": LOCAL, "by": by}))
    number = next((a.number for a in book.live() if a.test and a.number not in before), None)
    await asyncio.wait({submitted.committed}, timeout=COMMIT_S)
    if number is None:
        raise ControlRefused("test.alarm: not now: a test is under way, or an alarm is open")
    return {"alarm": number}


def test_course(heart: Heart, request: dict[str, Any]) -> dict[str, Any]:
    """How a test alarm stands: its state, its outcome once it is over, who answered and who was asked and gave no sign.

    Raises `ControlRefused` for a number that is no test's, or one long forgotten.
    """
    number = request.get("alarm")
    whole = isinstance(number, int) and not isinstance(number, bool)
    alarm = heart.controller.book.alarms.get(number) if whole else None  # type: ignore[arg-type]
    if alarm is None or not alarm.test:
        raise ControlRefused("test.course: no test alarm of this number")
    return {
        "state": alarm.state.value,
        "over": alarm.ended,
        "outcome": alarm.outcome,
        "answered": alarm.accepted_by,
        "unanswered": silent_contacts(alarm),
    }


def test_operations(heart: Heart) -> dict[str, Operation]:
    """What the local socket knows of tests."""

    async def begin(request: dict[str, Any]) -> dict[str, Any]:
        return await local_test(heart, request)

    async def course(request: dict[str, Any]) -> dict[str, Any]:
        return test_course(heart, request)

    return {"test.alarm": begin, "test.course": course}


class Commands:
    """Hears `/down/cmd`. `take` hands an observation to the heart and answers when it is durable."""

    def __init__(
        self, take: Callable[[Report], asyncio.Future[bool]], counts: Counter[str], now_s: Callable[[], float]
    ) -> None:
        self._take, self._counts, self._now_s = take, counts, now_s
        self._taken: deque[float] = deque(maxlen=MOST)

    def heard(self, command: dict[str, Any]) -> Awaitable[bool] | None:
        """One command. What it returns is awaited before the broker may forget the message."""
        try:
            value = read(command)
        except BadCommand as error:
            self._counts["commands_refused"] += 1
            log.warning("a command of the platform was refused: %s", error)
            return None
        if value is None:
            self._counts["commands_ignored"] += 1
            log.warning("a command of the platform was ignored: %s", str(command.get("cmd"))[:40])
            return None
        now = self._now_s()
        if len(self._taken) == MOST and now - self._taken[0] < WITHIN_S:
            self._counts["commands_too_many"] += 1
            return None
        self._taken.append(now)
        return self._take(Report(Kind.COMMAND, value))
