"""The configuration described: the commented file `init` writes, and `docs/configuration.md`. Both follow the types.

Knows how to say a key; knows no key by name.
"""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Mapping
from typing import Any, Final

from gateway.config.keys import Key, keys_of
from gateway.config.sections import REPEATED, SECTIONS

WIDTH: Final = 100
EXAMPLES: Final = {
    "port": "/dev/ttyUSB0", "device": "meter", "hosts": ["broker.example:8883"], "topic": "home/button",
    "kind": "button", "model": "HS1EB/HS1EB-E", "action": "double", "values": ["ON=true", "OFF=false"],
}  # fmt: skip
"""What an example shows for a key that has no default worth showing."""


def commented(values: Mapping[str, Mapping[str, Any]] | None = None) -> str:
    """A whole configuration file: every key with its explanation, as a comment where it has its default.

    `values` (section → key → value) are the keys that are set. Sections that repeat are shown as an example.
    """
    blocks = ["# Hearthwatch: this gateway. Every key with its default; remove the # to change one.\n"
              "# Who lives here is not in this file: see `hearthwatch home --help`.\n"]  # fmt: skip
    for name, made in SECTIONS.items():
        repeated = name in REPEATED
        title = f"[[{name}]]" if repeated else f"[{name}]"
        lines = [_comment(_sentence(made)), f"# {title}" if repeated else title]
        for key in keys_of(made):
            chosen = (values or {}).get(name, {})
            lines += ["", _comment(_explained(key))]
            lines.append(
                f"{key.name} = {_toml(chosen[key.name])}"
                if key.name in chosen
                else f"# {key.name} = {_toml(_shown(key))}"
            )
        blocks.append("\n".join(lines) + "\n")
    return "\n\n".join(blocks)


def documentation() -> str:
    """The page `docs/configuration.md`."""
    lines = [
        "# Configuration",
        "",
        "One TOML file, by default `/etc/hearthwatch/hearthwatch.toml`. `hearthwatch init DIR` writes one with every",
        "key and its explanation. A key that is unknown, of the wrong type or out of range stops `hearthwatch run`",
        "with exit code 2 and a list of what was found and what was expected. Who lives here is in the home",
        "registry (`hearthwatch home`), not in this file.",
        "",
        "This page is generated from the types in `gateway/config`: `hearthwatch config-doc > docs/configuration.md`.",
    ]
    for name, made in SECTIONS.items():
        title = f"[[{name}]]" if name in REPEATED else f"[{name}]"
        lines += [
            "",
            f"## `{title}`",
            "",
            _sentence(made),
            "",
            "| key | type | default | values | |",
            "|---|---|---|---|---|",
        ]
        for key in keys_of(made):
            default = "**required**" if key.required else f"`{_toml(key.default)}`"
            lines.append(f"| `{key.name}` | {key.type_name} | {default} | {_cell(key.range)} | {_cell(key.doc)} |")
    return "\n".join(lines) + "\n"


def _sentence(made: type) -> str:
    return " ".join((inspect.getdoc(made) or "").split())


def _explained(key: Key) -> str:
    about = [
        key.type_name if key.type is not str or not key.range else "",
        key.range,
        "required" if key.required else "",
    ]
    return f"{key.doc} ({', '.join(a for a in about if a)})"


def _comment(text: str) -> str:
    return "\n".join(textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="# "))


def _shown(key: Key) -> Any:
    return EXAMPLES[key.name] if key.name in EXAMPLES and (key.required or key.default == ()) else key.default


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    if isinstance(value, float):
        return f"{value:g}" if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, int):
        return str(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
