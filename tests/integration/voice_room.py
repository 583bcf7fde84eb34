"""A home with a voice, a loudspeaker held in the hand, and what the tests of the voice share."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.actions import Say
from gateway.alarms import words
from gateway.channels.port import Outcome
from gateway.channels.speaker import Line
from gateway.channels.voice import Speaker, SpokenLog, VoiceChannel
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
