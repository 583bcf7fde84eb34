"""What is plugged in: serial ports, Bluetooth behind BlueZ, the sound device and the voice."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gateway.cli.findings import Finding, fail, ok, warn

if TYPE_CHECKING:
    from gateway.config import Config

DBUS_TIMEOUT_S: Final = 5.0
COMMAND_TIMEOUT_S: Final = 5.0
MONITOR_MANAGER: Final = "org.bluez.AdvertisementMonitorManager1"


def check_serial(config: Config) -> list[Finding]:
    """Each port of the configuration: there, ours to open, and nobody else's. Ports are not opened."""
    users: dict[str, list[str]] = {}
    for meter in config.meters:
        if meter.enabled:
            users.setdefault(meter.port, []).append(f"meter {meter.device}")
    if config.modem.enabled:
        users.setdefault(config.modem.port, []).append("modem")
    if config.modem2.enabled:
        users.setdefault(config.modem2.port, []).append("second modem")
    found = [_port(port, " and ".join(names)) for port, names in users.items()]
    if not config.modem.enabled:
        found.append(warn("modem", "not enabled: contacts get no texts", "set modem.enabled = true"))
    return found


def _port(port: str, users: str) -> Finding:
    what = f"serial {users}"
    try:
        mode = os.stat(port).st_mode
    except OSError as error:
        advice = "plug it in; `ls -l /dev/serial/by-id` shows what is there"
        return fail(what, f"{port}: {(error.strerror or 'unusable').lower()}", advice)
    if not stat.S_ISCHR(mode):
        return fail(what, f"{port} is no serial port", "name one of /dev/serial/by-id")
    if not os.access(port, os.R_OK | os.W_OK):
        return fail(what, f"{port}: no permission", "sudo usermod -aG dialout $USER, then log in again")
    holders = [pid for pid in _holders(port) if pid != os.getpid()]
    if holders:
        who = ", ".join(f"{_name(pid)} ({pid})" for pid in holders[:3])
        if all("hearthwatch" in _name(pid) for pid in holders):
            return ok(what, f"{port} is used by {who}")
        return warn(what, f"{port} is open in {who}", "fine if that is the gateway; else stop it (ModemManager?)")
    return ok(what, f"{port} is there and free")


def _holders(port: str) -> list[int]:
    """Processes that have the device open, as far as this user may see."""
    real = os.path.realpath(port)
    processes = (p for p in Path("/proc").iterdir() if p.name.isdigit())
    return [int(p.name) for p in processes if _has_open(p / "fd", real)]


def _has_open(folder: Path, real: str) -> bool:
    try:
        return any(os.readlink(fd) == real for fd in folder.iterdir())
    except OSError:  # gone meanwhile, or somebody else's
        return False


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "unknown"


def check_bluetooth(config: Config) -> list[Finding]:
    """BlueZ on the system bus, its adapter, and whether it can scan passively."""
    if not config.ble.enabled:
        return [warn("bluetooth", "not enabled: no button is heard", "set ble.enabled = true")]
    try:
        from dbus_fast.errors import DBusFastError
    except ImportError:
        return [fail("bluetooth", "bleak is not installed", "install Hearthwatch whole: `make setup`")]
    try:
        objects = asyncio.run(asyncio.wait_for(_bluez_objects(), DBUS_TIMEOUT_S))
    except (OSError, EOFError, TimeoutError, DBusFastError) as error:
        text = f"no system D-Bus: {getattr(error, 'strerror', None) or type(error).__name__}"
        return [fail("bluetooth", text, "sudo apt install dbus bluez; sudo systemctl start bluetooth")]
    if objects is None:
        return [
            fail("bluetooth", "BlueZ does not run", "sudo apt install bluez; sudo systemctl enable --now bluetooth")
        ]
    return _adapter(config, objects)


