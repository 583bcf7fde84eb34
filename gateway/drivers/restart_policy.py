"""When to start a driver again: full-jitter backoff and the ladder that ends in "blind".

Pure: knows how long runs lasted, not what ran, and draws no random number itself. The mechanism is in `supervisor`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

BACKOFF_BASE_S: Final = 1.0  # a driver that lost its port by a loose plug is back in about a second
BACKOFF_CAP_S: Final = 60.0  # an adapter that comes back is used within a minute, and a missing one costs no CPU
LADDER_RESTARTS: Final = 4  # failed restarts before people are told: about 8 s for missing hardware
STABLE_S: Final = 60.0  # a run that proved alive this long starts afresh; shorter would reset a crash loop


class Rung(StrEnum):
    """Where on the ladder a driver stands."""

    STARTING = "STARTING"  # neither proved alive nor failed yet
    UP = "UP"  # its latest run proved alive
    RETRYING = "RETRYING"  # failed, not often enough to tell people
    BLIND = "BLIND"  # told; still tried for ever


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one policy; the defaults are the constants above."""

    base_s: float = BACKOFF_BASE_S
    cap_s: float = BACKOFF_CAP_S
    ladder: int = LADDER_RESTARTS
    stable_s: float = STABLE_S


class RestartPolicy:
    """Counts failures; says how long to wait and on which rung the driver stands."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.rung = Rung.STARTING
        self._limits = limits or Limits()
        self.failed_runs = 0  # since the last stable run, or since it came back from BLIND
        self._backoff_steps = 0  # forgotten only by a stable run
        self._ever_alive = False

    def proved_alive(self) -> bool:
        """A beat came. True if that is news: the first one ever, or the first after BLIND."""
        news = not self._ever_alive or self.rung is Rung.BLIND
        if self.rung is Rung.BLIND:
            self.failed_runs = 0  # a flapping driver climbs the whole ladder again: no notice at each flap
        self.rung, self._ever_alive = Rung.UP, True
        return news

    def failed(self, proved_s: float, random: float) -> float:
        """A run ended that had proved alive for `proved_s` seconds. Returns the seconds to wait.

        Full jitter: `random`, in [0, 1), of a ceiling that doubles up to the cap."""
        if proved_s >= self._limits.stable_s:
            self._backoff_steps = self.failed_runs = 0
        self.failed_runs += 1
        if self.failed_runs > self._limits.ladder:
            self.rung = Rung.BLIND
        elif self.rung is not Rung.BLIND:
            self.rung = Rung.RETRYING
        ceiling_s = min(self._limits.cap_s, self._limits.base_s * 2.0 ** min(self._backoff_steps, 30))
        self._backoff_steps += 1
        return ceiling_s * random

    def give_up(self) -> None:
        """The driver cannot even be stopped: blind at once, without climbing the ladder."""
        self.rung = Rung.BLIND
