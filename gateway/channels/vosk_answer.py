"""A local recogniser behind the `VoiceAnswer` port: Vosk with a model the operator brings, fed by `arecord`.

The only file that imports `vosk`, and only when a model is configured. Sound goes from the microphone through memory
into the recogniser and is dropped; no file, no network. Recognises the few words of `WORDS` and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
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
"""The grammar given to the recogniser; longer words are looked for first, so that 不好 is not heard as 好."""


class CannotListen(Exception):
    """The extra or the model is missing. Says what to do."""


def read_result(text: str) -> Heard | None:
    """The word in a recogniser's JSON result, with the lowest confidence of its parts; None for any other."""
    try:
        result = json.loads(text)
        said = str(result.get("text", "")).replace(" ", "")
        parts = [float(w.get("conf", 0.0)) for w in result.get("result", [])]
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    if any(known == Word.HELP and word in said for word, known in WORDS.items()):
        return Heard(Word.HELP, min(parts, default=0.0))  # in the middle of anything
    word = WORDS.get(said)
    return None if word is None else Heard(word, min(parts, default=0.0))


class VoskAnswer:
    """Listens with Vosk."""

    def __init__(self, model: Path) -> None:
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

    async def listen(self, limit_s: float) -> Heard | None:
        """The first known word within the limit."""
        grammar = json.dumps([*WORDS, "[unk]"], ensure_ascii=False)
        recogniser: Any = self._vosk.KaldiRecognizer(self._model, RATE, grammar)
        recogniser.SetWords(True)
        try:
            process = await asyncio.create_subprocess_exec(
                *ARECORD, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
            )
        except OSError:
            return None
        assert process.stdout is not None
        try:
            async with asyncio.timeout(limit_s):
                while sound := await process.stdout.read(CHUNK):
                    ended = await asyncio.to_thread(recogniser.AcceptWaveform, sound)
                    heard = read_result(recogniser.Result()) if ended else None
                    if heard is not None:
                        return heard
        except TimeoutError:
            pass
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            await process.wait()
        return read_result(recogniser.FinalResult())
