"""The command line as its tests use it: a process of its own, its words, and a home set by it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TIMEOUT_S = 60


def hearthwatch(*words: object, given: bytes | None = None, env: dict[str, str] | None = None) -> Any:
    """Runs the command as its own process; text out, exit code as it is."""
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli.main", *map(str, words)],
        input=given,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
        env={**{k: v for k, v in os.environ.items() if k != "HEARTHWATCH_CONFIG"}, **(env or {})},
    )


def out(done: Any) -> str:
    return done.stdout.decode("utf-8")


def err(done: Any) -> str:
    text = done.stderr.decode("utf-8")
    assert "Traceback" not in text, text
    return text


def home_set(directory: Path, *words: str) -> Any:
    return hearthwatch("home", "set", "-c", directory, *words)


def document(directory: Path, *more: str) -> dict[str, Any]:
    done = hearthwatch("home", "show", "-c", directory, "--json", *more)
    assert done.returncode == 0, err(done)
    return json.loads(out(done))


def checks(done: Any) -> dict[str, Any]:
    answer = json.loads(out(done))
    assert answer["ok"] is not any(c["level"] == "FAIL" for c in answer["checks"])
    return {c["what"]: c for c in reversed(answer["checks"])}
