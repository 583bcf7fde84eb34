"""After a fall was found: does the wearer get up, move, or lie still? Follows one open fall while the home asks.

Standing up or walking takes the alarm back. Moving on the floor does not: whoever moves and cannot get up needs help;
it only means that the fall is not an immobile one. What was not heard proves neither.
"""

from __future__ import annotations

import math
from typing import Any, Final

from gateway.rules.fall.features import angle
from gateway.rules.fall.stream import Stream

WINDOW_MS: Final = 1_000
UPRIGHT_DEG: Final = 35.0
"""As far from how gravity lay before the fall as a standing wearer sways and a belt slips."""
TURNED_DEG: Final = 50.0
"""A fall that turned the wearer less cannot be undone by turning back: only walking shows that they are up."""
MOVED_G: Final = 0.08  # spread within a second; breathing gives 0.01 to 0.02 on a belt
STANDS: Final = 4  # windows in a row, s
WALKS: Final = 6  # windows in a row, s: more than a turn on the floor
WALK_G: Final = 0.06  # mean distance from 1 g: a slow walk's 0.08
LIMP_G: Final = 0.60  # above: thrown about, not walking
HEARD: Final = 0.6  # share of the time that must have been heard to call somebody motionless

Vector = tuple[float, float, float]


class Watch:
    """One open fall of one wearable. Sample times in controller ms."""

    __slots__ = ("at", "before", "heard", "knocking", "moved", "standing", "turn", "until")

    def __init__(self, start: float, until: int, before: Vector, turn: float) -> None:
        self.at = start  # up to where the signal was looked at
        self.until = until
        self.before = before
        self.turn = turn
        self.standing = 0
        self.knocking = 0
        self.heard = 0
        self.moved = False

    def follow(self, stream: Stream, until: float, *, posture: bool) -> str | None:
        """Looks at what is new up to `until`, second by second; returns why the wearer is up again, or None.

        `posture`: the sensor turns with the trunk; a wrist's direction says nothing.
        """
        while self.at + WINDOW_MS <= until:
            samples = [s for _, s in stream.between(self.at, self.at + WINDOW_MS - 1e-6)]
            self.at += WINDOW_MS
            if len(samples) < 5:
                self.standing = self.knocking = 0
                continue
            self.heard += 1
            if reason := self._second(samples, posture=posture):
                return reason
        return None

    def _second(self, samples: list[Any], *, posture: bool) -> str | None:
        n = len(samples)
        mean = (sum(s[0] for s in samples) / n, sum(s[1] for s in samples) / n, sum(s[2] for s in samples) / n)
        sway = math.sqrt(sum(math.dist(s, mean) ** 2 for s in samples) / n)
        restless = sum(abs(math.hypot(*s) - 1.0) for s in samples) / n
        self.moved = self.moved or sway > MOVED_G
        upright = angle(mean, self.before) < UPRIGHT_DEG
        turned_back = posture and self.turn >= TURNED_DEG and upright
        self.standing = self.standing + 1 if turned_back else 0
        lying = posture and self.turn >= TURNED_DEG and not upright
        self.knocking = self.knocking + 1 if WALK_G < restless < LIMP_G and not lying else 0
        if self.standing >= STANDS:
            return "got_up"
        return "walking" if self.knocking >= WALKS else None

    def immobile(self, seconds: float) -> bool:
        """Whether nothing moved in these seconds, of which enough were heard to say so."""
        return not self.moved and self.heard >= HEARD * seconds

    def to_json(self) -> list[Any]:
        """Everything, for a snapshot."""
        return [self.at, self.until, list(self.before), self.turn, self.standing, self.knocking, self.heard, self.moved]

    @classmethod
    def from_json(cls, row: list[Any]) -> Watch:
        """The inverse of `to_json`."""
        at, until, (x, y, z), turn, standing, knocking, heard, moved = row
        made = cls(float(at), int(until), (float(x), float(y), float(z)), float(turn))
        made.standing, made.knocking, made.heard, made.moved = int(standing), int(knocking), int(heard), bool(moved)
        return made
