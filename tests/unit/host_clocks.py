"""A machine whose clocks the test turns."""

from gateway.clock import MINUTE_MS, Clock, Sources

SPRING = 1_772_324_130_000  # 2026-03-01T08:15:30+08:00
HOUR_MS = 60 * MINUTE_MS


class Host:
    """A machine whose clocks the test turns."""

    def __init__(self, wall_ms: int = SPRING, *, ntp: bool = True, boot: str = "boot-1") -> None:
        self.boottime, self.wall, self.ntp, self.boot = 1_000, wall_ms, ntp, boot
        self.chip_offset: int | None = None  # the RTC's error; None: no chip
        self.chip_reads = 0

    def sources(self) -> Sources:
        return Sources(
            boottime_ms=lambda: self.boottime,
            wall_ms=lambda: self.wall,
            boot_id=lambda: self.boot,
            synchronised=lambda: self.ntp,
            rtc_ms=self.rtc,
        )

    def rtc(self) -> int | None:
        self.chip_reads += 1
        return None if self.chip_offset is None else self.wall + self.chip_offset

    def passes(self, ms: int) -> None:
        self.boottime += ms
        self.wall += ms

    def steps(self, ms: int) -> None:
        self.wall += ms

    def reboots(self, *, off_ms: int, wall_ms: int | None = None, ntp: bool = True) -> None:
        self.boot += "+"
        self.boottime = 5_000
        self.wall = self.wall + off_ms if wall_ms is None else wall_ms
        self.ntp = ntp


def start(host: Host) -> Clock:
    return Clock.resume(None, host.sources())[0]