def _adapter(config: Config, objects: dict[str, dict[str, Any]]) -> list[Finding]:
    adapters = {p.rpartition("/")[2]: i for p, i in objects.items() if "org.bluez.Adapter1" in i}
    wanted = config.ble.adapter or min(adapters, default="")
    if wanted not in adapters:
        text = f"adapter {wanted} is not there" if wanted else "BlueZ runs, but there is no adapter"
        return [
            fail("bluetooth", text, "plug one in; `bluetoothctl list` shows them; `rfkill list` shows what is blocked")
        ]
    powered = adapters[wanted]["org.bluez.Adapter1"].get("Powered")
    if powered is not None and not powered.value:
        return [fail("bluetooth", f"{wanted} is switched off", "rfkill unblock bluetooth; bluetoothctl power on")]
    if config.ble.scanning == "passive" and MONITOR_MANAGER not in adapters[wanted]:
        advice = 'set Experimental = true in /etc/bluetooth/main.conf and restart bluetooth, or ble.scanning = "active"'
        return [fail("bluetooth", f"{wanted} cannot scan passively", advice)]
    return [ok("bluetooth", f"{wanted}, {config.ble.scanning} scanning")]


async def _bluez_objects() -> dict[str, dict[str, Any]] | None:
    """BlueZ's objects and their interfaces; None if nobody owns its name. Starts no service."""
    from dbus_fast import BusType, Message
    from dbus_fast.aio import MessageBus

    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    try:
        owned = await bus.call(
            Message(
                destination="org.freedesktop.DBus",
                path="/org/freedesktop/DBus",
                interface="org.freedesktop.DBus",
                member="NameHasOwner",
                signature="s",
                body=["org.bluez"],
            )
        )
        if owned is None or owned.body != [True]:
            return None
        reply = await bus.call(
            Message(
                destination="org.bluez",
                path="/",
                interface="org.freedesktop.DBus.ObjectManager",
                member="GetManagedObjects",
            )
        )
        return reply.body[0] if reply and reply.body and isinstance(reply.body[0], dict) else {}
    finally:
        bus.disconnect()


def check_sound(config: Config) -> list[Finding]:
    """A device to play on and a voice to speak with."""
    if not config.voice.enabled:
        return [warn("sound", "not enabled: the elder hears nothing", "set voice.enabled = true")]
    return [_device(), _voice(config)]


def _device() -> Finding:
    if shutil.which("aplay") is None:
        return warn("sound", "aplay is not installed", "sudo apt install alsa-utils")
    listed = _output(["aplay", "-l"])
    cards = [
        line.split("[")[1].split("]")[0] for line in listed.splitlines() if line.startswith("card") and "[" in line
    ]
    if not cards:
        return fail("sound", "no sound device: the elder hears nothing", "plug a loudspeaker in; `aplay -l` lists them")
    return ok("sound", ", ".join(dict.fromkeys(cards)))


def _voice(config: Config) -> Finding:
    program = config.voice.command.split()[0] if config.voice.command.split() else "espeak-ng"
    if shutil.which(program) is None:
        return fail("voice", f"{program} is not installed", "sudo apt install espeak-ng, or set voice.command")
    if program == "espeak-ng" and "cmn" not in _output(["espeak-ng", "--voices=cmn"]):
        return fail("voice", "espeak-ng has no Mandarin voice (cmn)", "sudo apt install espeak-ng-data")
    return ok("voice", program)


def check_power(config: Config) -> list[Finding]:
    """What the gateway itself runs on, as the kernel tells it; nothing is asked of a bus that a driver does not ask."""
    from gateway.drivers.power.driver import FOLDER, read_folder
    from gateway.drivers.power.supplies import read

    if not config.power.enabled:
        return [warn("power", "not enabled: a power cut is not noticed", "set power.enabled = true")]
    reading = read(read_folder(FOLDER))
    if reading.percent is None:
        text, advice = f"Linux knows of no battery ({FOLDER})", "docs/sensors.md says how to name one in config.txt"
        return [fail("power", f"{text}, but power.battery = true", advice) if config.power.battery else
                warn("power", f"{text}: a power cut silences this home", advice)]  # fmt: skip
    if reading.bad:
        return [fail("power", "the battery says that it is worn out or gone", "replace it")]
    mains = {True: "on the mains", False: "on the battery", None: "mains unknown"}[reading.mains]
    return [ok("power", f"{mains}, battery at {reading.percent:g} %")]


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, timeout=COMMAND_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace")
