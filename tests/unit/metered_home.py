"""A home with a water meter, and water that drips."""

from __future__ import annotations

from sensor_rooms import MINUTE, house_of, reading
from virtual_home import House

from gateway.home.model import Device
from gateway.observations import Kind

LEAK, HIGH = "LEAK_SUSPECTED", "WATER_HIGH_USE"


def metered(supply: str | None = None, interval_s: float = 300, **settings: float) -> House:
    numbers = {k.replace("__", "."): v for k, v in settings.items()}
    return house_of(Device("w", "water_meter", interval_s=interval_s, supply=supply), settings=numbers)


def drip(house: House, hours: float, litres: float = 0.5, every_min: float = 30) -> None:
    for _ in range(round(hours * 60 / every_min)):
        reading(house, Kind.WATER, litres, "w", every_min * MINUTE)
