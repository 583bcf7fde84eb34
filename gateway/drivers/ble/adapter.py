"""The Bluetooth adapter as D-Bus shows it: finds it, powers it, and tells at once when it or bluetoothd is gone.

bleak does not tell: after a restart of bluetoothd or an unplugged adapter a scan goes silent without any exception
(measured, research/ble.md facts 3 and 4). So this is a connection of our own to the system bus, beside bleak's.
Imported only while the driver runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import Any, Final

from dbus_fast import AuthError, BusType, InvalidAddressError, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from gateway.drivers.port import DriverFault

CALL_TIMEOUT_S: Final = 5.0  # a healthy bluetoothd answers in milliseconds; powering on firmware takes 1-2 s
POWER_OFF_S: Final = 2.0  # bluetooth-auto-recovery 1.6.4 waits as long between off and on

_BLUEZ: Final = "org.bluez"
_ADAPTER: Final = "org.bluez.Adapter1"
_PROPERTIES: Final = "org.freedesktop.DBus.Properties"
_OBJECTS: Final = "org.freedesktop.DBus.ObjectManager"
_DBUS: Final = "org.freedesktop.DBus"

_NO_BUS: Final = "no D-Bus system bus: install and start dbus (apt install dbus), then start the gateway anew"
_NO_BLUEZ: Final = "bluetoothd does not run: apt install bluez, systemctl enable --now bluetooth"
_NO_ADAPTER: Final = (
    "no Bluetooth adapter: plug a USB adapter in, or enable the one on board (rfkill unblock bluetooth)"
)
_NO_POWER: Final = "the Bluetooth adapter {} is switched off and will not go on: rfkill unblock bluetooth"
_HANGS: Final = "bluetoothd does not answer: systemctl restart bluetooth"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """An adapter of this machine. `name` ("hci0") may change when it is plugged in anew; `address` does not."""

    name: str
    address: str
    powered: bool

    @property
    def path(self) -> str:
        """Its D-Bus object path."""
        return f"/org/bluez/{self.name}"


class Adapter:
    """One adapter, watched. `lost` is done, with the reason, as soon as it cannot be scanned with any more."""

    def __init__(self) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.found: Found | None = None
        self._bus: MessageBus | None = None
        self._bus_watch: asyncio.Task[None] | None = None
        self._cycling = False

    async def open(self, wanted: str | None) -> Found:
        """Finds the adapter (`hci0`, an address, or None: the first that is on), powers it and watches it.

        Raises `DriverFault`, which says what to do.
        """
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                self._bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
        except (OSError, TimeoutError, AuthError, InvalidAddressError) as error:
            raise DriverFault(_NO_BUS) from error
        self._bus_watch = asyncio.create_task(self._watch_bus(self._bus))
        self._bus.add_message_handler(self._on_message)
        await self._match(f"type='signal',sender='{_DBUS}',member='NameOwnerChanged',arg0='{_BLUEZ}'")
        found = _choose(await self._adapters(), wanted)
        await self._match(
            f"type='signal',sender='{_BLUEZ}',interface='{_OBJECTS}',member='InterfacesRemoved',arg0path='{found.path}'"
        )
        await self._match(
            f"type='signal',sender='{_BLUEZ}',interface='{_PROPERTIES}',path='{found.path}',arg0='{_ADAPTER}'"
        )
        if not found.powered and not await self._power(found, on=True):
            raise DriverFault(_NO_POWER.format(found.name))
        self.found = found
        return found

    async def power_cycle(self) -> None:
        """Off and on again: frees an adapter whose scan is stuck (bluez #807). Logs and goes on where that fails."""
        if self.found is None:
            return
        log.warning("ble: power cycling the adapter %s", self.found.name)
        self._cycling = True
        try:
            await self._power(self.found, on=False)
            await asyncio.sleep(POWER_OFF_S)
            if not await self._power(self.found, on=True):
                raise DriverFault(_NO_POWER.format(self.found.name))
        finally:
            self._cycling = False

    async def close(self) -> None:
        """Frees the connection."""
        if self._bus is not None:
            self._bus.disconnect()
        if self._bus_watch is not None:
            self._bus_watch.cancel()
            await asyncio.wait({self._bus_watch})
        self.lost.cancel()

    # ---- calls

    async def _adapters(self) -> list[Found]:
        reply = await self._call(_BLUEZ, "/", _OBJECTS, "GetManagedObjects")
        if reply.message_type is MessageType.ERROR:
            raise DriverFault(_NO_BLUEZ)
        objects: dict[str, dict[str, dict[str, Variant]]] = reply.body[0]
        return sorted((_found(path, i[_ADAPTER]) for path, i in objects.items() if _ADAPTER in i), key=lambda a: a.name)

    async def _power(self, adapter: Found, *, on: bool) -> bool:
        reply = await self._call(
            _BLUEZ, adapter.path, _PROPERTIES, "Set", "ssv", [_ADAPTER, "Powered", Variant("b", on)]
        )
        return reply.message_type is not MessageType.ERROR

    async def _match(self, rule: str) -> None:
        await self._call(_DBUS, "/org/freedesktop/DBus", _DBUS, "AddMatch", "s", [rule])

    async def _call(
        self, to: str, path: str, interface: str, member: str, signature: str = "", body: list[Any] | None = None
    ) -> Message:
        assert self._bus is not None
        message = Message(
            destination=to, path=path, interface=interface, member=member, signature=signature, body=body or []
        )
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                reply = await self._bus.call(message)
        except TimeoutError as error:
            raise DriverFault(_HANGS) from error
        except (OSError, EOFError) as error:
            raise DriverFault(_NO_BUS) from error
        assert reply is not None
        return reply

    # ---- what D-Bus says unasked

    async def _watch_bus(self, bus: MessageBus) -> None:
        with contextlib.suppress(OSError, EOFError):  # how it ended does not matter
            await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        self._lose("the D-Bus system bus went away")

    def _on_message(self, message: Message) -> None:
        if message.message_type is not MessageType.SIGNAL:
            return
        if message.member == "NameOwnerChanged" and message.body[0] == _BLUEZ and message.body[1]:
            self._lose("bluetoothd stopped or was restarted")
        elif self.found is None:
            return
        elif message.member == "InterfacesRemoved" and message.body[0] == self.found.path:
            if _ADAPTER in message.body[1]:
                self._lose(f"the Bluetooth adapter {self.found.name} was unplugged")
        elif message.member == "PropertiesChanged" and message.body[0] == _ADAPTER and not self._cycling:
            powered = message.body[1].get("Powered")
            if powered is not None and not powered.value:
                self._lose(f"the Bluetooth adapter {self.found.name} was switched off")

    def _lose(self, reason: str) -> None:
        if not self.lost.done():
            self.lost.set_result(reason)


def _found(path: str, properties: dict[str, Variant]) -> Found:
    def of(name: str) -> Any:
        value = properties.get(name)
        return None if value is None else value.value

    return Found(path.rsplit("/", 1)[-1], str(of("Address") or "").upper(), of("Powered") is True)


def _choose(adapters: list[Found], wanted: str | None) -> Found:
    if wanted is not None:
        adapters = [a for a in adapters if wanted.lower() == a.name or wanted.upper() == a.address]
        if not adapters:
            raise DriverFault(f"the Bluetooth adapter {wanted} is not there: plug it in, or correct [ble] adapter")
    if not adapters:
        raise DriverFault(_NO_ADAPTER)
    return next((a for a in adapters if a.powered), adapters[0])
