"""Whole nights with detectors, P2, tests and mutes, through crashes, dead paths and answers: all invariants hold."""

from __future__ import annotations

import pytest
from sim_history import Decided
from sim_invariants import judge
from sim_nights import judge_nights, write_nights
from sim_world import World

from gateway.alarms.chain import Chain
from gateway.alarms.quiet import Quiet
from gateway.alarms.trial import Trial

DAYS = 5


def complaints(seed: int) -> list[str]:
    history = World(write_nights(seed, DAYS)).run()
    return [f"seed {seed}: {v.invariant}: {v.text} ({v.true_ms})" for v in judge(history) + judge_nights(history)]


@pytest.mark.parametrize("seed", range(6))
def test_nights_with_detectors_tests_and_mutes_keep_every_invariant(seed: int, sim_seed: int | None) -> None:
    assert complaints(seed if sim_seed is None else sim_seed) == []


def test_the_nights_are_worth_judging() -> None:
    seen: set[str] = set()
    for seed in range(4):
        for item in World(write_nights(seed, DAYS)).run().items:
            if isinstance(item, Decided):
                seen |= {e.what for e in item.events} | {e.reason for e in item.events}
                seen |= {e.patch["code"] for e in item.events if e.what == "opened"}
                seen |= {a.body["reason"] for a in item.actions if a.kind == "publish" and "reason" in a.body}  # type: ignore[union-attr]
    assert {"SMOKE", "GAS", "CO", "FLOOD", "TEMP_LOW", "TEST_MANUAL"} <= seen
    assert {"deferred", "persisting", "eased", "detected"} <= seen
    assert "test_wanted" in seen
    assert seen & {"test_pressed", "test_not_pressed"}
    assert seen & {"test_too_often", "test_at_night", "alarm_open", "test_underway"}


def _always(*_: object) -> bool:
    return False


@pytest.mark.parametrize(
    ("where", "name", "invariant"),
    [(Quiet, "night", "night"), (Quiet, "muted", "mute"), (Trial, "_refusal", "test"), (Trial, "_known", "test")],
    ids=lambda v: v if isinstance(v, str) else v.__name__,
)
def test_a_heart_that_forgot_one_of_them_is_found_out(
    where: type, name: str, invariant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(where, name, (lambda *_: None) if name == "_refusal" else _always)
    found = next((c for seed in range(8) for c in complaints(seed) if f" {invariant}: " in c), None)
    assert found is not None


def test_a_heart_that_tells_one_contact_of_smoke_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Chain, "_tell_all", Chain.tell_next)
    assert any(" detector: " in c for seed in range(4) for c in complaints(seed))
