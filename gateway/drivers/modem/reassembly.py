"""Long incoming messages, put together again: bounded in number, size and time.

Pure; time is an argument. Knows parts; does not know where they are stored (a `slot` is only kept and handed back).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from gateway.drivers.modem.pdu import Deliver, whole

MAX_OPEN: Final = 16  # messages waiting for parts; the oldest makes room
MAX_PARTS_IN: Final = 12  # a longer one is no reply to us: its parts are handed over one by one
GAP: Final = "…"  # stands for a part that never came

Slot = tuple[str, int]  # the store's name and the index in it


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message of a person, with the slots to be cleared once it is handed over."""

    number: str
    text: str
    slots: tuple[Slot, ...]
    complete: bool = True


@dataclass(slots=True)
class _Open:
    due: float
    parts: dict[int, str] = field(default_factory=dict)
    slots: list[Slot] = field(default_factory=list)


_Key = tuple[str, int, int]  # number, reference, parts


class Reassembler:
    """Takes messages as they come, gives whole ones."""

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._open: dict[_Key, _Open] = {}  # oldest first

    @property
    def due(self) -> float | None:
        """When the oldest unfinished message is given up, or None."""
        return min((o.due for o in self._open.values()), default=None)

    def add(self, message: Deliver, slot: Slot | None, now: float) -> list[Incoming]:
        """What `message` completes: itself, a long one, or (when too many are open) an unfinished old one too."""
        slots = () if slot is None else (slot,)
        concat = message.concat
        if concat is None or not 1 < concat.parts <= MAX_PARTS_IN:
            return [Incoming(message.number, whole(message.text), slots)]
        key = (message.number, concat.reference, concat.parts)
        found = []
        if key not in self._open and len(self._open) >= MAX_OPEN:
            found.append(self._close(next(iter(self._open))))
        open_ = self._open.setdefault(key, _Open(now + self._wait_s))
        open_.parts[concat.part] = message.text
        open_.slots += [s for s in slots if s not in open_.slots]
        if len(open_.parts) == concat.parts:
            found.append(self._close(key))
        return found

    def expire(self, now: float) -> list[Incoming]:
        """The messages whose missing parts are no longer waited for, with gaps."""
        return [self._close(key) for key in [k for k, o in self._open.items() if o.due <= now]]

    def _close(self, key: _Key) -> Incoming:
        open_ = self._open.pop(key)
        number, _, parts = key
        text = "".join(open_.parts.get(i, GAP) for i in range(1, parts + 1))
        return Incoming(number, whole(text), tuple(open_.slots), len(open_.parts) == parts)
