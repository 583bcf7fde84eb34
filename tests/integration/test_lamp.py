"""The lamp, and the device that was pressed."""

from __future__ import annotations

from voice_room import say

from gateway.actions import AckDevice, Lamp
from gateway.channels.lamp import LampChannel, LocalLamp
from gateway.channels.port import Delivered, NotDelivered


async def test_the_lamp_shows_what_it_was_told() -> None:
    shown: list[str] = []
    lamp = LocalLamp(shown.append)
    channel = LampChannel(lamp)
    for pattern in ("calling", "sent", "accepted", "off"):
        assert await channel.carry(Lamp("k", pattern)) == Delivered()
    assert shown == ["calling", "sent", "accepted", "off"]
    assert isinstance(await channel.carry(Lamp("k", "disco")), NotDelivered)
    assert lamp.pattern == "off"


async def test_a_device_is_answered_only_where_its_link_can() -> None:
    one_way = LampChannel(LocalLamp())
    assert await one_way.carry(AckDevice("k", "d1")) == NotDelivered("d1: its link has no way back", None)
    answered: list[str] = []

    async def acknowledge(device: str) -> bool:
        answered.append(device)
        return device == "d1"

    two_way = LampChannel(LocalLamp(), acknowledge)
    assert await two_way.carry(AckDevice("k", "d1")) == Delivered()
    assert await two_way.carry(AckDevice("k", "d2")) == NotDelivered("d2: did not take the answer", None)
    assert answered == ["d1", "d2"]
    assert isinstance(await two_way.carry(say("V05")), NotDelivered)
