"""How a home is changed: what a change is, how a person types one, and what it makes of the home's document.

Pure. A change is a JSON object, so that the command line, the local socket and the web say the same thing:

    {"op": "set", "table": "contacts", "id": "c1", "values": {"name": "小明", "phone": "13800000001"}}
    {"op": "set", "table": "consents", "values": {"NOTIFY_FAMILY": true}}           (also "settings")
    {"op": "remove", "table": "devices", "id": "kitchen-pir"}                       (consents, settings: id is the name)
    {"op": "replace", "document": {…}}                                              (the whole home)

A value null removes its key. What people type is held to more than `read_home` asks: unknown keys and rooms that do not
exist are refused.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from gateway.bounds import untamed
from gateway.home.model import BadHome
from gateway.home.shape import CONSENTS
from gateway.observations import meant, shown
from gateway.parameters import TABLE as PARAMETERS

MAX_CHANGES: Final = 1000  # one request; a whole home goes as one `replace`

Document = dict[str, Any]

FIELDS: Final[dict[str, dict[str, str]]] = {
    "residents": {"name": "text"},
    "rooms": {"label": "text"},
    "devices": {
        "kind": "text", "room": "text", "role": "text", "placement": "text", "entrance": "bool",
        "heartbeat_s": "number", "interval_s": "number", "supply": "text", "address": "text",
        "key": "text", "label": "text",
    },
    "contacts": {
        "name": "text", "phone": "text", "order": "number", "kind": "text", "daily_line": "text",
        "channels": "text", "push": "text", "hours": "text", "can_enter": "bool", "distance": "text",
    },
    "reminders": {"kind": "text", "at": "text", "days": "text", "about": "text"},
}  # fmt: skip
"""The tables of rows and the keys of a row beside `id`, with the type a typed `key=value` becomes."""

MAPS: Final[dict[str, Iterable[str]]] = {"consents": CONSENTS, "settings": PARAMETERS}
"""The tables that are one mapping of a name to a value."""

TABLES: Final = (*FIELDS, *MAPS)
WHAT: Final = tuple(t.removesuffix("s") for t in TABLES)  # how a person calls one of them
WORDS: Final = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def empty() -> Document:
    """The document of a home nobody has described yet."""
    return {**{t: [] for t in FIELDS}, **{t: {} for t in MAPS}}


def typed(words: Sequence[str], *, remove: bool = False) -> list[dict[str, Any]]:
    """The changes a person typed: `contact c1 name=小明 order=1`, `consent VISITS=true`, with `remove` `contact c1`.

    `key=` without a value removes the key. Raises `BadHome` with every problem; whether the result is a valid home is
    judged later, as a whole.
    """
    if not words:
        raise BadHome(["expected what to set: one of " + ", ".join(WHAT)])
    table = _table(words[0])
    if table in MAPS:
        return [{"op": "remove", "table": table, "id": n} for n in words[1:]] if remove else [_typed_map(table, words)]
    if len(words) < 2 or "=" in words[1]:
        raise BadHome([f"{words[0]}: expected an id after it, such as `{words[0]} x1`"])
    if remove:
        return [{"op": "remove", "table": table, "id": i} for i in words[1:]]
    values = _pairs(words[2:], FIELDS[table], table)
    return [{"op": "set", "table": table, "id": words[1], "values": values}]


def _typed_map(table: str, words: Sequence[str]) -> dict[str, Any]:
    kind = "bool" if table == "consents" else "number"
    values = _pairs(words[1:], dict.fromkeys(MAPS[table], kind), table)
    if not values:
        raise BadHome([f"{words[0]}: expected NAME=VALUE after it"])
    return {"op": "set", "table": table, "values": values}


def _table(word: str) -> str:
    for table in TABLES:
        if word in (table, table[:-1]):
            return table
    raise BadHome([f"{word}: unknown, expected one of " + ", ".join(WHAT) + meant(word, WHAT)])


def _pairs(words: Sequence[str], fields: Mapping[str, str], table: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    problems = []
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            problems.append(f"{table}: expected key=value, found {shown(word)}")
        elif name not in fields:
            problems.append(f"{table}.{name}: unknown key{meant(name, fields)}")
        else:
            values[name] = _value(fields[name], text)
    if problems:
        raise BadHome(problems)
    return values


def _value(kind: str, text: str) -> Any:
    """The text as the field's type where it is one; else as it is, for the model to refuse by name."""
    if text == "":
        return None
    if kind == "bool":
        return WORDS.get(text.lower(), text)
    if kind == "number":
        try:
            number = float(text)
        except ValueError:
            return text
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    return text


