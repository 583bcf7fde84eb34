"""A real gateway on a folder like the kernel's: the lamp goes out, the battery runs low, and people can see both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.cli.checks.hardware import check_power
from gateway.cli.findings import Level
from gateway.config import parse_config
from gateway.home.registry import Registry
from gateway.runtime.gateway import Gateway

CONFIG = """
[gateway]
state_dir = "state"
[ble]
enabled = false
[modem]
enabled = false
[voice]
enabled = false
[mqtt]
enabled = false
"""
BATTERY = {"type": "Battery", "status": "Discharging", "capacity": "64", "health": "Good"}


@pytest.fixture
def supplies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "power_supply"
    (folder / "battery").mkdir(parents=True)
    (folder / "charger").mkdir()
    for name, text in BATTERY.items():
        (folder / "battery" / name).write_text(text + "\n", encoding="ascii")
    (folder / "charger" / "type").write_text("Mains\n", encoding="ascii")
    (folder / "charger" / "online").write_text("1\n", encoding="ascii")
    monkeypatch.setattr("gateway.drivers.power.driver.FOLDER", folder)
    return folder


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(1200):
        if holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("not within a minute")


async def test_a_power_cut_is_noticed_by_the_running_gateway(supplies: Path, tmp_path: Path) -> None:
    config = parse_config(CONFIG, tmp_path / "hearthwatch.toml")
    settings = {"technical.mains_fail_s": 0, "technical.mains_jitter_s": 0}
    config.state_dir.mkdir()
    with Registry(config.home_file) as registry:
        registry.apply([{"op": "set", "table": "settings", "values": settings}])
    gateway = Gateway(config)
    await gateway.start()
    try:
        await until(lambda: gateway.status()["power"] == {"pwr": "MAINS", "batt_pct": 64})
        assert not gateway.heart.controller.reported("MAINS_FAIL")
        (supplies / "charger" / "online").write_text("0\n", encoding="ascii")
        await until(lambda: bool(gateway.heart.controller.reported("MAINS_FAIL")))
        assert gateway.status()["power"] == {"pwr": "BATTERY", "batt_pct": 64}
        assert gateway.status()["rules"]["standby"]["status"] == "ARMED"
    finally:
        await gateway.stop()


def test_doctor_says_what_the_gateway_runs_on(supplies: Path, tmp_path: Path) -> None:
    def look(more: str = "") -> tuple[Level, str]:
        (finding,) = check_power(parse_config(CONFIG + more, tmp_path / "hearthwatch.toml"))
        return finding.level, finding.found

    assert look() == (Level.OK, "on the mains, battery at 64 %")
    (supplies / "battery" / "health").write_text("Dead\n", encoding="ascii")
    assert look()[0] is Level.FAIL
    (supplies / "battery" / "type").unlink()
    assert look()[0] is Level.WARN
    assert look("[power]\nbattery = true\n")[0] is Level.FAIL
    assert look("[power]\nenabled = false\n")[0] is Level.WARN
