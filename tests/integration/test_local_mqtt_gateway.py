"""The gateway as a black box between two brokers: `home/button` goes in, `hw/v1/…/up/alarm` comes out. No radio, no
modem; the real command in a process of its own, killed where it hurts."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from local_black_box import BlackBox
from local_broker import BASE, until, written

from gateway.runtime.control import request


def replayed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What `hearthwatch replay` makes of it."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli.main", "replay", "-"],
        input="\n".join(map(json.dumps, rows)), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def keys_of_presses(rows: list[dict[str, Any]]) -> list[str]:
    return [str(row.get("key")) for row in rows if row.get("kind") == "button"]


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[BlackBox]:
    made = BlackBox(tmp_path)
    yield made
    await asyncio.to_thread(made.stop)


async def test_a_press_on_a_topic_is_an_alarm_at_the_platform(box: BlackBox) -> None:
    await box.start()
    box.outside.say("home/button", {"id": 7, "action": "press"})
    await until(box.raised, "the alarm")
    alarm = next(m for m in box.up() if m["state"] == "RAISED")
    assert (alarm["code"], alarm["device"], alarm["room"], alarm["severity"]) == (
        "CALL_FIXED", "bedside", "bedroom", "P0",
    )  # fmt: skip
    box.outside.say("home/button", {"id": 7, "action": "press"})  # the same press, told twice
    box.outside.say("home/button", {"id": 8, "action": "double"})
    await until(lambda: box.status()["alarms"][0]["presses"] == 2, "two presses")
    assert box.raised() == [alarm["alarm"]]
    rows = box.events()
    assert "mqtt:home/button:7" in json.dumps(rows[1:])
    told = replayed(rows)
    assert next(r for r in told if r.get("state") == "DETECTED")["evidence"]["key"] == "mqtt:home/button:7"


async def test_killed_in_a_flow_of_presses_nothing_is_lost_and_nothing_counts_twice(box: BlackBox) -> None:
    await box.start()
    for n in range(40):
        box.outside.say("home/button", {"id": n})
        if n in (10, 20, 30):
            box.kill()
            box.launch()
    await until(box.listens, "up again")
    await until(lambda: box.status()["alarms"][0]["presses"] == 40, "each press once")
    keys = keys_of_presses(box.events())
    assert {k.rpartition(":")[2] for k in keys} == {str(n) for n in range(40)}
    assert len(box.raised()) == 1


async def test_presses_while_the_gateway_is_off_are_heard_when_it_starts(box: BlackBox) -> None:
    await box.start()
    await asyncio.to_thread(box.kill)
    box.outside.say("home/button", {"id": 1})
    box.outside.say(f"{BASE}/sos", {"action": "emergency"})
    box.launch()
    await until(lambda: len(box.raised()) == 2, "both alarms")


async def test_a_broker_killed_in_the_middle_loses_no_press(box: BlackBox) -> None:
    await box.start()
    box.outside.say("home/button", {"id": 1})
    await until(box.raised, "the first")
    assert box.child is not None
    os.kill(box.child.pid, signal.SIGSTOP)  # the gateway is busy elsewhere while the broker takes a press and dies
    box.outside.say("home/button", {"id": 2})
    await written(box.broker)
    box.broker.kill()
    os.kill(box.child.pid, signal.SIGCONT)
    box.broker.start()
    await until(lambda: box.status().get("alarms", [{}])[0].get("presses") == 2, "the second")


async def test_a_bridge_offline_makes_the_rule_unavailable_and_the_platform_hears_it(box: BlackBox) -> None:
    box.outside.say(f"{BASE}/bridge/state", {"state": "online"}, retain=True)
    await box.start()

    assert box.status()["rules"]["inactivity"]["status"] == "LEARNING"
    box.outside.say(f"{BASE}/bridge/state", {"state": "offline"}, retain=True)
    await until(lambda: box.status()["rules"]["inactivity"]["status"] == "UNAVAILABLE", "unavailable")
    await until(lambda: box.told().get("RULE_UNAVAILABLE inactivity") == "RAISED", "told")
    await until(lambda: box.told().get("DRIVER_BLIND zigbee2mqtt") == "RAISED", "told why")
    box.outside.say(f"{BASE}/bridge/state", {"state": "online"}, retain=True)
    await until(lambda: box.told().get("RULE_UNAVAILABLE inactivity") == "CLOSED", "armed again")
    await until(lambda: box.told().get("DEVICE_RESTORED pir") == "CLOSED", "and its witness")


async def test_retained_messages_at_start_raise_nothing(box: BlackBox) -> None:
    box.outside.say("home/button", {"id": 1}, retain=True)
    box.outside.say(f"{BASE}/sos", {"action": "emergency"}, retain=True)
    await box.start()
    box.outside.say("home/motion", {"id": 1})
    await until(lambda: _counter(box, "retained") == 2, "both came")
    assert box.status()["alarms"] == []


async def test_permit_join_over_the_local_socket(box: BlackBox) -> None:
    await box.start()
    refused = await asyncio.to_thread(request, box.socket, {"op": "zigbee.permit_join", "seconds": 300})
    assert refused == {"ok": False, "error": "permit_join: expected 0 to 180 seconds, found 300"}
    box.outside.listen(
        f"{BASE}/bridge/request/permit_join",
        lambda body: (f"{BASE}/bridge/response/permit_join", {"data": body, "status": "ok"}),
    )
    assert (await asyncio.to_thread(request, box.socket, {"op": "zigbee.permit_join", "seconds": 60}))["ok"]


def _counter(box: BlackBox, name: str) -> int:
    rows = [d for d in box.status()["drivers"] if d["name"] == "local_mqtt"]
    return int(rows[0]["counters"].get(name, 0))


async def test_doctor_says_what_would_cost_a_press(box: BlackBox) -> None:
    def findings() -> dict[str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "gateway.cli.main", "doctor", "--json", "--config", str(box.config)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return {f["what"]: f["level"] for f in json.loads(done.stdout)["checks"]}

    await box.start()
    assert findings()["local broker"] == "OK"
    box.outside.say(f"{BASE}/sos", {"action": "single"}, qos=0)
    await until(box.raised, "heard all the same")
    assert findings()["zigbee2mqtt"] == "WARN"
    box.broker.kill()
    assert await asyncio.to_thread(lambda: findings()["local broker"]) == "FAIL"
