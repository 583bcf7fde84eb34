"""Whether texts can go out at all: registration, signal, SIM, and the CELL_LOST condition that comes of it.

Pure; time is an argument. Knows what the modem's answers say; knows no port.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

HOME: Final = frozenset({1, 6})  # 27.007 7.2: registered; 6 is for short messages only (LTE)
ROAMING: Final = frozenset({5, 7})
_USSD: Final = re.compile(r'\s*\d\s*,\s*"([^"]{0,400})"')


class Sim(StrEnum):
    """What the modem says of its card."""

    UNKNOWN = "unknown"
    READY = "ready"
    MISSING = "missing"
    LOCKED = "locked"  # PIN or PUK wanted, or the PIN we have is not to be tried again
    BUSY = "busy"
    FAILED = "failed"


@dataclass(slots=True)
class ModemStatus:
    """What `doctor` and the status page show of the modem."""

    up: bool = False
    sim: Sim = Sim.UNKNOWN
    registered: bool = False
    roaming: bool = False
    signal_dbm: int | None = None
    credit: str = ""  # the operator's own words, as last heard


class Registration:
    """The network's answer for each of its domains (`+CREG` voice and SMS, `+CEREG` LTE); one that is in is enough."""

    def __init__(self) -> None:
        self._stats: dict[str, int] = {}

    def read(self, name: str, fields: str, *, asked: bool) -> bool:
        """Takes in the fields of an asked (`<n>,<stat>`) or unasked (`<stat>`) line; False if it says nothing."""
        parts = fields.split(",")
        stat = parts[1] if asked and len(parts) > 1 else parts[0]
        if not re.fullmatch(r"\s*\d{1,2}\s*", stat):
            return False
        self._stats[name] = int(stat)
        return True

    @property
    def registered(self) -> bool:
        """Whether any domain takes messages."""
        return any(s in HOME or s in ROAMING for s in self._stats.values())

    @property
    def roaming(self) -> bool:
        """Registered, and only with somebody else's network."""
        return self.registered and not any(s in HOME for s in self._stats.values())


def signal_dbm(fields: str) -> int | None:
    """The signal of a `+CSQ: <rssi>,<ber>` answer in dBm (27.007 8.5); None for 99 and for anything else."""
    match = re.match(r"\s*(\d{1,3})\s*,", fields)
    rssi = int(match[1]) if match else 99
    return 2 * rssi - 113 if rssi <= 31 else None


def ussd_text(fields: str) -> str:
    """The operator's words of a `+CUSD: 0,"...",72` line, UCS-2 in hex or plain; "" for none."""
    match = _USSD.match(fields)
    said = match[1] if match else ""
    if re.fullmatch(r"(?:[0-9A-Fa-f]{4})+", said):
        said = bytes.fromhex(said).decode("utf-16-be", "replace")
    return "".join(c for c in said if c.isprintable())[:160]


class CellWatch:
    """Turns registration into CELL_LOST on and off: on after `lost_s` without, off at once, each said once.

    Lives as long as the program: a modem that is gone has no registration either.
    """

    def __init__(self, lost_s: float) -> None:
        self._lost_s = lost_s
        self._since: float | None = None  # without registration since
        self._said = False

    def update(self, registered: bool, now: float) -> bool | None:
        """The state now. Returns what to report: True (lost), False (back) or None (nothing new)."""
        if registered:
            self._since = None
            if self._said:
                self._said = False
                return False
            return None
        if self._since is None:
            self._since = now
        if not self._said and now >= self._since + self._lost_s:
            self._said = True
            return True
        return None

    @property
    def due(self) -> float | None:
        """When `update` should be asked again if nothing else happens, or None."""
        return None if self._since is None or self._said else self._since + self._lost_s
