"""What a channel is to the rest of the house: a way to people that carries one action, says how it went, and how it is.

A new channel is one file with a class like this and a function `open_channel`, and one row in `table`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from gateway.actions import Action


@dataclass(frozen=True, slots=True)
class Delivered:
    """The far end took it (for SMS: the network's reference). Nothing more is claimed.

    `result`: how it is written down (`sent`; for a call `answered`). `memory`: what the journal keeps in the same
    transaction, so that a restart knows it.
    """

    reference: str | None = None
    result: str = "sent"
    memory: tuple[str, Any] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class NotDelivered:
    """It did not go. `retry_after_s` None: trying again cannot help (bad number, template refused).

    `result`: how it is written down (`failed`; for a call `busy`, `no_answer`, `rejected`, `withdrawn`).
    """

    reason: str
    retry_after_s: float | None
    result: str = "failed"


Outcome = Delivered | NotDelivered


class State(StrEnum):
    """How a channel is."""

    UP = "UP"
    DEGRADED = "DEGRADED"  # it works, but not as it should: a second modem carries, a voice has lost its loudspeaker
    DOWN = "DOWN"
    OFF = "OFF"  # not configured: nobody expects anything of it


@dataclass(frozen=True, slots=True)
class Health:
    """A channel's state and, for people, why."""

    state: State
    why: str = ""


class Channel(Protocol):
    """One way to people. `carry` never raises but for a bug of ours; a failure is an `Outcome`."""

    name: str

    async def carry(self, action: Action) -> Outcome:
        """Carries out one action, at least once, within its own time limits."""
        ...

    def health(self) -> Health:
        """How it is now; asked often, costs nothing."""
        ...

    async def close(self) -> None:
        """The gateway stops: lets go of what it holds."""
        ...
