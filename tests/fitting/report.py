"""What the fall models are worth on people they have not seen: cross-validation over people, with intervals.

Prints one line a set, condition and setting: sensitivity, specificity, false alarms an hour of scripted activities
(and the elders' specificity), each with its 95 % interval by drawing people anew.
All falls are acted: this is not what a home will see.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from fit_falls import CHANCES, DRAWS, EASED, FOLDS, JUDGED, SETS, heard
from looks import Condition, Seen, Trial
from trees import fit, model_file

from gateway.rules.fall.model import SETTINGS, Model, model_from_json

Scores = dict[int, float]


def main(data: Path, placements: Sequence[str], cache: Path | None) -> None:
    """The whole table."""
    print("set placement condition setting | sensitivity | specificity | false alarms/h | elders' specificity")
    for placement in placements:
        sets = {name: heard(data, name, where, cache) for name, where in SETS[placement]}
        for name, (found, seen) in sets.items():
            others = [s for n, (_, rows) in sets.items() if n != name for s in rows]
            table(f"{name} {placement}", placement, found, cross_validated(placement, found, seen, others))
    if "waist" in placements:
        blind = judge("waist", heard(data, "sisfall", "waist", cache)[1])
        found, seen = heard(data, "umafall", "waist", cache)
        table("umafall waist (never saw UMAFall)", "waist", found, {c: best(found, seen, c, blind) for c in JUDGED})


def judge(placement: str, seen: Sequence[Seen]) -> Model:
    """A model fitted on these looks, as the rule would load it."""
    return model_from_json(model_file(placement, [], dict.fromkeys(SETTINGS, 0.0), EASED[placement], fit(seen)))


def cross_validated(
    placement: str, found: Sequence[Trial], seen: Sequence[Seen], others: Sequence[Seen]
) -> dict[Condition, Scores]:
    """Each trial's score by a model that saw nothing of its person."""
    people = sorted({t.subject for t in found})
    np.random.default_rng(0).shuffle(people)
    fold = {person: n % FOLDS for n, person in enumerate(people)}
    scores: dict[Condition, Scores] = {c: {} for c in JUDGED}
    for n in range(FOLDS):
        model = judge(placement, [*(s for s in seen if fold[s.subject] != n), *others])
        mine = [t for t in found if fold[t.subject] == n]
        for condition in JUDGED:
            scores[condition] |= best(mine, [s for s in seen if fold[s.subject] == n], condition, model)
    return scores


def best(found: Sequence[Trial], seen: Sequence[Seen], condition: Condition, model: Model) -> Scores:
    """The highest score of each trial's looks; in a fall's trial only of those in time."""
    scores = {t.number: -math.inf for t in found}
    for s in seen:
        if s.condition == condition and (s.in_time or not s.is_fall):
            scores[s.trial] = max(scores[s.trial], model.judge(s.features).score + model.ease(s.features))
    return scores


def table(name: str, placement: str, found: Sequence[Trial], scores: dict[Condition, Scores]) -> None:
    """Three lines a condition."""
    for condition, score in scores.items():
        for setting, chance in zip(SETTINGS, CHANCES[placement], strict=True):
            c = condition
            label = f"{name} {c.hz:g} Hz +-{c.clip_g:g} g" + (f" {c.drop:.0%} lost" if c.drop else "")
            print(f"{label:50} {setting:9} | {figures(found, score, math.log(chance / (1 - chance)))}", flush=True)


def figures(found: Sequence[Trial], score: Scores, limit: float) -> str:
    """Sensitivity, specificity, false alarms an hour, elders' specificity, with intervals over people."""
    by: dict[str, list[float]] = {}
    for t in found:
        row = by.setdefault(t.subject, [0.0] * 7)
        alarm = score[t.number] >= limit
        row[0] += t.is_fall
        row[1] += t.is_fall and alarm
        row[2] += not t.is_fall
        row[3] += not t.is_fall and alarm
        row[4] += 0 if t.is_fall else t.hours
        row[5] += not t.is_fall and t.age >= 60
        row[6] += not t.is_fall and t.age >= 60 and alarm
    rows = np.array(list(by.values()))
    rng = np.random.default_rng(0)
    drawn = np.array([rows[rng.integers(0, len(rows), len(rows))].sum(0) for _ in range(DRAWS)])
    all_ = rows.sum(0)[None]

    def show(top: int, bottom: int, scale: float, less: bool) -> str:
        def value(r: np.ndarray) -> np.ndarray:
            with np.errstate(divide="ignore", invalid="ignore"):
                share = r[:, top] / r[:, bottom]
            return 100 * (1 - share) if less else scale * share

        low, high = np.nanpercentile(value(drawn), [2.5, 97.5]) if all_[0, bottom] else (math.nan, math.nan)
        return f"{value(all_)[0]:6.2f} ({low:.1f}-{high:.1f})"

    return " | ".join([show(1, 0, 100, False), show(3, 2, 100, True), show(3, 4, 1, False), show(6, 5, 100, True)])
