"""A stove in a simulated home: pots that simmer, plates that pulse, one forgotten; and how its question is judged.

The count is this page's own: since when the stove has drawn power without a pause that ends a use. Where nobody watched
(a crash, a lost recording) it is not judged whether the question came, only that it did not come too soon.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sim_folds import walk
from sim_history import Decided, History, Violation, Woke
from sim_story import DAY, HOUR, MINUTE

from gateway.home.model import Device
from gateway.observations import Kind
from gateway.parameters import Parameters

STOVE: Final = Device("plate", "stove", room="r3")
CODE: Final = "STOVE_ON"
SLACK_MS: Final = 2_000
_SETTINGS: Final = Parameters()
ON_W: Final = _SETTINGS["stove.on_w"]
OFF_MS: Final = _SETTINGS.ms("stove.off_min")
LIMIT_MS: Final = _SETTINGS.ms("stove.limit_min")


def cook(rng: random.Random, end: int, say: Callable[[float, str, str, Any], None]) -> None:
    """Meals of most days: a reading every five minutes while it draws power, and one when it stops."""
    for start in range(0, end, DAY):
        for at in rng.sample([2, 6, 10, 13, 18], rng.choice([0, 1, 2])):  # UTC: 10, 14, 18, 21 and 2 o'clock there
            t: float = start + at * HOUR + rng.randrange(HOUR)
            over = t + rng.choice([25 * MINUTE, 85 * MINUTE, 92 * MINUTE, 93 * MINUTE, 4 * HOUR])
            while t < over:
                say(t, STOVE.id, "power", float(rng.choice([180, 900, 1_800])))
                if rng.random() < 0.1:  # an induction plate pauses, and somebody turns a plate off between two pots
                    pause = rng.choice([20_000, 3 * MINUTE, 7 * MINUTE])
                    say(t + 30_000, STOVE.id, "power", 0.0)
                    t += pause
                t += 5 * MINUTE
            if rng.random() < 0.9:
                say(over, STOVE.id, "power", rng.choice([0.0, 2.0]))
            else:  # the plug goes with it, and nothing is heard for the rest of the day
                say(over + 3 * HOUR, STOVE.id, "power", 0.0)


@dataclass(slots=True)
class _Use:
    """`since`: it began, or somebody answered. `whole`: watched without a break since. `known`: that is known."""

    since: int = 0
    on: bool = False
    off: int | None = None
    whole: bool = True
    known: bool = True
    asked: bool = False

    def read(self, watts: float, t: int) -> None:
        if watts < ON_W:
            self.off = t if self.off is None else self.off
            return
        new = not self.on or (self.off is not None and t - self.off >= OFF_MS)
        if new:
            self.since, self.on, self.whole, self.known, self.asked = t, True, True, True, False
        self.off = None

    def answered(self, t: int) -> None:
        """Somebody pressed a key when it was asked about: it is asked about again after as long."""
        if self.asked:
            self.since, self.asked = t, False

    def is_off(self, t: int) -> bool:
        """Whether it has been off for so long that the use is over."""
        return self.off is not None and t - self.off >= OFF_MS


def a_stove_is_asked_about_when_it_was_on_too_long(history: History) -> list[Violation]:
    """Asked when it has drawn power for the limit, not before, not after it went off; again only after an answer."""
    use, found = _Use(), []
    for item, alarms in walk(history):
        if isinstance(item, Woke):
            use.whole = use.known = False
            continue
        if not isinstance(item, Decided):
            continue
        t, observation = item.observation.t, item.observation
        watched = observation.kind not in (Kind.RECORDER, Kind.CONFIG, Kind.RESTART)
        for event in item.events:
            if alarms[event.alarm].code != CODE:
                continue
            wrong = _wrong(use, event.what, event.state and event.state.value, event.reason, event.t)
            use.asked = use.asked or event.what == "opened"
            if wrong and use.known:
                found.append(Violation("stove", f"alarm {event.alarm}: {wrong}", item.true_ms))
        if use.on and use.off is None and use.whole and not use.asked and t - use.since > LIMIT_MS + SLACK_MS:
            found.append(Violation("stove", f"on for {(t - use.since) // MINUTE} min and not asked", item.true_ms))
            use.asked = True
        if not watched:
            use.whole = use.known = False
        if observation.kind is Kind.POWER and observation.device == STOVE.id:
            use.read(observation.value, t)
        if observation.kind in (Kind.BUTTON, Kind.OK, Kind.CANCEL):
            use.answered(t)
    return found


def _wrong(use: _Use, what: str, state: str | None, reason: str, t: int) -> str:
    """What is wrong with an event about the stove, or nothing."""
    if what == "opened":
        if not use.on or use.is_off(t):
            return "asked about a stove that is off"
        if t - use.since < LIMIT_MS:
            return f"asked after {(t - use.since) // MINUTE} min"
        return "asked twice without an answer" if use.asked else ""
    if state == "RAISED" and reason == "no_answer" and use.off is not None and t - use.off > OFF_MS + SLACK_MS:
        return "raised though it went off long before"
    if state == "RECOVERED" and reason == "switched_off" and not use.is_off(t):
        return "taken back though it is on"
    return ""
