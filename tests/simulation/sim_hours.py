"""Contacts' hours, as an onlooker judges them: P0 and P1 always and in order, everything less only within them.

An hour is only judged where it is sure: by a clock that somebody vouches for, a day after it was last put right, and a
minute from either edge. The real lane holds what leaves late, so both are looked at: what is decided, and what leaves.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Final

from sim_folds import MAIN, walk
from sim_history import Carried, Decided, History, Violation
from sim_story import DAY, HOUR, MINUTE

from gateway.actions import Call, Text
from gateway.home.model import Contact, HomeView
from gateway.observations import Kind

SOFT: Final = frozenset({"P2", "P3", "P4"})
SHANGHAI_MS: Final = 8 * HOUR
SURE_MS: Final = MINUTE
OWN_HOUR: Final = ("S23", "S24")
HOURS: Final = (None, None, "07:00-21:00", "18:00-20:00", "22:00-06:00", "00:00-12:00")


def with_hours(home: HomeView, rng: random.Random) -> HomeView:
    """Contacts who have hours of all sorts, and some who want a line about the day within or outside them."""
    changed = [
        replace(c, hours=rng.choice(HOURS), daily_line=rng.choice([None, "19:30", "12:00"])) for c in home.contacts
    ]
    return replace(home, contacts=tuple(changed))


class Clock:
    """The wall clock as the controller was told it."""

    def __init__(self) -> None:
        self.offset_ms, self.trusted, self.since_step = 0, False, 0

    def learn(self, item: Decided) -> None:
        if item.observation.kind is Kind.CLOCK:
            value = item.observation.value
            moved = abs(value.get("offset_ms", self.offset_ms) - self.offset_ms)
            if moved > 5 * MINUTE:
                self.since_step = item.observation.t
            self.offset_ms = value.get("offset_ms", self.offset_ms)
            self.trusted = value.get("trust", "NONE") != "NONE"

    def hour(self, t: int) -> float:
        return (t + self.offset_ms + SHANGHAI_MS) % DAY / HOUR

    def sure(self, t: int) -> bool:
        """Whether everybody agrees what time of day `t` is."""
        return self.trusted and (t - self.since_step > DAY or not self.since_step)

    def night(self, t: int) -> bool:
        """Surely night."""
        hour = self.hour(t)
        return self.sure(t) and (hour >= 22 + 1 / 60 or hour < 6 - 1 / 60)

    def outside(self, contact: Contact, t: int) -> bool:
        """Surely outside this contact's hours."""
        if contact.hours is None or not self.sure(t):
            return False
        begins, ends = ((int(edge[:2]) * 60 + int(edge[3:])) * MINUTE for edge in contact.hours.split("-"))
        since = (t + self.offset_ms + SHANGHAI_MS - begins) % DAY
        return (ends - begins) % DAY + SURE_MS < since < DAY - SURE_MS


def nobody_is_disturbed_outside_their_hours(history: History) -> list[Violation]:
    """Nothing of P2 to P4 is asked of a contact outside their hours, and none leaves then that was decided before."""
    clock, found, home = Clock(), [], HomeView()
    for item, _ in walk(history):
        if isinstance(item, Decided):
            clock.learn(item)
            home = item.home
            asked = [a for a in item.actions if isinstance(a, Call) or (isinstance(a, Text) and a.template in MAIN)]
            times = {e.alarm: e.t for e in item.events}
            late = [a for a in asked if not clock.outside(_who(home, a), times.get(a.alarm or 0, item.observation.t))]
            asked = [a for a in asked if a not in late]  # a step that is overdue is stamped with its due time
            t = item.observation.t
        elif isinstance(item, Carried) and isinstance(item.action, (Text, Call)):
            asked, t = [item.action], item.t
        else:
            continue
        for action in asked:
            own = isinstance(action, Text) and action.template.startswith(OWN_HOUR)
            if action.severity in SOFT and not own and clock.outside(_who(home, action), t):
                what = "is asked" if isinstance(item, Decided) else "leaves"
                found.append(Violation("hours", f"{action.key} {what} outside their hours", item.true_ms))
    return found


def _who(home: HomeView, action: Text | Call) -> Contact:
    return next((c for c in home.contacts if c.id == action.contact), Contact(action.contact, 0))


def a_matter_of_life_knows_no_hours(history: History) -> list[Violation]:
    """P0 and P1: each contact in the order of the list, whatever the hour; passed over is only who has just said no."""
    found: list[Violation] = []
    for item, alarms in walk(history):
        if not isinstance(item, Decided):
            continue
        for event in item.events:
            alarm = alarms[event.alarm]
            if event.what != "told" or alarm.severity not in ("P0", "P1") or "asked" not in event.patch:
                continue
            listed = [c.id for c in item.home.contacts if c.channels]
            *before, asked = event.patch["asked"] or [None]
            if event.reason == "all_at_once":
                passed = set(listed) - set(event.patch["asked"])
            else:
                ahead = listed[: listed.index(asked)] if asked in listed else []
                passed = set(ahead) - set(before)
            interval = round(item.home.settings.get("escalation.next_contact_s", 120) * 1000)
            passed = {c for c in passed if event.t - alarm.said_no.get(c, -DAY) >= max(interval, 300_000)}
            if passed:
                text = f"alarm {event.alarm} ({alarm.severity}) passes over {sorted(passed)} for {event.reason}"
                found.append(Violation("life", text, item.true_ms))
    return found
