"""The power goes off after every system call of the real journal and the real registry: nothing promised is lost.

The child (`writer.py`) runs under strace; `disk_model` says what it assumes of a disk. `make test-slow` tells a longer
story, tears more disks, and cuts the power again while the gateway wakes up from a cut or from a damaged file; of
its cuts it takes every few, `make powercut-all` takes all of them.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cutting import Verdict, cut_everywhere, cuts
from disk_model import Disk, Image, Inode, lay_out, read_back
from reopening import Judge, Promised, WakingJudge, reopen
from story import parts
from tracing import Player, Trace, trace

from gateway.home.registry import Registry

WRITER = str(Path(__file__).with_name("writer.py"))
COUNT = 60  # entries: five snapshots, seven revisions of the home, a dozen checkpoints, thirty days forgotten
SEED = 20260301
ALL = os.environ.get("POWERCUT") == "all"  # every cut of the slow tests, however long it takes
TIMEOUT_S = 3600 if ALL else 300


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where images are laid out: in memory, for nothing here is about this machine's disk."""
    memory = Path("/dev/shm")
    made = memory / f"hearthwatch-{tmp_path.name}" if memory.is_dir() else tmp_path / "images"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    yield made
    shutil.rmtree(made, ignore_errors=True)


def lived(folder: Path, count: int, flaw: str = "") -> Trace:
    """The whole story, traced."""
    live = folder / "live"
    shutil.rmtree(live, ignore_errors=True)
    live.mkdir()
    return trace([WRITER, str(live), str(count), flaw], live, folder / "log")


def report(name: str, verdict: Verdict) -> None:
    """For `pytest -s`: the figures this file claims."""
    print(f"\n{verdict.line(name)}")


def test_nothing_announced_is_lost_wherever_the_power_goes(folder: Path) -> None:
    recorded = lived(folder, COUNT)
    verdict = cut_everywhere(recorded, Judge(parts(COUNT)), folder / "cut", seed=SEED)
    report("power cut", verdict)
    assert verdict.wrong == []
    assert min(verdict.cuts.values()) > 500


def test_the_story_holds_all_that_should_be_cut_through(folder: Path) -> None:
    """The model ends where the real directory ended, and there were checkpoints, forgetting and generations to cut."""
    recorded = lived(folder, COUNT)
    player, checkpointed, kept = Player(recorded), set[bytes](), 0
    for word in player.steps():
        kept += word is not None and "kept" in word
        if (main := player.disk.names.get("journal.db")) is not None and kept < len(parts(COUNT)):
            checkpointed.add(bytes(main.kept))
    assert player.disk.everything() == read_back(recorded.folder)
    assert kept == len(parts(COUNT))
    assert len(checkpointed) > 5
    assert sum("changed" in word for word in recorded.said) >= 7
    found = reopen(player.disk.everything(), folder / "cut")
    assert found.history[-1] == COUNT
    assert len(found.history) < COUNT - 10  # old routine rows were forgotten meanwhile


@pytest.mark.parametrize(
    ("flaw", "room"),
    [
        ("synchronous-normal", "journal lost"),
        ("file-not-synced", "registry no registry although revision"),
        ("directory-not-synced", "registry no registry although revision"),
    ],
)
def test_a_missing_sync_is_caught(folder: Path, flaw: str, room: str) -> None:
    """The control: the same check on a writer that promises too early."""
    verdict = cut_everywhere(lived(folder, 16, flaw), Judge(parts(16)), folder / "cut", seed=SEED, every=4)
    report(flaw, verdict)
    assert verdict.kinds[room] > 10


