"""A measured figure, its goal and its yardstick; and how a benchmark hands them to the runner. No measuring here."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table. `least`: the goal is a floor and not a ceiling."""

    what: str
    value: float
    unit: str
    goal: float | None = None
    least: bool = False
    yardstick: float | None = None
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the goal is met; None without one."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.least else self.value <= self.goal


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def shown(value: float) -> str:
    """Three significant digits, no exponent; thousands as they are."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table that also reads well in a terminal."""
    rows = [("what", "measured", "goal", "holds", "yardstick", "ratio", "note")]
    for f in figures:
        goal = "" if f.goal is None else f"{'>=' if f.least else '<='} {shown(f.goal)}"
        holds = {None: "", True: "yes", False: "NO"}[f.holds]
        ratio = "" if not f.yardstick else f"{shown(f.value / f.yardstick)} x"
        yardstick = "" if f.yardstick is None else shown(f.yardstick)
        rows.append((f.what, f"{shown(f.value)} {f.unit}", goal, holds, yardstick, ratio, f.note))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


def hand_over(run: Callable[[], Sequence[Figure]]) -> None:
    """The end of every benchmark's file: JSON for the runner (`--json`), a table for a person."""
    figures = run()
    if "--json" in sys.argv:
        for figure in figures:
            print(json.dumps(asdict(figure)), flush=True)
    else:
        print(table(figures))
