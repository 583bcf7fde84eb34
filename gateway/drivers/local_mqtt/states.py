"""What each device last said of itself, so that a repetition is not taken for an event.

Zigbee2MQTT repeats a device's whole cached state with every message, and a retained message repeats what was true
once. Kept in the journal with the report it belongs to, so that a restart neither makes an event nor swallows one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

PREFIX: Final = "local_mqtt:"
MAX_FIELDS: Final = 32  # of one device; a payload with more is cut
UNKNOWN: Final = object()

Scalar = bool | int | float | str


class States:
    """Last known fields by device. `kept` fields are remembered across restarts, numbers are not worth the writing."""

    def __init__(self, memories: Mapping[str, Any] | None = None) -> None:
        """`memories`: what the journal kept, by name; names of others are ignored, damaged ones count as unknown."""
        self._known: dict[str, dict[str, Scalar]] = {}
        for name, kept in (memories or {}).items():
            if name.startswith(PREFIX) and isinstance(kept, dict):
                fields = {k: v for k, v in kept.items() if isinstance(k, str) and isinstance(v, (bool, str))}
                self._known[name.removeprefix(PREFIX)] = dict(list(fields.items())[:MAX_FIELDS])

    def get(self, device: str, field: str) -> Any:
        """The last value, or `UNKNOWN`."""
        return self._known.get(device, {}).get(field, UNKNOWN)

    def learn(self, device: str, field: str, value: Scalar) -> bool:
        """Notes what is so; True if that is news."""
        fields = self._known.setdefault(device, {})
        if fields.get(field, UNKNOWN) == value and type(fields[field]) is type(value):
            return False
        if field in fields or len(fields) < MAX_FIELDS:
            fields[field] = value
        return True

    def memory(self, device: str) -> tuple[str, Any]:
        """What the journal is to keep with the report that made this so."""
        fields = self._known.get(device, {})
        return PREFIX + device, {k: v for k, v in fields.items() if isinstance(v, (bool, str))}
