"""`hearthwatch incidents`: the record of what was done about each alarm, and whether anybody changed it.

Reads the archive, beside a running gateway or without one. Only `close` and `follow-up` need the gateway: they are
words of an authenticated person, and the heart decides what they move.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from gateway.cli.asking import ask
from gateway.cli.errors import BadInput, UserError
from gateway.cli.options import config_option, load_config

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.incidents.reading import Findings
    from gateway.incidents.story import Incident, Summary

SHOWN: Final = 50
NOTHING_WAS_WRONG: Final = ("FALSE_ALARM", "TEST", "TECHNICAL")
"""Outcomes that need no word about an emergency call (domain 1.4)."""


@click.group("incidents")
def command() -> None:
    """The record of every alarm: list, show, export, verify; close one, note a follow-up, list what is due."""


@command.command("list")
@config_option
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object a line.")
@click.option("--open", "only_open", is_flag=True, help="Only those that somebody still has to do something about.")
@click.option("--all", "everything", is_flag=True, help=f"All of them, not the newest {SHOWN}.")
def list_(config_path: Path, as_json: bool, only_open: bool, everything: bool) -> None:
    """Lists the incidents, newest last."""
    config = load_config(config_path)
    found, findings = _summaries(config)
    rows = [s for s in found if s.open or not only_open]
    rows = rows if everything or as_json else rows[-SHOWN:]
    if as_json:
        for summary in rows:
            click.echo(json.dumps(_row(summary), ensure_ascii=False))
    else:
        _table(rows, len(found))
    _complain(findings)


@command.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="For programs: the whole record.")
@click.argument("number", type=click.IntRange(1))
def show(config_path: Path, as_json: bool, number: int) -> None:
    """Shows one incident: what was seen, decided, said, sent and answered, and by whom."""
    config = load_config(config_path)
    incident, findings = _incident(config, number)
    if as_json:
        click.echo(json.dumps(incident.to_json(), ensure_ascii=False, indent=2))
    else:
        from gateway.cli.incident_screen import as_text

        as_text(incident)
    _complain(findings)


@command.command()
@config_option
@click.option("--html", "as_page", is_flag=True, help="A page to print and sign, instead of JSON.")
@click.option("--names", is_flag=True, help="Fill in the names of contacts and rooms from the home registry.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file; default: standard output."
)
@click.argument("number", type=click.IntRange(1))
def export(config_path: Path, as_page: bool, names: bool, output: Path | None, number: int) -> None:
    """Writes one incident's record, as JSON or as a page to print."""
    from gateway.alarms.words import load
    from gateway.incidents.archive import read_head
    from gateway.incidents.page import page

    config = load_config(config_path)
    incident, findings = _incident(config, number)
    if as_page:
        head = read_head(_directory(config))
        known = _names(config) if names else {}
        text = page(incident, load(), known, holds=not findings.broken, seal=head.hash if head else "")
    else:
        text = json.dumps(incident.to_json() | {"holds": not findings.broken}, ensure_ascii=False, indent=2) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
    _complain(findings)


@command.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
@click.option(
    "--deep", is_flag=True, help="Make every line anew from the journal, also what it vouches for by its seal."
)
def verify(config_path: Path, as_json: bool, deep: bool) -> None:
    """Checks every seal of the archive, and that the journal tells the same. Exit 0: it holds; 1: where it does not."""
    from gateway.incidents.witness import against_the_journal

    config = load_config(config_path)
    found, findings = _summaries(config)
    with _readable(config):
        against_the_journal(_directory(config), _journal(config), findings, deep=deep)
    if as_json:
        result = {"holds": not findings.broken, "incidents": len(found), "files": findings.files}
        click.echo(json.dumps(result | {"blocks": findings.blocks, "broken": findings.broken}))
    elif findings.broken:
        for finding in findings.broken:
            click.echo(finding)
    else:
        click.echo(f"{len(found)} incidents in {findings.files} file(s), {findings.blocks} seals: every one holds")
    sys.exit(1 if findings.broken else 0)


@command.command()
@config_option
@click.option("--outcome", required=True, help="HELPED, FALSE_ALARM, TEST, NO_ONE_HOME, HOSPITALISED, REFERRED, …")
@click.option("--by", required=True, help="Who closes it.")
@click.option("--emergency-number", help="The emergency number that was called: 120, 119, 110, 122.")
@click.option("--emergency-by", help="Who called it.")
@click.option("--emergency-at", help="When.")
@click.option("--no-emergency-call", "not_needed", help="Why nobody had to call.")
@click.argument("number", type=click.IntRange(1))
def close(
    config_path: Path,
    outcome: str,
    by: str,
    emergency_number: str | None,
    emergency_by: str | None,
    emergency_at: str | None,
    not_needed: str | None,
    number: int,
) -> None:
    """Closes an open alarm with its outcome, and with who called for emergency help, or why nobody had to."""
    call: dict[str, Any] | None = None
    if not_needed is not None:
        call = {"not_needed": not_needed}
    elif emergency_number is not None:
        call = {"number": emergency_number, "by": emergency_by or by}
        call |= {"at": emergency_at} if emergency_at else {}
    elif outcome not in NOTHING_WAS_WRONG:
        raise BadInput(
            "the record must say who called for emergency help, or why nobody had to",
            advice="add --emergency-number 120 --emergency-by WHO --emergency-at WHEN, or --no-emergency-call WHY",
        )
    _ask(config_path, {"op": "incident.close", "alarm": number, "outcome": outcome, "by": by, "emergency_call": call})
    click.echo(f"alarm {number}: closed, {outcome}")


