"""A model that weighs a moment's features: boosted trees, small enough to read, exact about what each feature did.

Evaluated without numpy. Every node carries the mean of the examples that reached it, so a path's steps add up to the
score feature by feature: the contributions in an alarm's evidence are the whole of it, not an approximation.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from gateway.rules.fall.features import NAMES

VERSION: Final = 1
MAX_TREES: Final = 500
MAX_NODES: Final = 63  # a tree of depth five
MAX_BYTES: Final = 100_000
SETTINGS: Final = ("quiet", "balanced", "sensitive")
"""Points on the model's one curve, in the order of `fall.sensitivity` 0, 1, 2."""
SLOW_HZ: Final = 16.0
_RANGE_2G: Final = (1.9, 2.1)  # g: what the greatest reading of a +-2 g sensor is in a fall
_RATE: Final = NAMES.index("rate_hz")
_TOP: Final = NAMES.index("top_axis_g")
_LIMIT: Final = 1e6
_LEAF: Final = -1


class BadModel(ValueError):
    """A model file that is not one. The text says what was found and expected."""


@dataclass(frozen=True, slots=True)
class Tree:
    """Nodes in order of a walk that goes left first: the left child follows its parent, `right` names the other."""

    feature: tuple[int, ...]  # index into NAMES, -1 in a leaf
    limit: tuple[float, ...]  # left where the feature is at most this
    right: tuple[int, ...]
    value: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The log-odds of a fall and what each feature gave or took; with `base` they add up to `score`."""

    score: float
    base: float
    gave: dict[str, float]


@dataclass(frozen=True, slots=True)
class Model:
    """One placement's model. `limits`: log-odds from which a moment is a fall, for quiet, balanced, sensitive.

    `eased`: so much less is asked of a slow sensor (below `SLOW_HZ`) and of one whose range ends at 2 g: their peaks
    are blunt, and at the same bar they would find less than their share.
    """

    placement: str
    fitted_on: tuple[str, ...]
    limits: tuple[float, float, float]
    trees: tuple[Tree, ...]
    eased: tuple[float, float] = (0.0, 0.0)

    def limit(self, sensitivity: float) -> float:
        """The log-odds that `fall.sensitivity` (0 quiet, 1 balanced, 2 sensitive, and between) asks for."""
        quiet, balanced, sensitive = self.limits
        if sensitivity <= 1:
            return quiet + (balanced - quiet) * max(0.0, sensitivity)
        return balanced + (sensitive - balanced) * (min(2.0, sensitivity) - 1)

    def ease(self, features: Sequence[float]) -> float:
        """How much lower the bar is for the sensor that these features come from."""
        slow, short = self.eased
        blunt = _RANGE_2G[0] <= features[_TOP] <= _RANGE_2G[1]
        return (slow if features[_RATE] < SLOW_HZ else 0.0) + (short if blunt else 0.0)

    def judge(self, features: Sequence[float]) -> Verdict:
        """Weighs the features, given in the order of `NAMES`."""
        gave = [0.0] * len(NAMES)
        score = base = 0.0
        for tree in self.trees:
            node, (feature, limit, right, value) = 0, (tree.feature, tree.limit, tree.right, tree.value)
            base += value[0]
            while (f := feature[node]) != _LEAF:
                below = node + 1 if features[f] <= limit[node] else right[node]
                gave[f] += value[below] - value[node]
                node = below
            score += value[node]
        return Verdict(score, base, {n: g for n, g in zip(NAMES, gave, strict=True) if g})


def chance(score: float) -> float:
    """Log-odds as a number between 0 and 1, for people: what share of such acted moments were falls."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))


def model_from_json(data: Any) -> Model:
    """A model from its file's JSON; raises `BadModel`."""
    if not isinstance(data, Mapping) or data.get("fall_model") != VERSION:
        raise BadModel(f"fall model: expected fall_model={VERSION}")
    placement, limits, trees = data.get("placement"), data.get("limits"), data.get("trees")
    if placement not in ("waist", "chest", "wrist"):
        raise BadModel("fall model: placement: expected waist, chest or wrist")
    if not isinstance(limits, Mapping) or not all(_number(limits.get(name)) for name in SETTINGS):
        raise BadModel(f"fall model: limits: expected numbers for {', '.join(SETTINGS)}")
    quiet, balanced, sensitive = (float(limits[name]) for name in SETTINGS)
    if not quiet >= balanced >= sensitive:
        raise BadModel("fall model: limits: expected quiet >= balanced >= sensitive")
    names = data.get("features")
    if not isinstance(names, list) or not names or not all(name in NAMES for name in names):
        raise BadModel("fall model: features: expected names of features that are measured")
    if not isinstance(trees, list) or not 1 <= len(trees) <= MAX_TREES:
        raise BadModel(f"fall model: trees: expected 1 to {MAX_TREES}")
    order = [NAMES.index(name) for name in names]
    fitted = data.get("fitted_on", [])
    known = tuple(str(each)[:64] for each in fitted[:10]) if isinstance(fitted, list) else ()
    eased = data.get("eased", [0, 0])
    if not (isinstance(eased, list) and len(eased) == 2 and all(_number(x) and x >= 0 for x in eased)):
        raise BadModel("fall model: eased: expected two numbers from 0 on")
    made = tuple(_tree(tree, order) for tree in trees)
    return Model(placement, known, (quiet, balanced, sensitive), made, (float(eased[0]), float(eased[1])))


def _tree(rows: Any, order: list[int]) -> Tree:
    """A tree from its four columns. Children come after their parents, so a walk always ends."""
    if not (isinstance(rows, list) and len(rows) == 4 and all(isinstance(column, list) for column in rows)):
        raise BadModel("fall model: tree: expected four lists")
    feature, limit, right, value = rows
    size = len(feature)
    if not 1 <= size <= MAX_NODES or not all(len(column) == size for column in rows):
        raise BadModel(f"fall model: tree: expected 1 to {MAX_NODES} nodes, and as many of each")
    if not all(_number(x) for x in (*limit, *value)):
        raise BadModel("fall model: tree: limits and values: expected numbers")
    for node, (f, r) in enumerate(zip(feature, right, strict=True)):
        if not (_whole(f) and _whole(r) and _LEAF <= f < len(order)):
            raise BadModel("fall model: tree: expected the number of a feature, or -1")
        if f != _LEAF and not node + 1 < r < size:
            raise BadModel("fall model: tree: right: expected a node further down")
    if feature[-1] != _LEAF:
        raise BadModel("fall model: tree: ends in no leaf")
    return Tree(
        tuple(_LEAF if f == _LEAF else order[f] for f in feature),
        tuple(float(x) for x in limit),
        tuple(right),
        tuple(float(x) for x in value),
    )


def _number(x: Any) -> bool:
    return isinstance(x, (int, float)) and not isinstance(x, bool) and -_LIMIT <= x <= _LIMIT


def _whole(x: Any) -> bool:
    return isinstance(x, int) and not isinstance(x, bool)


@cache
def shipped(placement: str) -> Model:
    """The model that comes with the program. Part of it like its code: read once, never changed."""
    text = resources.files(__package__).joinpath("models", f"{placement}.json").read_text(encoding="utf-8")
    return model_from_json(json.loads(text))
