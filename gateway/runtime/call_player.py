"""Speaks into a call over the modem's sound card: espeak-ng renders, the operator's command plays (`[modem]`)."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable

from gateway.channels.speaker import EspeakSpeaker, Line


def call_player(command: str) -> Callable[[str], Awaitable[bool]] | None:
    """What a modem driver calls to say a text where the modem has no voice; None without a command.

    `command` reads a WAV on its standard input, such as `aplay -q -D plughw:CARD=Modem -`.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    if not words:
        return None
    speaker = EspeakSpeaker(player=words)

    async def play(text: str) -> bool:
        return await speaker.speak(Line(text, "P0"))

    return play
