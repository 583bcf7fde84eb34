"""Systemd hears from us over a real datagram socket, and is told "alive" only by a gateway that is whole (A22)."""

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.runtime.systemd import (
    FEEDS_PER_INTERVAL,
    UNWATCHED_INTERVAL_S,
    Notifier,
    Watchdog,
    watchdog_interval_s,
)

UNIT = Path(__file__).parents[2] / "docs" / "hearthwatch.service"
MAX_EXPOSURE = 2.0  # research/fleet.md section 5: naive 9.6, hardened 1.2


class Init:
    """The far end: what systemd would receive."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(10)

    def heard(self) -> list[str]:
        messages = []
        self._socket.setblocking(False)
        while True:
            try:
                messages.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def init(tmp_path: Path) -> Iterator[Init]:
    init = Init(str(tmp_path / "notify"))
    yield init
    init.close()


@pytest.fixture
def notifier(init: Init, tmp_path: Path) -> Notifier:
    return Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})


def test_each_message_as_systemd_reads_it(init: Init, notifier: Notifier) -> None:
    assert notifier.ready("watching 12 devices")
    assert notifier.status("two\nlines\x00 become " + "x" * 1000)
    assert notifier.watchdog()
    assert notifier.stopping()
    ready, status, watchdog, stopping = init.heard()
    assert ready == "READY=1\nSTATUS=watching 12 devices"
    assert status.startswith("STATUS=two lines")
    assert "\n" not in status
    assert len(status) < 250
    assert (watchdog, stopping) == ("WATCHDOG=1", "STOPPING=1")


def test_an_abstract_socket() -> None:
    name = f"hearthwatch-test-{os.getpid()}"
    init = Init("\0" + name)
    assert Notifier({"NOTIFY_SOCKET": "@" + name}).ready()
    assert init.heard() == ["READY=1\nSTATUS="]
    init.close()


@pytest.mark.parametrize("address", ["", "/nonexistent/notify", "relative", "vsock:2:1234", "/" + "x" * 300, "@"])
def test_without_systemd_nothing_happens_and_nothing_fails(address: str) -> None:
    assert not Notifier({"NOTIFY_SOCKET": address}).ready()
    assert not Notifier({}).watchdog()


def test_a_full_socket_never_blocks(init: Init, notifier: Notifier) -> None:
    results = [notifier.watchdog() for _ in range(2000)]
    assert results[0]
    assert not results[-1]  # nobody reads: refused at once and not waited for


@pytest.mark.parametrize(
    ("environ", "interval_s"),
    [({"WATCHDOG_USEC": "30000000"}, 30.0), ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "17"}, 30.0),
     ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "18"}, None), ({}, None), ({"WATCHDOG_USEC": "0"}, None),
     ({"WATCHDOG_USEC": "soon"}, None), ({"WATCHDOG_USEC": "-1"}, None), ({"WATCHDOG_USEC": "²"}, None)],
)  # fmt: skip
def test_how_long_systemd_waits(environ: dict[str, str], interval_s: float | None) -> None:
    assert watchdog_interval_s(environ, pid=17) == interval_s


def test_the_watchdog_is_fed_only_by_a_whole_gateway(init: Init, notifier: Notifier) -> None:
    alive = {"rule loop": True, "store": True, "driver ble": True}
    watchdog = Watchdog({name: lambda name=name: alive[name] for name in alive}, notifier, 30.0)

    assert watchdog.feed()
    assert init.heard() == ["WATCHDOG=1", "STATUS=watching"]
    assert watchdog.feed()
    assert init.heard() == ["WATCHDOG=1"]  # the status is said once

    alive["store"] = alive["driver ble"] = False
    assert not watchdog.feed()
    assert not watchdog.feed()
    assert init.heard() == ["STATUS=stuck: store, driver ble"]

    alive["store"] = alive["driver ble"] = True
    assert watchdog.feed()
    assert init.heard() == ["WATCHDOG=1", "STATUS=watching"]


def test_a_check_that_cannot_tell_is_no_proof_of_life(init: Init, notifier: Notifier) -> None:
    def broken() -> bool:
        raise RuntimeError("bug")

    watchdog = Watchdog({"rule loop": lambda: True, "store": broken}, notifier, 30.0)
    assert watchdog.stuck() == ("store",)
    assert not watchdog.feed()


async def test_it_feeds_several_times_an_interval_and_stops_when_stuck(init: Init, notifier: Notifier) -> None:
    alive = True
    watchdog = Watchdog({"rule loop": lambda: alive}, notifier, 0.06)
    assert watchdog.feed_every_s == pytest.approx(0.06 / FEEDS_PER_INTERVAL)
    task = asyncio.create_task(watchdog.run())
    fed = 0
    async with asyncio.timeout(20):
        while fed < 3:
            await asyncio.sleep(0.01)
            fed += init.heard().count("WATCHDOG=1")
    alive = False  # feed and look share this loop: what was fed before is already there to be heard
    init.heard()
    said: list[str] = []
    async with asyncio.timeout(20):
        while not said:
            await asyncio.sleep(0.01)
            said += init.heard()
    await asyncio.sleep(0.1)
    assert said + init.heard() == ["STATUS=stuck: rule loop"]  # once, and no feed
    task.cancel()


def test_without_a_watchdog_it_still_looks() -> None:
    assert Watchdog({}, Notifier({}), None).feed_every_s == UNWATCHED_INTERVAL_S


def test_the_unit_file_asks_for_what_the_code_does() -> None:
    lines = UNIT.read_text(encoding="utf-8").splitlines()
    for wanted in ("Type=notify", "Restart=always", "StateDirectory=hearthwatch", "StartLimitIntervalSec=0"):
        assert wanted in lines
    assert any(line.startswith("WatchdogSec=") for line in lines)
    assert "ProtectClock=yes" not in lines  # it forbids adjtimex(2), by which gateway.clock learns its trust


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_unit_file_is_valid_and_hardened(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    text = UNIT.read_text(encoding="utf-8")
    unit.write_text(text.replace("/opt/hearthwatch/bin/hearthwatch", "/bin/true"), encoding="utf-8")
    verify = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    complaints = [line for line in verify.stderr.splitlines() if unit.name in line]
    assert complaints == []
    security = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={int(MAX_EXPOSURE * 10)}", "--no-pager", unit],
        capture_output=True, text=True,
    )  # fmt: skip
    assert security.returncode == 0, security.stdout[-300:]
