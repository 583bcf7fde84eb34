"""Whether what was decided a while ago may still be said, texted or dialled (invariant vii).

An action waits for a signal, for power, for its turn; meanwhile the alarm goes on. Each sentence is bound to the states
in which it is true. Judged at the moment it would leave; pure.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.actions import AckDevice, Action, Call, Publish, Push, Say, Siren, Text
from gateway.alarms.codes import CODES
from gateway.alarms.life import WAITING, Alarm, State

PRESS: Final = "press"  # tag of the text a repeated press asks for
REMIND: Final = "remind"  # tag of what asks who promised, and has not come
ARE_YOU_THERE: Final = "S25"
"""The text that does: whether they are there, or cannot go after all."""
LATE_S: Final = 2
"""A prompt that promises seconds may begin this much late (act from memory takes half a second)."""

_ASKED: Final = frozenset({State.PRE_ALARM})
_PROMISED: Final = frozenset({State.ACCEPTED})
_DANGER: Final = WAITING | {State.ACCEPTED}
SAID_IN: Final[dict[str, frozenset[State]]] = {
    "V01": _ASKED,
    "V02": WAITING | _PROMISED,
    "V03": _PROMISED,
    "V04": WAITING,
    "V05": WAITING | _PROMISED,
    "V06": frozenset({State.CANCELLED_LOCAL}),
    "V07": _ASKED,
    "V08": _ASKED,
    "V09": _DANGER,
    "V10": _DANGER,
    "V11": _DANGER,
    "V15": _ASKED,
    "V16": frozenset({State.CLOSED}),
    "V20": frozenset({State.RECOVERED}),
}
"""Each sentence about an alarm is bound to the states in which it is true; a sentence that is not here is never said
about one."""

ASKS: Final = frozenset({"S09", "S18", "S21", "S21-ref", "S-area"})
"""Texts that are true only while nobody has taken it."""


LATE: Final = "late"  # tag of the text that tells late what had happened
_DECIDED: Final = re.compile(r"[0-9]+$")  # the tags of what asks somebody to go end with when it was decided


def still_true(action: Action, alarm: Alarm, promised: str | None, now: int | None) -> bool:
    """Whether `action` about `alarm` still says something true. `promised`: the contact who goes, if one does."""
    if isinstance(action, Say):
        return _say(action, alarm, now)
    if isinstance(action, (Text, Push)):
        return _text(action, alarm, promised)
    if isinstance(action, Call):
        return _asks_still(action, alarm) if alarm.state in WAITING else _to_who_goes(action, alarm)
    if isinstance(action, Siren):
        return action.pattern == "off" or alarm.state in _DANGER
    return True


def about(action: Action) -> int | None:
    """The alarm whose state an action depends on; None: it is wanted whatever became of it."""
    return None if isinstance(action, (AckDevice, Publish)) else action.alarm


def _tag(action: Text | Push | Call) -> str:
    return action.key.rpartition(":")[2]


def _to_who_goes(action: Text | Push | Call, alarm: Alarm) -> bool:
    """Whether it goes to who promised because they did: what asked them at first is answered, and rings no more."""
    again, reminds = (_tag(action).startswith(tag) for tag in (PRESS, REMIND))
    return alarm.state is State.ACCEPTED and (again or (reminds and action.contact == alarm.accepted_by))


def _asks_still(action: Text | Push | Call, alarm: Alarm) -> bool:
    """Whether its contact has not said no since it was decided; in the next round they are asked anew."""
    said = alarm.declined.get(action.contact)
    decided = _DECIDED.search(_tag(action))
    return said is None or (decided is not None and int(decided[0]) > said)


def _text(text: Text | Push, alarm: Alarm, promised: str | None) -> bool:
    asks = text.template == CODES[alarm.code].template or text.template in ASKS
    if asks and alarm.state in WAITING and not _asks_still(text, alarm):
        return False
    if text.template == CODES[alarm.code].template:  # "please go": to who promised, and after another press to all
        if alarm.state in WAITING:
            is_late = _tag(text).startswith(LATE)
            return is_late or text.contact not in alarm.late  # told late meanwhile: one of the two is enough
        return _to_who_goes(text, alarm)
    if text.template == ARE_YOU_THERE:
        return _to_who_goes(text, alarm)
    if text.template == "S10":  # "... has promised to go": still, and the same; the desk is nobody in particular
        return alarm.state in (State.ACCEPTED, State.ATTENDED) and text.params.get("contact") in (promised, None)
    if text.template == "S09" and text.contact in alarm.late:
        return False
    return text.template not in ASKS or alarm.state in WAITING


def _say(say: Say, alarm: Alarm, now: int | None) -> bool:
    if alarm.state not in SAID_IN.get(say.prompt, frozenset()):
        return False
    if say.prompt == "V01" and now is not None:
        left = (alarm.timers.get("pre", now) - now) / 1000
        return bool(say.params.get("n", 0) <= left + LATE_S)
    if say.prompt in ("V02", "V05") and alarm.state is State.ACCEPTED:  # only a press after acceptance tries again
        return say.params.get("again") is True
    return True
