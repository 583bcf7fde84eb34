"""What each device last said of itself, so that a repetition is not taken for an event.

Zigbee2MQTT repeats a device's whole cached state with every message, and a retained message repeats what was true
once. Kept in the journal with the report it belongs to, so that a restart neither makes an event nor swallows one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.drivers.local_mqtt.registered import Registered

PREFIX: Final = "local_mqtt:"
MAX_FIELDS: Final = 32  # of one device; a payload with more is cut
MAX_STRANGERS: Final = 64
"""Devices nobody registered whose states are remembered all the same, whoever else speaks on a mapped topic."""
UNKNOWN: Final = object()

Scalar = bool | int | float | str


class States:
    """Last known fields by device. `kept` fields are remembered across restarts, numbers are not worth the writing."""

    def __init__(self, registered: Registered, memories: Mapping[str, Any] | None = None) -> None:
        """`memories`: what the journal kept, by name; names of others are ignored, damaged ones count as unknown."""
        self._registered = registered
        self._known: dict[str, dict[str, Scalar]] = {}
        self._strangers = 0
        for name, kept in (memories or {}).items():
            if name.startswith(PREFIX) and isinstance(kept, dict):
                fields = {k: v for k, v in kept.items() if isinstance(k, str) and isinstance(v, (bool, str))}
                found = self._fields(name.removeprefix(PREFIX))
                if found is not None:
                    found |= dict(list(fields.items())[:MAX_FIELDS])

    def get(self, device: str, field: str) -> Any:
        """The last value, or `UNKNOWN`."""
        return self._known.get(device, {}).get(field, UNKNOWN)

    def _fields(self, device: str) -> dict[str, Scalar] | None:
        """What is known of a device, to be added to; None for one stranger too many."""
        if device not in self._known:
            if self._registered.device(device) is None:
                if self._strangers >= MAX_STRANGERS:
                    return None
                self._strangers += 1
            self._known[device] = {}
        return self._known[device]

    def learn(self, device: str, field: str, value: Scalar) -> bool:
        """Notes what is so; True if that is news. What one stranger too many says is always news."""
        fields = self._fields(device)
        if fields is None:
            return True
        if fields.get(field, UNKNOWN) == value and type(fields[field]) is type(value):
            return False
        if field in fields or len(fields) < MAX_FIELDS:
            fields[field] = value
        return True

    def memory(self, device: str) -> tuple[str, Any]:
        """What the journal is to keep with the report that made this so."""
        fields = self._known.get(device, {})
        return PREFIX + device, {k: v for k, v in fields.items() if isinstance(v, (bool, str))}
