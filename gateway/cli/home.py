"""`hearthwatch home`: shows, checks and changes who lives here and what hangs on the wall.

While a gateway runs it is the registry's only writer, so a change goes through its local socket; otherwise this
process opens the registry itself, under the same lock. Numbers and keys are masked unless asked for.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.asking import REQUEST_TIMEOUT_S
from gateway.cli.errors import BadInput, UserError
from gateway.cli.options import config_option, load_config

if TYPE_CHECKING:
    from gateway.config import Config


TYPING_HELP = """\b
Examples:
  hearthwatch home set resident r1 name=王阿公
  hearthwatch home set room kitchen label=厨房
  hearthwatch home set device kitchen-pir kind=motion room=kitchen heartbeat_s=3600 address=AA:BB:CC:DD:EE:FF
  hearthwatch home set contact c1 name=小明 phone=13800000001 order=1
  hearthwatch home set consent NOTIFY_FAMILY=true
  hearthwatch home set setting call_button.pre_alarm_s=10
  hearthwatch home set --remove contact c1
  hearthwatch home set --file home.json
"""


@click.group("home")
def command() -> None:
    """Who lives here and what hangs on the wall: residents, rooms, devices, contacts, consents, settings."""


@command.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="For programs: the document that `set --file` takes.")
@click.option("--secrets", is_flag=True, help="Show telephone numbers and device keys.")
def show(config_path: Path, as_json: bool, secrets: bool) -> None:
    """Shows the home. Reads the file only, so it works beside a running gateway."""
    from gateway.cli.home_screen import as_text, without_secrets

    document = _document(load_config(config_path))
    if not secrets:
        document = without_secrets(document)
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        as_text(document)


@command.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(config_path: Path, as_json: bool, file: Path | None) -> None:
    """Checks the home, or FILE before it is set. Exit 0 if it is valid, 1 if not; gaps are named, but no error."""
    from gateway.cli.findings import Level, as_json_text, print_findings
    from gateway.cli.home_gaps import check_home
    from gateway.home.registry import read_document

    if file is None:
        findings = check_home(_readable(load_config(config_path)))
    else:
        findings = check_home(lambda: read_document(file))
    if as_json:
        click.echo(as_json_text(findings))
    else:
        print_findings(findings)
    sys.exit(1 if any(f.level is Level.FAIL for f in findings) else 0)


@command.command("set", epilog=TYPING_HELP)
@config_option
@click.option("--remove", is_flag=True, help="Remove the named items instead of setting them.")
@click.option(
    "--file", type=click.File("rb"), help="Replace the whole home by this JSON document; - is standard input."
)
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
@click.argument("words", metavar="[WHAT [ID] [KEY=VALUE…]]", nargs=-1)
def set_(config_path: Path, remove: bool, file: Any, as_json: bool, words: tuple[str, ...]) -> None:
    """Changes the home: all of it is valid afterwards, or nothing was changed and every problem is named.

    `KEY=` without a value removes that key.
    """
    from gateway.home.changes import typed
    from gateway.home.model import BadHome

    if (file is None) == (not words) or (file is not None and remove):
        raise click.UsageError("expected either what to set, such as `contact c1 phone=138…`, or --file FILE.")
    try:
        changes = typed(words, remove=remove) if file is None else [_replacement(file)]
        config = load_config(config_path)
        revision, by = _apply(config, changes)
    except BadHome as bad:
        raise BadInput(
            "the home was not changed",
            problems=bad.problems,
            advice="correct these and try again; `hearthwatch home set --help` shows examples",
        ) from None
    if as_json:
        click.echo(json.dumps({"ok": True, "revision": revision}))
    else:
        click.echo(f"The home is at revision {revision}{by}.")


def _replacement(file: Any) -> dict[str, Any]:
    from gateway.home.registry import document_from_json
    from gateway.home.storage import MAX_BYTES

    return {"op": "replace", "document": document_from_json(file.read(MAX_BYTES + 1))}


def _apply(config: Config, changes: list[dict[str, Any]]) -> tuple[int, str]:
    """The new revision, and who made it. Raises `BadHome` or `UserError`."""
    from gateway.runtime.control import ControlUnavailable, request

    try:
        answer = request(config.control_socket, {"op": "home.set", "changes": changes}, REQUEST_TIMEOUT_S)
    except ControlUnavailable as error:
        return _apply_here(config, changes, str(error)), ""
    if answer.get("ok") is True:
        return int(answer.get("revision", 0)), ", in force in the running gateway"
    problems = answer.get("problems")
    if isinstance(problems, list) and problems:
        from gateway.home.model import BadHome

        raise BadHome([str(p) for p in problems])
    raise UserError(
        f"the running gateway refused: {answer.get('error', 'no reason given')}", where=config.control_socket
    )


def _apply_here(config: Config, changes: list[dict[str, Any]], unavailable: str) -> int:
    """Writes the registry in this process; `unavailable` is why the gateway could not be asked."""
    from gateway.home.registry import DamagedRegistry, Registry, RegistryBusy

    if not config.state_dir.is_dir():
        raise UserError(
            "there is no such state_dir", where=config.state_dir, advice="make it, or `hearthwatch init DIR`"
        )
    try:
        with Registry(config.home_file, on_recovered=_say_recovered) as registry:
            return registry.apply(changes).view.revision
    except DamagedRegistry as damaged:
        raise UserError(str(damaged)) from None
    except RegistryBusy as busy:
        raise UserError(str(busy), problems=[unavailable], advice="see `hearthwatch doctor`, then try again") from None
    except OSError as error:
        raise UserError(
            f"the home cannot be written: {error.strerror or error}",
            where=error.filename or config.home_file,
            advice="run as the gateway's user, or `sudo`; look at free space with df",
        ) from None


def _say_recovered(what: str) -> None:
    click.echo(f"Warning: {what}. Look at the home and the disk.", err=True)


def _document(config: Config) -> dict[str, Any]:
    """The stored document, or a `UserError`."""
    from gateway.home.model import BadHome
    from gateway.home.registry import DamagedRegistry

    try:
        return _readable(config)()
    except BadHome as bad:
        raise UserError(
            "the home is not valid",
            where=config.home_file,
            problems=bad.problems,
            advice="`hearthwatch home set --file`",
        ) from None
    except DamagedRegistry as damaged:
        raise UserError(str(damaged)) from None
    except OSError as error:
        raise UserError(
            f"the home cannot be read: {error.strerror or error}",
            where=config.home_file,
            advice="run as the gateway's user, or `sudo`",
        ) from None


def _readable(config: Config) -> Callable[[], dict[str, Any]]:
    """A call that reads the stored document; its errors are the registry's."""

    def read() -> dict[str, Any]:
        from gateway.home.registry import Registry

        with Registry(config.home_file, readonly=True, on_recovered=_say_recovered) as registry:
            if registry.new:
                click.echo(f"Note: no home in {config.home_file} yet; this is the empty one.", err=True)
            return registry.document()

    return read
