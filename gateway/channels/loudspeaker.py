"""The loudspeaker of the house: recordings, rendered prompts or a machine's voice, on a device that may come and go.

Knows which of them there is for a line, and that a USB loudspeaker may be unplugged and plugged in again: it is looked
for at every line, so nobody has to restart anything. Knows no alarm and no night.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway.channels.port import Health, State
from gateway.channels.prompts import Prompts
from gateway.channels.sound import BadSound, Sound, read_wav
from gateway.channels.speaker import (
    APLAY,
    SOUND_DEVICES,
    CannotSpeak,
    EspeakSpeaker,
    Line,
    choose_speaker,
    find_sound_device,
)

LANGUAGE: Final = "zh_CN"

log = logging.getLogger(__name__)


class Loudspeaker:
    """Speaks with the best voice there is for a line, on whatever device is there now."""

    def __init__(
        self,
        prompts: Prompts,
        *,
        command: str = "",
        devices: Path = SOUND_DEVICES,
        player: Sequence[str] = APLAY,
    ) -> None:
        """`command`: a program that speaks by itself, instead of recordings, prompts and espeak-ng."""
        self._prompts, self._command, self._devices, self._player = prompts, command, devices, tuple(player)
        self._present: bool | None = None
        self._failed = False
        self._why = ""
        self._machine: EspeakSpeaker | None = None
        self._look()

    async def speak(self, line: Line) -> bool:
        """Speaks a line; False without a device, or if it was not played out."""
        if not self._look():
            return False
        played = await self._speak(line)
        self._failed = not played
        return played

    def health(self) -> Health:
        """What speaks, or why nothing does."""
        if not self._present:
            return Health(State.DOWN, self._why)
        return Health(State.DEGRADED if self._failed else State.UP, self._why)

    async def _speak(self, line: Line) -> bool:
        if self._command or not self._plays_files():
            return self._machine is not None and await self._machine.speak(line)
        sound = await self._sound(line)
        if sound is None:
            return False
        wav = await asyncio.to_thread(lambda: sound.louder(line.gain_db).wav())
        return await EspeakSpeaker(player=self._player).play(wav, line.severity)

    async def _sound(self, line: Line) -> Sound | None:
        """The recording; with or instead of it Mandarin: rendered before, or spoken now where it has blanks."""
        mandarin = None
        if not self._prompts.has_blanks(line.form):
            mandarin = await asyncio.to_thread(self._prompts.mandarin, line.form, line.values)
        if mandarin is None:
            mandarin = await self._now(line.text)
        if mandarin is None:
            mandarin = await asyncio.to_thread(self._prompts.mandarin, line.form, line.values)
        return await asyncio.to_thread(self._prompts.said, line.form, mandarin)

    async def _now(self, text: str) -> Sound | None:
        if shutil.which("espeak-ng") is None:
            return None
        try:
            wav = await EspeakSpeaker().render(text)
            return await asyncio.to_thread(read_wav, wav)
        except (CannotSpeak, BadSound) as error:
            log.error("voice: %s", error)
            return None

    def _plays_files(self) -> bool:
        return shutil.which(self._player[0]) is not None

    def _look(self) -> bool:
        """Whether something can speak now; a change is said once."""
        self._machine, why = choose_speaker(LANGUAGE, self._devices, self._command)
        device = find_sound_device(self._devices)
        present = self._machine is not None
        if not present and device is not None and self._plays_files() and self._prompts.any():
            present, why = True, f"voice: prompts on {device}; names are not spoken without espeak-ng"
        elif present and not self._command and self._prompts.recordings():
            why = f"{why}, with the family's recordings"
        if present is not self._present and self._present is not None:
            log.warning("voice: the loudspeaker is %s: %s", "back" if present else "gone", why)
        self._present, self._why = present, why
        return present
