"""The local MQTT driver against a real mosquitto: what is delivered twice, lost, retained, malformed or silent."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_broker import (
    BASE,
    BUTTON,
    HOME,
    MOTION,
    PIR_IEEE,
    SOS_IEEE,
    Ears,
    Somebody,
    listed,
    listening,
    until,
    written,
)

from gateway.config import LocalMqttConfig, MapConfig
from gateway.demo.broker import Broker, ServerTls, free_port
from gateway.demo.pki import Pki
from gateway.drivers.local_mqtt.connection import MAX_UNSETTLED
from gateway.drivers.local_mqtt.driver import LocalMqttDriver
from gateway.drivers.port import DriverContext, DriverFault
from gateway.home.model import read_home
from gateway.observations import WAY_IS_BACK, Kind

EIGHT_KINDS_OF_NONSENSE = {
    "not UTF-8": b"\xff\xfe\x00",
    "not JSON": b"{press",
    "empty": b"",
    "null": b"null",
    "a list": b"[1, 2]",
    "wrong type": b'{"id": {"a": [1]}}',
    "300 KB": b'{"id": "' + b"x" * 300_000 + b'"}',
    "50,000 deep": b"[" * 50_000,
}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker(tmp_path / "broker", durable=True, extra=("message_size_limit 0",))
    made.start()
    yield made
    made.kill()


@pytest.fixture
def device(broker: Broker) -> Iterator[Somebody]:
    made = Somebody(broker)
    yield made
    made.close()


@pytest.mark.parametrize("version", [5, 3])
async def test_a_press_is_acknowledged_only_after_its_commit(broker: Broker, device: Somebody, version: int) -> None:
    ears = Ears(broker, options={"version": version}, durable=False)
    async with listening(ears):
        device.say("home/button", {"id": 7, "action": "press"})
        await until(lambda: ears.of(Kind.BUTTON), "the press")
    assert [r.key for r in ears.of(Kind.BUTTON)] == ["mqtt:home/button:7"]
    ears.durable = True  # died before the commit: it comes again
    async with listening(ears):
        await until(lambda: len(ears.of(Kind.BUTTON)) == 2, "the press again")
        device.say("home/button", {"id": 8})
        await until(lambda: len(ears.of(Kind.BUTTON)) == 3, "the next press")
    async with listening(ears):  # committed and acknowledged: not again
        device.say("home/button", {"id": 9})
        await until(lambda: len(ears.of(Kind.BUTTON)) == 4, "the press after")
    ids = [str(r.key).rpartition(":")[2] for r in ears.of(Kind.BUTTON)]
    assert ids == ["7", "7", "8", "9"]


@pytest.mark.parametrize("version", [5, 3])
async def test_what_is_said_while_we_are_away_waits_for_us(broker: Broker, device: Somebody, version: int) -> None:
    ears = Ears(broker, options={"version": version})
    async with listening(ears):
        pass
    for n in range(300):
        device.say("home/button", {"id": n})
    async with listening(ears):
        await until(lambda: len(ears.of(Kind.BUTTON)) == 300, "every press")
    assert [r.key for r in ears.of(Kind.BUTTON)] == [f"mqtt:home/button:{n}" for n in range(300)]


async def test_the_broker_keeps_what_we_have_no_room_for(broker: Broker, device: Somebody) -> None:
    ears = Ears(broker, durable=False)
    async with listening(ears):
        for n in range(600):
            device.say("home/button", {"id": n})
        await until(lambda: len(ears.pending) == 20, "the window")
        most = 0
        for _ in range(600):
            await until(lambda: ears.pending, "the next one")
            most = max(most, len(ears.pending))
            ears.pending.pop(0).set_result(True)
    assert len(ears.of(Kind.BUTTON)) == 600
    assert most <= MAX_UNSETTLED


async def test_a_disk_that_hangs_does_not_make_us_deaf(broker: Broker, device: Somebody) -> None:
    ears = Ears(broker, durable=False)  # no commit ever ends
    async with listening(ears):
        for n in range(300):
            device.say("home/button", {"id": n})
        await until(lambda: len(ears.of(Kind.BUTTON)) == 300, "every press is acted upon from memory")
        await until(lambda: ears.counts["acknowledged_uncommitted"] == 290, "but the newest ten")
    again = Ears(broker)
    async with listening(again):  # the newest are still the broker's
        await until(lambda: len(again.of(Kind.BUTTON)) == 10, "what was held")


async def test_a_commit_that_is_given_up_leaves_the_message_with_the_broker(broker: Broker, device: Somebody) -> None:
    ears = Ears(broker, durable=False)
    async with listening(ears):
        device.say("home/button", {"id": 1})
        await until(lambda: ears.pending, "the press")
        ears.pending[0].set_result(False)
    ears.durable = True
    async with listening(ears):
        await until(lambda: len(ears.of(Kind.BUTTON)) == 2, "the press again")


async def test_a_broker_killed_before_the_commit_delivers_again(broker: Broker, device: Somebody) -> None:
    ears = Ears(broker, durable=False)
    async with listening(ears):
        device.say("home/button", {"id": 7})
        device.say(f"{BASE}/{SOS_IEEE}", {"action": "single"})
        await until(lambda: len(ears.of(Kind.BUTTON)) == 2, "both presses")
        await written(broker)
        broker.kill()
        await until(lambda: ears.counts["fault"], "the driver notices")
        broker.start()
        ears.durable = True
        await until(lambda: len(ears.of(Kind.BUTTON)) == 4, "both again")
    first, second = [r.key for r in ears.of(Kind.BUTTON)][:2], [r.key for r in ears.of(Kind.BUTTON)][2:]
    assert first == second  # by the identity it was given, or by the broker's own number: the same press


async def test_a_broker_that_counts_anew_swallows_no_press(tmp_path: Path) -> None:
    """Without persistence the first message after each start has the id of the last press, and the same bytes."""
    broker = Broker(tmp_path / "forgetful")
    ears = Ears(broker)

    async def press(count: int) -> None:
        device = Somebody(broker)
        try:
            device.say("home/button", b'"press"')
            await until(lambda: len(ears.of(Kind.BUTTON)) == count, f"press {count}")
        finally:
            device.close()

    broker.start()
    try:
        async with listening(ears):
            await press(1)
            broker.kill()
            await until(lambda: ears.counts["fault"], "the driver notices")
            before = ears.status.last_beat
            broker.start()
            await until(lambda: ears.status.last_beat > before, "and is back")
            await press(2)
        broker.kill()  # power gone, for the gateway too
        broker.start()
        async with listening(ears):
            await press(3)
    finally:
        broker.kill()
    keys = [r.key for r in ears.of(Kind.BUTTON)]
    assert len(set(keys)) == 3, keys


@pytest.mark.parametrize("what", EIGHT_KINDS_OF_NONSENSE)
async def test_nonsense_is_counted_and_stands_in_nobodys_way(broker: Broker, device: Somebody, what: str) -> None:
    ears = Ears(broker)
    async with listening(ears):
        for topic in ("home/button", f"{BASE}/{SOS_IEEE}", f"{BASE}/bridge/devices", f"{BASE}/bridge/state"):
            device.say(topic, EIGHT_KINDS_OF_NONSENSE[what])
        device.say("home/button", {"id": 1})
        await until(lambda: ears.of(Kind.BUTTON), "the press behind it")
        words = ("not_utf8", "not_json", "wrong_type", "too_long", "too_deep")
        assert sum(ears.counts[w] for w in words) >= 3, ears.counts  # a list is what bridge/devices carries
    assert [r.key for r in ears.of(Kind.BUTTON)] == ["mqtt:home/button:1"]
    # mosquitto reads a packet a turn; who takes a session over before it has read the last ones has them come again
    await until(lambda: "Received DISCONNECT from hearthwatch-gw-1" in broker.log, "all our words are read")
    async with listening(ears):  # what was left with the broker comes before what is said now: no nonsense
        device.say("home/button", {"id": 2})
        await until(lambda: ears.of(Kind.BUTTON)[-1].key == "mqtt:home/button:2", "the press after")
        assert sum(ears.counts[w] for w in words) == 0
    assert {r.key for r in ears.of(Kind.BUTTON)} == {"mqtt:home/button:1", "mqtt:home/button:2"}


async def test_retained_state_at_connect_is_no_event(broker: Broker, device: Somebody) -> None:
    known = listed(("sos", SOS_IEEE, "HS1EB/HS1EB-E"), ("pir", PIR_IEEE, "PIR"))
    device.say(f"{BASE}/bridge/devices", known, retain=True)
    device.say(f"{BASE}/bridge/state", {"state": "online"}, retain=True)
    device.say(f"{BASE}/sos", {"action": "emergency", "battery": 90}, retain=True)
    device.say(f"{BASE}/pir", {"occupancy": True}, retain=True)
    device.say(f"{BASE}/leak", {"water_leak": True}, retain=True)
    device.say("home/button", {"id": 1}, retain=True)
    device.say("home/motion", {"value": True}, retain=True)
    ears = Ears(broker)
    async with listening(ears):
        await until(lambda: ears.counts["retained"] >= 3, "all of it came")
        device.say("home/motion", {"value": True})
        await until(lambda: ears.of(Kind.MOTION), "what was said after all of it")
        assert [r.device for r in ears.of(Kind.BUTTON, Kind.MOTION, Kind.FLOOD)] == ["hall"], "that, and nothing else"
        ears.reports.clear()
        device.say(f"{BASE}/pir", {"occupancy": True, "linkquality": 9})  # repeats: a sign of life
        device.say(f"{BASE}/pir", {"occupancy": False})
        device.say(f"{BASE}/pir", {"occupancy": True})
        device.say(f"{BASE}/leak", {"water_leak": True})  # live for the first time: told, whatever was retained
        device.say(f"{BASE}/leak", {"water_leak": True, "battery": 70})
        device.say(f"{BASE}/sos", {"action": "emergency"})
        await until(lambda: ears.of(Kind.BUTTON), "the press")
    assert [(r.kind, r.value, r.device) for r in ears.of(Kind.MOTION, Kind.FLOOD, Kind.BUTTON)] == [
        (Kind.MOTION, False, "pir"),
        (Kind.MOTION, True, "pir"),
        (Kind.FLOOD, True, "leak"),
        (Kind.BUTTON, "press", "sos"),
    ]


async def test_our_restart_neither_makes_an_event_nor_swallows_one(broker: Broker, device: Somebody) -> None:
    ears = Ears(broker)
    async with listening(ears):
        device.say(f"{BASE}/door", {"contact": False})
        await until(lambda: ears.of(Kind.CONTACT), "open")
    async with listening(ears):
        device.say(f"{BASE}/door", {"contact": False, "battery": 80})  # the same cached state, for its battery
        device.say(f"{BASE}/door", {"contact": True})
        await until(lambda: len(ears.of(Kind.CONTACT)) == 2, "closed")
    assert [r.value for r in ears.of(Kind.CONTACT)] == ["open", "closed"]


async def test_a_bridge_offline_is_blindness_of_its_devices(broker: Broker, device: Somebody) -> None:
    device.say(f"{BASE}/bridge/state", {"state": "online"}, retain=True)
    ears = Ears(broker)

    def seen() -> list[tuple[str | None, object]]:
        return [(r.device, r.value) for r in ears.of(Kind.SEEN) if r.device in ("sos", "pir")]

    def condition() -> list[object]:
        return [r.value["on"] for r in ears.of(Kind.CONDITION)]

    async with listening(ears):
        await until(lambda: condition() == [False], "online")
        ears.reports.clear()
        device.say(f"{BASE}/bridge/state", {"state": "offline"}, retain=True)
        await until(lambda: seen() == [("sos", False), ("pir", False)], "blind")
        assert condition() == [True]
        device.say(f"{BASE}/bridge/state", {"state": "online"}, retain=True)
        await until(lambda: seen()[2:] == [("sos", WAY_IS_BACK), ("pir", WAY_IS_BACK)], "back")
        assert condition() == [True, False]
        assert ears.driver is not None
        assert set(ears.driver.devices) == {"bedside", "hall", "sos", "pir", "door", "leak"}


async def test_a_short_restart_of_the_bridge_blinds_nobody(broker: Broker, device: Somebody) -> None:
    ears = Ears(broker, options={"bridge_grace_s": 30})
    async with listening(ears):
        device.say(f"{BASE}/bridge/state", {"state": "online"})
        device.say(f"{BASE}/bridge/state", {"state": "offline"})
        device.say(f"{BASE}/bridge/state", {"state": "online"})
        device.say("home/button", {"id": 1})
        await until(lambda: ears.of(Kind.BUTTON), "all heard")
    assert [r for r in ears.of(Kind.SEEN) if r.value is False] == []


async def test_a_bridge_that_never_said_a_word_is_blind(broker: Broker) -> None:
    ears = Ears(broker)
    async with listening(ears):
        await until(lambda: [r for r in ears.of(Kind.SEEN) if r.value is False and r.device == "sos"], "blind")


async def test_presses_that_waited_are_known_by_name_before_the_list_of_devices_comes(
    broker: Broker, device: Somebody
) -> None:
    device.say(f"{BASE}/bridge/devices", listed(("床头呼叫", SOS_IEEE, "HS1EB/HS1EB-E")), retain=True)
    ears = Ears(broker)
    async with listening(ears):
        await until(lambda: "zigbee2mqtt:devices" in ears.memories, "the list")
    device.say(f"{BASE}/床头呼叫", {"action": "double"})
    async with listening(ears):
        await until(lambda: ears.of(Kind.BUTTON), "the press")
    assert ears.of(Kind.BUTTON)[0].device == "sos"


async def test_permit_join_asks_and_waits_for_the_answer(broker: Broker, device: Somebody) -> None:
    ears = Ears(broker)
    async with listening(ears):
        assert ears.driver is not None
        device.listen(
            f"{BASE}/bridge/request/permit_join",
            lambda body: (f"{BASE}/bridge/response/permit_join", {"data": body, "status": "ok"}),
        )
        await ears.driver.permit_join(120)
        assert [b for t, b in device.heard] == [b'{"time": 120}']
        with pytest.raises(DriverFault, match="expected 0 to 180"):
            await ears.driver.permit_join(181)
        device.listen(
            f"{BASE}/bridge/request/permit_join",
            lambda _: (f"{BASE}/bridge/response/permit_join", {"status": "error", "error": "no stick"}),
        )
        with pytest.raises(DriverFault, match="refused: no stick"):
            await ears.driver.permit_join(0)
    with pytest.raises(DriverFault, match="not connected"):
        await ears.driver.permit_join(10)


async def test_no_broker_is_a_fault_that_says_what_to_look_at() -> None:
    config = LocalMqttConfig(enabled=True, port=free_port())
    driver = LocalMqttDriver(config, read_home(HOME), gateway_id="g", maps=(BUTTON,))
    context = DriverContext(lambda _: None, lambda: None, lambda _: None)
    with pytest.raises(DriverFault, match=r"broker 127.0.0.1:\d+: Connection refused; is it running"):
        await asyncio.wait_for(driver.run(context), 30)
    nothing = LocalMqttDriver(LocalMqttConfig(zigbee2mqtt=""), read_home(HOME), gateway_id="g")
    with pytest.raises(DriverFault, match="nothing to listen to"):
        await nothing.run(context)


async def test_tls_and_a_stranger_in_the_brokers_place(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    server, client = pki.server(), pki.client("gw-1")
    broker = Broker(tmp_path / "broker", tls=ServerTls(pki.ca, server.cert, server.key))
    broker.start()
    try:
        good = {"ca": str(pki.ca), "cert": str(client.cert), "key": str(client.key)}
        ears = Ears(broker, options=good)
        async with listening(ears):
            assert ears.status.last_beat is not None
        stranger = Pki(tmp_path / "stranger")
        ears = Ears(broker, options={"ca": str(stranger.ca)})
        await ears.open(wait=False)
        await until(lambda: "certificate was not accepted" in ears.status.reason, "refused")
        await ears.close()
        ears = Ears(broker, options={**good, "ca": str(tmp_path / "nowhere")})
        await ears.open(wait=False)
        await until(lambda: "No such file" in ears.status.reason, "named")
        await ears.close()
    finally:
        broker.kill()


async def test_a_silent_home_is_no_dead_broker_and_a_dead_broker_is_noticed(broker: Broker) -> None:
    ears = Ears(broker, maps=(BUTTON, MOTION, MapConfig(topic="tele/+/STATE", kind="seen", device_field="Dev")))
    async with listening(ears):
        first = ears.status.last_beat
        await until(lambda: ears.status.last_beat > first + 1, "the broker answers probes")
        assert ears.counts["fault"] == 0
        broker.kill()
        await until(lambda: ears.health and ears.health[-1].state == "BLIND", "people are told")
        broker.start()
        await until(lambda: ears.health[-1].state == "UP", "and back")
        assert [r.value for r in ears.of(Kind.SEEN) if r.device == "bedside"][-1] == WAY_IS_BACK


@pytest.mark.slow
async def test_a_broker_that_hangs_is_noticed_by_its_silence(broker: Broker) -> None:
    ears = Ears(broker, options={"keepalive_s": 5})
    async with listening(ears):
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            await until(lambda: ears.counts["fault"], "twice the keepalive")
        finally:
            os.kill(broker.pid, signal.SIGCONT)
