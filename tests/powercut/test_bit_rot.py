"""Flipped bits, lost sectors and cut files in what a power cut left: found and said, or harmless. Never silence.

The same story and the same judge as for power cuts. "Harmless" is strict: every part of what a restart finds is, value
by value, what a whole disk gives. "Found" is a problem reported at the start or by reading the history.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cutting import Cut, cuts
from disk_model import SECTOR, Image
from reopening import Found, Judge, reopen
from story import parts
from test_power_cut import ALL, SEED, TIMEOUT_S, folder, lived

__all__ = ["folder"]  # the fixture

COUNT = 40
ONLY_IN_LOG = 3  # entries: so many at least, for damage to hit
KINDS = ("bit", "zeroed sector", "random sector", "truncated")


@dataclass(slots=True)
class Tally:
    """How damage was taken."""

    outcomes: Counter[str] = field(default_factory=Counter)
    silent: list[str] = field(default_factory=list)

    def line(self, name: str) -> str:
        """For people."""
        total = sum(self.outcomes.values())
        return f"{name}: {total} damages, {dict(self.outcomes)}, {len(self.silent)} silent"


def damaged(content: bytes, kind: str, rng: random.Random) -> bytes:
    """One piece of damage."""
    made = bytearray(content)
    if kind == "bit":
        made[rng.randrange(len(made))] ^= 1 << rng.randrange(8)
    elif kind == "truncated":
        del made[rng.randrange(len(made)) :]
    else:
        at = rng.randrange(0, len(made), SECTOR)
        end = min(at + SECTOR, len(made))
        made[at:end] = bytes(end - at) if kind == "zeroed sector" else rng.randbytes(end - at)
    return bytes(made)


def whole_cut(taken: list[Cut], judge: Judge, folder: Path, *, log: bool) -> tuple[Cut, Found]:
    """A disk late in the story that opens without a word, without a write-ahead log or with one that matters: what it
    holds is not yet in the main file, as it is after a checkpoint, when damage to it would be beside the point."""
    for cut in reversed(taken):
        if bool(cut.image.get("journal.db-wal")) == log and "home.json.prev" in cut.image:
            found = reopen(cut.image, folder / "cut")
            if found.problems or judge.journal(found, cut.promised):
                continue
            if not log or found.history[-1] - newest_without_log(cut.image, folder) >= ONLY_IN_LOG:
                return cut, found
    raise AssertionError("no such disk")


def newest_without_log(image: Image, folder: Path) -> int:
    """The newest row of the same disk, its write-ahead log gone."""
    main_alone = {name: content for name, content in image.items() if name != "journal.db-wal"}
    return max(reopen(main_alone, folder / "cut").history, default=0)


def harm(image: Image, name: str, whole: Found, judge: Judge, folder: Path, count: int, rng: random.Random) -> Tally:
    """Damages one file `count` times and opens what is left."""
    tally = Tally()
    for _ in range(count):
        kind = KINDS[0] if rng.random() < 0.6 else rng.choice(KINDS[1:])
        content = damaged(image[name], kind, rng)
        if content == image[name]:
            continue
        found = reopen({**image, name: content}, folder / "cut")
        same = (found.held, found.revision, found.home) == (whole.held, whole.revision, whole.home) and (
            judge.same_history(found, whole)
        )
        said = bool(found.problems or found.refused or found.home_problem)
        outcome = ("harmless, said" if said else "harmless") if same else ("found and said" if said else "SILENT")
        tally.outcomes[outcome] += 1
        if outcome == "SILENT":
            at = next((i for i, (a, b) in enumerate(zip(content, image[name], strict=False)) if a != b), len(content))
            tally.silent.append(f"{name}: {kind} at byte {at}")
    return tally


def rot(folder: Path, count: int, seed: int) -> dict[str, Tally]:
    """Damages every kind of file a gateway keeps."""
    rng, judge = random.Random(seed), Judge(parts(COUNT))
    taken = [cut for cut in cuts(lived(folder, COUNT), rng, torn=0) if cut.mode == "all"]
    closed, found_closed = whole_cut(taken, judge, folder, log=False)
    running, found_running = whole_cut(taken, judge, folder, log=True)
    return {
        "journal.db, closed": harm(closed.image, "journal.db", found_closed, judge, folder, count, rng),
        "journal.db, beside its log": harm(running.image, "journal.db", found_running, judge, folder, count, rng),
        "journal.db-wal": harm(running.image, "journal.db-wal", found_running, judge, folder, count, rng),
        "home.json": harm(closed.image, "home.json", found_closed, judge, folder, count, rng),
        "home.json.prev": harm(closed.image, "home.json.prev", found_closed, judge, folder, count // 4, rng),
    }


def told(tallies: dict[str, Tally]) -> None:
    for name, tally in tallies.items():
        print(f"\n{tally.line(name)}", end="")
    assert [s for tally in tallies.values() for s in tally.silent] == []
    for name in ("journal.db, closed", "journal.db-wal", "home.json"):
        assert tallies[name].outcomes["found and said"] > 10  # the damage was not beside the point
    assert tallies["home.json"].outcomes["harmless"] == 0
    assert tallies["home.json.prev"].outcomes["found and said"] == 0


def test_no_damage_is_silent(folder: Path) -> None:
    told(rot(folder, 120, SEED))


def test_the_registry_falls_back_by_one_generation_and_no_further(folder: Path) -> None:
    judge, rng = Judge(parts(COUNT)), random.Random(SEED)
    taken = [cut for cut in cuts(lived(folder, COUNT), rng, torn=0) if cut.mode == "all"]
    cut, whole = whole_cut(taken, judge, folder, log=False)
    for kind in KINDS:
        once = {**cut.image, "home.json": damaged(cut.image["home.json"], kind, rng)}
        found = reopen(once, folder / "cut")
        assert found.revision == whole.revision - 1
        assert judge.is_generation(found)
        assert "home.json" in found.home_problem
        twice = reopen({**once, "home.json.prev": damaged(cut.image["home.json.prev"], kind, rng)}, folder / "cut")
        assert twice.revision == -1
        assert "DamagedRegistry" in twice.home_problem


@pytest.mark.slow
@pytest.mark.timeout(TIMEOUT_S)
def test_no_damage_is_silent_over_hundreds_more(folder: Path) -> None:
    """With `make powercut-all` over thousands."""
    told(rot(folder, 700 if ALL else 150, SEED + 7))
