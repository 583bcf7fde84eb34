"""The gateway's files: state directory, disk, home registry and journal."""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING, Any, Final

from gateway.cli.findings import Finding, fail, ok, warn

if TYPE_CHECKING:
    from gateway.config import Config

JOURNAL_NAME: Final = "journal.db"
SQLITE_MAGIC: Final = b"SQLite format 3\x00"
MIB: Final = 2**20


def check_state_dir(config: Config) -> list[Finding]:
    """Whether the directory is there, is ours to write and is not everybody's to read."""
    path = config.state_dir
    if not path.is_dir():
        return [fail("state_dir", f"{path} does not exist", f"mkdir -p -m 700 {path}, owned by the gateway's user")]
    if not os.access(path, os.W_OK | os.X_OK):
        return [fail("state_dir", f"{path} cannot be written by this user", "run as the gateway's user, or chown it")]
    found = [ok("state_dir", f"{path} can be written")]
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        found.append(warn("state_dir", f"{path} is open to others (mode {mode:o})", f"chmod 700 {path}"))
    return found + _space(config)


def _space(config: Config) -> list[Finding]:
    free = shutil.disk_usage(config.state_dir).free // MIB
    reserve = config.journal.reserve_mib
    if free < reserve:
        return [fail("disk", f"{free} MiB free, less than journal.reserve_mib ({reserve})", "free some space")]
    if free < reserve + config.journal.max_mib:
        text = f"{free} MiB free, the journal may grow to {config.journal.max_mib} MiB"
        return [warn("disk", text, "free some space or lower journal.max_mib")]
    return [ok("disk", f"{free} MiB free")]


def check_registry(config: Config) -> list[Finding]:
    """The home registry, and what the home in it lacks. Reads beside a running gateway."""
    from gateway.cli.home_gaps import check_home
    from gateway.home.registry import Registry

    recovered: list[str] = []
    fresh: list[bool] = []

    def read() -> dict[str, Any]:
        with Registry(config.home_file, readonly=True, on_recovered=recovered.append) as registry:
            fresh.append(registry.new)
            return registry.document()

    findings = check_home(read)
    if fresh == [True]:
        return [warn("home", f"no home in {config.home_file} yet", "hearthwatch home set resident r1 name=…")]
    return [warn("home", text, "look at the home and the disk") for text in recovered] + findings


def check_journal(config: Config) -> list[Finding]:
    """Whether the journal is there and is a database. Not opened: even reading would touch files beside it."""
    path = config.state_dir / JOURNAL_NAME
    try:
        with path.open("rb") as file:
            magic = file.read(len(SQLITE_MAGIC))
        size = path.stat().st_size
    except FileNotFoundError:
        return [warn("journal", f"no {path} yet", "it is made by the first `hearthwatch run`")]
    except OSError as error:
        return [fail("journal", f"{path}: {error.strerror}", "run as the gateway's user, or `sudo`")]
    if size and magic != SQLITE_MAGIC:
        return [fail("journal", f"{path} is not a journal", "`hearthwatch run` puts it aside and reports it; keep it")]
    if size > config.journal.max_mib * MIB:
        return [warn("journal", f"{size // MIB} MiB, over journal.max_mib", "the oldest is dropped while it runs")]
    return [ok("journal", f"{path}, {size / MIB:.1f} MiB")]
