"""Contacts' hours: who may be reached now, and until when what waits for its way must go on waiting (domain 4.1, 4.3).

P0 and P1 know no hours, and a test is agreed upon. Everything less is said within them: nobody is asked outside, and
what was decided before and leaves late waits at the door. The line of a contact who chose its hour, and the result of a
roll call, which somebody waits for, keep their own. By a clock that nobody vouches for there are no hours.
"""

from __future__ import annotations

from typing import Final

from gateway.actions import Action, Call, Push, Text
from gateway.alarms.quiet import SOFT, Quiet
from gateway.home.model import HomeView

_OWN_HOUR: Final = ("S23", "S24")


def held_until(action: Action, home: HomeView, quiet: Quiet, now: int) -> int | None:
    """Until when (controller ms) a text, push or call is not to leave; None: it may now."""
    if not isinstance(action, (Text, Push, Call)) or action.severity not in SOFT:
        return None
    if not isinstance(action, Call) and action.template.startswith(_OWN_HOUR):
        return None
    contact = next((c for c in home.contacts if c.id == action.contact), None)
    return None if contact is None else quiet.hours_begin(contact, now)
