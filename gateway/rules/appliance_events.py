"""Kettles and cookers in a power reading: the one use of electricity that only a person at home begins. Pure decoder.

A refrigerator, a pump or standby stays below 800 W and comes by itself; a kettle (1.5 to 2 kW), a rice cooker or an
induction plate is a step of 800 W or more that lasts for minutes. A water heater is such a step too but comes by its
thermostat, so what lasts longer than half an hour, returns as regularly as a clock, or is the fourth such step in two
hours, is not taken for a person. Measured on one home with electric heating (sceaux, 34 days): of 771 steps 149 are
left, 4.1 by day and 0.3 in a night (1 to 6 h); without the last condition 527 and 4.7 a night.
For the inactivity rule: `observe(watts, t)` for each power reading of one meter, in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gateway.rules.switched import Starts

STEP_W: Final = 800.0
"""Domain brief of issue 5: "steps of power of about 800 W and more"."""
SHORTEST_MS: Final = 60_000
LONGEST_MS: Final = 30 * 60_000  # [P] a kettle takes 3 to 8 min, a meal 20; a 50 L heater 60 and more
MAX_STEP_MS: Final = 10 * 60_000
"""Readings further apart than this show no step: what lies between was not seen."""


@dataclass(frozen=True, slots=True)
class ApplianceEvent:
    """Somebody used an appliance: it was switched on at `start` and off at `end` (ms), drawing `watts` more."""

    start: int
    end: int
    watts: float


class ApplianceEvents:
    """Watches one meter. An event is told when the appliance is switched off, for until then it may be a heater."""

    __slots__ = ("_base", "_last", "_on", "_starts", "_watts")

    def __init__(self) -> None:
        self._last: tuple[float, int] | None = None
        self._on: int | None = None  # since
        self._base = self._watts = 0.0
        self._starts = Starts()

    def observe(self, watts: float, t: int) -> ApplianceEvent | None:
        """An appliance event that ended with this reading, or None. Readings that are not newer are ignored."""
        last = self._last
        if last is not None and t <= last[1]:
            return None
        self._last = (watts, t)
        if last is None or t - last[1] > MAX_STEP_MS:
            self._on = None
            return None
        if self._on is None:
            if watts - last[0] >= STEP_W:
                self._on, self._base, self._watts = t, last[0], watts - last[0]
            return None
        if watts - self._base >= STEP_W / 2:  # still on; a second appliance on top makes it larger
            self._watts = max(self._watts, watts - self._base)
            return None
        start, self._on = self._on, None
        return self._judge(start, t)

    def _judge(self, start: int, end: int) -> ApplianceEvent | None:
        by_a_person = self._starts.began(start)
        if not by_a_person or not SHORTEST_MS <= end - start <= LONGEST_MS:
            return None
        return ApplianceEvent(start, end, round(self._watts, 1))

    def to_json(self) -> dict[str, Any]:
        """The state, for a snapshot."""
        return {
            "last": None if self._last is None else list(self._last),
            "on": self._on,
            "base": self._base,
            "watts": self._watts,
            "starts": self._starts.to_json(),
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        last = data["last"]
        self._last = None if last is None else (float(last[0]), int(last[1]))
        self._on = None if data["on"] is None else int(data["on"])
        self._base, self._watts = float(data["base"]), float(data["watts"])
        self._starts.from_json(data["starts"])
