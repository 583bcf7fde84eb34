"""`hearthwatch rules-doc`: prints docs/rules.md, made from what each rule declares and from the table of parameters."""

from __future__ import annotations

from collections.abc import Iterable

import click

from gateway.alarms.codes import CODES
from gateway.parameters import TABLE, Parameter
from gateway.rules.civil import CivilTime
from gateway.rules.declared import ANY_CONDITION
from gateway.rules.rule import Rule
from gateway.rules.table import all_rules

INTRODUCTION = """# The rules

Each rule in the order it is asked: what it does, what it needs, what it may say, and the numbers that can be set
(`hearthwatch home set setting NAME=VALUE`; tried out on a recording with `replay --set NAME=VALUE`). Sources: T-… and
domain are the requirements' pages, [P] is a value of ours, [R-…] recalled and not looked up, others as named. How each
stands in a home, and what it has learned: `hearthwatch rules`.

This page is generated from what the rules declare: `hearthwatch rules-doc > docs/rules.md`."""


@click.command("rules-doc", hidden=True)
def command() -> None:
    """Prints docs/rules.md: `hearthwatch rules-doc > docs/rules.md`."""
    click.echo(documentation(), nl=False)


def documentation() -> str:
    """The page `docs/rules.md`."""
    rules = all_rules(CivilTime())
    read = {name for rule in rules for name in rule.declared.reads}
    lines = [INTRODUCTION]
    for rule in rules:
        lines += ["", f"## `{rule.name}`", "", *_declared(rule)]
    rest = [p for name, p in TABLE.items() if name not in read]
    lines += ["", "## Numbers of the alarm flows", "", "Read by no rule, but by what is done about their findings."]
    return "\n".join([*lines, "", *_table(rest)]) + "\n"


def _declared(rule: Rule) -> list[str]:
    declared = rule.declared
    needs = [*declared.needs]
    if declared.consent:
        needs.append(f"consent {declared.consent}")
    if declared.clock:
        needs.append("a trusted hour")
    says = [_code(code) for code in declared.says]
    lines = [f"{declared.does[:1].upper()}{declared.does[1:]}.", ""]
    lines.append(f"- Needs: {'; '.join(needs)}.")
    lines.append(f"- Says: {', '.join(says)}." if says else "- Says: texts at home and to contacts; no alarm.")
    numbers = [TABLE[name] for name in declared.reads]
    return [*lines, "", *_table(numbers)] if numbers else lines


def _code(code: str) -> str:
    return "every technical condition" if code == ANY_CONDITION else f"{code} ({CODES[code].severity.value})"


def _table(numbers: Iterable[Parameter]) -> list[str]:
    rows = ["| setting | default | unit | range | source | |", "|---|---|---|---|---|---|"]
    for p in numbers:
        span = f"{_number(p.low)} to {_number(p.high)}"
        cells = (f"`{p.name}`", _number(p.default), p.unit, span, p.source, p.meaning)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return rows


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else f"{value:g}"
