"""The same story: what may change in a history of a home with every kind of device without changing what comes of it.

Days later, in other pieces, from a snapshot, out of the record, beside a stranger, in another order (issue 5); and what
is no sign of anybody. What no rule does, whatever is said: `test_rules_whatever_is_said.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from every_kind_home import (
    DAY,
    DEVICES,
    HOUR,
    START,
    Said,
    Script,
    fresh,
    observations,
    scripts,
    sensors,
    waits,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.actions import Action, Publish, Say, Text
from gateway.alarms.codes import CODES, Flow
from gateway.alarms.life import AlarmEvent, State
from gateway.controller import Controller
from gateway.home.model import Device
from gateway.observations import Kind, Observation, check_value

homes = st.sampled_from([{}, {"water_preset__rule": 1.0}])
"""A city's rule of low use stands instead of the learned one, so neither home has both."""
# What other devices say all day without anything having happened: signs of life, batteries, a room's climate.
HEARTBEATS = [(Kind.SEEN, None), (Kind.BATTERY, 90), (Kind.HUMIDITY, 50)]


def told(event: AlarmEvent, shift: int = 0) -> tuple[Any, ...]:
    """What an event says, its stamps taken off by `shift`."""
    about = json.dumps([event.patch.get(k) for k in ("code", "severity", "device", "evidence")], sort_keys=True)
    return (event.alarm, event.t - shift, event.what, event.reason, None if event.state is None else event.state, about)


def story(controller: Controller, said: Iterable[Observation], shift: int = 0) -> list[tuple[Any, ...]]:
    """Everything that was found, asked, told and noticed."""
    lines: list[tuple[Any, ...]] = []
    notices: list[tuple[Any, ...]] = []
    by_the_way: list[tuple[Any, ...]] = []
    for observation in said:
        result = controller.handle(observation)
        lines += [told(event, shift) for event in result.events]
        notices += [(n.code, n.t - shift, n.subject, n.status, n.reason) for n in result.notices]
        by_the_way += [spoken_of(action, shift) for action in result.actions if _of_no_alarm(action)]
    assert controller.faults == {}
    return lines + notices + sorted(by_the_way)  # two rules' words of one moment stand in the order time was cut


def _of_no_alarm(action: Action) -> bool:
    """Said, sent or reported by a rule itself: reminders, the daily line, a roll call, mains and batteries."""
    return isinstance(action, (Say, Text, Publish)) and action.alarm is None and not action.key.startswith(ABOUT)


ABOUT: Final = tuple(f"n:{code}:" for code in CODES if CODES[code].flow is Flow.TECHNICAL)
"""Reports of notices, which `story` has."""


NOT_TOLD: Final = frozenset({"at", "opened_at", "date", "from", "to", "visits", "alarms", "mistaken", "coach"})
"""Stamps; visits, which go by the calendar; and the summary's counts of alarms: rules that tell of the day hear of an
alarm at the end of a step, and a step is a second in life and days in these histories."""


def spoken_of(action: Action, shift: int) -> tuple[Any, ...]:
    """An action without its stamps but the one in its key: whole ms of the controller."""
    key = ":".join(
        str(int(part) - shift) if len(part) > 5 and part.isdigit() else part for part in action.key.split(":")
    )
    match action:
        case Say():
            return (key, action.prompt, "", json.dumps(action.params, sort_keys=True))
        case Text():
            return (key, action.template, "", action.contact, json.dumps(action.params, sort_keys=True))
        case Publish():
            key = "summary" if action.channel == "summary" else key  # else it holds the date
            body = {name: value for name, value in action.body.items() if name not in NOT_TOLD}
            return (key, action.channel, str(body.get("device", "")), json.dumps(body, sort_keys=True))
    return (key,)


NO_MAINS: Final[Script] = [(1, (Kind.SUPPLY, {"mains": False, "percent": 4}, None))]
ROLL_CALL: Final[Script] = [(1, (Kind.COMMAND, {"cmd": "roll_call", "id": "typhoon"}, None))]
"""Too seldom said by chance to be left to it."""


@given(scripts, st.integers(1, 400))
@example(NO_MAINS, 1)
@example(ROLL_CALL, 1)
@settings(deadline=None, max_examples=20)
def test_a_history_some_days_later_is_the_same_story_with_other_stamps(script: Script, days: int) -> None:
    """Of whole days later, in controller time and on the wall. (Visits go by the calendar, and are not asked here.)"""
    shift = days * DAY
    later = story(fresh(t=shift), observations(script, shift), shift)
    assert later == story(fresh(), observations(script))


@given(scripts, st.integers(1, 400))
@settings(deadline=None, max_examples=20)
def test_the_wall_alone_some_days_later_changes_nothing_either(script: Script, days: int) -> None:
    made = observations(script)
    assert story(fresh(offset_ms=START + days * DAY), made) == story(fresh(), made)


