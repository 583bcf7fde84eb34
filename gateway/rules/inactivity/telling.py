"""What people are told of a question: how long nobody was heard, where last, and by which line that is too long."""

from __future__ import annotations

from collections.abc import Set
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.rules.inactivity.habit import Habit
from gateway.rules.inactivity.presence import Presence
from gateway.rules.inactivity.silence import Silence

MAX_NAMED: Final = 20  # witnesses named in an alarm's evidence


def heard_last(silence: Silence, device: str | None, t: int, question_ms: int) -> dict[str, Any]:
    """The silence at `t`, when the question begins."""
    began, silent = silence.began, silence.length(t)
    return {
        "limit_h": round((silent + question_ms) / 3_600_000, 2),
        "silent_min": silent // 60_000,
        "last_sign": {"device": device, "min_ago": None if began is None else (t - began) // 60_000},
    }


def watching(witnesses: Set[str]) -> dict[str, Any]:
    """Who would have seen somebody."""
    return {"witnesses": sorted(witnesses)[:MAX_NAMED], "witnesses_n": len(witnesses)}


def doubt(presence: Presence) -> str:
    """Why only the fixed limit judges: somebody is only presumed in, a door stands open, or else a witness is lost."""
    if presence.came_back:
        return "came_back_unheard"
    return "door_open" if presence.stands_open else "sensor_lost"


def line_crossed(habit: Habit, why_fixed: str | None, t: int, began: int | None) -> dict[str, Any]:
    """The line that was reached at `t`, and what it was made of."""
    return {"line": "fixed", "why": why_fixed} if why_fixed else habit.evidence(t, began)


def hints(home: HomeView, presence: Presence) -> list[str]:
    """What the home lacks, or has, that makes this rule slower or wrong more often (docs/inactivity.md)."""
    kinds = {d.kind for d in home.devices.values()}
    found = {
        "no_exit_sensor": not presence.entrances,
        "exit_sensor_doubtful": presence.may_be_in,
        "no_motion_sensor": not kinds & {"motion", "occupancy"},
        "second_resident": len(home.residents) > 1,
    }
    return [name for name, holds in found.items() if holds]
