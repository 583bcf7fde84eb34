"""The child under strace: the real journal and the real registry, told `story`, announcing what they promise.

`writer.py FOLDER COUNT [FLAW]` from nothing; `writer.py FOLDER wake [FLAW]` opens what a cut left and goes on. A FLAW
spoils one durability call, so that the check proves it can fail. Every announcement is one write to descriptor 1.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from story import WAKING, Snapshot, Told, home, parts, waking_press

from gateway.home import storage
from gateway.home.registry import Registry
from gateway.journal import Journal, Limits, retention, schema, upkeep

LIMITS = Limits(reserve_bytes=64 << 10, group_s=0.02)  # a small reserve file, short groups: more cuts in less time
CHECKPOINT_BYTES = 32 << 10  # instead of 256 KiB: several checkpoints in one short story
HOME_EVERY = 9


def say(**word: Any) -> None:
    """One line to the parent; under strace a moment on the disk's time line."""
    os.write(1, json.dumps(word).encode() + b"\n")


def spoil(flaw: str) -> None:
    """Takes one promise of the disk away."""
    if flaw == "synchronous-normal":
        proper = schema._settings

        def settings(connection: Any) -> None:
            proper(connection)
            connection.execute("PRAGMA synchronous=NORMAL")

        schema._settings = settings
        retention.Retention._unsynced = lambda self: contextlib.nullcontext()
    elif flaw == "file-not-synced":
        storage.os = Unsynced()
    elif flaw == "directory-not-synced":
        storage._fsync_directory = lambda path: None
    elif flaw:
        raise SystemExit(f"no such flaw: {flaw}")


class Unsynced:
    """The module os with an fsync that promises and does nothing."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fsync(self, fd: int) -> None:
        """Nothing."""


async def tell(folder: Path, story: list[Told]) -> None:
    """Tells the whole story; waits only for what is urgent, as the runtime does."""
    registry = Registry(folder / "home.json")
    journal, _ = await asyncio.to_thread(Journal.open, folder / "journal.db", LIMITS)
    revision = 0
    for index, part in enumerate(story):
        if index % HOME_EVERY == 0:
            revision += 1
            say(changing=revision)
            registry.apply([{"op": "replace", "document": home(revision)}])
            say(changed=revision)
        say(telling=index)
        if isinstance(part, Snapshot):
            committed, urgent = journal.submit_snapshot(part.state), False
        else:
            submitted = journal.submit(part)
            committed, urgent = submitted.committed, part.urgent
        committed.add_done_callback(lambda done, i=index: say(kept=i) if done.result() else say(given_up=i))
        if urgent:
            await committed
        await asyncio.sleep(0.03 if index % 7 == 6 else 0)  # now and then a routine group is due, and chores are done
    await journal.close()
    registry.close()


async def wake(folder: Path) -> None:
    """What a gateway does after a cut, as far as the disk is concerned: opens both and tells more."""
    with Registry(folder / "home.json"):
        journal, _ = await asyncio.to_thread(Journal.open, folder / "journal.db", LIMITS)
        say(woken=True)
        for n in WAKING:
            submitted = journal.submit(waking_press(n))
            say(named=n, ids=[submitted.stored[0].id, submitted.stored[3].seq])
            if await submitted.committed:
                say(awake=n)
        await journal.close()


def main(folder: str, what: str, flaw: str = "") -> None:
    """See the module's text."""
    upkeep.CHECKPOINT_BYTES = CHECKPOINT_BYTES
    spoil(flaw)
    asyncio.run(wake(Path(folder)) if what == "wake" else tell(Path(folder), parts(int(what))))


if __name__ == "__main__":
    main(*sys.argv[1:])
