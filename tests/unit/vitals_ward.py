"""Homes where somebody wears a band and measures with a cuff."""

from __future__ import annotations

from typing import Any

from sensor_rooms import house_of
from virtual_home import House, home

from gateway.home.model import CONSENTS, Device
from gateway.observations import Kind

BAND, CUFF = Device("band", "health"), Device("cuff", "health")
CODE = "VITAL_OUT_OF_RANGE"


def ward(**settings: float) -> House:
    return house_of(BAND, CUFF, settings={k.replace("__", "."): v for k, v in settings.items()})


def measure(house: House, kind: Kind, *values: Any, device: str = "band", every_s: float = 60) -> None:
    for value in values:
        house.say(kind, value, device)
        house.wait(every_s)


def pressure(systolic: float, diastolic: float) -> dict[str, float]:
    return {"systolic": systolic, "diastolic": diastolic}


def couple() -> House:
    agreed = dict.fromkeys(CONSENTS, True)
    return House(home(residents=("a", "b"), devices={"band": BAND, "cuff": CUFF}, consents=agreed))
