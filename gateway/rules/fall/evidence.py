"""What an alarm carries: every feature of the moment it was decided by, and what each gave or took."""

from __future__ import annotations

from typing import Any, Final

from gateway.rules.fall.features import NAMES
from gateway.rules.fall.model import Verdict, chance
from gateway.rules.fall.seeking import Look
from gateway.rules.fall.wearable import Wearable

_TOLD: Final = 6  # features named as reasons, the weightiest first
DROPPED: Final = {"dip_g": 0.1, "dip_s": 0.28, "sway_g": 0.004, "tail_s": 2.0}
"""Weightless, then stiller than a living body: the device fell (falls.md §5.7). 4 of 13,402 looks at acted falls."""


def evidence_of(worn: Wearable, look: Look, features: list[float], verdict: Verdict, bar: float) -> dict[str, Any]:
    """What the alarm was decided by, for people and for tuning: every feature, and what it gave or took (log-odds)."""
    gave = sorted(verdict.gave.items(), key=lambda pair: (-abs(pair[1]), pair[0]))
    return {
        "score": round(verdict.score, 3),
        "bar": round(bar, 3),
        "chance": round(chance(verdict.score), 3),
        "chance_pct": round(100 * chance(verdict.score)),
        "placement": worn.placement,
        "delay_s": round((look.t - look.moment.t) / 1000, 2),
        "heard": look.moment.heard,
        "because": [name for name, given in gave[:_TOLD] if given > 0],
        "features": {name: round(value, 3) for name, value in zip(NAMES, features, strict=True)},
        "gave": {"base": round(verdict.base, 3), **{name: round(given, 3) for name, given in gave}},
    }


def dropped(features: list[float]) -> bool:
    """Whether it was the device that fell, and nobody in it."""
    value = dict(zip(NAMES, features, strict=True))
    free = value["dip_g"] < DROPPED["dip_g"] and value["dip_s"] >= DROPPED["dip_s"]
    return free and value["sway_g"] < DROPPED["sway_g"] and value["tail_s"] >= DROPPED["tail_s"]
