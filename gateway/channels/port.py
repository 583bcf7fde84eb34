"""What a channel is to the rest of the house: a way to people that can carry one action and say how it went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.actions import Action


@dataclass(frozen=True, slots=True)
class Delivered:
    """The far end took it (for SMS: the network's reference). Nothing more is claimed."""

    reference: str | None = None


@dataclass(frozen=True, slots=True)
class NotDelivered:
    """It did not go. `retry_after_s` None: trying again cannot help (bad number, template refused)."""

    reason: str
    retry_after_s: float | None


Outcome = Delivered | NotDelivered


class Channel(Protocol):
    """One way to people. `carry` never raises but for a bug of ours; a failure is an `Outcome`."""

    name: str

    async def carry(self, action: Action) -> Outcome:
        """Carries out one action, at least once, within its own time limits."""
        ...
