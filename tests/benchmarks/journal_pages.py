"""What a commit costs: bytes written and time to durable. Not a test; run it by hand.

.venv/bin/python tests/benchmarks/journal_pages.py [DIRECTORY] [--pages]

One round is a life of an alarm: a press with its transition, a counter and four actions (the measured commit), then
four entries that finish the actions. `wchar` is what the process handed to write calls (/proc/self/io), `blocks` the
4 KiB blocks it dirtied; checkpoints are counted in the round they fall in.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "unit"))
from journal_rig import acknowledged, four_actions, press

from gateway.journal import Entry, Journal, Limits, schema
from gateway.observations import Kind, Observation

ROUNDS = 400


def written() -> tuple[int, int]:
    """Bytes handed to write calls, bytes of blocks dirtied."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["wchar"]), int(fields["write_bytes"])


async def measure(directory: Path) -> None:
    """Runs the rounds in a fresh journal and prints one line."""
    journal, _ = await asyncio.to_thread(Journal.open, directory / "journal.db", Limits())
    times: list[float] = []
    alarm = [0, 0]
    start = written()
    for t in range(ROUNDS):
        before, began = written(), time.perf_counter()
        submitted = journal.submit(press(t, four_actions(str(t)), memory=("ble:A4C138", {"counter": t})))
        await submitted.committed
        times.append(time.perf_counter() - began)
        after = written()
        alarm = [alarm[0] + after[0] - before[0], alarm[1] + after[1] - before[1]]
        *local, message = submitted.stored
        for action in local:
            said = Observation(Kind.DELIVERY, {"action": action.id, "ok": True}, t)
            await journal.submit(Entry(said, (), t, "NTP", done=(action.id,), urgent=True)).committed
        assert message.seq is not None
        await journal.submit(acknowledged(t, message.seq)).committed if t % 10 == 0 else journal.submit(
            acknowledged(t, message.seq)
        )
    total = written()
    await journal.close()
    times.sort()
    print(
        f"page {schema.PAGE_BYTES}: alarm commit {alarm[0] // ROUNDS} B wchar, {alarm[1] // ROUNDS} B blocks;"
        f" whole life (5 commits, checkpoints) {(total[0] - start[0]) // ROUNDS} B wchar,"
        f" {(total[1] - start[1]) // ROUNDS} B blocks;"
        f" submit to durable p50 {times[ROUNDS // 2] * 1e3:.2f} ms, p99 {times[ROUNDS * 99 // 100] * 1e3:.2f} ms,"
        f" max {times[-1] * 1e3:.2f} ms"
    )


def main() -> None:
    """One line for the page size in force, or for each of four."""
    args = [a for a in sys.argv[1:] if not a.startswith("--")]
    sizes = (512, 1024, 2048, 4096) if "--pages" in sys.argv else (schema.PAGE_BYTES,)
    for size in sizes:
        schema.PAGE_BYTES = size
        with tempfile.TemporaryDirectory(dir=args[0] if args else None) as directory:
            asyncio.run(measure(Path(directory)))


if __name__ == "__main__":
    main()
