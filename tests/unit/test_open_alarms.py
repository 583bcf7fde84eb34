"""What is found of a thousand open alarms by device, state and timer is what a look through all of them finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.actions import Lamp
from gateway.alarms.codes import CODES, Flow
from gateway.alarms.life import Alarm, AlarmEvent, Book, State
from gateway.alarms.quiet import Quiet
from gateway.alarms.telling import Telling

NUMBERS = range(1, 9)
DEVICES = (None, "button-1", "button-2", "pendant")
CODES_TRIED = ("CALL_FIXED", "FALL", "SMOKE", "DURESS")
TIMERS = ("pre", "next", "speak", "repeat")


def opened(number: int, device: str | None, code: str) -> AlarmEvent:
    patch = {"code": code, "severity": "P0", "device": device, "room": None, "evidence": {}}
    return AlarmEvent(number, 0, "opened", "test", State.DETECTED, patch)


OPENED = st.builds(opened, st.integers(1, 40), st.sampled_from(DEVICES), st.sampled_from(CODES_TRIED))
# also what no record of ours has: a life after the end, a number a second time, an alarm that never opened
HAPPENED = st.builds(
    AlarmEvent,
    alarm=st.sampled_from(NUMBERS),
    t=st.just(0),
    what=st.just("moved"),
    reason=st.just("test"),
    state=st.sampled_from([None, *State]),
    patch=st.one_of(
        st.just({}),
        st.builds(lambda device: {"device": device}, st.sampled_from(DEVICES)),
        st.builds(lambda code: {"code": code}, st.sampled_from(CODES_TRIED)),
    ),
    timers=st.dictionaries(st.sampled_from(TIMERS), st.one_of(st.none(), st.integers(0, 20)), max_size=2),
)
HISTORY = st.lists(st.one_of(OPENED, HAPPENED), max_size=60)


def looked_through(book: Book) -> list[Alarm]:
    return [alarm for alarm in book.alarms.values() if not alarm.ended]


def in_order(alarms: list[Alarm]) -> list[Alarm]:
    return sorted(alarms, key=lambda alarm: alarm.number)


def assert_found_as_looked_through(book: Book) -> None:
    live = looked_through(book)
    assert sorted(a.number for a in book.live()) == sorted(a.number for a in live)
    for device in (*DEVICES, "unknown"):
        assert list(book.live_of(device)) == in_order([a for a in live if a.device == device])
    for state in State:
        assert list(book.live_in(state)) == in_order([a for a in live if a.state is state])


@given(history=HISTORY)
def test_whatever_happened_every_step_is_found_as_it_is(history: list[AlarmEvent]) -> None:
    book = Book()
    for event in history:
        book.apply(event)
        assert_found_as_looked_through(book)
    assert_found_as_looked_through(Book.from_json(book.to_json()))


@given(history=HISTORY)
def test_a_restored_book_finds_in_the_same_order_as_the_one_that_lived_it(history: list[AlarmEvent]) -> None:
    """Order decides who is told first: a restart must not change it."""
    book = Book()
    for event in history:
        book.apply(event)
    again = Book.from_json(book.to_json())
    for state in State:
        assert [a.number for a in book.live_in(state)] == [a.number for a in again.live_in(state)]
    for device in DEVICES:
        assert [a.number for a in book.live_of(device)] == [a.number for a in again.live_of(device)]


def lamp_by_a_look_at_all(book: Book) -> str:
    seen = {a.state for a in looked_through(book) if CODES[a.code].flow is not Flow.SILENT}
    if seen & {State.DETECTED, State.PRE_ALARM}:
        return "calling"
    if seen & {State.RAISED, State.UNANSWERED, State.CANCELLED_BY_USER}:
        return "sent"
    return "accepted" if seen & {State.ACCEPTED, State.ATTENDED} else "off"


@given(history=HISTORY)
def test_the_lamp_shows_the_alarm_least_looked_after_and_no_duress(history: list[AlarmEvent]) -> None:
    telling = Telling(lambda _: ("", None), Quiet())
    book = Book()
    for event in history:
        book.apply(event)
        telling.lamp(book, 0)
        shown = telling.actions.pop()
        assert isinstance(shown, Lamp)
        assert shown.pattern == lamp_by_a_look_at_all(book)


def test_alarms_raised_out_of_turn_are_found_in_order_of_number() -> None:
    book = Book()
    for number in (1, 2, 3):
        book.apply(opened(number, "button-1", "CALL_FIXED"))
    for number in (3, 1, 2):
        book.apply(AlarmEvent(number, 0, "moved", "test", State.RAISED))
    assert [a.number for a in book.live_in(State.RAISED)] == [1, 2, 3]
    assert not book.live_in(State.DETECTED)


def test_a_test_alarm_is_found_under_the_button_that_was_pressed_for_it() -> None:
    book = Book()
    book.apply(opened(1, None, "TEST_MANUAL"))
    book.apply(AlarmEvent(1, 0, "pressed", "test_pressed", None, {"device": "button-2"}))
    assert [a.number for a in book.live_of("button-2")] == [1]
    assert not book.live_of(None)
