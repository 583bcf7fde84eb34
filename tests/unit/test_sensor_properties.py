"""What holds for every rule about sensors, whatever is said: order, snapshots, clocks, strangers, silence."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.alarms.life import State
from gateway.controller import Controller
from gateway.home.model import CONSENTS, Device, HomeView
from gateway.observations import Kind, Observation, check_value
from gateway.rules.civil import CivilTime
from gateway.rules.table import all_rules

START: Final = 1_772_324_130_000
DEVICES: Final = (
    Device("smoke", "smoke"), Device("t", "temperature"), Device("hob", "stove"), Device("band", "health"),
    Device("w", "water_meter", interval_s=1800), Device("m", "electricity_meter"),
)  # fmt: skip
SETTINGS: Final = {"inactivity.enabled": 0.0, "water_preset.rule": 1.0, "stove.limit_min": 20.0, "leak.flow_h": 3.0}

said = st.one_of(
    st.tuples(st.just(Kind.SMOKE), st.booleans(), st.just("smoke")),
    st.tuples(st.just(Kind.TEST), st.booleans(), st.sampled_from(["smoke", None])),
    st.tuples(st.just(Kind.TAMPER), st.booleans(), st.just("smoke")),
    st.tuples(st.just(Kind.BATTERY), st.sampled_from([5, 15, 40]), st.just("smoke")),
    st.tuples(st.just(Kind.TEMPERATURE), st.sampled_from([5.0, 20.0, 34.5, 36.0, 60.0]), st.just("t")),
    st.tuples(st.just(Kind.POWER), st.sampled_from([0.0, 90.0, 1500.0]), st.sampled_from(["hob", "m"])),
    st.tuples(st.just(Kind.HEART_RATE), st.sampled_from([0, 70, 150]), st.just("band")),
    st.tuples(st.just(Kind.SPO2), st.sampled_from([85, 97]), st.just("band")),
    st.tuples(st.just(Kind.WORN), st.booleans(), st.just("band")),
    st.tuples(st.just(Kind.WATER), st.sampled_from([0, 0.5, 60.0]), st.just("w")),
    st.tuples(st.just(Kind.WATER_VOLUME), st.sampled_from([10.0, 10.01, 0.0, 99.0]), st.just("w")),
    st.tuples(st.just(Kind.ENERGY), st.sampled_from([10.0, 10.1, 0.0]), st.just("m")),
    st.tuples(st.just(Kind.SEEN), st.sampled_from([None, False]), st.sampled_from([d.id for d in DEVICES])),
    st.tuples(st.just(Kind.AWAY), st.booleans(), st.none()),
    st.tuples(st.just(Kind.RECORDER), st.booleans(), st.none()),
    st.tuples(st.just(Kind.OK), st.none(), st.none()),
)
wait = st.sampled_from([0, 1, 30_000, 60_000, 600_000, 1_800_000, 7_200_000, 46_800_000])
scripts = st.lists(st.tuples(wait, said), max_size=30)
Script = list[tuple[int, tuple[Kind, Any, str | None]]]


def fresh(*more: Device, offset_ms: int = START) -> Controller:
    devices = {d.id: d for d in (*DEVICES, *more)}
    view = HomeView(devices=devices, consents=dict.fromkeys(CONSENTS, True), settings=SETTINGS)
    return Controller(view, offset_ms=offset_ms, trust="NTP")


def observations(script: Script) -> list[Observation]:
    t, made = 0, []
    for after, (kind, value, device) in script:
        t += after
        made.append(Observation(kind, check_value(kind, value), t, device))
    return [*made, Observation(Kind.TICK, None, t + 3_600_000)]


def story(controller: Controller, said: list[Observation]) -> list[str]:
    """Everything that came of it, as text."""
    lines: list[str] = []
    for observation in said:
        result = controller.handle(observation)
        lines += [json.dumps(e.to_json(), sort_keys=True) for e in result.events]
        lines += [repr(n) for n in result.notices]
    return lines


def apart(lines: list[str]) -> tuple[list[str], list[str]]:
    """Events and notices, each in their order: a result that spans hours has all its events before its notices."""
    return [line for line in lines if line[0] == "{"], [line for line in lines if line[0] != "{"]


@given(scripts, st.integers(0, 30))
@settings(deadline=None, max_examples=60)
def test_a_snapshot_anywhere_changes_nothing(script: Script, cut: int) -> None:
    made = observations(script)
    whole = fresh()
    expected = story(whole, made)
    first = fresh()
    got = story(first, made[:cut])
    again = Controller.from_json(json.loads(json.dumps(first.to_json())))
    assert again.restored_empty == []
    assert got + story(again, made[cut:]) == expected
    assert again.to_json() == whole.to_json()


@given(scripts, st.lists(st.integers(0, 200_000_000), max_size=8))
@settings(deadline=None, max_examples=40)
def test_time_in_pieces_is_time_at_once(script: Script, cuts: list[int]) -> None:
    made = observations(script)
    ticks = [Observation(Kind.TICK, None, t) for t in cuts if t <= made[-1].t]
    pieces = sorted([*made, *ticks], key=lambda o: o.t)
    assert apart(story(fresh(), pieces)) == apart(story(fresh(), made))


def test_two_hours_of_a_siren_and_what_cleared_meanwhile_are_the_same_in_pieces() -> None:
    smoke = [(7_200_000, (Kind.SMOKE, True, "smoke")), (0, (Kind.SMOKE, False, "smoke"))]
    made = observations([*smoke, (46_800_000, (Kind.SMOKE, False, "smoke"))])
    events, notices = apart(story(fresh(), sorted([*made, Observation(Kind.TICK, None, 7_570_434)], key=lambda o: o.t)))
    assert any('"sounded"' in line for line in events)
    assert any("HAZARD_CLEARED" in line for line in notices)
    assert (events, notices) == apart(story(fresh(), made))


@given(scripts)
@example([(46_800_000, (Kind.HEART_RATE, 70, "band"))])  # an alarm's timer looked at the rules, recovery did not
@settings(deadline=None, max_examples=40)
def test_recovery_decides_nothing_twice_and_forgets_nothing(script: Script) -> None:
    living, again = fresh(), fresh()
    for observation in observations(script):
        again.rebuild(observation, living.handle(observation).events)
    again.rebuilt()
    before = again.book.next_number
    again.advance(again.t)
    assert again.book.next_number == before == living.book.next_number
    assert again.to_json() == living.to_json()


@given(scripts, st.integers(-(10**11), 10**11))
@settings(deadline=None, max_examples=40)
def test_no_clock_step_makes_or_ends_an_alarm_of_a_rule_that_needs_no_hour(script: Script, step: int) -> None:
    made = observations(script)
    stepped = fresh()
    stepped.handle(Observation(Kind.CLOCK, {"offset_ms": START + step, "trust": "NTP"}, 0))
    steady = fresh()
    for observation in made:
        stepped.handle(observation)
        steady.handle(observation)
    opened = [
        [(a.code, a.opened_t) for a in c.book.alarms.values() if a.code != "WATER_LOW_USE"] for c in (steady, stepped)
    ]
    assert opened[0] == opened[1]


@given(scripts)
@settings(deadline=None, max_examples=30)
def test_a_day_later_is_the_same_story(script: Script) -> None:
    made = observations(script)
    assert story(fresh(offset_ms=START + 5 * 86_400_000), made) == story(fresh(), made)


@given(scripts)
@settings(deadline=None, max_examples=30)
def test_a_device_that_has_nothing_to_do_with_it_changes_nothing(script: Script) -> None:
    made = observations(script)
    noise = [Observation(Kind.HUMIDITY, 50, o.t, "bath") for o in made]
    mixed = [each for pair in zip(made, noise, strict=True) for each in pair]
    assert story(fresh(Device("bath", "other")), mixed) == story(fresh(), made)


@given(scripts)
@settings(deadline=None, max_examples=30)
def test_nothing_but_a_person_ends_what_was_raised(script: Script) -> None:
    controller = fresh()
    raised: set[int] = set()
    for observation in observations(script):
        controller.handle(observation)
        raised |= {n for n, a in controller.book.alarms.items() if a.state in (State.RAISED, State.UNANSWERED)}
        assert all(not controller.book.alarms[n].ended for n in raised)


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
            if kind not in (Kind.CONFIG, Kind.REPLY, Kind.ACK, Kind.DELIVERY, Kind.CLOCK):
                controller.handle(Observation(kind, checked, n * 60_000, device))
    assert controller.faults == {}


def test_an_empty_home_is_silent_for_a_year() -> None:
    controller = Controller(HomeView(consents=dict.fromkeys(CONSENTS, True)), offset_ms=START, trust="NTP")
    result = controller.advance(365 * 86_400_000)
    assert not result
    assert controller.next_due() is None


@pytest.mark.parametrize("rule", [r.name for r in all_rules(CivilTime())])
def test_a_state_of_another_version_starts_empty_and_takes_nothing_with_it(rule: str) -> None:
    controller = fresh()
    controller.handle(Observation(Kind.SMOKE, True, 0, "smoke"))
    data = json.loads(json.dumps(controller.to_json()))
    data["rules"][rule] = ["nonsense"]
    again = Controller.from_json(data)
    assert again.book.alarms[1].state is State.RAISED
    assert rule in again.restored_empty or again.statuses()[rule] == controller.statuses()[rule]
