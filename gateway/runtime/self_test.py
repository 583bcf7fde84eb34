"""The monthly self-test of each SIM (T-16, A15): a text to the platform's number that must be reported delivered.

A SIM without credit, expired or blocked fails silently: the modem is registered and every text is lost. So the way is
proved once a month, and again daily while it is not. Knows no contact; the text names the gateway and nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from gateway.channels.port import Delivered, NotDelivered, Outcome
from gateway.observations import Kind, Report

if TYPE_CHECKING:
    from gateway.channels.delivery_reports import Row

MEMORY: Final = "sms:self_test"
TEMPLATE: Final = "self_test"
DAY_MS: Final = 86_400_000
REPORT_WITHIN_MS: Final = DAY_MS  # as long as the text is valid (`encode.DEFAULT_VALIDITY_MIN`)
AGAIN_MS: Final = DAY_MS  # after a failure; while it fails, every day costs one text that nobody pays for
LOOK_S: Final = 600.0  # how often it is looked what is due; nothing here is urgent

log = logging.getLogger(__name__)


class SelfTests:
    """When each modem's SIM is to be tested, and what came of it. Pure; times are controller milliseconds."""

    def __init__(self, every_ms: int, kept: Any = None) -> None:
        self._every_ms = every_ms
        self._rows: dict[str, dict[str, Any]] = {}
        for name, row in (kept if isinstance(kept, Mapping) else {}).items():
            if isinstance(name, str) and isinstance(row, Mapping) and isinstance(row.get("t"), int):
                result = str(row.get("result"))
                self._rows[name] = {"t": row["t"], "result": result, "reports": row.get("reports") is True}

    def due(self, modem: str, now: int) -> bool:
        """Whether this SIM should be tested now. The first test comes with the first registration."""
        row = self._rows.get(modem)
        if row is None:
            return True
        if row["result"] == "sent":
            return False
        return bool(now - row["t"] >= (AGAIN_MS if row["result"] == "failed" else self._every_ms))

    def tried(self, modem: str, now: int, sent: bool) -> None:
        """The network took the text, or did not."""
        self._rows[modem] = {"t": now, "result": "sent" if sent else "failed", "reports": self._reports(modem)}

    def reported(self, modem: str, delivered: bool) -> None:
        """The centre's word."""
        if modem in self._rows:
            self._rows[modem] |= {"result": "delivered" if delivered else "failed", "reports": True}

    def expired(self, now: int) -> list[str]:
        """The modems whose report did not come in time: failed, if this SIM's network ever reports; else unreported."""
        late = [m for m, r in self._rows.items() if r["result"] == "sent" and now - r["t"] >= REPORT_WITHIN_MS]
        for modem in late:
            self._rows[modem]["result"] = "failed" if self._reports(modem) else "unreported"
        return late

    def result(self, modem: str) -> str | None:
        """`sent`, `delivered`, `failed`, `unreported`; None: not tested yet."""
        row = self._rows.get(modem)
        return None if row is None else str(row["result"])

    def failing(self) -> list[str]:
        """The modems whose SIM failed its last test."""
        return [name for name, row in self._rows.items() if row["result"] == "failed"]

    def to_json(self) -> dict[str, Any]:
        """What a later process must know."""
        return {name: dict(row) for name, row in self._rows.items()}

    def _reports(self, modem: str) -> bool:
        return bool(self._rows.get(modem, {}).get("reports"))


class TestedModem(Protocol):
    """What the self-test needs of one modem."""

    name: str

    async def send(self, number: str, text: str) -> Outcome:
        """Submits a text over this modem and no other."""
        ...

    async def ask_credit(self, code: str) -> bool:
        """Asks the operator how much credit is left."""
        ...


class SelfTestRunner:
    """Runs the tests of all modems, and tells what came of them."""

    def __init__(
        self,
        tests: SelfTests,
        modems: Callable[[], list[TestedModem]],
        *,
        number: str,
        text: str,
        credit_code: str = "",
        now: Callable[[], int],
        tell: Callable[[Report], object],
        expect: Callable[[str | None, Row], None],
        proved: Callable[[str, bool], None],
        look_s: float = LOOK_S,
    ) -> None:
        """`expect(reference, row)` asks for the delivery report; `proved(modem, well)` is told each verdict."""
        self._tests, self._modems = tests, modems
        self._number, self._text, self._credit_code = number, text, credit_code
        self._now, self._tell, self._expect, self._proved = now, tell, expect, proved
        self._look_s = look_s

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._look_s)

    async def look(self) -> None:
        """Tests what is due, and gives up on reports that did not come."""
        now = self._now()
        for modem in self._tests.expired(now):
            self._say(modem)
        for tested in self._modems():
            if self._tests.due(tested.name, now):
                await self._test(tested)

    async def _test(self, modem: TestedModem) -> None:
        if self._credit_code and not await modem.ask_credit(self._credit_code):
            log.warning("%s: the operator was not asked for the credit left", modem.name)
        outcome = await modem.send(self._number, self._text)
        if isinstance(outcome, NotDelivered) and outcome.retry_after_s is not None and outcome.retry_after_s < 60:
            return  # no modem or no network: CELL_LOST says that already; tested when it is back
        sent = isinstance(outcome, Delivered)
        self._tests.tried(modem.name, self._now(), sent)
        if isinstance(outcome, Delivered):
            self._expect(outcome.reference, {**_row(modem.name), "result": "sent"})
        self._say(modem.name)

    def reported(self, row: Row) -> None:
        """The centre's word on a test text (a `delivery` row of ours)."""
        modem = str(row.get("modem"))
        self._tests.reported(modem, row.get("result") == "delivered")
        self._say(modem)

    def _say(self, modem: str) -> None:
        """Written down as a `delivery` to the platform, with what the next process must know."""
        result = self._tests.result(modem)
        level = logging.WARNING if result == "failed" else logging.INFO
        log.log(level, "%s: self-test of its SIM: %s", modem, result)
        self._tell(Report(Kind.DELIVERY, {**_row(modem), "result": result}, memory=(MEMORY, self._tests.to_json())))
        if result in ("delivered", "failed"):
            self._proved(modem, result == "delivered")


def _row(modem: str) -> dict[str, Any]:
    return {"alarm": None, "contact": "platform", "channel": "sms", "template": TEMPLATE, "modem": modem, "test": True}
