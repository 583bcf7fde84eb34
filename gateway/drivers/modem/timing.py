"""The waits of the modem driver, and what it needs of a serial port.

Knows numbers only; `link` explains how they add up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Timing:
    """Every wait of the modem driver, in seconds. The sums are explained in `link`; tests shorten them."""

    probe_interval_s: float = 2.7  # with `local_s` 4.7 s: a mute modem is noticed in 5 s, the loop's own lag included
    local_s: float = 2.0  # makers promise 0.3 s for commands without SIM or network
    store_s: float = 4.5  # a slow SIM; still under the 5 s of the requirement
    network_s: float = 60.0  # T-10; makers say up to 120 s, but by then the next contact is better
    probe_after_s: float = 2.0
    mute_s: float = 4.5
    mute_unproven_s: float = 20.0
    probe_grace_s: float = 1.0  # how long an unanswered probe holds up the next command
    settle_s: float = 0.2  # after the first OK: late answers to what the last run asked are let pass
    reset_s: float = 3.0  # AT+CFUN=1,1: some answer OK, some are gone at once
    check_s: float = 3600.0  # T-16: registration hourly
    sim_check_s: float = 30.0  # [P]: a card pushed in is noticed even by a modem that does not say so
    cell_lost_s: float = 180.0  # T-28, cellular
    part_wait_s: float = 600.0  # [P]: how long the rest of a long message is waited for
    dial_s: float = 20.0  # ATD says OK to a voice call at once; some modems only when the network has taken it
    ring_s: float = 40.0  # [P]: ten rings; the network gives up at 60 s, and mailboxes answer at 30 s
    clcc_s: float = 1.0  # [P]: how often a call is asked whether it still stands
    pause_s: float = 1.0  # [P]: a person who has just answered puts the phone to the ear
    key_s: float = 5.0  # [P]: how long a key is waited for after the message
    healthy_s: float = 600.0  # [P]: up this long, earlier faults are forgotten


class Port(Protocol):
    """What the link needs of `SerialPort`."""

    async def open(self) -> None: ...
    def write(self, data: bytes) -> None: ...
    async def close(self) -> None: ...


MakePort = Callable[[Callable[[bytes], None], Callable[[str], None]], Port]
