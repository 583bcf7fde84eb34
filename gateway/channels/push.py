"""Push messages to contacts (WeCom, DingTalk, Feishu, Bark, ntfy, mail…), beside texts and never instead of them.

Knows the home's push addresses (secrets: never logged, never in the view), the words, and how an accept link is made.
The services are Apprise's, an optional extra that is imported here and only when the first message goes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from gateway.actions import Action, Push
from gateway.alarms.words import Catalogue, TextFault
from gateway.channels import accept_link
from gateway.channels.filling import HouseFacts, sms_values
from gateway.channels.port import Delivered, Health, NotDelivered, Outcome, State
from gateway.home.model import Home
from gateway.home.numbers import holds_emergency

if TYPE_CHECKING:
    from gateway.channels.surroundings import Surroundings

SERVICE_LIMIT_S: Final = 20.0  # a service answers in one or two seconds; the next contact's message waits meanwhile
RETRY_S: Final = 30.0  # T-09
MISSING: Final = "the push extra is not installed: pip install 'hearthwatch[push]'"

ASKING: Final = frozenset(
    {"S01", "S02", "S03", "S04", "S05", "S05-gas", "S06", "S07", "S08", "S09", "S17", "S18", "S22"}
)
"""What asks somebody to go carries the link; "it is taken" and "it is over" ask nothing."""

log = logging.getLogger(__name__)


class PushService(Protocol):
    """What takes a message to addresses."""

    async def notify(self, addresses: Sequence[str], text: str) -> bool:
        """True if at least one service took it. Never raises for a service's fault."""
        ...


class NoPushService(Exception):
    """Nothing here can push. Says what to install."""


class AppriseService:
    """Apprise behind the port. Its log and its HTTP client's are silenced: they quote addresses with their tokens."""

    def __init__(self) -> None:
        try:
            import apprise
        except ImportError:
            raise NoPushService(MISSING) from None
        for chatty in ("apprise", "urllib3", "requests"):
            logging.getLogger(chatty).setLevel(logging.CRITICAL + 1)
        self._apprise = apprise

    async def notify(self, addresses: Sequence[str], text: str) -> bool:
        """Each address by itself, so that a wrong one costs the others nothing."""
        took = [await asyncio.to_thread(self._one, address, text) for address in addresses]
        return any(took)

    def _one(self, address: str, text: str) -> bool:
        try:
            service = self._apprise.Apprise()
            return bool(service.add(address)) and bool(service.notify(body=text))
        except Exception as error:  # noqa: BLE001 - a plugin of a hundred; its text may quote the address
            log.warning("push: a service failed: %s", type(error).__name__)
            return False


class PushChannel:
    """Carries `Push` and nothing else. `link(action)` makes the address by which it is accepted, or None."""

    name = "push"

    def __init__(
        self,
        home: Callable[[], Home],
        words: Catalogue,
        facts: HouseFacts | None = None,
        *,
        make_service: Callable[[], PushService] | None,
        link: Callable[[Push], str | None] = lambda _: None,
        limit_s: float = SERVICE_LIMIT_S,
    ) -> None:
        """`make_service` None: push is not configured."""
        self._home, self._words, self._facts = home, words, facts or HouseFacts()
        self._make, self._link, self._limit_s = make_service, link, limit_s
        self._service: PushService | None = None
        self._why = ""
        self.counts: Counter[str] = Counter()

    async def carry(self, action: Action) -> Outcome:
        """Pushes one text to all addresses of a contact."""
        if not isinstance(action, Push):
            return self._refused("not_a_push", f"push carries messages only, not {action.kind}")
        if self._make is None:
            return self._refused("off", "push is not configured ([push] enabled)")
        home = self._home()
        contact = next((c for c in home.view.contacts if c.id == action.contact), None)
        addresses = home.pushes.get(action.contact, ())
        if contact is None or not addresses:
            return self._refused("no_address", f"{action.contact}: has no push address")
        if any(map(holds_emergency, addresses)):  # whatever got into the registry, none is ever texted or dialled
            log.error("push: an address of %s names an emergency number", contact.id)
            return self._refused("refused_number", f"{contact.id}: an address names an emergency number")
        try:
            values = sms_values(action.params, contact.kind, home, self._words, self._facts)
            text = self._words.render_sms(action.template, values)
        except TextFault as fault:
            log.error("push: %s to %s cannot be written: %s", action.template, contact.id, fault)
            return self._refused("bad_text", str(fault))
        link = self._link(action)
        if link is not None:
            text = f"{text}\n{self._words.channels['link']}{link}"
        return await self._sent(action, addresses, text)

    def health(self) -> Health:
        """Off without configuration; down while the extra is missing or the last message was taken by nobody."""
        if self._make is None:
            return Health(State.OFF, "not configured")
        return Health(State.DOWN, self._why) if self._why else Health(State.UP)

    async def close(self) -> None:
        """Holds nothing open between messages."""

    async def _sent(self, action: Push, addresses: Sequence[str], text: str) -> Outcome:
        assert self._make is not None
        try:
            if self._service is None:
                self._service = self._make()
        except NoPushService as missing:
            self._why = str(missing)
            return self._refused("no_service", self._why)
        try:
            async with asyncio.timeout(self._limit_s):
                took = await self._service.notify(addresses, text)
        except TimeoutError:
            took = False
        self._why = "" if took else "no push service took the last message"
        self.counts["sent" if took else "failed"] += 1
        log.info("push: %s to %s %s", action.template, action.contact, "taken" if took else "not taken")
        return Delivered() if took else NotDelivered(self._why, RETRY_S)

    def _refused(self, counter: str, reason: str) -> NotDelivered:
        self.counts[counter] += 1
        return NotDelivered(reason, None)


def open_channel(around: Surroundings) -> PushChannel:
    """The push services of this house, and the links their messages carry."""
    config = around.config.push

    def link(action: Push) -> str | None:
        reference = action.params.get("ref")
        if action.template not in ASKING:
            return None
        if not config.link_base or action.alarm is None or not isinstance(reference, str):
            return None
        try:
            made = accept_link.make(
                around.epoch, action.alarm, reference, action.contact, around.wall_s() + config.link_hours * 3600
            )
            return config.link_base + accept_link.sign(accept_link.read_key(around.state_dir), made)
        except (ValueError, OSError) as error:
            log.error("push: no link can be made: %s", type(error).__name__)
            return None

    make = AppriseService if config.enabled else None
    return PushChannel(around.home, around.words, around.facts, make_service=make, link=link)
