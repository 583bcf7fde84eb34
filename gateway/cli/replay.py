"""`hearthwatch replay`: a recording in, alarms out, line by line; the same heart that runs live."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import IO, Any

import click

from gateway.cli.what_if import MAX_HEADER_BYTES, Scenario, lines_of
from gateway.home.model import BadHome, HomeView, read_home
from gateway.observations import BadObservation, Kind
from gateway.parameters import CHOICES, TABLE, BadParameter, check
from gateway.recording import BadHeader, Recording, read_header
from gateway.rules.fall.model import BadModel, Model, model_from_json


@click.command("replay")
@click.option("--home", "home_file", type=click.Path(exists=True, dir_okay=False), help="A home registry file.")
@click.option(
    "--parameters", type=click.Path(exists=True, dir_okay=False), help="Settings (and fall models), TOML or JSON."
)
@click.option("--set", "sets", multiple=True, metavar="RULE.KEY=VALUE", help="One setting; may be repeated.")
@click.option(
    "--compare",
    "pair",
    nargs=2,
    metavar="A B",
    help="What B would have told instead of A: each a file, RULE.KEY=VALUE[,…] or as-is. Prints the difference.",
)
@click.option("--json", "as_json", is_flag=True, help="With --compare: one JSON object instead of a table.")
@click.argument("recording", type=click.Path(allow_dash=True))
def command(
    home_file: str | None,
    parameters: str | None,
    sets: tuple[str, ...],
    pair: tuple[str, str] | None,
    as_json: bool,
    recording: str,
) -> None:
    """Reads RECORDING (JSON Lines, - for standard input) and writes alarms, one line a transition.

    Exit 0; 1 for a bad header; 2 if lines were skipped (each is named on standard error).
    """
    home = _home(home_file) if home_file else None
    under = _settings(parameters, sets)
    try:
        if pair is not None:
            from gateway.cli import compare

            both = (compare.scenario_of(pair[0], under, _settings), compare.scenario_of(pair[1], under, _settings))
            sys.exit(compare.command(recording, *pair, both, home, as_json))
        with click.open_file(recording, "rb") as source:
            code = _play(source, sys.stdout, home, under)
    except BrokenPipeError:  # `replay | head`
        sys.stderr.close()
        code = 0
    except OSError as error:
        raise click.ClickException(f"{recording}: {error.strerror}") from None
    sys.exit(code)


def _play(source: IO[bytes], out: IO[str], home: HomeView | None, under: Scenario) -> int:
    try:
        tape = read_header(source.readline(MAX_HEADER_BYTES), home, under.settings, under.models)
    except BadHeader as error:
        click.echo(f"{error}", err=True)
        return 1
    skipped = 0
    for number, line in lines_of(source):
        try:
            if isinstance(line, str):
                raise BadObservation(line)
            observation = tape.read(line)
        except BadHeader as error:
            click.echo(f"{error}", err=True)
            return 1
        except BadObservation as error:
            skipped += 1
            click.echo(f"line {number}: {error}", err=True)
            continue
        controller = tape.controller
        assert controller is not None
        quiet = controller.quiet_before(observation.t)
        if not quiet and observation.kind is not Kind.RESTART:  # over a gap nobody watched: only `handle` knows of that
            while (due := controller.due_within(observation.t - 1)) is not None:
                if late := controller.advance(due):  # printed one by one: a long silence must not gather in memory
                    _print(tape, late, out)
        if result := controller.handle(observation):
            _print(tape, result, out)
    return 2 if skipped else 0


def _print(tape: Recording, result: Any, out: IO[str]) -> None:
    assert tape.controller is not None
    made: list[tuple[int, str]] = []
    for event in result.events:
        line = tape.line_of(event, tape.controller.book)
        if line is not None:
            made.append((event.t, line))
    made += [(notice.t, tape.notice_line(notice)) for notice in result.notices]
    made.sort(key=lambda pair: pair[0])  # stable: within one instant alarms come before notices
    if made:
        out.write("\n".join(line for _, line in made) + "\n")
        out.flush()


def _home(path: str) -> HomeView:
    """A home from a plain JSON document or a registry file."""
    raw = Path(path).read_bytes()
    try:
        if raw.lstrip()[:1] == b"{":
            return read_home(json.loads(raw)).view
        from gateway.home.registry import read_document

        return read_home(read_document(Path(path))).view
    except (BadHome, ValueError, RecursionError) as error:
        raise click.ClickException(f"{path}: {error}") from None


def _settings(path: str | None, sets: tuple[str, ...]) -> Scenario:
    """The settings of a file and of `--set`; and, under `fall_models` in the file, models of the fall rule."""
    found: dict[str, Any] = {}
    models: dict[str, Model] = {}
    try:
        if path:
            raw = Path(path).read_text(encoding="utf-8")
            document = json.loads(raw) if raw.lstrip().startswith("{") else tomllib.loads(raw)
            rows = document.pop("fall_models", [])
            if not isinstance(rows, list):
                raise BadModel(f"{path}: fall_models: expected a list of models")
            models = {model.placement: model for model in map(model_from_json, rows)}
            found |= _flat(document)
        found |= _typed(sets)
        return Scenario({name: check(name, value) for name, value in found.items()}, models)
    except (ValueError, RecursionError) as error:
        raise click.UsageError(str(error)) from None


def _typed(sets: tuple[str, ...]) -> dict[str, float]:
    """`NAME=VALUE` as people type it: each name once, and a choice is a whole number. Raises `BadParameter`."""
    found: dict[str, float] = {}
    for item in sets:
        name, equals, value = (part.strip() for part in item.partition("="))
        if not (name and equals):
            raise BadParameter(f"{item}: expected RULE.KEY=VALUE")
        if name in found:
            raise BadParameter(f"{name}: set twice, to {found[name]:g} and to {value}")
        try:
            found[name] = float(value)
        except ValueError:
            raise BadParameter(f"{name}: expected a number, found {value!r}") from None
        row = TABLE.get(name)
        if row is not None and row.unit in CHOICES and found[name] != round(check(name, found[name])):
            raise BadParameter(f"{name}: expected a whole number ({row.unit}), found {value}")
    return found


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"inactivity": {"limit_h": 12}}` as `{"inactivity.limit_h": 12}`."""
    flat: dict[str, Any] = {}
    for name, value in table.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat
