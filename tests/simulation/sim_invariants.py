"""The invariants of architecture.md as checks over a history. Each knows what an onlooker could know, and no more."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final

from sim_folds import CALLS, ENDED, MAIN, WAITING, Alarms, Seen, walk
from sim_history import Carried, Committed, Decided, Died, History, Paths, Received, Violation, Woke
from sim_reaching import each_fact_is_told_once, nothing_leaves_without_consent, the_telephone_is_used_as_agreed
from sim_silence import Silence
from sim_truth import what_is_said_is_true

from gateway.actions import PRIORITY, Call, Publish, Say, Text
from gateway.home.model import HomeView
from gateway.observations import Kind, Observation

PROMPT_MS: Final = 2_000
HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
SLACK_MS: Final = 2_000


def a_persisted_alarm_survives_any_crash(history: History) -> list[Violation]:
    """(i) A persisted alarm survives any single crash or power cut: it stands where it stood, timers and all."""
    found: list[Violation] = []
    texts: dict[int, tuple[int, str, int]] = {}  # id: written down when, key, alarm
    tried: set[str] = set()
    for item, alarms in walk(history):
        if isinstance(item, Committed):
            texts |= {i: (item.true_ms, *text) for i, text in item.texts.items()}
            for _, key, number in [texts.pop(done) for done in item.done if done in texts]:
                main = key.split(":")[1] in MAIN
                if main and key not in tried and number in alarms and alarms[number].waiting:
                    found.append(Violation("i survives", f"text {key} was written off untried", item.true_ms))
        if isinstance(item, Carried):
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


def _may_end(observation: Observation, home: HomeView) -> bool:
    """Whether this is the word of an authenticated person."""
    value = observation.value
    if observation.kind is Kind.REPLY:
        return value["answer"] == "1" and value["contact"] in {c.id for c in home.contacts}
    if observation.kind is Kind.ACK:
        return value.get("stage") in ("ACCEPTED", "ATTENDED", "CLOSED")
    return observation.kind is Kind.VISIT


def no_way_from_raised_to_silence(history: History) -> list[Violation]:
    """(ii) No way from RAISED to silent but an authenticated ACCEPTED/CLOSED; what ends a call before, is its elder."""
    found, before = [], {}
    for item, alarms in walk(history):
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


def _patience(home: HomeView, code_urgent: bool, exhausted: bool, age: int) -> int:
    """How long a waiting alarm may go without anybody being told, in ms."""
    get = home.settings.get
    if exhausted:
        return HOUR if age > DAY - HOUR else round(get("escalation.unanswered_repeat_s", 600) * 1000)
    chain = get("escalation.next_contact_s", 120) if code_urgent else get("escalation.next_contact_p2_s", 600)
    return round(chain * 1000)


def the_chain_always_goes_on(history: History) -> list[Violation]:
    """(ii) ... and while it waits, contacts or platform are told again and again, and the elder hears that we try."""
    found: list[Violation] = []
    told: dict[int, int] = {}
    heard: dict[int, int] = {}
    blamed: set[int] = set()
    woken = 0
    for item, alarms in walk(history):
        if isinstance(item, Woke):
            now = item.t
            told = {n: min(told.get(n, now), now) for n, a in alarms.items() if a.waiting}
            woken = now
            heard = dict.fromkeys(told, now)
            continue
        if not isinstance(item, Decided):
            continue
        attempts = {a.alarm for a in item.actions if isinstance(a, Text) and a.template in MAIN}
        attempts |= {a.alarm for a in item.actions if isinstance(a, Call)}
        attempts |= {a.alarm for a in item.actions if isinstance(a, Publish) and a.channel == "alarm"}
        spoken = {a.alarm for a in item.actions if isinstance(a, Say)}
        for event in item.events:
            if event.alarm in attempts:
                told[event.alarm] = item.observation.t
            if event.alarm in spoken:
                heard[event.alarm] = item.observation.t
        for alarm in alarms.values():
            if alarm.number in blamed:
                continue
            if not alarm.waiting:
                if _abandoned(alarm, item, woken):
                    said = f"alarm {alarm.number} was accepted, nobody came, and nobody was asked again"
                    found.append(Violation("ii chain goes on", said, item.true_ms))
                    blamed.add(alarm.number)
                continue
            t, urgent = item.observation.t, alarm.severity in ("P0", "P1")
            wait = _patience(item.home, urgent, alarm.exhausted, t - alarm.opened_t)
            wait = max(wait, _patience(history_home(history), urgent, alarm.exhausted, t - alarm.opened_t))
            silent = t - max(told.get(alarm.number, alarm.moved_t), alarm.asleep_until)
            quiet = t - heard.get(alarm.number, alarm.moved_t)
            if silent > wait + SLACK_MS:
                said = f"alarm {alarm.number} ({alarm.state}) has told nobody for {silent // 1000} of {wait // 1000} s"
                found.append(Violation("ii chain goes on", said, item.true_ms))
                blamed.add(alarm.number)
            elif urgent and alarm.state == "RAISED" and quiet > 60_000 + SLACK_MS:
                said = f"the elder has heard nothing about alarm {alarm.number} for {quiet // 1000} s"
                found.append(Violation("ii chain goes on", said, item.true_ms))
                blamed.add(alarm.number)
    return found


def _abandoned(alarm: Seen, item: Decided, woken: int) -> bool:
    """Accepted, not attended, and longer ago than the reminder and the resumption together allow."""
    get = item.home.settings.get
    most = round((get("escalation.attend_s", 1800) + get("escalation.resume_s", 900)) * 1000)
    late = item.observation.t - max(alarm.moved_t, woken) - most > SLACK_MS
    return alarm.state == "ACCEPTED" and alarm.severity in ("P0", "P1") and late


def history_home(history: History) -> HomeView:
    """The home at the first word: a setting changed meanwhile binds timers that were set before to the old one."""
    return next((d.home for d in history.decisions() if d.observation.kind is Kind.CONFIG), HomeView())


def missing_data_is_nothing(history: History) -> list[Violation]:
    """(iii) Missing data never counts as activity nor as its absence: the question comes exactly when a plain count
    of observed silence says so, and never otherwise."""
    live, kept = Silence(), Silence()
    queue: list[Committed] = []
    unconfirmed = False
    found: list[Violation] = []
    for item in history.items:
        if isinstance(item, Decided):
            live.asked_at.clear()
            live.tell(item.observation)
            asked = [e.t for e in item.events if e.what == "opened" and e.patch["code"] == "INACTIVITY"]
            if asked != live.asked_at:
                said = f"asked at {asked}, by plain count {live.asked_at} (silent {live.silent // 1000} s)"
                found.append(Violation("iii missing is nothing", said, item.true_ms))
                return found
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


def an_alarm_for_life_is_prompt(history: History) -> list[Violation]:
    """(iv) A P0 alarm is never delayed more than 2 s by anything else, the disk included: decided, handed to the modem
    and offered to the platform. Only a text the modem is sending already is waited for."""
    found: list[Violation] = []
    waiting: dict[str, tuple[int, int, int]] = {}  # key -> decided at, priority, alarm; texts not yet handed over
    offered: dict[str, int] = {}
    latest: dict[int, int] = {}  # call -> when its window closes, as promised at its first press
    uplink_since: int | None = None
    woken = 0
    for item, alarms in walk(history):
        if isinstance(item, Woke):
            woken, offered = item.t, {}
            waiting.clear()
        elif isinstance(item, Died):  # nobody is there to send; what was durable is offered anew when it wakes
            offered = {}
        elif isinstance(item, Paths):
            uplink_since = (uplink_since or item.true_ms) if item.uplink else None
        elif isinstance(item, Decided):
            for event in item.events:
                alarm = alarms[event.alarm]
                if event.what == "opened":  # a number that died undurable with its process is given again
                    latest.pop(event.alarm, None)
                late = item.observation.t - event.t
                if event.state is not None and event.state.value == "RAISED" and alarm.severity == "P0":
                    if late > PROMPT_MS and event.t > woken:
                        text = f"alarm {event.alarm} raised {late} ms after it was due"
                        found.append(Violation("iv prompt", text, item.true_ms))
                    wanted = {Publish.kind} | _ways(item, event.alarm)
                    if not wanted <= {a.kind for a in item.actions if getattr(a, "alarm", 0) == event.alarm}:
                        found.append(Violation("iv prompt", f"alarm {event.alarm} raised and not sent", item.true_ms))
                if event.state is not None and event.state.value == "PRE_ALARM" and alarm.code in CALLS:
                    pre = round(item.home.settings.get("call_button.pre_alarm_s", 10) * 1000)
                    latest[event.alarm] = event.t + pre
                if alarm.state == "PRE_ALARM" and alarm.timers.get("pre", 0) > latest.get(event.alarm, inf):
                    text = f"call {event.alarm} is put off by {alarm.timers['pre'] - latest[event.alarm]} ms"
                    found.append(Violation("iv prompt", text, item.true_ms))
            found += _overtime(alarms, item)
            for action in item.actions:
                if isinstance(action, Text) and action.template in MAIN:
                    waiting[action.key] = (item.true_ms, PRIORITY[action.severity], action.alarm or 0)
                elif isinstance(action, Publish) and action.severity == "P0" and action.channel == "alarm":
                    offered[action.key] = item.true_ms
        elif isinstance(item, Carried) and isinstance(item.action, Text):
            decided, _, _ = waiting.pop(item.action.key, (item.true_ms, 0, 0))
            mine = PRIORITY[item.action.severity]
            late = item.true_ms - max(decided, item.free_ms)
            if mine == 0 and late > PROMPT_MS:
                found.append(Violation("iv prompt", f"text {item.action.key} handed over {late} ms late", item.true_ms))
            for key, (at, other, number) in waiting.items():
                still = number in alarms and alarms[number].waiting  # else it is dropped: nobody need go any more
                if still and other == 0 and mine > 0 and item.true_ms - at > PROMPT_MS:
                    said = f"{item.action.key} overtook {key}"
                    found.append(Violation("iv prompt", said, item.true_ms))
        elif isinstance(item, Received):
            offered.pop(item.key, None)
        if uplink_since is not None and offered:
            for key, at in list(offered.items()):
                if item.true_ms - max(at, uplink_since) > PROMPT_MS:
                    found.append(Violation("iv prompt", f"message {key} not with the platform in 2 s", item.true_ms))
                    del offered[key]
    return found


def _ways(item: Decided, alarm: int) -> set[str]:
    """What must go out to the contact who is asked, by each of their ways; there must be one if any is listed, but for
    those who have said no this moment: then it is the platform's, and they are asked again."""
    if any(e.alarm == alarm and (e.what, e.reason) == ("waits", "all_declined") for e in item.events):
        return set()
    kinds = {"sms": Text.kind, "call": Call.kind}
    asked = [e.reason for e in item.events if e.alarm == alarm and e.what == "told"]
    everybody = "all_at_once" in asked
    ways = [kinds[way] for c in item.home.contacts if everybody or c.id in asked for way in c.channels]
    return set(ways) or ({Text.kind} if item.home.contacts else set())


