"""`hearthwatch run`: the gateway itself."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gateway.cli.options import config_option, load_config


@click.command("run")
@config_option
def command(config_path: Path) -> None:
    """Runs the gateway until SIGTERM. Exit 2 for a broken configuration, 1 if it cannot run at all."""
    config = load_config(config_path)
    from gateway.runtime.serving import serve

    sys.exit(serve(config))
