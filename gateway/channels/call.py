"""Calls to contacts: fills in names, says what happened, and hands a keyed answer on before it is thanked for.

Knows the home and the words. Must not know how a call travels: that is the bearer's. Whether and when somebody is
called, and called again, is the chain's decision; here a call is one call. Logs contact ids, never names or numbers.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from gateway.actions import Action, Call
from gateway.alarms.words import Catalogue, TextFault
from gateway.channels.filling import HouseFacts, sms_values
from gateway.channels.port import Delivered, Health, NotDelivered, Outcome, State
from gateway.home.model import Contact, Home, check_number
from gateway.observations import Kind, Report

if TYPE_CHECKING:
    from gateway.channels.surroundings import Surroundings

CALL_LIMIT_S: Final = 300.0
"""Ringing 40 s and a message of 20 s said eight times; beyond this the bearer hangs."""
COMMIT_WITHIN_S: Final = 5.0  # as for a text's answer; then it is thanked for all the same, and committed later
LINE_AGAIN_S: Final = 60.0
"""No alarm's chain stands behind a line: who did not hear it is rung again, as often as the carrier allows."""
_NOT_HEARD: Final = frozenset({"no_answer", "busy", "withdrawn"})
ANSWERS: Final = ("1", "2")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CallWords:
    """What a call says, and who takes the key that answers it. `thanks`: said after that, by key.

    `stay_s`: how long the line stays open for a conversation afterwards; 0, and that is everywhere today: not.
    `wanted`: asked while it rings, and before it is said again; once it is not, the bearer hangs up.
    """

    text: str
    thanks: Mapping[str, str] = field(default_factory=dict)
    on_key: Callable[[str], Awaitable[None]] | None = None
    stay_s: float = 0.0
    wanted: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class CallReport:
    """How a call went: `answered`, `no_answer`, `busy`, `rejected`, `withdrawn` or `failed`, and the key that answered
    it."""

    result: str
    reason: str = ""
    answer: str | None = None
    retry_after_s: float | None = None


class CallBearer(Protocol):
    """What carries a call to a number: a modem, or one day an operator's gateway."""

    async def call(self, number: str, words: CallWords) -> CallReport:
        """Makes one call to its end. Cancelled, it hangs up."""
        ...


class VoiceBearer(Protocol):
    """A way for contact and elder to talk over the modem's call. None exists today: see `NoVoiceBearer`."""

    def admits(self, contact: str) -> float:
        """For how many seconds a contact who rings, or was told, may talk with the home now; 0: not."""
        ...


class NoVoiceBearer:
    """No speech path: the contact phones the elder (domain 3.3)."""

    def admits(self, contact: str) -> float:  # noqa: ARG002 -- the protocol's
        """Never."""
        return 0.0


OnAnswer = Callable[[str, str, str | None, str], Awaitable[None]]
"""(contact, "1" or "2", reference of the alarm, `call` or `callback`): makes the answer durable."""


class CallChannel:
    """The way to people by telephone. Carries `Call` actions and nothing else."""

    name = "call"

    def __init__(
        self,
        home: Callable[[], Home],
        bearer: CallBearer,
        words: Catalogue,
        on_answer: OnAnswer,
        facts: HouseFacts | None = None,
        *,
        bearer_health: Callable[[], Health] = lambda: Health(State.UP),
        speech: VoiceBearer | None = None,
        still_true: Callable[[Action], bool] = lambda _: True,
    ) -> None:
        self._home, self._bearer, self._words = home, bearer, words
        self._on_answer = on_answer
        self._facts = facts or HouseFacts()
        self._bearer_health = bearer_health
        self._speech = speech or NoVoiceBearer()
        self._still_true = still_true
        self.counts: Counter[str] = Counter()

    async def carry(self, action: Action) -> Outcome:
        """Makes one call. Answered is `Delivered`; what the contact said is told through `on_answer` meanwhile."""
        if not isinstance(action, Call):
            return self._refused("not_a_call", f"the telephone carries calls only, not {action.kind}")
        home = self._home()
        contact = next((c for c in home.view.contacts if c.id == action.contact), None)
        if contact is None:
            return self._refused("unknown_contact", f"{action.contact}: no such contact in this home")
        try:
            number = check_number(home.phones.get(contact.id, ""))
        except ValueError as error:  # whatever got into the registry, no emergency number is ever dialled
            log.error("call: the number of %s is refused: %s", contact.id, error)
            return self._refused("refused_number", f"{contact.id}: the number {error}")
        try:
            words = replace(self._words_of(contact, action), wanted=lambda: self._still_true(action))
        except TextFault as fault:
            log.error("call: what to say to %s cannot be made: %s", contact.id, fault)
            return self._refused("bad_words", str(fault))
        return self._settled(action, await self._made(number, words))

    def _words_of(self, contact: Contact, action: Call) -> CallWords:
        line = action.params.get("line")
        if not isinstance(line, str):
            return self.words_for(contact, action.params)
        values = sms_values(action.params, contact.kind, self._home(), self._words, self._facts)
        return CallWords(self._words.render_line(line, values))  # nobody is asked anything

    def words_for(self, contact: Contact, params: Mapping[str, Any], via: str = "call") -> CallWords:
        """What is said to a contact about an alarm, called or calling back (`callback`). Raises `TextFault`."""
        values = sms_values(params, contact.kind, self._home(), self._words, self._facts)
        reference = params.get("ref")

        async def keyed(key: str) -> None:
            if key in ANSWERS:
                await self._on_answer(contact.id, key, reference if isinstance(reference, str) else None, via)

        return CallWords(
            self._words.render_call(values),
            {key: self._words.channels[f"thanks-{key}"] for key in ANSWERS},
            keyed,
            self._speech.admits(contact.id),
        )

    def health(self) -> Health:
        """As the bearer is: what cannot text cannot call either."""
        return self._bearer_health()

    async def close(self) -> None:
        """Holds nothing; a call under way is hung up by whoever cancels `carry`."""

    async def _made(self, number: str, words: CallWords) -> CallReport:
        try:
            async with asyncio.timeout(CALL_LIMIT_S):
                return await self._bearer.call(number, words)
        except TimeoutError:
            return CallReport("failed", f"the call did not end within {CALL_LIMIT_S:.0f} s")
        except OSError as error:
            return CallReport("failed", f"the modem is gone: {type(error).__name__}", retry_after_s=0)

    def _settled(self, action: Call, report: CallReport) -> Outcome:
        self.counts[report.result] += 1
        log.info("call: %s %s%s (%s)", action.contact, report.result, ", keyed" if report.answer else "", report.reason)
        if report.result == "answered":
            return Delivered(result=report.result)
        again = LINE_AGAIN_S if "line" in action.params and report.result in _NOT_HEARD else report.retry_after_s
        return NotDelivered(report.reason, again, report.result)

    def _refused(self, counter: str, reason: str) -> NotDelivered:
        self.counts[counter] += 1
        return NotDelivered(reason, None)


def open_channel(around: Surroundings) -> CallChannel:
    """The telephone of this house: answers become observations before they are thanked for."""

    async def answered(contact: str, answer: str, reference: str | None, via: str) -> None:
        value = {"contact": contact, "answer": answer, "ref": reference, "via": via}
        await asyncio.wait({around.tell(Report(Kind.REPLY, value))}, timeout=COMMIT_WITHIN_S)

    return CallChannel(
        around.home,
        around.bearer,
        around.words,
        answered,
        around.facts,
        bearer_health=around.bearer.health,
        still_true=around.still_true,
    )
