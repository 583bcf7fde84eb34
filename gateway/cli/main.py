"""The command `hearthwatch`: names its subcommands without importing them, so that `--help` and `decode` start at once.

Knows the commands' names and where they live; each lives in a module of its own that is imported when it is called.
"""

from __future__ import annotations

import difflib
import importlib
import sys
from typing import Final

import click

from gateway import __version__
from gateway.cli.errors import UserError

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "init": ("gateway.cli.init:command", "Write a commented configuration and an empty home into a directory."),
    "run": ("gateway.cli.run:command", "Run the gateway of this home."),
    "demo": ("gateway.cli.demo:command", "Run a whole home on this machine, nothing to configure."),
    "doctor": ("gateway.cli.doctor:command", "Say what works, what does not, and what to do."),
    "home": ("gateway.cli.home:command", "Show, check or change who lives here and what hangs on the wall."),
    "prompts": ("gateway.cli.prompts:command", "What the elder hears: render, import the family's recordings, check."),
    "events": ("gateway.cli.events:command", "Print the journal as a recording that can be replayed."),
    "incidents": ("gateway.cli.incidents:command", "The record of every alarm: list, show, export, verify, close."),
    "test-alarm": ("gateway.cli.test_alarm:command", "Start an alarm that goes the whole way, marked as a test."),
    "away": ("gateway.cli.household:away", "Say that nobody is at home; it ends by itself."),
    "guests": ("gateway.cli.household:guests", "Say that guests are in the house; it ends by itself."),
    "mute": ("gateway.cli.household:mute", "Keep the voice quiet for a while, but for what is urgent."),
    "visit": ("gateway.cli.household:visit", "Say that a visitor is at the door, or has telephoned."),
    "replay": ("gateway.cli.replay:command", "Tell a recording's alarms again."),
    "rules": ("gateway.cli.rules:command", "Show each rule: ready or not, why, and what it has learned."),
    "tune": ("gateway.cli.tune:command", "Propose settings from this home's false alarms, and say what they cost."),
    "decode": ("gateway.cli.decode:command", "Decode frames: one line of JSON for each."),
    "config-doc": ("gateway.cli.config_doc:command", "Print docs/configuration.md."),
    "rules-doc": ("gateway.cli.rules_doc:command", "Print docs/rules.md."),
}
HIDDEN: Final = frozenset({"config-doc", "rules-doc"})


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """The names, in the order of a newcomer's day."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Imports and returns one command; None if there is no such."""
        if cmd_name not in COMMANDS:
            return None
        module_name, _, attribute = COMMANDS[cmd_name][0].partition(":")
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            raise UserError(
                f"`hearthwatch {cmd_name}` is not usable in this installation: no module {error.name}",
                where=module_name,
                advice="install Hearthwatch whole: `make setup`, or `pip install hearthwatch`",
            ) from None
        found = getattr(module, attribute)
        assert isinstance(found, click.Command)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command to run; for a misspelt one, the one that was surely meant."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], set(COMMANDS) - HIDDEN, n=1)
            hint = f" Did you mean `{near[0]}`?" if near else f" There are: {', '.join(set(COMMANDS) - HIDDEN)}."
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of commands, from the table and not from the modules."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items() if name not in HIDDEN])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hearthwatch")
def hearthwatch() -> None:
    """Hearthwatch (守望家): the gateway that stands in an elder's home."""


def main() -> None:
    """The console script. Output is UTF-8 whatever the locale: names are Chinese, and programs read the JSON."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    hearthwatch(prog_name="hearthwatch")


if __name__ == "__main__":
    main()
