"""A whole home on this machine: the real gateway in a process of its own, virtual devices at the far end of real wires.

Bluetooth is a private D-Bus with our own org.bluez on it, meter and modem are ptys, the platform is a real mosquitto
(TLS, client certificates, ACL) with the reference receiver behind it. Nobody here is real.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.demo.broker import ACL, Broker, ServerTls
from gateway.demo.bthome_device import VirtualBthomeDevice
from gateway.demo.fake_bluez import FakeBluez
from gateway.demo.household import HOME, name_of
from gateway.demo.pki import Pki
from gateway.demo.private_bus import PrivateBus
from gateway.demo.virtual_meter import VirtualLine, VirtualMeter
from gateway.demo.virtual_modem import VirtualModem
from gateway.demo.witness import Witness
from gateway.home.registry import Registry
from gateway.receiver.platform import Platform
from gateway.runtime.control import ControlUnavailable, request
from gateway.upstream.messages import Stage
from gateway.upstream.settings import Tls, UpstreamSettings

GATEWAY: Final = "demo-1"
NEEDED: Final = {"mosquitto": "mosquitto", "dbus-daemon": "dbus"}  # program -> apt package


class DemoMissing(Exception):
    """The demo needs a program this machine has not; the text names the apt package."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing a person could have noticed: when (monotonic s), where, and what."""

    at: float
    where: str  # elder, sms, phone, platform, home, demo
    text: str
    data: dict[str, Any]


class VirtualHouse:
    """Everything outside the gateway, and the gateway as a child that can be killed."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        pre_alarm_s: float = 10,
        on_line: Callable[[Line], None] | None = None,
        log_names: bool = True,
        home: dict[str, Any] = HOME,
    ):
        """`log_names`: the spoken-text log holds names as the elder hears them; nobody here is real."""
        self._own_folder = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="hearthwatch-demo-"))
        self.state = self.folder / "state"
        self.timeline: list[Line] = []
        self._on_line = on_line
        self._home = {**home, "settings": {"call_button.pre_alarm_s": pre_alarm_s}}
        self._child_options = [] if log_names else ["--ids"]
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._child: subprocess.Popen[bytes] | None = None
        self.bus = PrivateBus()
        self.modem = VirtualModem(self.folder / "modem")
        self.meter = VirtualMeter("123456789012")
        self.line = VirtualLine(self.folder / "meter", [self.meter])
        keys = {d["id"]: d for d in home["devices"] if d["kind"] != "electricity_meter"}
        self.devices = {
            name: VirtualBthomeDevice(d["address"], bytes.fromhex(d["key"]) if "key" in d else None)
            for name, d in keys.items()
        }

    # ---- coming up

    async def start(self) -> None:
        """Brings up every far end and the gateway; raises `DemoMissing`."""
        for program, package in NEEDED.items():
            if shutil.which(program) is None and shutil.which(program, path="/usr/sbin:/usr/local/sbin") is None:
                raise DemoMissing(f"{program} is missing: sudo apt-get install {package}")
        self.folder.mkdir(parents=True, exist_ok=True)
        pki = Pki(self.folder)
        server, client, desk = pki.server(), pki.client(GATEWAY), pki.client("platform")
        self.broker = Broker(self.folder / "broker", tls=ServerTls(pki.ca, server.cert, server.key), acl=ACL)
        self.broker.start()
        self.bus.start()
        self.bluez = await FakeBluez(self.bus.address).start()
        await self.modem.start()
        self.line.plug()
        self.platform = Platform(
            UpstreamSettings(
                brokers=(self.broker.address,), tls=Tls(pki.ca, desk.cert, desk.key), client_id="platform"
            ),
            self.folder / "platform.db",
            self._platform_event,
        )
        self._tasks.append(asyncio.create_task(self.platform.run()))
        self._write_config(pki.ca, client.cert, client.key)
        await asyncio.wait_for(self.platform.connected.wait(), 20)
        self._tasks.append(asyncio.create_task(Witness(self.state, self.modem, self.note).watch()))
        await self.start_gateway()

    def _write_config(self, ca: Path, cert: Path, key: Path) -> None:
        host, port = self.broker.address
        self.config_file = self.folder / "hearthwatch.toml"
        self.config_file.write_text(
            f"""[gateway]
