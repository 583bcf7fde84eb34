"""`make fuzz`: every decoder under libFuzzer, one after another on one core, and a table of what ran.

    python tests/fuzz/run.py [--seconds 600] [TARGET...]

Exit 0 if nothing was found; else each finding is named with the command that reproduces it.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from fuzz_rig import FOUND, NAMES

RIG = Path(__file__).with_name("fuzz_rig.py")
INTERRUPTED = 72  # libFuzzer's exit code after a signal
START_S = 120  # imports under instrumentation, on a busy machine


@dataclass(frozen=True, slots=True)
class Ran:
    """One target's run."""

    name: str
    inputs: int
    seconds: float
    coverage: tuple[int, int]  # edges after the seeds, and at the end
    corpus: int  # inputs that reached something new
    memory_mib: int
    found: tuple[str, ...]
    tail: str


def run(name: str, seconds: int, modules: Path | None = None, found: Path = FOUND) -> Ran:
    """Fuzzes one target in a process of its own; `modules`: where it lies if not here."""
    command = [sys.executable, str(RIG), name, "--seconds", str(seconds), "--found", str(found)]
    env = os.environ if modules is None else {**os.environ, "PYTHONPATH": str(modules)}
    old, began = _artifacts(found, name), time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds + START_S, env=env)
    took = time.monotonic() - began
    text = done.stdout + done.stderr
    covered = [int(n) for n in re.findall(r"\bcov: (\d+)", text)] or [0]
    inputs = _last(r"stat::number_of_executed_units: +(\d+)", text) or _last(r"^#(\d+)", text)
    new = _artifacts(found, name) - old
    if done.returncode and not new:
        new = {"interrupted" if done.returncode == INTERRUPTED else f"exit code {done.returncode}"}
    return Ran(
        name, inputs, took, (covered[0], covered[-1]), _last(r"stat::new_units_added: +(\d+)", text),
        _last(r"stat::peak_rss_mb: +(\d+)", text), tuple(sorted(new)), done.stdout[-2000:] + done.stderr[-1500:],
    )  # fmt: skip


def _last(pattern: str, text: str) -> int:
    found = re.findall(pattern, text, re.MULTILINE)
    return int(found[-1]) if found else 0


def _artifacts(folder: Path, name: str) -> set[str]:
    return {p.name for p in folder.glob(f"{name}-*")}


def main() -> None:
    """Runs the targets and prints a line each, as they end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600, help="for each decoder")
    parser.add_argument("targets", nargs="*", default=NAMES)
    given = parser.parse_args()
    print(f"{'decoder':<14}{'inputs':>12}{'s':>6}{'edges':>12}{'new inputs':>12}{'MiB':>6}  findings", flush=True)
    bad = 0
    for name in given.targets:
        ran = run(name, given.seconds)
        edges = f"{ran.coverage[0]}→{ran.coverage[1]}"
        row = f"{name:<14}{ran.inputs:>12,}{ran.seconds:>6.0f}{edges:>12}{ran.corpus:>12,}{ran.memory_mib:>6}"
        print(f"{row}  {len(ran.found) or 'none'}", flush=True)
        for artifact in ran.found:
            bad += 1
            again = (
                f"python tests/fuzz/fuzz_rig.py {name} {FOUND / artifact}" if (FOUND / artifact).exists() else artifact
            )
            print(f"    {again}\n{ran.tail}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
