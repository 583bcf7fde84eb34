"""`hearthwatch doctor`: what works, what does not, what to do; it changes nothing."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import socket
import threading
from pathlib import Path

import pytest
from command_line import TIMEOUT_S, checks, err, hearthwatch, out

from gateway.cli.checks.hardware import check_bluetooth
from gateway.cli.findings import Level
from gateway.config import parse_config
from gateway.demo.private_bus import PrivateBus


def snapshot(directory: Path) -> dict[str, tuple[float, int]]:
    return {str(p): (p.stat().st_mtime, p.stat().st_size) for p in directory.rglob("*")}


def test_doctor_names_what_is_missing_with_advice_and_changes_nothing(made: Path) -> None:
    (made / "hearthwatch.toml").write_text(
        '[gateway]\nstate_dir = "state"\n[modem]\nport = "/dev/none"\n[mqtt]\nhosts = ["127.0.0.1:1"]\nca = "no.pem"\n',
        encoding="utf-8",
    )
    before = snapshot(made)
    done = hearthwatch("doctor", "-c", made, "--json", env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere"})
    assert done.returncode == 1
    found = checks(done)
    levels = {what: c["level"] for what, c in found.items()}
    assert {
        "configuration": "OK",
        "state_dir": "OK",
        "serial modem": "FAIL",
        "bluetooth": "FAIL",
    }.items() <= levels.items()
    assert levels["platform"] == "FAIL"
    assert levels["authority"] == "FAIL"
    assert levels["gateway"] == "WARN"
    assert all(c["advice"] for c in found.values() if c["level"] != "OK")
    assert snapshot(made) == before


def test_doctor_finds_what_is_there(made: Path) -> None:
    controller, terminal = pty.openpty()
    listener = socket.create_server(("127.0.0.1", 0))
    try:
        port = os.ttyname(terminal)
        os.close(terminal)
        (made / "hearthwatch.toml").write_text(
            f'[gateway]\nstate_dir = "state"\n[modem]\nport = "{port}"\n'
            f'[mqtt]\nhosts = ["127.0.0.1:{listener.getsockname()[1]}", "127.0.0.1:1"]\n',
            encoding="utf-8",
        )
        found = json.loads(out(hearthwatch("doctor", "-c", made, "--json")))["checks"]
    finally:
        os.close(controller)
        listener.close()
    told = {(c["what"], c["level"]) for c in found}
    assert ("serial modem", "OK") in told
    assert ("platform", "OK") in told
    assert ("platform", "WARN") in told, "the second broker is a stand-in"
    assert ("certificates", "WARN") in told


def test_doctor_judges_certificates(made: Path) -> None:
    from gateway.cli.checks.network import check_certificates
    from gateway.demo.pki import Pki

    pki = Pki(made / "pki")
    good, old, other = pki.client("gateway-1"), pki.client("gateway-1", expired=True, file="old"), pki.client("gw-9")

    def levels(cert: Path, key: Path) -> dict[str, Level]:
        text = f'[mqtt]\nhosts=["h:1"]\nca="{pki.ca}"\ncert="{cert}"\nkey="{key}"\n'
        return {f.what: f.level for f in check_certificates(parse_config(text))}

    for key in (good.key, old.key, other.key):
        key.chmod(0o600)
    assert levels(good.cert, good.key) == {"authority": Level.OK, "certificate": Level.OK, "key": Level.OK}
    assert levels(old.cert, old.key)["certificate"] is Level.FAIL
    assert levels(other.cert, other.key)["certificate"] is Level.WARN, "the name is not the gateway's"
    assert levels(good.cert, other.key)["key"] is Level.FAIL
    assert levels(good.key, good.key)["certificate"] is Level.FAIL
    good.key.chmod(0o644)
    assert levels(good.cert, good.key)["key"] is Level.WARN


def test_doctor_looks_for_bluez_on_the_real_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.demo.fake_bluez import FakeBluez

    def look(text: str = "") -> list[tuple[Level, str]]:
        return [(f.level, f.found) for f in check_bluetooth(parse_config(text))]

    with PrivateBus() as bus:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
        assert look() == [(Level.FAIL, "BlueZ does not run")]
        ready, stop = threading.Event(), threading.Event()
        fake: list[FakeBluez] = []

        async def bluez() -> None:
            fake.append(await FakeBluez(bus.address).start())
            ready.set()
            await asyncio.to_thread(stop.wait)
            await fake[0].crash()

        thread = threading.Thread(target=asyncio.run, args=(bluez(),))
        thread.start()
        try:
            assert ready.wait(TIMEOUT_S)
            assert look() == [(Level.OK, "hci0, passive scanning")]
            assert look('[ble]\nadapter = "hci7"') == [(Level.FAIL, "adapter hci7 is not there")]
        finally:
            stop.set()
            thread.join()


def test_doctor_with_a_broken_configuration_is_exit_2(made: Path) -> None:
    (made / "hearthwatch.toml").write_text("[gateway]\nid = 3\n", encoding="utf-8")
    done = hearthwatch("doctor", "-c", made)
    assert done.returncode == 2
    assert "gateway.id: expected 1 to 32" in err(done)
    assert "FAIL" in out(done)
