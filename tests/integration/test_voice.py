"""The voice at home: real espeak-ng, real processes; what is said first, silenced, or only written down."""

from __future__ import annotations

import array
import asyncio
import io
import json
import math
import os
import shutil
import stat
import subprocess
import sys
import time
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from stopwatch import stopwatch

from gateway.actions import AckDevice, Lamp, Say
from gateway.alarms import words
from gateway.alarms.proofread import PLACEHOLDER
from gateway.channels import voice as voice_module
from gateway.channels.lamp import LampChannel, LocalLamp
from gateway.channels.loudspeaker import Loudspeaker
from gateway.channels.port import Delivered, NotDelivered, Outcome, State
from gateway.channels.prompts import Prompts
from gateway.channels.sound import Sound, read_wav
from gateway.channels.speaker import VOICES, CannotSpeak, Line, with_true_lengths
from gateway.channels.voice import EspeakSpeaker, Speaker, SpokenLog, VoiceChannel, choose_speaker, find_sound_device
from gateway.home.model import Contact, Home, HomeView

ZH = words.load()
AT = "2026-03-01T08:15:00+08:00"
EXAMPLE = {"n": 10, "contact": "女儿", "device": "床头按钮", "visitor": "小陈"}

needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="apt-get install espeak-ng")


def spoken_text(prompt: str) -> str:
    name, _, form = prompt.partition("-")
    return ZH.render_prompt(name, EXAMPLE | ({form: True} if form else {}))


def make_home(contacts: tuple[Contact, ...] = (Contact("c1", 1), Contact("c2", 2))) -> Home:
    names = {"r1": "王阿公", "c1": "女儿", "c2": "邻居"}
    return Home(HomeView(contacts=contacts), names, {}, {}, {}, {"d1": "床头按钮"})


def say(prompt: str, severity: str = "P0", alarm: int = 17, **params: Any) -> Say:
    return Say(f"{prompt}:{severity}", prompt, params, alarm, severity)


