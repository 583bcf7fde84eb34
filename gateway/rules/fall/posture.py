"""How one wearer holds themselves, five seconds at a time: walking, upright, lying, or a device that nobody wears.

What is upright is learned from walking, so it does not matter how the sensor is mounted. Only what was heard counts: a
lost link neither lies nor gets up. A wrist's direction says nothing and is not asked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from gateway.rules.fall.features import angle
from gateway.rules.fall.stream import Stream

LOOK_MS: Final = 5_000
_THIN_HZ: Final = 12.5  # samples a second that a look needs; more are skipped
WALK_G: Final = (0.06, 0.60)  # mean distance from 1 g of a slow walk and of running
WALK_STEPS: Final = 4  # in five seconds, at least
LYING_DEG: Final = 60.0  # from upright; deep in a chair is 20 to 40
DEAD_G: Final = 0.005
"""Spread of a device on a table (noise of a cheap sensor: 0.002 to 0.004); breathing moves a belt by 0.01 and more."""
UNWORN_LOOKS: Final = 120  # ten minutes without the smallest motion: nobody wears it
WORN_LOOKS: Final = 4  # with motion again, before what it says counts: picked up, looked at, put on
UP_LOOKS: Final = 2  # upright or walking in a row: got up

Vector = tuple[float, float, float]


class Posture:
    """What is known of one wearer. `look` after every burst; times in controller ms of the signal."""

    __slots__ = ("dead", "doubt_t", "lying_ms", "next", "on", "told", "up", "upright", "walks")

    def __init__(self) -> None:
        self.next: float | None = None  # when the next five seconds are complete
        self.upright: Vector | None = None
        self.walks = 0  # looks in a row
        self.dead = 0  # looks in a row without the smallest motion
        self.on = WORN_LOOKS  # looks with motion since it lay dead; from `WORN_LOOKS` on it is worn
        self.up = 0  # upright looks in a row
        self.lying_ms = 0  # heard lying since the wearer was last up
        self.doubt_t: float | None = None  # when there was something like a fall, not clear enough to ask
        self.told = False  # this lying has been asked about

    @property
    def worn(self) -> bool:
        """Whether somebody wears it, as far as can be told."""
        return self.on >= WORN_LOOKS

    @property
    def heard(self) -> bool:
        """Whether anything is known of the wearer that a restart must not forget."""
        return self.upright is not None or self.dead > 0 or not self.worn

    def lies(self, direction: Vector | None = None) -> bool:
        """Whether `direction` of gravity is one of lying; without one, whether the wearer was last heard lying."""
        if direction is None:
            return self.lying_ms > 0
        return self.upright is not None and angle(direction, self.upright) > LYING_DEG

    def doubt(self, t: float, before: Vector | None) -> None:
        """Something like a fall: whether the wearer gets up is of interest now. `before`: gravity before it."""
        self.doubt_t = t
        if self.upright is None:
            self.upright = before

    def look(self, stream: Stream, until: float) -> Iterator[tuple[float, bool]]:
        """Looks at every five seconds that are complete: (when, whether the wearer has just got up) of each."""
        first = stream.runs[0].t0
        if self.next is None or self.next < first:
            self.next = first + LOOK_MS
        while (t := self.next) <= until:
            self.next = t + LOOK_MS
            if (seen := self._seen(stream, t)) is not None:
                yield t, self._note(*seen)

    def _seen(self, stream: Stream, end: float) -> tuple[Vector, float, float, int] | None:
        """Mean direction, spread, restlessness and steps of five seconds; None where too little was heard."""
        samples: list[Any] = []
        for run in stream.runs:
            if run.last < end - LOOK_MS or run.t0 >= end:
                continue
            every = max(1, int(1000 / run.dt / _THIN_HZ))
            offset = math.ceil((end - LOOK_MS - run.t0) / run.dt)
            stop = min(len(run.samples), math.ceil((end - run.t0) / run.dt))
            samples += run.samples[max(0, offset) : stop : every]
        n = len(samples)
        if n < LOOK_MS / 1000 * _THIN_HZ / 2:
            return None
        mean = (sum(s[0] for s in samples) / n, sum(s[1] for s in samples) / n, sum(s[2] for s in samples) / n)
        sway = math.sqrt(sum(math.dist(s, mean) ** 2 for s in samples) / n)
        sizes = [math.hypot(*s) for s in samples]
        restless = sum(abs(size - 1.0) for size in sizes) / n
        steps = sum(1 for a, b in pairwise(sizes) if a <= 1.05 < b)
        return mean, sway, restless, steps

    def _note(self, mean: Vector, sway: float, restless: float, steps: int) -> bool:
        self._note_worn(sway)
        walking = WALK_G[0] < restless < WALK_G[1] and steps >= WALK_STEPS and not self.lies(mean)
        self.walks = self.walks + 1 if walking else 0
        if self.walks >= UP_LOOKS:
            self.upright = _blend(self.upright, mean)
        if self.upright is None:
            return False
        if self.lies(mean):
            self.lying_ms, self.up = self.lying_ms + LOOK_MS, 0
            return False
        self.up += 1
        if self.up < UP_LOOKS:
            return False
        lay, self.lying_ms, self.doubt_t = self.lying_ms > 0, 0, None
        return lay

    def _note_worn(self, sway: float) -> None:
        if sway < DEAD_G:
            self.dead += 1
            if self.dead >= UNWORN_LOOKS:
                self.on = 0
        else:
            self.dead = 0
            self.on = min(WORN_LOOKS, self.on + 1)

    def to_json(self) -> list[Any]:
        """What a snapshot keeps."""
        upright = None if self.upright is None else list(self.upright)
        return [upright, self.walks, self.dead, self.on, self.up, self.lying_ms, self.doubt_t, self.told]

    @classmethod
    def from_json(cls, row: list[Any]) -> Posture:
        """The inverse of `to_json`."""
        upright, walks, dead, on, up, lying_ms, doubt_t, told = row
        made = cls()
        made.upright = None if upright is None else (float(upright[0]), float(upright[1]), float(upright[2]))
        made.walks, made.dead, made.on, made.up = int(walks), int(dead), int(on), int(up)
        made.lying_ms, made.told = int(lying_ms), bool(told)
        made.doubt_t = None if doubt_t is None else float(doubt_t)
        return made


def _blend(before: Vector | None, seen: Vector) -> Vector:
    """Upright as it was known, moved a little towards how gravity lay in this walk."""
    if before is None or angle(before, seen) > LYING_DEG:
        return seen
    x, y, z = (0.8 * b + 0.2 * s for b, s in zip(before, seen, strict=True))
    return x, y, z
