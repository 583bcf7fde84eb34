"""A local recogniser behind the `VoiceAnswer` port: Vosk with a model the operator brings, fed by `arecord`.

The only file that imports `vosk`, and only when a model is configured. Sound goes from the microphone through memory
into the recogniser and is dropped; no file, no network. Recognises the few words of `WORDS` and nothing else.

A recogniser of few words hears one of them in whatever it is given, and is sure of it: a real model took "thank you"
for "no" at 1.0. So it must know the word for every other sound (`OTHER_SOUNDS`), or it is not listened to. And it
leaves out, silently, what its vocabulary lacks: such a phrase is given to it character by character. And it must never
be used from two threads: it ends the whole process then, gateway and all. So one thread does all of its work in turn,
also what is still at work when the listening ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from gateway.channels.sound import RATE
from gateway.channels.voice_answer import Heard, Word

ARECORD: Final = ("arecord", "-q", "-f", "S16_LE", "-r", str(RATE), "-c", "1", "-t", "raw")
CHUNK: Final = RATE // 5 * 2  # 0.2 s
WORDS: Final[dict[str, Word]] = {
    "救命": Word.HELP, "帮我": Word.HELP, "帮忙": Word.HELP, "快来": Word.HELP, "来人": Word.HELP,
    "没事": Word.OK, "我很好": Word.OK, "平安": Word.OK, "我好": Word.OK,
    "是": Word.YES, "是的": Word.YES, "对": Word.YES, "好": Word.YES,
    "不是": Word.NO, "没有": Word.NO, "不好": Word.NO,
}  # fmt: skip
"""What is listened for; the whole of what was said must be one of them (不好 is not 好), but for a call for help."""
OTHER_SOUNDS: Final = ("[unk]", "<UNK>", "<unk>")
"""How models write the word for any sound that is no word of theirs."""

log = logging.getLogger(__name__)


class CannotListen(Exception):
    """The extra or the model is missing. Says what to do."""


def read_result(text: str, words: Mapping[str, Word] = WORDS) -> Heard | None:
    """The word in a recogniser's JSON result, with the lowest confidence of its parts; None for any other."""
    try:
        result = json.loads(text)
        said = str(result.get("text", "")).replace(" ", "")
        parts = [float(w.get("conf", 0.0)) for w in result.get("result", [])]
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        return None
    sure = min(parts, default=0.0) if all(0.0 <= part <= 1.0 for part in parts) else 0.0  # not a number: not sure
    if any(known == Word.HELP and word in said for word, known in words.items()):
        return Heard(Word.HELP, sure)  # in the middle of anything
    word = words.get(said)
    return None if word is None else Heard(word, sure)


def grammar_of(words: Iterable[str], known: Callable[[str], bool]) -> tuple[list[str], list[str]]:
    """(What to listen for, the words it cannot hear); raises `CannotListen` if it knows none of `OTHER_SOUNDS`."""
    other = next((sound for sound in OTHER_SOUNDS if known(sound)), None)
    if other is None:
        raise CannotListen("the model has no word for other sounds ([unk]): it would hear an answer in any noise")
    heard, deaf = [], []
    for word in words:
        spelt = " ".join(word)
        if known(word):
            heard.append(word)
        elif all(known(part) for part in word):
            heard.append(spelt)
        else:
            deaf.append(word)
    return [*heard, other], deaf


class VoskAnswer:
    """Listens with Vosk, for `words` (the tests' model speaks another language)."""

    def __init__(self, model: Path, words: Mapping[str, Word] = WORDS) -> None:
        """Raises `CannotListen`. Loading a small model takes a second or two."""
        try:
            import vosk
        except ImportError:
            raise CannotListen("the voice extra is not installed: pip install 'hearthwatch[voice]'") from None
        if not model.is_dir():
            raise CannotListen("[voice] listen_model is no folder: unpack a Vosk model for Mandarin there")
        vosk.SetLogLevel(-1)
        try:
            self._vosk, self._model = vosk, vosk.Model(str(model))
        except Exception as error:  # noqa: BLE001 - vosk raises bare Exception for a bad model
            raise CannotListen(f"the model cannot be loaded: {type(error).__name__}") from None
        self._words = words
        heard, deaf = grammar_of(words, lambda word: self._model.vosk_model_find_word(word) >= 0)
        if all(words[word] is not Word.HELP or word in deaf for word in words):
            raise CannotListen("the model knows no word for help: is it one for Mandarin?")
        if deaf:
            log.warning("voice answer: the model does not know %s", "、".join(deaf))
        self._grammar = json.dumps(heard, ensure_ascii=False)
        self._worker = ThreadPoolExecutor(1, "vosk")

    async def listen(self, limit_s: float) -> Heard | None:
        """The first known word within the limit."""
        try:
            process = await asyncio.create_subprocess_exec(
                *ARECORD, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
            )
        except OSError:
            return None
        assert process.stdout is not None
        try:
            recogniser = await self._work(self._recogniser)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limit_s):
                    while sound := await process.stdout.read(CHUNK):
                        if await self._work(recogniser.AcceptWaveform, sound):
                            heard = read_result(recogniser.Result(), self._words)
                            if heard is not None:
                                return heard
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            await process.communicate()  # reads what is left: a full pipe that nobody reads never ends the wait
        return read_result(await self._work(recogniser.FinalResult), self._words)

    async def _work(self, work: Callable[..., Any], *what: object) -> Any:
        """One piece of the recogniser's work: behind what came before it, and beside the loop, for a call waits."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, work, *what)

    def _recogniser(self) -> Any:
        recogniser = self._vosk.KaldiRecognizer(self._model, RATE, self._grammar)
        recogniser.SetWords(True)
        return recogniser
