"""Whole nights with detectors, P2, tests and mutes, through crashes, dead paths and answers: all invariants hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sim_history import Decided
from sim_invariants import judge
from sim_nights import NIGHTLY, judge_nights, write_nights
from sim_world import World

from gateway.alarms import truth
from gateway.alarms.chain import Chain
from gateway.alarms.desk import Desk
from gateway.alarms.quiet import Quiet
from gateway.alarms.trial import Trial
from gateway.rules.stove import Stove

DAYS = 5
MISTAKE_SEEDS = (4, 3, 8, 0, 1, 6, 7, 2, 5, 14, 15)  # busy and quick ones first; the last two text outside hours


def complaints(seed: int) -> list[str]:
    history = World(write_nights(seed, DAYS)).run()
    return [f"seed {seed}: {v.invariant}: {v.text} ({v.true_ms})" for v in judge(history) + judge_nights(history)]


@pytest.mark.parametrize("seed", range(6))
def test_nights_with_detectors_tests_and_mutes_keep_every_invariant(seed: int, sim_seed: int | None) -> None:
    assert complaints(seed if sim_seed is None else sim_seed) == []


def test_the_nights_are_worth_judging() -> None:
    seen: set[str] = set()
    for seed in (0, 1, 4, 8, 17):
        for item in World(write_nights(seed, DAYS)).run().items:
            if isinstance(item, Decided):
                seen |= {e.what for e in item.events} | {e.reason for e in item.events}
                seen |= {e.patch["code"] for e in item.events if e.what == "opened"}
                seen |= {a.body["reason"] for a in item.actions if a.kind == "publish" and "reason" in a.body}  # type: ignore[union-attr]
    assert {"SMOKE", "GAS", "CO", "FLOOD", "TEMP_LOW", "TEST_MANUAL"} <= seen
    assert {"deferred", "persisting", "eased", "detected"} <= seen
    assert "test_wanted" in seen
    assert {"STOVE_ON", "stove_on", "switched_off", "outside_hours", "all_declined"} <= seen
    assert {"test_unanswered", "unanswered"} <= seen
    assert seen & {"test_pressed", "test_not_pressed"}
    assert seen & {"test_too_often", "test_at_night", "alarm_open", "test_underway"}


@dataclass(frozen=True, slots=True)
class Mistake:
    """What somebody could get wrong about the nights; `judge` is the name of what must notice."""

    name: str
    judge: str
    apply: Callable[[pytest.MonkeyPatch], None]


def _no(patch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
    patch.setattr(owner, name, lambda *_, **__: False)


def _nothing(patch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
    patch.setattr(owner, name, lambda *_, **__: None)


def _stove(**wrong: int) -> Callable[[pytest.MonkeyPatch], None]:
    """A stove whose count is settled with other numbers than the home's."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        configure = Stove.configure

        def with_others(self: Stove, home: Any, parameters: Any, t: int) -> Any:
            signals = configure(self, home, parameters, t)
            for name, value in wrong.items():
                setattr(self, name, value)
            return signals

        patch.setattr(Stove, "configure", with_others)

    return apply


def _stove_never_asks(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Stove, "advance", lambda self, t: setattr(self, "_due", None) or ())


def _hours_hold_for_life(patch: pytest.MonkeyPatch) -> None:
    listed = Chain._listed

    def callable_(self: Chain, alarm: Any, t: int) -> Any:
        able = listed(self, alarm)
        return [c for c in able if not self._tell.quiet.disturbs(c, t)] or able

    patch.setattr(Chain, "callable", callable_)


def _a_failed_test_is_praised(patch: pytest.MonkeyPatch) -> None:
    ends = Trial.unanswered

    def praised(self: Trial, alarm: Any, t: int, *more: Any) -> None:
        ends(self, alarm, t, *more)
        self._tell.say(alarm, t, "V16")

    patch.setattr(Trial, "unanswered", praised)


def _a_test_stays(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        Trial, "unanswered", lambda self, alarm, t, *_: self._record.do(alarm, t, "x", "x", timers={"end": None})
    )


def _one_contact_of_smoke(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Chain, "_tell_all", Chain.tell_next)


def _whoever_goes_is_still_asked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(truth, "_to_who_goes", lambda action, alarm: alarm.accepted_by == action.contact)


MISTAKES = (
    Mistake("no_night", "night", lambda patch: _no(patch, Quiet, "night")),
    Mistake("never_muted", "mute", lambda patch: _no(patch, Quiet, "muted")),
    Mistake("tests_without_end", "test", lambda patch: _nothing(patch, Trial, "_refusal")),
    Mistake("tests_again_and_again", "test", lambda patch: _no(patch, Trial, "_known")),
    Mistake("one_contact_of_smoke", "detector", _one_contact_of_smoke),
    Mistake("a_test_stays", "test ends", _a_test_stays),
    Mistake("a_failed_test_is_praised", "test ends", _a_failed_test_is_praised),
    Mistake("no_hours", "hours", lambda patch: _nothing(patch, Quiet, "hours_begin")),
    Mistake("late_texts_know_no_hours", "hours", lambda patch: _nothing(patch, Desk, "held_until")),
    Mistake("hours_hold_for_life", "life", _hours_hold_for_life),
    Mistake("stove_asks_soon", "stove", _stove(_limit=80 * 60_000)),
    Mistake("stove_asks_late", "stove", _stove(_limit=100 * 60_000)),
    Mistake("stove_never_asks", "stove", _stove_never_asks),
    Mistake("a_stove_never_goes_off", "stove", _stove(_pause=10**9)),
    Mistake("a_pulse_ends_a_use", "stove", _stove(_pause=0)),
    Mistake("who_said_no_is_rung_on", "vii true", lambda patch: patch.setattr(truth, "_asks_still", lambda *_: True)),
    Mistake("who_goes_is_still_asked", "vii true", _whoever_goes_is_still_asked),
)


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.name)
def test_a_mistake_about_the_nights_is_found_out(mistake: Mistake, monkeypatch: pytest.MonkeyPatch) -> None:
    mistake.apply(monkeypatch)
    said = f" {mistake.judge}: "
    found = next((c for seed in MISTAKE_SEEDS for c in complaints(seed) if said in c), None)
    assert found is not None, f"{mistake.name} lived {len(MISTAKE_SEEDS) * DAYS} home-days unseen"


def test_every_judge_of_the_nights_can_fail() -> None:
    """A judge no mistake is held against may see nothing at all."""
    judged = {m.judge for m in MISTAKES}
    assert {"detector", "night", "mute", "test", "test ends", "hours", "life", "stove", "vii true"} <= judged
    assert len(NIGHTLY) == 10, "a new judge needs a mistake of its own above"
