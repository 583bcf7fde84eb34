"""In whole simulated lives, crashes and recovery included, no rule's moment is remembered later than the rule says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sim_invariants import judge
from sim_story import write
from sim_world import World

from gateway.controller import Controller

DAYS = 10
SEEDS = range(5_000, 5_006)
SLOW_SEEDS = range(5_100, 5_160)


class Onlooker:
    """Asks every rule after each word and each rebuilt entry, and compares."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.looks: dict[str, int] = {}
        self.late: list[str] = []
        for verb in ("handle", "advance", "rebuild", "rebuilt"):
            patch.setattr(Controller, verb, self._watched(verb, getattr(Controller, verb)))

    def _watched(self, verb: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def watched(controller: Controller, *args: Any) -> Any:
            result = original(controller, *args)
            self.looks[verb] = self.looks.get(verb, 0) + 1
            self.late += [f"after {verb} at {controller.t}: {late}" for late in controller.dues.too_late()]
            return result

        return watched


def lived(seeds: range, patch: pytest.MonkeyPatch) -> Onlooker:
    onlooker = Onlooker(patch)
    for seed in seeds:
        assert judge(World(write(seed, DAYS)).run()) == []
        assert onlooker.late[:5] == [], f"seed {seed}"
    return onlooker


def test_no_moment_is_remembered_too_late_in_a_whole_life(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = lived(SEEDS, monkeypatch).looks
    assert looks["handle"] > 10_000
    assert looks["rebuild"] > 500
    assert looks["rebuilt"] > 5


@pytest.mark.slow
def test_nor_in_many_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lived(SLOW_SEEDS, monkeypatch).looks["handle"] > 100_000
