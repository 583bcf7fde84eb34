"""A gateway, ours or the yardstick, as a process between two real brokers; we press on one and hear on the other.

The platform's acknowledgements and its desk (which closes each alarm if told to) are a process of their own.
`Wires.press` publishes `home/button/N {"id":…,"action":"press"}` at QoS 1; `Wires.heard` is what came out.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt

from gateway.demo.broker import Broker
from gateway.home.registry import Registry

HERE = Path(__file__).parent
BUTTONS = 500  # so that no two presses of one batch are one button's: within a millisecond those are one call (T-31)
PATIENCE_S = 30.0
HOME: dict[str, Any] = {
    "residents": [{"id": "r1", "name": "王阿婆"}],
    "rooms": [{"id": "bedroom", "label": "卧室"}],
    "devices": [{"id": f"home/button/{i}", "kind": "button", "room": "bedroom"} for i in range(BUTTONS)],
    "contacts": [],
    "consents": {"MONITORING": True, "NOTIFY_FAMILY": True},
    "settings": {"call_button.pre_alarm_s": 0, "call_button.join_s": 0},
}
CONFIG = """\
[gateway]
id = "bench-1"
site = "bench"
state_dir = "{state}"
log_level = "warning"
[ble]
enabled = false
[modem]
enabled = {modem}
port = "{folder}/modem"
[voice]
enabled = false
[mqtt]
hosts = ["127.0.0.1:{upstream}"]
[local_mqtt]
enabled = true
port = {local}
zigbee2mqtt = ""
[[local_mqtt.map]]
topic = "home/button/+"
kind = "button"
"""


class Client:
    """A paho client of our own at one end of the wire. `seen` is called in paho's thread with (topic, body)."""

    def __init__(self, port: int, topic: str = "", seen: Callable[[str, dict[str, Any]], None] | None = None) -> None:
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        ready = threading.Event()
        self._client.on_socket_open = lambda _c, _u, sock: sock.setsockopt(6, 1, 1)
        self._client.max_inflight_messages_set(1000)
        if seen is not None:
            self._client.on_message = lambda _c, _u, m: seen(m.topic, json.loads(m.payload))
            self._client.on_connect = lambda *_: self._client.subscribe(topic, 1)
            self._client.on_subscribe = lambda *_: ready.set()
        else:
            self._client.on_connect = lambda *_: ready.set()
        self._client.connect("127.0.0.1", port, 60)
        self._client.loop_start()
        assert ready.wait(PATIENCE_S), "no broker"

    def publish(self, topic: str, body: dict[str, Any]) -> None:
        """QoS 1."""
        self._client.publish(topic, json.dumps(body), qos=1)

    def close(self) -> None:
        """Ends its thread."""
        self._client.disconnect()
        self._client.loop_stop()


class Wires:
    """Two brokers, a platform, and what comes out. Start a gateway between them with `gateway()` or `yardstick()`."""

    def __init__(self, folder: Path, state: Path | None = None, *, modem: bool = False, closes: bool = True) -> None:
        self.folder, self.state = folder, state or folder / "state"
        self.local, self.upstream = Broker(folder / "local"), Broker(folder / "upstream")
        self.heard: dict[int, float] = {}  # press -> when its alarm came out, monotonic s
        self._pressed: dict[str, int] = {}  # topic -> the newest press there
        self._modem, self._closes = modem, closes
        self._children: list[subprocess.Popen[Any]] = []

    @contextlib.contextmanager
    def up(self) -> Iterator[Wires]:
        """Everything but the gateway."""
        self.local.start()
        self.upstream.start()
        try:
            self._spawn(str(HERE / "desk.py"), str(self.upstream.port), "close" if self._closes else "", ready=True)
            if self._modem:
                self._spawn("-m", "gateway.demo.virtual_modem", "--link", str(self.folder / "modem"), ready=True)
            self._out = Client(self.upstream.port, "#", self._seen)
            self._in = Client(self.local.port)
            yield self
            self._in.close()
            self._out.close()
        finally:
            for child in reversed(self._children):
                child.kill()
                child.wait()
            self.local.stop()
            self.upstream.stop()

    def gateway(self, prefix: tuple[str, ...] = ()) -> subprocess.Popen[Any]:
        """`hearthwatch run`, not waited for."""
        config = self.folder / "hearthwatch.toml"
        if not config.exists():
            self.state.mkdir(mode=0o700, exist_ok=True)
            text = CONFIG.format(
                state=self.state, folder=self.folder, upstream=self.upstream.port, local=self.local.port,
                modem=str(self._modem).lower(),
            )  # fmt: skip
            config.write_text(text)
            with Registry(self.state / "home.json") as registry:
                registry.apply([{"op": "replace", "document": HOME}])
        return self._spawn("-m", "gateway.cli.main", "run", "--config", str(config), prefix=prefix)

    def yardstick(self) -> subprocess.Popen[Any]:
        """The least gateway that loses nothing, not waited for."""
        self.state.mkdir(exist_ok=True)
        ports = str(self.local.port), str(self.upstream.port)
        return self._spawn(str(HERE / "yardstick.py"), *ports, str(self.state / "outbox.db"))

    def _spawn(self, *what: str, ready: bool = False, prefix: tuple[str, ...] = ()) -> subprocess.Popen[Any]:
        log = (self.folder / "children.log").open("ab")
        with log:
            child = subprocess.Popen(
                [*prefix, sys.executable, *what], stdout=subprocess.PIPE if ready else log, stderr=log
            )
        self._children.append(child)
        if ready:
            assert child.stdout is not None
            assert child.stdout.readline(), (self.folder / "children.log").read_text()[-2000:]
        return child

    def press(self, number: int) -> float:
        """Presses a button; when. Numbers must not repeat."""
        topic = f"home/button/{number % BUTTONS}"
        self._pressed[topic] = number
        at = time.monotonic()
        self._in.publish(topic, {"id": number, "action": "press"})
        return at

    def _seen(self, topic: str, body: dict[str, Any]) -> None:
        if topic == "home/alarm":
            self.heard.setdefault(int(body["id"]), time.monotonic())
        elif topic.endswith("/up/alarm") and body.get("state") == "RAISED":
            number = self._pressed.get(str(body["device"]))
            if number is not None:
                self.heard.setdefault(number, time.monotonic())

    def wait(self, *numbers: int, within_s: float = PATIENCE_S) -> None:
        """Until their alarms have come out; raises TimeoutError with what the children said."""
        deadline = time.monotonic() + within_s
        while not all(n in self.heard for n in numbers):
            if time.monotonic() > deadline:
                missing = sum(n not in self.heard for n in numbers)
                said = (self.folder / "children.log").read_text()[-2000:]
                raise TimeoutError(f"{missing} of {len(numbers)} presses came to nothing\n{said}")
            time.sleep(0.0005)

    def first(self, numbers: Iterator[int], within_s: float = PATIENCE_S) -> None:
        """Presses again and again until something comes out: its session at the broker is new."""
        deadline = time.monotonic() + within_s
        while not self.heard:
            if time.monotonic() > deadline:
                raise TimeoutError((self.folder / "children.log").read_text()[-2000:])
            self.press(next(numbers))
            time.sleep(0.2)
        time.sleep(1.0)

    def stop(self, child: subprocess.Popen[Any]) -> None:
        """SIGTERM, and it must end well."""
        self._children.remove(child)
        child.send_signal(signal.SIGTERM)
        assert child.wait(PATIENCE_S) in (0, -signal.SIGTERM)


def quiet() -> None:
    """Lower our own priority: we share the machine's cores with what we measure."""
    with contextlib.suppress(OSError):
        os.nice(1)
