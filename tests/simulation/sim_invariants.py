"""The invariants of architecture.md as checks over a history. Each knows what an onlooker could know, and no more."""

from __future__ import annotations

import re
from typing import Final

from sim_folds import CALLS, ENDED, MAIN, WAITING, Invariant, Judging, Seen, judged_by, looks_at
from sim_history import Carried, Committed, Decided, History, Violation, Woke
from sim_prompt import an_alarm_for_life_is_prompt
from sim_reaching import each_fact_is_told_once, nothing_leaves_without_consent, the_telephone_is_used_as_agreed
from sim_silence import Silence
from sim_truth import what_is_said_is_true

from gateway.actions import Call, Publish, Say, Text
from gateway.home.model import HomeView
from gateway.observations import Kind, Observation

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
SLACK_MS: Final = 2_000
SAME_PACKET_MS: Final = 600_000
_UNDECIDED: Final = WAITING | {"ACCEPTED"}
"""Where somebody must still be told, or must still come."""
_LAST_NUMBER: Final = re.compile(r"[0-9]+$")  # of a text's key: when it was decided


@looks_at(Committed, Carried, Woke)
def a_persisted_alarm_survives_any_crash(history: History) -> Judging:
    """(i) A persisted alarm survives any single crash or power cut: it stands where it stood, timers and all."""
    found: list[Violation] = []
    texts: dict[int, tuple[int, str, int]] = {}  # id: written down when, key, alarm
    tried: set[str] = set()
    while (seen := (yield)) is not None:
        item, alarms = seen
        if isinstance(item, Committed):
            texts |= {i: (item.true_ms, *text) for i, text in item.texts.items()}
            for _, key, number in [texts.pop(done) for done in item.done if done in texts]:
                main = key.split(":")[1] in MAIN and not _replaced(key, texts)
                waits = number in alarms and alarms[number].waiting and not _answered(key, alarms[number])
                if main and key not in tried and waits:
                    found.append(Violation("i survives", f"text {key} was written off unsent", item.true_ms))
        if isinstance(item, Carried) and item.ended:
            tried.add(item.action.key)
        if not isinstance(item, Woke):
            continue
        book = {row["number"]: row for row in item.book["alarms"]}
        kept = {n: a for n, a in alarms.items() if a.state not in ENDED}
        for number, alarm in kept.items():
            row = book.get(number)
            mine = (alarm.state, alarm.timers, alarm.presses, alarm.accepted_by)
            theirs = row and (row["state"], row["timers"], row["presses"], row["accepted_by"])
            if mine != theirs:
                text = f"alarm {number} was {mine} on the disk and woke as {theirs}"
                found.append(Violation("i survives", text, item.true_ms))
    for at, key, _ in texts.values():
        if history.end_true_ms - at > DAY:
            found.append(Violation("i survives", f"text {key} was written down and forgotten", at))
    return found


def _replaced(key: str, texts: dict[int, tuple[int, str, int]]) -> bool:
    """Whether another text about the same alarm waits for the same contact: newer words in the place of old ones."""
    alarm, _, contact, *_ = key.split(":")
    others = (other.split(":") for _, other, _ in texts.values())
    return any((other[0], other[2]) == (alarm, contact) for other in others)


def _answered(key: str, alarm: Seen) -> bool:
    """Whether its contact has said no since the text was decided: another copy of it got through before."""
    said = alarm.said_no.get(key.split(":")[2])
    decided = _LAST_NUMBER.search(key)
    return said is not None and decided is not None and int(decided[0]) <= said


def _may_end(observation: Observation, home: HomeView) -> bool:
    """Whether this is the word of an authenticated person."""
    value = observation.value
    if observation.kind is Kind.REPLY:
        return value["answer"] in ("1", "arrived") and value["contact"] in {c.id for c in home.contacts}
    if observation.kind is Kind.ACK:
        return value.get("stage") in ("ACCEPTED", "ATTENDED", "CLOSED")
    return observation.kind is Kind.VISIT


@looks_at(Decided, Woke)
def no_way_from_raised_to_silence(history: History) -> Judging:
    """(ii) No way from RAISED to silent but an authenticated ACCEPTED/CLOSED; what ends a call before, is its elder."""
    found, before = list[Violation](), dict[int, str]()
    while (seen := (yield)) is not None:
        item, alarms = seen
        if isinstance(item, Decided):
            for event in item.events:
                if event.state is None:
                    continue
                state, was = event.state.value, before.get(event.alarm)
                test_over = was == "UNANSWERED" and alarms[event.alarm].code == "TEST_MANUAL"  # went to all: it may end
                left = was in WAITING and state not in WAITING
                if left and not test_over and not _may_end(item.observation, item.home):
                    said = f"alarm {event.alarm} went from {was} to {state} by {item.observation.kind.value}"
                    found.append(Violation("ii no silence", said, item.true_ms))
                if was == "PRE_ALARM" and state in ENDED and alarms[event.alarm].code in CALLS:
                    device = item.home.devices.get(item.observation.device or "")
                    if item.observation.kind is not Kind.BUTTON or device is None or device.role != "cancel":
                        said = f"call {event.alarm} ended as {state} by {item.observation.kind.value}"
                        found.append(Violation("ii no silence", said, item.true_ms))
                before[event.alarm] = state
        elif isinstance(item, Woke):
            before = {n: a.state for n, a in alarms.items()}
    return found


