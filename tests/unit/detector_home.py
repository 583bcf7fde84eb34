"""A home with a smoke detector."""

from __future__ import annotations

from sensor_rooms import house_of
from virtual_home import House

from gateway.home.model import Device

SMOKE = Device("smoke", "smoke", room="r3")
HEAT = Device("shrine", "heat", room="r3")


def smoky(*devices: Device, **settings: float) -> House:
    return house_of(SMOKE, *devices, settings={k.replace("__", "."): v for k, v in settings.items()})
