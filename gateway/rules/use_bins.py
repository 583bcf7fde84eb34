"""What was used in the last hours, in half-hours of controller time. A sum over them lags by one half-hour at most."""

from __future__ import annotations

from typing import Any, Final

BIN_MS: Final = 30 * 60_000


class UseBins:
    """A rolling sum. Half-hours older than the longest window are dropped as new ones come."""

    __slots__ = ("_bins", "_keep")

    def __init__(self, hours: float) -> None:
        self._keep = -(-round(hours * 3_600_000) // BIN_MS)
        self._bins: dict[int, float] = {}

    def add(self, amount: float, t: int) -> None:
        """So much had been used by `t`."""
        now = (t - 1) // BIN_MS
        if now in self._bins:
            self._bins[now] += amount
        else:  # only then can another have become too old
            self._bins[now] = 0.0 + amount
            self.drop(t)

    def drop(self, t: int) -> None:
        """Forgets what is out of the window at `t`."""
        oldest = (t - 1) // BIN_MS - self._keep
        for each in [b for b in self._bins if b <= oldest]:
            del self._bins[each]

    def amount(self, t: int) -> float:
        """What was used in the window that ends at `t`."""
        self.drop(t)
        return sum(self._bins.values())

    def lately(self, t: int, window: int) -> float:
        """The same of a shorter window, in ms, with the whole of the half-hour in which it begins."""
        return sum(amount for b, amount in self._bins.items() if b >= (t - window) // BIN_MS)

    def next_drop(self) -> int | None:
        """When the oldest half-hour leaves the window."""
        return (min(self._bins) + self._keep + 1) * BIN_MS if self._bins else None

    def clear(self) -> None:
        """Forgets everything."""
        self._bins.clear()

    def to_json(self) -> list[list[float]]:
        """The half-hours."""
        return [[b, amount] for b, amount in self._bins.items()]

    def from_json(self, data: list[Any]) -> None:
        """The inverse of `to_json`."""
        self._bins = {int(b): float(amount) for b, amount in data}
