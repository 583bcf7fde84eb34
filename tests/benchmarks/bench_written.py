"""What goes to the SD card: for 1,000 alarms, each flushed on its own, and for a day of a typical home.

Bytes by /proc/self/io: `write_bytes` counts whole pages (4 KiB) dirtied on a block device each time they are dirtied,
`wchar` what was handed to write calls. What the file system's own journal adds is in neither. The day runs on a clock
of its own: observations less than a second apart share a commit, as in life; old ones are forgotten as new ones come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from figures import Figure, hand_over
from machine import Usage, usage
from spine import close_alarm, folder, home_view, spine
from typical import DAY_S, DEVICES, Said, day, start_ms

from gateway.clock import Sources
from gateway.home.model import view_from_json
from gateway.journal import Limits
from gateway.observations import Kind, Report
from gateway.runtime.heart import MARK_S, Heart

ALARMS = 1_000
GROUP_S = 0.003  # stands for the second in which a group gathers; its observations are handed in at once
KEEP_DAYS = 2  # instead of 30, so that a short run forgets as much as it writes
WARM_UP_DAYS = 3


async def alarms(state: Path, *, alone: bool, closed: bool = False) -> Usage:
    """Presses one after the other, each durable before the next. `alone`: the acknowledgement is a commit of its own,
    as for an alarm that comes once a week; else it goes along with the next press. `closed`: ended by the desk, too."""
    view = home_view(50, call_button__pre_alarm_s=0, call_button__join_s=0)
    async with spine(state, view, Limits(reserve_bytes=0, group_s=GROUP_S if alone else 1.0)) as heart:
        before = usage()
        for i in range(ALARMS):
            number = heart.controller.book.next_number
            await _acknowledged(heart, Report(Kind.BUTTON, "press", f"button-{i % 50}", f"k:{i}"), alone)
            if closed:
                await _acknowledged(heart, close_alarm(number), alone)
        found = usage() - before
        assert heart.controller.book.next_number == ALARMS + 1
        return found


async def _acknowledged(heart: Heart, report: Report, alone: bool) -> None:
    submitted = heart.take(report)
    assert await submitted.committed
    await asyncio.sleep(0)  # what is carried out only now is written off with the acknowledgement
    seqs = [s.seq for s in submitted.stored if s.seq is not None]
    assert seqs
    acknowledged = heart.take(Report(Kind.ACK, {"stage": "RECEIVED", "seq": seqs}), acked=seqs)
    if alone:
        assert await acknowledged.committed


class Days:
    """Typical days given to a heart whose clock is ours."""

    def __init__(self) -> None:
        self.now_ms = 0

    def sources(self) -> Sources:
        """Clocks that stand where we put them."""
        return Sources(
            boottime_ms=lambda: self.now_ms,
            wall_ms=lambda: start_ms() + self.now_ms,
            boot_id=lambda: "bench",
            synchronised=lambda: True,
            rtc_ms=lambda: None,
        )

    async def live(self, heart: Heart, number: int) -> int:
        """One day; how many observations it had."""
        said = day(number)
        marks = [Said(MARK_S * i, "", "", None) for i in range(1, round(DAY_S / MARK_S) + 1)]
        for group in _groups(sorted([*said, *marks])):
            last = None
            for one in group:
                self.now_ms = max(self.now_ms, round((number * DAY_S + one.at_s) * 1000))
                if one.kind:
                    last = heart.take(Report(Kind(one.kind), one.value, one.device))
                else:  # what the heart's own timer does, which knows only the host's time
                    heart.check_clock()
                    heart.tick()
                    last = heart.take(Report(Kind.TICK, None, memory=heart.clock_memory()))
            assert last is not None
            assert await last.committed
        return len(said)


def _groups(said: list[Said]) -> Iterator[list[Said]]:
    began = [-10.0]

    def group(one: Said) -> float:
        if one.at_s - began[0] >= 1.0:
            began[0] = one.at_s
        return began[0]

    return (list(rows) for _, rows in groupby(said, group))


async def a_day(state: Path) -> tuple[Usage, int]:
    """A day in the steady state."""
    days = Days()
    home = {"revision": 1, "rooms": {}, "devices": DEVICES, "contacts": [], "consents": {}, "settings": {}}
    limits = Limits(reserve_bytes=0, group_s=GROUP_S, routine_keep_ms=KEEP_DAYS * DAY_S * 1000)
    async with spine(state, view_from_json(home), limits, days.sources()) as heart:
        for number in range(WARM_UP_DAYS):
            await days.live(heart, number)
        before = usage()
        count = await days.live(heart, WARM_UP_DAYS)
        return usage() - before, count


def run() -> Sequence[Figure]:
    """On this disk: a RAM disk has no blocks to count."""
    found = []
    for what, how, goal in (
        ("bytes written for 1,000 alarms in a flow", {"alone": False}, 8_000.0),
        ("the same, closed by the desk as well", {"alone": False, "closed": True}, None),
        ("the same, each alone: two more flushes", {"alone": True, "closed": True}, None),
    ):
        with folder() as state:
            used = asyncio.run(alarms(state, **how))
        kib = used.write_bytes / 1024 * 1000 / ALARMS
        found.append(Figure(what, kib, "KiB", goal, note=f"write calls {used.wchar // 1024} KiB"))
    with folder() as state:
        used, count = asyncio.run(a_day(state))
    note = f"{count} observations; write calls {used.wchar / 1e6:.1f} MB"
    return [*found, Figure("bytes written on a day of a typical home", used.write_bytes / 1e6, "MB", 30, note=note)]


if __name__ == "__main__":
    hand_over(run)