class _Patience:
    """How long a waiting alarm may go without anybody being told, in ms, where either of two homes may bind it."""

    def __init__(self, one: HomeView, other: HomeView) -> None:
        def longest(name: str, usual: float) -> int:
            return max(round(home.settings.get(name, usual) * 1000) for home in (one, other))

        self._urgent = longest("escalation.next_contact_s", 120)
        self._other = longest("escalation.next_contact_p2_s", 600)
        self._repeat = longest("escalation.unanswered_repeat_s", 600)

    def ms(self, *, urgent: bool, exhausted: bool, age: int) -> int:
        if exhausted:
            return HOUR if age > DAY - HOUR else self._repeat
        return self._urgent if urgent else self._other


@looks_at(Decided, Woke)
def the_chain_always_goes_on(history: History) -> Judging:
    """(ii) ... and while it waits, contacts or platform are told again and again, and the elder hears that we try."""
    found: list[Violation] = []
    told: dict[int, int] = {}
    heard: dict[int, int] = {}
    blamed: set[int] = set()
    woken = 0
    first = home = _home_at_first(history)
    patience = _Patience(home, first)
    while (seen := (yield)) is not None:
        item, alarms = seen
        if isinstance(item, Woke):
            now = item.t
            told = {n: min(told.get(n, now), now) for n, a in alarms.items() if a.waiting}
            woken = now
            heard = dict.fromkeys(told, now)
            continue
        if not isinstance(item, Decided):
            continue
        t = item.observation.t
        if item.home is not home:
            home, patience = item.home, _Patience(item.home, first)
        if item.actions:
            attempts, spoken = _attempts(item), {a.alarm for a in item.actions if isinstance(a, Say)}
            told |= {e.alarm: t for e in item.events if e.alarm in attempts}
            heard |= {e.alarm: t for e in item.events if e.alarm in spoken}
        for alarm in alarms.open.values():
            if alarm.state not in _UNDECIDED or alarm.number in blamed:
                continue
            if not alarm.waiting:
                if _abandoned(alarm, item, woken):
                    said = f"alarm {alarm.number} was accepted, nobody came, and nobody was asked again"
                    found.append(Violation("ii chain goes on", said, item.true_ms))
                    blamed.add(alarm.number)
                continue
            urgent, age = alarm.severity in ("P0", "P1"), t - alarm.opened_t
            silent = t - max(told.get(alarm.number, alarm.moved_t), alarm.asleep_until)
            quiet = t - heard.get(alarm.number, alarm.moved_t)
            wait = patience.ms(urgent=urgent, exhausted=alarm.exhausted, age=age)
            if silent > wait + SLACK_MS:
                said = f"alarm {alarm.number} ({alarm.state}) has told nobody for {silent // 1000} of {wait // 1000} s"
                found.append(Violation("ii chain goes on", said, item.true_ms))
                blamed.add(alarm.number)
            elif urgent and alarm.state == "RAISED" and quiet > 60_000 + SLACK_MS:
                said = f"the elder has heard nothing about alarm {alarm.number} for {quiet // 1000} s"
                found.append(Violation("ii chain goes on", said, item.true_ms))
                blamed.add(alarm.number)
    return found


def _attempts(item: Decided) -> set[int | None]:
    """The alarms of which somebody is told by this decision."""
    return {
        a.alarm
        for a in item.actions
        if (isinstance(a, Text) and a.template in MAIN)
        or isinstance(a, Call)
        or (isinstance(a, Publish) and a.channel == "alarm")
    }


def _abandoned(alarm: Seen, item: Decided, woken: int) -> bool:
    """Accepted, not attended, and longer ago than the reminder and the resumption together allow."""
    get = item.home.settings.get
    most = round((get("escalation.attend_s", 1800) + get("escalation.resume_s", 900)) * 1000)
    late = item.observation.t - max(alarm.moved_t, woken) - most > SLACK_MS
    return alarm.severity in ("P0", "P1") and late


def _home_at_first(history: History) -> HomeView:
    """The home at the first word: a setting changed meanwhile binds timers that were set before to the old one."""
    return next((d.home for d in history.decisions() if d.observation.kind is Kind.CONFIG), HomeView())


