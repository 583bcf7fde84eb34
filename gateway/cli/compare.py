"""`hearthwatch replay --compare A B`: which alarms B would have added or removed, as a table or as JSON."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import click

from gateway.cli.what_if import Difference, Scenario, Told, Unread, compare, run
from gateway.recording import BadHeader

if TYPE_CHECKING:
    from gateway.home.model import HomeView

AS_IT_IS: Final = "as-is"
MAX_ROWS: Final = 200  # a table longer than this is for programs: --json
SPOOL_BYTES: Final = 8 << 20
MINUTES: Final = len("2026-03-01T08:15")


def scenario_of(word: str, base: Scenario, read: Callable[[str | None, tuple[str, ...]], Scenario]) -> Scenario:
    """What A or B names: a parameter file, NAME=VALUE[,NAME=VALUE…], or `as-is` for no change."""
    if word == AS_IT_IS:
        return base
    if "=" in word and not Path(word).exists():
        named = read(None, tuple(part.strip() for part in word.split(",") if part.strip()))
    elif Path(word).exists():
        named = read(word, ())
    else:
        raise click.UsageError(f"--compare {word}: expected a file, RULE.KEY=VALUE[,…] or {AS_IT_IS}")
    return Scenario({**base.settings, **named.settings}, {**base.models, **named.models})


@contextmanager
def rewindable(path: str) -> Iterator[IO[bytes]]:
    """The recording as a file that can be read twice; standard input is kept aside for it."""
    with click.open_file(path, "rb") as source:
        if path != "-":
            yield source
            return
        with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as kept:
            while block := source.read(1 << 16):
                kept.write(block)
            yield kept


def command(path: str, a: str, b: str, both: tuple[Scenario, Scenario], home: HomeView | None, as_json: bool) -> int:
    """Runs the recording under both and prints what differs. 0; 1 for a bad header; 2 if lines were skipped."""
    unread = Unread(lambda text: click.echo(text, err=True))
    with rewindable(path) as source:
        try:
            first = run(source, both[0], home, unread)
            found = compare(first, run(source, both[1], home))
        except BadHeader as error:
            click.echo(f"{error}", err=True)
            return 1
    if as_json:
        click.echo(json.dumps({"a": a, "b": b, **found.to_json()}, ensure_ascii=False))
    else:
        show(found, a, b)
    return 2 if unread.summed_up() else 0


def show(found: Difference, a: str, b: str) -> None:
    """The difference as a table and one line of sums."""
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    console = Console(highlight=False)
    rows: list[tuple[str, Told, Told | None]] = [("removed", told, None) for told in found.removed]
    rows += [("added", told, None) for told in found.added]
    rows += [("changed", was, would) for was, would in found.changed]
    rows.sort(key=lambda row: row[1].t)
    if rows:
        table = Table("", Column("at", no_wrap=True, min_width=MINUTES), "code", "of", "told people", "what")
        for what, told, other in rows[:MAX_ROWS]:
            sent = _yes(told) if other is None else f"{_yes(told)} → {_yes(other)}"
            note = told.outcome or told.state if other is None else _moved(told, other)
            table.add_row(
                *(Text(cell) for cell in (what, told.at[:MINUTES], told.code, told.subject or "", sent, note))
            )
        console.print(table)
    if len(rows) > MAX_ROWS:
        console.print(f"… and {len(rows) - MAX_ROWS} more: --json has all of them", markup=False)
    console.print(
        f"{b} instead of {a}: {len(found.added)} added, {len(found.removed)} removed, "
        f"{len(found.changed)} otherwise, {found.same} the same",
        markup=False,
    )


def _yes(told: Told) -> str:
    return "–" if told.state == "NOTICE" else ("yes" if told.sent else "no")


def _moved(was: Told, would: Told) -> str:
    seconds = (would.t - was.t) / 1000
    if not seconds:
        return "" if was.severity == would.severity else f"{was.severity} → {would.severity}"
    size = f"{abs(seconds) / 60:.0f} min" if abs(seconds) >= 60 else f"{abs(seconds):.0f} s"
    return f"{size} {'later' if seconds > 0 else 'earlier'}"
