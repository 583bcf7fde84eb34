"""The development homes of ../shared/data/homes as recordings for `hearthwatch replay`. Never commit what it makes.

.venv/bin/python tests/benchmarks/home_recordings.py DATA/homes HOME     writes one recording to stdout

Standard library only. Rooms and bed sensors are taken from the devices' names where these say so.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

KINDS: Final = {"door": "contact", "float": "flush", "water": "water_meter", "power": "electricity_meter"}
ROOMS: Final = ("bathroom", "toilet", "bath", "kitchen", "bedroom", "living", "office", "hall")
INTERVAL_S: Final = 60.0
"""All the meters of the development homes tell minutes."""


def homes(data: Path) -> list[str]:
    """The names of the homes there are."""
    return [row["home"] for row in json.loads((data / "homes.json").read_text(encoding="utf-8"))]


def rows(data: Path, home: str) -> Iterator[dict[str, str]]:
    """The home's rows as they are: timestamp, device, kind, value."""
    with gzip.open(data / f"{home}.csv.gz", "rt", encoding="utf-8") as source:
        yield from csv.DictReader(source)


def without_commas(data: Path, folder: Path) -> None:
    """The homes again in `folder`, device names without commas: the scorer's process interface splits lines at them."""
    shutil.copy(data / "homes.json", folder)
    for home in homes(data):
        (folder / home).parent.mkdir(exist_ok=True)
        labels = data / f"{home}.labels.csv.gz"
        if labels.exists():
            shutil.copy(labels, (folder / home).parent)
        with gzip.open(folder / f"{home}.csv.gz", "wt", encoding="utf-8", compresslevel=1) as copy:
            out = csv.writer(copy)
            out.writerow(("timestamp", "device", "kind", "value"))
            for row in rows(data, home):
                out.writerow((row["timestamp"], row["device"].replace(",", " -"), row["kind"], row["value"]))


def recording(data: Path, home: str) -> Iterator[str]:
    """The lines of a recording, header first."""
    devices = {row["device"]: row["kind"] for row in rows(data, home) if row["kind"] != "status"}
    yield json.dumps({"recording": 1, "tz": "Asia/Shanghai", "devices": [_device(n, k) for n, k in devices.items()]})
    at = ""
    for row in rows(data, home):
        at = f"{row['timestamp']}+08:00"
        yield json.dumps({"at": at, **_said(row["device"], row["kind"], float(row["value"]), devices)})
    yield json.dumps({"at": at, "kind": "tick", "value": None})


def _id(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.:/-]", "_", name)[:64]


def _kind(name: str, kind: str) -> str:
    return "bed" if kind == "pressure" and "bed" in name.lower() else KINDS.get(kind, kind)


def _device(name: str, kind: str) -> dict[str, Any]:
    row: dict[str, Any] = {"id": _id(name), "kind": _kind(name, kind)}
    room = next((room for room in ROOMS if room in name.lower()), None)
    if room is not None:
        row["room"] = room
    if kind == "door":
        row["entrance"] = True
    if kind == "water":
        row["interval_s"] = INTERVAL_S
    return row


def _said(device: str, kind: str, value: float, devices: dict[str, str]) -> dict[str, Any]:
    if kind == "status":
        return {"kind": "recorder", "value": value > 0}
    if kind in ("door", "contact"):
        return {"device": _id(device), "kind": "contact", "value": "open" if value else "closed"}
    if kind in ("water", "power"):
        return {"device": _id(device), "kind": kind, "value": value}
    kind = _kind(device, devices[device])
    return {"device": _id(device), "kind": kind, "value": value > 0}


if __name__ == "__main__":
    for line in recording(Path(sys.argv[1]), sys.argv[2]):
        print(line)
