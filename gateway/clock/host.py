"""The raw clocks of this machine: the only module in the project that reads one.

Knows Linux: CLOCK_BOOTTIME, the real-time chip, adjtimex(2), the boot id. What they mean is `keeper`'s business.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

STA_UNSYNC: Final = 0x0040  # linux/timex.h
RTC_FILE: Final = Path("/sys/class/rtc/rtc0/since_epoch")
BOOT_ID_FILE: Final = Path("/proc/sys/kernel/random/boot_id")
TIMESYNC_FILE: Final = Path("/run/systemd/timesync/synchronized")  # where a sandbox forbids adjtimex


@dataclass(frozen=True, slots=True)
class Sources:
    """The raw clocks. Tests and simulation drive their own; `host_sources()` are this machine's."""

    boottime_ms: Callable[[], int]
    wall_ms: Callable[[], int]
    boot_id: Callable[[], str]
    synchronised: Callable[[], bool]  # the kernel says that NTP disciplines its clock
    rtc_ms: Callable[[], int | None]  # the chip's UTC; None: no chip, or it knows that it lost its time


def host_sources() -> Sources:
    """The clocks of this machine."""
    return Sources(
        boottime_ms=lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000,
        wall_ms=lambda: time.time_ns() // 1_000_000,
        boot_id=_boot_id,
        synchronised=_kernel_synchronised,
        rtc_ms=_rtc_ms,
    )


@lru_cache(maxsize=1)
def _boot_id() -> str:
    try:
        return BOOT_ID_FILE.read_text(encoding="ascii").strip()
    except OSError:
        return f"unknown-{time.time_ns()}"  # equal to no other: every start counts as another boot


def _rtc_ms() -> int | None:
    """The chip's time. The kernel refuses the read (EINVAL) if the chip's oscillator has stopped since it was set."""
    try:
        return int(RTC_FILE.read_text(encoding="ascii")) * 1000
    except (OSError, ValueError):
        return None


def _kernel_synchronised() -> bool:
    """Whether an NTP daemon disciplines the kernel's clock, by adjtimex(2) without `modes`: a read, no privilege."""
    status = _adjtimex()()
    return TIMESYNC_FILE.exists() if status is None else not status & STA_UNSYNC


@lru_cache(maxsize=1)
def _adjtimex() -> Callable[[], int | None]:
    import ctypes  # 10 ms; only the live clock needs it

    class Timex(ctypes.Structure):
        _fields_ = (
            ("modes", ctypes.c_uint),
            ("numbers", ctypes.c_long * 4),  # offset, freq, maxerror, esterror
            ("status", ctypes.c_int),
            ("rest", ctypes.c_byte * 256),  # more than any ABI's remainder
        )

    try:
        call = ctypes.CDLL(None, use_errno=True).adjtimex
    except (AttributeError, OSError):
        return lambda: None

    def status() -> int | None:
        timex = Timex()
        return int(timex.status) if call(ctypes.byref(timex)) >= 0 else None

    return status
