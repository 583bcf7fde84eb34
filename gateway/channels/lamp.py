"""The lamp and the answer to a pressed device: what the elder sees.

`LocalLamp` keeps the pattern and logs it: no pin is driven yet. A GPIO lamp comes later behind the same `LampPort`.
BTHome buttons cannot be answered (an advertisement has no way back), so `AckDevice` needs an `acknowledge` from whoever
has a link that can; without one it is refused, counted, and not claimed as done.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, Protocol

from gateway.actions import AckDevice, Action, Lamp
from gateway.channels.port import Delivered, Health, NotDelivered, Outcome, State

if TYPE_CHECKING:
    from gateway.channels.surroundings import Surroundings

PATTERNS: Final = ("off", "calling", "sent", "accepted")

log = logging.getLogger(__name__)


class LampPort(Protocol):
    """A lamp that can show a pattern."""

    def show(self, pattern: str) -> None:
        """Shows one of `PATTERNS` until told otherwise."""
        ...


class LocalLamp:
    """A lamp without wires: remembers what it would show, and tells `on_change`."""

    def __init__(self, on_change: Callable[[str], None] | None = None) -> None:
        self.pattern = "off"
        self._on_change = on_change

    def show(self, pattern: str) -> None:
        """Remembers and logs the pattern."""
        if pattern != self.pattern:
            log.info("lamp: %s (was %s)", pattern, self.pattern)
        self.pattern = pattern
        if self._on_change is not None:
            self._on_change(pattern)


class LampChannel:
    """Carries `Lamp` and `AckDevice`. `acknowledge(device)` is True if the device took the answer."""

    name = "lamp"

    def __init__(self, lamp: LampPort, acknowledge: Callable[[str], Awaitable[bool]] | None = None) -> None:
        self.lamp = lamp
        self._acknowledge = acknowledge
        self.counts: Counter[str] = Counter()

    async def carry(self, action: Action) -> Outcome:
        """Shows a pattern, or answers a device where its link allows it."""
        if isinstance(action, Lamp):
            if action.pattern not in PATTERNS:
                return self._refused("bad_pattern", f"{action.pattern}: expected one of {', '.join(PATTERNS)}")
            self.lamp.show(action.pattern)
            return Delivered()
        if not isinstance(action, AckDevice):
            return self._refused("not_a_lamp", f"the lamp carries patterns and answers only, not {action.kind}")
        if self._acknowledge is None:
            return self._refused("no_way_back", f"{action.device}: its link has no way back")
        if await self._acknowledge(action.device):
            return Delivered()
        return self._refused("not_acknowledged", f"{action.device}: did not take the answer")

    def health(self) -> Health:
        """A lamp cannot tell whether it shines."""
        return Health(State.UP)

    async def close(self) -> None:
        """Leaves the lamp as it is: an alarm does not end with the process."""

    def _refused(self, counter: str, reason: str) -> NotDelivered:
        self.counts[counter] += 1
        return NotDelivered(reason, None)


def open_channel(_: Surroundings) -> LampChannel:
    """The lamp of this house: none with wires yet."""
    return LampChannel(LocalLamp())
