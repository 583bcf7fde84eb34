"""Press on the local broker to alarm on the platform's, gateway and yardstick between the same real brokers.

Latency one at a time, then CPU, memory and bytes written for 1,000 presses at 50 a second. State on this disk.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from figures import Figure, hand_over, percentile
from machine import Usage, rss_mib, usage
from spine import folder
from wires import Wires

WARM_UP = 50
SINGLE = int(os.environ.get("BENCH_PRESSES", "1000"))
FLOW = 1_000
FLOW_RATE = 50.0
PAUSE_S = 0.01  # between single presses: the desk's closing of the last one shall be over


class Measured:
    """What one contestant did."""

    single_ms: list[float]
    flow_ms: list[float]
    used: Usage
    start_mib: float
    end_mib: float


def contest(place: Path, which: str, *, closes: bool = False) -> Measured:
    """Runs one of the two through both parts. `closes`: the platform's desk ends each alarm, two messages more."""
    found = Measured()
    with Wires(place, closes=closes).up() as wires:
        child = getattr(wires, which)()
        numbers = iter(range(1, 10**9))
        wires.first(numbers)
        found.start_mib = rss_mib(child.pid)
        found.single_ms = _one_by_one(wires, numbers)
        time.sleep(2.0)
        before = usage(child.pid)
        found.flow_ms = _flow(wires, numbers)
        time.sleep(2.0)  # acknowledgements and the desk's closing are part of it
        found.used = usage(child.pid) - before
        found.end_mib = rss_mib(child.pid)
        wires.stop(child)
    return found


def _one_by_one(wires: Wires, numbers: Iterator[int]) -> list[float]:
    found: list[float] = []
    for i, number in zip(range(WARM_UP + SINGLE), numbers, strict=False):
        pressed = wires.press(number)
        wires.wait(number)
        if i >= WARM_UP:
            found.append((wires.heard[number] - pressed) * 1e3)
        time.sleep(PAUSE_S)
    return found


def _flow(wires: Wires, numbers: Iterator[int]) -> list[float]:
    began, pressed = time.monotonic(), {}
    for i, number in zip(range(FLOW), numbers, strict=False):
        time.sleep(max(0.0, began + i / FLOW_RATE - time.monotonic()))
        pressed[number] = wires.press(number)
    wires.wait(*pressed)
    return [(wires.heard[number] - at) * 1e3 for number, at in pressed.items()]


def run() -> Sequence[Figure]:
    """Ours beside the yardstick's; then ours with the whole life of each alarm."""
    found: list[Measured] = []
    for which, closes in (("yardstick", False), ("gateway", False), ("gateway", True)):
        with folder() as place:
            found.append(contest(place, which, closes=closes))
    yard, ours, whole = found
    rows = []
    for what, share in (("p50", 0.5), ("p99", 0.99)):
        pair = percentile(ours.single_ms, share), percentile(yard.single_ms, share)
        rows.append(_beside(f"black box, one at a time: press to alarm, {what}", "ms", *pair))
    for what, share in (("p50", 0.5), ("p99", 0.99)):
        pair = percentile(ours.flow_ms, share), percentile(yard.flow_ms, share)
        rows.append(_beside(f"black box, 50/s: press to alarm, {what}", "ms", *pair))
    kib, yard_kib = ours.used.write_bytes / 1024, yard.used.write_bytes / 1024
    return [
        *rows,
        _beside("CPU for 1,000 presses at 50/s, whole process", "s", ours.used.cpu_s, yard.used.cpu_s, 1.0),
        Figure("the same, each alarm closed by the desk as well", whole.used.cpu_s, "s"),
        _beside("wake-ups for 1,000 presses", "", ours.used.wakeups, yard.used.wakeups),
        _beside("written for them", "KiB", kib, yard_kib, 8_000),
        _beside("RSS after the first alarm", "MiB", ours.start_mib, yard.start_mib, 50),
        _beside("RSS after 2,000", "MiB", ours.end_mib, yard.end_mib, 50),
    ]


def _beside(what: str, unit: str, ours: float, yard: float, goal: float | None = None) -> Figure:
    return Figure(what, ours, unit, goal, yardstick=yard)


if __name__ == "__main__":
    hand_over(run)
