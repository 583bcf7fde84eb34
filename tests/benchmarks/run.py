"""All benchmarks, or those named, one after the other in processes of their own; then one table. `make bench`.

.venv/bin/python tests/benchmarks/run.py [NAME…] [--quick]      NAME: black_box, idle, … ; --quick: minutes, rougher
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from figures import Figure, percentile, shown, table
from machine import described, flush_ms, load

HERE = Path(__file__).parent
ORDER = ("press", "black_box", "sustained", "replay", "start", "memory", "idle", "written", "incidents")
QUICK = {
    "BENCH_PRESSES": "150",
    "BENCH_REPLAY_DAYS": "30",
    "BENCH_OBSERVATIONS": "100000",
    "BENCH_IDLE_S": "20",
    "BENCH_INCIDENTS": "20000",
}
LIMIT_S = 1800


def main() -> int:
    """Exit 0 if every benchmark ran; a missed goal is said in the table, it is no failure of the run."""
    names = [a for a in sys.argv[1:] if not a.startswith("--")] or list(ORDER)
    unknown = set(names) - set(ORDER)
    if unknown:
        sys.stderr.write(f"no such benchmark: {', '.join(sorted(unknown))}; there are: {', '.join(ORDER)}\n")
        return 2
    kept = {"PYTHONDONTWRITEBYTECODE": ""}  # an installed gateway has its byte code: half of a cold start and 3 MiB
    environment = os.environ | kept | (QUICK if "--quick" in sys.argv else {})
    print(f"{datetime.now(UTC).date().isoformat()} · {described()}\n{_disk()}", flush=True)
    figures: list[Figure] = []
    failed = []
    for name in names:
        before, began = load(), time.monotonic()
        found = _one(name, environment)
        print(f"{name}: {time.monotonic() - began:.0f} s, load before {before}, after {load()}", flush=True)
        figures += found
        if not found:
            failed.append(name)
    print("\n" + table(figures))
    missed = [f for f in figures if f.holds is False]
    print(f"\n{sum(f.holds is True for f in figures)} goals hold, {len(missed)} missed")
    if failed:
        print(f"did not run: {', '.join(failed)}")
    return 1 if failed else 0


def _one(name: str, environment: dict[str, str]) -> list[Figure]:
    command = [sys.executable, str(HERE / f"bench_{name}.py"), "--json"]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        print(f"{name}: not within {LIMIT_S} s")
        return []
    if done.returncode:
        print(f"{name} failed:\n{done.stderr[-2000:]}")
        return []
    return [Figure(**json.loads(line)) for line in done.stdout.splitlines() if line.startswith("{")]


def _disk() -> str:
    with tempfile.TemporaryDirectory() as folder:
        flush = flush_ms(Path(folder))
    return f"disk: 4 KiB + fdatasync p50 {shown(percentile(flush, 0.5))} ms, p99 {shown(percentile(flush, 0.99))} ms"


if __name__ == "__main__":
    sys.exit(main())
