"""Whether somebody switched an appliance on: what one `appliance: true` means beside those before it. Pure.

A plug or a television says "on" again and again while it is on, and that is nobody's act: only the first word after
"off" is. A device that never says "off" tells of each use; there the same word again soon after is the same use. What
comes as regularly as a clock, or for the fourth time in two hours, is a refrigerator's compressor or a heater.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

REGULAR: Final = 3  # so many equal intervals in a row are a thermostat
REGULAR_WITHIN: Final = 0.1
BUSY_MS: Final = 2 * 3_600_000
BUSY_STARTS: Final = 3
SAME_USE_MS: Final = 90 * 60_000
"""Of a device that never says off. States are reported again within the hour at the latest (Zigbee's usual maximum)."""
_REMEMBERED: Final = 8


class Starts:
    """When one thing was switched on, and whether that was a person's doing."""

    __slots__ = ("_starts",)

    def __init__(self) -> None:
        self._starts: list[int] = []

    def began(self, t: int) -> bool:
        """It was switched on at `t`; returns whether by a person, as far as its own pace tells."""
        busy = sum(t - before <= BUSY_MS for before in self._starts) >= BUSY_STARTS
        self._starts = [*self._starts, t][-_REMEMBERED:]
        gaps = [b - a for a, b in pairwise(self._starts[-REGULAR - 1 :])]
        regular = len(gaps) >= REGULAR and max(gaps) - min(gaps) <= REGULAR_WITHIN * max(gaps)
        return not busy and not regular

    def to_json(self) -> list[int]:
        """For a snapshot."""
        return list(self._starts)

    def from_json(self, data: list[Any]) -> None:
        """The inverse of `to_json`."""
        self._starts = [int(t) for t in data][-_REMEMBERED:]


class Switched:
    """The appliances of a home: which are on, and which ever said that they are off."""

    def __init__(self) -> None:
        self._on: dict[str, int] = {}  # device -> when it said so last
        self._says_off: set[str] = set()
        self._starts: dict[str, Starts] = {}

    def keep(self, devices: Any) -> None:
        """Forgets the devices that are not among these."""
        self._on = {d: t for d, t in self._on.items() if d in devices}
        self._says_off = {d for d in self._says_off if d in devices}
        self._starts = {d: s for d, s in self._starts.items() if d in devices}

    def is_act(self, device: str, on: bool, t: int) -> bool:
        """Whether a person did this. Asked once for each word: it remembers."""
        if not on:
            self._says_off.add(device)
            self._on.pop(device, None)
            return False
        before, self._on[device] = self._on.get(device), t
        if before is not None and (device in self._says_off or t - before < SAME_USE_MS):
            return False
        return self._starts.setdefault(device, Starts()).began(t)

    def to_json(self) -> dict[str, Any]:
        """For a snapshot."""
        return {
            "on": dict(self._on),
            "says_off": sorted(self._says_off),
            "starts": {d: s.to_json() for d, s in self._starts.items()},
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._on = {str(d): int(t) for d, t in data["on"].items()}
        self._says_off = {str(d) for d in data["says_off"]}
        for device, rows in data["starts"].items():
            self._starts.setdefault(str(device), Starts()).from_json(rows)
