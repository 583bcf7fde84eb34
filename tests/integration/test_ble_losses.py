"""What becomes of a scan when bluetoothd, the adapter, D-Bus or the gateway itself goes, hangs or stays deaf."""

from __future__ import annotations

import asyncio
import sys

import pytest
from ble_ears import CALL, PATIENCE_S, SHORT, Ears, devices_on_air, fault_of, listening

from gateway.demo.fake_bluez import FakeBluez, PrivateBus, VirtualBthomeDevice
from gateway.drivers.ble.driver import BleDriver
from gateway.drivers.ble.scanner import drop_bleak_connection
from gateway.drivers.supervisor import Supervisor
from gateway.home.model import Home
from gateway.observations import Kind


@pytest.fixture
def home() -> Home:
    return devices_on_air()


async def test_bluetoothd_killed_is_noticed_and_the_next_run_hears_again(bluez: FakeBluez, home: Home) -> None:
    driver, button = BleDriver(home, waits=SHORT), VirtualBthomeDevice(CALL)
    async with listening(driver, bluez) as (_, task):
        await bluez.crash()
        assert "bluetoothd" in await fault_of(task)
    absent = asyncio.create_task(driver.run(Ears().context))
    assert "bluetoothd does not run" in await fault_of(absent)
    await bluez.start()
    async with listening(driver, bluez) as (ears, _):
        bluez.advertise(CALL, button.button())
        assert (await ears.reports_of(Kind.BUTTON)).device == "bath"


@pytest.mark.parametrize("fault", ["unplug", "switch off"])
async def test_an_adapter_that_goes_is_noticed_and_used_again(bluez: FakeBluez, home: Home, fault: str) -> None:
    driver = BleDriver(home, waits=SHORT)
    async with listening(driver, bluez) as (_, task):
        if fault == "unplug":
            bluez.unplug()
        else:
            bluez.power(False)
        assert "adapter hci0 was" in await fault_of(task)
    if fault == "unplug":
        absent = asyncio.create_task(driver.run(Ears().context))
        assert "no Bluetooth adapter" in await fault_of(absent)
        bluez.plug()
    async with listening(driver, bluez) as (ears, _):
        bluez.advertise(CALL, VirtualBthomeDevice(CALL).button())
        assert (await ears.reports_of(Kind.BUTTON)).device == "bath"


@pytest.mark.parametrize(("active", "member"), [(True, "StartDiscovery"), (False, "RegisterMonitor")])
async def test_a_start_that_hangs_ends_by_itself_and_leaves_nothing(
    bluez: FakeBluez, home: Home, active: bool, member: str
) -> None:
    driver = BleDriver(home, active=active, waits=SHORT)
    bluez.hang(member)
    stuck = asyncio.create_task(driver.run(Ears().context))
    assert "did not start the scan" in await fault_of(stuck)
    async with listening(driver, bluez) as (ears, _):  # BlueZ began a session: InProgress, had we kept it
        bluez.advertise(CALL, VirtualBthomeDevice(CALL).button())
        assert (await ears.reports_of(Kind.BUTTON)).device == "bath"


