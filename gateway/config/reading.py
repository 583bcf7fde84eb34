"""A configuration from its file: the whole of it, or everything that is wrong with it.

Knows TOML and the sections; touches nothing but the one file it is given.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

from gateway.config.keys import keys_of
from gateway.config.sections import REPEATED, SECTIONS, Config, Repeated, disagreements
from gateway.observations import meant, shown

MAX_BYTES: Final = 256 * 1024  # the commented file is 6 kB
MAX_PROBLEMS: Final = 50


class BadConfig(ValueError):
    """Their file is not a configuration. `problems` lists each: which key, what was found, what was expected."""

    def __init__(self, problems: list[str], path: Path | None = None) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
        self.path = path


def read_config(path: Path) -> Config:
    """Reads a TOML file; raises `BadConfig` with every problem found, a file that cannot be read included."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadConfig([f"the file cannot be read: {error.strerror}"], path) from None
    if len(data) > MAX_BYTES:
        raise BadConfig([f"the file: expected at most {MAX_BYTES} bytes"], path)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise BadConfig(
            [f"the file: expected UTF-8, found byte {data[error.start]:#04x} at {error.start}"], path
        ) from None
    return parse_config(text, path)


def parse_config(text: str, path: Path | None = None) -> Config:
    """The configuration from TOML text; `path` is what relative paths in it are relative to. Raises `BadConfig`."""
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise BadConfig(["the file is nested too deeply"], path) from None
    except ValueError as error:  # TOMLDecodeError, or an integer of thousands of digits
        raise BadConfig([f"the file is not TOML: {error}"], path) from None
    nested = _lift(document)
    outer = [k for k in SECTIONS if "." not in k]
    problems = [f"{k}: unknown section{meant(k, outer)}" for k in document if k not in outer]
    sections: dict[str, Any] = {}
    for name, made in SECTIONS.items():
        if (repeated := REPEATED.get(name)) is not None:
            found = nested.get(name, []) if "." in name else document.get(name, [])
            sections[repeated.attribute] = _rows(found, name, repeated, made, problems)
        else:
            sections[name] = _section(document.get(name, {}), name, f"[{name}]", made, problems)
    if not problems:
        config = Config(**sections, path=path)
        problems = disagreements(config)
    if problems:
        raise BadConfig(problems[:MAX_PROBLEMS], path)
    return config


def _lift(document: dict[str, Any]) -> dict[str, Any]:
    """Takes the sections within sections ([[local_mqtt.map]]) out of the document."""
    nested = {}
    for name in REPEATED:
        outer, _, inner = name.partition(".")
        section = document.get(outer)
        if inner and isinstance(section, dict) and inner in section:
            nested[name] = section.pop(inner)
    return nested


def _rows(found: Any, name: str, repeated: Repeated, made: type, problems: list[str]) -> tuple[Any, ...]:
    if not isinstance(found, list) or len(found) > repeated.most:
        problems.append(f"{name}: expected at most {repeated.most} sections [[{name}]], found {shown(found)}")
        return ()
    return tuple(_section(row, f"{name}[{i}]", f"[[{name}]]", made, problems) for i, row in enumerate(found))


def _section(found: Any, name: str, title: str, made: type, problems: list[str]) -> Any:
    """One section's dataclass; with problems, one that will never be used."""
    if not isinstance(found, dict):
        problems.append(f"{name}: expected a section {title}, found {shown(found)}")
        found = {}
        if any(k.required for k in keys_of(made)):
            return None
    keys = {k.name: k for k in keys_of(made)}
    problems += [f"{name}.{k}: unknown key{meant(k, keys)}" for k in found if k not in keys]
    values = {}
    for key in keys.values():
        if key.name in found:
            values[key.name], wrong = key.read(found[key.name])
            if wrong:
                problems.append(f"{name}.{key.name}: {wrong}")
        elif key.required:
            problems.append(f"{name}.{key.name}: expected {key.expected}, found nothing")
            values[key.name] = None
    return made(**values)
