"""The journal told again to the controller: rules hear it, alarms change only as the record says.

What was decided is never decided again, not even by newer code: what rules find here is dropped, the recorded events
are applied. What newer code would have found and nobody recorded may be found once all was told.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gateway.alarms.life import AlarmEvent
from gateway.observations import Observation

if TYPE_CHECKING:
    from gateway.controller.controller import Controller


class Retelling:
    """The codes that rules found while the journal was told again."""

    def __init__(self) -> None:
        self.unconfirmed: set[str] = set()  # and no record confirms, so far
        self.in_this_entry: set[str] = set()

    def found(self, code: str) -> None:
        """A rule found this in the entry at hand."""
        self.unconfirmed.add(code)
        self.in_this_entry.add(code)


def rebuild(controller: Controller, observation: Observation, events: Iterable[AlarmEvent]) -> None:
    """Repeats one journalled entry."""
    retelling, book = controller.retelling, controller.book
    controller.rebuilding = True
    retelling.in_this_entry.clear()
    try:
        controller.handle(observation)
    finally:
        controller.rebuilding = False
    for event in events:
        book.apply(event)
        controller.ended(event)
        if event.what == "opened":
            code = event.patch["code"]
            retelling.unconfirmed.discard(code)
            controller.alarmed(event)
            if code not in retelling.in_this_entry:  # else the rule knows, and of an answer in the same entry too
                controller.confirm(code, event.t)
        elif event.what == "detected" and event.alarm in book.alarms:  # found, and joined to what was open
            retelling.unconfirmed.discard(book.alarms[event.alarm].code)


def rebuilt(controller: Controller) -> None:
    """All was told: who found what nobody recorded may find it now."""
    for code in controller.retelling.unconfirmed:
        for rule in controller.rules:
            rule.unconfirmed(code, controller.t)
    controller.retelling.unconfirmed.clear()
    controller.dues.anew()
