"""Controller time, wall time and how far to trust it.

Knows what raw clocks mean; reads them only through the `Sources` it is given. Knows nothing of rules, alarms, journals
or loops: the journal hands it the last `Mark`, the runtime asks it for `now()` and turns a `ClockChange` into a `clock`
observation.

Three times live side by side:

- *controller time*: int milliseconds that never run backward, the only time rules know. CLOCK_BOOTTIME within a
  boot, so it counts suspend and no clock step moves it;
- *wall time*: UTC milliseconds, for people and the platform, with its `Trust` (T-34);
- the event loop's own clock (`loop.time()`, CLOCK_MONOTONIC), which stops in suspend. It serves drivers' timeouts only.
  A gateway on mains does not suspend; if it did, a timer of the loop fires late by the length of the sleep and the
  runtime then finds in `now()` how much time really passed.

Wall minus BOOTTIME is constant but for steps: NTP slews both clocks alike. So a changed difference *is* a step.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from gateway.clock.host import Sources, host_sources

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000

STEP_MS: Final = 2_000  # T-34: error of at most 2 s when synchronised; less is no step
LARGE_STEP_MS: Final = 5 * MINUTE_MS  # A18, architecture "Time": schedules are re-evaluated, fixed caps for 24 h
MAX_GAP_MS: Final = 7 * DAY_MS  # architecture "Time": a longer absence is no longer the same story
FRESH_MS: Final = DAY_MS  # a source keeps its name this long after it last spoke: 2 s at 23 ppm, NTP leaves a few
HOLDOVER_MS: Final = 7 * DAY_MS  # then it is a free-running oscillator: 60 s at 100 ppm, good enough for "at night"
RTC_AGREES_MS: Final = MINUTE_MS  # chip and kernel drift apart by seconds a day; a minute apart, one is wrong
RTC_CACHE_MS: Final = MINUTE_MS  # reading the chip is an I2C transfer
READ_SPREAD_MS: Final = 50  # two clocks read further apart than this are read again
READ_ATTEMPTS: Final = 5  # a machine that is stopped five times in a row tells a step that the next check takes back
RTC_EARLIEST_MS: Final = 1_767_225_600_000  # 2026-01-01: a chip that says less lost its battery
RTC_LATEST_MS: Final = 4_102_444_800_000  # 2100-01-01: the DS3231 counts no further


class Trust(StrEnum):
    """Where the wall time comes from (T-34); every record carries it. All but NONE count as trusted."""

    NONE = "NONE"
    RTC = "RTC"  # an oscillator that runs free since it was last set: the chip, or the kernel's clock in holdover
    PHONE = "PHONE"  # the installer's phone agreed with it
    GNSS = "GNSS"
    NTP = "NTP"

    @property
    def trusted(self) -> bool:
        """Whether civil time may be used for more than a label."""
        return self is not Trust.NONE


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment as the journal keeps it, enough to go on after a restart."""

    t: int
    wall_ms: int
    trust: Trust
    boot_id: str
    boottime_ms: int


class GapKind(StrEnum):
    """How the time between the last mark and this start is known."""

    SAME_BOOT = "SAME_BOOT"  # by BOOTTIME: exact
    TRUSTED = "TRUSTED"  # by the wall, trusted at both ends
    UNKNOWN = "UNKNOWN"  # counts as 0


@dataclass(frozen=True, slots=True)
class Gap:
    """How long nobody watched, in ms; 0 where unknown."""

    kind: GapKind
    ms: int


@dataclass(frozen=True, slots=True)
class ClockChange:
    """From now on wall time is controller time + `offset_ms`. `step_ms`: by how much the wall was moved."""

    offset_ms: int
    trust: Trust
    step_ms: int

    @property
    def large(self) -> bool:
        """More than 5 min: time-of-day rules use their fixed caps for 24 h."""
        return abs(self.step_ms) > LARGE_STEP_MS

    def to_json(self) -> dict[str, Any]:
        """The value of a `clock` observation."""
        return {"offset_ms": self.offset_ms, "trust": str(self.trust), "step_ms": self.step_ms, "large": self.large}


@dataclass(frozen=True, slots=True)
class _Reading:
    boottime_ms: int
    wall_ms: int

    @property
    def offset_ms(self) -> int:
        return self.wall_ms - self.boottime_ms


@dataclass(frozen=True, slots=True)
class _Hold:
    """Somebody who knows the time agreed with ours at `boottime_ms`, when wall - boottime was `offset_ms`."""

    source: Trust
    boottime_ms: int
    offset_ms: int


