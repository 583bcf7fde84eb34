"""Controller time, wall time and its trust, and wall time as text: the only room that reads a clock."""

from gateway.clock.civil import EPOCH, SHANGHAI, iso, parse_iso, zone
from gateway.clock.host import Sources, host_sources
from gateway.clock.keeper import (
    DAY_MS,
    FRESH_MS,
    HOLDOVER_MS,
    LARGE_STEP_MS,
    MAX_GAP_MS,
    MINUTE_MS,
    STEP_MS,
    Clock,
    ClockChange,
    Gap,
    GapKind,
    Mark,
    Trust,
)
from gateway.clock.leap import LeapSources

__all__ = [
    "DAY_MS", "EPOCH", "FRESH_MS", "HOLDOVER_MS", "LARGE_STEP_MS", "MAX_GAP_MS", "MINUTE_MS", "SHANGHAI", "STEP_MS",
    "Clock", "ClockChange", "Gap", "GapKind", "LeapSources", "Mark", "Sources", "Trust", "host_sources", "iso",
    "parse_iso", "zone",
]  # fmt: skip
