"""Houses for the tests of sensors: which devices hang where, and a controller made anew from its own snapshot."""

from __future__ import annotations

import json
from typing import Any

from virtual_home import House, home

from gateway.controller import Controller
from gateway.home.model import CONSENTS, Device
from gateway.observations import Kind

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


def house_of(*devices: Device, settings: dict[str, float] | None = None, **consents: bool) -> House:
    """A house with these devices, all consents but those said otherwise."""
    agreed = dict.fromkeys(CONSENTS, True) | consents
    off = {"inactivity.enabled": 0.0}
    return House(home(devices={d.id: d for d in devices}, consents=agreed, settings=off | (settings or {})))


def raised(house: House) -> list[tuple[str, str | None]]:
    """(code, device) of every alarm that was opened, in order."""
    alarms = house.controller.book.alarms
    return [(alarms[n].code, alarms[n].device) for n in sorted(alarms)]


def noted(house: House, code: str) -> list[tuple[str, str]]:
    """(status, reason) of every notice of a code."""
    return [(n.status, n.reason) for n in house.notices if n.code == code]


def restarted(house: House) -> House:
    """The same house, its controller made from the snapshot of the one before: nothing may differ."""
    snapshot = json.loads(json.dumps(house.controller.to_json()))
    house.controller = Controller.from_json(snapshot)
    assert house.controller.restored_empty == []
    assert json.loads(json.dumps(house.controller.to_json())) == snapshot
    return house


def power_cut(house: House, seconds: float) -> None:
    """The gateway is off for so long, and knows it."""
    house.now_ms += round(seconds * 1000)
    house.say(Kind.RESTART, {"gap_ms": round(seconds * 1000)})


def recording(house: House, on: bool) -> None:
    house.say(Kind.RECORDER, on)


def lose(house: House, device: str) -> None:
    house.say(Kind.SEEN, False, device)


def reading(house: House, kind: Kind, value: Any, device: str, after_s: float = 0) -> None:
    """Waits, then lets a device say something."""
    house.wait(after_s)
    house.say(kind, value, device)
