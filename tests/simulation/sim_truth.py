"""Invariant (vii): what the elder and the contacts are told never runs ahead of fact.

Each sentence is judged at the moment it leaves: spoken, or handed to the modem. The facts are those of `sim_folds`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sim_folds import ENDED, MAIN, Alarms, Judging, Seen, looks_at
from sim_history import Carried, Decided, History, Violation, Woke

from gateway.actions import Call, Say, Text
from gateway.observations import Kind

LATE_S: Final = 2  # a prompt may begin so much later than it was meant (act from memory, invariant iv)


class _Facts:
    """What is true now, beside the alarms themselves."""

    def __init__(self) -> None:
        self.t = 0
        self.lost = {"CELL_LOST": False, "UPLINK_LOST": False}
        self.said: dict[str, tuple[bool, frozenset[str]]] = {}  # key of a prompt -> all ways lost, whom it is sent to
        self.well: set[str] = set()  # keys of V20 that a word or movement of the elder stands behind
        self.asked: dict[str, int] = {}  # key of a text or call -> when it was decided

    @property
    def cut_off(self) -> bool:
        return all(self.lost.values())

    def learn(self, item: Decided) -> None:
        """What the decision that asked for a prompt was made of."""
        self.t = item.observation.t
        o = item.observation
        if o.kind is Kind.CONDITION and o.value.get("code") in self.lost:
            self.lost[o.value["code"]] = o.value.get("on", True) is True
        role = item.home.devices[o.device].role if o.kind is Kind.BUTTON and o.device in item.home.devices else None
        for action in item.actions:
            if isinstance(action, (Text, Call)):
                self.asked.setdefault(action.key, self.t)
            if isinstance(action, Say):
                sent = frozenset(
                    a.contact for a in item.actions if isinstance(a, (Text, Call)) and a.alarm == action.alarm
                )
                self.said[action.key] = (self.cut_off, sent)
                if action.prompt == "V20" and role in ("ok", "service", "cancel", None):
                    self.well.add(action.key)


@looks_at(Decided, Woke, Carried)
def what_is_said_is_true(_: History) -> Judging:
    """(vii) Each sentence said was true in the state it claims, the moment it was said."""
    facts, found = _Facts(), list[Violation]()
    while (seen := (yield)) is not None:
        item, alarms = seen
        if isinstance(item, Decided):
            facts.learn(item)
        elif isinstance(item, Woke):
            facts.t = item.t
        elif isinstance(item, Carried):
            action = item.action
            name = "call" if isinstance(action, Call) else getattr(action, "prompt", None) or action.template
            check: Any = _CHECKS.get(name)
            alarm = alarms.get(action.alarm or 0)
            if check is None or (alarm is None and name != "V20"):
                continue
            wrong = check(action, alarm, facts, item, alarms)
            if wrong:
                said = f"{name} {action.params or ''} about alarm {action.alarm}: {wrong}"
                found.append(Violation("vii true", said, item.true_ms))
    return found


Check = Callable[[Any, Seen, _Facts, Carried, Alarms], str]


def _v01(say: Say, alarm: Seen, _: _Facts, item: Carried, __: Alarms) -> str:
    """ "In n seconds we tell; cancel if all is well": the window is open and not shorter than promised."""
    if alarm.state != "PRE_ALARM":
        return f"the window is over, it is {alarm.state}"
    left = (alarm.timers["pre"] - item.t) / 1000
    return f"promises {say.params['n']} s, {left:.1f} are left" if say.params["n"] > left + LATE_S else ""


def _trying(say: Say, alarm: Seen, facts: _Facts, _: Carried, __: Alarms) -> str:
    """ "We are reaching X": it waits (or was pressed again after acceptance), a way out is open, X is texted."""
    if alarm.state in ENDED or alarm.state in ("PRE_ALARM", "ATTENDED"):
        return f"it is {alarm.state}"
    if alarm.state == "ACCEPTED" and say.prompt == "V04":
        return "somebody has accepted"
    cut_off, sent = facts.said.get(say.key, (False, None))
    if cut_off:
        return "nothing goes out"
    contact = say.params.get("contact")
    if contact is None:
        return ""
    if alarm.state == "ACCEPTED" and sent is not None and contact not in sent:
        return f"names {contact}, but {sorted(sent)} are texted"
    return "" if contact in alarm.texted else f"{contact} was never texted about it"


def _v05(say: Say, alarm: Seen, facts: _Facts, _: Carried, __: Alarms) -> str:
    """ "No call gets out": no way out was open."""
    cut_off, _sent = facts.said.get(say.key, (True, None))
    return "" if cut_off else "a way out is open"


def _v03(say: Say, alarm: Seen, _: _Facts, __: Carried, ___: Alarms) -> str:
    """ "X has been reached [and comes]": X accepted it; comes only who said so."""
    if alarm.state != "ACCEPTED":
        return f"it is {alarm.state}"
    by_text = alarm.accepted_via in ("sms", "call", "callback", "link")
    if (say.params.get("coming") is True) != by_text:
        return f"coming={say.params.get('coming')}, accepted by {alarm.accepted_via}"
    return "" if not by_text or say.params["contact"] == alarm.accepted_by else f"{alarm.accepted_by} accepted"


def _v06(_: Say, alarm: Seen, __: _Facts, ___: Carried, ____: Alarms) -> str:
    """ "Cancelled": it is, and nobody was told."""
    if alarm.state != "CANCELLED_LOCAL":
        return f"it is {alarm.state}"
    return "somebody was told already" if alarm.texted or alarm.published else ""


def _v08(_: Say, alarm: Seen, __: _Facts, ___: Carried, ____: Alarms) -> str:
    """ "Are you well? Press green": the question is open."""
    return "" if alarm.state == "PRE_ALARM" else f"it is {alarm.state}"


def _v20(say: Say, _: Seen | None, facts: _Facts, __: Carried, ___: Alarms) -> str:
    """ "Thank you, you are well": the elder said or showed so, and did not just call for help."""
    return "" if say.key in facts.well or say.key not in facts.said else "nobody said so"


def _main(asks: Text | Call, alarm: Seen, facts: _Facts, _: Carried, __: Alarms) -> str:
    """ "Please go", in writing or aloud: nobody goes yet, and this contact has not said no to it; or it reminds who
    said that they go."""
    tag = asks.key.rpartition(":")[2]
    if alarm.waiting:
        said_no = alarm.said_no.get(asks.contact)
        return "they have said no" if said_no is not None and said_no > facts.asked.get(asks.key, said_no) else ""
    reminds = tag.startswith("remind") and asks.contact == alarm.accepted_by
    if alarm.state == "ACCEPTED" and (tag.startswith("press") or reminds):
        return ""
    return f"it is {alarm.state}, taken by {alarm.accepted_by}"


def _s10(text: Text, alarm: Seen, _: _Facts, __: Carried, ___: Alarms) -> str:
    """ "X has promised to go, nothing more is known": X has, and it is still so."""
    if alarm.state not in ("ACCEPTED", "ATTENDED"):
        return f"it is {alarm.state}"
    mine = alarm.accepted_by if alarm.accepted_via != "platform" else None
    return "" if text.params.get("contact") in (mine, alarm.accepted_by) else f"taken by {alarm.accepted_by}"


def _s11(_: Text, alarm: Seen, __: _Facts, ___: Carried, ____: Alarms) -> str:
    """ "Cancelled at home": it was."""
    return "" if alarm.cancelled else "nobody cancelled"


def _s12(_: Text, alarm: Seen, __: _Facts, ___: Carried, ____: Alarms) -> str:
    """ "It is over": it is."""
    return "" if alarm.state == "CLOSED" else f"it is {alarm.state}"


def _s21(_: Text, alarm: Seen, __: _Facts, ___: Carried, ____: Alarms) -> str:
    """ "Nobody has taken it yet": nobody has."""
    return "" if alarm.waiting else f"it is {alarm.state}"


def _s25(text: Text, alarm: Seen, _: _Facts, __: Carried, ___: Alarms) -> str:
    """ "You said you go": they did, and nobody is there yet."""
    return "" if (alarm.state, alarm.accepted_by) == ("ACCEPTED", text.contact) else f"it is {alarm.state}"


_CHECKS: Final[dict[str, Check]] = {
    "V01": _v01, "V02": _trying, "V03": _v03, "V04": _trying, "V05": _v05, "V06": _v06, "V08": _v08, "V20": _v20,
    **dict.fromkeys(MAIN, _main), "call": _main, "S10": _s10, "S11": _s11, "S12": _s12, "S21": _s21,
    "S25": _s25,
}  # fmt: skip
