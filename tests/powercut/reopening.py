"""Opens what a power cut left with the real code, and says what is wrong with it.

The rule for the journal is stronger than "nothing lost": what is found must be, in every part, what a prefix of the
story leaves, and the prefix must hold all that was announced as kept. Only routine rows older than their retention
may be missing, the oldest first. The registry must be the last announced generation or the one being written.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from disk_model import Image, lay_out
from story import STEP_MS, WAKING, Held, Snapshot, Told, four_actions, home, press, told, waking_press

from gateway.home.registry import DamagedRegistry, Registry
from gateway.journal import Entry, Journal, JournalError, Limits, OutboxRow, export

LIMITS = Limits(reserve_bytes=0, check_s=10)  # this machine is shared; a check cut short is no finding
HARMLESS = frozenset({"TAIL_CUT"})  # a transaction cut while it was written; that nothing was lost is checked apart
KEPT_ROWS = LIMITS.routine_keep_ms // STEP_MS  # entries whose routine rows may not have been forgotten


@dataclass(slots=True)
class Found:
    """All that the real code makes of an image. `refused`: it would not open, and why."""

    held: Held = field(default_factory=Held)
    history: list[int] = field(default_factory=list)  # log ids
    problems: list[str] = field(default_factory=list)
    next_ids: tuple[int, int] = (0, 0)  # of an action and a message submitted now
    refused: str = ""
    revision: int = -1
    home: dict[str, Any] = field(default_factory=dict)
    home_problem: str = ""


def reopen(files: Image, folder: Path) -> Found:
    """Puts the image into `folder`, opens journal and registry, reads everything, writes one more alarm."""
    shutil.rmtree(folder, ignore_errors=True)
    lay_out(files, folder)
    found = Found()
    asyncio.run(_read_journal(folder / "journal.db", found))
    _read_registry(folder / "home.json", found)
    return found


async def _read_journal(path: Path, found: Found) -> None:
    try:
        journal, recovered = Journal.open(path, LIMITS)
    except JournalError as error:
        found.refused = f"{type(error).__name__}: {error}"
        return
    try:
        held = found.held
        held.snapshot, held.memory = recovered.snapshot, recovered.memory
        held.tail = [(observation, list(events)) for observation, events in recovered.tail]
        held.pending = {stored.id: stored.action for stored in recovered.pending}
        held.rows = {row.seq: row.body for row in await _rows(journal)}
        with export(path) as rows:
            found.history = [row.log_id for row in rows]
            found.problems = [f"{p.code}: {p.text}" for p in (*recovered.problems, *rows.problems)]
        stored = journal.submit(press(9999, four_actions(9999)))
        found.next_ids = (stored.stored[0].id, stored.stored[3].seq or 0)
        if not await stored.committed:
            found.refused = "an alarm could not be committed after the restart"
    finally:
        await journal.close()


async def _rows(journal: Journal) -> list[OutboxRow]:
    """All of them; on a busy machine the owner thread may take longer than the runtime would wait."""
    for _ in range(20):
        with contextlib.suppress(TimeoutError):
            return await journal.rows(10_000, ())
    raise TimeoutError("the journal does not answer")


def _read_registry(path: Path, found: Found) -> None:
    said: list[str] = []
    try:
        with Registry(path, on_recovered=said.append) as registry:
            found.revision = -1 if registry.new else registry.document()["revision"]
            found.home = registry.document()
    except DamagedRegistry as error:
        said.append(f"DamagedRegistry: {error}")
    found.home_problem = "; ".join(said)


@dataclass(slots=True)
class Promised:
    """What the child had announced when the power went: indices of parts, revisions of the home."""

    kept: int = -1  # the last part announced as durable
    telling: int = -1  # the last part handed in
    changed: int = 0
    changing: int = 0
    awake: int = 0  # the last press after a restart
    ids: tuple[int, int] = (0, 0)  # the last ones of an action and a message given after a restart

    def hear(self, word: dict[str, Any]) -> None:
        """Takes an announcement."""
        for name in ("kept", "telling", "changed", "changing", "awake"):
            if name in word:
                setattr(self, name, max(getattr(self, name), word[name]))
        if "ids" in word:
            self.ids = tuple(word["ids"])


class Judge:
    """Knows the story and says what is wrong with what was found; an empty list is good."""

    def __init__(self, story: list[Told]) -> None:
        self.story = story
        self._after: dict[int, Held] = {}
        self._entries = [0]
        for part in story:
            self._entries.append(self._entries[-1] + (not isinstance(part, Snapshot)))
        self._rows = [part for part in story if not isinstance(part, Snapshot)]

    def after(self, length: int) -> Held:
        """What a restart finds after the first `length` parts."""
        if length not in self._after:
            self._after[length] = told(self.story[:length])
        return self._after[length]

    def prefixes(self, found: Found) -> list[int]:
        """The lengths of the prefixes that leave exactly what was found: none, one, or two that look the same."""
        newest = found.history[-1] if found.history else 0
        return [
            length
            for length, entries in enumerate(self._entries)
            if entries == newest and self.after(length) == found.held and not self._missing(found.history, newest)
        ]

    def journal(self, found: Found, promised: Promised) -> list[str]:
        """Faults of the journal after a power cut."""
        if found.refused:
            return [f"unreadable: {found.refused}"]
        wrong = [f"unexpected: {p}" for p in found.problems if p.split(":")[0] not in HARMLESS]
        lengths = self.prefixes(found)
        if not lengths:
            wrong.append("no prefix: " + self._difference(found))
        elif max(lengths) <= promised.kept:
            wrong.append(f"lost: {promised.kept + 1} parts were announced as kept, {max(lengths)} are there")
        elif min(lengths) > promised.telling + 1:
            wrong.append("more is there than was told")
        used = [len(part.actions) for part in self.story[: promised.telling + 1] if isinstance(part, Entry)]
        if found.next_ids[0] <= sum(used) or found.next_ids[1] <= sum(bool(n) for n in used):
            wrong.append(f"ids used again: {found.next_ids}")
        return wrong

    def same_history(self, found: Found, whole: Found) -> bool:
        """Whether two openings of one disk read the same rows, but for the oldest routine ones that are due to be
        forgotten: whether that happens before or after the history is read, is a race of two threads."""
        newest = whole.history[-1] if whole.history else 0
        gone = set(whole.history) ^ set(found.history)
        return found.history[-1:] == whole.history[-1:] and not gone & set(self._missing(found.history, newest))

    def _missing(self, history: list[int], newest: int) -> list[int]:
        """Rows that should be there: all of the record, and routine ones but for the oldest that were due to go."""
        there = set(history)
        missing = [n for n in range(1, newest + 1) if n not in there]
        oldest_there = min((n for n in there if not self._rows[n - 1].alarm_class), default=newest)
        return [n for n in missing if self._rows[n - 1].alarm_class or n >= newest - KEPT_ROWS or n > oldest_there]

    def _difference(self, found: Found) -> str:
        newest = found.history[-1] if found.history else 0
        nearest = self.after(self._entries.index(newest)) if newest in self._entries else Held()
        parts = [n for n in Held.__dataclass_fields__ if getattr(nearest, n) != getattr(found.held, n)]
        return f"{newest} entries, differing in {parts}, missing rows {self._missing(found.history, newest)[:5]}"

    def registry(self, found: Found, promised: Promised) -> list[str]:
        """Faults of the registry after a power cut."""
        if found.revision == -1:
            empty = f"no registry although revision {promised.changed} was announced ({found.home_problem})"
            return [empty] if promised.changed or found.home_problem else []
        wrong = [] if self.is_generation(found) else [f"revision {found.revision} is not what was written"]
        if not promised.changed <= found.revision <= promised.changing:
            wrong.append(f"revision {found.revision}, announced {promised.changed}, begun {promised.changing}")
        if found.home_problem:
            wrong.append(f"unexpected: {found.home_problem}")
        return wrong

    @staticmethod
    def is_generation(found: Found) -> bool:
        """Whether the home is, in all the child described, that of its revision."""
        expected = home(found.revision)
        return {name: found.home.get(name) for name in ("residents", "settings")} == {
            name: expected[name] for name in ("residents", "settings")
        } and [(c["name"], c["phone"]) for c in found.home.get("contacts", [])] == [
            (c["name"], c["phone"]) for c in expected["contacts"]
        ]


class WakingJudge:
    """Judges cuts of a restart: all that `base` (the same disk, opened without a cut) held, and a prefix of what was
    told since. `base` itself is judged by whoever made it."""

    def __init__(self, base: Found) -> None:
        self.base = base
        self.may_say = HARMLESS | {p.split(":")[0] for p in base.problems}

    def journal(self, found: Found, promised: Promised) -> list[str]:
        """Faults of the journal."""
        if found.refused:
            return [f"unreadable: {found.refused}"]
        wrong = [f"unexpected: {p}" for p in found.problems if p.split(":")[0] not in self.may_say]
        told_since = [n for n in WAKING if any(o.key == f"ble:{n}" for o, _ in found.held.tail)]
        if told_since != list(WAKING[: len(told_since)]) or max(told_since, default=0) < promised.awake:
            wrong.append(f"lost: {promised.awake} was announced, {told_since} are there")
        if _values(self._after(len(told_since))) != _values(found.held):
            wrong.append("changed: what was there before the restart")
        if found.next_ids[0] <= promised.ids[0] + 3 or found.next_ids[1] <= promised.ids[1]:
            wrong.append(f"ids used again: {found.next_ids}")
        return wrong

    def _after(self, count: int) -> Held:
        held = copy.deepcopy(self.base.held)
        for entry in map(waking_press, WAKING[:count]):
            held.tail.append((entry.observation, list(entry.events)))
            *others, message = entry.actions
            held.pending |= {max(held.pending, default=0) + 1 + i: action for i, action in enumerate(others)}
            held.rows[max(held.rows, default=0) + 1] = message.body
            held.memory |= dict([entry.memory])
        return held

    def registry(self, found: Found, promised: Promised) -> list[str]:
        """Faults of the registry: a restart may only repair it."""
        same = (found.revision, found.home) == (self.base.revision, self.base.home)
        return [] if same else [f"revision {found.revision} instead of {self.base.revision}: {found.home_problem}"]


def _values(held: Held) -> tuple[Any, ...]:
    """What was held, whatever the ids: those after a restart leave a gap."""
    pending, rows = [held.pending[i] for i in sorted(held.pending)], [held.rows[i] for i in sorted(held.rows)]
    return held.snapshot, held.tail, pending, rows, held.memory


class Check(Protocol):
    """What `cut_everywhere` asks of a judge: what is wrong with journal and registry after a cut."""

    def journal(self, found: Found, promised: Promised) -> list[str]: ...

    def registry(self, found: Found, promised: Promised) -> list[str]: ...
