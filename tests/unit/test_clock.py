"""Controller time never runs backward, and a wrong wall clock is known to be wrong (T-34, A18, A19)."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import (
    DAY_MS,
    FRESH_MS,
    HOLDOVER_MS,
    MAX_GAP_MS,
    MINUTE_MS,
    SHANGHAI,
    Clock,
    Gap,
    GapKind,
    LeapSources,
    Mark,
    Sources,
    Trust,
    host_sources,
    iso,
    parse_iso,
    zone,
)

SPRING = 1_772_324_130_000  # 2026-03-01T08:15:30+08:00
HOUR_MS = 60 * MINUTE_MS


class Host:
    """A machine whose clocks the test turns."""

    def __init__(self, wall_ms: int = SPRING, *, ntp: bool = True, boot: str = "boot-1") -> None:
        self.boottime, self.wall, self.ntp, self.boot = 1_000, wall_ms, ntp, boot
        self.chip_offset: int | None = None  # the RTC's error; None: no chip
        self.chip_reads = 0

    def sources(self) -> Sources:
        return Sources(
            boottime_ms=lambda: self.boottime,
            wall_ms=lambda: self.wall,
            boot_id=lambda: self.boot,
            synchronised=lambda: self.ntp,
            rtc_ms=self.rtc,
        )

    def rtc(self) -> int | None:
        self.chip_reads += 1
        return None if self.chip_offset is None else self.wall + self.chip_offset

    def passes(self, ms: int) -> None:
        self.boottime += ms
        self.wall += ms

    def steps(self, ms: int) -> None:
        self.wall += ms

    def reboots(self, *, off_ms: int, wall_ms: int | None = None, ntp: bool = True) -> None:
        self.boot += "+"
        self.boottime = 5_000
        self.wall = self.wall + off_ms if wall_ms is None else wall_ms
        self.ntp = ntp


def start(host: Host) -> Clock:
    return Clock.resume(None, host.sources())[0]


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


def test_trust_fades_from_ntp_over_holdover_to_none() -> None:
    host = Host()
    clock = start(host)
    assert clock.trust() is Trust.NTP
    host.ntp = False
    host.passes(FRESH_MS)
    assert clock.trust() is Trust.NTP
    host.passes(1)
    assert clock.trust() is Trust.RTC
    host.passes(HOLDOVER_MS - FRESH_MS)
    assert clock.trust() is Trust.NONE


def test_a_wall_step_without_ntp_ends_the_holdover() -> None:
    host = Host()
    clock = start(host)
    clock.check_step()
    host.ntp = False
    host.steps(10_000)
    change = clock.check_step()
    assert change is not None
    assert change.trust is Trust.NONE
    host.steps(-10_000)
    assert clock.trust() is Trust.NONE


def test_the_holdover_outlives_a_process_but_not_a_boot() -> None:
    host = Host()
    clock = start(host)
    clock.trust()
    host.ntp = False
    host.passes(1_000)
    mark = clock.mark()
    assert Clock.resume(mark, host.sources())[0].trust() is Trust.NTP
    host.reboots(off_ms=1_000, ntp=False)
    assert Clock.resume(mark, host.sources())[0].trust() is Trust.NONE


def test_a_chip_that_agrees_is_trusted_and_one_that_lost_its_time_is_not() -> None:
    host = Host(ntp=False)
    host.chip_offset = 5_000
    assert start(host).trust() is Trust.RTC
    host.chip_offset = -HOUR_MS
    assert start(host).trust() is Trust.NONE
    dead = Host(wall_ms=946_684_800_000, ntp=False)  # chip and kernel agree on 2000-01-01: an empty battery
    dead.chip_offset = 0
    assert start(dead).trust() is Trust.NONE


def test_the_chip_is_read_at_most_once_a_minute() -> None:
    host = Host(ntp=False)
    host.chip_offset = 0
    clock = start(host)
    for _ in range(100):
        clock.trust()
        host.passes(100)
    assert host.chip_reads == 1
    host.passes(MINUTE_MS)
    clock.trust()
    assert host.chip_reads == 2


def test_an_installers_phone_vouches_for_the_wall_if_it_agrees() -> None:
    host = Host(ntp=False)
    clock = start(host)
    assert not clock.vouch(Trust.PHONE, SPRING + 2_001)
    assert not clock.vouch(Trust.NTP, SPRING)
    assert clock.trust() is Trust.NONE
    assert clock.vouch(Trust.PHONE, SPRING + 2_000)
    assert clock.trust() is Trust.PHONE


def test_a_change_of_trust_alone_is_told() -> None:
    host = Host(ntp=False)
    clock = start(host)
    clock.check_step()
    host.ntp = True
    change = clock.check_step()
    assert change is not None
    assert change.to_json() == {"offset_ms": SPRING - clock.now(), "trust": "NTP", "step_ms": 0, "large": False}


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


@given(st.integers(-(10**12), 253_000_000_000_000), st.sampled_from([SHANGHAI, ZoneInfo("America/New_York")]))
def test_iso_tells_the_same_as_datetime_and_reads_back(wall_ms: int, tz: ZoneInfo | timezone) -> None:
    if tz is not SHANGHAI and wall_ms < 0:
        wall_ms = -wall_ms
    expected = (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=wall_ms)).astimezone(tz)
    assert iso(wall_ms, tz) == expected.isoformat(timespec="milliseconds")
    assert parse_iso(iso(wall_ms, tz)) == wall_ms


def test_iso_examples() -> None:
    assert iso(SPRING) == "2026-03-01T08:15:30.000+08:00"
    assert iso(SPRING + 7, ZoneInfo("UTC")) == "2026-03-01T00:15:30.007+00:00"
    assert parse_iso("2026-03-01T08:15:30+08:00") == SPRING
    assert parse_iso("2026-03-01T00:15:30Z") == SPRING
    assert parse_iso("2026-03-01T08:15:30.25+08:00") == SPRING + 250
    assert parse_iso("2026-03-01T08:15:30", SHANGHAI) == SPRING
    assert parse_iso("2026-02-28T19:15:30", zone("America/New_York")) == SPRING
    with pytest.raises(ValueError, match="year"):
        iso(10**15)


@pytest.mark.parametrize(
    "text",
    ["", "2026-03-01", "2026-03-01T08:15:30", "20260301T081530+0800", "2026-W09-7T08:15:30+08:00", "noon",
     "2026-13-01T00:00:00Z", "2026-03-01 08:15:30+08:00", "2026-03-01T25:15:30+08:00", "1772324130000",
     "2026-03-01T08:15:30+08:00 ", "２０２６-03-01T08:15:30+08:00", "2026-03-01T08:15:30+99:00", "x" * 10_000],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_iso(text)


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    try:
        assert isinstance(parse_iso(text), int)
    except ValueError:
        assert True


def test_zones_by_name() -> None:
    assert zone("Asia/Shanghai") is SHANGHAI
    assert iso(SPRING, zone("Europe/Berlin")).endswith("+01:00")
    for bad in ("Mars/Olympus", "../../etc/passwd", ""):
        with pytest.raises(ValueError, match="tz"):
            zone(bad)


@pytest.mark.parametrize("tz", ["UTC", "America/New_York", "Asia/Shanghai", ":/nonexistent"])
def test_the_hosts_time_zone_makes_no_difference(tz: str) -> None:
    code = (
        "from gateway.clock import *; print(iso(1772324130123), parse_iso('2026-03-01T08:15:30+08:00'),"
        "iso(1772324130123, zone('Asia/Shanghai')), parse_iso('2026-07-01T00:00:00', SHANGHAI))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"TZ": tz}, capture_output=True, text=True)
    assert done.stdout.split() == [
        "2026-03-01T08:15:30.123+08:00", str(SPRING), "2026-03-01T08:15:30.123+08:00", "1782835200000",
    ], done.stderr  # fmt: skip


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
