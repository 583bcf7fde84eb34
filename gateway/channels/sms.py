"""Texts to contacts: fills in names, renders, asks the policy, hands (number, text) to a bearer.

Knows the home (names and numbers, looked up at the moment of sending, since it may change while we run) and the words.
Must not know how a text travels: that is the bearer's. Logs contact ids and template names, never names or numbers.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from gateway.actions import Action, Text
from gateway.alarms.words import Catalogue, TextFault
from gateway.channels.delivery_reports import DeliveryReports, Row
from gateway.channels.filling import HouseFacts, sms_values
from gateway.channels.port import Delivered, Health, NotDelivered, Outcome, State
from gateway.channels.sms_policy import SmsLedger, SmsPolicy
from gateway.home.model import Contact, Home, check_number
from gateway.home.numbers import takes_texts
from gateway.observations import Kind, Report

if TYPE_CHECKING:
    from gateway.channels.surroundings import Surroundings

BEARER_LIMIT_S: Final = 120.0
"""A network may take a minute over AT+CMGS; beyond this the bearer hangs, and the text is tried again (at least once:
a contact may get it twice)."""

MEMORY: Final = "sms:reports"
"""Under which name the journal keeps which texts still wait for their delivery report."""

LAST_RESORT: Final = "S-bare"
URGENT: Final = frozenset({"P0", "P1"})

log = logging.getLogger(__name__)


class SmsBearer(Protocol):
    """What carries a text to a number: a modem, or one day an operator's gateway."""

    async def send_sms(self, number: str, text: str) -> Outcome:
        """Submits one text; `NotDelivered.retry_after_s` None says that another attempt cannot help."""
        ...


