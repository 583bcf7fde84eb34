"""Proofreading: whether a catalogue of words is fit to be used, before anybody has to read it in an emergency.

Knows how long each placeholder can become, that an SMS must fit one message at its worst, and which placeholders and
words there are. Judges the document as read from TOML; renders nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.home.model import MAX_LABEL_UNITS, MAX_NAME_UNITS, MAX_PLACE_UNITS, units

SMS_UNITS: Final = 70
"""One SMS in UCS-2, signature included (T-36). A second part costs money and may come late or never."""

DEFAULT_LANGUAGE: Final = "zh_CN"

LIMITS: Final[dict[str, int]] = {
    "name": MAX_NAME_UNITS,
    "contact": MAX_NAME_UNITS,
    "place": MAX_PLACE_UNITS,
    "device": MAX_LABEL_UNITS,
    "house": 6,
    "tel": 13,
    "time": 5,  # HH:MM
    "date": 6,  # MM月DD日
    "ref": 2,
    "hours": 3,
    "mins": 4,
}
"""The longest each placeholder may be, in UCS-2 units (domain 4.4); `what` and `kind` are in the catalogue."""

SHORTENED: Final = ("place", "device")
"""Cut where a text would be too long; everything else too long is an error, never half a name."""

SPOKEN: Final = frozenset({"contact", "device", "n", "visitor"})
FORMS: Final[dict[str, dict[str, str]]] = {
    "V01": {"alone": "V01-alone"},
    "V03": {"coming": "V03-coming"},
    "V04": {"fall": "V04-fall"},
    "V08": {"well": "V08-well", "stove": "V08-stove", "hot": "V08-hot", "cold": "V08-cold"},
    "V09": {"heat": "V09-heat"},
    "V10": {"co": "V10-co"},
}
"""Prompt: fact -> form. The form is spoken only if the parameter of that name is True (invariant vii)."""

PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")

CHANNELS: Final = ("call", "call-test", "thanks-1", "thanks-2", "link")
"""What a catalogue must say over the telephone and before a link."""

_TEXTS: Final = ("meta", "sms", "prompts", "channels", "words", "kind", "what", "reasons", "measures")
_WORDS: Final = {
    "family": "contact",
    "desk": "contact",
    "resident": "name",
    "device": "device",
    "helpline": "tel",
    "kind": "kind",
    "what": "what",
}
"""The stand-ins a catalogue must have, and whose place (and limit) each takes."""


def problems_of(document: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with a catalogue; empty if it can be used."""
    shape = _shape(document)
    if shape:
        return shape
    limits = limits_of(document)
    return [
        *_sms(document["sms"], limits),
        *_prompts(document["prompts"]),
        *_channels(document["channels"], limits),
        *_inserts(document, limits),
    ]


def limits_of(document: Mapping[str, Any]) -> dict[str, int]:
    """The limit of every placeholder an SMS of this catalogue may use."""
    return {**LIMITS, **document["limits"]}


def worst_case(text: str, limits: Mapping[str, int]) -> int:
    """The longest `text` can become, in UCS-2 units, with every placeholder at its limit."""
    return units(PLACEHOLDER.sub(lambda found: "x" * limits[found[1]], text))


def _shape(document: Mapping[str, Any]) -> list[str]:
    tables = (*_TEXTS, "why", "limits", "labels")
    problems = [f"[{table}] is missing" for table in tables if not isinstance(document.get(table), dict)]
    if problems:
        return problems
    texts = {table: document[table] for table in _TEXTS} | {f"labels.{k}": v for k, v in document["labels"].items()}
    for table, rows in texts.items():
        if not isinstance(rows, dict):
            problems.append(f"{table}: expected a table")
            continue
        problems += [f"{table}.{key}: expected text" for key, value in rows.items() if not isinstance(value, str)]
    for name in ("what", "kind"):
        if not isinstance(document["limits"].get(name), int):
            problems.append(f"limits.{name}: expected a length in UCS-2 units")
    problems += [f"words.{name} is missing" for name in _WORDS if name not in document["words"]]
    if "date" not in document["meta"]:
        problems.append("meta.date is missing")
    problems += [
        f"measures.{unit} is missing" for unit in ("s", "min", "h", "h_min") if unit not in document["measures"]
    ]
    return problems + [f"why.{code}: {what}" for code, row in document["why"].items() if (what := _why(row))]


def _why(row: Any) -> str | None:
    """What is wrong with the sentences of one code: there must be one that can always be said."""
    if not isinstance(row, list) or not row or not all(isinstance(text, str) for text in row):
        return "expected a list of sentences"
    return "the last sentence must need no number" if PLACEHOLDER.search(row[-1]) else None


def _sms(templates: Mapping[str, str], limits: Mapping[str, int]) -> list[str]:
    problems = []
    for template, text in templates.items():
        unknown = sorted(set(PLACEHOLDER.findall(text)) - set(limits))
        if unknown:
            problems.append(f"sms.{template}: unknown {', '.join(unknown)}")
        elif (worst := worst_case(text, limits)) > SMS_UNITS:
            problems.append(f"sms.{template}: {worst} units at worst, one SMS holds {SMS_UNITS}")
    return problems


def _prompts(prompts: Mapping[str, str]) -> list[str]:
    problems = [
        f"prompts.{form} is missing" for forms in FORMS.values() for form in forms.values() if form not in prompts
    ]
    for prompt, text in prompts.items():
        unknown = sorted(set(PLACEHOLDER.findall(text)) - SPOKEN)
        if unknown:
            problems.append(f"prompts.{prompt}: unknown {', '.join(unknown)}")
    return problems


def _channels(texts: Mapping[str, str], limits: Mapping[str, int]) -> list[str]:
    problems = [f"channels.{name} is missing" for name in CHANNELS if name not in texts]
    for name, text in texts.items():
        if unknown := sorted(set(PLACEHOLDER.findall(text)) - set(limits)):
            problems.append(f"channels.{name}: unknown {', '.join(unknown)}")
    return problems


def _inserts(document: Mapping[str, Any], limits: Mapping[str, int]) -> list[str]:
    """What is put into a placeholder must keep its limit."""
    rows = [
        (f"{table}.{key}", text, limits[table]) for table in ("what", "kind") for key, text in document[table].items()
    ]
    rows += [(f"words.{name}", document["words"][name], limits[place]) for name, place in _WORDS.items()]
    rows.append(("meta.date", PLACEHOLDER.sub("00", document["meta"]["date"]), limits["date"]))
    return [f"{where}: {units(text)} units, at most {most}" for where, text, most in rows if units(text) > most]
