"""The kernel's power supplies as one reading: on the mains or not, how full the battery, for how long, whether bad.

Pure: file texts in, a reading out; any text is possible and none raises. The names and words are those of the kernel's
`Documentation/ABI/testing/sysfs-class-power`. A supply with `scope` "Device" is a mouse's or a headset's, not ours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

READ: Final = (
    "type", "scope", "online", "present", "status", "health", "capacity", "capacity_level", "time_to_empty_now",
    "time_to_empty_avg",
)  # fmt: skip
"""The files of a supply that tell us something."""
BROKEN: Final = frozenset({"Dead", "Over voltage", "Unspecified failure", "Safety timer expire", "No battery"})
"""Words of `health` that no charge cures; heat and cold pass."""
WELL: Final = frozenset({"Good", "Warm", "Cool"})
FROM_OUTSIDE: Final = frozenset({"Mains", "USB", "Wireless"})
LEVELS: Final = {"Critical": 5.0, "Low": 20.0, "Normal": 60.0, "High": 85.0, "Full": 100.0}
"""A gauge that knows words only; the first two are the limits of T-22."""
CHARGES: Final = frozenset({"Charging", "Full", "Not charging"})
MAX_LEFT_S: Final = 1_000_000.0

Supply = Mapping[str, str]
"""One supply: what stands in its files, by file name."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What all supplies say together; None is what nobody can tell."""

    mains: bool | None = None
    percent: float | None = None
    left_s: float | None = None
    bad: bool | None = None
    seen: tuple[str, ...] = ()  # the supplies it was read from

    def value(self) -> dict[str, Any]:
        """As an observation's value."""
        return {"mains": self.mains, "percent": self.percent, "left_s": self.left_s, "bad": self.bad}


def read(supplies: Mapping[str, Supply]) -> Reading:
    """One reading of all supplies; of several batteries the emptiest, and bad if one is."""
    ours = {name: s for name, s in sorted(supplies.items()) if s.get("scope", "") != "Device" and s.get("type")}
    batteries = [s for s in ours.values() if s["type"] == "Battery"]
    stores = batteries + [s for s in ours.values() if s["type"] == "UPS"]
    mains = _mains(ours.values(), stores)
    return Reading(
        mains=mains,
        percent=_least(_percent(s) for s in stores),
        left_s=_least(_left_s(s) for s in stores) if mains is False else None,
        bad=_bad(stores),
        seen=tuple(ours),
    )


def _mains(ours: Iterable[Supply], stores: Iterable[Supply]) -> bool | None:
    """What feeds us from outside says it best; else what the batteries do: one that discharges carries the house."""
    plugs = [s["online"] for s in ours if s["type"] in FROM_OUTSIDE and s.get("online") in ("0", "1", "2")]
    if plugs:
        return any(online != "0" for online in plugs)
    doing = [s.get("status") for s in stores]
    if "Discharging" in doing:
        return False
    return True if CHARGES & set(doing) else None


def _percent(store: Supply) -> float | None:
    if store.get("present") == "0":
        return None
    capacity = _number(store.get("capacity"))
    if capacity is None or not 0 <= capacity <= 100:
        return LEVELS.get(store.get("capacity_level", ""))
    return capacity


def _left_s(store: Supply) -> float | None:
    for name in ("time_to_empty_avg", "time_to_empty_now"):  # the average first: the other follows every sound we make
        left = _number(store.get(name))
        if left is not None and 0 < left <= MAX_LEFT_S:  # 0 is what gauges say that do not know
            return left
    return None


def _bad(stores: Iterable[Supply]) -> bool | None:
    words = {s.get("health", "") for s in stores}
    gone = any(s.get("present") == "0" for s in stores)
    if gone or words & BROKEN:
        return True
    return False if words & WELL else None


def _least(numbers: Iterable[float | None]) -> float | None:
    return min((n for n in numbers if n is not None), default=None)


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None and len(text) <= 20 else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
