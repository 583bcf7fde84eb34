"""File systems of a test's own: small, or gone read-only. With sudo where the tests do not run as root."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

AS_ROOT = () if os.geteuid() == 0 else ("sudo", "-n")


def as_root(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs a command that only root may; look at its return code."""
    return subprocess.run([*AS_ROOT, *command], capture_output=True, text=True, check=False)


@contextlib.contextmanager
def small_tmpfs(folder: Path, size: int) -> Iterator[Path]:
    """Mounts `size` bytes of tmpfs on an existing folder, as its owner's; skips loudly where nobody lets us."""
    options = f"size={size},mode=0700,uid={os.geteuid()},gid={os.getegid()}"
    made = as_root("mount", "-t", "tmpfs", "-o", options, "tmpfs", folder)
    if made.returncode:
        pytest.skip(f"mounting a file system needs root, or sudo without a password: {made.stderr.splitlines()[:1]}")
    try:
        yield folder
    finally:
        assert as_root("umount", "-l", folder).returncode == 0
