"""The Bluetooth driver: scans through BlueZ, hands adverts to `Hearing`, and gives up fast when the radio is gone.

Passive by default: active scanning was measured to swallow presses of a button that is heard badly (research/ble.md,
fact 1b), and passive delivers every change of an advert. An unchanged advert tells nothing in passive mode, so neither
presence nor liveness is derived from one.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gateway.drivers.ble import bthome
from gateway.drivers.ble.hearing import Hearing
from gateway.drivers.port import DriverContext, DriverFault
from gateway.home.model import Home

if TYPE_CHECKING:
    from bleak.backends.device import BLEDevice
    from bleak.backends.scanner import AdvertisementData

LIVENESS_S: Final = 90.0
"""Nothing new from anybody for this long: the scan is stuck (habluetooth 7.1.2). A home on a lonely hill needs more."""
MAX_SENDERS: Final = 512  # private addresses change every 15 min; a busy street shows some hundreds at once
DEAF_RUNS: Final = 2  # runs that heard nothing before the adapter is switched off and on
BTHOME_UUID: Final = "0000fcd2-0000-1000-8000-00805f9b34fb"

NO_SIGNAL: Final = -127  # what bleak says where BlueZ has no RSSI: the callback was no radio packet

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Waits:
    """How long to wait for BlueZ. start, stop: habluetooth 7.1.2; retry: BlueZ 5.66 was free again after 3 s (run)."""

    start_s: float = 15.0
    stop_s: float = 5.0
    retry_s: float = 3.0


class BleDriver:
    """A `Driver` for BTHome devices of one home. What it remembers of counters outlives its runs."""

    name = "ble"

    def __init__(
        self,
        home: Home,
        *,
        memories: Mapping[str, Any] | None = None,
        adapter: str | None = None,
        active: bool = False,
        liveness_s: float = LIVENESS_S,
        waits: Waits = Waits(),
    ) -> None:
        """`memories`: what the journal kept, by name. `adapter`: "hci0", its address, or None for the first one.

        `active`: ask devices for more than they say by themselves; for enrolment, not for call buttons.
        """
        self.liveness_s = liveness_s
        self._hearing = Hearing(home, memories or {})
        self.devices = self._hearing.devices
        self._adapter = adapter
        self._active = active
        self._waits = waits
        self._senders: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._deaf_runs = 0
        self._context: DriverContext | None = None
        for device in self._hearing.damaged:
            log.error("ble: what was remembered of %s is damaged, its next counter counts as its first", device)

    def enrol(self, home: Home) -> None:
        """Takes a changed home without a restart of the scan (a stopped scan hears no press)."""
        self._hearing.enrol(home)
        self.devices = self._hearing.devices

    async def run(self, context: DriverContext) -> None:
        """Scans until cancelled; raises `DriverFault` when adapter, bluetoothd or D-Bus are missing or go away."""
        try:
            from gateway.drivers.ble.adapter import Adapter
            from gateway.drivers.ble.scanner import Scan
        except ImportError as error:
            raise DriverFault(f"the Python package {error.name} is missing: pip install bleak (Linux only)") from error
        self._context = context
        self._senders.clear()
        heard_nothing_since = time.monotonic()
        adapter = Adapter()
        scan = Scan(adapter, self._on_advert, active=self._active, waits=self._waits)
        try:
            found = await adapter.open(self._adapter)
            if self._deaf_runs >= DEAF_RUNS:
                self._deaf_runs = 0
                await adapter.power_cycle()
            await scan.start()
            if self._hearing.sealed:
                bthome.load_cipher()
            log.info("ble: %s scan on %s", "active" if self._active else "passive", found.name)
            heard_nothing_since = time.monotonic()
            raise DriverFault(f"{await adapter.lost}; scanning starts again when it is back")
        finally:
            self._context = None
            if not self._senders and time.monotonic() - heard_nothing_since >= self.liveness_s:
                self._deaf_runs += 1
            try:
                await scan.stop()
            finally:
                await adapter.close()

    # ---- adverts

    def _on_advert(self, device: BLEDevice, advert: AdvertisementData) -> None:
        context = self._context
        if context is None:
            return
        try:
            self._hear(context, device.address, advert)
        except Exception:  # the border to bleak: one packet we do not understand must not deafen the home
            log.exception("ble: a packet could not be handled")
            context.count("bug")

    def _hear(self, context: DriverContext, address: str, advert: AdvertisementData) -> None:
        if self._is_proof(address, advert):
            context.beat()
        else:
            context.count("phantom")
            if advert.rssi == NO_SIGNAL:
                return
        heard = self._hearing.hear(address, advert.service_data.get(BTHOME_UUID), time.monotonic())
        for name in heard.counts:
            context.count(name)
        for report in heard.reports:
            context.emit(report)

    def _is_proof(self, address: str, advert: AdvertisementData) -> bool:
        """Whether the radio heard something. BlueZ also calls for changes of its own, with data of long ago (fact 4).

        Proof is other content or another signal strength than last time; a callback without signal strength is none.
        """
        content = hash((frozenset(advert.service_data.items()), frozenset(advert.manufacturer_data.items())))
        now = (content, advert.rssi)
        before = self._senders.pop(address, None)
        self._senders[address] = now
        if len(self._senders) > MAX_SENDERS:
            self._senders.popitem(last=False)
        return before is None or before[0] != content or advert.rssi not in (before[1], NO_SIGNAL)
