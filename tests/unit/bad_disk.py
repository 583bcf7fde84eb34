"""A disk that hangs or fails for as long as it is told, and the patience to see what comes of it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

PATIENCE_S = 30.0  # what a busy machine may take; no claim


class Disk:
    """Stands between the journal and its disk, for as long as it is told."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.tries = 0
        self.hold = threading.Event()
        self.hold.set()

    def before_commit(self) -> None:
        self.tries += 1
        self.hold.wait(60)
        if self.error is not None:
            raise self.error


async def until(true: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Waits for what another thread brings about."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come"
        await asyncio.sleep(0.01)
