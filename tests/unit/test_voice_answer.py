"""Hearing the elder's answer: one word after a question, sure enough, and still wanted; the keys always count too."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.actions import Say
from gateway.channels.voice_answer import Heard, Listening, Word, meaning, report_of
from gateway.channels.vosk_answer import WORDS, CannotListen, VoskAnswer, grammar_of, read_result
from gateway.observations import Kind, Report, check_value


class Ear:
    """A recogniser's fake: hears what it is told to, when it is told to."""

    def __init__(self, heard: Heard | None = None, error: Exception | None = None) -> None:
        self.heard, self.error = heard, error
        self.listening = False
        self.go = asyncio.Event()
        self.go.set()

    async def listen(self, limit_s: float) -> Heard | None:
        self.listening = True
        try:
            await self.go.wait()
            if self.error is not None:
                raise self.error
            return self.heard
        finally:
            self.listening = False


class Home:
    def __init__(self, ear: Ear, limit_s: float = 8.0) -> None:
        self.told: list[Report] = []
        self.true = True
        self.listening = Listening(ear, self.told.append, lambda _: self.true, limit_s)

    async def ask(self, prompt: str = "V08") -> None:
        self.listening.asked(Say("k", prompt, {}, 17, "P1"))
        if self.listening._task is not None:
            await asyncio.wait({self.listening._task}, timeout=10)


def heard(word: str, confidence: float = 0.95) -> Heard:
    return Heard(Word(word), confidence)


@pytest.mark.parametrize(
    ("prompt", "word", "means"),
    [
        ("V07", "yes", Kind.BUTTON),  # have you fallen? yes
        ("V07", "help", Kind.BUTTON),
        ("V07", "no", Kind.CANCEL),
        ("V07", "ok", Kind.CANCEL),
        ("V08", "yes", Kind.OK),  # are you well? yes
        ("V08", "ok", Kind.OK),
        ("V08", "no", Kind.BUTTON),
        ("V08", "help", Kind.BUTTON),
        ("V19", "ok", Kind.OK),
    ],
)
async def test_a_word_after_a_question_is_the_key_it_stands_for(prompt: str, word: str, means: Kind) -> None:
    home = Home(Ear(heard(word)))
    await home.ask(prompt)
    assert [r.kind for r in home.told] == [means]
    assert check_value(means, home.told[0].value) == home.told[0].value
    if means is Kind.BUTTON:
        assert home.told[0].device == "gateway"  # the red key on the case


async def test_nothing_is_listened_for_after_what_is_no_question() -> None:
    ear = Ear(heard("ok"))
    home = Home(ear)
    for prompt in ("V01", "V02", "V03", "V09", "V20"):
        await home.ask(prompt)
    assert home.told == []


async def test_silence_and_an_unclear_word_mean_nothing() -> None:
    for answer in (None, heard("ok", 0.5), heard("no", 0.3)):
        home = Home(Ear(answer))
        await home.ask("V07")
        assert home.told == []


def test_help_needs_less_certainty_than_being_well() -> None:
    assert meaning("V08", heard("help", 0.6)) == "help"
    assert meaning("V08", heard("ok", 0.6)) is None
    assert meaning("V07", heard("ok", 0.6)) is None
    assert meaning("V12", heard("help", 1.0)) is None


async def test_an_answer_to_a_question_that_is_over_changes_nothing() -> None:
    home = Home(Ear(heard("ok")))
    home.true = False
    await home.ask()
    assert home.told == []
    assert home.listening.counts == {"too_late": 1}