class Clock:
    """Controller time and wall time. For the event loop's thread only."""

    def __init__(self, sources: Sources, t: int = 0) -> None:
        """Begins at controller time `t`. After a restart use `resume`."""
        self._sources = sources
        self._t = t
        self._boottime_ms = sources.boottime_ms()
        self._hold: _Hold | None = None
        self._rtc_read_at: int | None = None
        self._rtc_offset_ms: int | None = None  # the chip's time minus boot time, if it makes sense
        self._accepted: ClockChange | None = None

    @classmethod
    def resume(cls, mark: Mark | None, sources: Sources | None = None) -> tuple[Clock, Gap]:
        """A clock that goes on where the journal ends, and how long nobody watched. `mark` None: the first start.

        The offset in force at the mark counts as accepted: `check_step` then reports what differs now.
        """
        sources = sources or host_sources()
        if mark is None:
            return cls(sources), Gap(GapKind.UNKNOWN, 0)
        clock = cls(sources, mark.t)
        same_boot = sources.boot_id() == mark.boot_id and clock._boottime_ms >= mark.boottime_ms
        if same_boot and mark.trust.trusted:
            source = mark.trust if mark.trust is not Trust.RTC else Trust.NONE
            clock._hold = _Hold(source, mark.boottime_ms, mark.wall_ms - mark.boottime_ms)
        clock._accepted = ClockChange(mark.wall_ms - mark.t, mark.trust, 0)
        gap = clock._gap(mark, same_boot)
        clock._t += gap.ms
        return clock, gap

    def _gap(self, mark: Mark, same_boot: bool) -> Gap:
        if same_boot:
            return Gap(GapKind.SAME_BOOT, self._boottime_ms - mark.boottime_ms)
        away_ms = self.wall_ms() - mark.wall_ms
        if mark.trust.trusted and self.trust().trusted and 0 <= away_ms <= MAX_GAP_MS:
            return Gap(GapKind.TRUSTED, away_ms)
        return Gap(GapKind.UNKNOWN, 0)

    def now(self) -> int:
        """Controller time in ms. Never less than it was, whatever the sources do."""
        return self._advance(self._sources.boottime_ms())

    def _advance(self, boottime_ms: int) -> int:
        if boottime_ms > self._boottime_ms:
            self._t += boottime_ms - self._boottime_ms
        self._boottime_ms = boottime_ms
        return self._t

    def wall_ms(self) -> int:
        """UTC in ms as the host has it this moment, right or wrong."""
        return self._sources.wall_ms()

    def wall_of(self, t: int) -> int:
        """The wall time (UTC ms) of controller time `t` by the accepted offset: what the controller believes too."""
        return t + self.accepted.offset_ms

    @property
    def accepted(self) -> ClockChange:
        """The offset and trust in force; a `restart` observation should carry it."""
        if self._accepted is not None:
            return self._accepted
        reading = self._read()
        return ClockChange(reading.wall_ms - self._advance(reading.boottime_ms), self._trust(reading), 0)

    def mark(self) -> Mark:
        """This moment, for the journal."""
        reading = self._read()
        t = self._advance(reading.boottime_ms)
        return Mark(t, reading.wall_ms, self._trust(reading), self._sources.boot_id(), reading.boottime_ms)

    def check_step(self) -> ClockChange | None:
        """Accepts and returns what changed: a step of more than 2 s or another trust; None if nothing did.

        The first call after a first start always reports, so that the controller learns the offset. Cheap: call it
        every few seconds and after waking.
        """
        reading = self._read()
        offset_ms, trust = reading.wall_ms - self._advance(reading.boottime_ms), self._trust(reading)
        last = self._accepted
        step_ms = offset_ms - last.offset_ms if last else 0
        if last and abs(step_ms) <= STEP_MS and trust is last.trust:
            return None
        self._accepted = ClockChange(offset_ms, trust, step_ms)
        return self._accepted

    def trust(self) -> Trust:
        """How far the wall time may be trusted this moment.

        NTP while the kernel says so; else whoever last agreed with the clock for 24 h (`FRESH_MS`); then RTC up to
        7 days (`HOLDOVER_MS`) or while the chip agrees; else NONE. A wall step ends every holdover.
        """
        return self._trust(self._read())

    def _read(self) -> _Reading:
        """Both clocks at one moment: were we stopped between the two reads, it would look like a step."""
        for _ in range(READ_ATTEMPTS):
            before_ms = self._sources.boottime_ms()
            wall_ms = self._sources.wall_ms()
            after_ms = self._sources.boottime_ms()
            if after_ms - before_ms <= READ_SPREAD_MS:
                break
        return _Reading(after_ms, wall_ms)

    def _trust(self, reading: _Reading) -> Trust:
        if self._sources.synchronised():
            self._hold = _Hold(Trust.NTP, reading.boottime_ms, reading.offset_ms)
            return Trust.NTP
        hold = self._hold
        if hold and abs(reading.offset_ms - hold.offset_ms) <= STEP_MS:
            age_ms = reading.boottime_ms - hold.boottime_ms
            if age_ms <= FRESH_MS and hold.source.trusted:
                return hold.source
            if age_ms <= HOLDOVER_MS:
                return Trust.RTC
        self._hold = None
        return Trust.RTC if self._rtc_agrees(reading) else Trust.NONE

    def vouch(self, source: Trust, utc_ms: int) -> bool:
        """A PHONE (the installer's) or GNSS says what time it is; returns whether the wall agrees within 2 s.

        Sets no clock: where it disagrees, the host's clock must be set first (`timedatectl set-time`).
        """
        reading = self._read()
        if source not in (Trust.PHONE, Trust.GNSS) or abs(utc_ms - reading.wall_ms) > STEP_MS:
            return False
        self._hold = _Hold(source, reading.boottime_ms, reading.offset_ms)
        return True

    def _rtc_agrees(self, reading: _Reading) -> bool:
        boottime_ms = reading.boottime_ms
        if self._rtc_read_at is None or not 0 <= boottime_ms - self._rtc_read_at < RTC_CACHE_MS:
            self._rtc_read_at = boottime_ms
            rtc_ms = self._sources.rtc_ms()
            sensible = rtc_ms is not None and RTC_EARLIEST_MS <= rtc_ms < RTC_LATEST_MS
            self._rtc_offset_ms = rtc_ms - boottime_ms if rtc_ms is not None and sensible else None
        offset_ms = self._rtc_offset_ms
        return offset_ms is not None and abs(offset_ms - reading.offset_ms) <= RTC_AGREES_MS