id = "{GATEWAY}"
site = "demo"
state_dir = "state"
[power]
enabled = false
[ble]
liveness_s = 3600
[modem]
port = "{self.folder / "modem"}"
[[meter]]
port = "{self.folder / "meter"}"
parity = "N"
device = "meter"
interval_s = 5
[mqtt]
hosts = ["{host}:{port}"]
ca = "{ca}"
cert = "{cert}"
key = "{key}"
""",
            encoding="utf-8",
        )
        self.state.mkdir(mode=0o700, exist_ok=True)
        with Registry(self.state / "home.json") as registry:
            registry.apply([{"op": "replace", "document": self._home}])

    async def start_gateway(self, *, answers: bool = True) -> None:
        """Starts the gateway process and waits until its radio scans and it answers on its socket.

        `answers` False: a disk that takes no socket; then its being online at the platform must do.
        """
        since = self.mark()
        environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.bus.address}
        with (self.folder / "gateway.log").open("ab") as log:
            self._child = subprocess.Popen(  # noqa: ASYNC220 - a fork of a few ms, and a child that must be killable
                [sys.executable, "-m", "gateway.demo.child", str(self.config_file), *self._child_options],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.note("demo", "the gateway is starting")
        if answers:
            await self.until(self._up, 60, "the gateway is up")
        else:
            await self.expect("platform", "ONLINE", since=since, within_s=60)
            await self.until(self.scanning, 60, "the radio listens")

    def _up(self) -> bool:
        status = self.status()
        return bool(status) and self.scanning() and any(d["name"] == "modem" and d["heard"] for d in status["drivers"])

    def scanning(self) -> bool:
        """Whether the gateway's radio listens."""
        return self.bluez.scanned

    async def kill_gateway(self) -> None:
        """kill -9: no goodbye, no flush."""
        if self._child is not None:
            self._child.send_signal(signal.SIGKILL)
            await asyncio.to_thread(self._child.wait)
            self._child = None
            self.note("demo", "the gateway was killed (kill -9)")

    async def stop(self) -> None:
        """Ends everything; a folder we made is removed."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._child is not None:
            self._child.terminate()
            try:
                await asyncio.to_thread(self._child.wait, 15)
            except subprocess.TimeoutExpired:
                self._child.kill()
        with contextlib.suppress(Exception):
            await self.bluez.crash()
        await self.modem.stop()
        self.line.unplug()
        self.broker.stop()
        self.bus.stop()
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    # ---- what people and things do

    def press(self, device: str = "bedroom-button") -> None:
        """A button is pressed: one advert over the air."""
        self.note("home", f"pressed: {device}")
        self._send(device, self.devices[device].button("press"))

    def motion(self, device: str = "hall-pir") -> None:
        """Somebody walks by."""
        self.note("home", f"motion: {device}")
        self._send(device, self.devices[device].motion(True))

    def _send(self, device: str, data: bytes) -> None:
        self.bluez.advertise(self.devices[device].address, data)

    def contact_answers(self, text: str, number: str = "13800000001") -> None:
        """A contact texts back."""
        self.note("sms", f"← {name_of(number)}: {text}")
        self.modem.incoming("+86" + number, text)

    def contact_will(self, does: str, presses: str = "", number: str = "13800000001") -> None:
        """What a contact does when the telephone rings: answers and presses keys, is busy, rejects..."""
        self.modem.phone(number, does, after_s=1.0, presses=presses)

    def contact_rings(self, presses: str = "1", number: str = "13800000001") -> None:
        """A contact calls the home's number, listens, and presses keys."""
        self.contact_will("answer", presses, number)
        self.note("phone", f"☎ ← {name_of(number)} rings the gateway")
        self.modem.ring("+86" + number)

    def pull_network(self) -> None:
        """The platform's broker is gone, as a cut cable looks."""
        self.note("demo", "the network is down")
        self.broker.kill()

    async def restore_network(self) -> None:
        """And back."""
        await asyncio.to_thread(self.broker.start)
        self.note("demo", "the network is back")

    def pull_modem(self) -> None:
        """The modem's cable is out."""
        self.note("demo", "the modem is unplugged")
        self.modem.unplug()

    def restore_modem(self) -> None:
        """And in again."""
        self.modem.replug()
        self.note("demo", "the modem is back")

    def accept_at_platform(self, alarm: int | str, stage: str = "ACCEPTED", outcome: str | None = None) -> None:
        """Somebody at the platform's desk acts."""
        self.note("platform", f"desk says {stage}")
        self.platform.say(GATEWAY, alarm, Stage(stage), "desk", outcome)

    async def leap(self, hours: float, *, step_min: int = 30, until: Callable[[], bool] = lambda: False) -> None:
        """Lets hours pass in small steps; sensors send their signs of life meanwhile, as real ones would.

        `until`: time stands still again as soon as this holds, looked at after each step of `step_min` minutes.
        """
        self.note("demo", f"{hours:g} h pass")
        left = round(hours * 3600_000)
        while left > 0 and not until():
            step = min(left, step_min * 60_000)
            reply = await self._ask({"op": "leap", "ms": step})
            if not reply.get("ok"):
                raise RuntimeError(f"leap: {reply}")
            left -= step
            for name in ("hall-pir", "front-door"):
                self._send(name, self.devices[name].battery())
            await asyncio.sleep(0.05)

    async def _ask(self, payload: dict[str, Any]) -> dict[str, Any]:
        return await asyncio.to_thread(request, self.state / "control.sock", payload)

    # ---- what can be noticed

    def status(self) -> dict[str, Any]:
        """The gateway's own account of itself; empty while it is down."""
        try:
            reply = request(self.state / "control.sock", {"op": "status"}, 2.0)
        except ControlUnavailable:
            return {}
        found: dict[str, Any] = reply.get("status", {})
        return found

    def note(self, where: str, text: str, data: dict[str, Any] | None = None) -> None:
        """Puts a line on the timeline."""
        line = Line(time.monotonic(), where, text, data or {})
        self.timeline.append(line)
        if self._on_line is not None:
            self._on_line(line)
        self._changed.set()

    def mark(self) -> int:
        """Where the timeline stands now; give it to `seen`."""
        return len(self.timeline)

    def seen(self, where: str, *parts: str, since: int = 0) -> Line | None:
        """The first line there that holds all the parts."""
        return next((x for x in self.timeline[since:] if x.where == where and all(p in x.text for p in parts)), None)

    async def until(self, true: Callable[[], object], timeout_s: float, what: str) -> None:
        """Waits until `true()`; raises TimeoutError naming `what`."""
        deadline = time.monotonic() + timeout_s
        while not true():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {timeout_s:g} s: {what}")
            self._changed.clear()
            with contextlib.suppress(TimeoutError):  # no `wait_for`: under 3.11 it may swallow our caller's cancel
                async with asyncio.timeout(0.25):
                    await self._changed.wait()

    async def expect(self, where: str, *parts: str, since: int = 0, within_s: float = 30) -> Line:
        """Waits for a line there that holds all the parts."""
        await self.until(lambda: self.seen(where, *parts, since=since), within_s, f"{where}: {' … '.join(parts)}")
        found = self.seen(where, *parts, since=since)
        assert found is not None
        return found

    def _platform_event(self, event: dict[str, Any]) -> None:
        kind = event.get("event")
        if kind in ("alarm", "event"):
            late = " (delayed)" if event.get("delayed") else ""
            text = f"{event.get('code')} {event.get('state')}{late} — acknowledged, seq {event.get('seq')}"
            self.note("platform", text, event)
        elif kind == "state":
            self.note("platform", f"gateway {event.get('state')}", event)
