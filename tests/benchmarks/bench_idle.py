"""Nothing happens: CPU and wake-ups of the whole gateway over a minute, with all that can be plugged in and without.

Everything: Bluetooth on a private D-Bus, a modem and a meter on ptys, the platform over TLS; the meter is read once a
minute, the modem is asked every 2.7 s whether it lives (a mute one must be noticed in 5 s). Little: two brokers only.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence

from figures import Figure, hand_over
from machine import Usage, rss_mib, usage
from spine import folder
from wires import Wires

from gateway.demo.house import VirtualHouse

SECONDS = float(os.environ.get("BENCH_IDLE_S", "90"))
SETTLE_S = 20.0  # connected, first heartbeat sent, first marks written


async def everything() -> tuple[Usage, float]:
    """(a quiet minute and a half of a whole home, RSS after an alarm that went all the ways)."""
    with folder() as place:
        house = VirtualHouse(place / "house", pre_alarm_s=0)
        await house.start()
        try:
            await house.kill_gateway()
            config = house.config_file.read_text(encoding="utf-8")
            house.config_file.write_text(config.replace("interval_s = 5\n", "interval_s = 60\n"), encoding="utf-8")
            await house.start_gateway()
            house.press()
            await house.expect("sms", "→", within_s=30)
            raised = await house.expect("platform", "RAISED", within_s=30)
            house.accept_at_platform(raised.data["alarm"], "CLOSED", "HELPED")
            await house.expect("platform", "CLOSED", within_s=30)
            await asyncio.sleep(SETTLE_S)
            assert house._child is not None
            before = usage(house._child.pid)
            await asyncio.sleep(SECONDS)
            return usage(house._child.pid) - before, rss_mib(house._child.pid)
        finally:
            await house.stop()


def little(which: str) -> Usage:
    """The same with two brokers and no hardware; our gateway or the yardstick."""
    with folder() as place, Wires(place).up() as wires:
        child = getattr(wires, which)()
        wires.first(iter(range(1, 10**9)))
        time.sleep(SETTLE_S)
        before = usage(child.pid)
        time.sleep(SECONDS)
        found = usage(child.pid) - before
        wires.stop(child)
    return found


def run() -> Sequence[Figure]:
    """Per cent of one core, and wake-ups a minute."""
    yard, small = little("yardstick"), little("gateway")
    whole, rss = asyncio.run(everything())

    def share(used: Usage) -> float:
        return 100 * used.cpu_s / used.at

    def wakes(used: Usage) -> str:
        return f"{used.wakeups * 60 / used.at:.0f} wake-ups a minute, {used.write_bytes >> 10} KiB written"

    return [
        Figure("idle CPU, two brokers", share(small), "%", 0.05, yardstick=share(yard), note=wakes(small)),
        Figure("idle CPU, everything plugged in", share(whole), "%", 0.05, note=wakes(whole)),
        Figure("RSS, everything plugged in, after an alarm", rss, "MiB", 50),
    ]


if __name__ == "__main__":
    hand_over(run)
