"""A disk that takes nothing must not make a silent house: the real gateway process on a real file system gone bad."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mounts import as_root, small_tmpfs

from gateway.demo.house import VirtualHouse

DISK_BYTES = 40 << 20


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[VirtualHouse]:
    """A house whose state lies on a small file system of its own."""
    made = VirtualHouse(tmp_path, pre_alarm_s=1)
    made.state.mkdir()
    with small_tmpfs(made.state, DISK_BYTES):
        try:
            await made.start()
            yield made
        finally:
            await made.stop()


async def alarm_goes_out(house: VirtualHouse, button: str = "bedroom-button") -> None:
    since = house.mark()
    house.press(button)
    await house.expect("sms", "→", "按了紧急按钮", since=since)
    await house.expect("platform", "RAISED", since=since)


async def test_after_a_restart_on_a_read_only_disk_a_press_is_still_an_alarm(house: VirtualHouse) -> None:
    await alarm_goes_out(house)
    await house.kill_gateway()
    assert as_root("mount", "-o", "remount,ro", house.state).returncode == 0
    await house.start_gateway(answers=False)
    await alarm_goes_out(house, "bathroom-cord")
    log = (house.folder / "gateway.log").read_text()
    assert "kept in memory" in log
    assert [x.data for x in house.timeline if x.data.get("code") == "STORAGE_FAULT"]
    raised = [x.data["alarm"] for x in house.timeline if x.data.get("state") == "RAISED" and "alarm" in x.data]
    assert len(set(map(str, raised))) == 2  # numbers go on where the old journal ended


async def test_with_no_byte_left_a_press_is_still_an_alarm_also_after_a_restart(house: VirtualHouse) -> None:
    filler = house.state / "filler"
    with filler.open("wb") as file:
        try:
            while True:
                file.write(b"x" * 65536)
                file.flush()
        except OSError:
            pass
    await alarm_goes_out(house)
    await house.kill_gateway()
    await house.start_gateway()
    await alarm_goes_out(house, "bathroom-cord")
