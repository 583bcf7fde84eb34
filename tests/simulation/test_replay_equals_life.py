"""Replay equals life: a simulated month in the real journal, told again by `events | replay`, byte for byte.

The month has kills, power cuts with known and unknown gaps, wall-clock steps and configuration changes. What was lived
was written down as it was decided, by other code than `replay` prints with (`sim_real`).
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from sim_history import Woke
from sim_real import RealWorld
from sim_story import write

from gateway.cli.events import command as events
from gateway.cli.replay import command as replay
from gateway.clock import iso, parse_iso, zone

pytestmark = pytest.mark.timeout(600)  # against hanging; a month takes minutes where eight others want the machine

SEED = 22
SLOW_SEEDS = (4, 7, 16, 19, 23, 29)
DAYS = 30
SNAPSHOTS = 8
ZONES = ("UTC", "America/New_York", "Asia/Shanghai")
TZ = zone("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Month:
    """A month as it was lived, and the file it left."""

    config: Path
    lived: list[tuple[int, str]]
    wakings: list[Woke]

    def story(self) -> str:
        return "".join(line + "\n" for _, line in self.lived)


def hearthwatch(*words: str, tz: str = "UTC", told: str | None = None) -> str:
    """What the command writes on standard output; nothing may be skipped or complained of."""
    command = [sys.executable, "-m", "gateway.cli.main", *words]
    env = {**os.environ, "TZ": tz, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, input=told, capture_output=True, text=True, env=env, check=False, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def here(command: click.Command, *words: str, told: str | None = None) -> str:
    """The same in this process: a start of Python for each of many moments would take minutes on a busy machine."""
    done = CliRunner().invoke(command, words, input=told)
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout


def live(seed: int, folder: Path) -> Month:
    (folder / "state").mkdir()
    config = folder / "hearthwatch.toml"
    config.write_text('[gateway]\nstate_dir = "state"\n', encoding="utf-8")
    world = RealWorld(write(seed, DAYS), folder / "state" / "journal.db")
    history = world.run()
    assert history.accidents == []
    return Month(config, world.lived, [i for i in history.items if isinstance(i, Woke)])


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    return live(SEED, tmp_path_factory.mktemp("month"))


@pytest.fixture(scope="module")
def recording(month: Month) -> str:
    return hearthwatch("events", "--config", str(month.config))


def test_the_month_has_all_that_makes_replay_hard(month: Month, recording: str) -> None:
    rows = [json.loads(line) for line in recording.splitlines()[1:]]
    steps = [r["value"]["step_ms"] for r in rows if r["kind"] == "clock"]
    gaps = {r["value"]["gap"] for r in rows if r["kind"] == "restart" and r["t"]}
    assert {w.how for w in month.wakings} == {"first", "kill", "cut"}
    assert gaps == {"SAME_BOOT", "TRUSTED", "UNKNOWN"}
    assert max(map(abs, steps)) > 86_400_000
    assert len({json.dumps(r["value"]) for r in rows if r["kind"] == "config"}) > 1
    assert sum('"state":"RAISED"' in line for _, line in month.lived) > 20


def test_events_and_replay_tell_the_month_as_it_was_lived(month: Month, recording: str) -> None:
    assert hearthwatch("replay", "-", told=recording) == month.story()


def test_no_time_zone_of_the_host_changes_a_byte(month: Month, recording: str) -> None:
    for tz in ZONES:
        assert hearthwatch("events", "--config", str(month.config), tz=tz) == recording
        assert hearthwatch("replay", "-", tz=tz, told=recording) == month.story()


@pytest.mark.parametrize("seed", range(3))
def test_any_batching_of_the_input_gives_the_same_story(month: Month, recording: str, seed: int) -> None:
    """Time may be advanced at any moment in between; only a restart's gap is nobody's time."""
    dice = random.Random(seed)
    header, *lines = recording.splitlines()
    told, before = [header], 0
    for line in lines:
        row = json.loads(line)
        if row["kind"] != "restart" and row["t"] - before > 1:
            for t in sorted(dice.randrange(before, row["t"]) for _ in range(dice.choice([0, 0, 1, 3]))):
                told.append(json.dumps({"at": row["at"], "t": t, "kind": "tick", "value": None}))
        told.append(line)
        before = row["t"]
    assert len(told) > len(lines) * 1.5
    assert hearthwatch("replay", "-", told="\n".join(told) + "\n") == month.story()


def snapshots(month: Month) -> list[int]:
    """Controller time of each snapshot on record, oldest first."""
    with sqlite3.connect(month.config.parent / "state" / "journal.db") as db:
        return [t for (t,) in db.execute("SELECT t FROM snapshot ORDER BY id")]


def test_from_any_moment_on_the_story_goes_on_as_it_was_lived(month: Month, recording: str) -> None:
    """`--since` begins with the snapshot before that moment; what replay then tells is the rest of what was lived.

    After snapshots more than anywhere, for what a rule has not said yet when one is taken must be said after it.
    """
    rows = [json.loads(line) for line in recording.splitlines()[1:]]
    dice = random.Random(SEED)
    moments = [rows[0], dice.choice(rows[len(rows) // 5 : -len(rows) // 5])]
    moments += [next(row for row in rows if row["t"] > taken) for taken in dice.sample(snapshots(month), SNAPSHOTS)]
    begun = set()
    lived = [line for _, line in month.lived]
    for row in moments:
        since = parse_iso(row["at"], TZ)
        part = here(events, "--config", str(month.config), "--since", iso(since, TZ))
        begun.add(json.loads(part.splitlines()[0]).get("snapshot", {}).get("t"))
        told = here(replay, "-", told=part).splitlines()
        assert told == lived[len(lived) - len(told) :]
        assert part.splitlines()[-1] == recording.splitlines()[-1]
        first = json.loads(part.splitlines()[1])
        assert first["t"] <= row["t"]
    assert None in begun
    assert len(begun) > 3


def test_a_moment_the_snapshot_was_taken_at_is_told_whole(month: Month, recording: str) -> None:
    """The entry of that very millisecond belongs to what was asked for, not to the snapshot before it."""
    rows = [json.loads(line) for line in recording.splitlines()[1:]]
    asked = 0
    for moment in snapshots(month)[-3:]:
        row = next(r for r in rows if r["t"] == moment)
        part = hearthwatch("events", "--config", str(month.config), "--since", row["at"]).splitlines()
        assert json.dumps(row) in {json.dumps(json.loads(line)) for line in part[1:]}
        asked += 1
    assert asked


@pytest.mark.slow
@pytest.mark.parametrize("seed", SLOW_SEEDS)
def test_other_months_too(seed: int, tmp_path: Path) -> None:
    month = live(seed, tmp_path)
    recording = hearthwatch("events", "--config", str(month.config))
    assert hearthwatch("replay", "-", told=recording) == month.story()
