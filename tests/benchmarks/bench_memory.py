"""Memory of a gateway that hears a million observations. A process of its own, fed in the loop, sampled on the way."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from figures import Figure, hand_over
from machine import rss_mib
from spine import Feeder, folder
from wires import HOME

from gateway.config import Config
from gateway.home.registry import Registry
from gateway.observations import Kind, Report
from gateway.runtime.gateway import Gateway

OBSERVATIONS = int(os.environ.get("BENCH_OBSERVATIONS", "1000000"))
SAMPLES = 20


async def feed(state: Path) -> None:
    """The whole gateway without hardware; one press with its alarm for every 10,000 motion reports."""
    plain = Config()
    config = replace(
        plain,
        gateway=replace(plain.gateway, state_dir=str(state), log_level="error"),
        ble=replace(plain.ble, enabled=False),
        modem=replace(plain.modem, enabled=False),
        mqtt=replace(plain.mqtt, enabled=False),
        voice=replace(plain.voice, enabled=False),
        journal=replace(plain.journal, max_mib=64),  # so that it also forgets
    )
    with Registry(config.home_file) as registry:
        registry.apply([{"op": "replace", "document": HOME}])
    gateway = Gateway(config)
    await gateway.start()
    feeder = Feeder(gateway.heart, urgent=False)
    for i in range(OBSERVATIONS):
        if i % (OBSERVATIONS // SAMPLES) == 0:
            print(rss_mib(), flush=True)
        await feeder.give(Report(Kind.MOTION, i % 2 == 0, f"pir-{i % 20}"))
        if i % 10_000 == 5_000:
            number = gateway.heart.controller.book.next_number
            gateway.heart.take(Report(Kind.BUTTON, "press", f"home/button/{i // 10_000 % 500}", f"k:{i}"))
            await asyncio.sleep(0.1)
            value = {"alarm": number, "stage": "CLOSED", "by": "desk", "outcome": "HELPED"}
            gateway.heart.take(Report(Kind.ACK, value))
    await feeder.settled()
    assert gateway.journal.health().dropped_routine == 0
    print(rss_mib(), flush=True)
    await gateway.stop()


def run() -> Sequence[Figure]:
    """At the start, at the end, and how much it grew once the caches were warm."""
    with folder() as state:
        said = subprocess.run(
            [sys.executable, __file__, "--feed", str(state)], stdout=subprocess.PIPE, check=True, text=True
        ).stdout
    sizes = [float(line) for line in said.split()]
    warm = sizes[SAMPLES // 4]
    count = f"{OBSERVATIONS:,} observations"
    return [
        Figure("RSS at the start, no hardware", sizes[0], "MiB", 50),
        Figure(f"RSS after {count}", sizes[-1], "MiB", 50, note=f"most: {max(sizes):.1f}"),
        Figure("growth over the last three quarters of them", max(0.0, sizes[-1] - warm), "MiB", 1.0),
    ]


if __name__ == "__main__":
    if "--feed" in sys.argv:
        asyncio.run(feed(Path(sys.argv[-1])))
    else:
        hand_over(run)
