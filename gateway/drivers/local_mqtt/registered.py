"""The home's devices as the broker's topics may name them: by id, or by address in any spelling."""

from __future__ import annotations

import re
from typing import Any, Final

from gateway.home.model import Device, Home

IEEE: Final = re.compile(r"0[xX][0-9a-fA-F]{16}")
"""How Zigbee2MQTT writes the address of a device; the registry keeps it in capitals."""


class Registered:
    """Look-ups in the home; `enrol` takes a changed one."""

    def __init__(self, home: Home) -> None:
        self.enrol(home)

    def enrol(self, home: Home) -> None:
        """From now on this is the home."""
        self._devices = dict(home.view.devices)
        self._owners = {address.upper(): device for device, address in home.addresses.items()}
        self.zigbee = tuple(d for d, address in home.addresses.items() if IEEE.fullmatch(address))

    def find(self, name: Any) -> str | None:
        """The id of the device with this id or address, or None."""
        if not isinstance(name, str):
            return None
        return name if name in self._devices else self._owners.get(name.upper())

    def device(self, device: str) -> Device | None:
        """What is known of it."""
        return self._devices.get(device)
