"""The stopwatch of these tests subtracts what the machine did, and nothing of what the gateway did."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from mqtt_home import until
from stopwatch import stopwatch

SPIN = "import sys\nprint('spinning', flush=True)\nwhile True: pass"


@pytest.fixture
def kept_waiting() -> Iterator[int]:
    """A process that wants a core it must share: three spinners pinned to one."""
    pin = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    spinners = [subprocess.Popen([sys.executable, "-c", pin + SPIN], stdout=subprocess.PIPE) for _ in range(3)]
    for one in spinners:
        assert one.stdout is not None
        assert one.stdout.readline() == b"spinning\n"
    yield spinners[0].pid
    for one in spinners:
        one.kill()
        one.communicate()


async def test_waiting_is_time_that_passes() -> None:
    async with stopwatch() as watch:
        await until(lambda: watch.s > 0.3)


async def test_a_loop_that_was_kept_from_running_is_forgiven() -> None:
    async with stopwatch() as watch:
        await asyncio.sleep(0.05)  # the watch looks
        time.sleep(0.5)  # noqa: ASYNC251 - as a machine that runs others does
        await asyncio.sleep(0.05)
        assert watch.s < 0.4


async def test_a_broker_kept_from_a_core_is_forgiven_and_only_if_named(kept_waiting: int) -> None:
    async with stopwatch(lambda: kept_waiting) as named, stopwatch() as unnamed:
        await until(lambda: named.s < unnamed.s - 0.3)


async def test_counting_anew_forgets_the_stalls_before() -> None:
    async with stopwatch() as watch:
        await asyncio.sleep(0.05)
        time.sleep(0.3)  # noqa: ASYNC251
        await asyncio.sleep(0.05)
        watch.start()
        assert watch.s < 0.1
        await until(lambda: watch.s > 0.3)


async def test_a_process_that_is_gone_is_no_error() -> None:
    async with stopwatch(lambda: 2**22 + 1) as watch:
        assert watch.s >= -0.1
