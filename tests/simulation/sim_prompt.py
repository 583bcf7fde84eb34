"""Invariant (iv): an alarm for life overtakes everything, and two seconds are the most it is put off.

Each way out is judged by itself: decided, handed to the modem, with the platform.
"""

from __future__ import annotations

from math import inf
from typing import Final

from sim_folds import CALLS, MAIN, Alarms, Judging
from sim_history import Carried, Decided, Died, History, Paths, Received, Violation, Woke

from gateway.actions import PRIORITY, Call, Publish, Text

PROMPT_MS: Final = 2_000


def an_alarm_for_life_is_prompt(_: History) -> Judging:
    """(iv) A P0 alarm is never delayed more than 2 s by anything else, the disk included: decided, handed to the modem
    and offered to the platform. Only a text the modem is sending already is waited for."""
    found: list[Violation] = []
    waiting: dict[str, tuple[int, int, int]] = {}  # key -> decided at, priority, alarm; texts not yet handed over
    offered: dict[str, int] = {}
    latest: dict[int, int] = {}  # call -> when its window closes, as promised at its first press
    uplink_since: int | None = None
    woken = 0
    while (seen := (yield)) is not None:
        item, alarms = seen
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
            decided, *_rest = waiting.pop(item.action.key, (item.true_ms, 0, 0))
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
        for a in alarms.open.values()
        if a.state == "PRE_ALARM" and "pre" in a.timers and item.observation.t - a.timers["pre"] > PROMPT_MS
    ]
