"""What a driver is to the rest of the house: something that turns bytes into reports and can be supervised.

A driver may hang, crash or go silent. So it gets three things and nothing else: `emit` to hand in a report, `beat` to
say that its far end proved alive just now, and `count` to count what was refused. Where the far end keeps a message
until it is acknowledged, `emit_durable` says when it may be. It runs until cancelled, or raises `DriverFault`; the
supervisor restarts it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.observations import Report


class DriverFault(Exception):
    """Their fault or the hardware's: the driver wants to be restarted. Says what, where, what to do."""


def _cannot_tell(_: Report) -> asyncio.Future[bool]:
    raise NotImplementedError("whoever made this context cannot tell when a report is durable")


@dataclass(frozen=True, slots=True)
class DriverContext:
    """What the supervisor hands a driver for one run."""

    emit: Callable[[Report], None]
    beat: Callable[[], None]
    count: Callable[[str], None]  # count("bad_checksum"): a counter by name, shown by doctor and status
    emit_durable: Callable[[Report], asyncio.Future[bool]] = _cannot_tell
    """`emit`, and a future: true once the report is committed, or needs none because a newer one took its place;
    false if it was given up. It may stay pending while the disk fails. A life-saving report is never held back."""


class Driver(Protocol):
    """One way in. `run` is restarted by the supervisor; a new run starts from fresh protocol state."""

    @property
    def name(self) -> str:
        """`ble`, `modem`, `meter:...`: for logs, notices and status."""
        ...

    @property
    def liveness_s(self) -> float:
        """No `beat` for this long: hung or blind, restart."""
        ...

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices that are blind when this driver is."""
        ...

    async def run(self, context: DriverContext) -> None:
        """Works until cancelled. Raises `DriverFault` (or anything else) when it cannot go on. Frees all it took."""
        ...
