"""Controller time never runs backward, whatever the wall, the boots and the power do (T-34, A18)."""

import pytest
from host_clocks import HOUR_MS, SPRING, Host, start
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import (
    DAY_MS,
    MAX_GAP_MS,
    MINUTE_MS,
    Clock,
    Gap,
    GapKind,
    LeapSources,
    Mark,
    Sources,
    Trust,
    host_sources,
)


def test_controller_time_follows_the_time_since_boot_and_ignores_the_wall() -> None:
    host = Host()
    clock = start(host)
    began = clock.now()
    host.passes(10_000)
    host.steps(-HOUR_MS)
    assert clock.now() - began == 10_000


def test_the_first_check_after_a_first_start_tells_the_offset() -> None:
    host = Host()
    clock = start(host)
    assert clock.wall_of(clock.now()) == SPRING
    change = clock.check_step()
    assert change is not None
    assert (change.offset_ms, change.trust, change.step_ms) == (SPRING - clock.now(), Trust.NTP, 0)
    host.passes(DAY_MS)
    assert clock.check_step() is None


def test_a_boot_in_1970_then_ntp_jumps_the_wall_but_not_controller_time() -> None:
    host = Host(wall_ms=0, ntp=False)
    clock = start(host)
    clock.check_step()
    assert clock.trust() is Trust.NONE
    host.passes(30_000)
    before = clock.now()

    host.steps(56 * 365 * DAY_MS)
    host.ntp = True

    assert clock.now() == before
    change = clock.check_step()
    assert change is not None
    assert change.large
    assert change.trust is Trust.NTP
    assert change.step_ms == 56 * 365 * DAY_MS
    assert clock.wall_of(before) == host.wall
    assert clock.check_step() is None


def test_a_jump_of_fifty_years_between_two_boots_counts_as_an_unknown_gap() -> None:
    host = Host()
    mark = start(host).mark()
    host.reboots(off_ms=50 * 365 * DAY_MS)
    clock, gap = Clock.resume(mark, host.sources())
    assert gap == Gap(GapKind.UNKNOWN, 0)
    assert clock.now() == mark.t


def test_ntp_steps_back_an_hour() -> None:
    host = Host()
    clock = start(host)
    clock.check_step()
    host.passes(1_000)
    t = clock.now()
    host.steps(-HOUR_MS)
    change = clock.check_step()
    assert change is not None
    assert change.step_ms == -HOUR_MS
    assert change.large
    assert clock.now() == t
    assert clock.wall_of(t) == host.wall


@pytest.mark.parametrize(("step_ms", "reported", "large"), [(2_000, False, False), (-2_001, True, False),
                                                            (5 * MINUTE_MS, True, False),
                                                            (5 * MINUTE_MS + 1, True, True)])  # fmt: skip
def test_which_steps_are_told_and_which_are_large(step_ms: int, reported: bool, large: bool) -> None:
    host = Host()
    clock = start(host)
    clock.check_step()
    host.steps(step_ms)
    change = clock.check_step()
    assert (change is not None) == reported
    assert (change is not None and change.large) == large


def test_many_small_steps_in_one_direction_are_noticed_together() -> None:
    host = Host()
    clock = start(host)
    clock.check_step()
    told = []
    for _ in range(5):
        host.steps(1_500)
        told.append(clock.check_step() is not None)
    assert told == [False, True, False, True, False]


def test_a_process_restart_within_a_boot_counts_the_time_it_was_away() -> None:
    host = Host(ntp=False)
    clock = start(host)
    host.passes(2_000)
    mark = clock.mark()
    host.passes(90_000)
    host.steps(-HOUR_MS)  # the wall is no witness here
    again, gap = Clock.resume(mark, host.sources())
    assert gap == Gap(GapKind.SAME_BOOT, 90_000)
    assert again.now() == mark.t + 90_000
    change = again.check_step()
    assert change is not None
    assert change.step_ms == -HOUR_MS


def test_a_quiet_restart_within_a_boot_changes_nothing() -> None:
    host = Host()
    mark = start(host).mark()
    host.passes(3_000)
    again, _ = Clock.resume(mark, host.sources())
    assert again.check_step() is None
    assert again.accepted.offset_ms == mark.wall_ms - mark.t


