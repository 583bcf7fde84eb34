"""What the Bluetooth driver hears: bleak's real BlueZ backend over a real D-Bus; only org.bluez behind it is ours."""

from __future__ import annotations

from typing import Any

import pytest
from ble_ears import CALL, CANCEL, DOOR, KEY, SEALED, STRANGER, devices_on_air, listening

from gateway.demo.fake_bluez import FakeBluez, VirtualBthomeDevice
from gateway.drivers.ble.driver import BleDriver
from gateway.home.model import Home, read_home
from gateway.observations import Kind


@pytest.fixture
def home() -> Home:
    return devices_on_air()


async def test_a_press_becomes_a_report_with_its_own_name_and_memory(bluez: FakeBluez, home: Home) -> None:
    button = VirtualBthomeDevice(CALL)
    async with listening(BleDriver(home), bluez) as (ears, _):
        bluez.advertise(CALL, button.button("press"))
        battery, press = await ears.report(), await ears.report()
        assert (battery.kind, battery.value, battery.memory) == (Kind.BATTERY, 100, None)
        assert (press.kind, press.value, press.device, press.key) == (Kind.BUTTON, "press", "bath", "ble:bath:1:2")
        assert press.memory is not None
        assert press.memory[0] == "ble:bath"
        assert ears.beats == 1
        assert "RegisterMonitor" in bluez.calls
        assert "StartDiscovery" not in bluez.calls


@pytest.mark.parametrize("active", [False, True])
async def test_a_sealed_press_is_heard_in_either_mode(bluez: FakeBluez, home: Home, active: bool) -> None:
    button = VirtualBthomeDevice(SEALED, KEY, counter=5000)
    async with listening(BleDriver(home, active=active), bluez) as (ears, _):
        bluez.advertise(SEALED, button.button("double"))
        press = await ears.reports_of(Kind.BUTTON)
        assert (press.value, press.device, press.key) == ("double", "pendant", "ble:pendant:5001:2")
        assert ("StartDiscovery" in bluez.calls) is active


async def test_a_button_without_flags_is_heard_by_its_service_data(bluez: FakeBluez, home: Home) -> None:
    async with listening(BleDriver(home), bluez) as (ears, _):
        assert not bluez.advertise(STRANGER, flags=0x03)  # fits no pattern: BlueZ keeps it to itself
        assert bluez.advertise(CALL, VirtualBthomeDevice(CALL).button(), flags=None)
        assert (await ears.reports_of(Kind.BUTTON)).device == "bath"


async def test_movement_and_doors_and_heartbeats(bluez: FakeBluez, home: Home) -> None:
    door = VirtualBthomeDevice(DOOR)
    async with listening(BleDriver(home), bluez) as (ears, _):
        bluez.advertise(DOOR, door.contact(True))
        assert (await ears.reports_of(Kind.CONTACT)).value == "open"
        bluez.advertise(DOOR, door.contact(False))
        assert (await ears.reports_of(Kind.CONTACT)).value == "closed"
        bluez.advertise(DOOR, door.motion(True))
        assert (await ears.reports_of(Kind.MOTION)).value is True
        bluez.advertise(DOOR, door.battery())
        assert (await ears.report()).kind is Kind.BATTERY
        bluez.advertise(DOOR, door.packet(b""))
        assert (await ears.report()).kind is Kind.SEEN


async def test_a_replayed_call_is_raised_flagged_and_a_replayed_cancel_is_not(bluez: FakeBluez, home: Home) -> None:
    button, cancel = VirtualBthomeDevice(SEALED, KEY, counter=100), VirtualBthomeDevice(CANCEL, KEY, counter=100)
    async with listening(BleDriver(home), bluez) as (ears, _):
        old_call, old_cancel = button.button(), cancel.button()
        for address, data in (
            (SEALED, old_call),
            (SEALED, button.button()),
            (CANCEL, old_cancel),
            (CANCEL, cancel.button()),
        ):
            bluez.advertise(address, data)
            assert not str((await ears.reports_of(Kind.BUTTON)).key).endswith(":suspect")
        bluez.advertise(SEALED, old_call)
        press = await ears.reports_of(Kind.BUTTON)
        assert (press.device, press.value) == ("pendant", "press")
        assert str(press.key).endswith(":suspect")
        bluez.advertise(CANCEL, old_cancel)
        await ears.counted("replay_dropped")
        alert = await ears.report()
        assert (alert.kind, alert.value["reason"]) == (Kind.CONDITION, "counter_backwards")
        assert ears.reports.empty()
        assert ears.counts["replay_suspect"] == 1


