"""The modems as what carries texts and calls: the first that can, and the second where the first cannot.

Lets channels use drivers; the two know nothing of each other. Keeps which modem is lost, so that "no text can go out"
is said of the home and not of one modem (`CellPaths`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from gateway.channels.call import CallReport, CallWords
from gateway.channels.port import Delivered, Health, NotDelivered, Outcome, State

if TYPE_CHECKING:
    from gateway.drivers.modem.cell import ModemStatus
    from gateway.drivers.modem.phone import CallResult, Message
    from gateway.drivers.modem.send import SmsResult

NO_MODEM_RETRY_S: Final = 60.0
NO_CONTRACT: Final = "subscription"
"""`drivers.modem.errors.Cause`: out of credit, barred, nothing booked. Neither the number's fault nor the network's."""

log = logging.getLogger(__name__)


class Modem(Protocol):
    """What the bearer needs of a modem driver."""

    name: str
    status: ModemStatus

    async def send_sms(self, number: str, text: str) -> SmsResult: ...
    async def call(self, number: str, message: Message) -> CallResult: ...
    async def ask_credit(self, code: str) -> bool: ...


class CellPaths:
    """Which modems can carry nothing now. All of them: the home has lost its cell.

    Lost is a modem without a network, one whose SIM failed its self-test (registered, and every text is lost: A15), and
    one whose SIM the operator lets send nothing until it lets it again.
    """

    def __init__(self) -> None:
        self._lost: dict[str, bool] = {}
        self._failed: set[str] = set()
        self._refused: set[str] = set()

    def expect(self, name: str) -> None:
        """A modem that is configured; nothing is known of it yet."""
        self._lost.setdefault(name, True)

    def set(self, name: str, lost: bool) -> bool:
        """Takes in one modem's state; returns whether the home has lost its cell now. Found anew by a network, its SIM
        may be another."""
        if self._lost.get(name) and not lost:
            self._refused.discard(name)
        self._lost[name] = lost
        return self.all_lost

    def prove(self, name: str, well: bool) -> bool:
        """The self-test's verdict on one modem's SIM; returns whether the home has lost its cell now."""
        (self._failed.discard if well else self._failed.add)(name)
        return self.all_lost

    def refused(self, name: str) -> bool:
        """Whether the operator let this SIM send nothing when it last tried."""
        return name in self._refused

    def refuse(self, name: str, refused: bool) -> bool:
        """The operator's answer to a text: whether it lets this SIM send nothing. Returns whether that is news."""
        news = refused is not (name in self._refused)
        (self._refused.add if refused else self._refused.discard)(name)
        return news

    def failed(self, name: str) -> bool:
        """Whether this modem's SIM failed its last self-test: what it takes may reach nobody."""
        return name in self._failed

    def lost(self, name: str) -> bool:
        """Whether this modem has no network now."""
        return self._lost.get(name, True)

    @property
    def all_lost(self) -> bool:
        """Whether no modem can carry anything."""
        useless = self._failed | self._refused
        return all(lost or name in useless for name, lost in self._lost.items())

    def health(self) -> Health:
        """For the channels that go over the modems."""
        if not self._lost:
            return Health(State.OFF, "no modem is configured")
        lost = sorted(name for name, gone in self._lost.items() if gone)
        failed = sorted(self._failed - set(lost))
        refused = sorted(self._refused - set(lost))
        if not lost and not failed and not refused:
            return Health(State.UP)
        why = [f"lost: {', '.join(lost)}"] if lost else []
        why += [f"the operator lets it send nothing: {', '.join(refused)}"] if refused else []
        why += [f"self-test failed: {', '.join(failed)}"] if failed else []
        return Health(State.DOWN if self.all_lost else State.DEGRADED, "; ".join(why))


class OneModem:
    """One modem by itself, for the test of its SIM."""

    def __init__(self, modem: Modem, heard: Callable[[str, str, SmsResult], None]) -> None:
        self._modem, self._heard, self.name = modem, heard, modem.name

    async def send(self, number: str, text: str) -> Outcome:
        """Submits a text over this modem and no other."""
        result = await self._modem.send_sms(number, text)
        self._heard(self.name, number, result)
        return _outcome(self.name, result)

    async def ask_credit(self, code: str) -> bool:
        """Asks this SIM's operator."""
        return await self._modem.ask_credit(code)


