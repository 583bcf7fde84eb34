"""The machine's own voice: real espeak-ng, real processes; every prompt long and loud enough, and in Mandarin."""

from __future__ import annotations

import array
import asyncio
import io
import math
import os
import shutil
import subprocess
import wave
from pathlib import Path
from typing import Any

import pytest
from voice_room import AT, ZH, MakeRoom, alive, ends, needs_espeak, say, script, spoken_text

from gateway.channels.port import NotDelivered
from gateway.channels.speaker import VOICES, CannotSpeak, Line, with_true_lengths
from gateway.channels.voice import EspeakSpeaker, choose_speaker, find_sound_device

# ---- espeak-ng really speaks


@needs_espeak
async def test_every_prompt_is_audible_and_slow_enough_to_follow() -> None:
    speaker = EspeakSpeaker()
    for prompt in ZH.prompts:
        text = spoken_text(prompt)
        with wave.open(io.BytesIO(await speaker.render(text))) as sound:
            seconds = sound.getnframes() / sound.getframerate()
            samples = array.array("h", sound.readframes(sound.getnframes()))
        characters = sum(c.isalnum() for c in text)
        assert 0.15 * characters < seconds < 0.6 * characters + 1, (
            f"{prompt}: {seconds:.1f} s for {characters} characters"
        )
        assert seconds < 12, f"{prompt} is longer than anybody listens"
        level = 20 * math.log10(math.sqrt(sum(s * s for s in samples) / len(samples)) / 32768)
        assert level > -30, f"{prompt}: {level:.0f} dBFS is too quiet"
        assert max(abs(s) for s in samples) < 32767, f"{prompt} is clipped"


@needs_espeak
def test_our_voice_speaks_mandarin_and_does_not_spell_pinyin_in_english() -> None:
    """Debian's `cmn` voice says "jiao four" for 叫: it marks the switch of language with (en)."""
    for prompt in ZH.prompts:
        command = ["espeak-ng", "-v", VOICES["zh_CN"], "-b", "1", "-x", "-q", "--stdin"]
        sounds = subprocess.run(
            command, input=spoken_text(prompt).encode(), capture_output=True, check=True, timeout=20
        )
        assert b"(en)" not in sounds.stdout, prompt


@needs_espeak
async def test_the_sound_reaches_the_player_as_a_whole_wav_file(tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"
    player = script(tmp_path, "player.py", f"import sys; open({str(heard)!r}, 'wb').write(sys.stdin.buffer.read())")
    assert await EspeakSpeaker(player=player).speak(Line("测试成功。", "TEST"))
    with wave.open(str(heard)) as sound:
        assert sound.getnframes() > 10_000
        assert len(sound.readframes(sound.getnframes())) == sound.getnframes() * sound.getsampwidth()


@needs_espeak
async def test_no_name_appears_in_the_process_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "seen"
    shim = tmp_path / "espeak-ng"
    shim.write_text(f'#!/bin/sh\necho "$@" > {seen}\nexec {shutil.which("espeak-ng")} "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert await EspeakSpeaker(player=("cat",)).speak(Line("正在联系女儿", "P0"))
    assert "--stdin" in seen.read_text(encoding="utf-8")
    assert "女儿" not in seen.read_text(encoding="utf-8")


@needs_espeak
async def test_a_player_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    body = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(pids)!r} + '.new', 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        f"os.rename({str(pids)!r} + '.new', {str(pids)!r})\n"
        "time.sleep(60)\n"
    )
    speaker = EspeakSpeaker(player=script(tmp_path, "hang.py", body), limit_s=8)
    assert await speaker.speak(Line("测试成功。", "P0")) is False
    assert speaker.counts == {"hung": 1}
    player, child = (int(pid) for pid in pids.read_text().split())
    assert not alive(player)
    assert await asyncio.to_thread(ends, child), "the player's child lives on"


async def test_a_missing_or_failing_program_is_a_failure_and_no_exception(tmp_path: Path, monkeypatch: Any) -> None:
    failing = EspeakSpeaker(player=script(tmp_path, "fail.py", "import sys; sys.stdin.buffer.read(); sys.exit(3)"))
    if shutil.which("espeak-ng"):
        assert await failing.speak(Line("测试成功。", "P0")) is False
        assert failing.counts == {"failed": 1}
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = EspeakSpeaker()
    assert await missing.speak(Line("测试成功。", "P0")) is False
    assert missing.counts == {"failed": 1}


@pytest.mark.parametrize("not_sound", [b"", b"RIFF", b"x" * 100, b"RIFF" + bytes(32) + b"data" + bytes(4)])
def test_what_is_no_sound_is_not_played(not_sound: bytes) -> None:
    with pytest.raises(CannotSpeak):
        with_true_lengths(not_sound)


# ---- what this machine has


def test_a_sound_device_is_a_playback_device(tmp_path: Path) -> None:
    assert find_sound_device(tmp_path / "none") is None
    for name in ("controlC0", "pcmC0D0c", "timer"):
        (tmp_path / name).touch()
    assert find_sound_device(tmp_path) is None
    (tmp_path / "pcmC1D0p").touch()
    assert find_sound_device(tmp_path) == tmp_path / "pcmC1D0p"


@needs_espeak
def test_the_speaker_is_chosen_and_the_reason_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speaker, why = choose_speaker("zh_CN", tmp_path)
    assert speaker is None
    assert "no sound device" in why
    (tmp_path / "pcmC0D0p").touch()
    speaker, why = choose_speaker("zh_CN", tmp_path)
    assert speaker is not None
    assert "pcmC0D0p" in why
    monkeypatch.setenv("PATH", str(tmp_path))
    speaker, why = choose_speaker("zh_CN", tmp_path)
    assert speaker is None
    assert "apt-get install espeak-ng" in why


async def test_without_a_sound_device_it_is_written_down_and_not_claimed(
    make_room: MakeRoom, caplog: pytest.LogCaptureFixture
) -> None:
    room = make_room(None)
    outcome = await room.voice.carry(say("V05"))
    assert outcome == NotDelivered("no sound device: written to the spoken-text log only", None)
    assert await room.lines() == [
        {
            "at": AT,
            "prompt": "V05",
            "text": "电话现在打不出去，我会一直试。请大声叫邻居。",
            "severity": "P0",
            "heard": False,
        }
    ]
    assert "no sound device" in caplog.text
