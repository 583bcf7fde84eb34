"""The window in front of paho: how many, in which order, how often, and that nothing is forgotten."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.upstream.window import WINDOW, Timing, Window

ALARM, EVENT = 0, 2


@dataclass
class Outbox:
    """The journal, the wire and a clock, so small that one sees through it."""

    window: Window = field(default_factory=Window)
    rows: dict[int, int] = field(default_factory=dict)  # seq -> prio
    now: float = 0.0
    mid: int = 0
    sent: list[tuple[float, int, int]] = field(default_factory=list)  # when, seq, mid

    def pump(self) -> list[int]:
        skip = self.window.skip(self.now)
        offer = sorted((prio, seq) for seq, prio in self.rows.items() if seq not in skip)[:WINDOW]
        went = []
        for prio, seq in offer:
            if self.window.admit(seq, prio, self.now):
                self.mid += 1
                self.window.published(seq, prio, self.mid, self.now)
                self.sent.append((self.now, seq, self.mid))
                went.append(seq)
        if len(offer) < WINDOW:
            self.window.offered((seq for _, seq in offer), skip)
        return went

    def puback_all(self) -> None:
        for _, _, mid in self.sent:
            self.window.puback(mid, taken=True, now=self.now)

    def ack(self, *seqs: int) -> None:
        for seq in self.window.acked(seqs, self.now):
            self.rows.pop(seq, None)

    def times_of(self, seq: int) -> list[float]:
        return [at for at, one, _ in self.sent if one == seq]

    def until(self, end: float, *, puback: bool) -> list[str]:
        """Runs as the link does, from due time to due time; returns the drops."""
        drops = []
        while (due := self.window.next_due(self.now)) is not None and due <= end:
            self.now = due
            verdict = self.window.expire(self.now)
            if verdict.drop:
                drops.append(verdict.drop)
                self.window.connected(self.now)
            self.pump()
            if puback:
                self.puback_all()
        self.now = end
        return drops


@pytest.fixture
def box() -> Outbox:
    made = Outbox()
    made.window.connected(0.0)
    return made


def fill(box: Outbox, count: int, prio: int = EVENT, start: int = 1) -> None:
    box.rows |= dict.fromkeys(range(start, start + count), prio)


def test_a_backlog_is_sent_in_order_sixteen_at_a_time(box):
    fill(box, 40)
    assert box.pump() == list(range(1, 17))
    box.puback_all()
    assert box.pump() == [], "the broker's PUBACK frees no place"
    box.ack(1, 2)
    assert box.pump() == [17, 18]


def test_a_broker_that_takes_fewer_gets_fewer():
    box = Outbox()
    box.window.connected(0.0, receive_maximum=3)
    fill(box, 40)
    assert box.pump() == [1, 2, 3]


def test_alarms_go_before_an_older_backlog(box):
    fill(box, 500)
    box.rows[501] = ALARM
    assert box.pump()[0] == 501


def test_a_new_alarm_takes_the_place_of_a_row_the_broker_has(box):
    fill(box, 500)
    box.pump()
    box.puback_all()
    box.rows[501] = ALARM
    assert box.pump() == [501]
    assert box.window.in_flight == WINDOW


def test_even_a_window_full_of_alarms_does_not_hold_up_a_new_one(box):
    fill(box, 16, ALARM)
    box.pump()
    box.puback_all()
    box.rows[99] = ALARM
    assert box.pump() == [99]


def test_a_new_alarm_does_not_wait_behind_old_alarms_that_are_due_again(box):
    fill(box, 100, ALARM)
    for _ in range(10):
        box.pump()
        box.puback_all()
    box.window.connected(box.now)
    box.pump()
    box.puback_all()
    box.rows[999] = ALARM
    assert box.pump() == [999]


def test_while_the_broker_has_answered_nothing_there_is_no_place_to_take(box):
    fill(box, 16)
    box.pump()
    box.rows[99] = ALARM
    assert box.pump() == []
    box.window.puback(1, taken=True, now=box.now)
    assert box.pump() == [99]


def test_a_row_whose_place_was_taken_is_not_forgotten(box):
    fill(box, 16)
    box.pump()
    box.puback_all()
    box.rows[99] = ALARM
    box.pump()
    box.ack(99, *range(2, 17))
    box.until(601, puback=True)
    assert len(box.times_of(1)) == 2


def test_an_unacknowledged_alarm_goes_every_30_s_sixteen_times_then_every_10_min(box):
    box.rows[1] = ALARM
    box.pump()
    box.puback_all()
    box.until(3600, puback=True)
    gaps = [round(b - a) for a, b in itertools.pairwise(box.times_of(1))]
    assert gaps[:16] == [30] * 16
    assert max(gaps) == 600
    assert gaps.count(30) <= 16 + 3, "but for the repeat that each rare reconnect brings"


def test_without_the_platforms_word_for_30_s_the_path_has_failed_and_its_word_heals_it(box):
    box.rows[1] = ALARM
    box.pump()
    box.puback_all()
    box.now = 29.9
    box.window.expire(box.now)
    assert not box.window.failed
    box.now = 30.0
    box.window.expire(box.now)
    assert box.window.failed
    box.ack(1)
    assert not box.window.failed


def test_on_a_failed_path_only_one_ordinary_row_probes_and_an_ack_lets_all_go(box):
    fill(box, 100)
    box.pump()
    box.puback_all()
    box.now = 30.0
    box.window.expire(box.now)
    assert box.pump() == [17]
    box.puback_all()
    box.ack(17)
    assert len(box.pump()) == WINDOW


def test_a_publish_the_broker_swallows_goes_again_after_10_s_and_the_second_miss_drops_the_socket(box):
    box.rows[1] = ALARM
    box.pump()
    box.now = 10.0
    assert box.window.expire(box.now).drop is None
    assert box.pump() == [1]
    box.now = 20.0
    assert "broker" in (box.window.expire(box.now).drop or "")


def test_a_window_full_of_swallowed_publishes_drops_at_once(box):
    fill(box, 16)
    box.pump()
    box.now = 10.0
    assert box.window.expire(box.now).drop
    assert box.window.unanswered <= WINDOW


def test_a_silent_platform_costs_a_reconnect_rarely_and_ever_more_rarely(box):
    box.rows[1] = ALARM
    box.pump()
    box.puback_all()
    drops = box.until(24 * 3600, puback=True)
    assert 5 <= len(drops) <= 28
    assert all("platform" in drop for drop in drops)


def test_a_publish_the_broker_refuses_stays_and_says_the_path_failed(box):
    box.rows[1] = ALARM
    box.pump()
    box.window.puback(1, taken=False, now=box.now)
    assert box.window.failed
    assert box.pump() == [], "not in a spin"
    box.now = 30.0
    assert box.pump() == [1]


def test_a_row_nobody_listened_for_goes_again_soon_and_then_as_any_other(box):
    """A broker that lost its sessions, and we are back before the platform: MQTT 5 says so, 3.1.1 cannot."""
    box.rows[1] = EVENT
    box.pump()
    while len(box.sent) < 7:
        box.window.puback(box.mid, taken=True, now=box.now, heard=False)
        due = box.window.next_due(box.now)
        assert due is not None
        box.now = due
        assert box.pump() == [1]
    assert box.times_of(1) == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert not box.window.failed
    box.window.puback(box.mid, taken=True, now=box.now, heard=False)
    box.until(62, puback=False)
    assert box.window.failed, "T-08"


def test_while_nobody_listens_the_backlog_waits_and_alarms_do_not(box):
    fill(box, 500)
    box.pump()
    for mid in range(1, 17):
        box.window.puback(mid, taken=True, now=0.0, heard=False)
    assert box.pump() == [], "the other 484 would be thrown away as well"
    box.rows[501] = ALARM
    assert box.pump() == [501]
    box.window.puback(box.mid, taken=True, now=0.3, heard=True)
    box.now = 0.3
    assert box.pump() == list(range(1, 16)), "somebody listens: all that was held back goes"


def test_a_platform_that_is_back_late_is_found_by_a_probe_and_not_in_ten_minutes(box):
    fill(box, WINDOW)
    box.pump()
    box.puback_all()
    box.until(300, puback=True)
    assert box.window.failed
    probes = [at for at, _, _ in box.sent[WINDOW:]]
    assert probes[0] == 60.0
    assert all(later - earlier >= 30 for earlier, later in itertools.pairwise(probes)), "one at a time"


def test_after_a_reconnect_what_was_under_way_goes_again_and_never_more_than_the_window(box):
    fill(box, 500)
    box.pump()
    box.window.disconnected()
    box.window.connected(5.0)
    box.now = 5.0
    assert box.pump() == list(range(1, 17))
    assert box.window.unanswered == WINDOW


def test_an_acknowledgement_of_what_never_went_out_is_not_believed(box):
    fill(box, 20)
    assert box.window.acked([1, 2, 3], 0.0) == ()
    box.pump()
    assert box.window.acked([1, 20, 999], 0.0) == (1,)


def test_an_acknowledged_row_that_the_journal_keeps_comes_again(box):
    box.rows[1] = ALARM
    box.pump()
    assert box.window.acked([1], 0.0) == (1,)
    assert box.pump() == [], "the journal is given time to delete it"
    box.now = 61.0
    box.window.expire(box.now)
    assert box.pump() == [1]


def test_a_row_the_journal_dropped_is_no_longer_waited_for(box):
    box.rows[1] = EVENT
    box.pump()
    box.puback_all()
    del box.rows[1]
    box.until(700, puback=True)
    box.pump()
    assert box.window.next_due(box.now) is None


class Traffic(RuleBasedStateMachine):
    """Any order of rows, PUBACKs, acknowledgements, losses and waits."""

    @initialize()
    def begin(self) -> None:
        self.box = Outbox()
        self.box.window.connected(0.0)
        self.seq = 0
        self.up = True

    @rule(prio=st.sampled_from([ALARM, EVENT]), count=st.integers(1, 30))
    def commit(self, prio: int, count: int) -> None:
        for _ in range(count):
            self.seq += 1
            self.box.rows[self.seq] = prio
        self.pump()

    @rule(taken=st.booleans(), which=st.integers(0, 10_000))
    def puback(self, taken: bool, which: int) -> None:
        if self.box.mid:
            self.box.window.puback(which % self.box.mid + 1, taken, self.box.now)
        self.pump()

    @rule(which=st.lists(st.integers(1, 60), max_size=10))
    def acknowledge(self, which: list[int]) -> None:
        known = {seq for _, seq, _ in self.box.sent}
        before = set(self.box.rows)
        self.box.ack(*which)
        assert before - set(self.box.rows) <= known & set(which), "only what went out and was named may go"
        self.pump()

    @rule(seconds=st.floats(0.1, 700))
    def wait(self, seconds: float) -> None:
        self.box.now += seconds
        if self.box.window.expire(self.box.now).drop:
            self.lose()
        self.pump()

    @rule()
    @precondition(lambda self: self.up)
    def lose(self) -> None:
        self.box.window.disconnected()
        self.up = False

    @rule()
    @precondition(lambda self: not self.up)
    def connect(self) -> None:
        self.box.window.connected(self.box.now)
        self.up = True
        self.pump()

    def pump(self) -> None:
        if not self.up:
            return
        went = self.box.pump()
        prios = [self.box.rows[seq] for seq in went]
        assert prios == sorted(prios), "alarms first"

    @invariant()
    def never_more_than_the_window(self) -> None:
        assert self.box.window.in_flight <= WINDOW
        assert self.box.window.unanswered <= WINDOW

    @invariant()
    def no_fresh_alarm_waits_behind_what_the_broker_already_has(self) -> None:
        if self.up:
            fresh = [s for s, p in self.box.rows.items() if p == ALARM and not self.box.times_of(s)]
            if fresh and self.box.window.unanswered < WINDOW:
                assert self.box.pump()[:1] == [min(fresh)], "nothing the broker has may keep its place from it"

    def teardown(self) -> None:
        """With a broker and a platform that answer, everything is sent and acknowledged in the end."""
        box = self.box
        if not self.up:
            box.window.connected(box.now)
        for _ in range(5000):
            box.pump()
            box.puback_all()
            box.ack(*{seq for _, seq, _ in box.sent})
            if not box.rows:
                return
            due = box.window.next_due(box.now)
            box.now = due if due is not None else box.now + 1
            if box.window.expire(box.now).drop:
                box.window.connected(box.now)
        raise AssertionError(f"never delivered: {sorted(box.rows)[:10]}")


TestTraffic = Traffic.TestCase
TestTraffic.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_the_intervals_are_the_ones_of_the_domain():
    timing = Timing()
    assert (timing.puback_s, timing.ack_s, timing.slow_s, WINDOW) == (10.0, 30.0, 600.0, 16)
