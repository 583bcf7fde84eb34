"""The 4G modem as a driver: makes it ready, keeps it ready, sends texts, hands over what comes in.

Knows the order of things: start, SIM, registration, messages, hourly check (T-16), restart ladder. The line is
`link`'s, messages out are `send`'s, messages in are `inbox`'s. Knows no contact and no alarm.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import re
import time
from collections.abc import Callable
from typing import Final

from gateway.drivers.modem.at import Result, Urc
from gateway.drivers.modem.call_words import CallEnd, caller
from gateway.drivers.modem.card import Card, fields_of
from gateway.drivers.modem.cell import CellWatch, ModemStatus, Registration, Sim, signal_dbm, ussd_text
from gateway.drivers.modem.errors import Cause, classify
from gateway.drivers.modem.inbox import Inbox, OnReport, OnSms
from gateway.drivers.modem.link import AtLink, Traits
from gateway.drivers.modem.phone import CallResult, Message, Phone, PlayInto, refused
from gateway.drivers.modem.send import RETRY_DOWN_S, RETRY_UNREGISTERED_S, SmsResult, prepare, send_parts
from gateway.drivers.modem.timing import MakePort, Port, Timing
from gateway.drivers.port import DriverContext, DriverFault
from gateway.home.numbers import is_emergency
from gateway.observations import Kind, Report

DEFAULT_BAUD: Final = 115_200  # USB modems ignore it, UART ones come with it
FAULTS_BEFORE_RESET: Final = 3  # restarts of the driver alone, before the modem itself is told to start anew

OnRing = Callable[[str], Message | None]
"""The number that rings; what to answer with, or None: it is never answered."""

_REGISTRATION: Final = ("+CREG", "+CEREG")
_ASKS_CREDIT: Final = re.compile(r"(?!\*+(?:21|61|62|67|002|004)\*)[*#][0-9*#]{1,19}")  # no code that forwards calls

_log = logging.getLogger(__name__)


class ModemDriver:
    """One modem on one serial port. `run` under the supervisor; `send_sms` and `call` from anywhere in the loop."""

    devices: Final[tuple[str, ...]] = ()
    liveness_s: Final = 30.0  # a backstop for a hung driver: above the longest silence `link` grants a sending modem

    def __init__(
        self,
        path: str,
        *,
        baud: int = DEFAULT_BAUD,
        pin: str | None = None,
        on_sms: OnSms,
        on_report: OnReport = lambda _reference, _delivered: None,
        on_ready: Callable[[], None] = lambda: None,
        on_ring: OnRing = lambda _number: None,
        play: PlayInto | None = None,
        name: str = "modem",
        timing: Timing | None = None,
        make_port: MakePort | None = None,
    ) -> None:
        self.name = name
        self._path, self._baud = path, baud
        self._on_sms, self._on_report = on_sms, on_report
        self._on_ready = on_ready  # texts can go out again: what waits need not wait for its retry
        self._on_ring, self._play = on_ring, play
        self._phone: Phone | None = None
        self._answering: asyncio.Task[CallResult] | None = None
        self._was_ready = False
        self._timing = timing or Timing()
        self._make_port = make_port or self._serial_port
        self._sending = asyncio.Lock()
        self._reference = random.randrange(256)  # of long messages; phones forget old ones
        self._link: AtLink | None = None  # set while the modem takes messages or says why not
        self._sweep_wanted = False
        # What outlives a run:
        self._traits = Traits()
        self._watch = CellWatch(self._timing.cell_lost_s)
        self._faults = 0
        self._card = Card(self._timing, pin)
        self.status = ModemStatus()
        self._registration = Registration()
        self._count: Callable[[str], None] = lambda _name: None

    async def run(self, context: DriverContext) -> None:
        """One life of the modem, until cancelled. Raises `DriverFault`: gone, mute, restarted by itself."""
        self._count = context.count
        self._registration, self.status = Registration(), ModemStatus()
        self._say_cell(context)  # the supervisor tries for ever: this is how a modem that is gone becomes CELL_LOST
        link = AtLink(
            self._make_port,
            where=self._path,
            beat=context.beat,
            count=context.count,
            timing=self._timing,
            traits=self._traits,
        )
        started = time.monotonic()
        try:
            await self._live(link, context)
        except DriverFault:
            self._faults = 0 if time.monotonic() - started > self._timing.healthy_s else self._faults + link.opened
            raise
        finally:
            self._link = self._phone = None
            self._registration, self.status = Registration(), ModemStatus()
            self._say_cell(context)
            await link.close()

    async def send_sms(self, number: str, text: str) -> SmsResult:
        """Sends `text` to `number`, one message at a time; the caller decides the order. Never raises.

        A caller that stops waiting does not stop a message that is on its way.
        """
        return await asyncio.shield(asyncio.create_task(self._send(number, text)))

    async def call(self, number: str, message: Message) -> CallResult:
        """Calls `number` and says `message`; one call at a time. Never raises; when cancelled it hangs up first."""
        digits = re.sub(r"[\s()-]", "", number)
        if is_emergency(number):
            return CallResult(CallEnd.FAILED, "an emergency number: the gateway never dials those")
        if not re.fullmatch(r"\+?[0-9]{3,20}", digits):
            return CallResult(CallEnd.FAILED, "no number that can be dialled")
        link, phone = self._link, self._phone
        if link is None or phone is None:
            return refused("the modem is not ready", Cause.BUSY)
        try:
            if (refusal := await self._not_now(link)) is not None:
                return CallResult(CallEnd.FAILED, refusal.reason, retry_after_s=refusal.retry_after_s)
        except DriverFault as fault:
            return CallResult(CallEnd.FAILED, str(fault), retry_after_s=RETRY_DOWN_S)
        return await phone.dial(digits, message)

    @property
    def in_call(self) -> bool:
        """Whether somebody is on the phone."""
        return self._phone is not None and self._phone.busy

    async def ask_credit(self, code: str) -> bool:
        """Asks the operator by USSD (`*100#`) how much credit is left; the answer comes into `status.credit`."""
        link = self._link
        if link is None or not _ASKS_CREDIT.fullmatch(code):
            return False
        try:
            return (await link.command(f'AT+CUSD=1,"{code}",15', timeout_s=self._timing.dial_s)).ok
        except DriverFault:
            return False

    # --- sending ----------------------------------------------------------------------------------------------------

    async def _send(self, number: str, text: str) -> SmsResult:
        async with self._sending:
            self._reference = (self._reference + 1) % 256
            parts = prepare(number, text, self._reference)
            if isinstance(parts, SmsResult):
                return parts
            link = self._link
            if link is None:
                return SmsResult(False, reason="the modem is not ready", retry_after_s=RETRY_DOWN_S, cause=Cause.BUSY)
            try:
                if (refusal := await self._not_now(link)) is not None:
                    return refusal
            except DriverFault as fault:
                return SmsResult(False, reason=str(fault), retry_after_s=RETRY_DOWN_S)
            result = await send_parts(link, parts)
            self._count("sms_out" if result.sent else "sms_failed")
            if result.cause is Cause.MEMORY:
                self._want_sweep(link)
            return result

    async def _not_now(self, link: AtLink) -> SmsResult | None:
        """Why a message would not go; asked anew before it is said, because the modem may have forgotten to tell."""
        if self.status.sim is not Sim.READY:
            await self._ask_sim(link)
        if self.status.sim is not Sim.READY:
            verdict = classify(Result.CME, {Sim.MISSING: 10, Sim.LOCKED: 11, Sim.BUSY: 14}.get(self.status.sim, 13))
            return SmsResult(False, reason=verdict.text, retry_after_s=verdict.retry_after_s, cause=verdict.cause)
        if not self._registration.registered:
            await self._ask_registration(link)
        if not self._registration.registered:
            return SmsResult(
                False, reason="not registered with a network", retry_after_s=RETRY_UNREGISTERED_S, cause=Cause.NETWORK
            )
        return None

    def _want_sweep(self, link: AtLink) -> None:
        self._sweep_wanted = True
        with contextlib.suppress(asyncio.QueueFull):  # full: it is awake anyway
            link.urcs.put_nowait(Urc("NOTICE"))

    # --- one life ---------------------------------------------------------------------------------------------------

    async def _live(self, link: AtLink, context: DriverContext) -> None:
        if self._faults >= FAULTS_BEFORE_RESET:
            self._faults = 0
            await link.reset()
            raise DriverFault(f"modem at {self._path}: told to start anew after {FAULTS_BEFORE_RESET} faults in a row")
        await link.open()
        await self._start(link, context)
        tasks = [asyncio.create_task(self._serve(link, context)), asyncio.create_task(link.watch())]
        try:
            await asyncio.wait({link.fault, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if self._answering is not None:
                tasks.append(self._answering)  # type: ignore[arg-type]
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        if link.fault.done():
            link.fault.result()
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def _start(self, link: AtLink, context: DriverContext) -> None:
        for text in ("ATE0", "AT+CMEE=1"):
            await link.command(text)
        for name in _REGISTRATION:
            await link.command(f"AT{name}=1")  # tell changes; a 2G modem knows no +CEREG, an LTE-only one no +CREG
        self._phone = Phone(link, self._timing, context.count, self._play)
        await self._phone.hang_up_orphan()
        await self._ask_sim(link)
        await self._ask_registration(link)
        self._link = link
        self.status.up = True
        self._say_cell(context)
        _log.info("modem at %s is up: SIM %s, registered %s", self._path, self.status.sim, self.status.registered)

    async def _serve(self, link: AtLink, context: DriverContext) -> None:
        """What comes unasked, and what is due: one after the other, so that nothing is handed over twice."""
        inbox = Inbox(link, self._timing, context.count, self._on_sms, self._on_report)
        check_at = time.monotonic() + self._check_in()
        while True:
            if time.monotonic() >= check_at:
                await self._check(link)
                check_at = time.monotonic() + self._check_in()
            if self._sweep_wanted:
                self._sweep_wanted = False
                await inbox.sweep()
            await inbox.expire()
            self._say_cell(context)
            check_at = min(check_at, time.monotonic() + self._check_in())  # a card that just went is looked for sooner
            due = min(at for at in (check_at, self._watch.due, inbox.due) if at is not None)
            try:
                async with asyncio.timeout(max(0.0, due - time.monotonic())):
                    urc = await link.urcs.get()
            except TimeoutError:
                continue
            await self._heard(link, inbox, urc)

    def _check_in(self) -> float:
        return self._timing.check_s if self.status.sim is Sim.READY else self._timing.sim_check_s

    async def _heard(self, link: AtLink, inbox: Inbox, urc: Urc) -> None:
        if urc.name in _REGISTRATION or urc.name == "+CGREG":
            self._registration.read(urc.name, urc.fields, asked=False)
        elif self._phone is not None and self._phone.heard(urc):
            pass
        elif urc.name == "+CLIP":
            self._rung(urc)
        elif urc.name == "+CUSD":
            self.status.credit = ussd_text(urc.fields)
        elif urc.name == "+CPIN":
            await self._ask_sim(link)
        elif urc.name in ("RDY", "POWER DOWN"):
            raise DriverFault(f"modem at {self._path}: it restarted or went down by itself: check its power supply")
        elif urc.name in ("+CMTI", "+CDSI"):
            await inbox.announced(urc)
        elif urc.name in ("+CMT", "+CDS"):
            await inbox.direct(urc)

    def _rung(self, urc: Urc) -> None:
        """Somebody calls: answered only if whoever knows the contacts gives the words for it; asked at every ring."""
        if self._phone is None or self._phone.busy:
            return
        number = caller(urc.fields)
        message = self._on_ring(number) if number is not None else None
        if message is None:
            self._count("ring_not_answered")
            return
        self._count("ring_answered")
        self._answering = asyncio.create_task(self._phone.answer(message), name="answering")

    async def _check(self, link: AtLink) -> None:
        """T-16: the modem may have lost what it was told, or have forgotten to tell. Hourly; sooner without a SIM."""
        await self._ask_sim(link)
        await self._ask_registration(link)

    def _say_cell(self, context: DriverContext) -> None:
        """Tells what changed of the way out: CELL_LOST on or off, and that texts can go again."""
        self.status.registered, self.status.roaming = self._registration.registered, self._registration.roaming
        lost = self._watch.update(self.status.registered, time.monotonic())
        ready = self._link is not None and self.status.sim is Sim.READY and self.status.registered
        if ready and not self._was_ready:
            self._on_ready()
        self._was_ready = ready
        if lost is not None:
            context.emit(Report(Kind.CONDITION, {"code": "CELL_LOST", "on": lost}))

    # --- SIM, registration, message settings ------------------------------------------------------------------------

    async def _ask_sim(self, link: AtLink) -> None:
        before = self.status.sim
        self.status.sim = await self._card.read(link)
        if self.status.sim is not before:
            _log.log(logging.INFO if self.status.sim is Sim.READY else logging.WARNING, "SIM: %s", self.status.sim)
        if self.status.sim is Sim.READY and (before is not Sim.READY or self._link is not None):
            await self._prepare_messages(link)

    async def _ask_registration(self, link: AtLink) -> None:
        for name in _REGISTRATION:
            reply = await link.command(f"AT{name}?", prefix=name)
            if reply.ok:
                self._registration.read(name, fields_of(reply, name), asked=True)
        self.status.signal_dbm = signal_dbm(fields_of(await link.command("AT+CSQ", prefix="+CSQ"), "+CSQ"))

    async def _prepare_messages(self, link: AtLink) -> None:
        """PDU mode, reports routed to us, messages stored and announced; what is stored already is read next."""
        await link.command("AT+CSMS=1", prefix="+CSMS")  # phase 2+: direct reports are acknowledged; refusal: phase 2
        if not (await link.command("AT+CMGF=0")).ok:
            raise DriverFault(f"modem at {self._path}: refuses PDU mode (AT+CMGF=0); it cannot carry texts")
        if not (await link.command("AT+CNMI=2,1,0,1,0")).ok and not (await link.command("AT+CNMI=2,1,0,0,0")).ok:
            self._count("cnmi_refused")  # then only the hourly sweep finds incoming messages
            _log.warning("modem: refuses AT+CNMI; incoming texts are found once an hour only")
        self._sweep_wanted = True
        if self._phone is not None:
            await self._phone.prepare()  # some modems show no caller until the card is ready

    def _serial_port(self, on_data: Callable[[bytes], None], on_lost: Callable[[str], None]) -> Port:
        from gateway.drivers.serial_port import SerialPort

        return SerialPort(self._path, self._baud, on_data=on_data, on_lost=on_lost)
