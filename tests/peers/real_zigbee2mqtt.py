"""The real Zigbee2MQTT (npm, GPL: started as a program, never imported) on a stick of ours.

Installed once into a cache outside the repository; where that fails, `Zigbee2MqttMissing` says why. Run as a program it
installs and nothing else (`.ci/slow.py` does, to name at its end what could not be had).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from znp_memory import CHANNEL, EXTENDED_PAN, NETWORK_KEY, PAN

VERSION = "2.2.1"  # the newest that the mirror can install whole (research/serial.md 3); node 20
CACHE = Path(os.environ.get("HEARTHWATCH_TEST_CACHE", Path.home() / ".cache" / "hearthwatch-tests"))
INSTALL_S = 300.0
STOP_S = 20.0


class Zigbee2MqttMissing(RuntimeError):
    """It is not here and cannot be had. The text says what was tried."""


def install() -> Path:
    """The folder of the installed package; installs it if it is not there. May take a minute the first time."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Zigbee2MqttMissing("node and npm are not installed")
    folder = CACHE / f"zigbee2mqtt-{VERSION}"
    package = folder / "node_modules" / "zigbee2mqtt"
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text(json.dumps({"name": "hearthwatch-tests", "private": True}))
        command = ["npm", "install", "--no-audit", "--no-fund", f"zigbee2mqtt@{VERSION}"]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_S, check=False)
        except subprocess.TimeoutExpired:
            raise Zigbee2MqttMissing(f"npm did not install zigbee2mqtt@{VERSION} in {INSTALL_S:g} s") from None
        if done.returncode:
            raise Zigbee2MqttMissing(f"npm cannot install zigbee2mqtt@{VERSION}: {done.stderr[:300]}")
        (folder / "complete").touch()
    return package


class RealZigbee2Mqtt:
    """One Zigbee2MQTT with its own data folder."""

    def __init__(self, package: Path, folder: Path, broker_port: int, stick: Path) -> None:
        self._package, self.folder = package, folder
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        options = {
            "version": 4,
            "mqtt": {"server": f"mqtt://127.0.0.1:{broker_port}", "base_topic": "zigbee2mqtt"},
            "serial": {"port": str(stick), "adapter": "zstack", "disable_led": True},
            "advanced": {
                "channel": CHANNEL, "pan_id": PAN, "ext_pan_id": list(EXTENDED_PAN), "network_key": list(NETWORK_KEY),
                "log_output": ["console"], "last_seen": "ISO_8601",
            },
            "frontend": {"enabled": False},
            "homeassistant": {"enabled": False},
            "availability": {"enabled": True},
            "device_options": {"qos": 1},
        }  # fmt: skip
        (folder / "configuration.yaml").write_text(json.dumps(options))  # JSON is YAML

    @property
    def log(self) -> str:
        """All it said."""
        path = self.folder / "zigbee2mqtt.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> None:
        """Starts it; what it does next is to be seen at the broker."""
        environment = {**os.environ, "ZIGBEE2MQTT_DATA": str(self.folder), "Z2M_ONBOARD_NO_SERVER": "1"}
        with (self.folder / "zigbee2mqtt.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["node", "index.js"],
                cwd=self._package, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Ends it as the signal says: SIGTERM lets it say goodbye, SIGKILL leaves that to its will."""
        if self._process is not None:
            self._process.send_signal(number)
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


if __name__ == "__main__":
    try:
        install()
    except Zigbee2MqttMissing as missing:
        sys.exit(" ".join(str(missing).split()))
