"""`hearthwatch init DIR`: a commented configuration and an empty home. Never overwrites anything."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

from gateway.cli.errors import BadInput, UserError
from gateway.cli.options import FILE_NAME

STATE: Final = "state"


@click.command("init")
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--id", "gateway_id", default="gateway-1", show_default=True, help="This gateway's name.")
@click.option("--site", default="home", show_default=True, help="The site or village it belongs to.")
@click.option(
    "--state-dir",
    default=STATE,
    show_default=True,
    help="Where journal and home registry go; relative to DIR. A system service uses /var/lib/hearthwatch.",
)
def command(directory: Path, gateway_id: str, site: str, state_dir: str) -> None:
    """Writes DIR/hearthwatch.toml, every key explained, and an empty home."""
    from gateway.config import BadConfig, parse_config
    from gateway.config.writing import commented
    from gateway.home.registry import DamagedRegistry, Registry, RegistryBusy

    path = directory / FILE_NAME
    text = commented({"gateway": {"id": gateway_id, "site": site, "state_dir": state_dir}})
    try:
        config = parse_config(text, path)
    except BadConfig as bad:
        raise BadInput("this cannot be a configuration", problems=bad.problems) from None
    for present in (path, config.home_file, config.home_file.with_name(config.home_file.name + ".prev")):
        if present.exists():
            raise UserError(
                "there is one already, and init overwrites nothing",
                where=present,
                advice="choose another directory, or move the old files away",
            )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with Registry(config.home_file) as registry:
            registry.create()
        _write_new(path, text)
    except (OSError, DamagedRegistry, RegistryBusy) as error:
        raise UserError(f"cannot write there: {error}", where=directory, advice="choose a directory you own") from None
    click.echo(f"Wrote {path} and an empty home in {config.home_file}. Next:")
    click.echo(f"  hearthwatch home set -c {directory} resident r1 name=王阿公")
    click.echo(f"  hearthwatch home set -c {directory} contact c1 name=小明 phone=138…")
    click.echo(f"  hearthwatch doctor -c {directory}")
    click.echo(f"  hearthwatch run -c {directory}")


def _write_new(path: Path, text: str) -> None:
    """For the owner's eyes only: the file may come to hold a SIM's PIN and a broker's password."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(fd, "w", encoding="utf-8") as file:
        file.write(text)
