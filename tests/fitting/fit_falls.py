"""Fits the fall models, and tells by cross-validation over people what they are worth.

    python tests/fitting/fit_falls.py DATA fit [--out gateway/rules/fall/models]
    python tests/fitting/fit_falls.py DATA blind --out tests/fitting/waist_without_umafall.json
    python tests/fitting/fit_falls.py DATA report
    python tests/fitting/fit_falls.py DATA strain

DATA holds the folders sisfall, umafall and weda-fall (docs/falls.md says where from). `blind` writes a file for
`hearthwatch replay --parameters` with a waist model that never saw UMAFall. The same data gives the same files.
"""

from __future__ import annotations

import argparse
import json
import math
import pickle
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from looks import Condition, Seen, Trial, looks, trials
from trees import fit, model_file

from gateway.rules.fall.model import MAX_BYTES, model_from_json

SETS = {
    "waist": (("sisfall", "waist"), ("umafall", "waist")),
    "chest": (("umafall", "chest"),),
    "wrist": (("weda-fall", "wrist"), ("umafall", "wrist")),
}
"""What each placement's model is fitted on."""

CHANCES = {"waist": (0.9, 0.65, 0.3), "chest": (0.9, 0.6, 0.3), "wrist": (0.93, 0.72, 0.3)}
"""Quiet, balanced, sensitive: chosen on the out-of-fold scores of `report`, never on what a model was fitted on."""
EASED = {"waist": (0.0, 0.0), "chest": (0.0, 0.0), "wrist": (1.3, 0.8)}
"""Less evidence is asked below 16 Hz, and of a range of 2 g (log-odds); chosen on out-of-fold scores as well."""

JUDGED = (Condition(25), Condition(20), Condition(12.5), Condition(25, 2.0), Condition(25, 4.0, 0.1))
FITTED = (
    *JUDGED,
    Condition(20, 16.0),
    Condition(25, 4, 0, True), Condition(25, 4, 0, True), Condition(20, 4, 0, True), Condition(12.5, 4, 0, True),
    Condition(25, 2, 0, True), Condition(25, 4, 0.1, True), Condition(25, 4, 0.1, True), Condition(50, 8, 0, True),
    Condition(20, 4, 0.05, True),
)  # fmt: skip
"""How each trial is heard for fitting: rates, ranges, packet loss, mountings."""
STRAINED = (
    Condition(25), Condition(25, turn=True), Condition(25, gain=0.95), Condition(25, gain=1.05),
    Condition(25, offset_g=0.05), Condition(25, jitter_ms=20), Condition(25, claims=0.97), Condition(25, claims=1.03),
)  # fmt: skip
"""What a sensor may have wrong, and no model was fitted on."""
FOLDS = 5
DRAWS = 1000  # of people, for the intervals


def heard(
    data: Path, name: str, placement: str, cache: Path | None = None, conditions: Sequence[Condition] = FITTED
) -> tuple[list[Trial], list[Seen]]:
    """A data set's trials and every look at them, under all conditions; kept in `cache`, if there is one."""
    strained = "-strained" if conditions == STRAINED else ""
    kept = cache / f"{name}-{placement}{strained}.pickle" if cache else None
    if kept is not None and kept.exists():
        return pickle.loads(kept.read_bytes())
    found = list(trials(data / name, placement))
    seen: list[Seen] = []
    for n, condition in enumerate(conditions):
        for trial in found:
            rng = np.random.default_rng([n, trial.number])
            seen += looks(trial, placement, condition, rng)
    print(f"{name} {placement}: {len(found)} trials, {len(seen)} looks", file=sys.stderr)
    for trial in found:
        trial.forget_signal()
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(pickle.dumps((found, seen)))
    return found, seen


def limits(placement: str) -> dict[str, float]:
    """The log-odds of a placement's three settings."""
    quiet, balanced, sensitive = (round(math.log(c / (1 - c)), 3) for c in CHANCES[placement])
    return {"quiet": quiet, "balanced": balanced, "sensitive": sensitive}


def made(placement: str, names: Iterable[str], seen: Sequence[Seen]) -> dict[str, object]:
    """A model file's content, checked by the rule's own reader."""
    content = model_file(placement, list(names), limits(placement), EASED[placement], fit(seen))
    model_from_json(content)
    return content


def write(path: Path, content: object) -> None:
    """As compact JSON, within the bound for a placement."""
    text = json.dumps(content, separators=(",", ":")) + "\n"
    if len(text) > MAX_BYTES:
        raise SystemExit(f"{path}: {len(text)} bytes, more than {MAX_BYTES}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(f"{path}: {len(text)} bytes", file=sys.stderr)


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("what", choices=("fit", "blind", "report", "strain"))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--cache", type=Path, help="keep the measured looks here; delete it when the rule changes")
    parser.add_argument("--placement", choices=tuple(SETS), action="append")
    args = parser.parse_args()
    if not (args.data / "sisfall").is_dir():
        raise SystemExit(f"{args.data}: no folder sisfall in it; see docs/falls.md for the data")
    if args.what == "fit":
        folder = args.out or Path("gateway/rules/fall/models")
        for placement in args.placement or SETS:
            seen = [s for name, where in SETS[placement] for s in heard(args.data, name, where, args.cache)[1]]
            write(folder / f"{placement}.json", made(placement, [n for n, _ in SETS[placement]], seen))
    elif args.what == "blind":
        content = made("waist", ["sisfall"], heard(args.data, "sisfall", "waist", args.cache)[1])
        write(args.out or Path("tests/fitting/waist_without_umafall.json"), {"fall_models": [content]})
    else:
        import report  # the slow part of the file's imports is not its own

        conditions = STRAINED if args.what == "strain" else JUDGED
        report.main(args.data, args.placement or list(SETS), args.cache, conditions)


if __name__ == "__main__":
    main()
