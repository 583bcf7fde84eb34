"""Every deliberate mistake is caught, by the invariant it breaks, within a bounded number of home-days."""

from __future__ import annotations

from pathlib import Path

import pytest
from sim_history import Violation
from sim_invariants import judge
from sim_mutations import MUTATIONS, Mutation
from sim_story import write
from sim_twins import TWINS
from sim_world import World

pytestmark = pytest.mark.slow

DAYS = 10
MOST_HOME_DAYS = 400


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
def test_a_mutation_is_caught(mutation: Mutation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mutation.apply(monkeypatch)
    names: set[str] = set()
    for lived in range(MOST_HOME_DAYS // DAYS):
        story = write(lived, DAYS)
        found: list[Violation] = []
        found = [v for twin in TWINS for v in twin(story)] if mutation.twin else judge(World(story).run())
        names |= {v.invariant for v in found}
        if any(name.startswith(mutation.seen_as) for name in names):
            print(f"\n{mutation.name}: caught by {sorted(names)} within {(lived + 1) * DAYS} home-days")
            return
    pytest.fail(f"{mutation.name} ({mutation.breaks}) lived {MOST_HOME_DAYS} home-days unseen; seen: {names}")
