"""The SIM card: what the modem says of it, and its PIN, tried once and only while nothing can be locked by it.

Knows three commands and no message. Outlives a run of the driver: a PIN that was refused is not tried again.
"""

from __future__ import annotations

import logging
import re
from typing import Final

from gateway.drivers.modem.cell import Sim
from gateway.drivers.modem.errors import Cause, classify
from gateway.drivers.modem.link import AtLink, Reply
from gateway.drivers.modem.timing import Timing

MIN_PIN_TRIES: Final = 3  # a PIN is only tried while all tries are left: a wrong one in a file must not lock the card

_SIM_WORDS: Final = {"READY": Sim.READY, "NOT INSERTED": Sim.MISSING, "NOT READY": Sim.BUSY}

_log = logging.getLogger(__name__)


class Card:
    """The card in one modem, and the PIN configured for it."""

    def __init__(self, timing: Timing, pin: str | None) -> None:
        self._timing, self._pin = timing, pin
        self._tried = False

    async def read(self, link: AtLink) -> Sim:
        """What the modem says of the card now; unlocks it if it may."""
        reply = await link.command("AT+CPIN?", timeout_s=self._timing.store_s, prefix="+CPIN")
        if not reply.ok:
            verdict = classify(reply.result, reply.number)
            if verdict.cause is Cause.BUSY:
                return Sim.BUSY
            return Sim.MISSING if reply.number == 10 else Sim.FAILED
        said = fields_of(reply, "+CPIN").upper()
        if said == "SIM PIN" and await self._unlock(link):
            return Sim.READY
        return _SIM_WORDS.get(said, Sim.LOCKED)

    async def _unlock(self, link: AtLink) -> bool:
        """Tries the configured PIN, once in the program's life and only while the card has all its tries left."""
        if self._pin is None or self._tried or not re.fullmatch(r"\d{4,8}", self._pin):
            return False
        reply = await link.command("AT+CPINR", timeout_s=self._timing.store_s, prefix="+CPINR")
        left = re.search(r"SIM PIN,\s*(\d+)", " ".join(reply.lines))
        if left is not None and int(left[1]) < MIN_PIN_TRIES:
            _log.warning("modem: the SIM's PIN was refused before; it is not tried again. Correct it, unlock by phone")
            return False
        self._tried = True
        reply = await link.command(f'AT+CPIN="{self._pin}"', timeout_s=self._timing.store_s)
        self._tried = not reply.ok  # a good PIN may be needed again after a power cut of the modem
        return reply.ok


def fields_of(reply: Reply, name: str) -> str:
    """What follows `name:` in the first line of the answer that has it; "" without one."""
    return next((line[len(name) :].lstrip(": ") for line in reply.lines if line.startswith(name)), "")
