"""Acceleration in the live heart: little of it is written down, and what is tells the same fall again."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import Clock
from gateway.clock.host import Sources
from gateway.controller import Controller
from gateway.home.model import Device, HomeView
from gateway.journal import Journal
from gateway.journal.export import export
from gateway.observations import Kind, Report
from gateway.recording import observation_line, read_header
from gateway.runtime.awakening import awaken
from gateway.runtime.heart import Heart

sys.path.append(str(Path(__file__).parents[1] / "unit"))
from acted_falls import SIDE, UP, Sample, fall, still, walk

START_WALL_MS = 1_772_324_130_000
VIEW = HomeView(
    devices={
        "belt": Device("belt", "wearable", placement="waist", heartbeat_s=60),
        "pir": Device("pir", "motion", room="r1"),
    },
    rooms={"r1": "卧室"},
    consents={"MONITORING": True},
)


class Life:
    """A heart on a virtual clock, with a real journal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 1_000
        self.sources = Sources(
            lambda: self.now, lambda: START_WALL_MS + self.now, lambda: "boot", lambda: True, lambda: None
        )
        self.told: list[tuple[Any, ...]] = []

    async def begin(self) -> Heart:
        (self.folder / "state").mkdir(exist_ok=True)
        (self.folder / "hearthwatch.toml").write_text('[gateway]\nstate_dir = "state"\n', encoding="utf-8")
        self.journal, _ = await asyncio.to_thread(Journal.open, self.folder / "state" / "journal.db")
        self.heart = Heart(Controller(trust="NTP"), Clock(self.sources), self.journal)
        self.heart.check_clock()
        self.heart.take(Report(Kind.CONFIG, VIEW.to_json()))
        return self.heart

    def hear(self, samples: list[Sample], size: int = 25, hz: float = 25.0) -> None:
        """The belt's bursts arrive one after another; timers due between them run."""
        for i in range(0, len(samples), size):
            part = samples[i : i + size]
            self.now += round(len(part) * 1000 / hz)
            self.heart.tick()
            self.heart.take(Report(Kind.ACCELERATION, {"rate_hz": hz, "g": part}, "belt"))

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.now += 1000
            self.heart.tick()

    async def end(self) -> None:
        controller = self.heart.controller
        self.alarms = {
            n: (a.code, a.state.value, a.device, controller.wall_ms(a.opened_t))
            for n, a in controller.book.alarms.items()
        }
        self.heart.stop()
        await self.journal.close()

    def written(self) -> list[Any]:
        with export(self.folder / "state" / "journal.db") as rows:
            return [row.observation for row in rows]

    def replayed(self) -> list[dict[str, Any]]:
        """What `events | replay` tells."""
        command = [sys.executable, "-m", "gateway.cli.main"]
        config = str(self.folder / "hearthwatch.toml")
        env = {**os.environ, "LC_ALL": "C.UTF-8"}
        told = subprocess.run(
            [*command, "events", "--config", config], capture_output=True, env=env, timeout=60, check=True
        )
        made = subprocess.run(
            [*command, "replay", "-"], input=told.stdout, capture_output=True, env=env, timeout=60, check=True
        )
        return [json.loads(line) for line in made.stdout.splitlines()]


def seconds_of(observations: list[Any]) -> float:
    return (
        sum(
            sum(len(g) for _, g in o.value["bursts"]) if "bursts" in o.value else len(o.value["g"])
            for o in observations
            if o.kind is Kind.ACCELERATION
        )
        / 25.0
    )


async def test_a_day_of_walking_is_not_written_down_but_that_the_belt_was_heard_is(tmp_path: Path) -> None:
    life = Life(tmp_path)
    await life.begin()
    life.hear(walk(11 * 60))
    await life.end()
    assert seconds_of(life.written()) == 0
    assert [o.kind for o in life.written() if o.device == "belt"] == [Kind.SEEN] * 3


@pytest.mark.parametrize("size", [5, 25, 60])
async def test_events_and_replay_tell_the_fall_as_it_was_lived(tmp_path: Path, size: int) -> None:
    life = Life(tmp_path)
    await life.begin()
    life.hear(fall(walk(60) + still(3), still(45, SIDE) + walk(60)), size)
    await life.end()
    assert life.alarms[1][:3] == ("FALL_IMMOBILE", "RAISED", "belt") or life.alarms[1][1] == "UNANSWERED"
    rows = life.replayed()
    detected = [r for r in rows if r.get("state") == "DETECTED"]
    assert [(r["code"], r["device"]) for r in detected] == [("FALL", "belt")]
    assert _ms(detected[0]["at"]) == life.alarms[1][3]
    assert ("RAISED", "FALL_IMMOBILE") in [(r.get("state"), r.get("code")) for r in rows]
    assert 40 <= seconds_of(life.written()) <= 75, "ten seconds before, the question, ten seconds after"


