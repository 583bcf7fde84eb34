"""`hearthwatch demo`: a whole home on this machine, nothing to configure."""

from __future__ import annotations

import asyncio
import sys

import click


@click.command("demo")
@click.option("--once", is_flag=True, help="Play the script: one line a step, exit 0 only if every step held.")
@click.option("--timeline", is_flag=True, help="With --once: print what happened as well.")
def command(once: bool, timeline: bool) -> None:
    """Runs a whole home: the real gateway, virtual devices at the far end of real wires."""
    from gateway.demo.house import DemoMissing

    try:
        if once or not sys.stdin.isatty():
            from gateway.demo.script import play

            sys.exit(0 if asyncio.run(play(click.echo, timeline=timeline)) else 1)
        from gateway.demo.live import Live

        async def main() -> None:
            await Live().run()

        asyncio.run(main())
    except DemoMissing as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        sys.exit(130)
