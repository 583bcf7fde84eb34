"""Zigbee2MQTT's own list of devices: which friendly name has which address, and which model it is. Pure.

Kept in the journal: after our restart, presses that waited at the broker arrive before the list does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.drivers.local_mqtt.payload import MAX_LIST_BYTES, Malformed, read_json
from gateway.drivers.local_mqtt.registered import IEEE

MEMORY: Final = "zigbee2mqtt:devices"
MAX_DEVICES: Final = 500  # a coordinator holds 200 at most
MAX_NAME_CHARS: Final = 128
MAX_MODEL_CHARS: Final = 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One device of Zigbee2MQTT's."""

    ieee: str  # 0x and 16 hex digits
    model: str


class Directory:
    """Friendly names and who is behind them."""

    def __init__(self, memory: Any = None) -> None:
        """`memory`: what `to_json` once gave, or anything."""
        self._entries: dict[str, Entry] = {}
        if isinstance(memory, dict):
            for name, kept in list(memory.items())[:MAX_DEVICES]:
                if isinstance(kept, list) and len(kept) == 2 and all(isinstance(x, str) for x in kept):
                    self._entries[str(name)] = Entry(kept[0], kept[1])

    def get(self, name: str) -> Entry | None:
        """Who has this friendly name."""
        return self._entries.get(name)

    @property
    def entries(self) -> Mapping[str, Entry]:
        """All, by friendly name."""
        return self._entries

    def read(self, payload: bytes) -> bool:
        """Takes the list of `bridge/devices`; True if it brought news. Raises `Malformed`, then knows what it knew.

        A row that is no device is passed over: one odd device must not hide the others.
        """
        rows = read_json(payload, MAX_LIST_BYTES)
        if not isinstance(rows, list):
            raise Malformed("wrong_type")
        found: dict[str, Entry] = {}
        for row in rows[: MAX_DEVICES + 1]:  # the coordinator is one of them
            if (entry := _entry(row)) is not None:
                found[row["friendly_name"]] = entry
        if found == self._entries:
            return False
        self._entries = found
        return True

    def to_json(self) -> dict[str, list[str]]:
        """For the journal."""
        return {name: [entry.ieee, entry.model] for name, entry in self._entries.items()}


def _entry(row: Any) -> Entry | None:
    if not isinstance(row, dict) or row.get("type") == "Coordinator":
        return None
    ieee, name, definition = row.get("ieee_address"), row.get("friendly_name"), row.get("definition")
    if not isinstance(ieee, str) or not IEEE.fullmatch(ieee):
        return None
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME_CHARS or not name.isprintable():
        return None
    known = definition.get("model") if isinstance(definition, dict) else None
    model = known if isinstance(known, str) else row.get("model_id")
    return Entry(ieee, model[:MAX_MODEL_CHARS] if isinstance(model, str) and model.isprintable() else "")
