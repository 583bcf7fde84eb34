"""What the fall models are worth on people they have not seen: cross-validation over people, with intervals.

Prints one line a set, condition and setting: sensitivity, specificity, false alarms an hour of scripted activities
(and the elders' specificity), each with its 95 % interval by drawing people anew, and the delay that 95 of 100 falls
keep. All falls are acted: this is not what a home will see.
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

Scores = dict[int, list[tuple[float, float]]]
"""Of each trial: when each of its looks was decided (s), and its score."""
APART_S = 10.0  # alarms nearer to one another are one, as for tools/score_falls.py


def main(data: Path, placements: Sequence[str], cache: Path | None, conditions: Sequence[Condition] = JUDGED) -> None:
    """The whole table."""
    print("set placement condition setting | sensitivity | specificity | false alarms/h | elders' specificity | p95 s")
    for placement in placements:
        sets = {name: heard(data, name, where, cache) for name, where in SETS[placement]}
        for name, (found, seen) in sets.items():
            others = [s for n, (_, rows) in sets.items() if n != name for s in rows]
            judged = seen if conditions == JUDGED else heard(data, name, placement, cache, conditions)[1]
            scores = cross_validated(found, judged, conditions, fold_models(placement, found, seen, others))
            table(f"{name} {placement}", placement, found, scores)
    if "waist" in placements and conditions == JUDGED:
        blind = judge("waist", heard(data, "sisfall", "waist", cache)[1])
        found, seen = heard(data, "umafall", "waist", cache)
        scores = cross_validated(found, seen, conditions, dict.fromkeys({t.subject for t in found}, blind))
        table("umafall waist (never saw UMAFall)", "waist", found, scores)


def judge(placement: str, seen: Sequence[Seen]) -> Model:
    """A model fitted on these looks, as the rule would load it."""
    return model_from_json(model_file(placement, [], dict.fromkeys(SETTINGS, 0.0), EASED[placement], fit(seen)))


def fold_models(
    placement: str, found: Sequence[Trial], seen: Sequence[Seen], others: Sequence[Seen]
) -> dict[str, Model]:
    """For each person of a set a model that saw nothing of them."""
    people = sorted({t.subject for t in found})
    np.random.default_rng(0).shuffle(people)
    models: dict[str, Model] = {}
    for n in range(FOLDS):
        mine = people[n::FOLDS]
        model = judge(placement, [*(s for s in seen if s.subject not in mine), *others])
        models |= dict.fromkeys(mine, model)
    return models


def cross_validated(
    found: Sequence[Trial], seen: Sequence[Seen], conditions: Sequence[Condition], models: dict[str, Model]
) -> dict[Condition, Scores]:
    """What each look's own model makes of it, by condition and trial; in a fall's trial only of those in time."""
    scores: dict[Condition, Scores] = {c: {t.number: [] for t in found} for c in conditions}
    for s in seen:
        if s.condition in scores and (s.in_time or not s.is_fall):
            model = models[s.subject]
            score = model.judge(s.features).score + model.ease(s.features)
            scores[s.condition][s.trial].append((s.decided_s, score))
    return scores


def table(name: str, placement: str, found: Sequence[Trial], scores: dict[Condition, Scores]) -> None:
    """Three lines a condition."""
    for condition, score in scores.items():
        for setting, chance in zip(SETTINGS, CHANCES[placement], strict=True):
            label = f"{name} {condition}"
            print(f"{label:60} {setting:9} | {figures(found, score, math.log(chance / (1 - chance)))}", flush=True)


def figures(found: Sequence[Trial], scores: Scores, limit: float) -> str:
    """Sensitivity, specificity, false alarms an hour, elders' specificity with intervals over people; delay p95."""
    by: dict[str, list[float]] = {}
    delays = []
    for t in found:
        row = by.setdefault(t.subject, [0.0] * 8)
        alarms = sorted(decided for decided, score in scores[t.number] if score >= limit)
        alarm = bool(alarms)
        row[0] += t.is_fall
        row[1] += t.is_fall and alarm
        row[2] += not t.is_fall
        row[3] += not t.is_fall and alarm
        row[4] += 0 if t.is_fall else t.hours
        row[5] += not t.is_fall and t.age >= 60
        row[6] += not t.is_fall and t.age >= 60 and alarm
        row[7] += 0 if t.is_fall else _apart(alarms)
        if t.is_fall and alarm:
            assert t.impact_s is not None
            delays.append(alarms[0] - t.impact_s)
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

    parts = [show(1, 0, 100, False), show(3, 2, 100, True), show(7, 4, 1, False), show(6, 5, 100, True)]
    return " | ".join([*parts, f"{np.percentile(delays, 95):.2f}" if delays else "-"])


def _apart(alarms: Sequence[float]) -> int:
    """How many alarms these are, those within `APART_S` of the one before being the same."""
    count, last = 0, -math.inf
    for at in alarms:
        if at - last >= APART_S:
            count, last = count + 1, at
    return count
