"""The meter driver against an independent DL/T 645 implementation, on a real pty."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from meter_line import ALL_THREE, FLAT, PATIENCE_S, Listener, driver_on, running

from gateway.drivers.meters.dlt645 import WILDCARD
from gateway.drivers.meters.electricity import Meter
from gateway.observations import Kind

PEER = """
import sys
from loguru import logger; logger.remove()
from dlt645 import MeterServerService
server = MeterServerService.new_rtu_server(sys.argv[1], 8, 1, 2400, "N", 0.5)
assert server.set_address("129078563412")  # it wants wire order: this is meter 123456789012
assert server.set_00(0x00010000, 1234.56)
assert server.set_02(0x02010100, 220.4)
assert server.set_02(0x02030000, 0.1302)
assert server.server.start()
print("ready", flush=True)
sys.stdin.read()
server.server.stop()
"""


@pytest.fixture
def independent_meter(tmp_path: Path) -> Iterator[Path]:
    """The PyPI `dlt645` server in a process of its own, at one end of a socat pty pair; yields the other end."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    cable = subprocess.Popen(
        ["socat", "-d", "-d", f"pty,raw,echo=0,link={theirs}", f"pty,raw,echo=0,link={ours}"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert cable.stderr is not None
    for text in cable.stderr:
        if "starting data transfer loop" in text:
            break
    peer = subprocess.Popen(
        [sys.executable, "-c", PEER, str(theirs)],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert peer.stdout is not None
    assert peer.stdout.readline() == "ready\n"
    yield ours
    peer.communicate(timeout=PATIENCE_S)
    cable.terminate()
    cable.communicate(timeout=PATIENCE_S)


@pytest.fixture
async def listener() -> Listener:
    return Listener()


async def test_an_independent_meter_is_read(independent_meter: Path, listener: Listener) -> None:
    async with running(driver_on(independent_meter), listener):
        await listener.until(lambda: len(listener.reports) >= 6)
    assert listener.reports[:3] == ALL_THREE
    assert listener.reports[3:6] == ALL_THREE
    assert listener.beats >= 6
    assert not listener.counts


async def test_an_independent_meter_found_by_wildcard(independent_meter: Path, listener: Listener) -> None:
    async with running(driver_on(independent_meter, Meter("meter", WILDCARD)), listener):
        await listener.until(lambda: len(listener.reports) >= 3)
    assert listener.reports[:3] == ALL_THREE


async def test_what_an_independent_meter_answers_to_a_strangers_question_makes_no_reading(
    independent_meter: Path, listener: Listener
) -> None:
    driver = driver_on(independent_meter, Meter("meter", FLAT), reply_timeout_s=0.5)
    async with running(driver, listener):
        await listener.until(lambda: bool(listener.counts))
    assert [r for r in listener.reports if r.kind is not Kind.SEEN] == []
