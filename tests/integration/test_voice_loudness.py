"""How loud the voice is, how often at night, and when it listens after a question."""

from __future__ import annotations

import math

import pytest
from voice_room import MakeRoom, Mouth, Room, say, settle

from gateway.actions import Say
from gateway.channels.port import Delivered, NotDelivered, Outcome


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
