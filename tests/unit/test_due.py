"""When rules are due: what is remembered of that is never later than what the rules would say, or an alarm is lost.

Over random lives of a home in which every rule has work; and that a memory which were too late would be seen here.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from math import inf
from typing import Any

import pytest
from every_kind_home import DAY, DEVICES, HOUR, MINUTE, START, fresh, observations, scripts
from hypothesis import given, settings

from gateway.controller import Controller
from gateway.controller.due import NEVER, Dues
from gateway.home.model import Device, HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.asking import AskingRule
from gateway.rules.civil import CivilTime
from gateway.rules.inactivity import Inactivity
from gateway.rules.meter_health import MeterHealth
from gateway.rules.rule import PlainRule
from gateway.rules.supervision import Supervision

BEACONS = ("hall", "bath", "smoke", "t")
"""Heard every minute or two, so that their pace is learned, and their silence is one at once."""


def looked_at(controller: Controller) -> int | None:
    """What a look at every rule and every alarm finds."""
    dues = [due for rule in controller.rules if rule.name not in controller.faults and (due := rule.next_due())]
    timer = controller.book.next_timer()
    return min(dues + ([] if timer is None else [timer[0]]), default=None)


def agrees(controller: Controller) -> None:
    """Asked in this order, for `next_due` asks rules and so mends what it finds."""
    assert controller.dues.too_late() == []
    found = looked_at(controller)
    for limit in (controller.t, controller.t + HOUR, controller.t + 60 * DAY):
        quiet = controller.quiet_before(limit + 1)
        assert controller.due_within(limit) == (found if found is not None and found <= limit else None)
        assert not quiet or found is None or found > limit
    assert controller.next_due() == found
    assert controller.dues.too_late() == []


def a_life(seed: int, days: float = 3) -> Iterator[Observation]:
    """Meters by the minute, beacons that fall silent and come back, people who act, leave and return, power cuts."""
    rng, t, kwh, deaf_until = random.Random(seed), 0, 100.0, 0
    while t < days * DAY:
        t += rng.choice((MINUTE, MINUTE, 2 * MINUTE, rng.randrange(1, 40 * MINUTE)))
        if rng.random() < 0.004:
            t += rng.randrange(3 * HOUR, 12 * HOUR)  # a long silence
        if rng.random() < 0.003:
            deaf_until = t + rng.randrange(MINUTE, 8 * HOUR)
        if t >= deaf_until:
            for beacon in BEACONS:
                yield Observation(Kind.SEEN, True, t + 1, beacon)
            kwh += rng.choice((0.0, 0.01, 0.01, 0.02))
            yield Observation(Kind.ENERGY, round(kwh, 2), t + 2, "m")
            yield Observation(Kind.POWER, rng.choice((0.0, 80.0, 90.0, 1900.0)), t + 3, "m")
        yield from (_word(rng, t + 4 + n) for n in range(rng.choice((0, 0, 0, 1, 2))))


def _word(rng: random.Random, t: int) -> Observation:
    kind, values, devices = rng.choice(WORDS)
    return Observation(kind, rng.choice(values), t, rng.choice(devices))


WORDS: tuple[tuple[Kind, tuple[Any, ...], tuple[str | None, ...]], ...] = (
    (Kind.MOTION, (True, True, False), ("hall", "hall2", "bath")),
    (Kind.MOTION, (True,), ("hall", "hall2")),
    (Kind.CONTACT, ("open", "closed"), ("door", "cupboard")),
    (Kind.BED, (True, False), ("bed",)),
    (Kind.WATER, (0, 5.0), ("w",)),
    (Kind.OCCUPANCY, (True, False), ("radar",)),
    (Kind.TEMPERATURE, (4.0, 21.0, 37.0), ("t",)),
    (Kind.BATTERY, (4, 90), ("hall", "pendant")),
    (Kind.BUTTON, ("press",), ("red", "green")),
    (Kind.SEEN, (False, "way_is_back", True), ("hall", "pendant", "m")),
    (Kind.AWAY, (True, False, {"guests": True}, {"guests": False}), (None,)),
    (Kind.RECORDER, (False, True, True), (None,)),
    (Kind.RESTART, ({},), (None,)),
    (Kind.CLOCK, ({"trust": "NTP"}, {"trust": "NONE"}, {"offset_ms": START + HOUR, "trust": "NTP"}), (None,)),
    (Kind.CONDITION, ({"code": "UPLINK_LOST"}, {"code": "MAINS_FAIL"}, {"code": "MAINS_FAIL", "on": False}), (None,)),
    (
        Kind.SUPPLY,
        ({"mains": False, "percent": 18}, {"mains": False, "percent": 3}, {"mains": True, "percent": 90}),
        (None,),
    ),
    (Kind.TAMPER, (True, False), ("hall",)),
    (Kind.SMOKE, (True, False), ("smoke",)),
    (Kind.POWER, (0.0, 1500.0), ("hob",)),
)


@pytest.mark.parametrize("seed", range(8))
def test_no_moment_a_rule_waits_for_is_remembered_too_late(seed: int) -> None:
    controller = fresh()
    for n, observation in enumerate(a_life(seed)):
        controller.handle(observation)
        assert controller.dues.too_late() == []
        if n % 7 == 0:  # not always: what is remembered must hold over many observations without a look
            agrees(controller)
    assert controller.faults == {}
    agrees(Controller.from_json(controller.to_json()))


@given(scripts)
@settings(deadline=None, max_examples=30)
def test_no_history_brings_a_moment_forward_unseen(script: Any) -> None:
    controller = fresh()
    for observation in observations(script):
        controller.handle(observation)
        assert controller.dues.too_late() == []
    agrees(controller)


@pytest.mark.parametrize("seed", range(4))
def test_a_rule_that_says_nothing_came_sooner_is_right(seed: int) -> None:
    """Of each rule by itself, in the midst of a life: the word `sooner` is a promise."""
    controller, kept, let_off = fresh(), 0, set()
    for observation in a_life(seed, days=2):
        if observation.t > controller.t:
            controller.advance(observation.t)
        for rule in controller.rules:
            if rule.hears is not None and observation.kind not in rule.hears:
                continue
            before = rule.next_due()
            signals = tuple(rule.observe(observation))
            if not rule.sooner and not signals:
                assert (rule.next_due() or inf) >= (before or inf), f"{rule.name}: {observation}"
                kept, let_off = kept + 1, let_off | {rule.name}
        controller.dues.anew()  # told past the controller's back
    assert kept > 1_000
    assert {"supervision", "meter_health", "inactivity", "power_low_use", "bed_absence", "room_overstay"} <= let_off


def test_a_line_drawn_anew_brings_the_question_forward_and_says_so() -> None:
    """The first act of a day draws the line of what was learned; those after it put the question off, and no more."""
    rule, rng, t = Inactivity(CivilTime(START, "NTP")), random.Random(5), 0
    rule.configure(HomeView(devices={"hall": Device("hall", "motion")}, consents={"MONITORING": True}), Parameters(), 0)
    forward, let_off = 0, 0
    while t < 20 * DAY:
        asleep = (t + START + 10 * HOUR) % DAY < 8 * HOUR  # from ten at night, in Shanghai
        t += rng.randrange(MINUTE, 3 * HOUR if asleep else 40 * MINUTE)
        while (due := rule.next_due()) is not None and due <= t:
            rule.advance(due)
        before = rule.next_due()
        if tuple(rule.observe(Observation(Kind.MOTION, True, t, "hall"))):
            continue  # it had asked, and what rules say makes the controller ask them all
        came_forward = (rule.next_due() or inf) < (before or inf)
        assert rule.sooner or not came_forward
        forward, let_off = forward + came_forward, let_off + (not rule.sooner)
    assert forward >= 1
    assert let_off > 500


def test_rebuilding_remembers_as_life_does() -> None:
    """A third of a life is lived, the rest is rebuilt from what was recorded; then both go on."""
    said = list(a_life(3, days=2))
    living, third = fresh(), len(said) // 3
    again = None
    for n, observation in enumerate(said):
        if n == third:
            again = Controller.from_json(living.to_json())
        events = living.handle(observation).events
        if again is not None:
            again.rebuild(observation, events)
            assert again.dues.too_late() == []
    assert again is not None
    again.rebuilt()
    assert again.next_due() == living.next_due()
    agrees(again)


# ---- that a mistake would be seen


def _never_sooner(rule: type[PlainRule]) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(rule, "sooner", property(lambda self: False, lambda self, value: None))


def _anew_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    anew = Dues.anew
    patch.setattr(Dues, "anew", lambda self: None if self._bounds else anew(self))


def _only_later(patch: pytest.MonkeyPatch) -> None:
    def heard(self: Dues, place: int) -> None:
        self._bounds[place] = max(self._bounds[place], self._asked(place))

    patch.setattr(Dues, "heard", heard)


MISTAKES: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "supervision": _never_sooner(Supervision),
    "meters": _never_sooner(MeterHealth),
    "inactivity": _never_sooner(Inactivity),
    "questions": _never_sooner(AskingRule),
    "anew": _anew_is_forgotten,
    "only_later": _only_later,
    "nothing_is_heard": lambda patch: patch.setattr(Dues, "heard", lambda self, place: None),
    "floor": lambda patch: patch.setattr(
        Dues, "floor", property(lambda self: NEVER, lambda self, value: None), raising=False
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_memory_that_is_too_late_is_seen(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MISTAKES[mistake](monkeypatch)
    for seed in range(8):
        controller = fresh()
        for observation in a_life(seed):
            controller.handle(observation)
            if controller.dues.too_late():
                return
    pytest.fail(f"{mistake}: nobody noticed")


# ---- the memory itself


class Timer(PlainRule):
    """A rule that is due when it is told to be."""

    def __init__(self, name: str, due: int | None = None) -> None:
        self.name, self.due, self.asked = name, due, 0

    def next_due(self) -> int | None:
        self.asked += 1
        return self.due


class Silent(PlainRule):
    name = "silent"


def memory(*rules: Any, out: tuple[str, ...] = ()) -> Dues:
    return Dues(rules, out)


def test_a_rule_is_not_asked_again_before_its_moment() -> None:
    rule = Timer("a", 1_000)
    dues = memory(rule)
    assert dues.within(10) == 1_000
    asked = rule.asked
    assert [dues.within(t) for t in range(500, 1_000, 50)] == [1_000] * 10
    assert rule.asked == asked


def test_what_moved_back_is_found_out_when_its_old_moment_comes() -> None:
    rule = Timer("a", 1_000)
    dues = memory(rule)
    assert dues.first() == 1_000
    rule.due = 5_000
    assert dues.within(999) == 1_000  # still what was known, and no later than the truth
    assert dues.within(1_000) == 5_000
    assert dues.too_late() == []


def test_what_was_brought_forward_is_known_once_it_was_heard() -> None:
    early, late = Timer("a", 9_000), Timer("b", 2_000)
    dues = memory(early, late)
    assert dues.first() == 2_000
    early.due = 500
    place = dues.place(early)
    assert place is not None
    dues.heard(place)
    assert dues.floor == 500
    assert dues.first() == 500


def test_ripe_rules_come_in_their_order_and_are_asked_anew_after_their_turn() -> None:
    first, second, third = Timer("a", 20), Timer("b", 10), Timer("c", 30)
    dues = memory(first, second, third)
    turns = []
    for rule in dues.ripe(20):
        turns.append(rule.name)
        assert isinstance(rule, Timer)
        rule.due = None
    assert turns == ["a", "b"]
    assert dues.first() == 30


def test_a_rule_made_ripe_by_the_one_before_has_its_turn() -> None:
    first, second = Timer("a", 10), Timer("b", 500)
    dues = memory(first, second)
    turns = []
    for rule in dues.ripe(10):
        turns.append(rule.name)
        first.due, second.due = None, 5
        dues.anew()
        if rule is second:
            second.due = None
    assert turns == ["a", "b"]


def test_who_has_no_timers_is_never_asked_and_who_is_out_of_service_is_never_due() -> None:
    silent, broken, well = Silent(), Timer("broken", 10), Timer("well", 20)
    dues = memory(silent, broken, well, out=("broken",))
    assert dues.place(silent) is None
    assert dues.first() == 20
    assert [rule.name for rule in dues.ripe(30)] == ["well"]


def test_without_anything_due_there_is_no_first() -> None:
    assert memory().first() == memory(Timer("a")).first() == memory(Silent()).within(10**12) == NEVER


def test_every_kind_of_device_has_a_part_in_these_lives() -> None:
    named = {device for _, _, devices in WORDS for device in devices if device} | {*BEACONS, "m"}
    assert named <= {d.id for d in DEVICES}
