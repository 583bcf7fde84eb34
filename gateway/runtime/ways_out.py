"""Ways to people: what carries texts, speech and light, from the configuration. A missing one is said, not fatal."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from gateway.actions import AckDevice, Lamp, Say, Text
from gateway.alarms.words import load
from gateway.channels.lamp import LampChannel, LocalLamp
from gateway.channels.port import Delivered, NotDelivered, Outcome
from gateway.channels.sms import SmsChannel
from gateway.channels.speaker import choose_speaker
from gateway.channels.spoken_log import SpokenLog
from gateway.channels.voice import VoiceChannel
from gateway.clock import iso

if TYPE_CHECKING:
    from gateway.drivers.modem.send import SmsResult
    from gateway.runtime.gateway import Gateway

NO_MODEM_RETRY_S = 60.0

log = logging.getLogger(__name__)


class _Modem(Protocol):
    async def send_sms(self, number: str, text: str) -> SmsResult: ...


class ModemBearer:
    """Lets the SMS channel use the modem driver; drivers and channels know nothing of each other."""

    def __init__(self) -> None:
        self.modem: _Modem | None = None

    async def send_sms(self, number: str, text: str) -> Outcome:
        """Submits one text to the modem, if there is one."""
        if self.modem is None:
            return NotDelivered("no modem is configured", NO_MODEM_RETRY_S)
        result = await self.modem.send_sms(number, text)
        if result.sent:
            return Delivered(result.reference)
        return NotDelivered(result.reason, result.retry_after_s)


class WaysOut:
    """Opens the channels and hands them to the carrier."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.bearer = ModemBearer()
        self.lamp = LocalLamp()
        self.voice_note = ""
        self._spoken = SpokenLog(gateway.state_dir / "spoken.jsonl")
        self._voice: VoiceChannel | None = None

    def open(self) -> None:
        """Attaches one channel to each kind of action."""
        gateway, words = self._gateway, load()
        speaker, self.voice_note = None, "no voice: switched off in the configuration; prompts go to the log only"
        if gateway.config.voice.enabled:
            speaker, self.voice_note = choose_speaker("zh_CN", command=gateway.config.voice.command)
        log.info("%s", self.voice_note)
        self._voice = VoiceChannel(
            gateway.registry.home,
            words,
            self._spoken,
            speaker,
            at=lambda: iso(gateway.heart.controller.wall_ms(gateway.heart.clock.now())),
            log_names=gateway.log_names,
            still_true=gateway.heart.controller.desk.wanted,
        )
        lamp = LampChannel(self.lamp)
        gateway.carrier.attach(Say.kind, self._voice)
        gateway.carrier.attach(Text.kind, SmsChannel(gateway.registry.home, self.bearer, words))
        gateway.carrier.attach(Lamp.kind, lamp)
        gateway.carrier.attach(AckDevice.kind, lamp)

    async def close(self) -> None:
        """Silences the voice and writes its log out."""
        if self._voice is not None:
            await self._voice.close()
