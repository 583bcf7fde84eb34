"""Whole homes on a virtual clock: days of a resident's life, the machine's bad luck, the invariants over every history.

A failing seed prints itself, a short story, and a recording for `hearthwatch replay`. `make simulate` runs for longer.
"""

from __future__ import annotations

import time
from math import inf
from pathlib import Path

import pytest
from sim_history import Woke
from sim_invariants import judge
from sim_shrink import judged, recorded, report, shrink, told
from sim_story import write
from sim_twins import TWINS
from sim_world import World

DAYS = 10  # of one home
HOME_DAYS = 200
SLOW_HOME_DAYS = 2_000
SLOW_S = 240.0  # on a busy machine fewer are lived, and how many is said
FEWEST_SLOW_HOME_DAYS = 400
TWIN_DAYS = 8
FIRST_SLOW_SEED = 10_000
TOO_LONG_S = 600  # must never strike: pytest's signal inside a life would look like the gateway's accident


def seeds(asked: int | None, home_days: int, first: int = 0) -> range:
    return range(asked, asked + 1) if asked is not None else range(first, first + max(1, home_days // DAYS))


def live(numbers: range, folder: Path, most_s: float = inf) -> int:
    """Lives every seed's story, as many as `most_s` allows; fails with a readable one. Returns the home-days lived."""
    started, until, days = time.process_time(), time.monotonic() + most_s, 0
    for seed in numbers:
        if time.monotonic() > until:
            break
        story = write(seed, DAYS)
        if judged(story):
            pytest.fail(report(story, judged, folder), pytrace=False)
        days += DAYS
    print(f"\n{days} home-days, {days / (time.process_time() - started) * 60:.0f} a minute of CPU")
    return days


def test_the_invariants_hold_over_hundreds_of_home_days(
    sim_seed: int | None, sim_days: int | None, tmp_path: Path
) -> None:
    assert live(seeds(sim_seed, sim_days or HOME_DAYS), tmp_path) > 0


@pytest.mark.slow
@pytest.mark.timeout(TOO_LONG_S)
def test_the_invariants_hold_over_thousands_of_home_days(sim_days: int | None, tmp_path: Path) -> None:
    asked = sim_days or SLOW_HOME_DAYS
    assert live(seeds(None, asked, FIRST_SLOW_SEED), tmp_path, SLOW_S) >= min(asked, FEWEST_SLOW_HOME_DAYS)


@pytest.mark.slow
@pytest.mark.timeout(TOO_LONG_S)
@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.__name__)
def test_what_must_make_no_difference_makes_none(twin: object, sim_seed: int | None, tmp_path: Path) -> None:
    """Invariants (v) and (vi): the same story with wall-clock steps and without, with the platform and without."""
    for seed in seeds(sim_seed, 4 * DAYS, 500):
        story = write(seed, TWIN_DAYS)
        if twin(story):  # type: ignore[operator]
            pytest.fail(report(story, twin, tmp_path), pytrace=False)  # type: ignore[arg-type]


def test_the_same_seed_tells_the_same_story() -> None:
    one, other = World(write(7, DAYS)).run(), World(write(7, DAYS)).run()
    assert repr(one.items) == repr(other.items)
    assert one.transitions()


def test_the_stories_are_worth_judging() -> None:
    """A simulation in which nothing goes wrong proves nothing: crashes, losses, raised alarms, answers must occur."""
    worlds = [World(write(seed, DAYS)) for seed in range(6)]
    histories = [world.run() for world in worlds]
    reasons = {reason for h in histories for _, _, _, reason in h.transitions()}
    wakings = [i for h in histories for i in h.items if isinstance(i, Woke)]
    assert {w.how for w in wakings} == {"first", "kill", "cut"}
    assert sum(world.disk.lost_at_crash for world in worlds) > 0
    assert {True, False} == {w.right for w in wakings if w.how == "cut"}
    assert {"not_cancelled", "cancelled_by_elder", "no_activity", "no_answer", "accepted_by_sms"} <= reasons
    late = [
        (d.observation.key, h.seed) for h in histories for d in h.decisions() if "held:" in (d.observation.key or "")
    ]
    assert len(set(late)) < len(late), "what was held is told again where its commit was not known"
    assert {"nobody_accepted", "nobody_came", "accepted_by_platform", "closed", "activity"} <= reasons


def test_every_mutation_still_finds_what_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow lane lives with each; that a renamed function left one behind is seen here."""
    from sim_mutations import MUTATIONS

    assert len(MUTATIONS) >= 10
    for mutation in MUTATIONS:
        with monkeypatch.context() as patch:
            mutation.apply(patch)


def test_a_failing_seed_shrinks_to_a_story_a_person_can_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from sim_mutations import MUTATIONS

    next(m for m in MUTATIONS if m.name == "cancel_ends_raised").apply(monkeypatch)
    story = next(s for s in (write(seed, DAYS) for seed in range(12, 50)) if judged(s))
    shorter, violation = shrink(story, judged, budget_s=40)
    assert violation.invariant.startswith("ii")
    assert len(shorter.happenings) <= 12 < len(story.happenings)
    text = told(shorter, violation, World(shorter).run())
    assert f"seed {story.seed}" in text
    assert "press" in text
    assert len(text.splitlines()) < 70


def test_a_history_becomes_a_recording_that_replay_tells_again(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from gateway.cli.replay import command

    story = write(3, DAYS)
    history = World(story).run()
    assert judge(history) == []
    path = recorded(history, tmp_path / "story.jsonl")
    result = CliRunner().invoke(command, [str(path)])
    assert result.exit_code == 0
    assert result.stdout.count('"state":"RAISED"') == sum(s == "RAISED" for _, _, s, _ in history.transitions())
