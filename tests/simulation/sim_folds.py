"""Alarms as an onlooker knows them, from their events alone; after a crash, as the disk knows them.

Shares no code with the book: a dozen plain fields, filled from what is written in each event.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sim_history import KINDS, Committed, Decided, History, Item, Violation, Woke

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

    def apart(self) -> Seen:
        """The same, which later events of this one do not reach."""
        return replace(self, timers=dict(self.timers), texted=set(self.texted))


class Alarms(dict[int, Seen]):
    """By number. `open`: those whose life is not over, of which there are few."""

    def __init__(self, seen: Iterable[Seen] = ()) -> None:
        super().__init__({alarm.number: alarm for alarm in seen})
        self.open = {alarm.number: alarm for alarm in self.values() if alarm.state not in ENDED}


Judging = Generator[None, tuple[Item, Alarms] | None, list[Violation]]
"""One invariant at work: it is sent every item with the alarms as they are after it, then None, and says what is
wrong."""


def apply(alarms: Alarms, event: dict[str, Any]) -> None:
    """Takes in one event, as JSON."""
    patch = event.get("patch", {})
    if event["what"] == "opened":
        opened = Seen(event["alarm"], patch["code"], patch["severity"], event["t"])
        alarms[opened.number] = alarms.open[opened.number] = opened
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
        alarms.open[alarm.number] = alarm
        if state in ENDED:
            alarm.timers.clear()
            del alarms.open[alarm.number]
        if state == "ACCEPTED":
            alarm.accepted_via = event["reason"].rpartition("_")[2]
        alarm.cancelled = alarm.cancelled or state == "CANCELLED_BY_USER"


def walk(history: History) -> Iterator[tuple[Item, Alarms]]:
    """Every item with the alarms as they are after it. A crash takes back what was decided and not written down."""
    live, kept = Alarms(), Alarms()
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
            live = Alarms(alarm.apart() for alarm in kept.values())
            for alarm in live.values():
                alarm.published = alarm.state not in ("DETECTED", "PRE_ALARM", "CANCELLED_LOCAL", "RECOVERED")
        yield item, live


Invariant = Callable[[History], Judging]


def looks_at(*kinds: type[Item]) -> Callable[[Invariant], Invariant]:
    """Marks an invariant that need not be sent anything else."""

    def marked(invariant: Invariant) -> Invariant:
        invariant.kinds = kinds  # type: ignore[attr-defined]
        return invariant

    return marked


def judged_by(invariants: Iterable[Invariant], history: History) -> list[Violation]:
    """What is wrong with a history by each invariant, in their order: one walk for all of them."""
    judges = [(invariant(history), getattr(invariant, "kinds", KINDS)) for invariant in invariants]
    for judging, _ in judges:
        next(judging)
    told = {kind: [judging.send for judging, kinds in judges if kind in kinds] for kind in KINDS}
    for seen in walk(history):
        for send in told[type(seen[0])]:
            send(seen)
    return [violation for judging, _ in judges for violation in _said(judging)]


def _said(judging: Judging) -> list[Violation]:
    try:
        judging.send(None)
    except StopIteration as end:
        found: list[Violation] = end.value
        return found
    raise AssertionError("a judge goes on after the end")