@pytest.mark.parametrize(
    ("off_ms", "kind"),
    [(0, GapKind.TRUSTED), (90_000, GapKind.TRUSTED), (MAX_GAP_MS, GapKind.TRUSTED), (MAX_GAP_MS + 1, GapKind.UNKNOWN),
     (-1, GapKind.UNKNOWN)],
)  # fmt: skip
def test_a_power_cut_counts_by_the_wall_from_0_to_7_days(off_ms: int, kind: GapKind) -> None:
    host = Host()
    mark = start(host).mark()
    host.reboots(off_ms=off_ms)
    clock, gap = Clock.resume(mark, host.sources())
    assert gap == Gap(kind, off_ms if kind is GapKind.TRUSTED else 0)
    assert clock.now() == mark.t + gap.ms


@pytest.mark.parametrize(("before", "after"), [(False, True), (True, False), (False, False)])
def test_a_power_cut_with_an_untrusted_end_is_an_unknown_gap(before: bool, after: bool) -> None:
    host = Host(ntp=before)
    mark = start(host).mark()
    host.reboots(off_ms=90_000, ntp=after)
    clock, gap = Clock.resume(mark, host.sources())
    assert gap == Gap(GapKind.UNKNOWN, 0)
    change = clock.check_step()
    assert change is not None  # offset or trust is another: the controller must learn it
    assert change.step_ms == 90_000


def test_boot_time_behind_the_mark_in_the_same_boot_is_an_unknown_gap() -> None:
    host = Host(ntp=False)
    host.passes(HOUR_MS)
    mark = start(host).mark()
    host.boottime -= HOUR_MS
    clock, gap = Clock.resume(mark, host.sources())
    assert gap == Gap(GapKind.UNKNOWN, 0)
    assert clock.now() == mark.t


@given(st.lists(st.tuples(st.sampled_from(["boottime", "wall", "restart", "reboot", "ntp"]),
                          st.integers(-10**13, 10**13))))  # fmt: skip
def test_controller_time_never_runs_backward_whatever_the_clocks_do(turns: list[tuple[str, int]]) -> None:
    host = Host()
    clock = start(host)
    last = clock.now()
    for turn, ms in turns:
        if turn == "boottime":
            host.boottime += ms
        elif turn == "wall":
            host.wall += ms
        elif turn == "ntp":
            host.ntp = ms > 0
        else:
            mark = clock.mark()
            if turn == "reboot":
                host.reboots(off_ms=ms, ntp=ms % 2 == 0)
            clock, gap = Clock.resume(mark, host.sources())
            assert gap.ms >= 0
        clock.check_step()
        assert clock.now() >= last
        last = clock.now()


def test_the_demo_leaps_and_is_followed_by_its_next_process() -> None:
    host = Host()
    leaps = LeapSources(host.sources())
    clock, _ = Clock.resume(None, leaps.sources())
    clock.check_step()
    leaps.leap(12 * HOUR_MS)
    assert clock.now() == 12 * HOUR_MS
    assert clock.check_step() is None  # time passed; no clock stepped
    mark = clock.mark()

    host.passes(4_000)
    again, gap = Clock.resume(mark, LeapSources.following(mark, host.sources()).sources())
    assert gap.kind is GapKind.SAME_BOOT
    assert again.now() == mark.t
    with pytest.raises(ValueError, match="backward"):
        leaps.leap(-1)


def test_this_machine_has_clocks() -> None:
    clock, _ = Clock.resume(None, host_sources())
    first = clock.mark()
    assert first.boottime_ms > 0
    assert len(first.boot_id) == 36
    assert first.trust in Trust
    assert abs(clock.wall_of(clock.now()) - clock.wall_ms()) < 2_000
    assert clock.now() >= first.t


def test_a_mark_is_plain_data_for_the_journal() -> None:
    assert Mark(1, 2, Trust("NTP"), "b", 3) == Mark(1, 2, Trust.NTP, "b", 3)


def test_a_process_stopped_between_two_reads_sees_no_step() -> None:
    host = Host()
    clock = start(host)
    clock.check_step()
    sources = clock._sources
    stops = [60_000, 0, 60_000]

    def wall_ms() -> int:
        wall = host.wall
        host.passes(stops.pop() if stops else 0)  # SIGSTOP just after the wall was read
        return wall

    stopped = Sources(sources.boottime_ms, wall_ms, sources.boot_id, sources.synchronised, sources.rtc_ms)
    clock._sources = stopped
    assert clock.check_step() is None
    assert clock.check_step() is None
