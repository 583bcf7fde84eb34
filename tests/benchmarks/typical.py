"""A typical home: what its sensors say on an ordinary day. An estimate, stated in numbers.

Four motion sensors that speak at most every 90 s while somebody moves, a front door, a bed mat, an electricity meter
read every minute (energy, power, voltage: our driver's default), a water meter while water flows, two climate sensors
every 10 min, an hourly battery word of each of ten Bluetooth devices, a cancelled call a fortnight: 5,500 a day.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple

START = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=8)))
DAY_S = 86_400
PIRS = ("bedroom-pir", "kitchen-pir", "hall-pir", "bathroom-pir")
CLIMATES = ("bedroom-climate", "bathroom-climate")

DEVICES: list[dict[str, Any]] = [
    *({"id": name, "kind": "motion", "heartbeat_s": 3600} for name in PIRS),
    {"id": "front-door", "kind": "contact", "entrance": True, "heartbeat_s": 3600},
    {"id": "bed", "kind": "bed", "heartbeat_s": 3600},
    {"id": "meter", "kind": "electricity_meter"},
    {"id": "water", "kind": "water_meter", "interval_s": 300},
    *({"id": name, "kind": "temperature", "heartbeat_s": 3600} for name in CLIMATES),
    {"id": "button", "kind": "button", "heartbeat_s": 3600},
    {"id": "cancel", "kind": "button", "role": "cancel", "heartbeat_s": 3600},
]


class Said(NamedTuple):
    """One observation: second of the day, device, kind, value."""

    at_s: float
    device: str
    kind: str
    value: Any


def day(number: int) -> list[Said]:
    """The observations of one day, in order. The same number gives the same day."""
    rng = random.Random(number)
    said: list[Said] = []
    up, down = 6.2 * 3600 + rng.uniform(0, 3600), 21.5 * 3600 + rng.uniform(0, 3600)
    at = up
    while at < down:
        room = rng.choice(PIRS)
        for _ in range(rng.randint(1, 8)):  # busy in a room for some minutes
            said.append(Said(at, room, "motion", True))
            at += 90 + rng.expovariate(1 / 20)
        at += rng.expovariate(1 / 240)
    for _ in range(rng.randint(1, 3)):  # at night
        at = rng.uniform(0, up)
        said += [Said(at, "bed", "bed", False), Said(at + 20, "bathroom-pir", "motion", True)]
        said.append(Said(at + 300, "bed", "bed", True))
    for _ in range(rng.randint(1, 4)):  # out and in again, twice through the door
        at = rng.uniform(up, down)
        for k in (0, 1800):
            said += [Said(at + k, "front-door", "contact", "open"), Said(at + k + 8, "front-door", "contact", "closed")]
    kwh = number * 6.0
    for minute in range(DAY_S // 60):
        watts = round(60 + 400 * rng.random() ** 6, 1)
        kwh += watts / 60_000
        readings = (("energy", round(kwh, 2)), ("power", watts), ("voltage", round(rng.gauss(228, 2), 1)))
        said += [Said(minute * 60 + 1 + 0.25 * i, "meter", *reading) for i, reading in enumerate(readings)]
    said += [Said(rng.uniform(up, down), "water", "water", rng.randint(1, 40)) for _ in range(50)]
    for k, name in enumerate(CLIMATES):
        for at in range(30 * (k + 1), DAY_S, 600):
            said.append(Said(at, name, "temperature", round(20 + 3 * rng.random(), 1)))
            said.append(Said(at + 0.01, name, "humidity", round(50 + 10 * rng.random(), 1)))
    for k, row in enumerate(DEVICES):
        if "heartbeat_s" in row:
            said += [Said(at, row["id"], "battery", 90) for at in range(7 * k, DAY_S, 3600)]
    if number % 14 == 0:
        at = rng.uniform(up, down)
        said += [Said(at, "button", "button", "press"), Said(at + 4, "cancel", "button", "press")]
    said = [s for s in said if s.at_s < DAY_S]
    said.sort()
    return said


def recording(days: int) -> Iterator[str]:
    """The home as a recording, line by line."""
    yield json.dumps({"recording": 1, "tz": "Asia/Shanghai", "devices": DEVICES}) + "\n"
    for number in range(days):
        begins = START + timedelta(days=number)
        for said in day(number):
            at = (begins + timedelta(seconds=said.at_s)).isoformat(timespec="milliseconds")
            row = {"at": at, "device": said.device, "kind": said.kind, "value": said.value}
            yield json.dumps(row, separators=(",", ":")) + "\n"


def start_ms() -> int:
    """UTC milliseconds of the first day's first second."""
    return int(START.astimezone(UTC).timestamp() * 1000)
