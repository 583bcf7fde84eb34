"""The siren: sounded for smoke, gas and CO, stopped by the same alarm; never by itself for a call (domain 1.9).

The port is a command of the operator's (`hearthwatch-siren on`), for a GPIO pin, a relay or a Zigbee siren; without
one the siren keeps its state and logs it, and says that it made no sound. It is silenced when the gateway starts: what
a crash left sounding belongs to an alarm that will ask for it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shlex
import shutil
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

from gateway.actions import Action, Siren
from gateway.channels.port import Delivered, Health, NotDelivered, Outcome, State

if TYPE_CHECKING:
    from gateway.channels.surroundings import Surroundings

PATTERNS: Final = ("on", "off")
COMMAND_LIMIT_S: Final = 5.0  # a pin is set in milliseconds, a Zigbee siren in a second
LONGEST_S: Final = 600.0
"""[P]: who has not left by then is not helped by it, and the neighbours cannot hear the elder's voice over it."""

log = logging.getLogger(__name__)


class SirenPort(Protocol):
    """Something that can sound."""

    async def sound(self, on: bool) -> bool:
        """Sounds or stops; False if it could not. Never raises for the device's fault."""
        ...


class CommandSiren:
    """A program that is called with `on` or `off` and ends with 0 when it is so."""

    def __init__(self, command: Sequence[str], *, limit_s: float = COMMAND_LIMIT_S) -> None:
        self._command, self._limit_s = tuple(command), limit_s

    async def sound(self, on: bool) -> bool:
        """Runs the program; one that hangs is killed."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, "on" if on else "off",
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        except OSError as error:
            log.error("siren: its command cannot be started: %s", type(error).__name__)
            return False
        try:
            async with asyncio.timeout(self._limit_s):
                return await process.wait() == 0
        except TimeoutError:
            log.error("siren: its command did not end within %.0f s", self._limit_s)
            return False
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()


class SirenChannel:
    """Carries `Siren`. Keeps which alarms want it: it stops when none does, or after `LONGEST_S`."""

    name = "siren"

    def __init__(self, port: SirenPort | None, *, longest_s: float = LONGEST_S, why: str = "") -> None:
        self._port, self._longest_s = port, longest_s
        self._why = why or ("" if port else "no siren is configured ([siren] command)")
        self._wanted: set[int | None] = set()
        self._end: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[bool] | None = None
        self.sounding = False
        self.counts: Counter[str] = Counter()

    async def carry(self, action: Action) -> Outcome:
        """Sounds it, or stops it once no alarm wants it any more."""
        if not isinstance(action, Siren) or action.pattern not in PATTERNS:
            self.counts["refused"] += 1
            return NotDelivered(f"the siren knows {' and '.join(PATTERNS)} only", None)
        if action.pattern == "on":
            self._wanted.add(action.alarm)
        elif action.alarm is None:
            self._wanted.clear()
        else:
            self._wanted.discard(action.alarm)
        return await self._set(bool(self._wanted))

    async def silence(self) -> None:
        """At start: whatever an earlier process left sounding."""
        if self._port is not None:
            await self._port.sound(False)

    def health(self) -> Health:
        """Off without a port; down while the last order failed."""
        if self._port is None:
            return Health(State.OFF, self._why)
        return Health(State.DOWN, self._why) if self._why else Health(State.UP, "sounding" if self.sounding else "")

    async def close(self) -> None:
        """A gateway that stops cannot stop it later: it is stopped now."""
        if self._end is not None:
            self._end.cancel()
        if self.sounding:
            await self._set(False)

    async def _set(self, on: bool) -> Outcome:
        if on != self.sounding:
            log.warning("siren: %s", "on" if on else "off")
        self.sounding = on
        self._limit(on)
        if self._port is None:
            return NotDelivered(self._why, None)
        if await self._port.sound(on):
            self._why = ""
            return Delivered()
        self.counts["failed"] += 1
        self._why = f"it could not be switched {'on' if on else 'off'}"
        return NotDelivered(self._why, None)

    def _limit(self, on: bool) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None
        if on:
            self._end = asyncio.get_running_loop().call_later(self._longest_s, self._too_long)

    def _too_long(self) -> None:
        log.warning("siren: off after %.0f s", self._longest_s)
        self.counts["too_long"] += 1
        self._wanted.clear()
        self.sounding, self._end = False, None
        if self._port is not None:
            self._task = asyncio.ensure_future(self._port.sound(False))


def open_channel(around: Surroundings) -> SirenChannel:
    """The siren of this house, from `[siren] command`."""
    try:
        command = shlex.split(around.config.siren.command)
    except ValueError:
        command = []
    if not around.config.siren.command:
        return SirenChannel(None)
    if not command or shutil.which(command[0]) is None:
        return SirenChannel(None, why="the program of [siren] command is not found")
    return SirenChannel(CommandSiren(command))
