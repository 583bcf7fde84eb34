"""Runs one gateway process to its end: logging, loop, clean stop, and an exit code with a reason."""

from __future__ import annotations

import asyncio
import logging
import sys

from gateway.config import Config
from gateway.home.registry import RegistryBusy
from gateway.home.storage import DamagedRegistry
from gateway.journal import JournalError
from gateway.runtime.control import ControlBusy
from gateway.runtime.gateway import Gateway, run_until_stopped
from gateway.runtime.logs import setup


def serve(config: Config, *, leap: bool = False, log_names: bool = False) -> int:
    """Serves until SIGTERM. 0 after a clean stop, 1 if it cannot run (the reason is on standard error).

    `leap` (a clock that can jump) and `log_names` are for the demo only.
    """
    logs = setup(getattr(logging, config.gateway.log_level.upper()))

    async def main() -> None:
        await run_until_stopped(Gateway(config, leap=leap, log_names=log_names, logs=logs))

    try:
        asyncio.run(main())
    except (RegistryBusy, DamagedRegistry, JournalError, ControlBusy, OSError) as error:
        sys.stderr.write(f"hearthwatch: cannot run: {error}\n")
        return 1
    return 0
