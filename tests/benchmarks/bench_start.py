"""Cold start: from `hearthwatch run` to the first alarm on the platform's broker, with presses going on all the while.

The broker in the home keeps what is pressed for our session, so nothing may be lost while we start. Files are in the
page cache, byte code is compiled; the first start of a fresh installation is slower (not measured).
"""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence

from figures import Figure, hand_over, percentile
from machine import ticks_s
from spine import folder
from wires import Wires

STARTS = 9
BEFORE = 20  # pressed while nobody runs
RATE = 40.0  # presses a second while it starts, as in research/peers.md


def starts(wires: Wires, which: str) -> tuple[list[float], list[float], int, int]:
    """(seconds to the first alarm, CPU s until then, pressed, lost) over all starts but the first, which subscribes."""
    took: list[float] = []
    cpu: list[float] = []
    numbers = iter(range(1, 10**9))
    child = getattr(wires, which)()
    wires.first(numbers)
    wires.stop(child)
    pressed: set[int] = set()
    for _ in range(STARTS):
        batch = [next(numbers) for _ in range(BEFORE)]
        for number in batch:
            wires.press(number)
        time.sleep(0.3)
        began = time.monotonic()
        child = getattr(wires, which)()
        while not any(n in wires.heard for n in batch):
            assert time.monotonic() - began < 30, "it never came up"
            time.sleep(1 / RATE)
            batch.append(next(numbers))
            wires.press(batch[-1])
        cpu.append(ticks_s(child.pid))
        wires.wait(*batch)
        took.append(min(wires.heard[n] for n in batch) - began)
        pressed.update(batch)
        wires.stop(child)
    return took, cpu, len(pressed), sum(n not in wires.heard for n in pressed)


def killed(wires: Wires) -> int:
    """kill -9 in the middle of a flow and a start after it: how many presses were lost."""
    numbers = iter(range(10**6, 10**9))
    child = wires.gateway()
    batch = []
    for i in range(200):
        batch.append(next(numbers))
        wires.press(batch[-1])
        time.sleep(1 / RATE)
        if i == 100:
            child.send_signal(signal.SIGKILL)
            child.wait()
            child = wires.gateway()
    wires.wait(*batch)
    wires.stop(child)
    return sum(n not in wires.heard for n in batch)


def run() -> Sequence[Figure]:
    """Ours beside the yardstick's."""
    with folder() as place, Wires(place).up() as wires:
        yard, yard_cpu, _, _ = starts(wires, "yardstick")
    with folder() as place, Wires(place).up() as wires:
        ours, cpu, pressed, lost = starts(wires, "gateway")
        in_flow = killed(wires)
    half = 0.5
    return [
        Figure("cold start to the first alarm, median", percentile(ours, half), "s", 1.0,
               yardstick=percentile(yard, half), note=f"worst of {STARTS}: {max(ours):.2f} s"),
        Figure("CPU until then", percentile(cpu, half), "s", yardstick=percentile(yard_cpu, half)),
        Figure("presses lost while starting", lost, "", 0, note=f"of {pressed}, persistent session"),
        Figure("presses lost over a kill -9 in the flow", in_flow, "", 0, note="of 200"),
    ]  # fmt: skip


if __name__ == "__main__":
    hand_over(run)
