"""`hearthwatch rules`: each rule, whether it can do its work, why not, and what it has learned of this home."""

from __future__ import annotations

import json
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from gateway.cli import rules_picture
from gateway.cli.errors import UserError
from gateway.cli.options import config_option, load_config

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.controller import Controller

STYLE: Final = {"ARMED": "green", "LEARNING": "cyan", "UNAVAILABLE": "bold red", "OFF": "dim"}
LATEST: Final = 2**53  # after any controller time: the newest snapshot
MAX_FACTS: Final = 12  # a line each; --json has all


@click.command("rules")
@click.option(
    "--recording", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="At the end of a recording."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object for programs.")
@click.option(
    "--plot", "image", type=click.Path(dir_okay=False, path_type=Path), help="Draw the learned days into an image."
)
@click.option("--language", type=click.Choice(["en", "zh_CN"]), default="en", show_default=True, help="Of the reasons.")
@config_option
def command(recording: Path | None, as_json: bool, image: Path | None, language: str, config_path: Path) -> None:
    """Shows each rule: ARMED, LEARNING, UNAVAILABLE or OFF, why, and what it has learned.

    Asks the running gateway; without one, reads the last state its journal kept.
    """
    found = _of_recording(recording) if recording is not None else _of_home(load_config(config_path))
    if image is not None:
        _draw(found["rules"], image)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        _show(found, language)


def _of_home(config: Config) -> dict[str, Any]:
    from gateway.runtime.control import ControlUnavailable, request

    try:
        answer = request(config.control_socket, {"op": "rules"})
        if answer.get("ok"):
            return {"source": "the running gateway", "at": answer.get("now"), "rules": answer["rules"]}
    except ControlUnavailable:
        pass
    return _of_journal(config)


def _of_journal(config: Config) -> dict[str, Any]:
    from gateway.clock import zone
    from gateway.controller import BadSnapshot, Controller
    from gateway.journal import JournalError
    from gateway.journal.export import export

    path = config.state_dir / "journal.db"
    advice = "run the gateway first: hearthwatch run --config …"
    if not path.exists():
        raise UserError("no gateway answers, and there is no journal yet", where=path, advice=advice)
    try:
        with export(path, LATEST) as source:
            snapshot = source.snapshot
        if snapshot is None:
            raise UserError("no gateway answers, and the journal holds no snapshot yet", where=path, advice=advice)
        return _of_controller(Controller.from_json(snapshot), "the journal's last snapshot", zone(config.gateway.tz))
    except (JournalError, BadSnapshot) as error:
        raise UserError(str(error), where=path, advice="hearthwatch doctor says more") from None


def _of_recording(path: Path) -> dict[str, Any]:
    from gateway.cli.what_if import Scenario, Unread, play
    from gateway.recording import BadHeader

    try:
        with path.open("rb") as source:
            unread = Unread(lambda text: click.echo(text, err=True))
            tape = play(source, Scenario(), None, unread=unread)
            unread.summed_up()
    except BadHeader as error:
        raise UserError(
            str(error), where=path, advice="expected a recording, as `hearthwatch events` prints it"
        ) from None
    if tape.controller is None:
        raise UserError(
            "the recording holds no line that can be read", where=path, advice="hearthwatch replay says why"
        )
    return _of_controller(tape.controller, "the end of the recording", tape.tz)


def _of_controller(controller: Controller, source: str, tz: tzinfo) -> dict[str, Any]:
    from gateway.clock import iso
    from gateway.rules.report import report

    at = iso(controller.wall_ms(controller.t), tz)
    return {"source": source, "at": at, "rules": report(controller.rules, controller.statuses())}


def _show(found: dict[str, Any], language: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from gateway.alarms.words import load

    words = load(language)
    console = Console(highlight=False)
    console.print(f"Rules, from {found['source']} ({found['at']})", markup=False)
    table = Table("rule", "status", "why", "has learned")
    for row in found["rules"]:
        facts = [f"{name}: {value}" for name, value in rules_picture.facts(row["learned"])]
        if len(facts) > MAX_FACTS:
            facts = [*facts[:MAX_FACTS], f"… {len(facts) - MAX_FACTS} more (--json)"]
        status = Text(row["status"], style=STYLE.get(row["status"], ""))
        table.add_row(Text(row["rule"]), status, Text(words.reason(row["reason"], {})), Text("\n".join(facts)))
    console.print(table)
    for row in found["rules"]:
        if lines := rules_picture.text(row["learned"]):
            console.print(f"\n{row['rule']}: the learned day", markup=False)
            console.print("\n".join(lines), markup=False, soft_wrap=True)


def _draw(rows: list[dict[str, Any]], image: Path) -> None:
    try:
        drawn = rules_picture.plot(rows, image)
    except ModuleNotFoundError:
        raise UserError("--plot needs matplotlib", advice="pip install 'hearthwatch[plot]'") from None
    except (OSError, ValueError) as error:
        raise UserError(f"the image could not be written: {error}", where=image, advice="name a .png or .svg") from None
    click.echo(
        f"{drawn} rule(s) drawn into {image}" if drawn else "no rule has learned a day yet: nothing drawn", err=True
    )