class Mouth:
    """A loudspeaker we hold in our hands: each sentence lasts until the test lets it end."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.lines: list[Line] = []
        self.ended: list[str] = []
        self.speaking = asyncio.Event()
        self._end = asyncio.Event()

    async def speak(self, line: Line) -> bool:
        self.began.append(line.text)
        self.lines.append(line)
        self.speaking.set()
        await self._end.wait()
        self._end.clear()
        self.ended.append(line.text)
        return True

    def finish(self) -> None:
        self.speaking.clear()
        self._end.set()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Room:
    """A home with a voice, its log, and a way to see both."""

    def __init__(self, folder: Path, speaker: Speaker | None, **settings: Any) -> None:
        self.path = folder / "spoken" / "spoken.jsonl"
        self.log = SpokenLog(self.path)
        self.clock = Clock()
        self.home = settings.pop("home", make_home())
        self.voice = VoiceChannel(lambda: self.home, ZH, self.log, speaker, at=lambda: AT, now=self.clock, **settings)
        self.open: list[asyncio.Task[Outcome]] = []

    def begin(self, action: Say) -> asyncio.Task[Outcome]:
        task = asyncio.create_task(self.voice.carry(action))
        self.open.append(task)
        return task

    async def lines(self) -> list[dict[str, Any]]:
        await self.log.flush()
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]

    async def close(self) -> None:
        await self.voice.close()
        await asyncio.gather(*self.open, return_exceptions=True)


MakeRoom = Callable[..., Room]


@pytest.fixture
async def make_room(tmp_path: Path) -> AsyncIterator[MakeRoom]:
    rooms: list[Room] = []

    def make(speaker: Speaker | None = None, **settings: Any) -> Room:
        rooms.append(Room(tmp_path, speaker, **settings))
        return rooms[-1]

    yield make
    for room in rooms:
        await room.close()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def script(folder: Path, name: str, body: str) -> tuple[str, ...]:
    path = folder / name
    path.write_text(body, encoding="utf-8")
    return sys.executable, str(path)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def ends(pid: int) -> bool:
    """Whether the process ends soon; an orphan is reaped by init in its own time, so a zombie has ended too."""
    for _ in range(100):
        if not alive(pid) or Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] == "Z":
            return True
        time.sleep(0.05)
    return False


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


# ---- one voice, the most severe first


async def test_a_prompt_played_out_is_delivered_and_noted_as_heard(make_room: MakeRoom) -> None:
    mouth = Mouth()
    room = make_room(mouth)
    said = room.begin(say("V06"))
    await mouth.speaking.wait()
    assert not said.done()
    mouth.finish()
    assert await said == Delivered()
    assert [line["heard"] for line in await room.lines()] == [True]


async def test_a_call_silences_a_technical_message(make_room: MakeRoom) -> None:
    mouth = Mouth()
    room = make_room(mouth)
    technical = room.begin(say("V12", "P3"))
    await mouth.speaking.wait()
    mouth.speaking.clear()
    call = room.begin(say("V02", "P0", contact="c1"))
    assert await technical == NotDelivered("interrupted", None)
    await mouth.speaking.wait()
    assert mouth.began[-1] == "正在联系女儿，请不要着急。"
    mouth.finish()
    assert await call == Delivered()
    assert [(line["prompt"], line["heard"]) for line in await room.lines()] == [("V12", False), ("V02", True)]


async def test_nothing_speaks_over_a_more_severe_message_and_the_most_severe_waiting_is_next(
    make_room: MakeRoom,
) -> None:
    mouth = Mouth()
    room = make_room(mouth)
    for action in (say("V02", "P0"), say("V13", "P4"), say("V12", "P3"), say("V08", "P1"), say("V05", "P0")):
        room.begin(action)
        await settle()
    assert len(mouth.began) == 1
    for _ in range(5):
        await mouth.speaking.wait()
        mouth.finish()
        await settle()
    await asyncio.gather(*room.open)
    assert [line["prompt"] for line in await room.lines()] == ["V02", "V05", "V08", "V12", "V13"]
    assert mouth.ended == mouth.began


async def test_what_waited_too_long_is_dropped(make_room: MakeRoom) -> None:
    mouth = Mouth()
    room = make_room(mouth)
    room.begin(say("V02"))
    await mouth.speaking.wait()
    stale = room.begin(say("V03", contact="c1"))
    await settle()
    room.clock.now += 30.5
    mouth.finish()
    assert await stale == NotDelivered("waited more than 30 s for its turn", None)
    assert room.voice.counts["stale"] == 1
    assert len(mouth.began) == 1


async def test_the_queue_is_bounded_and_drops_the_least_severe(make_room: MakeRoom) -> None:
    mouth = Mouth()
    room = make_room(mouth)
    room.begin(say("V02", "P0"))
    await mouth.speaking.wait()
    lesser = [room.begin(say("V12", "P3", alarm=n)) for n in range(1, voice_module.MAX_WAITING + 1)]
    await settle()
    one_more = room.begin(say("V13", "P4"))
    assert isinstance(await one_more, NotDelivered)
    urgent = room.begin(say("V05", "P0"))
    assert isinstance(await lesser[-1], NotDelivered)
    assert not urgent.done()
    assert room.voice.counts["dropped"] == 2


async def test_a_speaker_that_neither_ends_nor_stops_does_not_hold_up_a_call(
    make_room: MakeRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voice_module, "SILENCED_WITHIN_S", 0.05)
    release = asyncio.Event()

    class Deaf:
        began: list[str] = []  # noqa: RUF012

        async def speak(self, line: Line) -> bool:
            self.began.append(line.text)
            while len(self.began) == 1 and not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue
            return True

    room = make_room(Deaf())
    room.begin(say("V12", "P3"))
    await settle()
    assert await room.voice.carry(say("V05", "P0")) == Delivered()
    release.set()
    await settle()


async def test_a_speaker_that_hangs_is_given_up_on(make_room: MakeRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_module, "SPEAKER_LIMIT_S", 0.05)
    room = make_room(Mouth())
    assert await room.voice.carry(say("V05")) == NotDelivered("the loudspeaker hangs", None)
    assert room.voice.counts["hung"] == 1


async def test_a_speaker_with_a_bug_is_counted_and_the_next_prompt_is_spoken(make_room: MakeRoom) -> None:
    class Buggy:
        times = 0

        async def speak(self, line: Line) -> bool:
            self.times += 1
            if self.times == 1:
                raise RuntimeError(line.text)
            return self.times > 2

    room = make_room(Buggy())
    refused = NotDelivered("the loudspeaker did not play it out", None)
    assert [await room.voice.carry(say("V05")) for _ in range(3)] == [refused, refused, Delivered()]
    assert room.voice.counts == {"failed": 1, "spoken": 1}


async def test_whoever_no_longer_waits_is_not_spoken_for(make_room: MakeRoom) -> None:
    mouth = Mouth()
    room = make_room(mouth)
    room.begin(say("V02"))
    await mouth.speaking.wait()
    gone = room.begin(say("V05"))
    await settle()
    gone.cancel()
    await settle()
    mouth.finish()
    await room.open[0]
    await settle()
    assert len(mouth.began) == 1


@needs_espeak
async def test_a_real_player_is_cut_off_by_a_call_within_two_seconds(make_room: MakeRoom, tmp_path: Path) -> None:
    started = tmp_path / "started"
    os.mkfifo(started)
    player = script(
        tmp_path,
        "slow.py",
        f"import sys, time; open({str(started)!r}, 'w').write('x'); sys.stdin.buffer.read(); time.sleep(60)",
    )

    class Switch:
        """The slow player for technical messages, a quick one for calls."""

        slow = EspeakSpeaker(player=player)
        quick = EspeakSpeaker(player=("cat",))
        called = asyncio.Event()

        async def speak(self, line: Line) -> bool:
            if line.severity == "P0":
                self.called.set()
            return await (self.slow if line.severity == "P3" else self.quick).speak(line)

    switch = Switch()
    room = make_room(switch)
    technical = room.begin(say("V12", "P3"))
    await asyncio.to_thread(lambda: started.read_text())
    async with stopwatch() as watch:
        call = room.begin(say("V05", "P0"))
        await asyncio.wait_for(switch.called.wait(), 30)
        assert watch.s < 2  # invariant (iv): nothing delays it longer; how fast espeak-ng is, is the machine's
    assert await call == Delivered()
    assert await technical == NotDelivered("interrupted", None)


# ---- names, and where they are written


async def test_the_spoken_text_has_names_and_the_log_ids(make_room: MakeRoom) -> None:
    mouth = Mouth()
    room = make_room(mouth)
    for action in (say("V03", contact="c1", coming=True), say("V14", "P3", device="d1")):
        said = room.begin(action)
        await mouth.speaking.wait()
        mouth.finish()
        await said
    assert mouth.began == ["已经联系到女儿，会马上来看您。", "床头按钮快没电了，请告诉来看您的人。"]
    assert [line["text"] for line in await room.lines()] == [
        "已经联系到c1，会马上来看您。",
        "d1快没电了，请告诉来看您的人。",
    ]


async def test_the_demo_logs_names_as_spoken_and_is_told_of_each_line(make_room: MakeRoom) -> None:
    told: list[Any] = []
    room = make_room(None, log_names=True, on_spoken=told.append)
    await room.voice.carry(say("V02", contact="c1"))
    assert [line["text"] for line in await room.lines()] == ["正在联系女儿，请不要着急。"]
    assert [spoken.prompt for spoken in told] == ["V02"]


async def test_nobody_to_tell_but_the_platform_is_what_is_said(make_room: MakeRoom) -> None:
    room = make_room(None, log_names=True, home=make_home(contacts=()))
    await room.voice.carry(say("V01", n=10, contact=None))
    await room.voice.carry(say("V03", contact="desk-7"))
    assert [line["text"] for line in await room.lines()] == [
        "已收到呼叫。10秒后通知值班人员，没事请按取消键。",
        "已经联系到值班人员。",
    ]


async def test_a_prompt_that_cannot_be_spoken_and_another_action_are_refused(make_room: MakeRoom) -> None:
    room = make_room(None)
    assert await room.voice.carry(say("V99")) == NotDelivered("V99: no such prompt", None)
    assert await room.voice.carry(say("V01")) == NotDelivered("V01: n is missing", None)
    assert isinstance(await room.voice.carry(Lamp("k", "off")), NotDelivered)
    assert room.voice.counts == {"bad_prompt": 2, "not_a_prompt": 1}


async def test_the_log_is_private_even_where_a_readable_one_lay(make_room: MakeRoom) -> None:
    room = make_room(None)
    room.path.parent.mkdir()
    room.path.touch(0o644)
    await room.voice.carry(say("V05"))
    await room.lines()
    assert stat.S_IMODE(room.path.stat().st_mode) == 0o600


async def test_the_log_rotates_and_stays_small(tmp_path: Path, make_room: MakeRoom) -> None:
    room = make_room(None)
    room.log._max_bytes = 1000
    for _ in range(50):
        await room.voice.carry(say("V05"))
    await room.lines()
    files = sorted(room.path.parent.iterdir())
    assert [f.name for f in files] == ["spoken.jsonl", "spoken.jsonl.1"]
    assert all(0 < f.stat().st_size <= 1000 for f in files)
    assert all(stat.S_IMODE(f.stat().st_mode) == 0o600 for f in files)


async def test_a_log_that_cannot_be_written_silences_nobody(
    tmp_path: Path, make_room: MakeRoom, caplog: pytest.LogCaptureFixture
) -> None:
    mouth = Mouth()
    room = make_room(mouth)
    room.path.parent.write_text("a file where the folder should be")
    said = room.begin(say("V05"))
    await mouth.speaking.wait()
    mouth.finish()
    assert await said == Delivered()
    await room.log.flush()
    assert room.log.counts["failed"] == 1
    assert "cannot write" in caplog.text


# ---- the lamp and the pressed device


async def test_the_lamp_shows_what_it_was_told() -> None:
    shown: list[str] = []
    lamp = LocalLamp(shown.append)
    channel = LampChannel(lamp)
    for pattern in ("calling", "sent", "accepted", "off"):
        assert await channel.carry(Lamp("k", pattern)) == Delivered()
    assert shown == ["calling", "sent", "accepted", "off"]
    assert isinstance(await channel.carry(Lamp("k", "disco")), NotDelivered)
    assert lamp.pattern == "off"


async def test_a_device_is_answered_only_where_its_link_can() -> None:
    one_way = LampChannel(LocalLamp())
    assert await one_way.carry(AckDevice("k", "d1")) == NotDelivered("d1: its link has no way back", None)
    answered: list[str] = []

    async def acknowledge(device: str) -> bool:
        answered.append(device)
        return device == "d1"

    two_way = LampChannel(LocalLamp(), acknowledge)
    assert await two_way.carry(AckDevice("k", "d1")) == Delivered()
    assert await two_way.carry(AckDevice("k", "d2")) == NotDelivered("d2: did not take the answer", None)
    assert answered == ["d1", "d2"]
    assert isinstance(await two_way.carry(say("V05")), NotDelivered)


# ---- how loud, and how often at night


async def said_lines(room: Room, mouth: Mouth, *actions: Say) -> list[Outcome]:
    outcomes = []
    for action in actions:
        said = room.begin(action)
        await settle()
        if not said.done():
            await mouth.speaking.wait()
            mouth.finish()
        outcomes.append(await said)
    return outcomes


async def test_at_night_only_life_safety_is_as_loud_as_by_day(make_room: MakeRoom) -> None:
    mouth, dark = Mouth(), [False]
    room = make_room(mouth, volume=80, night=lambda: dark[0])
    actions = [say("V05", "P0"), say("V08", "P1"), say("V12", "P3"), say("V13", "P4")]
    await said_lines(room, mouth, *actions)
    day = [line.gain_db for line in mouth.lines]
    dark[0] = True
    await said_lines(room, mouth, *actions)
    night = [line.gain_db for line in mouth.lines[4:]]
    assert day == pytest.approx([20 * math.log10(0.8)] * 4)
    assert [n - d for n, d in zip(night, day, strict=True)] == pytest.approx([0, 0, -6, -6])


async def test_at_night_what_can_wait_is_said_three_times_and_a_call_as_often_as_it_must(make_room: MakeRoom) -> None:
    mouth, dark = Mouth(), [True]
    room = make_room(mouth, night=lambda: dark[0])
    soft = [say("V12", "P3")] * 5
    outcomes = await said_lines(room, mouth, *soft)
    assert outcomes == [Delivered()] * 3 + [NotDelivered("said 3 times tonight", None)] * 2
    assert await said_lines(room, mouth, say("V12", "P3", alarm=18)) == [Delivered()]  # another alarm
    assert await said_lines(room, mouth, *[say("V04", "P1")] * 5) == [Delivered()] * 5
    dark[0] = False
    assert await said_lines(room, mouth, *soft) == [Delivered()] * 5
    dark[0] = True  # the next night
    assert await said_lines(room, mouth, soft[0]) == [Delivered()]


async def test_a_volume_of_nothing_silences_reminders_and_no_alarm(make_room: MakeRoom) -> None:
    mouth = Mouth()
    room = make_room(mouth, volume=0)
    outcomes = await said_lines(room, mouth, say("V18", "P4"), say("V09", "P0"))
    assert outcomes == [NotDelivered("the volume is 0", None), Delivered()]
    assert mouth.lines[0].gain_db > -15


async def test_a_question_is_listened_to_and_the_next_sentence_ends_it(make_room: MakeRoom) -> None:
    mouth, asked = Mouth(), []
    stopped: list[int] = []

    class Ears:
        def asked(self, action: Say) -> None:
            asked.append(action.prompt)

        async def stop(self) -> None:
            stopped.append(len(mouth.began))

    room = make_room(mouth, listening=Ears())
    await said_lines(room, mouth, say("V08", "P1"), say("V02", "P0"))
    assert asked == ["V08", "V02"]  # which of them is a question is the listening's to know
    assert stopped[:2] == [0, 1]  # before each sentence


async def test_what_was_cut_off_is_not_listened_after(make_room: MakeRoom) -> None:
    mouth, asked = Mouth(), []

    class Ears:
        def asked(self, action: Say) -> None:
            asked.append(action.prompt)

        async def stop(self) -> None:
            return

    room = make_room(mouth, listening=Ears())
    room.begin(say("V08", "P1"))
    await mouth.speaking.wait()
    mouth.speaking.clear()
    urgent = room.begin(say("V05", "P0"))
    await mouth.speaking.wait()
    mouth.finish()
    await urgent
    assert asked == ["V05"]


# ---- the loudspeaker of the house


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
