"""How the command line says that something is wrong: what happened, where, what to do. No traceback for a user's error.

Exit codes: 2, what was given is not right (arguments, configuration, a change of the home); 1, it could not be done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any

import click


class UserError(click.ClickException):
    """It could not be done. Told on standard error; the command ends with exit code 1."""

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        where: object = "",
        problems: Sequence[str] = (),
        advice: str = "",
    ) -> None:
        super().__init__(what)
        self.where = str(where)
        self.problems = tuple(problems)
        self.advice = advice

    def show(self, file: IO[Any] | None = None) -> None:
        """Writes the error for a person."""
        lines = [f"Error: {self.message}"]
        lines += [f"  where: {self.where}"] if self.where else []
        lines += [f"  - {p}" for p in self.problems]
        lines += [f"  what to do: {self.advice}"] if self.advice else []
        click.echo("\n".join(lines), file=file, err=file is None)


class BadInput(UserError):
    """What was given is not right: the configuration, a change of the home. Exit code 2."""

    exit_code = 2
