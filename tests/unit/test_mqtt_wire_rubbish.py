"""A broker that says anything at all: the connection ends, once, and whoever listens hears messages or nothing.

The bytes are MQTT packets with changes in them, read by paho's decoders behind our wire, in both versions we speak.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from test_mqtt_wire import CONNACK, House, ended

CONNECTIONS = 40
FIVE, THREE = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
PACKETS = {
    THREE: (
        b"\x32\x0c\x00\x04home\x00\x07press", b"\x30\x05\x00\x01ax!", b"\x40\x02\x00\x01", b"\x90\x03\x00\x02\x01",
        b"\xb0\x02\x00\x03", b"\xd0\x00", b"\x34\x07\x00\x01a\x00\x09hi", b"\x62\x02\x00\x09", CONNACK,
    ),
    FIVE: (
        b"\x32\x0d\x00\x04home\x00\x07\x00press", b"\x30\x0b\x00\x01a\x05\x02\x00\x00\x00\x3cx!",
        b"\x40\x03\x00\x01\x10", b"\x40\x04\x00\x01\x80\x00", b"\x90\x04\x00\x02\x00\x01",
        b"\xb0\x04\x00\x03\x00\x00", b"\xe0\x02\x8b\x00", b"\xe0\x0a\x8b\x08\x1f\x00\x05later",
        b"\x20\x06\x00\x00\x03\x21\x00\x14", b"\xf0\x02\x18\x00",
    ),
}  # fmt: skip


class AnyHouse(House):
    """A near end of either version."""

    def __init__(self, port: int, version: MQTTProtocolVersion) -> None:
        super().__init__(port)
        self.version = version

    def make(self, kind: type[Any]) -> tuple[Any, dict[str, Any]]:
        client = kind(  # as our two users of the wire make it: else paho connects anew inside of a refused CONNACK
            CallbackAPIVersion.VERSION2,
            client_id="test",
            manual_ack=True,
            protocol=self.version,
            reconnect_on_failure=False,
        )
        client.on_message = lambda _c, _d, message: self.wire.tell(self.hear, message.mid)
        return client, {}


def spoiled(version: MQTTProtocolVersion, rng: random.Random) -> bytes:
    """Up to six packets with up to four octets of them changed, left out or put in."""
    wire = bytearray(b"".join(rng.choice(PACKETS[version]) for _ in range(rng.randint(1, 6))))
    for _ in range(rng.randint(0, 4)):
        at = rng.randrange(len(wire))
        match rng.randrange(3):
            case 0:
                wire[at] ^= 1 << rng.randrange(8)
            case 1:
                del wire[at : at + 1]
            case _:
                wire[at:at] = rng.randbytes(1)
        if not wire:
            break
    return bytes(wire)


@pytest.mark.parametrize("version", [THREE, FIVE], ids=["3.1.1", "5"])
async def test_whatever_a_broker_says_the_connection_ends_once(version: MQTTProtocolVersion) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    rng = random.Random(seed)
    greeting = b"\x20\x03\x00\x00\x00" if version is FIVE else CONNACK
    said = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(greeting + said)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        for _ in range(CONNECTIONS):
            said = spoiled(version, rng)
            print(said.hex())
            house = AnyHouse(server.sockets[0].getsockname()[1], version)
            house.wire.start()
            await ended(house)
            assert len(house.ended) == 1
            assert all(isinstance(told, int) for told in house.told)
