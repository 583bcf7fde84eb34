"""`hearthwatch test-alarm`: one alarm that goes the whole way and is marked as a test everywhere (domain 3.5)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import click

from gateway.cli.errors import UserError
from gateway.cli.options import config_option, load_config

REQUEST_TIMEOUT_S: Final = 10.0
LOOK_S: Final = 1.0


@click.command("test-alarm")
@config_option
@click.option("--press", is_flag=True, help="The voice asks for the red key first, and the press is the test.")
@click.option("--by", default="installer", show_default=True, help="Who wants it, for the record.")
@click.option("--wait", "wait_s", type=click.IntRange(0, 3600), default=0, help="So many seconds for a contact's 1.")
def command(config_path: Path, press: bool, by: str, wait_s: int) -> None:
    """Starts a test alarm: texts, calls and the platform, each told that it is a test; a contact's 1 ends it.

    With --wait: exit 0 when a contact answered in time, 1 when nobody did.
    """
    config = load_config(config_path)
    number = _ask(config.control_socket, {"op": "test.alarm", "press": press, "by": by})["alarm"]
    click.echo(f"test alarm {number}: begun" + ("; press the red key when the voice asks for it" if press else ""))
    ends = time.monotonic() + wait_s
    while time.monotonic() < ends:
        live = _ask(config.control_socket, {"op": "status"})["status"]["alarms"]
        if all(alarm["alarm"] != number for alarm in live):
            click.echo(f"test alarm {number}: over; `hearthwatch incidents show {number}` has its course")
            return
        time.sleep(LOOK_S)
    if wait_s:
        raise UserError(
            f"test alarm {number}: nobody answered within {wait_s} s",
            where=config.control_socket,
            advice="see `hearthwatch incidents show` and `hearthwatch doctor`: which text or call did not go?",
        )


def _ask(socket: Path, asked: dict[str, Any]) -> dict[str, Any]:
    from gateway.runtime.control import ControlUnavailable, request

    try:
        answer = request(socket, asked, REQUEST_TIMEOUT_S)
    except ControlUnavailable as error:
        raise UserError(str(error), where=socket, advice="a test alarm needs the running gateway") from None
    if not answer.get("ok"):
        raise UserError(str(answer.get("error", "refused")), where=socket, advice="close what is open first")
    return answer
