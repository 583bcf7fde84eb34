"""What the tests on real wires live in: a whole house, a home with a voice, a broker, a new directory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import err, hearthwatch
from modem_house import House
from voice_room import MakeRoom, Room

from gateway.channels.voice import Speaker
from gateway.demo.broker import Broker
from gateway.demo.fake_bluez import FakeBluez
from gateway.demo.house import VirtualHouse
from gateway.demo.private_bus import PrivateBus
from gateway.demo.virtual_modem import VirtualModem
from gateway.drivers.ble.scanner import drop_bleak_connection


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[VirtualHouse]:
    """A gateway of its own process with all its wires, up; it asks for one second before it sends."""
    made = VirtualHouse(tmp_path, pre_alarm_s=1)
    try:
        await made.start()
        yield made
    finally:
        await made.stop()


@pytest.fixture
async def modem(tmp_path: Path) -> AsyncIterator[VirtualModem]:
    """A modem at the far end of a pty."""
    made = VirtualModem(tmp_path / "ttyModem")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def home(modem: VirtualModem) -> AsyncIterator[House]:
    """What a gateway would hear and ask of that modem's driver, up."""
    made = House(modem)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def make_room(tmp_path: Path) -> AsyncIterator[MakeRoom]:
    rooms: list[Room] = []

    def make(speaker: Speaker | None = None, **settings: Any) -> Room:
        rooms.append(Room(tmp_path, speaker, **settings))
        return rooms[-1]

    yield make
    for room in rooms:
        await room.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker(tmp_path / "broker")
    made.start()
    yield made
    made.kill()


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A directory as `init` leaves it."""
    directory = tmp_path / "gw"
    done = hearthwatch("init", directory)
    assert done.returncode == 0, err(done)
    return directory


@pytest.fixture(scope="module")
def bus() -> Iterator[PrivateBus]:
    """One D-Bus for the module: its address is a variable of the whole process."""
    with pytest.MonkeyPatch.context() as patch, PrivateBus() as private:
        patch.setenv("DBUS_SYSTEM_BUS_ADDRESS", private.address)
        yield private


@pytest.fixture
async def bluez(bus: PrivateBus) -> AsyncIterator[FakeBluez]:
    """An org.bluez of ours on that bus, with one adapter."""
    fake = await FakeBluez(bus.address).start()
    yield fake
    await drop_bleak_connection()  # bleak keeps one for each loop, and each test has a loop
    await fake.stop()
