"""How loud a prompt is, and how often at night: what is no life-safety message is softer and not said a fourth time.

Pure but for asking whether it is night. Knows severities; knows no prompt's words and no loudspeaker.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Final

URGENT: Final = frozenset({"P0", "P1"})
NIGHT_DB: Final = -6.0  # domain 4.5
NIGHT_REPEATS: Final = 3  # of one prompt about one alarm, P2 to P4 (domain 4.5: never more than 3 at night)
URGENT_VOLUME: Final = 30
"""[P] %: who turned the reminders off must still hear that the house is on fire."""
SILENT_DB: Final = -60.0

About = tuple[str, int | None]
"""(prompt, alarm)"""


class Loudness:
    """The volume of the house (%), by day and by night."""

    def __init__(self, volume: int, night: Callable[[], bool]) -> None:
        self._volume, self._night = volume, night
        self._tonight: Counter[About] = Counter()

    def gain_db(self, severity: str) -> float:
        """How much louder than as rendered (0 dB); `SILENT_DB` or less: not at all."""
        urgent = severity in URGENT
        volume = max(self._volume, URGENT_VOLUME) if urgent else self._volume
        day = 20 * math.log10(volume / 100) if volume > 0 else SILENT_DB
        return day + (NIGHT_DB if not urgent and self._night() else 0.0)

    def once_more(self, severity: str, about: About) -> bool:
        """Counts one saying; whether it may be said. By day, and of life-safety messages, any number."""
        if not self._night():
            self._tonight.clear()
            return True
        if severity in URGENT:
            return True
        self._tonight[about] += 1
        return self._tonight[about] <= NIGHT_REPEATS