async def test_strangers_and_forgers_and_noise_are_only_counted(bluez: FakeBluez, home: Home) -> None:
    async with listening(BleDriver(home), bluez) as (ears, _):
        bluez.advertise(STRANGER, VirtualBthomeDevice(STRANGER).button())
        await ears.counted("foreign")
        bluez.advertise(CALL, b"\x44\x01")
        await ears.counted("bad_frame")
        bluez.advertise(CALL, manufacturer=(0x0BA9, b"\x01"), rssi=-40)
        forger = VirtualBthomeDevice(SEALED, bytes(16), counter=9000)
        bluez.advertise(SEALED, forger.button())
        await ears.counted("auth_failed")
        alert = await ears.report()
        assert (alert.kind, alert.device, alert.value["code"]) == (Kind.CONDITION, "pendant", "AUTH_FAILED")
        bluez.advertise(SEALED, forger.button())
        await ears.counted("auth_failed", 2)
        assert ears.reports.empty(), "one condition, however often somebody forges"
        assert ears.beats >= 4


async def test_a_plain_press_of_a_sealed_button_is_unverified_and_never_silent(bluez: FakeBluez, home: Home) -> None:
    async with listening(BleDriver(home), bluez) as (ears, _):
        bluez.advertise(SEALED, VirtualBthomeDevice(SEALED).button("press"))
        codes = {(await ears.report()).value["code"] for _ in range(2)}
        assert codes == {"UNVERIFIED_PRESS", "AUTH_FAILED"}
        assert ears.counts["downgrade"] == 1
        bluez.advertise(SEALED, VirtualBthomeDevice(SEALED, KEY).button("press"))
        restored = await ears.report()
        assert (restored.kind, restored.value["on"]) == (Kind.CONDITION, False)
        assert (await ears.reports_of(Kind.BUTTON)).key == "ble:pendant:1:2"


async def test_a_phantom_callback_with_data_of_long_ago_is_no_second_press(bluez: FakeBluez, home: Home) -> None:
    async with listening(BleDriver(home), bluez) as (ears, _):
        bluez.advertise(CALL, VirtualBthomeDevice(CALL).button())
        await ears.reports_of(Kind.BUTTON)
        beats = ears.beats
        bluez.touch(CALL)
        await ears.counted("phantom", 2)
        assert ears.beats == beats, "BlueZ talking to itself is no sign of life"
        assert ears.reports.empty()


async def test_a_press_survives_a_restart_of_the_gateway_as_the_same_press(bluez: FakeBluez, home: Home) -> None:
    data = VirtualBthomeDevice(SEALED, KEY, counter=77).button()
    memories: dict[str, Any] = {}
    async with listening(BleDriver(home), bluez) as (ears, _):
        bluez.advertise(SEALED, data)
        press = await ears.reports_of(Kind.BUTTON)
        assert press.memory is not None
        memories[press.memory[0]] = press.memory[1]
    bluez.forget(SEALED)
    async with listening(BleDriver(home, memories=memories), bluez) as (ears, _):
        bluez.advertise(SEALED, data)
        await ears.counted("duplicate")
        assert ears.reports.empty()


async def test_a_home_that_changes_while_scanning(bluez: FakeBluez, home: Home) -> None:
    driver = BleDriver(read_home({"devices": []}))
    button = VirtualBthomeDevice(CALL)
    async with listening(driver, bluez) as (ears, _):
        assert driver.devices == ()
        bluez.advertise(CALL, button.button())
        await ears.counted("foreign")
        driver.enrol(home)
        assert set(driver.devices) == {"bath", "pendant", "door", "cancel"}
        bluez.advertise(CALL, button.button())
        assert (await ears.reports_of(Kind.BUTTON)).device == "bath"
