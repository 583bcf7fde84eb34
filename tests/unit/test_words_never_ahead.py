"""Reassurance never runs ahead of fact (invariant vii): every sentence of every history is judged by an onlooker who
knows only who did what, and shares no code with the desk."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_home import House, home

from gateway.actions import Call, Say, Siren, Text
from gateway.alarms.life import State
from gateway.alarms.truth import SAID_IN
from gateway.home.model import Contact, Device
from gateway.observations import Kind

BOTH = ("sms", "call")
DEVICES = {**home().devices, "hidden": Device("hidden", "button", role="duress")}
CONTACTS = (
    Contact("c1", 1, channels=BOTH),
    Contact("land", 2, channels=("call",)),
    Contact("n1", 1, "primary_visit_contact", channels=BOTH, hours="08:00-20:00"),
)
FOUND = ("FALL", "INACTIVITY", "TEMP_LOW", "SMOKE", "GAS", "FLOOD", "DURESS", "BED_ABSENCE")
SILENT: Final = "DURESS"
OPEN: Final = {"RAISED", "UNANSWERED", "CANCELLED_BY_USER"}
TRUE_IN: Final[dict[str, set[str]]] = {  # domain 4.5, written down apart from the desk's own table
    "V01": {"PRE_ALARM"}, "V07": {"PRE_ALARM"}, "V08": {"PRE_ALARM"}, "V15": {"PRE_ALARM"},
    "V02": OPEN | {"ACCEPTED"}, "V03": {"ACCEPTED"}, "V04": OPEN, "V05": OPEN | {"ACCEPTED"},
    "V06": {"CANCELLED_LOCAL"}, "V09": OPEN | {"ACCEPTED"}, "V10": OPEN | {"ACCEPTED"}, "V11": OPEN | {"ACCEPTED"},
    "V16": {"CLOSED"}, "V20": {"RECOVERED"},
}  # fmt: skip

STEP = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([1, 5, 10, 30, 61, 130, 700, 2000, 20_000])),
    st.tuples(st.just("press"), st.sampled_from(["bedroom", "pendant", "cancel", "green", "service", "hidden"])),
    st.tuples(st.just("found"), st.sampled_from(FOUND)),
    st.tuples(
        st.just("reply"),
        st.tuples(
            st.sampled_from(["c1", "land", "n1", "stranger"]),
            st.sampled_from(["1", "2", "other"]),
            st.sampled_from([None, "01", "02"]),
            st.sampled_from(["sms", "call", "callback"]),
        ),
    ),
    st.tuples(
        st.just("called"),
        st.tuples(st.sampled_from(["c1", "land"]), st.sampled_from(["no_answer", "busy", "answered", "failed"])),
    ),
    st.tuples(st.just("platform"), st.sampled_from(["ACCEPTED", "ATTENDED", "CLOSED"])),
    st.tuples(st.just("path"), st.tuples(st.sampled_from(["CELL_LOST", "UPLINK_LOST"]), st.booleans())),
    st.tuples(st.just("test"), st.booleans()),
    st.tuples(st.just("mute"), st.booleans()),
    st.tuples(st.just("visit"), st.none()),
    st.tuples(st.just("clock"), st.sampled_from(["NONE", "NTP"])),
)


class Onlooker:
    """Follows one house and judges each action in the moment it is decided."""

    def __init__(self) -> None:
        self.house = House(home(contacts=CONTACTS, devices=DEVICES))
        self.accepted: dict[int, tuple[str, str]] = {}  # alarm -> who said yes, and how
        self.keys: set[str] = set()
        self.muted_until = 0

    def do(self, what: str, how: Any) -> None:
        house, before = self.house, len(self.house.actions)
        seen = len(house.events)
        by = how[0] if what == "reply" else "desk-3"
        getattr(self, f"_{what}")(how)
        for event in house.events[seen:]:
            if event.state is State.ACCEPTED:
                self.accepted[event.alarm] = (by, what)
        for action in house.actions[before:]:
            self.judge(action)

    def _wait(self, seconds: int) -> None:
        self.house.wait(seconds)

    def _press(self, device: str) -> None:
        self.house.press(device)

    def _found(self, code: str) -> None:
        self.house.controller.desk.found(code, self.house.now_ms, "test")
        self.house._keep(self.house.controller.advance(self.house.now_ms))

    def _reply(self, how: tuple[str, str, str | None, str]) -> None:
        contact, answer, ref, via = how
        self.house.say(Kind.REPLY, {"contact": contact, "answer": answer, "ref": ref, "via": via})

    def _called(self, how: tuple[str, str]) -> None:
        self.house.call_ended(*how)

    def _platform(self, stage: str) -> None:
        for alarm in list(self.house.controller.book.alarms):
            self.house.platform(alarm, stage, outcome="HELPED")

    def _path(self, how: tuple[str, bool]) -> None:
        self.house.say(Kind.CONDITION, {"code": how[0], "on": how[1]})

    def _test(self, press: bool) -> None:
        self.house.say(Kind.COMMAND, {"cmd": "test_alarm", "press": press})

    def _mute(self, on: bool) -> None:
        self.house.say(Kind.MUTE, {"on": on, "minutes": 10})
        self.muted_until = self.house.now_ms + 600_000 if on else 0

    def _visit(self, _: None) -> None:
        self.house.say(Kind.VISIT, {"event": "arrived", "by": "n1"})

    def _clock(self, trust: str) -> None:
        self.house.say(Kind.CLOCK, {"offset_ms": self.house.controller.offset_ms, "trust": trust})

    def judge(self, action: Any) -> None:
        if isinstance(action, (Say, Text, Call, Siren)) and action.alarm is not None:
            alarm = self.house.controller.book.alarms[action.alarm]
            passed = {e.state.value for e in self.house.events if e.alarm == action.alarm and e.state is not None}
            if isinstance(action, Say):
                self.said(action, alarm.code, passed)
            elif isinstance(action, Siren):
                assert alarm.code in ("SMOKE", "GAS", "CO")
            else:
                self.told(action, passed)

    def said(self, say: Say, code: str, passed: set[str]) -> None:
        assert code != SILENT, "nothing is said where somebody may be listening"
        assert passed & TRUE_IN[say.prompt], f"{say.prompt} is said of an alarm that was only ever {passed}"
        if say.severity in ("P2", "P3", "P4"):
            assert self.house.now_ms >= self.muted_until
        if say.prompt == "V03":
            by, how = self.accepted[say.alarm or 0]
            assert (say.params.get("coming") is True) == (how == "reply")
            assert how != "reply" or say.params["contact"] == by
        if say.prompt in ("V02", "V04"):
            lost = self.house.controller.desk.tell.unreachable
            assert not lost

    def told(self, action: Text | Call, passed: set[str]) -> None:
        assert passed & OPEN, "nobody is told of what was never raised"
        assert action.key not in self.keys, "each fact once"
        self.keys.add(action.key)
        assert action.contact in {c.id for c in CONTACTS}
        if isinstance(action, Text):
            assert action.contact != "land", "a landline takes no texts"
        if isinstance(action, Text) and action.template == "S12":
            assert "CLOSED" in passed


@settings(max_examples=120, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=25))
def test_no_sentence_of_any_history_runs_ahead_of_fact(steps: list[tuple[str, Any]]) -> None:
    onlooker = Onlooker()
    for what, how in steps:
        onlooker.do(what, how)
    house = onlooker.house
    for action in house.actions:  # and what waited is said only while it is true
        if isinstance(action, Say) and action.alarm is not None:
            state = house.controller.book.alarms[action.alarm].state.value
            if house.controller.desk.wanted(action, house.now_ms):
                assert state in TRUE_IN[action.prompt]


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=20))
def test_every_history_is_rebuilt_to_the_same_alarms_and_the_same_quiet(steps: list[tuple[str, Any]]) -> None:
    onlooker = Onlooker()
    for what, how in steps:
        if what != "found":  # found by hand: no rule stands behind it, so no entry holds it
            onlooker.do(what, how)
    house = onlooker.house
    rebuilt = type(house.controller)(home(contacts=CONTACTS, devices=DEVICES), offset_ms=1_772_324_130_000, trust="NTP")
    for observation, events in house.history:
        rebuilt.rebuild(observation, events)
    rebuilt.rebuilt()
    assert rebuilt.book.to_json() == house.controller.book.to_json()
    assert rebuilt.desk.quiet.muted_until == house.controller.desk.quiet.muted_until


def test_the_desks_own_table_says_the_same_as_the_design() -> None:
    assert {prompt: {s.value for s in states} for prompt, states in SAID_IN.items()} == TRUE_IN
