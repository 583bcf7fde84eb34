"""What we tell systemd: ready, how we are, still alive, stopping; and the watchdog that is fed only by a whole gateway.

Knows sd_notify(3) and named checks; not what is checked. Without systemd everything here is a no-op that still logs
which part is stuck.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping
from typing import Final

FEEDS_PER_INTERVAL: Final = 3  # two chances more if one check is false for a moment
UNWATCHED_INTERVAL_S: Final = 10.0  # without WatchdogSec: only to log what is stuck
MAX_STATUS_CHARS: Final = 200

log = logging.getLogger(__name__)


class Notifier:
    """Sends to systemd's socket. Never raises, never blocks: a full or missing socket must not cost an alarm."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]  # the abstract namespace
        elif not self._address.startswith("/"):
            self._address = ""

    def ready(self, status: str = "") -> bool:
        """Monitoring has begun."""
        return self._send("READY=1\n" + _status(status))

    def status(self, text: str) -> bool:
        """One line for `systemctl status`."""
        return self._send(_status(text))

    def watchdog(self) -> bool:
        """Alive. Only `Watchdog` should say so."""
        return self._send("WATCHDOG=1")

    def stopping(self) -> bool:
        """SIGTERM was understood."""
        return self._send("STOPPING=1")

    def _send(self, message: str) -> bool:
        if not self._address:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as out:
                out.sendto(message.encode(), self._address)
        except (OSError, ValueError):
            return False
        return True


def _status(text: str) -> str:
    return "STATUS=" + " ".join(text.split())[:MAX_STATUS_CHARS]


def watchdog_interval_s(environ: Mapping[str, str] = os.environ, pid: int | None = None) -> float | None:
    """How long systemd waits for a sign of life, in seconds; None if it does not wait for this process."""
    wanted_pid = environ.get("WATCHDOG_PID")
    if wanted_pid is not None and wanted_pid != str(os.getpid() if pid is None else pid):
        return None
    usec = environ.get("WATCHDOG_USEC", "")
    return int(usec) / 1e6 if usec.isascii() and usec.isdigit() and int(usec) > 0 else None


class Watchdog:
    """Feeds systemd while every check is true; else says which is not and lets systemd restart us (A22)."""

    def __init__(
        self,
        checks: Mapping[str, Callable[[], bool]],
        notifier: Notifier,
        interval_s: float | None,
        healthy_status: Callable[[], str] = lambda: "watching",
    ) -> None:
        """`interval_s` from `watchdog_interval_s()`; `healthy_status` is the STATUS line when all is well."""
        self._checks, self._notifier, self._healthy_status = dict(checks), notifier, healthy_status
        self.feed_every_s = (interval_s / FEEDS_PER_INTERVAL) if interval_s else UNWATCHED_INTERVAL_S
        self._told = ""
        self._was_stuck: tuple[str, ...] = ()

    def stuck(self) -> tuple[str, ...]:
        """The names of the checks that are not true."""
        return tuple(name for name, check in self._checks.items() if not _passes(name, check))

    def feed(self) -> bool:
        """One look: feeds and returns True if all is well, else says what is stuck."""
        stuck = self.stuck()
        if stuck:
            if stuck != self._was_stuck:
                log.error("stuck: %s; the watchdog is not fed", ", ".join(stuck))
            self._say("stuck: " + ", ".join(stuck))
        else:
            if self._was_stuck:
                log.warning("no longer stuck: %s", ", ".join(self._was_stuck))
            self._notifier.watchdog()
            self._say(self._healthy_status())
        self._was_stuck = stuck
        return not stuck

    async def run(self) -> None:
        """Looks and feeds until cancelled. Runs in the gateway's own loop: a blocked loop feeds nothing."""
        while True:
            self.feed()
            await asyncio.sleep(self.feed_every_s)

    def _say(self, status: str) -> None:
        if status != self._told and self._notifier.status(status):
            self._told = status


def _passes(name: str, check: Callable[[], bool]) -> bool:
    try:
        return bool(check())
    except Exception:  # a check that cannot tell is no proof of life
        log.exception("the check %s failed", name)
        return False