async def test_a_scan_in_progress_is_freed_by_a_power_cycle_at_last(
    bluez: FakeBluez, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.drivers.ble.adapter.POWER_OFF_S", 0.01)
    bluez.fail("RegisterMonitor", "InProgress", times=2)
    async with listening(BleDriver(home, waits=SHORT), bluez) as (ears, _):
        assert bluez.calls.count("RegisterMonitor") == 3
        assert bluez.calls.count("Set") == 2
        bluez.advertise(CALL, VirtualBthomeDevice(CALL).button())
        assert (await ears.reports_of(Kind.BUTTON)).device == "bath"


@pytest.mark.parametrize("error", ["NotReady", "InProgress", "org.freedesktop.DBus.Error.UnknownMethod"])
async def test_a_scan_that_will_not_start_is_a_fault_that_says_so(
    bluez: FakeBluez, home: Home, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    monkeypatch.setattr("gateway.drivers.ble.adapter.POWER_OFF_S", 0.01)
    bluez.fail("RegisterMonitor", error, times=99)
    task = asyncio.create_task(BleDriver(home, waits=SHORT).run(Ears().context))
    text = await fault_of(task)
    assert "the scan does not start" in text
    assert "experimental" in text or error in text


async def test_a_stop_that_hangs_does_not_hold_the_gateway(bluez: FakeBluez, home: Home) -> None:
    driver = BleDriver(home, waits=SHORT)
    bluez.hang("UnregisterMonitor")
    async with asyncio.timeout(PATIENCE_S):
        async with listening(driver, bluez):
            pass
        async with listening(driver, bluez) as (ears, _):
            bluez.advertise(CALL, VirtualBthomeDevice(CALL).button())
            assert (await ears.reports_of(Kind.BUTTON)).device == "bath"


async def test_an_adapter_is_chosen_by_its_address(bluez: FakeBluez, home: Home) -> None:
    async with listening(BleDriver(home, adapter="00:1a:7d:da:71:13"), bluez) as (_, task):
        assert not task.done()
    missing = asyncio.create_task(BleDriver(home, adapter="hci7").run(Ears().context))
    assert "hci7 is not there" in await fault_of(missing)


async def test_without_a_system_bus_the_fault_names_the_package(
    home: Home, monkeypatch: pytest.MonkeyPatch, bus: PrivateBus
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus")
    task = asyncio.create_task(BleDriver(home).run(Ears().context))
    assert "apt install dbus" in await fault_of(task)


async def test_dbus_itself_killed_is_noticed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with PrivateBus() as own:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", own.address)
        fake = await FakeBluez(own.address).start()
        async with listening(BleDriver(home, waits=SHORT), fake) as (_, task):
            own.stop()
            assert "scanning starts again" in await fault_of(task)  # its last words may be that org.bluez is gone
        await drop_bleak_connection()
        await fake.stop()


async def test_the_supervisor_brings_the_driver_back_after_each_loss(bluez: FakeBluez, home: Home) -> None:
    ears, button = Ears(), VirtualBthomeDevice(CALL)
    supervisor = Supervisor(BleDriver(home, waits=SHORT), ears.context.emit, lambda _: None, rng=lambda: 0.0)
    supervisor.start()
    try:
        async with asyncio.timeout(PATIENCE_S):
            for lose, restore in ((bluez.unplug, bluez.plug), (lambda: bluez.power(False), lambda: bluez.power(True))):
                await bluez.scanning.wait()
                bluez.advertise(CALL, button.button())
                assert (await ears.reports_of(Kind.BUTTON)).device == "bath"
                lose()
                await bluez.idle.wait()
                restore()
            await bluez.scanning.wait()
            await bluez.crash()
            await bluez.start()
            await bluez.scanning.wait()
        bluez.advertise(CALL, button.button())
        assert (await ears.reports_of(Kind.BUTTON)).device == "bath"
    finally:
        await supervisor.stop()


CHILD = """
import asyncio, sys
from gateway.drivers.ble.driver import BleDriver
from gateway.drivers.port import DriverContext
from gateway.home.model import read_home
assert not {"bleak", "dbus_fast", "cryptography"} & set(sys.modules), "imported before they are needed"
home = read_home({"devices": [{"id": "bath", "kind": "button", "address": "AA:BB:CC:00:00:01"}]})
say = lambda report: print(report.kind, report.value, report.key, flush=True)
asyncio.run(BleDriver(home).run(DriverContext(say, lambda: None, lambda name: None)))
"""


async def test_a_gateway_in_another_process_is_killed_and_hears_again(bluez: FakeBluez) -> None:
    button = VirtualBthomeDevice(CALL)
    for n in (1, 2):
        await bluez.idle.wait()
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD, stdout=asyncio.subprocess.PIPE)
        assert child.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE_S):
                await bluez.scanning.wait()
                bluez.advertise(CALL, button.button())
                lines = [(await child.stdout.readline()).decode().split() for _ in range(2)]
            assert lines == [["battery", "100", f"ble:bath:{n}:1"], ["button", "press", f"ble:bath:{n}:2"]]
        finally:
            child.kill()  # -9: BlueZ ends the scan of whoever is gone from the bus
            await child.wait()
    async with asyncio.timeout(PATIENCE_S):
        await bluez.idle.wait()


async def test_an_adapter_that_stays_deaf_is_switched_off_and_on(
    bluez: FakeBluez, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.drivers.ble.adapter.POWER_OFF_S", 0.01)
    driver = BleDriver(home, liveness_s=0.0, waits=SHORT)  # the supervisor ends a run that heard nothing
    for _ in range(2):
        async with listening(driver, bluez):
            assert "Set" not in bluez.calls
    async with listening(driver, bluez):
        assert bluez.calls.count("Set") == 2
