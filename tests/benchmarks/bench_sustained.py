"""How many observations a second go through heart and journal, life-safety ones (each urgent) and routine ones.

A life-safety observation here is a press that opens an alarm and asks for its actions; the platform's desk closes each
alarm and acknowledges both messages, which is not counted as observations. Everything is durable when the clock stops.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from figures import Figure, hand_over
from machine import usage
from spine import RAM, Feeder, close_alarm, folder, home_view, spine

from gateway.observations import Kind, Report

SECONDS = 5.0
OPEN_ALARMS = 20  # how many the desk leaves open
ACK_BATCH = 40  # messages the platform acknowledges with one word; under load it has 200 a transaction


async def life_safety(state: Path) -> tuple[float, float]:
    """(presses a second, CPU s a thousand)."""
    view = home_view(50, call_button__pre_alarm_s=0, call_button__join_s=0)
    async with spine(state, view) as heart:
        feeder = Feeder(heart, urgent=True)
        presses, open_alarms, unacknowledged = 0, deque[int](), list[int]()
        began, before = time.perf_counter(), usage()
        while time.perf_counter() - began < SECONDS:
            number = heart.controller.book.next_number
            submitted = await feeder.give(Report(Kind.BUTTON, "press", f"button-{presses % 50}", f"k:{presses}"))
            presses += 1
            assert heart.controller.book.next_number == number + 1, "a press without an alarm"
            unacknowledged += [s.seq for s in submitted.stored if s.seq is not None]
            open_alarms.append(number)
            if len(open_alarms) > OPEN_ALARMS:
                closed = await feeder.give(close_alarm(open_alarms.popleft()))
                unacknowledged += [s.seq for s in closed.stored if s.seq is not None]
            if len(unacknowledged) >= ACK_BATCH:
                word = {"stage": "RECEIVED", "seq": unacknowledged}
                heart.take(Report(Kind.ACK, word), acked=unacknowledged)
                unacknowledged = []
        await feeder.settled()
        took, used = time.perf_counter() - began, usage() - before
        assert heart.journal.health().dropped_urgent == 0
        assert len(heart.controller.book.live()) <= OPEN_ALARMS + 1
        return presses / took, used.cpu_s * 1000 / presses


async def routine(state: Path) -> tuple[float, float]:
    """(motion reports a second, CPU s a thousand)."""
    async with spine(state, home_view(1)) as heart:
        feeder = Feeder(heart, urgent=False)
        given, began, before = 0, time.perf_counter(), usage()
        while time.perf_counter() - began < SECONDS:
            await feeder.give(Report(Kind.MOTION, True, f"pir-{given % 20}"))
            given += 1
        await feeder.settled()
        took, used = time.perf_counter() - began, usage() - before
        assert heart.journal.health().dropped_routine == 0
        return given / took, used.cpu_s * 1000 / given


def run() -> Sequence[Figure]:
    """Both streams, state on this disk and in RAM."""
    found = []
    for name, measure, goal in (("life-safety", life_safety, 2400.0), ("routine", routine, 10_000.0)):
        for place, where in (("disk", None), ("RAM", RAM)):
            with folder(where) as state:
                rate, cpu_s = asyncio.run(measure(state))
            note = f"CPU {cpu_s * 1e3:.0f} us each, all threads"
            found.append(Figure(f"{name} observations a second, state on {place}", rate, "/s", goal, True, note=note))
    return found


if __name__ == "__main__":
    hand_over(run)
