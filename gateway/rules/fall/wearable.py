"""One wearable: its signal, what is pending about it, and how its observations are cut into bursts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gateway.observations import Observation
from gateway.rules.fall.house import Whereabouts
from gateway.rules.fall.model import Model
from gateway.rules.fall.posture import Posture
from gateway.rules.fall.seeking import TRIGGER_G, Seeker
from gateway.rules.fall.stream import LOST_MS, Stream
from gateway.rules.fall.watch import Watch

PATIENCE: Final = 1.5
"""A burst may be so much later than the longest of late; only then is the link called lost."""


class Wearable:
    """What is known of one wearable."""

    __slots__ = ("burst_ms", "heard_t", "id", "model", "placement", "posture", "seeker", "stream", "watch", "where")

    def __init__(self, id_: str, placement: str, model: Model) -> None:
        self.id = id_
        self.placement = placement
        self.model = model
        self.stream = Stream()
        self.seeker = Seeker(TRIGGER_G[placement])
        self.posture = Posture()
        self.heard_t = 0  # when its last burst was handled
        self.burst_ms = 0.0  # the longer of its last two bursts
        self.watch: Watch | None = None
        self.where: Whereabouts | None = None

    def due(self) -> int | None:
        """When time alone decides something about it."""
        dues = []
        if self.seeker.pending:
            heard_t = max(self.heard_t, math.ceil(self.stream.last or 0))  # a fast clock is ahead of what was handled
            dues.append(heard_t + LOST_MS + round(PATIENCE * self.burst_ms))
        if self.watch is not None:
            dues.append(self.watch.until)
        return min(dues, default=None)


@dataclass(frozen=True, slots=True)
class Burst:
    """Samples at `rate_hz`, the last taken at `last_t`. `arrived`: when they were here, some time after it.

    `on_grid`: `last_t` is where the rule that heard them put it, not what they said.
    """

    last_t: float
    rate_hz: float
    samples: list[list[float]]
    arrived: float
    on_grid: bool = False


def bursts_of(observation: Observation) -> Iterable[Burst]:
    """The bursts of an observation: one, or several the journal kept as one; it knows not when each of those came."""
    value, t = observation.value, observation.t
    rate = float(value["rate_hz"])
    if "bursts" not in value:
        return (Burst(t - value.get("lag_ms", 0), rate, value["g"], t),)
    kept, placed = value["bursts"], value.get("on_grid") is True
    return [Burst(t - lag, rate, g, t if len(kept) == 1 else t - max(0, lag), placed) for lag, g in kept]


def mean_of(stream: Stream, start: float, end: float) -> tuple[float, float, float] | None:
    """The mean vector of what was heard between two times; None where nothing was."""
    samples = [s for _, s in stream.between(start, end)]
    if not samples:
        return None
    n = len(samples)
    return sum(s[0] for s in samples) / n, sum(s[1] for s in samples) / n, sum(s[2] for s in samples) / n