@looks_at(Decided, Committed, Woke)
def missing_data_is_nothing(history: History) -> Judging:
    """(iii) Missing data never counts as activity nor as its absence: the question comes exactly when a plain count
    of observed silence says so, and never otherwise."""
    live, kept = Silence(), Silence()
    queue: list[Committed] = []
    unconfirmed = False
    found: list[Violation] = []
    while (seen := (yield)) is not None:
        item, _ = seen
        if found:
            continue  # once they differ they go on to
        if isinstance(item, Decided):
            live.asked_at.clear()
            live.tell(item.observation)
            asked = [e.t for e in item.events if e.what == "opened" and e.patch["code"] == "INACTIVITY"]
            if asked != live.asked_at:
                said = f"asked at {asked}, by plain count {live.asked_at} (silent {live.silent // 1000} s)"
                found.append(Violation("iii missing is nothing", said, item.true_ms))
        elif isinstance(item, Committed):
            queue.append(item)
        elif isinstance(item, Woke):
            for row in queue:
                unconfirmed = kept.remember(row.observation, row.events, unconfirmed)
            queue.clear()
            if item.kept_t is not None and item.kept_t > kept.t:  # marks of time alone are not in the history
                kept.tell(Observation(Kind.TICK, None, item.kept_t))
            kept.asked = kept.asked and not unconfirmed
            live, unconfirmed = kept.copy(), False
    return found


@looks_at(Decided, Woke)
def time_is_true(history: History) -> Judging:
    """Controller time never runs backward or ahead of what passed, and stands still over a gap nobody vouches for."""
    found, t = list[Violation](), 0
    opened: dict[int, int] = {}
    while (seen := (yield)) is not None:
        item, _ = seen
        if isinstance(item, Woke):
            if item.kept_t is None:
                continue
            passed = item.t - item.kept_t
            if passed < 0 or (item.right and passed > item.down_ms + SLACK_MS):
                said = f"woke {passed} ms on after {item.down_ms} ms"
                found.append(Violation("time", said, item.true_ms))
            if item.how == "cut" and not item.vouched and passed:
                said = f"woke {passed} ms on by a clock nobody vouches for"
                found.append(Violation("time", said, item.true_ms))
            t = item.kept_t
            opened.clear()
        elif isinstance(item, Decided):
            if item.observation.t < t:
                found.append(Violation("time", "controller time ran backward", item.true_ms))
            t = item.observation.t
            for event in item.events:
                if (
                    event.what == "resumed"
                ):  # says that the power is back; what was due before is stamped with its due time
                    continue
                if event.t < opened.get(event.alarm, event.t) or event.t > t:
                    found.append(Violation("time", f"alarm {event.alarm}: {event.what} out of order", item.true_ms))
                opened[event.alarm] = event.t
    return found


@looks_at(Decided, Committed, Woke)
def the_same_packet_is_one_press(history: History) -> Judging:
    """A packet heard twice is one press, before and after a crash; a press is never swallowed. Ten minutes later the
    same name is another press: a counter may begin anew."""
    found: list[Violation] = []
    live: dict[str, int] = {}  # key -> when it was first heard
    kept: dict[str, int] = {}
    while (seen := (yield)) is not None:
        item, _ = seen
        key = item.observation.key if isinstance(item, (Decided, Committed)) else None
        if isinstance(item, Woke):
            live = dict(kept)
        elif isinstance(item, Committed) and key is not None:
            if item.observation.t - kept.get(key, -DAY) > SAME_PACKET_MS:
                kept[key] = item.observation.t
        elif isinstance(item, Decided) and item.observation.kind is Kind.BUTTON:
            device = item.home.devices.get(item.observation.device or "")
            counted = any(e.what in ("opened", "pressed") and e.t == item.observation.t for e in item.events)
            again = key is not None and item.observation.t - live.get(key, -DAY) <= SAME_PACKET_MS
            if device is not None and device.role == "call" and counted == again:
                said = f"press {key} was {'counted twice' if again else 'swallowed'}"
                found.append(Violation("one press", said, item.true_ms))
            if key is not None and not again:
                live[key] = item.observation.t
    return found


@looks_at()
def nothing_breaks(history: History) -> Judging:
    """No exception anywhere."""
    while (yield) is not None:
        pass
    return [Violation("nothing breaks", text, 0) for text in history.accidents]


INVARIANTS: Final[tuple[Invariant, ...]] = (
    nothing_breaks,
    a_persisted_alarm_survives_any_crash,
    no_way_from_raised_to_silence,
    the_chain_always_goes_on,
    missing_data_is_nothing,
    an_alarm_for_life_is_prompt,
    what_is_said_is_true,
    time_is_true,
    the_same_packet_is_one_press,
    each_fact_is_told_once,
    nothing_leaves_without_consent,
    the_telephone_is_used_as_agreed,
)


def judge(history: History) -> list[Violation]:
    """All that is wrong with a history."""
    return judged_by(INVARIANTS, history)
