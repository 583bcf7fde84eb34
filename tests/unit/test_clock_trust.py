"""A wrong wall clock is known to be wrong: who vouches for it, and for how long (T-34, A19)."""

from host_clocks import HOUR_MS, SPRING, Host, start

from gateway.clock import FRESH_MS, HOLDOVER_MS, MINUTE_MS, Clock, Trust


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
