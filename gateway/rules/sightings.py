"""How often a device speaks by itself, learned from sixteen sightings (after habluetooth's advertisement tracker).

Only what a device says on its own schedule counts: a beacon, a battery or climate report, an answered poll. Motion and
doors speak when people act, and their pace is no device's; nor is that of the battery report which a key sends with
each press, before it or after it in the same packet: a sighting is taken back when something happens right after it.
A state said again is nothing that happens, for many devices repeat theirs with each report. A device whose gaps are
not alike has no interval; after a week of them it is known how long it has been silent at the most.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from gateway.observations import Kind

ROUTINE: Final = frozenset({Kind.SEEN, Kind.BATTERY, Kind.VOLTAGE, Kind.TEMPERATURE, Kind.HUMIDITY})
SIGHTINGS: Final = 16
MOMENTS: Final = frozenset(
    {Kind.BUTTON, Kind.MOTION, Kind.FLUSH, Kind.BLOOD_PRESSURE, Kind.CANCEL, Kind.OK}
)  # said again they have happened again
HAPPENINGS: Final = MOMENTS | {
    Kind.CONTACT, Kind.OCCUPANCY, Kind.PRESSURE, Kind.BED, Kind.APPLIANCE, Kind.LIGHT, Kind.SMOKE, Kind.GAS, Kind.CO,
    Kind.FLOOD, Kind.HEAT, Kind.TAMPER, Kind.TEST, Kind.WORN,
}  # fmt: skip
"""What a device says because somebody did something, or something burns."""
REGULAR: Final = 3
"""The longest of the gaps is at most so many times the middle one: else it speaks on change, not by the clock."""
STEADY: Final = 0.5
"""An interval is corrected at once if it grew, and only if it halved if it shrank."""
BURST_MS: Final = 900
"""Signs closer than this are one packet with several readings, or its repeats, and tell of the same happening."""
WEEK_MS: Final = 7 * 86_400_000
"""So long a device that speaks at no regular pace is watched before anything is made of it, and no longer is it waited
for: one that is silent for more than a third of it at a time is not held to anything."""
STRETCH_MS: Final = 28 * 86_400_000  # its longest silence is that of this stretch and of the one before


@dataclass(slots=True)
class Sightings:
    """The last sixteen gaps of one device, and the longest of late."""

    last: int | None = None
    gaps: list[int] = field(default_factory=list)
    interval: int | None = None  # ms, the longest gap of a regular device; None while it is not known
    longest: int | None = None  # ms, the same of one that is not regular
    _since: int | None = None  # the first sign
    _stretch: int = 0  # this stretch began then
    _of_stretch: int = 0  # its longest gap
    _of_last: int = 0  # and that of the stretch before
    _happened: int | None = None  # when somebody last made it speak
    _states: dict[str, Any] = field(default_factory=dict)  # what it last said of each
    _before: list[Any] | None = None  # all of this before the last sighting, to take it back

    def seen(self, t: int, *, lost: bool = False) -> bool:
        """A sign of life by schedule at `t`; returns whether interval or longest silence changed.

        `lost`: it was taken for lost, so that this silence may have been a flat battery and no pace of its own.
        """
        if self.last is not None and t - self.last < BURST_MS:
            return False
        if self._happened is not None and t - self._happened < BURST_MS:
            return False
        self._before = self._learned()
        if self.last is not None:
            self.gaps.append(t - self.last)
            del self.gaps[:-SIGHTINGS]
            self._longest_so_far(t, min(t - self.last, WEEK_MS // REGULAR) if lost else t - self.last)
        self.last = t
        if self._since is None:
            self._since = self._stretch = t
        before, found = (self.interval, self.longest), self._judge()
        if self.interval is None or found is None or not self.interval * STEADY <= found <= self.interval:
            self.interval = found  # so a beacon's jitter is no news
        known = self.interval is None and len(self.gaps) == SIGHTINGS and t - self._since >= WEEK_MS
        self.longest = max(self._of_stretch, self._of_last) if known else None
        return before != (self.interval, self.longest)

    def _longest_so_far(self, t: int, gap: int) -> None:
        if t - self._stretch >= STRETCH_MS:
            self._stretch, self._of_last, self._of_stretch = t, self._of_stretch, 0
        self._of_stretch = max(self._of_stretch, gap)

    def happened(self, kind: Kind, value: Any, t: int) -> bool:
        """It said so of `HAPPENINGS` at `t`; returns whether interval or longest silence changed (what was seen just
        before belongs to it, and is no sighting).
        """
        moment = kind in MOMENTS
        state = value is not False if moment else value  # so nobody's blood pressure is kept here
        if self._states.get(kind.value) == state and not (moment and state):
            return False
        self._states[kind.value] = state
        self._happened = t
        if self._before is None or self.last is None or t - self.last >= BURST_MS:
            return False
        before = (self.interval, self.longest)
        self._take_up(self._before)
        self._before = None
        return before != (self.interval, self.longest)

    def pause(self) -> None:
        """Nobody could hear it for a while: the next gap says nothing of the device."""
        self.last = self._before = None

    def _judge(self) -> int | None:
        if len(self.gaps) < SIGHTINGS:
            return None
        ordered = sorted(self.gaps)
        longest, middle = ordered[-1], ordered[len(ordered) // 2]
        return longest if longest <= REGULAR * middle else None

    def _learned(self) -> list[Any]:
        return [
            self.last, list(self.gaps), self.interval,
            self.longest, self._since, self._stretch, self._of_stretch, self._of_last,
        ]  # fmt: skip

    def _take_up(self, learned: list[Any]) -> None:
        (
            self.last, self.gaps, self.interval,
            self.longest, self._since, self._stretch, self._of_stretch, self._of_last,
        ) = learned  # fmt: skip

    def to_json(self) -> list[Any]:
        """For a snapshot."""
        before = None if self._before is None else [*self._before]
        return [*self._learned(), self._happened, dict(self._states), before]

    @classmethod
    def from_json(cls, row: list[Any]) -> Sightings:
        """The inverse of `to_json`. What 0.1 wrote ends after the interval, or after the stretches."""
        *learned, happened, states, before = [*row, *_NEVER[len(row) :]]
        sightings = cls()
        sightings._take_up(_checked(learned))
        sightings._happened = None if happened is None else int(happened)
        sightings._states = dict(states)
        sightings._before = None if before is None else _checked(before)
        return sightings


_NEVER: Final[tuple[Any, ...]] = (None, (), None, None, None, 0, 0, 0, None, {}, None)


def _checked(learned: list[Any]) -> list[Any]:
    last, gaps, interval, longest, since, *stretch = learned
    known = [None if ms is None else int(ms) for ms in (last, interval, longest, since)]
    return [known[0], [int(gap) for gap in gaps][-SIGHTINGS:], *known[1:], *(int(ms) for ms in stretch)]
