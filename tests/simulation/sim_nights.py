"""Nights with detectors, matters of P2, tests, mutes: a story of `sim_story` with more in it, and how it is judged.

The plain story's dice are not touched: each happening here comes from dice of its own. Everything goes through the
world as it is; only what a driver would say is added.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any, Final

from sim_folds import Seen, walk
from sim_history import Carried, Decided, History, Violation
from sim_hours import (
    SOFT,
    Clock,
    a_matter_of_life_knows_no_hours,
    nobody_is_disturbed_outside_their_hours,
    with_hours,
)
from sim_story import DAY, HOUR, MINUTE, START_MS, Happening, Story, write
from sim_stove import STOVE, a_stove_is_asked_about_when_it_was_on_too_long, cook

from gateway.actions import Call, Publish, Say, Siren, Text
from gateway.home.model import Device, HomeView
from gateway.observations import Kind, Observation

DETECTORS: Final = {"smoke": "SMOKE", "gas": "GAS", "co": "CO", "flood": "FLOOD"}
SIREN: Final = frozenset({"SMOKE", "GAS", "CO"})
MUTE_MOST_MS: Final = 30 * MINUTE
TEST_MOST_MS: Final = (
    4 * 5 * MINUTE + 10 * MINUTE + 5 * MINUTE
)  # three contacts and nobody, each 5 min at most; then 10
_DANGER: Final = frozenset({"RAISED", "UNANSWERED", "CANCELLED_BY_USER", "ACCEPTED"})
_TRUE_IN: Final = {
    "V09": _DANGER,
    "V10": _DANGER,
    "V11": _DANGER,
    "V15": frozenset({"PRE_ALARM"}),
    "V16": frozenset({"CLOSED"}),
}


def write_nights(seed: int, days: float) -> Story:
    """The story of this seed, with detectors, a thermometer and a stove in the home, hours that contacts gave, and
    restless nights."""
    story = write(seed, days)
    rng = random.Random(f"nights {seed}")
    devices = dict(story.home.devices) | {kind: Device(kind, kind, room="r3") for kind in DETECTORS}
    devices["thermo"] = Device("thermo", "temperature", room="r1")
    devices[STOVE.id] = STOVE
    home = with_hours(replace(story.home, devices=devices), random.Random(f"hours {seed}"))
    pen = _Pen(rng, int(days * DAY))
    pen.detectors()
    pen.cold_nights()
    pen.words()
    cook(random.Random(f"stove {seed}"), pen.end, pen.say)
    happenings = sorted([*story.happenings, *pen.happenings], key=lambda h: h["at"])
    return Story(seed, days, home, happenings, story.traits)


class _Pen:
    def __init__(self, rng: random.Random, end: int) -> None:
        self.rng, self.end = rng, end
        self.happenings: list[Happening] = []

    def say(self, at: float, device: str | None, kind: str, value: Any) -> None:
        if 0 <= at < self.end:
            self.happenings.append({"at": int(at), "what": "say", "device": device, "kind": kind, "value": value})

    def times(self, per_day: float) -> list[int]:
        count = self.end * per_day / DAY
        return [self.rng.randrange(self.end) for _ in range(int(count) + (self.rng.random() < count % 1))]

    def detectors(self) -> None:
        """Spells of seconds to an hour, some that chatter, some that nobody sees the end of."""
        for kind in DETECTORS:
            for start in self.times(0.12):
                self.say(start, kind, kind, True)
                over: float = start + self.rng.choice([5_000, 90_000, 20 * MINUTE, HOUR])
                for _ in range(self.rng.choice([0, 0, 3, 12])):
                    at = start + self.rng.randrange(1, int(over - start))
                    self.say(at, kind, kind, False)
                    self.say(at + self.rng.randrange(100, 20_000), kind, kind, True)
                if self.rng.random() < 0.8:
                    self.say(over + 30_000, kind, kind, False)

    def cold_nights(self) -> None:
        """A room that gets cold at some hour of most days, for a while or for hours: P2, by night and by day."""
        for start in range(0, self.end, DAY):
            if self.rng.random() < 0.3:
                continue
            t: float = start + self.rng.choice([14, 15, 17, 20, 4]) * HOUR + self.rng.randrange(HOUR)  # UTC
            warm = t + self.rng.choice([20 * MINUTE, 25 * MINUTE, 70 * MINUTE, 5 * HOUR])
            while t < warm + 30 * MINUTE:
                self.say(t, "thermo", "temperature", 5.0 if t < warm else 16.0)
                t += 5 * MINUTE

    def words(self) -> None:
        """Tests wanted by the platform, some of them over and over, and by the installer; mutes, and their end."""
        for start in self.times(0.5):
            origin = self.rng.choice(["platform", "platform", "local"])
            for n in range(self.rng.choice([1, 1, 2, 8])):
                value = {"cmd": "test_alarm", "from": origin, "id": f"t{start}-{n % 2}"}
                self.say(start + n * HOUR, None, "command", value | {"press": self.rng.random() < 0.4})
        for start in self.times(0.6):
            self.say(start, None, "mute", self.rng.choice([True, {"on": True, "minutes": 10}, {"minutes": 600}]))
            if self.rng.random() < 0.3:
                self.say(start + 3 * MINUTE, None, "mute", False)


# ---- how they are judged


def a_detector_is_told_to_everybody_at_once(history: History) -> list[Violation]:
    """T-06, domain 3.2: raised in the moment it is found, to every contact by each of their ways, and the platform."""
    found = []
    for item in history.decisions():
        for event in item.events:
            if event.what != "opened" or event.patch["code"] not in DETECTORS.values():
                continue
            mine = [a for a in item.actions if getattr(a, "alarm", None) == event.alarm]
            raised = any(
                e.alarm == event.alarm and e.state is not None and e.state.value == "RAISED" for e in item.events
            )
            texted = {a.contact for a in mine if isinstance(a, Text)}
            called = {a.contact for a in mine if isinstance(a, Call)}
            able = _able(item.home, event.patch["severity"])
            told = {
                c
                for c, ways in able.items()
                if ("sms" not in ways or c in texted) and ("call" not in ways or c in called)
            }
            if not raised or not any(isinstance(a, Publish) for a in mine):
                found.append(Violation("detector", f"alarm {event.alarm} is not raised at once", item.true_ms))
            if event.patch["severity"] == "P0" and told != set(able):
                missed = sorted(set(able) - told)
                found.append(Violation("detector", f"alarm {event.alarm}: {missed} not told", item.true_ms))
            sounds = any(isinstance(a, Siren) and a.pattern == "on" for a in mine)
            if sounds is not (event.patch["code"] in SIREN):
                found.append(Violation("detector", f"alarm {event.alarm}: siren {sounds}", item.true_ms))
    return found


def _able(home: HomeView, severity: str) -> dict[str, tuple[str, ...]]:
    """Whom it may be told, and how; P1 leaves out whoever wants no call at this hour, which is not judged here."""
    return {c.id: c.channels for c in home.contacts}


def the_siren_ends_by_people_alone(history: History) -> list[Violation]:
    """It is switched off by the cancel key, by who arrives and by a close; by no timer and no detector gone quiet."""
    return [
        Violation("siren", f"{action.key} by {item.observation.kind.value}", item.true_ms)
        for item in history.decisions()
        for action in item.actions
        if isinstance(action, Siren) and action.pattern == "off" and not _somebody_is_there(item.observation)
    ]


def _somebody_is_there(observation: Observation) -> bool:
    """A key, a visitor, the desk, or a contact who writes 到了."""
    if observation.kind is Kind.REPLY:
        return bool(observation.value["answer"] == "arrived")
    return observation.kind in (Kind.CANCEL, Kind.BUTTON, Kind.VISIT, Kind.ACK)


def by_night_what_can_wait_waits(history: History) -> list[Violation]:
    """Domain 4.1: no contact is woken by a P2 alarm (the green key's excepted) unless it persists."""
    clock, found = Clock(), []
    awake: set[int] = set()  # alarms that persist, or that contacts were told of before the night began
    for item, alarms in walk(history):
        if not isinstance(item, Decided):
            continue
        clock.learn(item)
        awake |= {e.alarm for e in item.events if e.what == "persisting"}
        for action in item.actions:
            if not isinstance(action, (Text, Call)) or action.alarm is None or action.severity != "P2":
                continue
            alarm = alarms[action.alarm]
            first = action.template in ("S22", "S07") if isinstance(action, Text) else True
            if first and alarm.code != "SERVICE_REQUEST" and alarm.number not in awake:
                t = next((e.t for e in item.events if e.alarm == alarm.number and e.what == "told"), item.observation.t)
                if clock.night(t) and clock.night(item.observation.t):
                    found.append(Violation("night", f"{action.key} wakes {action.contact}", item.true_ms))
                awake.add(alarm.number)
    return found


def a_mute_is_kept_and_ends(history: History) -> list[Violation]:
    """Nothing softer than P1 is said while muted, for 30 min at most; P0 and P1 are said all the same."""
    until, found = 0, []
    for item in history.decisions():
        observation = item.observation
        if observation.kind is Kind.MUTE:
            value = observation.value
            on = value.get("on", True) is True if isinstance(value, dict) else value is True
            minutes = value.get("minutes", 30) if isinstance(value, dict) else 30
            until = observation.t + min(MUTE_MOST_MS, minutes * MINUTE) if on else 0
        for action in item.actions:
            due = next((e.t for e in item.events if e.alarm == getattr(action, "alarm", None)), observation.t)
            soft = isinstance(action, Say) and action.severity in SOFT
            if soft and observation.t < until and due < until:
                found.append(Violation("mute", f"{action.key} is said", item.true_ms))
    return found


def a_test_is_a_test_everywhere(history: History) -> list[Violation]:
    """Marked in each text, call and message. From the platform three in 24 h, each wish once; none while one waits."""
    found: list[Violation] = []
    begun: list[tuple[int, str]] = []
    for item, alarms in walk(history):
        if not isinstance(item, Decided):
            continue
        for action in item.actions:
            alarm = alarms.get(getattr(action, "alarm", None) or 0)
            marked = _marked(action)
            if alarm is None or marked is None or (alarm.code == "TEST_MANUAL") is marked:
                continue
            found.append(Violation("test", f"{action.key} about {alarm.code}", item.true_ms))
        for event in item.events:
            if event.what != "opened" or event.patch["code"] != "TEST_MANUAL":
                continue
            others = [a for a in alarms.values() if a.number != event.alarm and (a.waiting or a.state == "PRE_ALARM")]
            if others:
                found.append(Violation("test", f"begun while alarm {others[0].number} waits", item.true_ms))
            evidence = event.patch["evidence"]
            if evidence.get("from") != "platform":
                continue
            begun = [(t, i) for t, i in begun if event.t - t < DAY]
            if len(begun) >= 3 or evidence["id"] in {i for _, i in begun}:
                found.append(Violation("test", f"{evidence['id']} is one too many", item.true_ms))
            begun.append((event.t, evidence["id"]))
    return found


def a_test_that_nobody_answers_ends(history: History) -> list[Violation]:
    """So long after the last was asked, and never as a success; no test stands open for a day."""
    found, blamed = [], set[int]()
    for item, alarms in walk(history):
        if not isinstance(item, Decided):
            continue
        for event in item.events:
            failed = event.state is not None and event.patch.get("outcome") == "TEST_UNANSWERED"
            praised = any(isinstance(a, Say) and a.alarm == event.alarm for a in item.actions)
            if failed and (alarms[event.alarm].code != "TEST_MANUAL" or praised):
                found.append(Violation("test ends", f"alarm {event.alarm}: {event.reason}", item.true_ms))
        for alarm in alarms.values():
            t = item.observation.t
            open_ = alarm.code == "TEST_MANUAL" and (alarm.waiting or alarm.state == "PRE_ALARM")
            if open_ and t - alarm.opened_t > TEST_MOST_MS and alarm.number not in blamed:
                blamed.add(alarm.number)
                found.append(Violation("test ends", f"alarm {alarm.number} stands {alarm.state}", item.true_ms))
    return found


def _marked(action: Any) -> bool | None:
    """Whether an action says that it is a test; None for one that need not say."""
    if isinstance(action, Text):
        return action.template == "S17"
    if isinstance(action, Call):
        return action.params.get("test") is True
    return action.body["test"] is True if isinstance(action, Publish) else None


def what_the_detectors_voice_says_is_true(history: History) -> list[Violation]:
    """(vii) "Leave the house", "press the red key", "the test went well": each in its states, the moment it is said."""
    found = []
    for item, alarms in walk(history):
        if not isinstance(item, Carried) or not isinstance(item.action, Say):
            continue
        alarm: Seen | None = alarms.get(item.action.alarm or 0)
        allowed = _TRUE_IN.get(item.action.prompt)
        if allowed is not None and (alarm is None or alarm.state not in allowed):
            state = alarm.state if alarm else "unknown"
            found.append(Violation("vii true", f"{item.action.key}: it is {state}", item.true_ms))
    return found


NIGHTLY: Final = (
    a_detector_is_told_to_everybody_at_once,
    the_siren_ends_by_people_alone,
    by_night_what_can_wait_waits,
    a_mute_is_kept_and_ends,
    a_test_is_a_test_everywhere,
    a_test_that_nobody_answers_ends,
    nobody_is_disturbed_outside_their_hours,
    a_matter_of_life_knows_no_hours,
    a_stove_is_asked_about_when_it_was_on_too_long,
    what_the_detectors_voice_says_is_true,
)


def judge_nights(history: History) -> list[Violation]:
    """What is wrong with the nights of a history."""
    return [violation for check in NIGHTLY for violation in check(history)]


__all__ = ["NIGHTLY", "START_MS", "judge_nights", "write_nights"]
