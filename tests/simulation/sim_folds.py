"""Alarms as an onlooker knows them, from their events alone; after a crash, as the disk knows them.

Shares no code with the book: a dozen plain fields, filled from what is written in each event.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sim_history import Committed, Decided, History, Item, Woke

from gateway.actions import Publish, Text

WAITING: Final = frozenset({"RAISED", "UNANSWERED", "CANCELLED_BY_USER"})
ENDED: Final = frozenset({"CANCELLED_LOCAL", "RECOVERED", "CLOSED"})
CALLS: Final = frozenset({"CALL_FIXED", "CALL_PERSONAL", "CALL_GATEWAY"})
MAIN: Final = frozenset({"S01", "S02", "S03", "S04", "S05", "S05-gas", "S06", "S07", "S08", "S09", "S18", "S22"})


@dataclass(slots=True)
class Seen:
    """One alarm."""

    number: int
    code: str
    severity: str
    opened_t: int
    state: str = "DETECTED"
    moved_t: int = 0
    accepted_by: str | None = None
    accepted_via: str = ""
    presses: int = 1
    cancelled: bool = False
    exhausted: bool = False  # everybody was told in every round; only the platform is told again, seldom
    timers: dict[str, int] = field(default_factory=dict)
    asleep_until: int = 0  # by night the contacts of a P2 alarm sleep until then
    texted: set[str] = field(default_factory=set)  # contacts whom its main text was meant for
    said_no: dict[str, int] = field(default_factory=dict)  # contact -> when they last did
    published: bool = False  # on the alarm channel: as something for people to act on

    @property
    def waiting(self) -> bool:
        return self.state in WAITING


Alarms = dict[int, Seen]


def apply(alarms: Alarms, event: dict[str, Any]) -> None:
    """Takes in one event, as JSON."""
    patch = event.get("patch", {})
    if event["what"] == "opened":
        alarms[event["alarm"]] = Seen(event["alarm"], patch["code"], patch["severity"], event["t"])
    alarm = alarms[event["alarm"]]
    alarm.presses = patch.get("presses", alarm.presses)
    if "accepted_by" in patch:
        alarm.accepted_by = patch["accepted_by"]
    alarm.texted |= set(patch.get("told", ()))
    for name, due in event.get("timers", {}).items():
        if due is None:
            alarm.timers.pop(name, None)
        else:
            alarm.timers[name] = due
    if event["what"] in ("deferred", "persisting") or (event["what"], event["reason"]) == ("waits", "outside_hours"):
        alarm.asleep_until = event["t"] if event["what"] == "persisting" else alarm.timers.get("next", 0)
    if event["what"] == "declined":
        alarm.said_no[event["reason"]] = event["t"]
    state = event.get("state")
    if state is not None:
        alarm.state, alarm.moved_t = state, event["t"]
        alarm.exhausted = state == "UNANSWERED" or (alarm.exhausted and state == "CANCELLED_BY_USER")
        if state in ENDED:
            alarm.timers.clear()
        if state == "ACCEPTED":
            alarm.accepted_via = event["reason"].rpartition("_")[2]
        alarm.cancelled = alarm.cancelled or state == "CANCELLED_BY_USER"


def walk(history: History) -> Iterator[tuple[Item, Alarms]]:
    """Every item with the alarms as they are after it. A crash takes back what was decided and not written down."""
    live: Alarms = {}
    kept: Alarms = {}
    for item in history.items:
        if isinstance(item, Decided):
            for event in item.events:
                apply(live, event.to_json())
            for action in item.actions:
                alarm = live.get(action.alarm or 0) if isinstance(action, (Text, Publish)) else None
                if alarm is None:
                    continue
                if isinstance(action, Text) and action.template in MAIN:
                    alarm.texted.add(action.contact)
                alarm.published = alarm.published or (isinstance(action, Publish) and action.channel == "alarm")
        elif isinstance(item, Committed):
            for event in item.events:
                apply(kept, event)
        elif isinstance(item, Woke):
            live = copy.deepcopy(kept)
            for alarm in live.values():
                alarm.published = alarm.state not in ("DETECTED", "PRE_ALARM", "CANCELLED_LOCAL", "RECOVERED")
        yield item, live
