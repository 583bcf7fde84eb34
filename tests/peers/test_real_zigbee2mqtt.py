"""Zigbee from the air to the platform: our stick, the real Zigbee2MQTT, a real broker, the real gateway."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fake_znp import FakeZnp
from local_black_box import BlackBox
from local_broker import BASE, until
from real_zigbee2mqtt import RealZigbee2Mqtt, Zigbee2MqttMissing, install
from zigbee_device import ALARM_1, ALARM_2, RESTORE, ZigbeeDevice

from gateway.rules.inactivity.presence import LAG_MS
from gateway.runtime.control import request

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PATIENCE_S = 60.0
IN, OUT, BLIND = ("LEARNING", ""), ("OFF", "away"), ("UNAVAILABLE", "sensor_lost")
"""The inactivity rule of a new home while somebody is in, after the door was used, and without its sensors."""


@pytest.fixture
async def stick(tmp_path: Path) -> AsyncIterator[FakeZnp]:
    made = FakeZnp(tmp_path / "ttyZNP")
    made.plug()
    yield made
    made.unplug()


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[BlackBox]:
    made = BlackBox(tmp_path)
    made.outside.listen(f"{BASE}/#")
    yield made
    await asyncio.to_thread(made.stop)


@pytest.fixture
async def zigbee(tmp_path: Path, stick: FakeZnp, box: BlackBox) -> AsyncIterator[RealZigbee2Mqtt]:
    try:
        package = await asyncio.to_thread(install)
    except Zigbee2MqttMissing as error:
        pytest.skip(f"NOT RUN against the real Zigbee2MQTT: {error}")
    made = RealZigbee2Mqtt(package, tmp_path / "z2m", box.broker.port, stick.link)
    made.start()
    yield made
    await asyncio.to_thread(made.stop)


async def test_join_press_door_and_a_bridge_that_stops(stick: FakeZnp, box: BlackBox, zigbee: RealZigbee2Mqtt) -> None:
    def published(topic: str, *parts: bytes) -> bool:
        return any(t == f"{BASE}/{topic}" and all(p in b for p in parts) for t, b in list(box.outside.heard))

    def inactivity() -> tuple[str, str]:
        rule = box.status()["rules"]["inactivity"]
        return rule["status"], rule["reason"]

    await box.start()
    up = f"zigbee2mqtt takes requests; it said: {zigbee.log[-500:]}"
    await until(lambda: published("bridge/info"), up, 90)  # "online" is said earlier

    answer = await asyncio.to_thread(request, box.socket, {"op": "zigbee.permit_join", "seconds": 120})
    assert answer == {"ok": True, "seconds": 120}
    await until(lambda: stick.joining_s == 120, "the network is open")
    button = ZigbeeDevice("00124b0000000001", "sos", "SOS-EM")
    motion = ZigbeeDevice("00124b0000000002", "motion", "PIRSensor-N")
    door = ZigbeeDevice("00124b0000000003", "door", "DoorSensor-EM")
    for device in (button, motion, door):
        stick.join(device)
        done = f"Successfully {'interviewed' if device is motion else 'configured'} '0x{device.ieee}'"
        await until(lambda done=done: done in zigbee.log, done, PATIENCE_S)
    assert box.status()["alarms"] == []  # joining is no press

    stick.zone(button, ALARM_2)
    await until(box.raised, "the press is an alarm at the platform", PATIENCE_S)
    alarm = next(m for m in box.up() if m["state"] == "RAISED")
    assert (alarm["device"], alarm["room"], alarm["code"]) == ("sos", "bedroom", "CALL_FIXED")

    stick.zone(motion, ALARM_1)
    stick.zone(door, ALARM_1)
    stick.zone(door, ALARM_1)  # says the same again: no second opening
    stick.zone(door, RESTORE)
    await until(lambda: published(f"0x{door.ieee}", b'"contact":true'), "closed again", PATIENCE_S)

    def heard() -> list[tuple[str, object]]:
        rows = [r for r in box.events() if r.get("device") in ("door", "pir")]
        return [(r["kind"], r["value"]) for r in rows if r["kind"] in ("contact", "motion")]

    expected = [("motion", True), ("contact", "open"), ("contact", "closed")]
    await until(lambda: heard() == expected, "each once, in order", 20)

    await until(lambda: inactivity() == OUT, "out by the door: no silence to count")

    raised = box.raised()
    await asyncio.to_thread(zigbee.stop, signal.SIGTERM)  # says goodbye, and writes its cache
    await until(lambda: inactivity() == BLIND, "blind", PATIENCE_S)
    await until(lambda: box.told().get("DRIVER_BLIND zigbee2mqtt") == "RAISED", "and told")
    before = len(box.outside.heard)
    zigbee.start()
    await until(lambda: box.told().get("DRIVER_BLIND zigbee2mqtt") == "CLOSED", "seeing again, and told", PATIENCE_S)

    def cache_of(device: ZigbeeDevice) -> list[bytes]:
        return [b for t, b in box.outside.heard[before:] if t == f"{BASE}/0x{device.ieee}"]

    await until(lambda: cache_of(button) and cache_of(motion) and cache_of(door), "its whole cache, told as new")
    assert b'"occupancy":true' in cache_of(motion)[0]
    await until(lambda: inactivity() == OUT, "still out: that PIR of the cache was nobody who came home")
    stick.zone(door, ALARM_1)  # a word of its own after it
    expected.append(("contact", "open"))
    await until(lambda: heard() == expected, "that and nothing of the cache", 20)
    assert box.raised() == raised
    stick.zone(button, ALARM_2)
    await until(
        lambda: box.status()["alarms"][0]["presses"] == 2 or len(box.raised()) == 2, "the next press", PATIENCE_S
    )
    await asyncio.sleep(LAG_MS / 1000 + 1)  # so long what moves still belongs to the passage of the door
    stick.zone(motion, RESTORE)
    stick.zone(motion, ALARM_1)
    await until(lambda: inactivity() == IN, "somebody is at home again, and watched over", PATIENCE_S)

    await asyncio.to_thread(zigbee.stop, signal.SIGKILL)  # no goodbye: its will speaks
    await until(lambda: inactivity() == BLIND, "blind again", PATIENCE_S)
