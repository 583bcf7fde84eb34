"""`hearthwatch replay` over a year of a typical home, streamed through a pipe: speed, and memory on the way."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence

from figures import Figure, hand_over
from machine import peak_mib, rss_mib
from spine import folder
from typical import recording

DAYS = int(os.environ.get("BENCH_REPLAY_DAYS", "365"))
EVERY_LINES = 50_000


def run() -> Sequence[Figure]:
    """The recording is written beforehand; then one process reads it from a pipe that we fill."""
    with folder() as place:
        tape = place / "year.jsonl"
        with tape.open("w", encoding="utf-8") as file:
            lines = sum(1 for line in recording(DAYS) if file.write(line)) - 1
        out = place / "alarms.jsonl"
        began = time.perf_counter()
        with tape.open("rb") as source, out.open("wb") as sink:
            child = subprocess.Popen(
                [sys.executable, "-m", "gateway.cli.main", "replay", "-"], stdin=subprocess.PIPE, stdout=sink
            )
            assert child.stdin is not None
            sizes = _fill(source, child.stdin, child.pid)
            assert child.wait() == 0
        took = time.perf_counter() - began
        said = len(out.read_bytes().splitlines())
    assert said >= 2 * (DAYS // 14), "a cancelled call a fortnight must be told"
    first, last = sizes[min(1, len(sizes) - 1)], sizes[-1]
    return [
        Figure("replay, observations a second", lines / took, "/s", 30_000, True, note=f"{lines} lines, {said} told"),
        Figure(f"replay, memory after {DAYS} days", last, "MiB", 50),
        Figure("replay, growth over them", max(0.0, last - first), "MiB", 2.0, note=f"from {first:.1f} MiB"),
    ]


def _fill(source: object, sink: object, pid: int) -> list[float]:
    """Feeds the lines; the child's memory each so many of them. It lags by a pipe's 64 KiB at most."""
    sizes: list[float] = []
    while chunk := source.readlines(1 << 16):  # type: ignore[attr-defined]
        sink.write(b"".join(chunk))  # type: ignore[attr-defined]
        _count.lines += len(chunk)
        if _count.lines // EVERY_LINES > len(sizes):
            sizes.append(rss_mib(pid))
    sizes.append(peak_mib(pid))
    sink.close()  # type: ignore[attr-defined]
    return sizes


class _count:
    lines = 0


if __name__ == "__main__":
    hand_over(run)
