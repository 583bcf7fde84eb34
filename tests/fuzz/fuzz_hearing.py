"""What the Bluetooth ear makes of adverts, one a line: reports of our vocabulary in an order to be kept, or counts.

A line is the number of a device, a space, and its service data in hex; a line that is none stands for its own bytes.
The ledgers that the journal would keep are read back at the end.
"""

from __future__ import annotations

import json
from typing import Any

from fuzz_rig import raises_only

from gateway.demo.bthome_device import VirtualBthomeDevice
from gateway.drivers.ble.counters import MAX_MARKS, MAX_RECENT, Ledger
from gateway.drivers.ble.hearing import Heard, Hearing, memory_name
from gateway.home.model import read_home
from gateway.journal.encoding import dump
from gateway.observations import LIFE_SAFETY, Kind, check_value

MAX_ADVERTS = 60
MAX_KEY = 200  # what a recording takes
SEALED_KEY = bytes(range(16))
ADDRESSES = tuple(f"C4:7C:8D:00:00:0{n}" for n in range(1, 5))  # the last one is a stranger's
KINDS = (("sealed", "button"), ("plain", "button"), ("door", "contact"))
HOME = read_home(
    {
        "residents": [{"id": "r1", "name": "王阿婆"}],
        "devices": [
            {"id": name, "kind": kind, "address": address, **({"key": SEALED_KEY.hex()} if name == "sealed" else {})}
            for address, (name, kind) in zip(ADDRESSES, KINDS, strict=False)
        ],
    }
)


def seeds() -> list[bytes]:
    device = VirtualBthomeDevice(ADDRESSES[0], SEALED_KEY)
    sealed = [device.button(gesture) for gesture in ("press", "double", "hold")]
    repeated = device.seal(b"\x3a\x01", 5)
    plain = [b"\x40\x00\x01\x3a\x01", b"\x40\x00\x02\x3a\x80", b"\x44\x3a\xfe", b"\x40\x01\x64\x3a\x00"]
    door = [b"\x40\x00\x01\x01\x5d\x2d\x01", b"\x40\x00\x02\x2d\x00", b"\x40\x02\xca\x09\x03\xbf\x13\x21\x01"]
    flows = (
        [(0, data) for data in (*sealed, repeated, repeated)],
        [(1, data) for data in plain],
        [(2, data) for data in door],
        [(0, b"\x40\x3a\x01"), (3, sealed[0]), (0, sealed[0][:-1]), (1, b"")],
    )
    return ["\n".join(f"{which} {data.hex()}" for which, data in flow).encode() for flow in flows]


def one_input(data: bytes) -> None:
    memories: dict[str, Any] = {}
    hearing, keys = Hearing(HOME, memories), set[str]()
    for n, line in enumerate(data.split(b"\n")[:MAX_ADVERTS]):
        which, advert = _advert(line)
        heard = hearing.hear(ADDRESSES[which], advert, 100.0 + n)
        _judge(heard, keys)
        memories.update(dict([report.memory for report in heard.reports if report.memory is not None]))
    for device in hearing.devices:
        if (kept := memories.get(memory_name(device))) is not None:
            ledger = Ledger.from_json(json.loads(json.dumps(kept)))
            assert ledger.to_json() == kept
            assert len(ledger.marks) <= MAX_MARKS
            assert len(ledger.recent) <= MAX_RECENT
    raises_only((ValueError,), lambda: Ledger.from_json(_json(data)))
    assert Hearing(HOME, memories).damaged == []


def _advert(line: bytes) -> tuple[int, bytes | None]:
    head, _, rest = line.partition(b" ")
    which = head[0] % len(ADDRESSES) if head else 0
    try:
        return which, bytes.fromhex(rest.decode("ascii"))
    except (ValueError, UnicodeDecodeError):
        return which, line or None


def _judge(heard: Heard, keys: set[str]) -> None:
    safety = [report.kind in LIFE_SAFETY for report in heard.reports]
    assert safety == sorted(safety), "life safety leaves last, so that no counter is ahead of its press"
    assert all(report.memory is None for report in heard.reports[:-1])
    for report in heard.reports:
        check_value(report.kind, report.value)
        dump([report.value, report.key, report.memory])
        if report.kind is Kind.BUTTON:
            assert report.key is not None
            assert len(report.key) <= MAX_KEY
            assert report.key not in keys, "no packet gets the name of another one"
            keys.add(report.key)


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
