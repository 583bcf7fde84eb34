"""Invariants about two lives: the same story with one thing changed must make no difference to what is decided."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sim_history import History, Violation
from sim_story import Story
from sim_world import World

from gateway.actions import Say, Text

_TRYING = {"V02": "trying", "V04": "trying", "V05": "trying"}

_MODEM = frozenset({"sent", "unsendable"})  # when a text left: the modem's time, not a rule's

_MOVED_MS = 50

_SELDOM_S = 3600
"""Where nobody answers each alarm is repeated for all the days that are lived, and a repetition is like the one before:
every hour of them is enough to compare."""


def no_wall_step_makes_or_ends_an_alarm(story: Story) -> list[Violation]:
    """(v) No wall-clock step creates or removes an alarm: the same life without steps has the same alarms, moved and
    repeated at the same controller time.

    Without power cuts: across a boot the wall is what the gap is measured by. And in a home where nothing goes by the
    hour of the day: night, contacts' hours, the exit and the bed at night do so on purpose, and give way after a step.
    Nobody answers: without a believed date a late text has other words, and who answers goes by what text came.
    """
    anytime = tuple(replace(c, hours=None) for c in story.home.contacts)
    hourless = {"night.from_h": 0, "night.until_h": 0, "night_exit.enabled": 0, "bed_absence.enabled": 0}
    hourless["escalation.unanswered_repeat_s"] = _SELDOM_S
    home = replace(story.home, contacts=anytime, settings={**story.home.settings, **hourless})
    story = replace(story, home=home, traits={**story.traits, "answers": 0.0, "desk": 0.0, "blurred": True})
    stepped = World(story, gentle=True).run()
    steady = World(story, gentle=True, steps=False).run()
    return _differ("v wall steps", _moments(stepped), _moments(steady), stepped)


def _moments(history: History) -> list[Any]:
    """Every step of every alarm, its repetitions too: a timer that moved shows within the hour, whatever it was for."""
    return [(e.t, e.alarm, e.what, e.reason) for d in history.decisions() for e in d.events if e.what not in _MODEM]


def without_uplink_every_local_rule_gives_the_same(story: Story) -> list[Violation]:
    """(vi) Without uplink every local rule gives the same result: alarms, texts and prompts, but for the sentence that
    nothing goes out. (The platform's people do not act here: their word is no local rule.)"""
    alone = replace(story, traits={**story.traits, "desk": 0.0, "blurred": True})
    linked, cut = World(alone, gentle=True), World(alone, gentle=True, uplink=False)
    return _differ("vi uplink", _local(linked.run()), _local(cut.run()), linked.history)


def _local(history: History) -> list[Any]:
    told: list[Any] = []
    for d in history.decisions():
        told += [(e.t, e.alarm, e.what, e.reason) for e in d.events if e.what not in _MODEM]
        for action in d.actions:
            if isinstance(action, Text):
                told.append((d.observation.t, action.alarm, action.template, action.contact))
            elif isinstance(action, Say):
                told.append((d.observation.t, action.alarm, _TRYING.get(action.prompt, action.prompt)))
    return told


def _differ(name: str, one: list[Any], other: list[Any], history: History) -> list[Violation]:
    """Equal but for a few ms: an entry more in a commit moves the modem's next text, and so its answer."""
    pairs = zip(one, other, strict=False)
    at = next((n for n, (a, b) in enumerate(pairs) if a[1:] != b[1:] or abs(a[0] - b[0]) > _MOVED_MS), None)
    if at is None and len(one) == len(other):
        return []
    at = min(len(one), len(other)) if at is None else at
    text = f"step {at}: {one[at : at + 1]} here, {other[at : at + 1]} there"
    return [Violation(name, text, history.end_true_ms)]


TWINS = (no_wall_step_makes_or_ends_an_alarm, without_uplink_every_local_rule_gives_the_same)
