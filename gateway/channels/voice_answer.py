"""Hearing the elder's answer to a spoken question: yes, OK, no, help. A port; by itself the home does not listen.

Keys and buttons answer every question; a voice is a third way for who cannot reach them. What is heard becomes the
same observation a key would make, and only while that question is open. Nothing is recorded, kept or sent: the port
returns one word, and no sound.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from gateway.actions import Say
from gateway.observations import Kind, Report

if TYPE_CHECKING:
    from gateway.channels.surroundings import Surroundings

LISTEN_S: Final = 8.0  # [P]: as long as a slow answer takes; then the key still counts
STOPPED_WITHIN_S: Final = 0.5  # a microphone that does not let go holds up no call (invariant iv: 2 s)
SURE_OF_HELP: Final = 0.5  # help that was not asked for costs a telephone call
SURE_OF_WELL: Final = 0.85  # "I am well" that was the television's may cost a life

log = logging.getLogger(__name__)


class Word(StrEnum):
    """What can be heard."""

    YES = "yes"
    NO = "no"
    OK = "ok"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class Heard:
    """One word, and how sure the recogniser is of it (0 to 1)."""

    word: Word
    confidence: float


class VoiceAnswer(Protocol):
    """A recogniser that listens when asked to. Cancelling `listen` ends it at once."""

    async def listen(self, limit_s: float) -> Heard | None:
        """The first word heard within `limit_s`, or None. Keeps no sound. Never raises for a device's fault."""
        ...


_HELP: Final = "help"
_MEANS: Final[dict[str, dict[Word, str]]] = {
    "V07": {Word.YES: _HELP, Word.HELP: _HELP, Word.NO: "cancel", Word.OK: "cancel"},  # have you fallen?
    "V08": {Word.YES: "ok", Word.OK: "ok", Word.NO: _HELP, Word.HELP: _HELP},  # are you well?
    "V19": {Word.YES: "ok", Word.OK: "ok", Word.HELP: _HELP},  # good morning
    "V23": {Word.YES: "ok", Word.OK: "ok", Word.HELP: _HELP},  # the village's roll call
}
"""What a word means after which question. Silence means nothing: the question's own timer goes on."""


def meaning(prompt: str, heard: Heard) -> str | None:
    """`help`, `cancel` or `ok`; None for a word that is no answer to this question, or not sure enough."""
    found = _MEANS.get(prompt, {}).get(heard.word)
    if found is None or heard.confidence < (SURE_OF_HELP if found == _HELP else SURE_OF_WELL):
        return None
    return found


def report_of(found: str) -> Report:
    """The observation a key would have made: the red key on the gateway, cancel, or the green key."""
    if found == _HELP:
        return Report(Kind.BUTTON, "press", "gateway")
    return Report(Kind.CANCEL if found == "cancel" else Kind.OK, {"via": "voice"})


class Listening:
    """Listens after each question that was played out, until an answer, the limit, or the next thing that is said."""

    def __init__(
        self,
        port: VoiceAnswer,
        tell: Callable[[Report], object],
        still_true: Callable[[Say], bool],
        limit_s: float = LISTEN_S,
    ) -> None:
        self._port, self._tell, self._still_true, self._limit_s = port, tell, still_true, limit_s
        self._task: asyncio.Task[None] | None = None
        self.counts: Counter[str] = Counter()

    def asked(self, say: Say) -> None:
        """A prompt was said; if it was a question, its answer is listened for."""
        if say.prompt in _MEANS:
            self._task = asyncio.get_running_loop().create_task(self._listen(say), name="listen")

    async def stop(self) -> None:
        """Somebody else speaks now."""
        task, self._task = self._task, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=STOPPED_WITHIN_S)

    async def _listen(self, say: Say) -> None:
        try:
            async with asyncio.timeout(self._limit_s + 1):
                heard = await self._port.listen(self._limit_s)
        except TimeoutError:
            self.counts["hung"] += 1
            return
        except Exception as error:  # noqa: BLE001 - a recogniser's fault must not cost the voice; the keys still count
            self.counts["failed"] += 1
            log.error("voice answer: the recogniser failed: %s", type(error).__name__)
            return
        found = meaning(say.prompt, heard) if heard is not None else None
        if found is None:
            self.counts["nothing_heard"] += 1
        elif not self._still_true(say):
            self.counts["too_late"] += 1
        else:
            self.counts[found] += 1
            log.info("voice answer: %s after %s", found, say.prompt)
            self._tell(report_of(found))


def open_listening(around: Surroundings) -> Listening | None:
    """The ears of this house: none, unless a model is configured and its extra is installed."""
    model = around.config.voice.listen_model
    if not model:
        return None
    from gateway.channels.vosk_answer import CannotListen, VoskAnswer

    try:
        port = VoskAnswer(around.config.resolved(model))
    except CannotListen as error:
        log.error("voice answer: %s", error)
        return None
    return Listening(port, around.tell, around.still_true)
