"""The Bluetooth driver with bleak's real BlueZ backend, over a real D-Bus; only org.bluez behind it is ours."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.demo.fake_bluez import FakeBluez, PrivateBus, VirtualBthomeDevice
from gateway.drivers.ble.driver import BleDriver, Waits
from gateway.drivers.ble.scanner import drop_bleak_connection
from gateway.drivers.port import DriverContext, DriverFault
from gateway.drivers.supervisor import Supervisor
from gateway.home.model import Home, read_home
from gateway.observations import Kind, Report

PATIENCE_S = 30.0  # a loaded machine; a working one needs milliseconds
SHORT = Waits(start_s=2.0, stop_s=2.0, retry_s=0.01)  # a busy machine answers within; what hangs costs this
KEY = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")
CALL, SEALED, DOOR, CANCEL = "AA:BB:CC:00:00:01", "AA:BB:CC:00:00:02", "AA:BB:CC:00:00:03", "AA:BB:CC:00:00:04"
STRANGER = "11:22:33:44:55:66"


@pytest.fixture(scope="module")
def bus() -> Iterator[PrivateBus]:
    """One D-Bus for the module: its address is a variable of the whole process."""
    with pytest.MonkeyPatch.context() as patch, PrivateBus() as private:
        patch.setenv("DBUS_SYSTEM_BUS_ADDRESS", private.address)
        yield private


@pytest.fixture
async def bluez(bus: PrivateBus) -> AsyncIterator[FakeBluez]:
    fake = await FakeBluez(bus.address).start()
    yield fake
    await drop_bleak_connection()  # bleak keeps one for each loop, and each test has a loop
    await fake.stop()


@pytest.fixture
def home() -> Home:
    return read_home(
        {
            "devices": [
                {"id": "bath", "kind": "button", "address": CALL},
                {"id": "pendant", "kind": "button", "address": SEALED, "key": KEY.hex()},
                {"id": "door", "kind": "contact", "address": DOOR},
                {"id": "cancel", "kind": "button", "role": "cancel", "address": CANCEL, "key": KEY.hex()},
                {"id": "meter", "kind": "electricity_meter", "address": "000000000001"},
            ]
        }
    )


class Ears:
    """What the supervisor gives a driver, and what came of it."""

    def __init__(self) -> None:
        self.reports: asyncio.Queue[Report] = asyncio.Queue()
        self.counts: Counter[str] = Counter()
        self.beats = 0
        self._news = asyncio.Event()
        self.context = DriverContext(self.reports.put_nowait, self._beat, self._count)

    def _beat(self) -> None:
        self.beats += 1

    def _count(self, name: str) -> None:
        self.counts[name] += 1
        self._news.set()

    async def report(self) -> Report:
        async with asyncio.timeout(PATIENCE_S):
            return await self.reports.get()

    async def reports_of(self, kind: Kind) -> Report:
        while (report := await self.report()).kind is not kind:
            pass
        return report

    async def counted(self, name: str, times: int = 1) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self.counts[name] < times:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def listening(driver: BleDriver, bluez: FakeBluez) -> AsyncIterator[tuple[Ears, asyncio.Task[None]]]:
    """The driver while it scans."""
    ears = Ears()
    async with asyncio.timeout(PATIENCE_S):
        await bluez.idle.wait()  # an earlier scan has ended, so what scans next is this driver
    task = asyncio.create_task(driver.run(ears.context))
    scanning = asyncio.create_task(bluez.scanning.wait())
    try:
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait({task, scanning}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield ears, task
    finally:
        for each in (task, scanning):
            each.cancel()
        await asyncio.gather(task, scanning, return_exceptions=True)


async def fault_of(task: asyncio.Task[None]) -> str:
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(DriverFault) as caught:
            await task
    return str(caught.value)


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
