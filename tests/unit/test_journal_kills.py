"""The journal's process killed in the middle: nothing acknowledged is lost, and no id given twice."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from journal_rig import contents, four_actions, opened, press

CHILD = """
import asyncio, os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from journal_rig import SMALL, four_actions, motion, press
from gateway.journal import Journal

async def main():
    journal, found = Journal.open(Path(sys.argv[1]), SMALL)
    os.write(1, b"open\\n")
    t = max([o.t for o, _ in found.tail], default=0)
    def said(word, n):
        os.write(1, f"{word} {n}\\n".encode())
    while True:
        t += 1
        if t % 3:
            journal.submit(motion(t, memory=("pir", t))).committed.add_done_callback(lambda f, t=t: said("kept", t))
        else:
            alarm = journal.submit(press(t, four_actions(str(t))))
            for stored in alarm.stored:
                said("id", stored.id)
                if stored.seq is not None: said("seq", stored.seq)
            await alarm.committed
            said("kept", t)
        await asyncio.sleep(0)

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


async def test_no_acknowledged_entry_is_lost_and_no_id_used_twice_over_ten_kills(path: Path) -> None:
    rng = random.Random(9)
    kept: set[int] = set()
    ids: list[int] = []
    seqs: list[int] = []
    for _ in range(10):
        child = subprocess.Popen(  # noqa: ASYNC220 nothing else runs in this loop
            [sys.executable, "-c", CHILD, str(path), str(Path(__file__).parent)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"open\n"
        lines, enough = [], rng.randint(3, 15)  # counted, not timed: a busy machine gets as far, only later
        while sum(line.startswith("kept") for line in lines) < enough:
            lines.append(child.stdout.readline().decode())
            assert lines[-1], "the child ended by itself"
        await asyncio.sleep(rng.uniform(0, 0.02))
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.read().decode().splitlines()
        child.stdout.close()
        child.wait()
        for word, number in (line.split() for line in lines):
            {"kept": kept.add, "id": ids.append, "seq": seqs.append}[word](int(number))
    found = await contents(path)
    times = [o.t for o, _ in found["tail"]]
    assert len(kept) > 50
    assert kept <= set(times)
    assert times == list(range(1, len(times) + 1))  # each start went on where the log ended: nothing is missing
    assert found["memory"]["pir"] in (times[-1], times[-1] - 1)
    assert len(ids) == len(set(ids))
    assert seqs == sorted(set(seqs))
    assert {p.code for p in found["problems"]} <= {"TAIL_CUT"}
    alarms = [t for t in times if t % 3 == 0]
    assert [int(r.body["name"]) for r in found["rows"]] == alarms
    assert len(found["pending"]) == 3 * len(alarms)


async def test_ids_of_a_lost_commit_are_not_given_again_after_a_kill(path: Path) -> None:
    script = CHILD.replace("await alarm.committed", "os.kill(os.getpid(), 9)").replace(
        "Path(sys.argv[1]), SMALL", "Path(sys.argv[1]), SMALL, seam=Seam(lambda: time.sleep(60))"
    )
    script = script.replace("import Journal\n", "import Journal, Seam\nimport time\n")
    child = subprocess.run(  # noqa: ASYNC221
        [sys.executable, "-c", script, str(path), str(Path(__file__).parent)], stdout=subprocess.PIPE, check=False
    )
    used = [line.split() for line in child.stdout.decode().splitlines()[1:]]
    assert ["seq", "1"] in used
    async with opened(path) as (journal, found):
        assert found.tail_rows == 0
        stored = journal.submit(press(1, four_actions())).stored
        assert stored[0].id > max(int(n) for word, n in used if word == "id")
        assert stored[3].seq is not None
        assert stored[3].seq > 1
