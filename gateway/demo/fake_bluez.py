"""A fake bluetoothd: `org.bluez` on a private D-Bus, behaving as real BlueZ 5.66 was measured to (research/ble.md).

Knows the parts of BlueZ's D-Bus interface that a scanning bleak uses, in active and in passive mode, and faults to
order. Knows no radio: `advertise` is what the air carries. One dbus-fast connection, raw messages; run it in any event
loop of any process that knows the bus's address.

What it copies: passive delivers an advert only if a registered or-pattern fits and its content changed or its signal
moved 8 dB; a property that changes for other reasons repeats old data; whoever leaves the bus loses his scans.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from dbus_fast import BusType, ErrorType, Message, MessageType, RequestNameReply, Variant
from dbus_fast.aio import MessageBus

from gateway.demo.bthome_device import VirtualBthomeDevice
from gateway.demo.private_bus import NoDBus, PrivateBus

__all__ = ["FakeBluez", "NoDBus", "PrivateBus", "VirtualBthomeDevice"]

ADAPTER: Final = "org.bluez.Adapter1"
DEVICE: Final = "org.bluez.Device1"
MONITORS: Final = "org.bluez.AdvertisementMonitorManager1"
MONITOR: Final = "org.bluez.AdvertisementMonitor1"
PROPERTIES: Final = "org.freedesktop.DBus.Properties"
OBJECTS: Final = "org.freedesktop.DBus.ObjectManager"

BTHOME: Final = "0000fcd2-0000-1000-8000-00805f9b34fb"
RSSI_STEP_DB: Final = 8  # src/device.c RSSI_THRESHOLD: less is no change in passive mode
FLAGS_AD: Final = 0x01
SERVICE_DATA_AD: Final = 0x16
MANUFACTURER_AD: Final = 0xFF

Properties = dict[str, Variant]
Reply = Message | None


@dataclass(slots=True)
class Fault:
    """What goes wrong with a method, and how often it still will. No `error`: it never answers."""

    error: str | None
    left: int


@dataclass(slots=True)
class _Monitor:
    """A passive scan. Its patterns arrive after registration: (start, AD type, content)."""

    owner: str
    path: str
    patterns: tuple[tuple[int, int, bytes], ...] = ()


class FakeBluez:
    """bluetoothd with one adapter. `start` and `crash` may be called again and again."""

    def __init__(self, bus_address: str, adapter: str = "hci0", adapter_address: str = "00:1A:7D:DA:71:13") -> None:
        self.path = f"/org/bluez/{adapter}"
        self.calls: list[str] = []  # every method that was called, in order
        self.scanning = asyncio.Event()  # somebody scans, so what is advertised now is heard
        self.idle = asyncio.Event()  # nobody does
        self._bus_address = bus_address
        self._adapter_address = adapter_address
        self._bus: MessageBus | None = None
        self._faults: dict[str, Fault] = {}
        self._reset()

    def _reset(self) -> None:
        self._objects: dict[str, dict[str, Properties]] = {"/org/bluez": {"org.bluez.AgentManager1": {}}}
        self._discovering: set[str] = set()
        self._monitors: list[_Monitor] = []
        self._note_scanning()
        self._add_adapter()

    def _add_adapter(self) -> None:
        self._objects[self.path] = {
            ADAPTER: {
                "Address": Variant("s", self._adapter_address),
                "AddressType": Variant("s", "public"),
                "Name": Variant("s", "hearthwatch"),
                "Alias": Variant("s", "hearthwatch"),
                "Powered": Variant("b", True),
                "Discovering": Variant("b", False),
                "UUIDs": Variant("as", []),
                "Roles": Variant("as", ["central", "peripheral"]),
            },
            MONITORS: {"SupportedMonitorTypes": Variant("as", ["or_patterns"])},
        }

    # ---- life

    async def start(self) -> FakeBluez:
        """bluetoothd starts: takes the name `org.bluez`."""
        self._bus = await MessageBus(bus_address=self._bus_address, bus_type=BusType.SYSTEM).connect()
        self._bus.add_message_handler(self._on_message)
        await self._add_match("type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'")
        await self._add_match(f"type='signal',interface='{OBJECTS}',member='InterfacesAdded'")
        if await self._bus.request_name("org.bluez") is not RequestNameReply.PRIMARY_OWNER:
            raise RuntimeError("somebody else is org.bluez on this bus")
        return self

    async def _add_match(self, rule: str) -> None:
        assert self._bus is not None
        dbus = "org.freedesktop.DBus"
        await self._bus.call(
            Message(destination=dbus, path="/", interface=dbus, member="AddMatch", signature="s", body=[rule])
        )

    async def crash(self) -> None:
        """bluetoothd is killed: its name goes, and with it all it knew."""
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.disconnect()
            with contextlib.suppress(OSError, EOFError):
                await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        self._reset()

    stop = crash

    # ---- faults

    def fail(self, member: str, error: str, times: int = 1) -> None:
        """The next `times` calls of the method are answered with this error ("InProgress", "NotReady", …)."""
        self._faults[member] = Fault(error if "." in error else f"org.bluez.Error.{error}", times)

    def hang(self, member: str, times: int = 1) -> None:
        """The next `times` calls of the method are never answered; a scan is begun all the same, as BlueZ does."""
        self._faults[member] = Fault(None, times)

    def unplug(self) -> None:
        """The adapter is pulled out: every object of it goes, and no scan hears that."""
        for path in sorted((p for p in self._objects if p.startswith(self.path)), reverse=True):
            self._remove(path)
        self._discovering.clear()
        self._monitors.clear()
        self._note_scanning()

    def plug(self) -> None:
        """The adapter is back."""
        self._add_adapter()
        self._added(self.path)

    def power(self, on: bool) -> None:
        """The adapter goes on or off (rfkill)."""
        self._change(self.path, ADAPTER, {"Powered": Variant("b", on)})

    # ---- the air

    @property
    def scanned(self) -> bool:
        """Whether anybody listens now, actively or by a monitor whose patterns have arrived."""
        return bool(self._discovering) or any(monitor.patterns for monitor in self._monitors)

    def advertise(
        self,
        address: str,
        service_data: bytes | None = None,
        *,
        rssi: int = -60,
        flags: int | None = 0x06,
        manufacturer: tuple[int, bytes] | None = None,
    ) -> bool:
        """A device sends one advert (BTHome service data, a company's data, or only flags).

        Returns whether BlueZ tells anybody about it.
        """
        if not self._hears(flags, service_data, manufacturer):
            return False
        content: Properties = {}
        if service_data is not None:
            content["ServiceData"] = Variant("a{sv}", {BTHOME: Variant("ay", service_data)})
        if manufacturer is not None:
            content["ManufacturerData"] = Variant("a{qv}", {manufacturer[0]: Variant("ay", manufacturer[1])})
        path = self._device_path(address)
        known = self._objects.get(path, {}).get(DEVICE)
        if known is None:
            self._objects[path] = {DEVICE: self._new_device(address, rssi) | content}
            self._added(path)
            return True
        changed = {name: value for name, value in content.items() if known.get(name) != value}
        before = known.get("RSSI")
        if self._discovering or before is None or abs(before.value - rssi) >= RSSI_STEP_DB:
            changed["RSSI"] = Variant("n", rssi)
        if changed:
            self._change(path, DEVICE, changed)
        return bool(changed)

    def touch(self, address: str) -> None:
        """BlueZ changes something of its own about a device; bleak takes that for an advert, with data of long ago."""
        path = self._device_path(address)
        self._change(path, DEVICE, {"Connected": Variant("b", True)})
        self._change(path, DEVICE, {"Connected": Variant("b", False)})

    def forget(self, address: str) -> None:
        """BlueZ drops a device it has not heard for a while (30 s by default)."""
        self._remove(self._device_path(address))

    def _hears(self, flags: int | None, service_data: bytes | None, manufacturer: tuple[int, bytes] | None) -> bool:
        if self._bus is None or self.path not in self._objects:
            return False
        if self._discovering:
            return True
        air = []
        if flags is not None:
            air.append((FLAGS_AD, bytes([flags])))
        if service_data is not None:
            air.append((SERVICE_DATA_AD, b"\xd2\xfc" + service_data))
        if manufacturer is not None:
            air.append((MANUFACTURER_AD, manufacturer[0].to_bytes(2, "little") + manufacturer[1]))
        return any(
            kind == wanted and data[start : start + len(content)] == content
            for monitor in self._monitors
            for start, wanted, content in monitor.patterns
            for kind, data in air
        )

    def _device_path(self, address: str) -> str:
        return f"{self.path}/dev_{address.replace(':', '_')}"

    def _new_device(self, address: str, rssi: int) -> Properties:
        return {
            "Address": Variant("s", address),
            "AddressType": Variant("s", "random"),
            "Alias": Variant("s", address.replace(":", "-")),
            "Adapter": Variant("o", self.path),
            "Paired": Variant("b", False),
            "Connected": Variant("b", False),
            "ServicesResolved": Variant("b", False),
            "UUIDs": Variant("as", []),
            "RSSI": Variant("n", rssi),
        }

    # ---- signals

    def _signal(self, path: str, interface: str, member: str, signature: str, body: list[Any]) -> None:
        if self._bus is not None:
            signal = Message(
                message_type=MessageType.SIGNAL,
                path=path,
                interface=interface,
                member=member,
                signature=signature,
                body=body,
            )
            self._bus.send(signal)

    def _added(self, path: str) -> None:
        self._signal("/", OBJECTS, "InterfacesAdded", "oa{sa{sv}}", [path, self._objects[path]])

    def _remove(self, path: str) -> None:
        gone = self._objects.pop(path, None)
        if gone is not None:
            self._signal("/", OBJECTS, "InterfacesRemoved", "oas", [path, list(gone)])

    def _change(self, path: str, interface: str, changed: Properties) -> None:
        self._objects[path][interface].update(changed)
        self._signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, changed, []])

    # ---- what others say and ask

    def _on_message(self, message: Message) -> Message | bool | None:
        if message.message_type is MessageType.SIGNAL:
            self._on_signal(message)
            return None
        if message.message_type is not MessageType.METHOD_CALL or message.member not in _METHODS:
            return None  # dbus-fast answers Ping, Introspect and what nobody knows
        self.calls.append(message.member)
        fault = self._faults.get(message.member)
        if fault is not None and fault.left > 0:
            fault.left -= 1
            if fault.error is not None:
                return Message.new_error(message, fault.error, "as ordered")
            _METHODS[message.member](self, message)
            return True  # handled, never answered
        if message.path is not None and message.path != "/" and message.path not in self._objects:
            return Message.new_error(message, ErrorType.UNKNOWN_OBJECT, f"no object {message.path}")
        return _METHODS[message.member](self, message) or Message.new_method_return(message)

    def _on_signal(self, message: Message) -> None:
        if message.member == "NameOwnerChanged" and not message.body[2]:
            self._gone(message.body[0])
        elif message.member == "InterfacesAdded" and MONITOR in message.body[1]:
            patterns = message.body[1][MONITOR]["Patterns"].value
            for monitor in self._monitors:
                if (monitor.owner, monitor.path) == (message.sender, message.body[0]):
                    monitor.patterns = tuple((start, kind, bytes(content)) for start, kind, content in patterns)
                    self._note_scanning()

    def _gone(self, client: str) -> None:
        """Whoever leaves the bus takes his scans with him."""
        self._discovering.discard(client)
        self._monitors = [m for m in self._monitors if m.owner != client]
        self._note_scanning()

    def _note_scanning(self) -> None:
        if self._discovering or any(monitor.patterns for monitor in self._monitors):
            self.scanning.set()
            self.idle.clear()
        else:
            self.scanning.clear()
            self.idle.set()

    # ---- the methods of org.bluez

    def _get_managed_objects(self, message: Message) -> Reply:
        return Message.new_method_return(message, "a{oa{sa{sv}}}", [self._objects])

    def _get_all(self, message: Message) -> Reply:
        return Message.new_method_return(message, "a{sv}", [self._objects[message.path or ""][message.body[0]]])

    def _set(self, message: Message) -> Reply:
        interface, name, value = message.body
        self._change(message.path or "", interface, {name: value})
        if name == "Powered" and not value.value:
            self._discovering.clear()
            self._monitors.clear()
            self._note_scanning()
        return None

    def _set_discovery_filter(self, _: Message) -> Reply:
        return None

    def _start_discovery(self, message: Message) -> Reply:
        sender = str(message.sender)
        if not self._objects[self.path][ADAPTER]["Powered"].value:
            return Message.new_error(message, "org.bluez.Error.NotReady", "Resource Not Ready")
        if sender in self._discovering:
            return Message.new_error(message, "org.bluez.Error.InProgress", "Operation already in progress")
        self._discovering.add(sender)
        self._note_scanning()
        return None

    def _stop_discovery(self, message: Message) -> Reply:
        sender = str(message.sender)
        if sender not in self._discovering:
            return Message.new_error(message, "org.bluez.Error.Failed", "No discovery started")
        self._discovering.discard(sender)
        self._note_scanning()
        return None

    def _register_monitor(self, message: Message) -> Reply:
        self._monitors.append(_Monitor(str(message.sender), message.body[0]))
        return None

    def _unregister_monitor(self, message: Message) -> Reply:
        self._monitors = [m for m in self._monitors if (m.owner, m.path) != (message.sender, message.body[0])]
        self._note_scanning()
        return None


_METHODS: Final[dict[str, Callable[[FakeBluez, Message], Reply]]] = {
    "GetManagedObjects": FakeBluez._get_managed_objects,
    "GetAll": FakeBluez._get_all,
    "Set": FakeBluez._set,
    "SetDiscoveryFilter": FakeBluez._set_discovery_filter,
    "StartDiscovery": FakeBluez._start_discovery,
    "StopDiscovery": FakeBluez._stop_discovery,
    "RegisterMonitor": FakeBluez._register_monitor,
    "UnregisterMonitor": FakeBluez._unregister_monitor,
}