class SmsChannel:
    """The way to people by SMS. Carries `Text` actions and nothing else."""

    name = "sms"

    def __init__(
        self,
        home: Callable[[], Home],
        bearer: SmsBearer,
        words: Catalogue,
        facts: HouseFacts | None = None,
        *,
        policy: SmsPolicy | None = None,
        now: Callable[[], float] = time.monotonic,
        on_report: Callable[[Row], None] = lambda _: None,
        kept: Any = None,
        bearer_health: Callable[[], Health] = lambda: Health(State.UP),
    ) -> None:
        """`on_report` is told the `delivery` of each text the network has reported on; `kept`: see `MEMORY`."""
        self._home = home
        self._bearer = bearer
        self._words = words
        self._facts = facts or HouseFacts()
        self._ledger = SmsLedger(policy or SmsPolicy())
        self._now = now
        self._on_report = on_report
        self._reports = DeliveryReports(kept)
        self._bearer_health = bearer_health
        self.counts: Counter[str] = Counter()

    async def carry(self, action: Action) -> Outcome:
        """Sends one text. `NotDelivered` says why not and when to try again; None: never."""
        if not isinstance(action, Text):
            return self._refused("not_a_text", f"the SMS channel carries texts only, not {action.kind}")
        home = self._home()
        contact = next((c for c in home.view.contacts if c.id == action.contact), None)
        if contact is None:
            return self._refused("unknown_contact", f"{action.contact}: no such contact in this home")
        number = self._number(home, contact)
        if isinstance(number, NotDelivered):
            return number
        try:
            text = self._text(action, contact, home)
        except TextFault as fault:
            log.error("sms: %s to %s cannot be written: %s", action.template, contact.id, fault)
            return self._refused("bad_text", str(fault))
        refusal = self._ledger.admit(action, self._now())
        if refusal is not None:
            self.counts["rate_limited"] += 1
            return NotDelivered(f"rate limit: {refusal.reason}", refusal.retry_after_s)
        return self._settled(action, await self._submit(number, text))

    def expect(self, reference: str | None, row: Row) -> None:
        """Another text was handed to the bearer (a self-test): its report is told to `on_report` as `row`."""
        self._reported(self._reports.sent(reference, row, self._now()))

    def report(self, reference: str, delivered: bool) -> None:
        """The network's last word on one part of a text, by the bearer's reference of it (`modem:12`)."""
        self._reported(self._reports.report(reference, delivered, self._now()))

    def health(self) -> Health:
        """As the bearer is."""
        return self._bearer_health()

    async def close(self) -> None:
        """Holds nothing: what waits for its report is in the journal."""

    def _reported(self, verdict: tuple[Row, bool] | None) -> None:
        if verdict is not None:
            row, delivered = verdict
            self.counts["delivered" if delivered else "undeliverable"] += 1
            self._on_report({**row, "result": "delivered" if delivered else "failed"})

    def _number(self, home: Home, contact: Contact) -> str | NotDelivered:
        """The contact's number, checked a second time: whatever got into the registry, no hotline is ever texted."""
        try:
            number = check_number(home.phones.get(contact.id, ""))
        except ValueError as error:
            log.error("sms: the number of %s is refused: %s", contact.id, error)
            return self._refused("refused_number", f"{contact.id}: the number {error}")
        if "sms" not in contact.channels or not takes_texts(number):
            return self._refused("no_texts", f"{contact.id}: takes no texts (a landline gets calls only)")
        return number

    def _text(self, action: Text, contact: Contact, home: Home) -> str:
        values = sms_values(action.params, contact.kind, home, self._words, self._facts)
        try:
            return self._words.render_sms(action.template, values)
        except TextFault as fault:
            if action.severity not in URGENT:
                raise
            # Poor words are better than none when somebody may be on the floor; the fault is ours, so it is counted.
            self.counts["last_resort"] += 1
            log.error("sms: %s cannot be written, %s sends %s instead", action.template, fault, LAST_RESORT)
        try:
            return self._words.render_sms(LAST_RESORT, values)
        except TextFault:
            return self._words.render_sms(LAST_RESORT, {"name": self._words.words["resident"]})

    async def _submit(self, number: str, text: str) -> Outcome:
        try:
            async with asyncio.timeout(BEARER_LIMIT_S):
                return await self._bearer.send_sms(number, text)
        except TimeoutError:
            return NotDelivered(f"the modem did not answer within {BEARER_LIMIT_S:.0f} s", 0)
        except OSError as error:
            return NotDelivered(f"the modem is gone: {type(error).__name__}", 0)

    def _settled(self, action: Text, outcome: Outcome) -> Outcome:
        if isinstance(outcome, Delivered):
            self._ledger.delivered(action)
            self.counts["sent"] += 1
            log.info("sms: %s to %s handed to the network", action.template, action.contact)
            row = {"alarm": action.alarm, "contact": action.contact, "channel": self.name, "template": action.template}
            verdict = self._reports.sent(outcome.reference, row, self._now())
            if verdict is not None:  # reported before we knew; told after the `sent` that follows at once
                asyncio.get_running_loop().call_soon(self._reported, verdict)
            return Delivered(outcome.reference, memory=(MEMORY, self._reports.to_json()))
        self.counts["failed"] += 1
        if outcome.retry_after_s is None:
            self._ledger.gave_up(action)
            log.error("sms: %s to %s refused for good: %s", action.template, action.contact, outcome.reason)
            return outcome
        wait = self._ledger.failed(action, outcome.retry_after_s)
        log.warning("sms: %s to %s failed, again in %.0f s: %s", action.template, action.contact, wait, outcome.reason)
        return NotDelivered(outcome.reason, wait)

    def _refused(self, counter: str, reason: str) -> NotDelivered:
        self.counts[counter] += 1
        return NotDelivered(reason, None)


def open_channel(around: Surroundings) -> SmsChannel:
    """The texts of this house; what the network reports becomes an observation."""
    return SmsChannel(
        around.home,
        around.bearer,
        around.words,
        around.facts,
        on_report=lambda row: _told(around, row),
        kept=around.memory.get(MEMORY),
        bearer_health=around.bearer.health,
    )


def _told(around: Surroundings, row: Row) -> None:
    around.tell(Report(Kind.DELIVERY, row, key=f"report:{row['alarm']}:{row['contact']}:{row['template']}"))
