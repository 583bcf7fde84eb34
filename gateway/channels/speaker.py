"""The loudspeaker as a port, and espeak-ng behind it. Turns a sentence into sound; knows no prompt, name or alarm.

`cmn-latn-pinyin` and not `cmn`: Debian's espeak-ng 1.51 looks a character up as pinyin (叫: `jiao4`), and its `cmn`
voice then reads that as English, "jiao four" (espeak-ng issue 1236); tests/integration/test_espeak.py listens for it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import shutil
import signal
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from gateway.channels.sound import BadSound, read_wav

VOICES: Final = {"zh_CN": "cmn-latn-pinyin", "en": "en"}
WORDS_PER_MINUTE: Final = 130
"""Slow: the listener is old and startled (research/voice.md; espeak-ng's own default is 175)."""

UTTERANCE_LIMIT_S: Final = 25.0
"""The longest prompt lasts about 10 s at this pace; a player that has not ended by then is stuck on its device."""

KILLED_WITHIN_S: Final = 1.0
"""A killed player ends at once, or sits in a driver that nothing ends; then we go on without it (P0 waits <= 2 s)."""

MAX_TEXT_CHARS: Final = 200
MAX_WAV_BYTES: Final = 4 << 20  # 95 s at 22050 Hz, 16 bit
APLAY: Final = ("aplay", "-q", "-")
SOUND_DEVICES: Final = Path("/dev/snd")
WAV_HEADER_BYTES: Final = 44

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to be said: as text, and as the prompt (`form` V03-coming, `values` of its blanks) it came from."""

    text: str
    severity: str = "P4"
    form: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    gain_db: float = 0.0


class Speaker(Protocol):
    """Something that speaks. Cancelling `speak` silences it at once."""

    async def speak(self, line: Line) -> bool:
        """Speaks `line` to the end; True if it was played out, False if not. Never raises for a device's fault."""
        ...


class CannotSpeak(Exception):
    """A program of the voice is missing, failed or made no sound. Carries no text that was to be spoken."""


def find_sound_device(devices: Path = SOUND_DEVICES) -> Path | None:
    """The first ALSA playback device (`pcmC0D0p`), or None: then nothing can be heard."""
    return min(devices.glob("pcmC*D*p"), default=None)


def choose_speaker(language: str, devices: Path = SOUND_DEVICES, command: str = "") -> tuple[EspeakSpeaker | None, str]:
    """The speaker this machine has, or None, and a sentence for people that says why and what to do.

    `command` (the configuration's) takes the place of espeak-ng and of the sound device it would need.
    """
    if command:
        try:
            words = shlex.split(command)
        except ValueError:
            words = []
        if not words or shutil.which(words[0]) is None:
            return None, "no voice: the program of [voice] command is not found; prompts go to the spoken-text log only"
        return EspeakSpeaker(command=words), f"voice: {Path(words[0]).name}, as configured"
    if shutil.which("espeak-ng") is None:
        return (
            None,
            "no voice: espeak-ng is missing (apt-get install espeak-ng); prompts go to the spoken-text log only",
        )
    device = find_sound_device(devices)
    if device is None:
        return None, f"no sound device in {devices}: prompts go to the spoken-text log only; connect a loudspeaker"
    player = APLAY if shutil.which(APLAY[0]) else ()
    how = "aplay" if player else "espeak-ng itself (apt-get install alsa-utils for aplay)"
    return EspeakSpeaker(VOICES.get(language, language), player=player), f"voice: espeak-ng on {device} through {how}"


class EspeakSpeaker:
    """Renders with espeak-ng and plays with `player` (WAV on its stdin); with no player espeak-ng plays by itself.

    The text goes through stdin, so no name of a person appears in the process list.
    """

    def __init__(
        self,
        voice: str = VOICES["zh_CN"],
        *,
        player: Sequence[str] = APLAY,
        words_per_minute: int = WORDS_PER_MINUTE,
        limit_s: float = UTTERANCE_LIMIT_S,
        command: Sequence[str] = (),
    ) -> None:
        """`command`: another program that speaks what it reads, by itself."""
        self._espeak = tuple(command) or ("espeak-ng", "-v", voice, "-s", str(words_per_minute), "-b", "1", "--stdin")
        self._player = () if command else tuple(player)
        self._limit_s = limit_s
        self.counts: Counter[str] = Counter()

    async def speak(self, line: Line) -> bool:
        """Speaks a line; False (logged and counted) if a program is missing, fails or hangs beyond the time limit."""
        severity = line.severity
        try:
            async with asyncio.timeout(self._limit_s):
                if self._player:
                    await self._run(self._player, await self._sound(line), output=False)
                else:
                    await self._run(self._at_volume(line.gain_db), line.text[:MAX_TEXT_CHARS].encode(), output=False)
        except TimeoutError:
            self.counts["hung"] += 1
            log.error("voice: a %s prompt was not played within %.0f s, player killed", severity, self._limit_s)
            return False
        except CannotSpeak as error:
            self.counts["failed"] += 1
            log.error("voice: %s", error)
            return False
        return True

    async def play(self, wav: bytes, severity: str) -> bool:
        """Plays a WAV file that is there already; False as for `speak`."""
        try:
            async with asyncio.timeout(self._limit_s):
                await self._run(self._player, wav, output=False)
        except (TimeoutError, CannotSpeak) as error:
            self.counts["failed"] += 1
            log.error("voice: a %s prompt was not played: %s", severity, str(error) or "its player hangs")
            return False
        return True

    async def _sound(self, line: Line) -> bytes:
        wav = await self.render(line.text)
        if line.gain_db == 0:
            return wav
        try:
            return await asyncio.to_thread(lambda: read_wav(wav).louder(line.gain_db).wav())
        except BadSound:  # better too loud than not at all
            return wav

    def _at_volume(self, gain_db: float) -> tuple[str, ...]:
        """espeak-ng that plays by itself is told how loud (100 is as it renders); another program is not."""
        if gain_db == 0 or self._espeak[0] != "espeak-ng":
            return self._espeak
        return (*self._espeak, "-a", str(max(1, min(200, round(100 * 10 ** (gain_db / 20))))))

    async def render(self, text: str) -> bytes:
        """The sentence as a WAV file with true lengths in its header; raises `CannotSpeak`."""
        return with_true_lengths(await self._run((*self._espeak, "--stdout"), text[:MAX_TEXT_CHARS].encode()))

    async def _run(self, command: Sequence[str], stdin: bytes, *, output: bool = True) -> bytes:
        """Runs one program to its end and returns its output; whatever happens, it does not outlive this call."""
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE if output else asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # so that its children die with it
            )
        except OSError as error:
            raise CannotSpeak(f"{command[0]} cannot be started: {type(error).__name__}") from None
        try:
            made, _ = await process.communicate(stdin)
        finally:
            if process.returncode is None:
                await self._kill(process)
        if process.returncode != 0:
            raise CannotSpeak(f"{command[0]} ended with code {process.returncode}")
        return made or b""

    async def _kill(self, process: asyncio.subprocess.Process) -> None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        gone = asyncio.ensure_future(process.wait())
        done, _ = await asyncio.wait({gone}, timeout=KILLED_WITHIN_S)
        if not done:
            gone.cancel()
            self.counts["unkillable"] += 1
            log.error("voice: the player does not die, its sound device is stuck")


def with_true_lengths(wav: bytes) -> bytes:
    """espeak-ng writes to a pipe and cannot know the length, so its header says 2 GiB; players want the truth.

    Raises `CannotSpeak` for what is not a WAV file with sound in it.
    """
    if not WAV_HEADER_BYTES < len(wav) <= MAX_WAV_BYTES or wav[:4] != b"RIFF" or wav[36:40] != b"data":
        raise CannotSpeak(f"espeak-ng made no sound ({len(wav)} bytes)")
    sound = wav[WAV_HEADER_BYTES:]
    riff, data = struct.pack("<I", len(wav) - 8), struct.pack("<I", len(sound))
    return wav[:4] + riff + wav[8:40] + data + sound