async def test_the_next_sentence_ends_the_listening() -> None:
    ear = Ear(heard("ok"))
    ear.go.clear()
    home = Home(ear)
    home.listening.asked(Say("k", "V08", {}, 17, "P1"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert ear.listening
    await home.listening.stop()
    assert not ear.listening
    assert home.told == []
    await home.listening.stop()  # nothing to stop is no fault


async def test_a_recogniser_that_fails_or_hangs_costs_no_voice() -> None:
    home = Home(Ear(error=RuntimeError("microphone")))
    await home.ask()
    assert home.listening.counts == {"failed": 1}
    ear = Ear()
    ear.go.clear()
    home = Home(ear, limit_s=-0.99)
    await home.ask()
    assert home.listening.counts == {"hung": 1}


async def test_a_microphone_that_does_not_let_go_holds_up_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.channels.voice_answer.STOPPED_WITHIN_S", 0.05)
    release = asyncio.Event()

    class Stuck:
        async def listen(self, limit_s: float) -> Heard | None:
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue
            return None

    listening = Listening(Stuck(), lambda _: None, lambda _: True)
    listening.asked(Say("k", "V08", {}, 17, "P1"))
    task = listening._task
    await asyncio.sleep(0)
    await asyncio.wait_for(listening.stop(), 5)
    release.set()
    assert task is not None
    await asyncio.wait({task}, timeout=5)


def test_every_meaning_is_an_observation_of_the_vocabulary() -> None:
    assert report_of("ok").kind is Kind.OK
    assert report_of("cancel").value == {"via": "voice"}


# ---- Vosk's words


def result(*words: tuple[str, float]) -> str:
    return json.dumps({"text": " ".join(w for w, _ in words), "result": [{"word": w, "conf": c} for w, c in words]})


def test_a_recognisers_result_is_a_word_or_nothing() -> None:
    assert read_result(result(("没事", 0.9))) == Heard(Word.OK, 0.9)
    assert read_result(result(("救命", 0.7), ("救命", 0.6))) == Heard(Word.HELP, 0.6)
    assert read_result(result(("不", 0.9), ("好", 0.8))) == Heard(Word.NO, 0.8)  # not heard as 好
    for other in ("", "{", "[]", "7", "null", result(("[unk]", 1.0)), result(), '{"text": "没事", "result": [1]}'):
        assert read_result(other) is None, other
    assert read_result(result(("没事", 10**400))) is None
    for odd in (float("nan"), float("inf"), -1, 2):  # a number that is no confidence is none
        assert read_result(result(("没事", odd))) == Heard(Word.OK, 0.0)


def test_a_phrase_the_model_has_no_word_for_is_listened_for_by_its_characters() -> None:
    vocabulary = {"没事", "救命", "我", "好", "平安", "[unk]", "<unk>"}
    heard, deaf = grammar_of(["没事", "我好", "救命", "不好"], vocabulary.__contains__)
    assert heard == ["没事", "我 好", "救命", "[unk]"]
    assert deaf == ["不好"]


def test_a_model_without_a_word_for_other_sounds_is_not_listened_to() -> None:
    """It would hear "I am well" in the television."""
    for other in ("[unk]", "<UNK>"):
        assert grammar_of(["没事"], {"没事", other}.__contains__)[0] == ["没事", other]
    with pytest.raises(CannotListen, match="any noise"):
        grammar_of(["没事"], {"没事"}.__contains__)


def test_a_model_of_another_language_is_refused_and_one_that_lacks_some_words_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def model_of(*vocabulary: str) -> None:
        found = SimpleNamespace(vosk_model_find_word=lambda word: 7 if word in vocabulary else -1)
        monkeypatch.setitem(sys.modules, "vosk", SimpleNamespace(SetLogLevel=lambda _: None, Model=lambda _: found))

    model_of("[unk]", "yes")
    with pytest.raises(CannotListen, match="Mandarin"):
        VoskAnswer(tmp_path)
    model_of("[unk]", *(word for word in WORDS if word != "快来"))
    VoskAnswer(tmp_path)
    assert "does not know 快来" in caplog.text


class OneHand:
    """A recogniser as Vosk's is: whoever uses it while another does ends the process; and slow, as on a Pi."""

    def __init__(self, *_: object) -> None:
        self.busy = threading.Lock()
        self.together = False

    def SetWords(self, _: bool) -> None:
        self._use(0)

    def AcceptWaveform(self, sound: bytes) -> bool:
        self._use(0.2)
        return False

    def FinalResult(self) -> str:
        self._use(0)
        return result(("没事", 0.9))

    def _use(self, seconds: float) -> None:
        if not self.busy.acquire(blocking=False):
            self.together = True
            return
        time.sleep(seconds)
        self.busy.release()


async def test_a_slow_recogniser_is_used_by_one_thread_and_its_last_word_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real Vosk aborted the whole process here; and a full pipe that nobody reads kept the answer for ever."""
    hands: list[OneHand] = []
    taken = asyncio.Event()
    loop = asyncio.get_running_loop()

    def recogniser(*_: object) -> OneHand:
        hands.append(OneHand())
        loop.call_soon_threadsafe(taken.set)
        return hands[-1]

    found = SimpleNamespace(vosk_model_find_word=lambda _: 7)
    fake = SimpleNamespace(SetLogLevel=lambda _: None, Model=lambda _: found, KaldiRecognizer=recogniser)
    monkeypatch.setitem(sys.modules, "vosk", fake)
    monkeypatch.setattr("gateway.channels.vosk_answer.ARECORD", ("cat", "/dev/zero"))
    port = VoskAnswer(tmp_path)
    assert await asyncio.wait_for(port.listen(0.3), 30) == Heard(Word.OK, 0.9)
    taken.clear()
    gone = asyncio.create_task(port.listen(30))
    await asyncio.wait_for(taken.wait(), 30)
    gone.cancel()
    await asyncio.wait({gone}, timeout=30)
    assert gone.cancelled()
    assert await asyncio.wait_for(port.listen(0.3), 30) == Heard(Word.OK, 0.9)
    assert [hand.together for hand in hands] == [False] * 3


def test_without_the_extra_or_a_model_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vosk", None)
    with pytest.raises(CannotListen, match="pip install"):
        VoskAnswer(tmp_path)

    def bad_model(_: str) -> None:
        raise Exception("no such model")

    monkeypatch.setitem(sys.modules, "vosk", SimpleNamespace(SetLogLevel=lambda _: None, Model=bad_model))
    with pytest.raises(CannotListen, match="no folder"):
        VoskAnswer(tmp_path / "none")
    with pytest.raises(CannotListen, match="cannot be loaded"):
        VoskAnswer(tmp_path)
