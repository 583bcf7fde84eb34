"""Ways to people: opens every channel of the table, and joins them to modems and journal. A missing one is said."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from gateway.actions import Action
from gateway.alarms.words import TextFault, load
from gateway.channels import accept_link
from gateway.channels.call import CallChannel, CallWords
from gateway.channels.filling import HouseFacts
from gateway.channels.lamp import LampChannel, LocalLamp
from gateway.channels.port import Channel
from gateway.channels.siren import SirenChannel
from gateway.channels.sms import SmsChannel
from gateway.channels.surroundings import Surroundings
from gateway.channels.table import CHANNELS
from gateway.clock import iso
from gateway.observations import Kind, Report
from gateway.rules.civil import DAY_MS
from gateway.runtime.bearer import Modems
from gateway.runtime.self_test import MEMORY as SELF_TESTS
from gateway.runtime.self_test import TEMPLATE, SelfTestRunner, SelfTests

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.runtime.gateway import Gateway

log = logging.getLogger(__name__)


class WaysOut:
    """Opens the channels and hands them to the carrier."""

    def __init__(self, gateway: Gateway, memory: Mapping[str, Any] | None = None) -> None:
        self._gateway = gateway
        self._memory = memory or {}
        self.bearer = Modems(self._cell_lost)
        self.channels: dict[str, Channel] = {}
        self._tasks: list[asyncio.Task[Any]] = []
        self._self_test: SelfTestRunner | None = None

    def open(self) -> None:
        """Attaches one channel to each kind of action."""
        around = self._surroundings()
        for row in CHANNELS:
            channel = self.channels[row.name] = row.opens(around)
            for kind in row.kinds:
                self._gateway.carrier.attach(kind, channel)
        siren = self.channels["siren"]
        if isinstance(siren, SirenChannel):
            self._tasks.append(asyncio.get_running_loop().create_task(siren.silence(), name="siren off"))
        if self._gateway.config.sms.self_test_number:
            self._self_test = self._tester()
            self._tasks.append(asyncio.get_running_loop().create_task(self._self_test.run(), name="self-test"))

    def _surroundings(self) -> Surroundings:
        gateway, config = self._gateway, self._gateway.config
        heart = gateway.heart
        return Surroundings(
            home=gateway.registry.home,
            words=load(),
            facts=HouseFacts(config.sms.house, config.sms.helpline),
            config=config,
            state_dir=gateway.state_dir,
            bearer=self.bearer,
            tell=self._reported,
            still_true=self._may_ring_on,
            at=lambda: iso(heart.controller.wall_ms(heart.clock.now())),
            wall_s=lambda: heart.controller.wall_ms(heart.clock.now()) / 1000,
            night=self.night,
            epoch=gateway.journal.epoch,
            memory=self._memory,
            log_names=gateway.log_names,
        )

    def _may_ring_on(self, action: Action) -> bool:
        """What is carried right now: it is still true, and its contact, or the telephone, is still free for it."""
        desk, now = self._gateway.heart.controller.desk, self._gateway.heart.clock.now()
        return desk.wanted(action) and desk.held_until(action, now) is None

    def _tester(self) -> SelfTestRunner:
        sms, heart, gateway = self._gateway.config.sms, self._gateway.heart, self._gateway
        channel = self.channels["sms"]
        assert isinstance(channel, SmsChannel)
        tests = SelfTests(sms.self_test_days * DAY_MS, self._memory.get(SELF_TESTS))
        for modem in tests.failing():  # a restart proves nothing
            self.bearer.paths.prove(modem, False)
        return SelfTestRunner(
            tests,
            lambda: [m for m in self.bearer.each() if not self.bearer.paths.lost(m.name)],
            number=sms.self_test_number,
            text=f"Hearthwatch {gateway.config.gateway.id} self-test",
            credit_code=sms.credit_ussd,
            now=heart.clock.now,
            tell=heart.take,
            expect=channel.expect,
            proved=self._proved,
        )

    def _proved(self, modem: str, well: bool) -> None:
        self._cell_lost(self.bearer.paths.prove(modem, well))

    def _cell_lost(self, lost: bool) -> None:
        self._gateway.heart.take(Report(Kind.CONDITION, {"code": "CELL_LOST", "on": lost}))

    def _reported(self, report: Report) -> asyncio.Future[bool]:
        """What channels tell; the report on a test text is the self-test's, and proves more than itself."""
        value = report.value
        if self._self_test is not None and report.kind is Kind.DELIVERY and value.get("template") == TEMPLATE:
            self._self_test.reported(value)
            done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            done.set_result(True)
            return done
        return self._gateway.heart.take(report).committed

    async def close(self) -> None:
        """Silences the voice and writes its log out; each channel lets go of what it holds."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for channel in self.channels.values():
            await channel.close()

    # ---- what comes back

    def reported(self, modem: str, reference: int, delivered: bool) -> None:
        """The network's word on a text this modem handed over."""
        sms = self.channels.get("sms")
        if isinstance(sms, SmsChannel):
            sms.report(f"{modem}:{reference}", delivered)

    def rings(self, number: str) -> CallWords | None:
        """Somebody calls the home's number: a listed contact hears the alarm that is open; nobody else is answered."""
        contact_id = self._gateway.registry.home().contact_of(number)
        view = self._gateway.registry.home().view
        contact = next((c for c in view.contacts if c.id == contact_id), None)
        call = self.channels.get("call")
        if contact is None or not isinstance(call, CallChannel):
            self._gateway.counts["rings_from_strangers"] += contact is None
            return None
        desk = self._gateway.heart.controller.desk
        alarm = desk.open_alarm_for(contact.id)
        if alarm is None:
            self._gateway.counts["rings_without_alarm"] += 1
            return None
        try:
            return call.words_for(contact, desk.tell.facts(alarm) | ({"test": True} if alarm.test else {}), "callback")
        except TextFault as fault:
            log.error("call: what to say to %s cannot be made: %s", contact.id, fault)
            return None

    async def link_answered(self, token: str, answer: str) -> str:
        """A contact answered on the page of an accept link. Returns the contact; raises `BadLink`, OSError."""
        heart = self._gateway.heart
        key = accept_link.read_key(self._gateway.state_dir)
        link = accept_link.verify(key, token, heart.controller.wall_ms(heart.clock.now()) / 1000)
        alarm = heart.controller.book.alarms.get(link.alarm)
        if link.epoch != self._gateway.journal.epoch or alarm is None or alarm.ended:
            raise accept_link.BadLink("link: its alarm is over")
        value = {"contact": link.contact, "answer": answer, "ref": link.reference, "via": "link"}
        await asyncio.wait({heart.take(Report(Kind.REPLY, value)).committed}, timeout=2.0)
        return link.contact

    # ---- time

    def night(self) -> bool:
        """The home's night, by a clock that can be believed: a voice too loud is better than one not heard."""
        return self._gateway.heart.controller.desk.quiet.night(self._gateway.heart.clock.now())

    # ---- how they are

    @property
    def lamp(self) -> LocalLamp:
        """What the lamp shows."""
        channel = self.channels["lamp"]
        assert isinstance(channel, LampChannel)
        assert isinstance(channel.lamp, LocalLamp)
        return channel.lamp

    @property
    def voice_note(self) -> str:
        """What speaks at home, or why nothing does."""
        return self.channels["voice"].health().why

    def status(self) -> dict[str, dict[str, str]]:
        """Each channel's health."""
        healths = {name: channel.health() for name, channel in self.channels.items()}
        return {name: {"state": health.state.value, "why": health.why} for name, health in healths.items()}
