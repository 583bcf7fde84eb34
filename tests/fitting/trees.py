"""Fits boosted trees to looks and writes them as the rule's model files. Needs lightgbm (`pip install -e .[fit]`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightgbm
import numpy as np
from looks import Seen

from gateway.rules.fall.features import NAMES

SETTINGS: dict[str, Any] = {
    "objective": "binary",
    "n_estimators": 150,
    "learning_rate": 0.06,
    "num_leaves": 8,
    "max_depth": 4,
    "min_child_samples": 30,
    "subsample": 0.7,
    "subsample_freq": 1,
    "colsample_bytree": 0.5,
    "reg_lambda": 5.0,
    "random_state": 1,
    "deterministic": True,
    "force_row_wise": True,
    "n_jobs": 1,
    "verbose": -1,
}
"""Small and shallow on purpose: a second's fit, 60 KB, and little room to learn the people of a set by heart."""


COARSE = 5.0
"""How much more the looks of slow and short-ranged sensors weigh: they are few of `FITTED`, and the hardest."""


def fit(seen: Sequence[Seen]) -> list[list[list[Any]]]:
    """The trees of a model fitted on these looks, those left out that are no example of anything.

    A blow that a higher one followed is judged but not learned from: with both the same act weighs twice, and at
    WEDA-FALL's wrist one fall in a hundred more was missed (cross-validated).
    """
    rows = [s for s in seen if s.positive is not None and not s.surpassed]
    x = np.array([s.features for s in rows])
    y = np.array([int(bool(s.positive)) for s in rows])
    coarse = [COARSE if s.condition.hz < 15 or s.condition.clip_g < 3 else 1.0 for s in rows]
    booster = lightgbm.LGBMClassifier(**SETTINGS).fit(x, y, sample_weight=coarse).booster_
    return [_columns(tree["tree_structure"]) for tree in booster.dump_model()["tree_info"]]


def _columns(root: dict[str, Any]) -> list[list[Any]]:
    """A tree as four columns, left child first (see gateway.rules.fall.model)."""
    feature: list[int] = []
    limit: list[float] = []
    right: list[int] = []
    value: list[float] = []

    def add(node: dict[str, Any]) -> None:
        at = len(feature)
        leaf = "leaf_value" in node
        feature.append(-1 if leaf else node["split_feature"])
        limit.append(0 if leaf else round(node["threshold"], 4))
        right.append(0)
        value.append(round(node["leaf_value"] if leaf else node["internal_value"], 4))
        if not leaf:
            add(node["left_child"])
            right[at] = len(feature)
            add(node["right_child"])

    add(root)
    return [feature, limit, right, value]


def model_file(
    placement: str,
    fitted_on: Sequence[str],
    limits: dict[str, float],
    eased: Sequence[float],
    trees: list[list[list[Any]]],
) -> dict[str, Any]:
    """What is written to a model file."""
    return {
        "fall_model": 1,
        "placement": placement,
        "fitted_on": list(fitted_on),
        "limits": limits,
        "eased": list(eased),
        "features": list(NAMES),
        "trees": trees,
    }
