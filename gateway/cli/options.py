"""The options several commands share, and what they find: the configuration file, or an error a person can act on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from gateway.cli.errors import BadInput

if TYPE_CHECKING:
    from gateway.config import Config

FILE_NAME: Final = "hearthwatch.toml"
SYSTEM_FILE: Final = Path("/etc/hearthwatch") / FILE_NAME
VARIABLE: Final = "HEARTHWATCH_CONFIG"


def config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--config FILE` (or the directory of `init`), given to the command as `config_path: Path`."""
    return click.option(
        "-c",
        "--config",
        "config_path",
        type=click.Path(path_type=Path),
        callback=lambda _context, _option, given: config_file(given),
        help=f"Configuration file, or its directory. [default: ${VARIABLE}, ./{FILE_NAME}, {SYSTEM_FILE}]",
    )(command)


def config_file(given: Path | None) -> Path:
    """Where the configuration is: as given, from the environment, here, or the system's."""
    if given is None:
        given = Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else Path(FILE_NAME)
        if not given.exists() and VARIABLE not in os.environ:
            given = SYSTEM_FILE
    return given / FILE_NAME if given.is_dir() else given


def load_config(path: Path) -> Config:
    """The configuration; a broken or missing one is `BadInput` (exit code 2) and lists every problem."""
    from gateway.config import BadConfig, read_config

    try:
        return read_config(path)
    except BadConfig as bad:
        raise BadInput(
            "the configuration is not valid" if path.exists() else "there is no configuration",
            where=path,
            problems=bad.problems,
            advice="correct these in the file; every key is explained in docs/configuration.md"
            if path.exists()
            else "name it with --config FILE, or make one with `hearthwatch init DIR`",
        ) from None
