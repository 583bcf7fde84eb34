"""What flowed through a meter, from readings that cannot be trusted (A27). Pure decoders, used by several rules.

A register only grows. One that is smaller was swapped, reset or rolled over; one that grew faster than any pipe or
fuse allows was misread or changed its unit. Neither is use: the reading is held back until the next one says which of
the two was right, then the meter goes on from there and says so. A reading that is not newer is late and says nothing.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from gateway.home.model import Device
from gateway.observations import Kind, Observation

HOUR_MS: Final = 3_600_000
MAX_WATER_L_H: Final = 3125.0
"""Overload flow Q4 of a DN15 household meter, Q3 = 2.5 m3/h [R-M] (GB/T 778)."""
MAX_POWER_KW: Final = 25.0
"""Single-phase household service of 100 A at 230 V, rounded up."""
SLACK_H: Final = 0.1
"""Readings are quantised and stamped late: so much more time than passed may have been used."""
DEFAULT_INTERVAL_MS: Final = 300_000
FINER: Final = 2.5
"""A register read so many intervals apart, or oftener, says as much as the intervals do, and is the better witness."""
ROUNDED_L: Final = 100.0
"""By so much a register that shows tenths of a cubic metre may differ from the intervals that it sums up."""
POWER_GAP_MS: Final = 30 * 60_000
"""Power readings further apart than this say nothing of the energy between them."""
_ENERGY: Final = Kind.ENERGY
_NEAR_END: Final = 0.99  # of the register's digits: what comes after is a roll-over


class Flow(NamedTuple):
    """`amount` (L or kWh, may be 0) flowed between `start` and `end`; None: the meter was re-based, no telling.

    A tuple, for each rule makes one of each reading.
    """

    amount: float | None
    start: int
    end: int


class Register:
    """One cumulative register, in the unit of its cap per hour. `discarded` counts readings that were not believed."""

    __slots__ = ("_at", "_cap", "_doubt", "_value", "discarded")

    def __init__(self, cap_per_h: float) -> None:
        self._cap = cap_per_h
        self._value: float | None = None
        self._at = 0
        self._doubt: tuple[float, int] | None = None
        self.discarded = 0

    def read(self, value: float, t: int) -> Flow | None:
        """What a reading at `t` tells; None for the first, a late, or a doubtful one."""
        if self._value is None:
            self._value, self._at = value, t
            return None
        if t <= self._at or (self._doubt is not None and t <= self._doubt[1]):
            self.discarded += 1
            return None
        used = self._used(self._value, self._at, value, t)
        if used is not None:
            return self._go_on(value, t, used)
        self.discarded += 1
        doubt, self._doubt = self._doubt, (value, t)
        if doubt is None or self._used(*doubt, value, t) is None:
            return None
        self._go_on(value, t, None)
        return Flow(None, doubt[1], t)  # twice the same story: this is what the meter shows now

    def _go_on(self, value: float, t: int, used: float | None) -> Flow:
        flow = Flow(used, self._at, t)
        self._value, self._at, self._doubt = value, t, None
        return flow

    def _used(self, before: float, then: int, now: float, t: int) -> float | None:
        """The use that explains both readings, or None if none does."""
        most = self._cap * ((t - then) / HOUR_MS + SLACK_H)
        delta = now - before
        if delta < 0:
            digits = next((10.0**n for n in range(4, 10) if 10.0**n > before), 0.0)
            if before < digits * _NEAR_END:
                return None
            delta += digits
        return delta if 0 <= delta <= most else None

    def to_json(self) -> list[Any]:
        """The state, for a snapshot."""
        return [self._value, self._at, None if self._doubt is None else list(self._doubt), self.discarded]

    def from_json(self, data: list[Any]) -> None:
        """The inverse of `to_json`."""
        value, at, doubt, self.discarded = data
        self._value, self._at = None if value is None else float(value), int(at)
        self._doubt = None if doubt is None else (float(doubt[0]), int(doubt[1]))


class WaterFlow:
    """Litres of one water meter: per interval, or by its register in m3; of one that tells both, by what is told at the
    finer pace. What was taken from the one is deducted from the other.

    `has_register`: it ever told one.
    """

    def __init__(self, device: Device | None) -> None:
        interval = device.interval_s if device is not None else None
        self.interval_ms = DEFAULT_INTERVAL_MS if interval is None else round(interval * 1000)
        self._register = Register(MAX_WATER_L_H / 1000)
        self.has_register = False
        self._paced: tuple[int, int] | None = None  # from register to register lately (ms), and the last
        self._ahead = 0.0  # litres told by intervals that the register has not shown yet; below 0: the reverse
        self._end: int | None = None
        self.discarded = 0

    def read(self, observation: Observation) -> Flow | None:
        """What an observation of this meter tells; None for nothing. Call it with WATER and WATER_VOLUME only."""
        if observation.late:
            self.discarded += 1
            return None
        if observation.kind is Kind.WATER_VOLUME:
            return self._read_register(float(observation.value), observation.t)
        return self._read_interval(float(observation.value), observation.t)

    def _read_register(self, value: float, t: int) -> Flow | None:
        first, self.has_register = not self.has_register, True
        flow = self._register.read(value, t)
        if flow is None:
            self._ahead = 0.0 if first else self._ahead
            return None
        summed_up = self._end is not None and self._end > flow.start and not self._register_is_finer(t)
        self._paced = (flow.end - flow.start, t)
        if flow.amount is None:
            self._ahead = 0.0
            return flow
        litres = flow.amount * 1000
        if summed_up:
            return self._beyond_the_intervals(litres, flow)
        known = max(self._ahead, 0.0)
        self._ahead = max(known - litres, 0.0)
        return Flow(max(litres - known, 0.0), flow.start, t)

    def _beyond_the_intervals(self, litres: float, flow: Flow) -> Flow | None:
        """What a register shows that intervals did not tell. Little is rounding, and waits for the next reading."""
        ahead = self._ahead - litres
        if ahead >= -ROUNDED_L:
            self._ahead = min(ahead, ROUNDED_L)
            return None
        self._ahead = 0.0
        assert self._end is not None
        return Flow(-ahead, max(flow.start, min(self._end, flow.end - self.interval_ms)), flow.end)

    def _register_is_finer(self, t: int) -> bool:
        """Whether it is read about as often as an interval ends, and was just now."""
        most = FINER * self.interval_ms
        return self._paced is not None and self._paced[0] <= most and t - self._paced[1] <= most

    def _read_interval(self, litres: float, t: int) -> Flow | None:
        if self._register_is_finer(t):
            return None  # the same water once more
        if (self._end is not None and t <= self._end) or litres > MAX_WATER_L_H * (
            self.interval_ms / HOUR_MS + SLACK_H
        ):
            self.discarded += 1
            return None
        start = t - self.interval_ms if self._end is None else max(t - self.interval_ms, self._end)
        self._end = t
        self._ahead += litres if self.has_register else 0.0
        return Flow(litres, start, t)

    def to_json(self) -> dict[str, Any]:
        """The state, for a snapshot."""
        return {
            "register": self._register.to_json(),
            "has_register": self.has_register,
            "paced": None if self._paced is None else list(self._paced),
            "ahead": self._ahead,
            "end": self._end,
            "discarded": self.discarded,
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._register.from_json(data["register"])
        self.has_register = bool(data.get("has_register", data["register"][0] is not None))
        paced = data.get("paced")  # not in snapshots of 0.1, nor what is ahead
        self._paced = None if paced is None else (int(paced[0]), int(paced[1]))
        self._ahead = float(data.get("ahead", 0.0))
        self._end = None if data["end"] is None else int(data["end"])
        self.discarded = int(data["discarded"])


class EnergyFlow:
    """kWh of one electricity meter: by its register, or, of one that tells only power, by adding that up."""

    def __init__(self) -> None:
        self._register = Register(MAX_POWER_KW)
        self._has_register = False
        self._power_at: int | None = None
        self.discarded = 0

    def read(self, observation: Observation) -> Flow | None:
        """What an observation of this meter tells; None for nothing. Call it with ENERGY and POWER only."""
        t, value = observation.t, float(observation.value)
        if observation.late:
            self.discarded += 1
            return None
        if observation.kind is _ENERGY:
            self._has_register = True
            return self._register.read(value, t)
        before = self._power_at
        if self._has_register or (before is not None and t <= before):
            return None
        if abs(value) > MAX_POWER_KW * 1000:
            self.discarded += 1
            return None
        self._power_at = t
        if before is None:
            return None
        known = t - before <= POWER_GAP_MS
        return Flow(max(value, 0.0) / 1000 * (t - before) / HOUR_MS if known else None, before, t)

    def to_json(self) -> list[Any]:
        """The state, for a snapshot."""
        return [self._register.to_json(), self._has_register, self._power_at, self.discarded]

    def from_json(self, data: list[Any]) -> None:
        """The inverse of `to_json`."""
        register, has_register, power_at, discarded = data
        self._register.from_json(register)
        self._has_register, self.discarded = bool(has_register), int(discarded)
        self._power_at = None if power_at is None else int(power_at)