def test_the_judge_sees_a_row_too_few_and_a_row_too_many(folder: Path) -> None:
    """And so is a loss made by hand: an older disk than the one promised, and a newer one than was told."""
    taken = [cut for cut in cuts(lived(folder, 16), random.Random(SEED), torn=0) if cut.mode == "all"]
    old, new = taken[len(taken) // 2], taken[-1]
    judge = Judge(parts(16))
    assert any("lost" in w for w in judge.journal(reopen(old.image, folder / "cut"), new.promised))
    assert any("more" in w for w in judge.journal(reopen(new.image, folder / "cut"), old.promised))
    assert judge.registry(reopen(old.image, folder / "cut"), new.promised)


# ---- the slow lane


@pytest.mark.slow
@pytest.mark.timeout(TIMEOUT_S)
def test_a_longer_story_on_more_torn_disks(folder: Path) -> None:
    recorded = lived(folder, 160)
    torn, every = (3, 1) if ALL else (2, 7)  # seven: no rhythm of the writer's own
    verdict = cut_everywhere(recorded, Judge(parts(160)), folder / "cut", seed=SEED + 1, torn=torn, every=every)
    report("power cut, long", verdict)
    assert verdict.wrong == []


@pytest.mark.slow
@pytest.mark.timeout(TIMEOUT_S)
def test_the_power_goes_again_while_the_gateway_wakes(folder: Path) -> None:
    rng = random.Random(SEED + 2)
    torn = [cut for cut in cuts(lived(folder, 40), rng, torn=1) if cut.mode == "torn" and cut.promised.changed]
    for cut in rng.sample(torn, 8 if ALL else 4):
        verdict = wake_and_cut(cut.image, folder, seed=cut.number)
        report(f"power cut again, after cut {cut.number}", verdict)
        assert verdict.wrong == []


@pytest.mark.slow
@pytest.mark.timeout(TIMEOUT_S)
def test_the_power_goes_while_a_damaged_file_is_replaced(folder: Path) -> None:
    """A flipped bit leads to a new file with all that could be read; a cut in the middle of that loses none of it."""
    image = list(cuts(lived(folder, 40), random.Random(SEED), torn=0))[-1].image
    page = 1024 * 3  # the root of a table: the file must be replaced, not only a row left out
    damaged = bytearray(image["journal.db"])
    damaged[page] ^= 0x40
    home = bytearray(image["home.json"])
    home[200] ^= 1
    image = {**image, "journal.db": bytes(damaged), "home.json": bytes(home)}
    base = reopen(image, folder / "cut")
    assert any(p.startswith("DATABASE_QUARANTINED") for p in base.problems)
    assert base.home_problem
    verdict = wake_and_cut(image, folder, seed=SEED)
    report("power cut while replacing", verdict)
    assert verdict.wrong == []


def wake_and_cut(image: Image, folder: Path, seed: int) -> Verdict:
    """A gateway wakes up on this disk, and the power goes at every call of that, or at every third."""
    image = {name: content for name, content in image.items() if not name.endswith("-shm")}
    base = reopen(image, folder / "cut")
    live = folder / "live"
    shutil.rmtree(live, ignore_errors=True)
    lay_out(image, live)
    recorded = trace([WRITER, str(live), "wake"], live, folder / "log", start=image)
    return cut_everywhere(recorded, WakingJudge(base), folder / "cut", seed=seed, every=1 if ALL else 3)


# ---- the model itself


def test_only_what_was_synced_survives_strictly() -> None:
    disk = Disk({"old": b"before"})
    new = disk.create("new")
    disk.write(new, 0, b"x" * 600)
    assert disk.strict() == {"old": b"before"}
    disk.sync(new)
    assert disk.strict() == {"old": b"before"}  # its name is not durable yet
    disk.rename("new", "old")
    assert disk.everything() == {"old": b"x" * 600}
    disk.sync_directory()
    assert disk.strict() == {"old": b"x" * 600}
    disk.unlink("old")
    assert disk.strict() == {"old": b"x" * 600}
    assert disk.everything() == {}


def test_torn_disks_hold_any_sectors_but_names_in_order() -> None:
    disk = Disk({"a": b"1" * 2048})
    inode: Inode = disk.names["a"]
    disk.write(inode, 0, b"2" * 2048)
    disk.link("a", "b")
    disk.unlink("a")
    rng, seen = random.Random(1), set()
    for _ in range(300):
        image = disk.torn(rng)
        assert sorted(image) in (["a"], ["a", "b"], ["b"])
        content = next(iter(image.values()))
        assert all(content[i : i + 512] in (b"1" * 512, b"2" * 512) for i in range(0, 2048, 512))
        seen.add((tuple(sorted(image)), content))
    assert len(seen) > 30


def test_a_registry_that_is_there_is_recognised(folder: Path) -> None:
    """The registry's judge is not satisfied by any file that opens."""
    with Registry(folder / "home.json") as registry:
        registry.apply([{"op": "replace", "document": {"residents": [{"id": "r1", "name": "陌生人"}]}}])
    found = reopen(read_back(folder), folder / "cut")
    assert Judge(parts(1)).registry(found, Promised(changed=1, changing=1))
