"""What the learned notice of a long absence costs, and what it is worth to those who are taken for out.

    python tests/fitting/fit_absence.py DATA

DATA holds homes.json and its folders (../shared/data/homes). Three tables: the notices on the untouched streams of the
homes with an entrance sensor, by margin and days of learning, each home left out of the choice; the hours until a
notice of the accidents that `fit_inactivity.py` finds missed; and two stand-ins for what four homes cannot show, people
who are out for a night or more: a student's labelled absences, and the dry spells of a flat with nothing but a meter.
"""

from __future__ import annotations

import argparse
import copy
import csv
import gzip
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fit_inactivity import STOPS, quantile
from homes import (
    DAY,
    HOUR,
    Home,
    advanced,
    controller_time,
    milliseconds,
    moments,
    observation,
    read_rows,
    rule_of,
    unlived,
)

from gateway.rules.inactivity import Inactivity
from gateway.rules.inactivity.usual_absence import Terms, UsualAbsence

LEAST, MOST = 12 * HOUR, 24 * HOUR
MARGINS = (1.1, 1.25, 1.5, 2.0)
AFTER_DAYS = (7, 14)
IN_FORCE = (1.5, 14)
BUDGET = 0.5  # notices a home-month that nobody needed, beside those of the fixed day
DRY = 3 * HOUR  # a flat without a drop for so long stands for one that somebody left
STAND_INS = (("kasteren/houseB", "labelled away"), ("weusedto/naples_2019", "dry for 3 h and more"))
Choice = tuple[float, int]


@dataclass(frozen=True)
class Lived:
    """The notices of one home by one choice."""

    notices: int
    months: float  # in which a shorter notice was in force

    def __add__(self, other: Lived) -> Lived:
        return Lived(self.notices + other.notices, self.months + other.months)


def settings(choice: Choice | None) -> dict[str, float]:
    """The rule's settings; without a choice the fixed day."""
    if choice is None:
        return {"away__learned": 0}
    return {"away__learned_margin": choice[0], "away__learned_after_days": choice[1]}


def notices(home: Home, choice: Choice | None) -> Lived:
    """Lives through all of the home: every notice is one too many, for everybody came back."""
    rule = rule_of(home, **settings(choice))
    found, in_force, last = 0, 0, controller_time(home.rows[0].t)
    for row in home.rows:
        t = controller_time(row.t)
        found += sum(finding.code == "AWAY_TOO_LONG" for finding in advanced(rule, t - 1))
        in_force += (t - last) * (rule._absence.told(t)["learned"] is True)
        rule.observe(observation(row))
        last = t
    return Lived(found, in_force / DAY / 30.4)


def costs(found: Sequence[Home]) -> None:
    """Each home by what was chosen on the others: the shortest wait within the budget."""
    grid = list(itertools.product(MARGINS, AFTER_DAYS))
    plain = {home.name: notices(home, None) for home in found}
    table = {home.name: {choice: notices(home, choice) for choice in grid} for home in found}
    print("| home | by the fixed day | learned, chosen without it | 1.5 and 14 days (in force) |\n|---|---|---|---|")
    for home in found:
        others = {c: _more(table, plain, [o.name for o in found if o is not home], c) for c in grid}
        choice = next((c for c in grid if others[c] <= BUDGET), grid[-1])
        chosen, kept = table[home.name][choice], table[home.name][IN_FORCE]
        by = f"{told(chosen)} by {choice[0]:g} and {choice[1]} days"
        print(f"| {home.name} | {plain[home.name].notices} | {by} | {told(kept)} |")
    print("\n| margin | after days | notices more | a home-month in which it is in force |\n|---|---|---|---|")
    for choice in grid:
        whole = _all(table[h.name][choice] for h in found)
        more = whole.notices - sum(p.notices for p in plain.values())
        print(f"| {choice[0]:g} | {choice[1]} | {more} | {more / whole.months:.2f} of {whole.months:.2f} |")


def _more(
    table: dict[str, dict[Choice, Lived]], plain: dict[str, Lived], names: Iterable[str], choice: Choice
) -> float:
    names = list(names)
    lived = _all(table[name][choice] for name in names)
    return (lived.notices - sum(plain[name].notices for name in names)) / max(lived.months, 0.01)