async def test_a_fall_taken_back_is_told_the_same_again(tmp_path: Path) -> None:
    life = Life(tmp_path)
    await life.begin()
    life.hear(fall(walk(60) + still(3), still(8, SIDE) + still(20, UP) + walk(60)))
    await life.end()
    assert life.alarms[1][1] == "RECOVERED"
    assert [r["state"] for r in life.replayed() if "alarm" in r] == ["DETECTED", "PRE_ALARM", "RECOVERED"]


async def test_a_fall_decided_by_silence_is_told_the_same_again(tmp_path: Path) -> None:
    life = Life(tmp_path)
    await life.begin()
    life.hear(fall(walk(20) + still(3), still(0.6, SIDE)))
    life.wait(10)
    await life.end()
    assert life.alarms[1][1] == "PRE_ALARM"
    rows = [r for r in life.replayed() if "alarm" in r]
    assert [(r["state"], r["reason"]) for r in rows] == [("DETECTED", "link_lost"), ("PRE_ALARM", "link_lost")]
    assert _ms(rows[0]["at"]) == life.alarms[1][3]


async def test_a_restart_decides_nothing_twice_and_calls_no_belt_lost(tmp_path: Path) -> None:
    life = Life(tmp_path)
    await life.begin()
    life.hear(walk(20 * 60, size=0.1), size=250)
    life.hear(fall(walk(20) + still(3), still(5, SIDE)))
    await life.end()
    life.now += 2_000
    journal, recovered = await asyncio.to_thread(Journal.open, tmp_path / "state" / "journal.db")
    awake = awaken(recovered, life.sources)
    await journal.close()
    book = awake.controller.book
    assert [(a.code, a.state.value) for a in book.alarms.values()] == [("FALL", "PRE_ALARM")]
    assert awake.controller.advance(awake.controller.t + 1).notices == []


async def test_a_line_of_the_journal_is_read_as_it_was_written() -> None:
    tape = read_header('{"recording":1,"tz":"Asia/Shanghai"}')
    tape.read('{"at":"2026-03-01T08:00:00+08:00","kind":"tick","value":null}')
    value = {"rate_hz": 25, "bursts": [[1000, still(1)], [0, still(1)]]}
    observation = tape.read(
        json.dumps({"at": "2026-03-01T08:00:01+08:00", "kind": "acceleration", "device": "belt", "value": value})
    )
    assert tape.controller is not None
    again = tape.read(observation_line(observation, tape.controller.wall_ms(observation.t), tape.tz))
    assert again == observation


def _ms(text: str) -> int:
    from datetime import datetime

    return round(datetime.fromisoformat(text).timestamp() * 1000)


def test_replay_takes_a_model_from_the_parameters_file(tmp_path: Path) -> None:
    model = {
        "fall_model": 1, "placement": "waist", "features": ["peak_g"], "fitted_on": ["nothing"],
        "limits": {"quiet": 3, "balanced": 2, "sensitive": 1}, "trees": [[[-1], [0], [0], [9]]],
    }  # fmt: skip
    file = tmp_path / "parameters.json"
    file.write_text(json.dumps({"fall_models": [model], "fall": {"sensitivity": 0}}), encoding="utf-8")
    lines = [
        json.dumps({"recording": 1, "tz": "UTC", "devices": [{"id": "belt", "kind": "wearable", "placement": "waist"}]})
    ]
    for i, part in enumerate([[*still(1)], [[0, -2.0, 0], *still(3)]]):
        at = f"2026-03-01T08:00:{i:02d}.000+00:00"
        value = {"rate_hz": 25, "g": part}
        lines.append(json.dumps({"at": at, "device": "belt", "kind": "acceleration", "value": value}))
    command = [sys.executable, "-m", "gateway.cli.main", "replay", "--parameters", str(file), "-"]
    done = subprocess.run(command, input="\n".join(lines).encode(), capture_output=True, timeout=60, check=True)
    first = json.loads(done.stdout.splitlines()[0])
    assert (first["code"], first["state"], first["evidence"]["score"], first["evidence"]["bar"]) == (
        "FALL",
        "DETECTED",
        9,
        3,
    )
    assert first["at"].startswith("2026-03-01T08:00:03.400")
    file.write_text('{"fall_models": [{"fall_model": 1}]}', encoding="utf-8")
    refused = subprocess.run(command, input=b"", capture_output=True, timeout=60, check=False)
    assert refused.returncode == 2
    assert b"fall model: placement" in refused.stderr
