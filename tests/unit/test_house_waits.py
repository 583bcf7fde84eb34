"""The demo's house waits for things to happen, and lets itself be called off while it does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.demo.house import VirtualHouse


@pytest.mark.parametrize("turns", range(5))
async def test_a_wait_called_off_in_the_moment_something_happens_ends(tmp_path: Path, turns: int) -> None:
    """`asyncio.wait_for` of Python 3.11 swallows a cancel that comes together with what it waits for."""
    house = VirtualHouse(tmp_path)
    waiting = asyncio.create_task(house.until(lambda: False, 60, "what never comes"))
    await asyncio.sleep(0.05)
    house.note("demo", "something happens")
    for _ in range(turns):  # of the loop
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting}, timeout=5)
    assert waiting.cancelled()


async def test_a_wait_that_is_in_vain_names_what_it_waited_for(tmp_path: Path) -> None:
    house = VirtualHouse(tmp_path)
    with pytest.raises(TimeoutError, match=r"not within 0\.1 s: a miracle"):
        await house.until(lambda: False, 0.1, "a miracle")


async def test_a_wait_ends_with_what_it_waited_for(tmp_path: Path) -> None:
    house = VirtualHouse(tmp_path)
    waiting = asyncio.create_task(house.expect("sms", "→", "按了", within_s=60))
    await asyncio.sleep(0.01)
    house.note("sms", "→ 王小明: 王阿婆按了紧急按钮")
    assert (await waiting).where == "sms"