def _all(parts: Iterable[Lived]) -> Lived:
    return sum(parts, Lived(0, 0.0))


def told(lived: Lived) -> str:
    return f"{lived.notices} in {lived.months:.2f} months"


def waits(home: Home) -> Iterator[tuple[float, float]]:
    """Hours until the notice of each accident taken for a departure: by the fixed day, and by what was learned."""
    rules = [rule_of(home, **settings(choice)) for choice in (None, IN_FORCE)]
    left = list(reversed(moments(home, STOPS)))
    for row in home.rows:
        while left and left[-1][0] <= row.t:
            t = controller_time(left.pop()[0])
            for rule in rules:
                list(advanced(rule, t))
            heard = [_first(rule, t) for rule in rules]
            if all(code == "AWAY_TOO_LONG" for code, _ in heard):
                yield heard[0][1], heard[1][1]
        for rule in rules:
            list(advanced(rule, controller_time(row.t) - 1))
            rule.observe(observation(row))


def _first(rule: Inactivity, t: int) -> tuple[str, float]:
    """What is said first if nothing is heard any more from `t` on, and after how many hours."""
    finding = next(advanced(copy.deepcopy(rule), t + 4 * DAY))
    return finding.code, (finding.t - t) / HOUR


def worth(found: Sequence[Home]) -> None:
    """How much sooner somebody is told of who lies behind a closed door."""
    print("\n| home | missed, of 400 | h until the notice, fixed day: median / longest | learned |\n|---|---|---|---|")
    both: list[tuple[float, float]] = []
    for home in found:
        hours = list(waits(home))
        both += hours
        _worth(home.name, hours)
    _worth("all", both)
    sooner = [fixed - learned for fixed, learned in both if learned < fixed]
    mean = sum(sooner) / max(len(sooner), 1)
    print(f"\n{len(sooner)} of {len(both)} sooner, by {mean:.1f} h on average")


def _worth(name: str, hours: Sequence[tuple[float, float]]) -> None:
    columns = [f"{quantile(c, 0.5):.1f} / {max(c):.1f}" for c in zip(*hours, strict=True)] or ["", ""]
    print(f"| {name} | {len(hours)} | {columns[0]} | {columns[1]} |", flush=True)


def stand_ins(data: Path) -> None:
    """Absences told of by something else than a door, as if a door had ended each."""
    print(
        "\n| stand-in | margin | 12 to 24 h, longer | notices more, in months | mean wait, h |\n|---|---|---|---|---|"
    )
    for (name, what), margin in itertools.product(STAND_INS, MARGINS):
        spells = list(_labelled(data / f"{name}.labels.csv.gz") if "labelled" in what else _dry(data, name))
        terms, usual, more, by_then = Terms(LEAST, MOST, margin, IN_FORCE[1]), UsualAbsence(), 0, []
        for began, ended in spells:
            wait = usual.wait_ms(began, terms)
            more += wait is not None and wait < ended - began < MOST
            by_then += [] if wait is None else [wait / HOUR]
            usual.ended(ended - began, ended, by_door=True, most_ms=MOST)
        months = max((spells[-1][1] - spells[0][0]) / DAY - IN_FORCE[1], 0) / 30.4
        long = sum(LEAST < b - a < MOST for a, b in spells), sum(b - a >= MOST for a, b in spells)
        mean = sum(by_then) / max(len(by_then), 1)
        of = f"{long[0]}, {long[1]} of {len(spells)}"
        print(f"| {name}, {what} | {margin:g} | {of} | {more} in {months:.1f} | {mean:.1f} |")


def _labelled(path: Path) -> Iterator[tuple[int, int]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if row["label"] == "away":
                yield milliseconds(row["start"]), milliseconds(row["end"])


def _dry(data: Path, name: str) -> Iterator[tuple[int, int]]:
    record = next(r for r in json.loads((data / "homes.json").read_text(encoding="utf-8")) if r["home"] == name)
    drawn = [row.t for row in read_rows(data, record) if row.kind == "water" and row.value > 0]
    return ((a, b) for a, b in itertools.pairwise(drawn) if b - a > DRY)


def main() -> None:
    """The three tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    options = parser.parse_args()
    found = [home for home in unlived(options.data) if home.exit_sensor]
    costs(found)
    worth(found)
    stand_ins(options.data)


if __name__ == "__main__":
    main()
