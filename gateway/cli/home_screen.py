"""A home's document for the eye: tables on a terminal, and without what not everybody may see."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.text import Text

HIDDEN: Final = "(hidden)"


def without_secrets(document: dict[str, Any]) -> dict[str, Any]:
    """The document with masked telephone numbers and no device keys. It cannot be set again, and `set` says so."""
    from gateway.home.numbers import masked, normal_number

    shown = copy.deepcopy(document)
    for contact in shown["contacts"]:
        if "phone" in contact:
            contact["phone"] = masked(normal_number(str(contact["phone"])))
        if "push" in contact:
            contact["push"] = HIDDEN
    for device in shown["devices"]:
        if "key" in device:
            device["key"] = HIDDEN
    return shown


def as_text(document: dict[str, Any]) -> None:
    """Prints the document as tables; an empty one says how to fill it."""
    from rich.console import Console
    from rich.table import Table

    from gateway.home.changes import FIELDS, MAPS

    console = Console(highlight=False)
    console.print(f"The home, revision {document['revision']}")
    for name, fields in FIELDS.items():
        rows = document[name]
        used = [f for f in fields if any(f in row for row in rows)]
        table = Table("id", *used, title=name, title_justify="left", title_style="bold")
        for row in rows:
            table.add_row(_cell(row.get("id")), *(_cell(row.get(f)) for f in used))
        console.print(table if rows else f"{name}: none (hearthwatch home set {name[:-1]} …)", markup=False)
    for name in MAPS:
        if not document[name]:
            console.print(f"{name}: none (hearthwatch home set {name[:-1]} NAME=VALUE)", markup=False)
            continue
        table = Table("name", "value", title=name, title_justify="left", title_style="bold")
        for key, value in document[name].items():
            table.add_row(_cell(key), _cell(value))
        console.print(table)


def _cell(value: Any) -> Text:
    """As text, not as a string: rich reads [brackets] in a string as markup."""
    from rich.text import Text

    if value is None:
        return Text("")
    return Text(str(value).lower() if isinstance(value, bool) else str(value))
