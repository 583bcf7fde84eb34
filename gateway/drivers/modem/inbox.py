"""What comes in: stored messages, messages and delivery reports announced or handed over directly.

Knows the message store and that a message is deleted only after it was handed over, so a crash in between hands it over
again and never loses it. Does not know who wrote or what an answer means.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from gateway.drivers.modem.at import Bare, Urc
from gateway.drivers.modem.link import AtLink
from gateway.drivers.modem.pdu import BadPdu, Deliver, StatusReport, decode_pdu
from gateway.drivers.modem.reassembly import Incoming, Reassembler, Slot
from gateway.drivers.modem.timing import Timing

OnSms = Callable[[str, str], Awaitable[None] | None]
"""(number, text). When it, or the awaitable it returns, is done, the message is deleted: make it durable there."""
OnReport = Callable[[int, bool], None]
"""(TP-MR of the part, whether it was delivered)."""

STORES: Final = ("SM", "ME")  # both are read at start; the last that works stays chosen: the modem's is larger
HAND_OVER_S: Final = 10.0  # [P]: a commit takes 0.5 s at the worst (architecture, decision 2); then it stays stored

_CMTI: Final = re.compile(r'\s*"?([A-Z]{2})"?\s*,\s*(\d{1,5})')
_CMGL: Final = re.compile(r"\+CMGL:\s*(\d{1,5})\s*,")

_log = logging.getLogger(__name__)


class Inbox:
    """The incoming side of one run of the driver."""

    def __init__(
        self, link: AtLink, timing: Timing, count: Callable[[str], None], on_sms: OnSms, on_report: OnReport
    ) -> None:
        self._link, self._timing, self._count = link, timing, count
        self._on_sms, self._on_report = on_sms, on_report
        self._parts = Reassembler(timing.part_wait_s)
        self._store: str | None = None  # the one chosen for reading and deleting

    @property
    def due(self) -> float | None:
        """When an unfinished long message is given up."""
        return self._parts.due

    async def sweep(self) -> None:
        """Reads every stored message of every store and hands it over: at start, hourly and when memory is full."""
        for store in STORES:
            if not await self._choose(store):
                continue
            reply = await self._link.command("AT+CMGL=4", timeout_s=self._timing.store_s, prefix="+CMGL", bare=Bare.PDU)
            for index, pdu in _listed(reply.lines):
                await self._take(pdu, (store, index))

    async def announced(self, urc: Urc) -> None:
        """`+CMTI` and `+CDSI`: something was stored at an index."""
        match = _CMTI.match(urc.fields)
        if match is None or not await self._choose(match[1]):
            self._count("unsolicited_unknown")
            return
        slot = (match[1], int(match[2]))
        reply = await self._link.command(
            f"AT+CMGR={slot[1]}", timeout_s=self._timing.store_s, prefix="+CMGR", bare=Bare.PDU
        )
        for line in reply.lines:
            if not line.startswith("+"):
                await self._take(line, slot)

    async def direct(self, urc: Urc) -> None:
        """`+CMT` and `+CDS`: it is here already; unacknowledged, the modem would stop routing them (27.005 3.4.4)."""
        await self._take(urc.pdu or "", None)
        await self._link.command("AT+CNMA", timeout_s=self._timing.store_s)

    async def expire(self) -> None:
        """Hands over the long messages whose rest never came."""
        await self._hand_over(self._parts.expire(time.monotonic()))

    async def _take(self, pdu: str, slot: Slot | None) -> None:
        try:
            message = decode_pdu(pdu)
        except BadPdu as error:
            self._count("bad_pdu")
            _log.warning("modem: an incoming message could not be read: %s", error)
            await self._delete(slot)  # else a stranger could fill the store with rubbish
            return
        if isinstance(message, Deliver):
            await self._hand_over(self._parts.add(message, slot, time.monotonic()))
        elif isinstance(message, StatusReport):
            self._report(message)
            await self._delete(slot)
        # A stored SMS-SUBMIT is somebody's draft: not ours to read or delete.

    async def _hand_over(self, messages: Iterable[Incoming]) -> None:
        for message in messages:
            if not message.complete:
                self._count("sms_incomplete")
            try:
                waiting = self._on_sms(message.number, message.text)
                if inspect.isawaitable(waiting):
                    async with asyncio.timeout(HAND_OVER_S):
                        await waiting
            except Exception as error:  # noqa: BLE001 - the receiver's bug must not stop the modem; it stays stored
                self._count("sms_not_taken")
                _log.error("modem: an incoming message was not taken: %s", type(error).__name__)  # its text may quote
                continue
            self._count("sms_in")
            for slot in message.slots:
                await self._delete(slot)

    def _report(self, report: StatusReport) -> None:
        if not report.final:
            self._count("report_pending")
            return
        self._count("report_delivered" if report.delivered else "report_failed")
        try:
            self._on_report(report.reference, report.delivered)
        except Exception as error:  # noqa: BLE001 - as above
            _log.error("modem: a delivery report was not taken: %s", type(error).__name__)

    async def _delete(self, slot: Slot | None) -> None:
        if slot is not None and await self._choose(slot[0]):
            await self._link.command(f"AT+CMGD={slot[1]}", timeout_s=self._timing.store_s)

    async def _choose(self, store: str) -> bool:
        """Makes `store` the one that indexes mean, and the one new messages go to."""
        if store != self._store:
            command = f'AT+CPMS="{store}","{store}","{store}"'
            reply = await self._link.command(command, timeout_s=self._timing.store_s, prefix="+CPMS")
            if not reply.ok:
                return False
            self._store = store
        return True


def _listed(lines: Iterable[str]) -> list[tuple[int, str]]:
    """(index, PDU) of a `+CMGL` listing in PDU mode; a header without a PDU is passed over."""
    found: list[tuple[int, str]] = []
    index: int | None = None
    for line in lines:
        match = _CMGL.match(line)
        if match is not None:
            index = int(match[1])
        elif index is not None:
            found.append((index, line))
            index = None
    return found