class Modems:
    """The bearer of texts and calls."""

    def __init__(self, cell_lost: Callable[[bool], None] = lambda _: None) -> None:
        """`cell_lost` is told whether the home can carry anything, each time an operator's answer changes that."""
        self.paths = CellPaths()
        self._cell_lost = cell_lost
        self._modems: list[tuple[Modem, bool]] = []

    def add(self, modem: Modem, *, voice: bool = True) -> None:
        """One more modem, asked after those before it that are trusted. `voice`: its SIM may call."""
        self._modems.append((modem, voice))
        self.paths.expect(modem.name)

    def each(self) -> list[OneModem]:
        """Every modem by itself."""
        return [OneModem(modem, self._heard) for modem, _ in self._modems]

    async def send_sms(self, number: str, text: str) -> Outcome:
        """Submits one text to the first modem that takes it; a text that no modem could send is not tried on a second.

        One that may have gone already is not sent again by another: it would come twice.
        """
        failed: Outcome = NotDelivered("no modem is configured", NO_MODEM_RETRY_S)
        for modem, _ in self._by_trust():
            result = await modem.send_sms(number, text)
            self._heard(modem.name, number, result)
            if result.sent:
                return _outcome(modem.name, result)
            wait = _sooner(failed, result.retry_after_s) if isinstance(failed, NotDelivered) else result.retry_after_s
            failed = NotDelivered(result.reason, wait)
            if result.retry_after_s is None or result.perhaps or result.parts_sent:
                return NotDelivered(result.reason, result.retry_after_s)
            log.warning("%s cannot send: %s", modem.name, result.reason)
        return failed

    async def call(self, number: str, words: CallWords) -> CallReport:
        """Makes one call over the first modem that can dial."""
        report = CallReport("failed", "no modem that may call is configured")
        for modem, voice in self._by_trust():
            if not voice:
                continue
            result = await modem.call(number, _message(words))
            report = CallReport(result.end.value, result.reason, result.answer, result.retry_after_s)
            if report.result != "failed" or report.retry_after_s is None:
                return report
            log.warning("%s cannot call: %s", modem.name, report.reason)
        return report

    def _heard(self, modem: str, number: str, result: SmsResult) -> None:
        """What the operator's answer says of the SIM. A number abroad may be barred to a SIM that may text at home."""
        refused = result.cause is not None and result.cause.value == NO_CONTRACT and not number.startswith("+")
        if (refused or result.sent) and self.paths.refuse(modem, refused):
            log.log(logging.ERROR if refused else logging.INFO, "%s: its operator lets it send %s", modem,
                    "nothing: credit, contract?" if refused else "again")  # fmt: skip
            self._cell_lost(self.paths.all_lost)

    def states(self) -> list[dict[str, Any]]:
        """Each modem as it is, for `doctor`: SIM, network, signal, the operator's words on the credit left."""
        return [
            {
                "name": modem.name,
                "up": modem.status.up,
                "sim": modem.status.sim.value,
                "registered": modem.status.registered,
                "roaming": modem.status.roaming,
                "signal_dbm": modem.status.signal_dbm,
                "credit": modem.status.credit,
                "refused": self.paths.refused(modem.name),
                "self_test_failed": self.paths.failed(modem.name),
            }
            for modem, _ in self._modems
        ]

    def _by_trust(self) -> list[tuple[Modem, bool]]:
        """Those in order, but one whose SIM failed its self-test last: it takes texts as if all were well (A15)."""
        return sorted(self._modems, key=lambda row: self.paths.failed(row[0].name))

    def health(self) -> Health:
        """As the modems are."""
        return self.paths.health()


def ring_answer(words: Callable[[str], CallWords | None]) -> Callable[[str], Message | None]:
    """What a modem driver asks when somebody rings, from what the house would say."""

    def answer(number: str) -> Message | None:
        found = words(number)
        return None if found is None else _message(found)

    return answer


def _message(words: CallWords) -> Message:
    from gateway.drivers.modem.phone import Message

    return Message(words.text, thanks=dict(words.thanks), on_key=words.on_key, stay_s=words.stay_s, wanted=words.wanted)


def _outcome(name: str, result: SmsResult) -> Outcome:
    if result.sent:
        return Delivered(f"{name}:{result.reference}")
    return NotDelivered(result.reason, result.retry_after_s)


def _sooner(before: NotDelivered, retry_after_s: float | None) -> float | None:
    """The shorter of two waits: whichever modem comes back first carries it."""
    waits = [w for w in (before.retry_after_s, retry_after_s) if w is not None]
    return min(waits) if waits else None