@command.command("follow-ups")
@config_option
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object a line.")
def follow_ups(config_path: Path, as_json: bool) -> None:
    """Lists what still has to be looked at again after an incident (跟踪回访), the longest due first."""
    from datetime import datetime

    from gateway.clock import zone
    from gateway.incidents.reading import Findings, follow_ups_due

    config, findings = load_config(config_path), Findings()
    with _readable(config):
        due = follow_ups_due(_directory(config), _journal(config), findings, _follow_up_days(config))
    today = datetime.now(zone("Asia/Shanghai")).date().isoformat()
    for summary, found in due:
        row = {"incident": summary.alarm, "epoch": summary.epoch, "code": summary.code, "kind": found.kind.value}
        row |= {"due_on": found.due_on, "overdue": found.due_on < today, "result": found.result, "by": found.by}
        if as_json:
            click.echo(json.dumps(row, ensure_ascii=False))
        else:
            late = "  OVERDUE" if row["overdue"] else ""
            click.echo(f"{summary.alarm}  {summary.code}  {found.kind.value}  due on {found.due_on}{late}")
    if not due and not as_json:
        click.echo("no follow-up is due")
    _complain(findings)


@command.command("follow-up")
@config_option
@click.option("--by", required=True, help="Who looked.")
@click.argument("number", type=click.IntRange(1))
@click.argument("kind")
@click.argument("result")
def follow_up(config_path: Path, by: str, number: int, kind: str, result: str) -> None:
    """Notes a follow-up: KIND HAZARD_REMOVAL, URGENT_NEED_RELIEF or REFERRAL_FULFILMENT; RESULT DONE, NOT_YET…"""
    asked = {"op": "incident.follow_up", "alarm": number, "kind": kind, "result": result, "by": by}
    _ask(config_path, asked)
    click.echo(f"alarm {number}: {kind} {result}")


# ---- what the commands share


def _directory(config: Config) -> Path:
    return config.state_dir / "incidents"


def _journal(config: Config) -> Path:
    return config.state_dir / "journal.db"


def _summaries(config: Config) -> tuple[list[Summary], Findings]:
    from gateway.incidents.reading import Findings, summaries

    findings = Findings()
    with _readable(config):
        return list(summaries(_directory(config), _journal(config), findings).values()), findings


@contextlib.contextmanager
def _readable(config: Config) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot be read: {error.strerror}", where=_directory(config), advice="run it as the gateway's user or root"
        ) from None


def _incident(config: Config, number: int) -> tuple[Incident, Findings]:
    """The newest incident of this number: a new journal begins to count anew."""
    from gateway.incidents.reading import Findings, lines_of
    from gateway.incidents.story import incident

    found, _ = _summaries(config)
    epochs = [s.epoch for s in found if s.alarm == number]
    if not epochs:
        raise UserError(
            f"there is no incident {number} on record",
            where=_directory(config),
            advice="`hearthwatch incidents list --all` shows every number",
        )
    findings = Findings()
    lines = lines_of(_directory(config), _journal(config), epochs[-1], number, findings)
    made = incident(number, epochs[-1], lines, _follow_up_days(config))
    assert made is not None
    return made, findings


def _follow_up_days(config: Config) -> int:
    """The home's setting; where the registry cannot be read, the default: the record does not need it."""
    from gateway.home.model import BadHome, read_home
    from gateway.home.registry import read_document
    from gateway.home.storage import DamagedRegistry
    from gateway.parameters import Parameters

    try:
        settings = read_home(read_document(config.home_file)).view.settings
    except (OSError, BadHome, DamagedRegistry):
        settings = {}
    return round(Parameters(settings)["record.follow_up_days"])


def _names(config: Config) -> dict[str, str]:
    from gateway.home.model import BadHome, read_home
    from gateway.home.registry import read_document
    from gateway.home.storage import DamagedRegistry

    try:
        home = read_home(read_document(config.home_file))
    except (OSError, BadHome, DamagedRegistry) as error:
        raise UserError(f"no names: {error}", where=config.home_file, advice="leave out --names") from None
    return {**home.names, **home.view.rooms}


def _row(summary: Summary) -> dict[str, Any]:
    from gateway.clock import iso

    stamp = {"opened_at": iso(summary.opened_ms)}
    for name, ms in (("accepted_at", summary.accepted_ms), ("closed_at", summary.closed_ms)):
        stamp[name] = None if ms is None else iso(ms)  # type: ignore[assignment]
    return {
        "incident": summary.alarm,
        "epoch": summary.epoch,
        "code": summary.code,
        "severity": summary.severity,
        "state": summary.state,
        "outcome": summary.outcome,
        **stamp,
    }


def _table(rows: list[Summary], total: int) -> None:
    from rich.console import Console
    from rich.table import Table

    from gateway.clock import iso, zone

    if not rows:
        click.echo("no incident on record" if not total else "none is open")
        return
    table = Table("no.", "code", "severity", "state", "outcome", "opened", title_justify="left")
    for s in rows:
        opened = iso(s.opened_ms, zone("Asia/Shanghai"))[:19].replace("T", " ")
        table.add_row(str(s.alarm), s.code, s.severity, s.state, s.outcome or "", opened)
    Console(highlight=False).print(table)
    if len(rows) < total:
        click.echo(f"{len(rows)} of {total}; --all shows all")


def _complain(findings: Findings) -> None:
    for finding in findings.broken:
        click.echo(f"warning: {finding}", err=True)


def _ask(config_path: Path, asked: dict[str, Any]) -> None:
    socket = load_config(config_path).control_socket
    ask(socket, asked, absent="closing needs the running gateway", refused="see `incidents list`")
