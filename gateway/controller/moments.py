"""A moment in writing: ISO UTC for the platform, the hour of the day for people in the home."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from gateway.rules.civil import SHANGHAI_MS  # texts for people in the home are always local


@lru_cache(maxsize=64)
def written(wall_ms: int, believed: bool) -> tuple[str, str | None]:
    """(ISO UTC with ms, local HH:MM); no hour that no clock vouches for, which is what `believed` says.

    One decision writes the same moment into each of its messages and texts, and an alarm when it was opened.
    """
    wall = datetime.fromtimestamp(wall_ms / 1000, UTC)
    hour, minute = divmod((wall_ms + SHANGHAI_MS) // 60_000 % (24 * 60), 60)
    local = f"{hour:02d}:{minute:02d}" if believed else None
    return wall.isoformat(timespec="milliseconds")[:-6] + "Z", local
