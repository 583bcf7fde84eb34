"""Time, order and recovery of the heart, as architecture.md words them; properties over random histories."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from virtual_home import START_WALL_MS, House, home

from gateway.alarms.life import State, event_from_json
from gateway.controller import BadSnapshot, Controller
from gateway.home.model import Device, Reminder
from gateway.observations import Kind, Observation

HOUR_MS = 3_600_000

steps = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.sampled_from([0, 1, 500, 4_000, 10_000, 61_000, 120_000, HOUR_MS, 5 * HOUR_MS])),
        st.tuples(st.just("press"), st.sampled_from(["bedroom", "bathroom", "cancel", "green", "service", "pendant"])),
        st.tuples(st.just("motion"), st.booleans()),
        st.tuples(st.just("reply"), st.sampled_from([("c1", "1"), ("c1", "2"), ("c2", "1"), ("c2", "other")])),
        st.tuples(st.just("platform"), st.sampled_from([(1, "ACCEPTED"), (1, "CLOSED"), (2, "ATTENDED")])),
        st.tuples(st.just("away"), st.booleans()),
        st.tuples(st.just("seen"), st.booleans()),
        st.tuples(st.just("clock"), st.sampled_from([-(10**12), 0, 10**12])),
    ),
    max_size=25,
)


def observations(script: list[tuple[str, Any]], *, clock_steps: bool = True) -> list[Observation]:
    t, made = 0, []
    for what, arg in script:
        kind, value, device = Kind.TICK, None, None
        if what == "wait":
            t += arg
        elif what == "press":
            kind, value, device = Kind.BUTTON, "press", arg
        elif what == "motion":
            kind, value, device = Kind.MOTION, arg, "hall-pir"
        elif what == "reply":
            kind, value = Kind.REPLY, {"contact": arg[0], "answer": arg[1], "ref": None}
        elif what == "platform":
            kind, value = Kind.ACK, {"alarm": arg[0], "stage": arg[1], "by": "desk", "outcome": "HELPED"}
        elif what == "away":
            kind, value = Kind.AWAY, arg
        elif what == "seen":
            kind, value, device = Kind.SEEN, arg, "hall-pir"
        elif what == "clock":
            if not clock_steps:
                continue
            kind, value = Kind.CLOCK, {"offset_ms": START_WALL_MS + arg, "trust": "NTP"}
        made.append(Observation(kind, value, t, device))
    return made


def fresh() -> Controller:
    """With a reminder: a rule that cannot do its work while the hour is doubtful, and says so."""
    view = home(reminders=(Reminder("pill", "medication", "08:30"),))
    return Controller(view, offset_ms=START_WALL_MS, trust="NTP")


def story(controller: Controller, script: list[Observation]) -> list[Any]:
    out: list[Any] = []
    for observation in script:
        result = controller.handle(observation)
        out += [e.to_json() for e in result.events] + list(result.actions) + list(result.notices)
    return out


@given(steps)
def test_the_same_input_gives_the_same_output(script: list[tuple[str, Any]]) -> None:
    assert story(fresh(), observations(script)) == story(fresh(), observations(script))


@given(steps, st.lists(st.integers(0, 200_000), max_size=10))
def test_advancing_in_pieces_equals_advancing_at_once(script: list[tuple[str, Any]], cuts: list[int]) -> None:
    whole, pieces = fresh(), fresh()
    made = observations(script)
    end = (made[-1].t if made else 0) + 200_000
    expected = story(whole, made)
    got: list[Any] = []
    for observation in made:
        got += story(pieces, [observation])
    result = whole.advance(end)
    expected += [e.to_json() for e in result.events] + list(result.actions) + list(result.notices)
    tail: list[Any] = [[], [], []]
    for cut in [*sorted(end - 200_000 + c for c in cuts), end]:
        result = pieces.advance(cut)
        tail[0] += [e.to_json() for e in result.events]
        tail[1] += result.actions
        tail[2] += result.notices
    for part in tail:
        got += part
    key = lambda x: json.dumps(x, sort_keys=True, default=str)  # noqa: E731
    assert sorted(map(key, got)) == sorted(map(key, expected))
    assert pieces.to_json() == whole.to_json()


@given(steps, st.integers(0, 25))
@example([("seen", False), ("seen", True), ("wait", 5 * HOUR_MS), ("motion", False)], 1)
def test_a_snapshot_at_any_moment_goes_on_as_if_nothing_had_happened(script: list[tuple[str, Any]], cut: int) -> None:
    made = observations(script)
    through = fresh()
    expected = story(through, made)
    first = fresh()
    got = story(first, made[:cut])
    again = Controller.from_json(json.loads(json.dumps(first.to_json())))
    got += story(again, made[cut:])
    assert got == expected
    assert again.to_json() == through.to_json()


@given(steps, st.integers(0, 25))
def test_recovery_from_snapshot_and_tail_equals_never_having_stopped(script: list[tuple[str, Any]], cut: int) -> None:
    made = observations(script)
    living = fresh()
    snapshot, tail = json.loads(json.dumps(living.to_json())), []
    for n, observation in enumerate(made):
        result = living.handle(observation)
        tail.append((observation, [json.loads(json.dumps(e.to_json())) for e in result.events]))
        if n == cut:
            snapshot, tail = json.loads(json.dumps(living.to_json())), []
    again = Controller.from_json(snapshot)
    for observation, events in tail:
        again.rebuild(observation, [event_from_json(e) for e in events])
    again.rebuilt()
    assert again.to_json() == living.to_json()
    end = (made[-1].t if made else 0) + 14 * HOUR_MS
    assert [e.to_json() for e in again.advance(end).events] == [e.to_json() for e in living.advance(end).events]


def notes(controller: Controller, *said: Observation) -> list[tuple[str, str, str]]:
    return [(n.subject, n.status, n.reason) for o in said for n in controller.handle(o).notices]


def test_a_rule_that_fell_out_just_before_a_snapshot_is_told_of_after_it() -> None:
    """At three in the morning the clock jumps a day and the state is written down; replay from there on, and a start,
    once took the silent rule for the norm."""
    living = fresh()
    step = Observation(Kind.CLOCK, {"offset_ms": START_WALL_MS + 24 * HOUR_MS, "trust": "NTP"}, 1_000)
    away = Observation(Kind.AWAY, True, 2_000)
    before = notes(living, step)
    again = Controller.from_json(json.loads(json.dumps(living.to_json())))
    told = notes(living, away)
    assert notes(again, away) == told
    assert ("reminders", "UNAVAILABLE", "clock") in before + told


def test_a_rule_that_broke_and_works_again_after_a_restart_is_told_of() -> None:
    living = fresh()

    def breaks(_: Observation) -> Any:
        raise RuntimeError("a bug of ours")

    inactivity = next(rule for rule in living.rules if rule.name == "inactivity")
    inactivity.observe = breaks  # type: ignore[method-assign]
    movement = Observation(Kind.MOTION, True, 1_000, "hall-pir")
    assert ("inactivity", "UNAVAILABLE", "fault") in notes(living, movement)
    again = Controller.from_json(json.loads(json.dumps(living.to_json())))
    assert ("inactivity", "LEARNING", "") in notes(again, Observation(Kind.RESTART, {}, 60_000))


@pytest.mark.parametrize("rows", [{}, {"reminders": ["ASLEEP", "x"], "nobody": ["ARMED", ""]}])
def test_a_snapshot_of_another_version_takes_what_it_finds_for_the_norm(rows: dict[str, Any]) -> None:
    state = json.loads(json.dumps(fresh().to_json()))
    again = Controller.from_json({**state, "readiness": rows})
    assert notes(again, Observation(Kind.RESTART, {}, 60_000)) == []


@given(steps)
def test_no_wall_clock_step_makes_or_ends_an_alarm(script: list[tuple[str, Any]]) -> None:
    def transitions(clock_steps: bool) -> list[Any]:
        controller, out = fresh(), []
        for observation in observations(script, clock_steps=clock_steps):
            out += [(e.alarm, e.t, e.state) for e in controller.handle(observation).events if e.state]
        return out

    assert transitions(True) == transitions(False)


@given(steps)
def test_nothing_but_a_person_silences_a_raised_alarm(script: list[tuple[str, Any]]) -> None:
    controller = fresh()
    for observation in observations(script):
        before = {a.number: a.state for a in controller.book.live()}
        controller.handle(observation)
        for number, state in before.items():
            after = controller.book.alarms[number].state
            if state in (State.RAISED, State.UNANSWERED, State.CANCELLED_BY_USER) and after in (
                State.ACCEPTED, State.ATTENDED, State.CLOSED, State.RECOVERED, State.CANCELLED_LOCAL
            ):  # fmt: skip
                assert observation.kind in (Kind.REPLY, Kind.ACK, Kind.VISIT)


@settings(max_examples=50)
@given(steps)
def test_every_waiting_alarm_always_has_a_timer_that_goes_on(script: list[tuple[str, Any]]) -> None:
    controller = fresh()
    for observation in observations(script):
        controller.handle(observation)
        for alarm in controller.book.live():
            if alarm.state in (State.PRE_ALARM, State.RAISED, State.UNANSWERED, State.CANCELLED_BY_USER):
                assert alarm.timers


def test_a_timer_due_earlier_runs_before_and_one_due_exactly_then_after() -> None:
    house = House()
    house.press()  # due at 10.000
    house.now_ms = 10_000
    house.press("cancel")
    assert house.states()[-1] == "CANCELLED_LOCAL"  # said at the due time: heard before the timer
    house.press("bedroom")
    house.now_ms = 20_001
    house.press("cancel")
    assert house.states(2)[-2:] == ["RAISED", "CANCELLED_BY_USER"]
    assert house.at_s(State.RAISED, 2) == 20.0  # stamped with its due time


def test_an_overdue_alarm_fires_at_once_after_a_power_cut() -> None:
    house = House()
    house.press()
    house.wait(4)
    again = Controller.from_json(house.controller.to_json())
    result = again.handle(Observation(Kind.RESTART, {}, 90_000))
    raised = [e for e in result.events if e.state is State.RAISED]
    assert [e.t for e in raised] == [10_000]


def test_after_an_unknown_gap_the_rest_of_the_window_runs() -> None:
    house = House()
    house.press()
    house.wait(4)
    again = Controller.from_json(house.controller.to_json())
    assert again.handle(Observation(Kind.RESTART, {}, 4_000)).events == []
    assert [e.t for e in again.advance(10_000).events if e.state is State.RAISED] == [10_000]


def test_newer_code_does_not_decide_again_what_is_on_record_but_finds_what_is_not() -> None:
    """A journal of a version whose limit was 20 h, rebuilt by one whose limit is 12 h."""
    old = House(home(settings={"inactivity.limit_h": 20}, devices={"pir": home().devices["front-door"]}))
    old.press("bedroom")
    old.wait(20)
    old.wait(15 * 3600)
    again = Controller(home(devices={"pir": home().devices["front-door"]}), offset_ms=START_WALL_MS, trust="NTP")
    for observation, events in old.history:
        again.rebuild(observation, events)
    again.rebuilt()
    assert [a.code for a in again.book.alarms.values()] == ["CALL_FIXED"]
    found = again.advance(old.now_ms)
    assert [e.state for e in found.events if e.alarm == 2][:1] == [State.DETECTED]


@pytest.mark.parametrize("damage", [{}, {"version": 1}, {"version": 1, "t": "x"}])
def test_a_snapshot_that_is_none_is_refused(damage: dict[str, Any]) -> None:
    with pytest.raises(BadSnapshot):
        Controller.from_json(damage)


def test_a_question_answered_in_the_entry_that_asked_it_is_forgotten_by_recovery_too() -> None:
    """A late loop: the question's due time and the movement that answers it arrive in one entry. Recovery once thought
    the question still open, and the next silence was never noticed."""
    living = Controller(home(devices={"pir": Device("pir", "motion")}), offset_ms=START_WALL_MS, trust="NTP")
    snapshot = json.loads(json.dumps(living.to_json()))
    movement = Observation(Kind.MOTION, True, 12 * HOUR_MS - 290_000, "pir")
    events = living.handle(movement).events
    assert [e.state for e in events if e.state] == [State.DETECTED, State.PRE_ALARM, State.RECOVERED]
    again = Controller.from_json(snapshot)
    again.rebuild(movement, [event_from_json(json.loads(json.dumps(e.to_json()))) for e in events])
    again.rebuilt()
    assert again.to_json() == living.to_json()
    assert again.next_due() == living.next_due()


def test_a_silence_that_only_recovery_sees_is_asked_about_now_and_not_raised_for_then() -> None:
    """Rows that were lost (a full disk) or newer code may find a question long overdue: nobody has heard it yet."""
    living = Controller(home(devices={"pir": Device("pir", "motion")}), offset_ms=START_WALL_MS, trust="NTP")
    again = Controller.from_json(json.loads(json.dumps(living.to_json())))
    again.rebuild(Observation(Kind.TICK, None, 15 * HOUR_MS), [])
    again.rebuilt()
    events = again.handle(Observation(Kind.RESTART, {}, 16 * HOUR_MS)).events
    assert [(e.state, e.t) for e in events if e.state] == [
        (State.DETECTED, 16 * HOUR_MS),
        (State.PRE_ALARM, 16 * HOUR_MS),
    ]
