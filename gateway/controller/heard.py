"""Which life-safety observations were already handled, by their identity: the same key again is the same event."""

from __future__ import annotations

from typing import Any, Final

REMEMBERED_KEYS: Final = 256
"""The oldest is forgotten beyond that; a home presses some ten times a day."""
KEY_LIFE_MS: Final = 10 * 60_000
"""For so long. Radios and brokers repeat within seconds or at once after a restart; a counter that begins anew after a
change of battery comes later, and its call must not be lost to a key of last week."""


class HeardKeys:
    """The keys of the last ten minutes, each with the controller time it was first heard."""

    def __init__(self) -> None:
        self._heard: dict[str, int] = {}

    def is_new(self, key: str, t: int) -> bool:
        """Whether `key` is a new event at `t` (which is then remembered) or one already handled."""
        before = self._heard.get(key)
        if before is not None and t - before <= KEY_LIFE_MS:
            return False
        self._heard.pop(key, None)
        self._heard[key] = t
        if len(self._heard) > REMEMBERED_KEYS:
            del self._heard[next(iter(self._heard))]
        return True

    def to_json(self) -> list[list[Any]]:
        return [[key, t] for key, t in self._heard.items()]

    def from_json(self, rows: Any, t: int) -> None:
        """Rows of a snapshot taken at `t`; those of 0.1 had no times."""
        self._heard = dict((row, t) if isinstance(row, str) else (str(row[0]), int(row[1])) for row in rows)
