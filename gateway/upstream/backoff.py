"""When to try the next connection: policy only. Knows no socket and no clock; the jitter source is handed in.

Two curves (docs/decisions/010-a-waiting-alarm-hurries.md): calm, for a gateway that has nothing urgent to say, and
hurried while an alarm waits: an attempt at least every `HURRIED_S`, so that it is on the wire 1 s after a path returns.
Hurry ebbs with the time it was in vain, and at once towards a broker that answers and turns us away.
"""

from __future__ import annotations

import random
from typing import Final

FIRST_S: Final = 2.0  # the first pause is somewhere in 0..2 s: 10,000 gateways return spread out (research 3.1)
CAP_S: Final = 300.0  # research 3.1: full jitter up to 5 min
FLOOR_S: Final = 0.1  # jitter may draw 0; a refusing broker must not be asked in a spin

HURRIED_S: Final = 0.7  # the longest pause while an alarm waits; the rest of the second is for TLS, CONNECT, PUBLISH
HURRIED_FLOOR_S: Final = 0.2  # mean 0.45 s: some two attempts a second, a SYN each
ALARM_CAP_S: Final = 30.0  # T-09's repeat: a waiting alarm is never longer without a try
EBB: Final = 3600.0  # after an hour in vain the pauses grow: a waiting time of w seconds allows one of w/3600
FRESH_S: Final = 60.0  # a new alarm in a long outage hurries this long, whatever was in vain before it
STABLE_S: Final = 30.0  # a connection that lived this long was good; a shorter one counts as a failure


class Backoff:
    """Full-jitter exponential backoff. Failures without a good connection between them lengthen it."""

    def __init__(self, rng: random.Random | None = None, scale: float = 1.0) -> None:
        self._rng = rng or random.Random()
        self._scale = scale  # tests run the same curve faster
        self.failures = 0
        self.turned_away = 0

    def failed(self, *, turned_away: bool = False) -> None:
        """One more attempt failed, or a connection died young; `turned_away`: the broker did answer."""
        self.failures += 1
        self.turned_away += turned_away

    def worked(self) -> None:
        """A connection proved good."""
        self.failures = self.turned_away = 0

    def pause_s(self, alarm_waits: bool, in_vain_s: float = 0.0) -> float:
        """Seconds to wait before the next attempt; `in_vain_s`: how long the waiting alarm was tried already."""
        if alarm_waits:
            refused = HURRIED_S * 2.0 ** min(max(0, self.turned_away - 1), 16)
            ceiling = min(ALARM_CAP_S, max(refused, in_vain_s / EBB))
            return self._rng.uniform(HURRIED_FLOOR_S, ceiling) * self._scale
        ceiling = min(CAP_S, FIRST_S * 2.0 ** min(self.failures, 16))
        return max(FLOOR_S, self._rng.uniform(0, ceiling)) * self._scale


class Hurry:
    """Whether an alarm waits, since when in vain, and whether the newest is fresh. Time comes as an argument."""

    def __init__(self) -> None:
        self.newest = 0  # the newest waiting alarm's seq; 0: none waits
        self._since = 0.0
        self._fresh_until = 0.0

    def waiting(self, newest: int, now: float) -> None:
        """The newest alarm that waits now, by its seq."""
        if newest and not self.newest:
            self._since = now
        if newest > self.newest:
            self._fresh_until = now + FRESH_S
        self.newest = newest

    def over(self) -> None:
        """A connection is up: what waits in the next outage is in vain from then on."""
        self.newest = 0

    def in_vain_s(self, now: float) -> float:
        """For `Backoff.pause_s`."""
        return 0.0 if now < self._fresh_until else now - self._since