def _overtime(alarms: Alarms, item: Decided) -> list[Violation]:
    """Calls whose window is over and that are still only announced."""
    return [
        Violation(
            "iv prompt", f"call {a.number} still waits {item.observation.t - a.timers['pre']} ms on", item.true_ms
        )
        for a in alarms.values()
        if a.state == "PRE_ALARM" and "pre" in a.timers and item.observation.t - a.timers["pre"] > PROMPT_MS
    ]


def time_is_true(history: History) -> list[Violation]:
    """Controller time never runs backward or ahead of what passed, and stands still over a gap nobody vouches for."""
    found, t = [], 0
    opened: dict[int, int] = {}
    for item in history.items:
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


def the_same_packet_is_one_press(history: History) -> list[Violation]:
    """A packet heard twice is one press, before and after a crash; a press is never swallowed."""
    found: list[Violation] = []
    live: set[str] = set()
    kept: set[str] = set()
    for item in history.items:
        key = item.observation.key if isinstance(item, (Decided, Committed)) else None
        if isinstance(item, Woke):
            live = set(kept)
        elif isinstance(item, Committed) and key is not None:
            kept.add(key)
        elif isinstance(item, Decided) and item.observation.kind is Kind.BUTTON:
            device = item.home.devices.get(item.observation.device or "")
            counted = any(e.what in ("opened", "pressed") and e.t == item.observation.t for e in item.events)
            again = key is not None and key in live
            if device is not None and device.role == "call" and counted == again:
                said = f"press {key} was {'counted twice' if again else 'swallowed'}"
                found.append(Violation("one press", said, item.true_ms))
            if key is not None:
                live.add(key)
    return found


def nothing_breaks(history: History) -> list[Violation]:
    """No exception anywhere."""
    return [Violation("nothing breaks", text, 0) for text in history.accidents]


INVARIANTS: Final[tuple[Callable[[History], list[Violation]], ...]] = (
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
    return [violation for check in INVARIANTS for violation in check(history)]
