"""The slow lanes: every test marked `slow`, and the pure rooms under CPython 3.13. Brings what they need.

What cannot be had (a fuzzer, node, a registry) costs its own tests only, and is named at the very end; those tests
name themselves under `NOT RUN HERE` as well. Exit 0 only if everything that could run held.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTHING_COLLECTED = 5  # pytest's exit code
PY313_NOT_TO_BE_HAD = 77  # .ci/py313: no node, or a registry without pyodide


def had(what: str, *command: str) -> str:
    """Runs an installer; what went wrong, in a line, or nothing."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    words = (done.stderr or done.stdout).strip().splitlines()
    return f"{what}: {words[-1][:300] if words else f'exit {done.returncode}'}" if done.returncode else ""


def bring() -> list[str]:
    """Installs atheris, node and npm where they are missing; returns what could not be had."""
    lacking = []
    if importlib.util.find_spec("atheris") is None:
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-e", ".[dev,fuzz]")
        lacking.append(had("atheris", *pip))
    if not (shutil.which("node") and shutil.which("npm")):
        lacking.append(had("node and npm", "bash", ".ci/apt", "nodejs", "npm"))
    return [lack for lack in lacking if lack]


def main() -> int:
    """Runs it all and says how long it took."""
    began = time.monotonic()
    lacking = bring()
    on_313 = subprocess.call(["bash", ".ci/py313"], cwd=ROOT)
    if on_313 == PY313_NOT_TO_BE_HAD:
        lacking.append("CPython 3.13 (pyodide): see above")
        on_313 = 0
    code = subprocess.call([sys.executable, "-m", "pytest", "-m", "slow", "--durations=15"], cwd=ROOT)
    said = [f"test-slow: {(time.monotonic() - began) / 60:.1f} min"]
    if code == NOTHING_COLLECTED:
        said.append("test-slow: not one slow test was found; that is a fault")
    said += [f"NOT TO BE HAD HERE: {lack}" for lack in lacking]
    if on_313:
        said.append("test-slow: CPython 3.13 FAILED, see above")
    sys.stdout.write("\n".join(said) + "\n")
    return code or on_313


if __name__ == "__main__":
    sys.exit(main())