@given(scripts, st.integers(1, 80))
@example(ROLL_CALL, 3)
@settings(deadline=None, max_examples=20)
def test_silence_is_never_activity(script: Script, hours: int) -> None:
    """Whatever was asked: time in which nobody says anything makes nobody well, and teaches no habit of anybody."""
    controller = fresh()
    story(controller, observations(script)[:-1])  # without the hours of nothing at its end
    known = {rule.name: _days(rule.learned()) for rule in controller.rules}
    result = controller.advance(controller.t + hours * HOUR)
    well = [e for e in result.events if e.state is State.RECOVERED and e.reason in ("activity", "ok_reported")]
    assert well == []
    assert [a.body for a in result.actions if isinstance(a, Publish) and said_by_a_person(a.body)] == []
    assert {n: _days(r.learned()) for n, r in zip(known, controller.rules, strict=True) if n in SEEN_BY_PEOPLE} == {
        n: known[n] for n in SEEN_BY_PEOPLE
    }


def said_by_a_person(body: dict[str, Any]) -> bool:
    """A report that somebody has answered, done or said something."""
    return body.get("code") in {"OK_REPORTED", "REMINDER_ANSWERED", "CHILD_CONTACT"} or body.get("reason") == "well"


SEEN_BY_PEOPLE = frozenset({"inactivity", "room_overstay"})
"""What is learned from people; the meters' days are learned from their registers."""


def _days(learned: dict[str, Any]) -> Any:
    return learned.get("observed_days", learned.get("days"))


@given(scripts, st.lists(st.tuples(st.integers(0, 40), st.sampled_from(HEARTBEATS)), max_size=20))
@settings(deadline=None, max_examples=20)
def test_signs_of_life_of_devices_are_no_signs_of_people(
    script: Script, beats: list[tuple[int, tuple[Kind, Any]]]
) -> None:
    """A lamp that says that it is there, between any two other words, changes no alarm."""
    made = observations(script)
    noisy = list(made)
    for at, (kind, value) in beats:
        t = made[min(at, len(made) - 1)].t
        noisy.append(Observation(kind, value, t, "lamp"))
    noisy.sort(key=lambda o: o.t)
    assert alarms(fresh(), noisy) == alarms(fresh(), made)


@given(scripts)
@settings(deadline=None, max_examples=20)
def test_a_state_that_is_said_again_is_no_act(script: Script) -> None:
    """Contacts, mats, beds, lamps and televisions repeat what they are; of a television that ever said that it is off
    (one that never does: `test_switched.py`)."""
    made = [Observation(Kind.APPLIANCE, False, 0, "tv"), *observations(script)]
    state: dict[str, Observation] = {}
    repeated = []
    for observation in made:
        for before in state.values():
            repeated.append(Observation(before.kind, before.value, observation.t, before.device))
        repeated.append(observation)
        if observation.kind in (Kind.CONTACT, Kind.PRESSURE, Kind.BED, Kind.LIGHT, Kind.APPLIANCE):
            state[observation.device or ""] = observation
        if observation.kind is Kind.SEEN:  # said again it would be back
            state.pop(observation.device or "", None)
        if observation.kind is Kind.RECORDER:
            state.clear()
    assert alarms(fresh(), repeated) == alarms(fresh(), made)


STRANGERS: Final = (
    ("other", Kind.HUMIDITY, 50),
    ("temperature", Kind.TEMPERATURE, 20.0),
    ("smoke", Kind.SMOKE, False),
    ("flood", Kind.FLOOD, False),
    ("stove", Kind.POWER, 0.0),
    ("wearable", Kind.BATTERY, 90),
    ("button", Kind.BATTERY, 90),
)
"""Well, and of no matter to what happens: what kind of device, and what it says all day."""


@given(scripts, st.sampled_from(STRANGERS))
@settings(deadline=None, max_examples=40)
def test_a_device_that_has_nothing_to_do_with_it_changes_nothing(script: Script, who: tuple[str, Kind, Any]) -> None:
    kind, says, value = who
    made = observations(script)
    noise = [Observation(says, value, o.t, "cellar") for o in made]
    mixed = [each for pair in zip(made, noise, strict=True) for each in pair]
    with_it = story(fresh(Device("cellar", kind)), mixed)
    assert [line for line in with_it if line[2] != "cellar"] == story(fresh(), made)


class Reversed:
    """Takes a batch from behind, where hypothesis draws an order."""

    def sample(self, made: list[Observation], count: int) -> list[Observation]:
        return made[::-1][:count]


at_the_door = st.tuples(st.just(Kind.CONTACT), st.sampled_from(["open", "closed"]), st.just("door"))
alone_at_the_door = at_the_door.map(lambda said: [said])
batches_of_sensors = st.lists(
    sensors.filter(lambda said: said[2] != "door"), min_size=1, max_size=5, unique_by=lambda said: said[2]
)


