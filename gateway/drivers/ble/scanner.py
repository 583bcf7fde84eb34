"""bleak's scanner with a limit on every wait, and a way out where BlueZ is stuck. Imported only while the driver runs.

Knows bleak 3.1 and the faults of BlueZ that were measured with it (research/ble.md sections 1 to 4). Knows nothing of
what the adverts mean.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, Literal

from bleak import BleakScanner
from bleak.args.bluez import OrPattern, OrPatternLike
from bleak.assigned_numbers import AdvertisementDataType
from bleak.backends.bluezdbus import manager as bluez_manager
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakDBusError, BleakError

from gateway.drivers.ble.adapter import Adapter
from gateway.drivers.ble.driver import Waits
from gateway.drivers.port import DriverFault

DROP_WAIT_S: Final = 1.0  # closing a socket takes no time; the supervisor waits 10 s for all of our closing
START_ATTEMPTS: Final = 3  # with InProgress; a power cycle comes before the last

PATTERNS: Final[list[OrPatternLike]] = [
    # Who hears something in the neighbourhood at all is alive: the values of the Flags field that Home Assistant uses.
    *(OrPattern(0, AdvertisementDataType.FLAGS, bytes([flags])) for flags in (0x02, 0x04, 0x05, 0x06, 0x18, 0x1A)),
    # BTHome devices that send no Flags (run against real BlueZ 5.66).
    OrPattern(0, AdvertisementDataType.SERVICE_DATA_UUID16, b"\xd2\xfc"),
]
"""Passive scanning delivers only what one of these fits; BlueZ takes at most 16."""

Advert = Callable[[BLEDevice, AdvertisementData], None]

log = logging.getLogger(__name__)


class Scan:
    """One scan on one adapter."""

    def __init__(self, adapter: Adapter, on_advert: Advert, *, active: bool, waits: Waits) -> None:
        self._adapter = adapter
        self._on_advert = on_advert
        self._mode: Literal["active", "passive"] = "active" if active else "passive"
        self._waits = waits
        self._scanner: BleakScanner | None = None

    async def start(self) -> None:
        """Starts scanning; raises `DriverFault`. An adapter that says InProgress is freed and asked again."""
        for attempt in range(1, START_ATTEMPTS + 1):
            try:
                return await self._try_start()
            except BleakDBusError as error:
                busy = error.dbus_error == "org.bluez.Error.InProgress"
                if not busy or attempt == START_ATTEMPTS:
                    raise DriverFault(f"the scan does not start: {error}") from error
                log.warning("ble: a scan is in progress already, freeing the adapter (attempt %d)", attempt)
                await asyncio.sleep(self._waits.retry_s)
                if attempt == START_ATTEMPTS - 1:
                    await self._adapter.power_cycle()
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _try_start(self) -> None:
        assert self._adapter.found is not None
        scanner = BleakScanner(
            self._on_advert,
            scanning_mode=self._mode,
            bluez={"adapter": self._adapter.found.name, "or_patterns": PATTERNS},
        )
        try:
            async with asyncio.timeout(self._waits.start_s):
                await scanner.start()
        except BaseException as error:
            await drop_bleak_connection()  # whatever session BlueZ began for us ends with it
            if isinstance(error, TimeoutError):
                text = (
                    f"bluetoothd did not start the scan within {self._waits.start_s:g} s: systemctl restart bluetooth"
                )
                raise DriverFault(text) from error
            if isinstance(error, BleakDBusError):
                raise
            if isinstance(error, (BleakError, OSError, EOFError)):
                raise DriverFault(f"the scan does not start: {error}") from error
            raise
        self._scanner = scanner

    async def stop(self) -> None:
        """Stops scanning, or drops the connection so that BlueZ does. Raises nothing but a cancellation."""
        scanner, self._scanner = self._scanner, None
        if scanner is None:
            return
        bus = getattr(_bleak_managers().get(asyncio.get_running_loop()), "_bus", None)
        if bus is None or not bus.connected:  # asking over a dead connection helps nobody
            await drop_bleak_connection()
            return
        try:
            async with asyncio.timeout(self._waits.stop_s):
                await scanner.stop()
        except (TimeoutError, BleakError, OSError, EOFError) as error:
            log.info("ble: stopping the scan failed (%s), dropping the connection to bluetoothd", type(error).__name__)
            await drop_bleak_connection()


async def drop_bleak_connection() -> None:
    """Closes bleak's connection of this loop and forgets what it kept; BlueZ then ends every session it began for us.

    StopDiscovery from another connection cannot: a session belongs to its connection. bleak has no public way to do
    this (3.1.0); it connects anew at the next start.
    """
    manager = _bleak_managers().pop(asyncio.get_running_loop(), None)
    bus = getattr(manager, "_bus", None)
    if bus is None:
        return
    bus.disconnect()
    watcher: asyncio.Task[None] | None = getattr(manager, "_bus_watcher_task", None)
    if watcher is not None:
        await asyncio.wait({watcher}, timeout=DROP_WAIT_S)


def _bleak_managers() -> dict[Any, Any]:
    return getattr(bluez_manager, "_global_instances", {})
