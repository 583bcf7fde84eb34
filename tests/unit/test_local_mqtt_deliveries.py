"""What stands for a message without a name of its own, and when the broker may forget one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.drivers.local_mqtt import acks
from gateway.drivers.local_mqtt.acks import HELD, Acks
from gateway.drivers.local_mqtt.deliveries import MAX_REMEMBERED, Deliveries
from gateway.drivers.local_mqtt.heard import Message
from gateway.drivers.local_mqtt.payload import delivery, identity

PRESS = Message("home/button", b"press", mid=1)
AGAIN = Message("home/button", b"press", mid=1, dup=True)


def test_the_same_id_on_another_connection_is_another_press() -> None:
    deliveries = Deliveries()
    first = deliveries.number(PRESS)
    assert deliveries.told(PRESS) == first
    deliveries.connected()
    second = deliveries.number(PRESS)
    assert second != first
    assert delivery("home/button", 1, b"press", first) != delivery("home/button", 1, b"press", second)


def test_what_the_broker_repeats_is_the_press_it_was() -> None:
    deliveries = Deliveries()
    first = deliveries.told(PRESS)
    deliveries.connected()
    assert deliveries.told(Message("home/button", b"press", mid=2)) != first, "another press, and then the repetition"
    assert deliveries.number(AGAIN) == first


def test_after_our_restart_what_is_repeated_came_on_the_last_connection() -> None:
    before = Deliveries()
    kept = before.told(PRESS)
    assert kept is not None
    after = Deliveries(kept)
    assert after.number(AGAIN) == kept
    assert after.number(PRESS) == kept + 1, "not marked: the broker forgot its count in the same power cut"


def test_only_a_connection_that_told_something_is_written_down() -> None:
    deliveries = Deliveries(4)
    for _ in range(3):
        deliveries.connected()
    assert deliveries.told(PRESS) == 5
    assert deliveries.told(Message("home/button", b"press", mid=2)) is None


@pytest.mark.parametrize("memory", [None, True, -1, 10**30, "7", [], {"a": 1}, 1.5])
def test_a_memory_that_is_no_number_begins_anew(memory: Any) -> None:
    assert Deliveries(memory).number(PRESS) == 1


def test_what_is_remembered_is_bounded() -> None:
    deliveries = Deliveries()
    for mid in range(1, 3 * MAX_REMEMBERED):
        deliveries.told(Message("home/button", b"press", mid=mid))
    assert len(deliveries._told) == MAX_REMEMBERED


def test_a_key_is_one_a_recording_takes_however_long_its_topic() -> None:
    topic = "home/" + "x" * 60_000
    for key in (delivery(topic, 65_535, b"press", 1 << 52), identity(topic, "y" * 500), identity("a" * 140, "z" * 40)):
        assert key is not None
        assert len(key) <= 200
    assert identity(topic, 7) != identity(topic + "x", 7)


# ---- when it may be forgotten


class Desk:
    """What the broker was told."""

    def __init__(self) -> None:
        self.confirmed: list[int] = []
        self.counted: list[str] = []
        self.acks = Acks(self.confirmed.append, self.counted.append)

    def settle(self, mid: int, commits: int = 1) -> list[asyncio.Future[bool]]:
        made = [asyncio.get_running_loop().create_future() for _ in range(commits)]
        self.acks.settle(mid, made)
        return made


async def test_a_message_is_confirmed_by_its_last_commit() -> None:
    desk = Desk()
    first, second = desk.settle(1, commits=2)
    second.set_result(True)
    await asyncio.sleep(0)
    assert desk.confirmed == []
    first.set_result(True)
    await asyncio.sleep(0)
    assert desk.confirmed == [1]


async def test_a_late_commit_does_not_confirm_the_next_message_of_the_same_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk hangs, the oldest are confirmed to make room, and the broker gives their ids again."""
    monkeypatch.setattr(acks, "STUCK_S", 0.0)
    desk = Desk()
    (stuck,) = desk.settle(1)
    for mid in range(2, HELD + 2):
        desk.settle(mid)
    desk.acks._make_room()  # as its timer does
    assert desk.confirmed == [1]
    (press,) = desk.settle(1)
    stuck.set_result(True)
    await asyncio.sleep(0)
    assert desk.confirmed.count(1) == 1, "the press is not committed yet"
    desk.acks.close()
    press.cancel()
