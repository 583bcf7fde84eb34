"""The loudspeaker of the house: rendered prompts, the family's own voice, a device that is unplugged and returns."""

from __future__ import annotations

import array
import shutil
import wave
from pathlib import Path

import pytest
from voice_room import ZH, needs_espeak, script

from gateway.alarms.proofread import PLACEHOLDER
from gateway.channels.loudspeaker import Loudspeaker
from gateway.channels.port import State
from gateway.channels.prompts import Prompts
from gateway.channels.sound import Sound, read_wav
from gateway.channels.speaker import Line
from gateway.channels.voice import EspeakSpeaker


def sounding(path: Path) -> float:
    with wave.open(str(path)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16000, 1, 2)
        return sound.getnframes() / sound.getframerate()


def level(path: Path) -> float:
    return read_wav(path.read_bytes()).level_db


class Corner:
    """A loudspeaker with a player that writes down what it is given, on a device that can be pulled out."""

    def __init__(self, folder: Path) -> None:
        self.devices = folder / "snd"
        self.devices.mkdir()
        self.heard = folder / "heard.wav"
        self.prompts = Prompts(folder / "prompts", ZH)
        body = f"import sys; open({str(self.heard)!r}, 'wb').write(sys.stdin.buffer.read())"
        self.player = script(folder, "player.py", body)
        self.plug()

    def plug(self) -> None:
        (self.devices / "pcmC1D0p").touch()

    def unplug(self) -> None:
        (self.devices / "pcmC1D0p").unlink()

    def speaker(self) -> Loudspeaker:
        return Loudspeaker(self.prompts, devices=self.devices, player=self.player)


@pytest.fixture
def corner(tmp_path: Path) -> Corner:
    return Corner(tmp_path)


@needs_espeak
async def test_rendered_prompts_are_16_khz_mono_audible_and_slow(corner: Corner) -> None:
    speaker = corner.speaker()
    await corner.prompts.render(EspeakSpeaker().render)
    for form, text in ZH.prompts.items():
        if PLACEHOLDER.search(text):
            continue
        assert await speaker.speak(Line(text, "P0", form))
        characters = sum(c.isalnum() for c in text)
        assert 0.15 * characters < sounding(corner.heard) < 0.6 * characters + 1, form
        assert -30 < level(corner.heard) < -12, form
    assert speaker.health().state is State.UP


@needs_espeak
async def test_names_are_spoken_and_without_espeak_who_stands_in_for_them(
    corner: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    await corner.prompts.render(EspeakSpeaker().render)
    speaker = corner.speaker()
    line = Line("正在联系女儿，请不要着急。", "P0", "V02", {"contact": "女儿"})
    assert await speaker.speak(line)
    spoken = corner.heard.read_bytes()
    monkeypatch.setattr(shutil, "which", lambda name, which=shutil.which: None if name == "espeak-ng" else which(name))
    assert await speaker.speak(line)
    assert corner.heard.read_bytes() != spoken
    assert sounding(corner.heard) > 1.5
    assert "names are not spoken" in speaker.health().why


@needs_espeak
async def test_the_familys_voice_is_heard_alone_once_it_is_understood(corner: Corner) -> None:
    speaker, line = corner.speaker(), Line(ZH.prompts["V09"], "P0", "V09")
    assert await speaker.speak(line)
    mandarin = sounding(corner.heard)
    tone = Sound(array.array("h", [6000 if i // 40 % 2 else -6000 for i in range(16000)]))
    corner.prompts.take_in([("V09.wav", tone.wav())], "minnan")
    assert await speaker.speak(line)
    assert sounding(corner.heard) == pytest.approx(mandarin + 1.5, abs=0.3)
    corner.prompts.understood(["V09"])
    assert await speaker.speak(line)
    assert sounding(corner.heard) == pytest.approx(1.0, abs=0.1)
    assert "family" in speaker.health().why


@needs_espeak
async def test_softer_is_softer_in_the_loudspeaker(corner: Corner) -> None:
    speaker = corner.speaker()
    levels = []
    for gain in (0.0, -6.0):
        assert await speaker.speak(Line(ZH.prompts["V13"], "P4", "V13", {}, gain))
        levels.append(level(corner.heard))
    assert levels[0] - levels[1] == pytest.approx(6, abs=0.2)


@needs_espeak
async def test_a_loudspeaker_that_is_unplugged_is_missed_and_speaks_again_when_it_returns(
    corner: Corner, caplog: pytest.LogCaptureFixture
) -> None:
    speaker, line = corner.speaker(), Line(ZH.prompts["V13"], "P4", "V13")
    assert await speaker.speak(line)
    corner.heard.unlink()
    corner.unplug()
    assert not await speaker.speak(line)
    assert not corner.heard.exists()
    assert speaker.health().state is State.DOWN
    corner.plug()
    assert await speaker.speak(line)
    assert corner.heard.exists()
    assert speaker.health().state is State.UP
    assert [r.message.split(":")[1] for r in caplog.records if "loudspeaker is" in r.message] == [
        " the loudspeaker is gone",
        " the loudspeaker is back",
    ]


@needs_espeak
async def test_a_player_that_fails_is_a_degraded_voice(corner: Corner, tmp_path: Path) -> None:
    corner.player = script(tmp_path, "fail.py", "import sys; sys.stdin.buffer.read(); sys.exit(1)")
    speaker = corner.speaker()
    assert not await speaker.speak(Line(ZH.prompts["V13"], "P4", "V13"))
    assert speaker.health().state is State.DEGRADED
