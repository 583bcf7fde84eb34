"""Times and zones as text, read and written the same on every host."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from host_clocks import SPRING
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import SHANGHAI, iso, parse_iso, zone


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
