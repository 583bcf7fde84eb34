"""Time that leaps, for the demo. Knows the host's clocks and the last mark; the live gateway must not know this."""

from __future__ import annotations

from gateway.clock.host import Sources, host_sources
from gateway.clock.keeper import Mark


class LeapSources:
    """The host's clocks with leaps into the future, for `hearthwatch demo` only: `run` refuses them.

    Twelve hours without activity must not take twelve hours to show. Boot time and wall leap together, so this is time
    passing and not a clock step.
    """

    def __init__(self, host: Sources | None = None, leapt_ms: int = 0) -> None:
        """`leapt_ms`: leaps taken before, by an earlier process."""
        self._host = host or host_sources()
        self.leapt_ms = leapt_ms

    @classmethod
    def following(cls, mark: Mark | None, host: Sources | None = None) -> LeapSources:
        """Goes on from a journal that an earlier demo process left in this boot, its leaps included."""
        host = host or host_sources()
        if mark is None or mark.boot_id != host.boot_id():
            return cls(host)
        return cls(host, max(0, mark.boottime_ms - host.boottime_ms()))

    def leap(self, ms: int) -> None:
        """Lets `ms` pass at once; raises ValueError for a leap backward."""
        if ms < 0:
            raise ValueError("time does not run backward, not even in a demo")
        self.leapt_ms += ms

    def sources(self) -> Sources:
        """What to hand to `Clock`."""
        host = self._host
        return Sources(
            boottime_ms=lambda: host.boottime_ms() + self.leapt_ms,
            wall_ms=lambda: host.wall_ms() + self.leapt_ms,
            boot_id=host.boot_id,
            synchronised=host.synchronised,
            rtc_ms=lambda: None if (rtc := host.rtc_ms()) is None else rtc + self.leapt_ms,
        )
