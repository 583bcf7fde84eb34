"""The machine a simulated home runs on: its raw clocks, and the world's true time, which none of them need know."""

from __future__ import annotations

from typing import Final

from sim_story import DAY, START_MS, Story

from gateway.clock import Sources

BOOT_MS: Final = 3_000  # from power to the first line of ours
NTP_AFTER_MS: Final = 25_000


class Hardware:
    """The raw clocks: boot time, a wall clock that may be wrong, a chip that may be missing."""

    def __init__(self, story: Story) -> None:
        self.boots = 1
        self.boot_at = START_MS
        self.error = 0 if story.traits["rtc"] else -40 * DAY
        self.ntp = bool(story.traits["ntp"])
        self.rtc = bool(story.traits["rtc"])
        self.now = START_MS

    def sources(self) -> Sources:
        """What `Clock` reads."""
        return Sources(
            boottime_ms=lambda: self.now - self.boot_at,
            wall_ms=lambda: self.now + self.error,
            boot_id=lambda: f"boot-{self.boots}",
            synchronised=self.synchronised,
            rtc_ms=lambda: self.now if self.rtc else None,
        )

    def time_is(self, now_us: int) -> None:
        """The machine runs, and time passes."""
        self.now = now_us // 1000

    def synchronised(self) -> bool:
        return self.ntp and self.now - self.boot_at > NTP_AFTER_MS

    def cut(self, off_ms: int) -> None:
        """A new boot; a wall clock without a chip goes on where it was (fake-hwclock)."""
        self.boots += 1
        self.error = 0 if self.rtc else self.error - off_ms
