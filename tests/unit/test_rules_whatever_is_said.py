"""What no rule does, whatever is said in a home with every kind of device: break, end what people were told of, or go
by a clock it does not need."""

from __future__ import annotations

import json
from typing import Any

import pytest
from every_kind_home import DAY, DEVICES, START, Script, fresh, observations, scripts
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.alarms.life import State
from gateway.controller import Controller
from gateway.home.model import CONSENTS, HomeView
from gateway.observations import Kind, Observation, check_value
from gateway.rules.civil import CivilTime
from gateway.rules.table import all_rules

NOT_A_DEVICES_WORD = (Kind.CONFIG, Kind.REPLY, Kind.ACK, Kind.DELIVERY, Kind.CLOCK)
BY_THE_HOUR = frozenset({
    "inactivity", "water_low_use", "power_low_use", "low_water_preset", "bed_absence", "room_overstay", "night_exit",
    "door_not_used", "welfare", "fall",
})  # fmt: skip
"""Rules that may ask sooner or later for what the hour is; the others know nothing of it."""


@given(scripts)
@settings(deadline=None, max_examples=30)
def test_nothing_but_a_person_ends_what_was_raised(script: Script) -> None:
    controller = fresh()
    raised: set[int] = set()
    closed_by_people: set[int] = set()
    for observation in observations(script):
        result = controller.handle(observation)
        closed_by_people |= {e.alarm for e in result.events if e.state is State.CLOSED}
        raised |= {n for n, a in controller.book.alarms.items() if a.state in (State.RAISED, State.UNANSWERED)}
        assert all(not controller.book.alarms[n].ended for n in raised - closed_by_people)
    assert closed_by_people == set()  # nobody who may close speaks in these scripts


@given(scripts, st.integers(-(10**11), 10**11))
@settings(deadline=None, max_examples=40)
def test_no_clock_step_makes_or_ends_an_alarm_of_a_rule_that_needs_no_hour(script: Script, step: int) -> None:
    stepped, steady = fresh(), fresh()
    stepped.handle(Observation(Kind.CLOCK, {"offset_ms": START + step, "trust": "NTP"}, 0))
    for observation in observations(script):
        stepped.handle(observation)
        steady.handle(observation)
    assert _of_no_hour(stepped) == _of_no_hour(steady)


def _of_no_hour(controller: Controller) -> list[tuple[str, str | None, int]]:
    return [
        (a.code, a.device, a.opened_t)
        for a in controller.book.alarms.values()
        if a.evidence.get("rule") not in BY_THE_HOUR
    ]


@given(st.lists(st.tuples(st.sampled_from(sorted(Kind)), st.sampled_from([d.id for d in DEVICES])), max_size=40))
@settings(deadline=None, max_examples=60)
def test_no_rule_breaks_on_any_word_from_any_device(words: list[tuple[Kind, str]]) -> None:
    controller = fresh()
    for n, (kind, device) in enumerate(words):
        for value in (True, False, 0, 1e6, -5.5, "press", "open", None, {"systolic": 300, "diastolic": [1]}, {}):
            try:
                checked = check_value(kind, value)
            except ValueError:
                continue
            if kind not in NOT_A_DEVICES_WORD:
                controller.handle(Observation(kind, checked, n * 60_000, device))
    assert controller.faults == {}


def test_an_empty_home_is_silent_for_a_year() -> None:
    controller = Controller(HomeView(consents=dict.fromkeys(CONSENTS, True)), offset_ms=START, trust="NTP")
    result = controller.advance(365 * DAY)
    assert (result.events, result.notices) == ([], [])
    assert {getattr(action, "channel", None) for action in result.actions} == {"summary"}  # that it lives, once a day
    assert 364 <= len(result.actions) <= 365
    assert 365 * DAY < (controller.next_due() or 0) <= 366 * DAY


@pytest.mark.parametrize("rule", [r.name for r in all_rules(CivilTime())])
def test_a_state_of_another_version_starts_empty_and_takes_nothing_with_it(rule: str) -> None:
    controller = fresh()
    controller.handle(Observation(Kind.SMOKE, True, 0, "smoke"))
    data: dict[str, Any] = json.loads(json.dumps(controller.to_json()))
    data["rules"][rule] = ["nonsense"]
    again = Controller.from_json(data)
    assert again.book.alarms[1].state is State.RAISED
    assert rule in again.restored_empty or again.statuses()[rule] == controller.statuses()[rule]
