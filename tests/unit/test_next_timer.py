"""The next timer of a thousand open alarms: the same as a look through all of them, at every step."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.alarms.life import AlarmEvent, Book, State

NAMES = ("pre", "next", "speak", "repeat")


def looked_through(book: Book) -> tuple[int, int, str] | None:
    best: tuple[int, int, str] | None = None
    for alarm in book.live():
        for name, due in alarm.timers.items():
            if best is None or due < best[0]:
                best = (due, alarm.number, name)
    return best


def opened(number: int) -> AlarmEvent:
    patch = {"code": "CALL_FIXED", "severity": "P0", "device": None, "room": None, "evidence": {}}
    return AlarmEvent(number, 0, "opened", "test", State.DETECTED, patch)


STEP = st.tuples(
    st.integers(1, 6),
    st.sampled_from([None, *NAMES]),
    st.one_of(st.none(), st.integers(0, 20)),
    st.sampled_from([None, State.RAISED, State.CLOSED]),
)


@given(steps=st.lists(STEP, max_size=60), asked=st.sets(st.integers(0, 60)))
def test_it_is_what_a_look_through_all_would_find(
    steps: list[tuple[int, str | None, int | None, State | None]], asked: set[int]
) -> None:
    book = Book()
    for number in range(1, 7):  # numbers only ever grow
        book.apply(opened(number))
    for n, (number, name, due, state) in enumerate(steps):
        timers = {} if name is None else {name: due}
        book.apply(AlarmEvent(number, 0, "moved", "test", state, {}, timers))
        if n in asked:
            assert book.next_timer() == looked_through(book)
    assert book.next_timer() == looked_through(book)
    assert Book.from_json(book.to_json()).next_timer() == looked_through(book)
