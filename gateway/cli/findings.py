"""What a check found, and how it is told: one line OK, WARN or FAIL with advice, or one JSON object for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Level(StrEnum):
    """OK works; WARN works less than it could, or cannot be known; FAIL does not work."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a check: of what, how it is, what was found, what to do."""

    what: str
    level: Level
    found: str
    advice: str = ""


def ok(what: str, found: str) -> Finding:
    """It works."""
    return Finding(what, Level.OK, found)


def warn(what: str, found: str, advice: str) -> Finding:
    """It works less than it could, or cannot be known."""
    return Finding(what, Level.WARN, found, advice)


def fail(what: str, found: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(what, Level.FAIL, found, advice)


STYLE: Final = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


def print_findings(findings: Sequence[Finding]) -> None:
    """For people: coloured where there is a terminal, plain where there is not."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    width = max((len(f.what) for f in findings), default=0)
    for finding in findings:
        line = Text(f"{finding.level:<4}", style=STYLE[finding.level])
        line.append(f"  {finding.what:<{width}}  ", style="default")
        line.append(finding.found, style="default")
        console.print(line)
        if finding.advice and finding.level is not Level.OK:
            console.print(Text(f"{'':<{width + 8}}→ {finding.advice}", style="dim"))


def as_json_text(findings: Sequence[Finding]) -> str:
    """For programs: `{"ok": bool, "checks": [{"what", "level", "found", "advice"}]}` on one line."""
    checks = [{"what": f.what, "level": f.level.value, "found": f.found, "advice": f.advice} for f in findings]
    good = not any(f.level is Level.FAIL for f in findings)
    return json.dumps({"ok": good, "checks": checks}, ensure_ascii=False)
