"""`hearthwatch away | guests | mute | visit`: what somebody at the home says for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from gateway.cli.asking import ask
from gateway.cli.options import config_option, load_config

_ON_OFF: Final = click.argument("state", type=click.Choice(["on", "off"]))


@click.command("away")
@config_option
@_ON_OFF
def away(config_path: Path, state: str) -> None:
    """Nobody is at home: only inactivity and its kin rest, no button and no detector does.

    It ends by itself (away.max_h), and is not made longer by saying it again before somebody was seen at home.
    """
    answer = _ask(config_path, {"op": "household.away", "on": state == "on"})
    click.echo(f"away: {_lasting(answer)}")


@click.command("guests")
@config_option
@_ON_OFF
def guests(config_path: Path, state: str) -> None:
    """Guests fill the house: inactivity is unavailable and nothing is learned, for 7 days at most."""
    answer = _ask(config_path, {"op": "household.guests", "on": state == "on"})
    click.echo(f"guests: {_lasting(answer)}")


@click.command("mute")
@config_option
@_ON_OFF
@click.option("--minutes", type=click.IntRange(1), default=None, help="For so long; [default: voice.mute_max_min]")
def mute(config_path: Path, state: str, minutes: int | None) -> None:
    """Nothing below P1 is said for a while. Buttons, falls and detectors are heard as ever."""
    asked: dict[str, Any] = {"op": "household.mute", "on": state == "on"}
    answer = _ask(config_path, asked if minutes is None else {**asked, "minutes": minutes})
    click.echo(f"mute: {_lasting(answer)}")


@click.command("visit")
@config_option
@click.option("--by", default="visitor", show_default=True, help="Who: the id of a contact or of a visitor's badge.")
@click.option("--mode", default="on_site", show_default=True, help="on_site, phone, video, internet_av, wechat, other.")
@click.option("--elder", default=None, help="Of a couple, the one the visit is for; else both.")
@click.option("--left", is_flag=True, help="The visitor goes; counts nothing.")
def visit(config_path: Path, by: str, mode: str, elder: str | None, left: bool) -> None:
    """A visitor is at the door: what is open is ATTENDED, and the visit counts. By telephone it only counts as that."""
    asked: dict[str, Any] = {"op": "visit", "by": by, "mode": mode, "event": "left" if left else "arrived"}
    answer = _ask(config_path, asked if elder is None else {**asked, "elder": elder})
    click.echo(f"visit: {answer['by']} {answer['event']} ({answer['mode']})")


def _lasting(answer: dict[str, Any]) -> str:
    if not answer["on"]:
        return "off"
    minutes = int(answer["at_most_min"])
    if minutes < 120:
        return f"on, {minutes} min at most"
    hours = minutes // 60
    return f"on, {hours} h at most" if hours < 48 else f"on, {hours // 24} days at most"


def _ask(config_path: Path, asked: dict[str, Any]) -> dict[str, Any]:
    socket = load_config(config_path).control_socket
    return ask(socket, asked, absent="this is said to the running gateway", refused="see its --help")