@given(
    st.lists(
        st.tuples(waits, batches_of_sensors | alone_at_the_door),
        min_size=3,
        max_size=15,
    ),
    st.randoms(use_true_random=False),
)
@example(
    [
        (1, [(Kind.CONTACT, "open", "door")]),
        (60_003, [(Kind.PRESSURE, True, "mat"), (Kind.OCCUPANCY, True, "radar")]),
        (1, [(Kind.CONTACT, "open", "door")]),
    ],
    Reversed(),
)
@settings(deadline=None, max_examples=20)
def test_the_order_within_a_batch_does_not_matter(batches: list[tuple[int, list[Said]]], random: Any) -> None:
    """What several sensors say in one moment: the same alarms at the same times, in whatever order they come.

    The entrance speaks alone: whether the hall saw somebody just before the door or just after is who left or came in.
    """
    t, one, other = 0, [], []
    for after, batch in batches:
        t += after
        made = [Observation(kind, check_value(kind, value), t, device) for kind, value, device in batch]
        one += made
        other += random.sample(made, len(made))
    end = Observation(Kind.TICK, None, t + 14 * HOUR)
    assert alarms(fresh(), [*one, end]) == alarms(fresh(), [*other, end])


def alarms(controller: Controller, said: Iterable[Observation]) -> list[tuple[Any, ...]]:
    """What became of each alarm, by what it is about and not by its number; no technical condition."""
    lines = []
    for observation in said:
        for event in controller.handle(observation).events:
            alarm = controller.book.alarms[event.alarm]
            lines.append((event.t, alarm.code, alarm.device or "", event.what, event.reason, alarm.severity))
    assert controller.faults == {}
    return sorted(lines)


@given(scripts, homes, st.integers(0, 40))
@settings(deadline=None, max_examples=50)
def test_a_snapshot_anywhere_changes_nothing(script: Script, home: dict[str, float], cut: int) -> None:
    made = observations(script)
    whole = fresh(**home)
    expected = story(whole, made)
    first = fresh(**home)
    got = story(first, made[:cut])
    again = Controller.from_json(json.loads(json.dumps(first.to_json())))
    assert again.restored_empty == []
    assert sorted(got + story(again, made[cut:]), key=repr) == sorted(expected, key=repr)
    assert again.to_json() == whole.to_json()


@given(scripts, homes)
@example([(13 * HOUR, (Kind.HEART_RATE, 70, "band"))], {})  # an alarm's timer looked at the rules, recovery did not
@settings(deadline=None, max_examples=40)
def test_recovery_decides_nothing_twice_and_forgets_nothing(script: Script, home: dict[str, float]) -> None:
    living, again = fresh(**home), fresh(**home)
    for observation in observations(script):
        again.rebuild(observation, living.handle(observation).events)
    again.rebuilt()
    before = again.book.next_number
    again.advance(again.t)
    assert again.book.next_number == before == living.book.next_number
    assert again.to_json() == living.to_json()


@given(scripts, homes, st.lists(st.integers(0, 20 * DAY), max_size=8))
@settings(deadline=None, max_examples=40)
def test_time_in_pieces_is_time_at_once(script: Script, home: dict[str, float], cuts: list[int]) -> None:
    made = observations(script)
    ticks = [Observation(Kind.TICK, None, t) for t in cuts if t <= made[-1].t]
    assert story(fresh(**home), sorted([*made, *ticks], key=lambda o: o.t)) == story(fresh(**home), made)


def test_two_hours_of_a_siren_and_what_cleared_meanwhile_are_the_same_in_pieces() -> None:
    smoke: Script = [(2 * HOUR, (Kind.SMOKE, True, "smoke")), (0, (Kind.SMOKE, False, "smoke"))]
    made = observations([*smoke, (13 * HOUR, (Kind.SMOKE, False, "smoke"))])
    lines = story(fresh(), sorted([*made, Observation(Kind.TICK, None, 7_570_434)], key=lambda o: o.t))
    assert any("sounded" in line for line in lines)
    assert any("HAZARD_CLEARED" in line for line in lines)
    assert lines == story(fresh(), made)


def test_the_home_gives_every_rule_work() -> None:
    """Else these properties would hold of rules that sleep."""
    controller = fresh(visits__class=2.0)
    controller.handle(Observation(Kind.HEART_RATE, 70, 0, "band"))
    controller.handle(Observation(Kind.SUPPLY, {"mains": True, "percent": 90}, 0))
    off = {n: s.reason for n, s in controller.statuses().items() if s.readiness == "OFF"}
    assert off == {"low_water_preset": "setting"}
    assert {d.kind for d in DEVICES} >= {"motion", "contact", "bed", "wearable", "water_meter", "electricity_meter"}
