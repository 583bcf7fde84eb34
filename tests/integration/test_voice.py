"""The voice at home: what is said first, silenced, or only written down, and under which names."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from stopwatch import stopwatch
from voice_room import MakeRoom, Mouth, make_home, needs_espeak, say, script, settle

from gateway.actions import Lamp
from gateway.channels import voice as voice_module
from gateway.channels.port import Delivered, NotDelivered
from gateway.channels.speaker import Line
from gateway.channels.voice import EspeakSpeaker

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
