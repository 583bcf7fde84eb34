"""One real `hearthwatch run` with a home's broker in front and the platform's behind: the same mosquitto."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from local_broker import HOME, Somebody, until

from gateway.demo.broker import Broker
from gateway.home.registry import Registry
from gateway.runtime.control import ControlUnavailable, request

CONFIG = """\
[gateway]
id = "gw-1"
state_dir = "state"
[ble]
enabled = false
[modem]
enabled = false
[voice]
enabled = false
[mqtt]
hosts = ["127.0.0.1:{port}"]
[local_mqtt]
enabled = true
port = {port}
bridge_grace_s = 1
[[local_mqtt.map]]
topic = "home/button"
kind = "button"
device = "bedside"
value_field = "action"
[[local_mqtt.map]]
topic = "home/motion"
kind = "motion"
device = "hall"
"""


UP, ACK = "hw/v1/home/gw-1/up", "hw/v1/home/gw-1/down/ack"


def received(message: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """As the platform acknowledges: a gateway that hears nothing of the kind sends a handful and waits."""
    return ACK, {"epoch": message["epoch"], "seq": [message["seq"]], "stage": "RECEIVED"}


class BlackBox:
    """One `hearthwatch run`, one broker for home and platform, and somebody at both ends."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.socket = folder, folder / "state" / "control.sock"
        self.broker = Broker(folder / "broker", durable=True)
        self.broker.start()
        self.outside = Somebody(self.broker)
        for channel in ("alarm", "event"):
            self.outside.answers(f"{UP}/{channel}", received)
        self.outside.listen("hw/v1/+/+/up/#")
        self.config = folder / "hearthwatch.toml"
        self.config.write_text(CONFIG.format(port=self.broker.port), encoding="utf-8")
        (folder / "state").mkdir(mode=0o700)
        with Registry(folder / "state" / "home.json") as registry:
            document = {**HOME, "settings": {"call_button.pre_alarm_s": 0, "call_button.stuck_presses": 120}}
            registry.apply([{"op": "replace", "document": document}])
        self.child: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        with (self.folder / "gateway.log").open("ab") as log:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "gateway.cli.main", "run", "--config", str(self.config)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    async def start(self) -> None:
        self.launch()
        await until(self.listens, "the driver listens")

    def listens(self) -> bool:
        return any(d["name"] == "local_mqtt" and d["rung"] == "UP" for d in self.status().get("drivers", ()))

    def status(self) -> dict[str, Any]:
        try:
            return request(self.socket, {"op": "status"}, 5.0).get("status", {})
        except ControlUnavailable:
            return {}

    def kill(self) -> None:
        assert self.child is not None
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def stop(self) -> None:
        if self.child is not None and self.child.poll() is None:
            self.child.send_signal(signal.SIGCONT)
            self.child.terminate()
            self.child.wait(15)
        self.outside.close()
        self.broker.kill()

    def up(self, channel: str = "alarm") -> list[dict[str, Any]]:
        return [json.loads(b) for t, b in list(self.outside.heard) if t == f"{UP}/{channel}"]

    def raised(self) -> list[int]:
        """Alarms the platform was told of, each once however often it was told."""
        return sorted({m["alarm"] for m in self.up() if m["state"] == "RAISED"})

    def told(self) -> dict[str, str]:
        """Technical events as the platform knows them now: code and whose, and RAISED or CLOSED."""
        whose = ("device", "subject", "rule")
        return {f"{m['code']} {next((m[w] for w in whose if w in m), '')}": m["state"] for m in self.up("event")}

    def events(self) -> list[dict[str, Any]]:
        """The journal as `hearthwatch events` tells it."""
        done = subprocess.run(
            [sys.executable, "-m", "gateway.cli.main", "events", "--config", str(self.config)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]
