"""What the simulation stands on: a loop whose time jumps, marks that are left out only where nobody reads them, one
walk for all judges."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sim_folds import KINDS, Judging, judged_by, looks_at
from sim_history import Decided, Died, History, Item, Violation, Woke
from sim_loop import Crash, OutOfTime, VirtualLoop
from sim_marks import IDLE_S, READ_MS, Marks
from sim_story import DAY, HOUR, START_MS, Story, write
from sim_world import World

from gateway.runtime.heart import MARK_S

# ---- the loop


def test_time_jumps_to_what_is_planned_and_what_was_planned_first_is_called_first() -> None:
    told: list[int] = []
    loop, seen = VirtualLoop(5_000_000, told.append), []
    loop.call_later(3_600, seen.append, "second")
    loop.call_at(5.0 + 3_600, seen.append, "third")
    loop.call_later(60, seen.append, "first")
    loop.call_later(90, seen.append, "never").cancel()
    loop.call_later(7_200, loop.stop)
    loop.run_forever()
    assert seen == ["first", "second", "third"]
    assert told == [65_000_000, 3_605_000_000, 7_205_000_000]
    assert loop.time() == 7_205.0
    loop.abandon()


def test_coroutines_wait_and_time_out_as_on_any_loop() -> None:
    async def waits() -> str:
        try:
            async with asyncio.timeout(15):
                await asyncio.Event().wait()
        except TimeoutError:
            await asyncio.sleep(600)
        done, _ = await asyncio.wait({asyncio.ensure_future(asyncio.sleep(1, "slept"))}, timeout=5)
        return done.pop().result()

    loop = VirtualLoop(0)
    assert loop.run_until_complete(waits()) == "slept"
    assert loop.time() == 616.0
    loop.abandon()


def test_an_exception_in_a_callback_is_an_accident_and_a_crash_is_the_end() -> None:
    loop = VirtualLoop(0)
    loop.call_soon(lambda: 1 // 0)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert [type(accident) for accident in loop.accidents] == [ZeroDivisionError]

    def crash() -> None:
        raise Crash

    loop.call_soon(crash)
    with pytest.raises(Crash):
        loop.run_forever()
    loop.abandon()


def test_a_loop_that_nobody_can_wake_says_so() -> None:
    loop = VirtualLoop(0)
    with pytest.raises(OutOfTime):
        loop.run_forever()
    loop.abandon()


def test_what_is_due_now_is_called_though_a_thread_owes_an_answer() -> None:
    """The journal gathers entries by a timer of no time at all: until it has run, its thread has nothing to answer."""
    loop = VirtualLoop(0)
    loop.outside = lambda: True
    loop.call_later(0.0, loop.stop)
    loop.run_forever()
    assert loop.now_us == 0
    loop.abandon()


# ---- the marks


def crashing(seed: int, *, every_mark: bool) -> Story:
    """A story whose crashes strike at their hour, on a disk that works."""
    story = write(seed, 6)
    happenings = [{**h, "when": "now"} if "when" in h else h for h in story.happenings if h["what"] != "disk"]
    return replace(story, happenings=happenings, traits={**story.traits, "every_mark": every_mark})


def unwatched(history: History) -> list[int]:
    """For each crash: how long before it the last word was on the disk, in ms."""
    found, died = [], 0
    for item in history.items:
        if isinstance(item, Died):
            died = item.true_ms
        elif isinstance(item, Woke) and item.how != "first":
            found.append(item.down_ms - (item.true_ms - died))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_a_crash_finds_a_mark_as_fresh_as_in_life(seed: int) -> None:
    left_out = unwatched(World(crashing(seed, every_mark=False)).run())
    assert left_out
    assert max(left_out) <= MARK_S * 1000 + 5_000


def test_marks_are_as_in_life_before_a_crash_and_after_the_clock_was_touched_and_seldom_in_between() -> None:
    story = write(0, 4)
    crash = {"at": 2 * DAY, "what": "kill", "off": 1_000, "when": "now"}
    traits = {**story.traits, "every_mark": False}
    marks = Marks(replace(story, happenings=[crash], traits=traits))
    assert marks.delay(START_MS, MARK_S, trapped=False) == MARK_S  # just started: whose clock is it?
    marks.clock_touched = False
    assert marks.delay(START_MS, MARK_S, trapped=False) == IDLE_S
    assert marks.delay(START_MS + 2 * DAY - HOUR, MARK_S, trapped=False) == (HOUR - READ_MS) / 1000
    assert marks.delay(START_MS + 2 * DAY - READ_MS // 2, 5.0, trapped=False) == 5.0
    assert marks.delay(START_MS + 3 * DAY, MARK_S, trapped=False) == IDLE_S
    assert MARK_S < marks.delay(START_MS + 3 * DAY, MARK_S, trapped=True) <= HOUR / 1000
    all_of_them = Marks(replace(story, happenings=[crash], traits={**traits, "every_mark": True}))
    all_of_them.clock_touched = False
    assert all_of_them.delay(START_MS, MARK_S, trapped=False) == MARK_S


def test_some_stories_have_every_mark_and_most_have_not() -> None:
    every = [write(seed, 1).traits["every_mark"] for seed in range(64)]
    assert 1 <= sum(every) <= 12


# ---- the judges


def test_all_judges_see_a_history_in_one_walk_and_each_only_what_it_looks_at() -> None:
    history = World(write(7, 2)).run()
    kinds: dict[str, list[type[Item]]] = {"all": [], "some": []}

    def all_of_it(_: History) -> Judging:
        while (seen := (yield)) is not None:
            kinds["all"].append(type(seen[0]))
        return [Violation("a", "first", 2)]

    @looks_at(Decided, Woke)
    def some(_: History) -> Judging:
        while (seen := (yield)) is not None:
            kinds["some"].append(type(seen[0]))
        return [Violation("b", "second", 1)]

    assert [v.text for v in judged_by((all_of_it, some), history)] == ["first", "second"]
    assert kinds["all"] == [type(item) for item in history.items]
    assert kinds["some"] == [kind for kind in kinds["all"] if kind in (Decided, Woke)]
    assert set(kinds["all"]) <= set(KINDS)
