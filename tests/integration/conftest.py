"""The house on real wires that the tests of the whole gateway live in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.demo.house import VirtualHouse


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[VirtualHouse]:
    """A gateway of its own process with all its wires, up; it asks for one second before it sends."""
    made = VirtualHouse(tmp_path, pre_alarm_s=1)
    try:
        await made.start()
        yield made
    finally:
        await made.stop()
