"""What a command asks of the running gateway, over its socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from gateway.cli.errors import UserError

REQUEST_TIMEOUT_S: Final = 10.0  # an fsync on a failing card takes seconds; more means it hangs


def ask(socket: Path, asked: dict[str, Any], *, absent: str, refused: str) -> dict[str, Any]:
    """The gateway's answer. Raises `UserError`: with the advice `absent` if none runs, `refused` if it says no."""
    from gateway.runtime.control import ControlUnavailable, request

    try:
        answer = request(socket, asked, REQUEST_TIMEOUT_S)
    except ControlUnavailable as error:
        raise UserError(str(error), where=socket, advice=absent) from None
    if not answer.get("ok"):
        raise UserError(str(answer.get("error", "refused")), where=socket, advice=refused)
    return answer