def changed(document: Document, changes: Any) -> Document:
    """A new document with the changes made in order; raises `BadHome` for what is not a change. Validates no values."""
    if not isinstance(changes, list) or not 0 < len(changes) <= MAX_CHANGES:
        raise BadHome([f"changes: expected a list of 1 to {MAX_CHANGES}, found {shown(changes)}"])
    if (why := untamed(changes)) is not None:
        raise BadHome([f"changes: {why}"])
    result = copy.deepcopy(document)
    problems = []
    for i, change in enumerate(changes):
        try:
            result = _made(result, change)
        except BadHome as bad:
            problems += [f"changes[{i}]: {p}" for p in bad.problems] if len(changes) > 1 else bad.problems
    if problems:
        raise BadHome(problems)
    return result


def _made(document: Document, change: Any) -> Document:
    op = change.get("op") if isinstance(change, dict) else None
    if op == "replace":
        whole = change.get("document")
        if not isinstance(whole, dict):
            raise BadHome([f"document: expected a table, found {shown(whole)}"])
        whole = {**empty(), **copy.deepcopy(whole)}
        _check_shape(whole)
        return whole
    table = change.get("table") if isinstance(change, dict) else None
    if op not in ("set", "remove") or table not in TABLES:
        raise BadHome([f'expected {{"op": "set"|"remove"|"replace", "table": …}}, found {shown(change)}'])
    name, values = change.get("id"), change.get("values", {})
    if table in MAPS:
        return _map_made(document, table, {str(name): None} if op == "remove" else values)
    if not isinstance(name, str) or not isinstance(values, dict):
        raise BadHome([f"{table}: expected an id and a table of values, found {shown(name)} and {shown(values)}"])
    return _row_removed(document, table, name) if op == "remove" else _row_set(document, table, name, values)


def _check_shape(document: Document) -> None:
    """So that changes after this one meet lists of rows and mappings, whatever came over the socket."""
    problems = [
        f"{table}: expected a list of tables, found {shown(document[table])}"
        for table in FIELDS
        if not isinstance(document[table], list) or not all(isinstance(row, dict) for row in document[table])
    ]
    problems += [
        f"{table}: expected a table, found {shown(document[table])}"
        for table in MAPS
        if not isinstance(document[table], dict)
    ]
    if problems:
        raise BadHome(problems)


def _map_made(document: Document, table: str, values: Any) -> Document:
    if not isinstance(values, dict) or not all(isinstance(k, str) for k in values):
        raise BadHome([f"{table}: expected a table of values, found {shown(values)}"])
    mapping = document[table]
    for name, value in values.items():
        if value is not None:
            mapping[name] = copy.deepcopy(value)
        elif mapping.pop(name, None) is None:
            raise BadHome([f"{table}.{name}: is not set{meant(name, mapping)}"])
    return document


def _row_set(document: Document, table: str, name: str, values: dict[str, Any]) -> Document:
    rows: list[dict[str, Any]] = document[table]
    row = next((r for r in rows if r.get("id") == name), None)
    if row is None:
        row = {"id": name}
        rows.append(row)
    row.update(copy.deepcopy(values))
    for key in [k for k, v in row.items() if v is None]:
        del row[key]
    return document


def _row_removed(document: Document, table: str, name: str) -> Document:
    kept = [r for r in document[table] if r.get("id") != name]
    if len(kept) == len(document[table]):
        raise BadHome([f"{table}.{name}: does not exist{meant(name, [str(r.get('id')) for r in kept])}"])
    document[table] = kept
    return document


def slips(document: Mapping[str, Any]) -> list[str]:
    """What a person did not mean: unknown keys, rooms that do not exist. For a document that `read_home` takes."""
    found = [f"{k}: unknown table{meant(k, TABLES)}" for k in document if k not in (*TABLES, "revision")]
    for table, fields in FIELDS.items():
        for row in document.get(table, []):
            where = f"{table}.{row.get('id')}"
            found += [f"{where}.{k}: unknown key{meant(k, fields)}" for k in row if k != "id" and k not in fields]
    rooms = {r.get("id") for r in document.get("rooms", [])}
    for device in document.get("devices", []):
        if device.get("room") is not None and device["room"] not in rooms:
            hint = meant(device["room"], [str(r) for r in rooms])
            found.append(
                f"devices.{device['id']}.room: no room {device['room']}{hint} (`home set room ID label=…` makes one)"
            )
    return found
