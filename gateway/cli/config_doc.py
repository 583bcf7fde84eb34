"""`hearthwatch config-doc`: prints docs/configuration.md, made from the types of the configuration."""

from __future__ import annotations

import click


@click.command("config-doc", hidden=True)
def command() -> None:
    """Prints docs/configuration.md: `hearthwatch config-doc > docs/configuration.md`."""
    from gateway.config.writing import documentation

    click.echo(documentation(), nl=False)
