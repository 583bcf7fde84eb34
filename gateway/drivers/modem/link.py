"""The modem's serial line as commands and answers: one command at a time, and a mute modem noticed in 5 s.

Knows the port, the AT engine and every timeout. Knows no SIM, no network and no message.

How silence is judged
- Idle: after 2.7 s without a sensible line an `AT` is sent; no answer in 2 s is a fault. Together 4.7 s.
- A command that needs no network must answer in 2.0 s, one that reads or writes the SIM in 4.5 s.
- A submitted message may wait 60 s for the network, but not in silence. After 2 s without a line an `AT` goes out
  beside it. A modem that has once answered such a probe is held to it: 4.5 s of silence are a fault. Modems that work
  strictly one by one stay silent until the network has answered; until one has shown otherwise 20 s of silence are
  granted, else a slow network would look like a dead modem and every retry would send another copy.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from gateway.drivers.modem.at import (
    AtEngine,
    Bare,
    Command,
    Ended,
    Event,
    Info,
    ProbeAnswered,
    Prompt,
    Refused,
    Result,
    TimedOut,
    Urc,
)
from gateway.drivers.modem.timing import MakePort, Timing
from gateway.drivers.port import DriverFault

MAX_LINES: Final = 1200  # of one answer: a listing of 255 messages has 510, of 500 has 1000
MAX_URCS: Final = 256  # waiting to be handled; more is a babbling modem
RESYNC_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Reply:
    """How a command ended and what was said."""

    result: Result
    number: int | None
    lines: tuple[str, ...]
    word: str = ""  # how a call ended that was being dialled

    @property
    def ok(self) -> bool:
        """Whether the command was carried out."""
        return self.result is Result.OK


class PerhapsSent(DriverFault):
    """The line died after the message was handed to the modem: it may have gone, or not."""


@dataclass(slots=True)
class Traits:
    """What was learnt of this modem; outlives a restart of the driver."""

    answers_while_sending: bool = False


@dataclass(slots=True)
class _Waiting:
    """The answer under way."""

    done: asyncio.Future[Ended]
    lines: list[str] = field(default_factory=list)
    prompted: bool = False


class AtLink:
    """One open line to one modem. After a fault it is dead: `fault` tells why, every call raises it."""

    def __init__(
        self,
        make_port: MakePort,
        *,
        where: str,
        beat: Callable[[], None],
        count: Callable[[str], None],
        timing: Timing,
        traits: Traits,
    ) -> None:
        self._port = make_port(self._received, self._lost)
        self._where, self._beat, self._count = where, beat, count
        self._timing, self._traits = timing, traits
        self._engine = AtEngine()
        self._lock = asyncio.Lock()
        self._waiting: _Waiting | None = None
        self._progress = asyncio.Event()
        self._heard = time.monotonic()
        self.opened = False  # the port was there: a later fault is the modem's own
        self.urcs: asyncio.Queue[Urc] = asyncio.Queue(MAX_URCS)
        self.fault: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def open(self) -> None:
        """Opens the port and brings the modem to a known state. Raises `DriverFault`."""
        await self._port.open()
        self.opened = True
        await self._resync()

    async def reset(self) -> None:
        """Tells the modem to start anew, whatever state it is in. The line is of no use afterwards."""
        await self._port.open()
        self._port.write(b"\x1b\rAT+CFUN=1,1\r")
        await self._progressed(time.monotonic() + self._timing.reset_s)

    async def close(self) -> None:
        """Ends the line; whoever still waits gets the fault."""
        self._fail("the modem driver is stopping")
        await self._port.close()

    async def command(
        self, text: str, *, timeout_s: float | None = None, prefix: str | None = None, bare: Bare = Bare.NONE
    ) -> Reply:
        """Sends one command and returns its answer, errors included. No answer in time is a `DriverFault`."""
        async with self._lock:
            await self._settle()
            return await self._exchange(Command(text, prefix, bare), timeout_s or self._timing.local_s)

    async def submit(self, pdu: str, tpdu_octets: int) -> Reply:
        """Hands one message to the network; the answer's lines hold `+CMGS: <reference>`.

        Raises `DriverFault` for a modem that went silent or a network that did not answer in 60 s, and its kind
        `PerhapsSent` from the payload on: the message may have gone.
        """
        async with self._lock:
            await self._settle()
            command = Command(f"AT+CMGS={tpdu_octets}", "+CMGS", prompt=True)
            waiting = self._begin(command, self._timing.local_s)
            await self._until(lambda: waiting.prompted or waiting.done.done())
            if waiting.done.done():
                return self._reply(waiting)
            try:
                self._write(self._engine.answer_prompt(pdu, time.monotonic(), self._timing.network_s))
                await self._await_network(waiting)
            except DriverFault as fault:
                raise PerhapsSent(str(fault)) from fault
            return self._reply(waiting)

    async def watch(self) -> None:
        """Proves the modem alive while nobody talks to it. Runs until the line is dead."""
        while True:
            quiet = time.monotonic() - self._heard
            if quiet < self._timing.probe_interval_s:
                await asyncio.sleep(self._timing.probe_interval_s - quiet)
            elif self._lock.locked():  # a command under way has its own timeout
                async with self._lock:
                    pass
            else:
                await self.command("AT")

    # --- commands ---------------------------------------------------------------------------------------------------

    async def _resync(self) -> None:
        """Out of any prompt or half-typed line, then `AT` until it answers, then silence."""
        for attempt in range(1, RESYNC_TRIES + 1):
            self._write(b"\x1b\r")
            waiting = self._begin(Command("AT"), self._timing.local_s / RESYNC_TRIES)
            try:
                await self._until(waiting.done.done, fatal=attempt == RESYNC_TRIES)
            except TimeoutError:
                continue
            break
        await asyncio.sleep(self._timing.settle_s)
        while not self.urcs.empty():
            self.urcs.get_nowait()  # what came before the modem was told what to report means nothing yet

    async def _exchange(self, command: Command, timeout_s: float) -> Reply:
        waiting = self._begin(command, timeout_s)
        await self._until(waiting.done.done)
        return self._reply(waiting)

    def _begin(self, command: Command, timeout_s: float) -> _Waiting:
        self._raise_if_dead()
        data = self._engine.begin(command, time.monotonic(), timeout_s)
        self._waiting = _Waiting(asyncio.get_running_loop().create_future())
        self._write(data)
        return self._waiting

    def _reply(self, waiting: _Waiting) -> Reply:
        self._waiting = None
        ended = waiting.done.result()
        if ended.result is Result.CMS:
            self._count("cms_error")
        elif ended.result is Result.CME:
            self._count("cme_error")
        return Reply(ended.result, ended.number, tuple(waiting.lines), ended.word)

    async def _until(self, done: Callable[[], bool], *, fatal: bool = True) -> None:
        """Waits until `done`; past the command's deadline the line is dead (or TimeoutError if not `fatal`)."""
        while not done():
            self._raise_if_dead()
            await self._progressed(self._engine.deadline)
            for event in self._engine.advance(time.monotonic()):
                assert isinstance(event, TimedOut)
                if not fatal:
                    raise TimeoutError
                self._fail(f"no answer to {event.text.split('=')[0]} in time: {self._what_to_do()}")

    async def _await_network(self, waiting: _Waiting) -> None:
        """The long wait for `+CMGS:`, probing as told at the top."""
        timing = self._timing
        started = self._heard = time.monotonic()
        next_probe = started + timing.probe_after_s
        while not waiting.done.done():
            self._raise_if_dead()
            now = time.monotonic()
            patience = timing.mute_s if self._traits.answers_while_sending else timing.mute_unproven_s
            if now >= self._heard + patience:
                self._fail(f"silent while a message waits for the network: {self._what_to_do()}")
            elif now >= started + timing.network_s:
                self._fail(f"the network did not answer in {timing.network_s:g} s")
            elif now >= next_probe and not self._engine.probes_owed:
                self._write(self._engine.probe())
            else:
                next_probe = max(next_probe, self._heard + timing.probe_after_s)
                due = min(self._heard + patience, started + timing.network_s)
                await self._progressed(due if self._engine.probes_owed else min(due, next_probe))

    async def _settle(self) -> None:
        """What was asked before is answered first: its OK must not end the next command.

        A command whose caller was cancelled is still under way; a probe may be answered after its message.
        """
        self._raise_if_dead()
        if self._waiting is not None:
            await self._until(self._waiting.done.done)
        limit = time.monotonic() + self._timing.probe_grace_s
        while self._engine.probes_owed and time.monotonic() < limit:
            self._raise_if_dead()
            await self._progressed(limit)
        self._engine.forgive_probes()

    async def _progressed(self, until: float | None) -> None:
        """Waits for any event of the line, at most until the monotonic time `until`."""
        self._progress.clear()
        try:
            async with asyncio.timeout(None if until is None else max(0.0, until - time.monotonic())):
                await self._progress.wait()
        except TimeoutError:
            return

    # --- the line ---------------------------------------------------------------------------------------------------

    def _write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except DriverFault as fault:
            self._fail(str(fault), named=True)
            raise

    def _received(self, data: bytes) -> None:
        for event in self._engine.receive(data):
            self._take(event)
        self._progress.set()

    def _take(self, event: Event) -> None:
        if isinstance(event, Refused):
            self._count(event.reason)
            if event.reason != "stray_result":
                return  # noise proves nothing
        self._heard = time.monotonic()
        self._beat()
        waiting = self._waiting
        if isinstance(event, Urc):
            self._keep(event)
        elif isinstance(event, ProbeAnswered):
            self._traits.answers_while_sending |= waiting is not None and not waiting.done.done()
        elif waiting is not None:
            self._advance(waiting, event)

    def _advance(self, waiting: _Waiting, event: Event) -> None:
        if isinstance(event, Prompt):
            waiting.prompted = True
        elif isinstance(event, Info):
            if len(waiting.lines) < MAX_LINES:
                waiting.lines.append(event.line)
                self._engine.more_time(time.monotonic())  # a long listing takes seconds, but not in silence
            else:
                self._count("answer_too_long")
        elif isinstance(event, Ended) and not waiting.done.done():
            waiting.done.set_result(event)

    def _keep(self, urc: Urc) -> None:
        try:
            self.urcs.put_nowait(urc)
        except asyncio.QueueFull:
            self._count("urc_overflow")

    def _lost(self, reason: str) -> None:
        self._fail(reason, named=True)

    def _fail(self, reason: str, *, named: bool = False) -> None:
        """The line is dead from now on. `named`: the reason says already which port it is about."""
        if not self.fault.done():
            self.fault.set_exception(DriverFault(reason if named else f"modem at {self._where}: {reason}"))
            self.fault.exception()  # looked at: an unasked-for fault at shutdown is no warning
        self._progress.set()

    def _raise_if_dead(self) -> None:
        if self.fault.done() and (fault := self.fault.exception()) is not None:
            raise DriverFault(str(fault))

    def _what_to_do(self) -> str:
        return "it is mute; it is started anew. If this repeats, check its power (2 A peaks) and its USB cable"
