"""A broker in the home, somebody who publishes, and a supervised driver whose commits the test decides."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from gateway.config import ActionConfig, LocalMqttConfig, MapConfig
from gateway.demo.broker import Broker
from gateway.drivers.local_mqtt.driver import LocalMqttDriver
from gateway.drivers.restart_policy import Limits, RestartPolicy
from gateway.drivers.supervisor import DriverHealth, Supervisor
from gateway.home.model import Home, read_home
from gateway.observations import Kind, Report

PATIENCE_S = 30.0
BASE = "zigbee2mqtt"
BUTTON = MapConfig(topic="home/button", kind="button", device="bedside")
MOTION = MapConfig(topic="home/motion", kind="motion", device="hall")
SOS_IEEE = "0x00124b0000000001"
PIR_IEEE = "0x00124b0000000002"

HOME: dict[str, Any] = {
    "residents": [{"id": "r1", "name": "王阿婆"}],
    "rooms": [{"id": "bedroom", "label": "卧室"}],
    "devices": [
        {"id": "bedside", "kind": "button", "room": "bedroom"},
        {"id": "hall", "kind": "motion"},
        {"id": "sos", "kind": "button", "room": "bedroom", "address": SOS_IEEE},
        {"id": "pir", "kind": "motion", "address": PIR_IEEE},
        {"id": "door", "kind": "contact", "entrance": True, "address": "0x00124b0000000003"},
        {"id": "leak", "kind": "flood", "address": "0x00124b0000000004"},
    ],
    "contacts": [{"id": "c1", "name": "王小明", "phone": "13800000001", "order": 1}],
    "consents": {"MONITORING": True, "NOTIFY_FAMILY": True},
}


def listed(*devices: tuple[str, str, str]) -> list[dict[str, Any]]:
    """bridge/devices for (friendly name, address, model)."""
    coordinator = {"ieee_address": "0x00124b00fa4e0001", "type": "Coordinator", "friendly_name": "Coordinator"}
    return [coordinator] + [
        {"ieee_address": ieee, "type": "EndDevice", "friendly_name": name, "definition": {"model": model}}
        for name, ieee, model in devices
    ]


async def until(true: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> None:
    """Returns when it is true; a loaded machine only makes it later."""
    deadline = asyncio.get_running_loop().time() + patience_s
    while not true():
        assert asyncio.get_running_loop().time() < deadline, f"never came true: {what}"
        await asyncio.sleep(0.01)


async def written(broker: Broker) -> None:
    """Has mosquitto write its store (SIGUSR1, mosquitto(8)): what it dies with from now on is on the disk.

    It says so before it writes, and puts the store in place by renaming a new file over it: that one is waited for.
    """
    store = broker.folder / "mosquitto.db"

    def written_ns() -> int:
        return store.stat().st_mtime_ns if store.exists() else 0

    before, asked = written_ns(), broker.log.count("Saving in-memory")
    os.kill(broker.pid, signal.SIGUSR1)
    await until(lambda: broker.log.count("Saving in-memory") > asked and written_ns() != before, "it is written")


class Somebody:
    """Another client of the same broker: a device, Zigbee2MQTT, or the platform."""

    def __init__(self, broker: Broker) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._answers: dict[str, Callable[[Any], tuple[str, Any]]] = {}
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_message = self._on_message
        self._subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.connect(*broker.address)
        self._client.loop_start()

    def say(self, topic: str, body: Any, *, qos: int = 1, retain: bool = False) -> None:
        """Publishes, and returns when the broker has it."""
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._client.publish(topic, payload, qos, retain).wait_for_publish(PATIENCE_S)

    def listen(self, topic: str, answer: Callable[[Any], tuple[str, Any]] | None = None) -> None:
        """Hears a topic from now on; `answer` makes the topic and body to publish in return."""
        if answer is not None:
            self.answers(topic, answer)
        self._subscribed.clear()
        self._client.subscribe(topic, 1)
        assert self._subscribed.wait(PATIENCE_S), "the broker did not answer"

    def answers(self, topic: str, answer: Callable[[Any], tuple[str, Any]]) -> None:
        """From now on says `answer` of each body heard on exactly this topic."""
        self._answers[topic] = answer

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        self.heard.append((message.topic, message.payload))
        if (answer := self._answers.get(message.topic)) is not None:
            topic, body = answer(json.loads(message.payload))
            self._client.publish(topic, json.dumps(body).encode(), 1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@dataclass
class Ears:
    """A driver under supervision. `durable`: commits succeed at once; else they wait in `pending`."""

    broker: Broker
    maps: tuple[MapConfig, ...] = (BUTTON, MOTION)
    actions: tuple[ActionConfig, ...] = ()
    memories: dict[str, Any] = field(default_factory=dict)
    durable: bool = True
    reports: list[Report] = field(default_factory=list)
    pending: list[asyncio.Future[bool]] = field(default_factory=list)
    health: list[DriverHealth] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    supervisor: Supervisor | None = None
    driver: LocalMqttDriver | None = None

    def home(self) -> Home:
        return read_home(HOME)

    def make(self) -> LocalMqttDriver:
        host, port = self.broker.address
        config = LocalMqttConfig(enabled=True, **{"host": host, "port": port, "bridge_grace_s": 0.2, **self.options})
        return LocalMqttDriver(
            config, self.home(), gateway_id="gw-1", maps=self.maps, actions=self.actions, memories=self.memories,
            probe_s=1,
        )  # fmt: skip

    async def open(self, *, wait: bool = True) -> None:
        """Starts a driver, as a gateway that starts does: only the memory of the journal outlives the last one."""
        self.driver = self.make()
        policy = RestartPolicy(Limits(base_s=0.1, cap_s=0.2))
        self.supervisor = Supervisor(
            self.driver, self._emit, self.health.append, emit_durable=self._emit_durable, policy=policy
        )
        self.supervisor.start()
        if wait:
            await until(lambda: self.status.last_beat is not None, "connected and subscribed")

    async def close(self) -> None:
        assert self.supervisor is not None
        await self.supervisor.stop()

    @property
    def status(self) -> Any:
        assert self.supervisor is not None
        return self.supervisor.status()

    @property
    def counts(self) -> Counter[str]:
        return Counter(self.status.counters)

    def of(self, *kinds: Kind) -> list[Report]:
        return [r for r in self.reports if r.kind in kinds]

    def _emit(self, report: Report) -> None:
        self.reports.append(report)

    def _emit_durable(self, report: Report) -> asyncio.Future[bool]:
        self.reports.append(report)
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if self.durable:
            if report.memory is not None:
                self.memories[report.memory[0]] = report.memory[1]
            future.set_result(True)
        else:
            self.pending.append(future)
        return future


@asynccontextmanager
async def listening(ears: Ears) -> AsyncIterator[Ears]:
    """Runs a driver until the block ends."""
    await ears.open()
    try:
        yield ears
    finally:
        await ears.close()
