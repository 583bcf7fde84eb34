"""A power cut as the household lives it (T-18 to T-20): since when, what was said and told, and whether the whole area
is dark.

Counts from the moment the lamp went out. The platform's report waits for a jitter of this gateway's own besides, so
that a village does not speak in one voice (T-19); who sits in the dark need not wait for that. An area outage is the
platform's word: nobody need be told then to look at a plug. It is believed for so long at most, so that a word that is
never taken back, or was a lie, cannot silence the home for good.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.parameters import Parameters

AREA_OUTAGE: Final = "area_outage"
"""The platform's command: `{"cmd":"area_outage","on":true,"hours":6}`."""
MOST_HOURS: Final = 24.0
_HOUR_MS: Final = 3_600_000


class Outage:
    """Whether mains is gone, and what is due of it. All times in controller ms."""

    def __init__(self) -> None:
        self._parameters = Parameters()
        self.since: int | None = None
        self.back_due: int | None = None  # it is back, and has been for long enough then
        self.say_due: int | None = None
        self.said = self.told = False
        self._area_until: int | None = None

    def configure(self, parameters: Parameters) -> None:
        """The numbers in force."""
        self._parameters = parameters

    def gone(self, t: int) -> bool:
        """No mains any more; whether an outage begins with it, and not only goes on behind a flicker."""
        self.back_due = None
        if self.since is not None:
            return False
        self.since, self.say_due = t, t + self._parameters.ms("upkeep.mains_say_s")
        self.said = self.told = False
        return True

    def back(self, t: int) -> bool:
        """Mains again; whether that ends it at once, for nobody has heard a word of it yet."""
        if self.since is None:
            return False
        if self.said or self.told:
            if self.back_due is None:
                self.back_due = t + self._parameters.ms("technical.mains_back_min")
            return False
        self.end()
        return True

    def end(self) -> None:
        """It is over."""
        self.since = self.back_due = self.say_due = None
        self.said = self.told = False

    def minutes(self, t: int) -> int:
        """How long it has lasted."""
        return 0 if self.since is None else (t - self.since) // 60_000

    # ---- the area

    def area(self, value: dict[str, Any], t: int) -> bool:
        """The platform's word on the area; False for one that is no such word."""
        on, hours = value.get("on", True), value.get("hours", self._parameters["upkeep.area_h"])
        if not isinstance(on, bool) or isinstance(hours, bool) or not isinstance(hours, int | float):
            return False
        if not 0 < hours <= MOST_HOURS:
            return False
        if on:
            self._area_until = t + round(hours * _HOUR_MS)
        elif self._area_until is not None:
            self._area_until = min(self._area_until, t)
        return True

    def tell_due(self) -> int | None:
        """When contacts may be told, as things stand: after the hour, not while the area is dark, and not while it
        seems to be over. Behind an area outage they wait as long as mains must be back to be believed: not every house
        has it again in the same second."""
        if self.since is None:
            return None
        due = self.since + self._parameters.ms("upkeep.mains_min")
        if self._area_until is not None:
            due = max(due, self._area_until + self._parameters.ms("technical.mains_back_min"))
        return due if self.back_due is None else max(due, self.back_due)

    # ---- state

    def gap(self, slept: int) -> None:
        """Nobody looked for so long: what lasted unseen is not counted."""
        for name in ("since", "back_due", "say_due"):
            if (at := getattr(self, name)) is not None:
                setattr(self, name, at + slept)

    def to_json(self) -> dict[str, Any]:
        """Since when, and what was said of it."""
        return {
            "mains": self.since,
            "mains_told": self.told,
            "mains_said": self.said,
            "say": self.say_due,
            "back": self.back_due,
            "area": self._area_until,
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`; a snapshot of an older version knows of no area."""
        self.since, self.say_due, self.back_due, self._area_until = (
            None if data.get(name) is None else int(data[name]) for name in ("mains", "say", "back", "area")
        )
        self.told, self.said = data["mains_told"] is True, data["mains_said"] is True
