"""When people are left in peace: the night, a contact's hours, and the voice muted for a while (domain 4.1, 4.3).

Knows the civil hour as far as it can be believed; by a clock that nobody vouches for there is neither night nor hours,
so that a wrong clock can delay nothing. Never asked about P0 or P1.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from gateway.home.model import Contact
from gateway.parameters import Parameters

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
MINUTE_MS: Final = 60_000
NIGHT_MAX_MS: Final = 12 * HOUR_MS
"""[P]: whatever hours a home sets, what can wait for its morning waits no longer (A10)."""
SOFT: Final = frozenset({"P2", "P3", "P4"})
"""What a mute silences, and what the night defers; a test of the voice is heard."""


class Civil(Protocol):
    """The hour people live by (`gateway.rules.civil.CivilTime`)."""

    def trusted(self, t: int) -> bool:
        """Whether anybody vouches for it."""
        ...

    def ms_of_day(self, t: int) -> int:
        """Local ms since midnight."""
        ...

    def day(self, t: int) -> int:
        """The local day as a running number since 1970-01-01."""
        ...


class Quiet:
    """The night by the home's settings, contacts' hours, and the mute. `muted_until` is its only state."""

    def __init__(self, civil: Civil | None = None) -> None:
        self.civil = civil
        self.parameters = Parameters()
        self.muted_until: int | None = None

    def night(self, t: int) -> bool:
        """Whether it is surely night at `t`."""
        if self.civil is None or not self.civil.trusted(t):
            return False
        into, lasts = self._night_at(self.civil.ms_of_day(t))
        return into < lasts

    def morning(self, t: int) -> int:
        """When the night of `t` is over, by the mapping in force."""
        assert self.civil is not None
        into, lasts = self._night_at(self.civil.ms_of_day(t))
        return t + (lasts - into if into < lasts else DAY_MS - into + lasts)

    def _night_at(self, ms: int) -> tuple[int, int]:
        """How far into the night the local time `ms` since midnight is, and how long the night lasts."""
        begins, ends = (self.parameters.ms(f"night.{edge}") for edge in ("from_h", "until_h"))
        return (ms - begins) % DAY_MS, min((ends - begins) % DAY_MS, NIGHT_MAX_MS)

    def disturbs(self, contact: Contact, t: int) -> bool:
        """Whether `t` is outside the hours this contact gave."""
        return self.hours_begin(contact, t) is not None

    def hours_begin(self, contact: Contact, t: int) -> int | None:
        """When the hours of a contact begin who is to be left in peace at `t`, by the mapping in force; else None."""
        if contact.hours is None or self.civil is None or not self.civil.trusted(t):
            return None
        begins, ends = (_ms(edge) for edge in contact.hours.split("-"))
        now = self.civil.ms_of_day(t)
        return None if _within(now, begins, ends) else t + (begins - now) % DAY_MS

    def mute(self, value: Any, t: int) -> None:
        """The elder wants quiet: `{"on": true, "minutes": n}`, or a bare true or false. It always ends by itself."""
        on = value.get("on", True) is True if isinstance(value, dict) else value is True
        most = self.parameters.ms("voice.mute_max_min")
        wanted = value.get("minutes") if isinstance(value, dict) else None
        number = isinstance(wanted, (int, float)) and not isinstance(wanted, bool) and wanted >= 0
        for_ms = min(most, round(wanted * MINUTE_MS)) if number and wanted is not None else most
        self.muted_until = t + for_ms if on else None

    def muted_for_ms(self, t: int) -> int:
        """How long the mute lasts from `t` on; 0: there is none."""
        return 0 if self.muted_until is None else max(0, self.muted_until - t)

    def muted(self, severity: str, t: int) -> bool:
        """Whether what is said with this severity is not said now."""
        return self.muted_until is not None and t < self.muted_until and severity in SOFT


def _within(ms: int, begins: int, ends: int) -> bool:
    return begins <= ms < ends if begins <= ends else ms >= begins or ms < ends


def _ms(hh_mm: str) -> int:
    return int(hh_mm[:2]) * HOUR_MS + int(hh_mm[3:]) * MINUTE_MS
