"""`hearthwatch test-alarm`: one alarm that goes the whole way and is marked as a test everywhere (domain 3.5)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import click

from gateway.cli.asking import ask
from gateway.cli.errors import UserError
from gateway.cli.options import config_option, load_config

LOOK_S: Final = 1.0


@click.command("test-alarm")
@config_option
@click.option("--press", is_flag=True, help="The voice asks for the red key first, and the press is the test.")
@click.option("--by", default="installer", show_default=True, help="Who wants it, for the record.")
@click.option("--wait", "wait_s", type=click.IntRange(0, 3600), default=0, help="So many seconds for a contact's 1.")
def command(config_path: Path, press: bool, by: str, wait_s: int) -> None:
    """Starts a test alarm: texts, calls and the platform, each told that it is a test; a contact's 1 ends it.

    With --wait: exit 0 when a contact answered in time, 1 when nobody did; either way it names who gave no sign. One
    that nobody answers ends by itself (test.ends_min), or when the next is begun.
    """
    config = load_config(config_path)
    number = _ask(config.control_socket, {"op": "test.alarm", "press": press, "by": by})["alarm"]
    click.echo(f"test alarm {number}: begun" + ("; press the red key when the voice asks for it" if press else ""))
    if not wait_s:
        return
    ends = time.monotonic() + wait_s
    while not (course := _ask(config.control_socket, {"op": "test.course", "alarm": number}))["over"]:
        if time.monotonic() >= ends:
            break
        time.sleep(LOOK_S)
    if course["over"] and course["outcome"] == "TEST":
        click.echo(f"test alarm {number}: {_answered(course)}")
        return
    raise UserError(
        f"test alarm {number}: {_why_not(course, wait_s)}",
        where=config.control_socket,
        advice=f"see `hearthwatch incidents show {number}` and `hearthwatch doctor`: which text or call did not go?",
    )


def _answered(course: dict[str, Any]) -> str:
    silent = f"; no answer from {course['unanswered']}" if course["unanswered"] else ""
    return (f"{course['answered']} answered" if course["answered"] else "closed") + silent


def _why_not(course: dict[str, Any], wait_s: int) -> str:
    """What kept it from being a success, for the installer."""
    if course["over"] and course["outcome"] is None:
        return "the red key was not pressed in time"
    within = "" if course["over"] else f" within {wait_s} s"
    asked = f": no answer from {course['unanswered']}" if course["unanswered"] else ": no contact was asked"
    return f"nobody answered{within}{asked}"


def _ask(socket: Path, asked: dict[str, Any]) -> dict[str, Any]:
    return ask(socket, asked, absent="a test alarm needs the running gateway", refused="close what is open first")
