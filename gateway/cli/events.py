"""`hearthwatch events`: the journal as a recording, so that a real day can be replayed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.errors import UserError
from gateway.cli.options import config_option, load_config

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.journal.export import Export
    from gateway.observations import Observation

DAY_MS = 86_400_000


@click.command("events")
@click.option("--since", metavar="TIME", help="From the last snapshot before this time (ISO 8601) on.")
@config_option
def command(since: str | None, config_path: Path) -> None:
    """Prints the journal in the format `replay` reads: a header, then one observation a line.

    What people wrote in their own words is left out. The header carries the state the first line meets.
    """
    from gateway.clock import parse_iso, zone
    from gateway.journal import JournalError

    config = load_config(config_path)
    tz = zone(config.gateway.tz)
    path = config.state_dir / "journal.db"
    if not path.exists():
        raise UserError(
            "there is no journal yet", where=path, advice="run the gateway first: hearthwatch run --config …"
        )
    try:
        since_ms = None if since is None else parse_iso(since, tz)
    except ValueError as error:
        raise click.UsageError(f"--since: {error}") from None
    try:
        _print(path, since_ms, config)
    except JournalError as error:
        raise UserError(str(error), where=path, advice="hearthwatch doctor says more") from None
    except BrokenPipeError:  # `events | head`
        sys.stderr.close()


def _print(path: Path, since_ms: int | None, config: Config) -> None:
    for line in recording_lines(path, since_ms, config):
        click.echo(line)


def recording_lines(path: Path, since_ms: int | None, config: Config) -> Iterator[str]:
    """The journal as the lines of a recording; what is wrong with it goes to standard error. Raises `JournalError`."""
    from gateway.clock import zone
    from gateway.recording import observation_line

    tz = zone(config.gateway.tz)
    source = _opened(path, since_ms)
    with source:
        yield _header(source, config)
        for row in source:
            if row.log_id > source.after:
                yield observation_line(_public(row.observation), row.wall_ms, tz)
        for problem in source.problems:
            click.echo(f"{problem.code.value}: {problem.text}", err=True)


def _opened(path: Path, since_ms: int | None) -> Export:
    """From the snapshot before `since_ms`; from the beginning if that is still on record, else the oldest snapshot."""
    from gateway.journal.export import export

    source = export(path)
    first = next(iter(source), None)
    if since_ms is None and (first is None or first.log_id == 1):
        return source
    wanted = next((r.observation.t for r in source if since_ms is not None and r.wall_ms >= since_ms), None)
    if wanted is None:
        wanted = first.observation.t if first is not None else 0
    source.close()
    source = export(path, wanted - 1)  # a snapshot of that very millisecond was taken after the entry that is asked for
    if source.snapshot is None and first is not None and first.log_id > 1:
        for day in range(1, 40):  # retention took the beginning: the first snapshot of what is left
            source.close()
            source = export(path, wanted + day * DAY_MS)
            if source.snapshot is not None:
                break
    return source


def _header(source: Export, config: Config) -> str:
    header: dict[str, Any] = {"recording": 1, "tz": config.gateway.tz, "epoch": source.epoch, "devices": []}
    if source.snapshot is not None:
        header["snapshot"] = source.snapshot
        header["devices"] = source.snapshot.get("home", {}).get("devices", [])
    return json.dumps(header, ensure_ascii=False, separators=(",", ":"))


def _public(observation: Observation) -> Observation:
    """The observation without a person's own words: they may name somebody."""
    from dataclasses import replace

    value = observation.value
    if isinstance(value, dict) and "text" in value:
        return replace(observation, value={k: v for k, v in value.items() if k != "text"})
    return observation
