"""`hearthwatch replay` on recordings of detectors, meters, rooms, stoves and vital signs: as a user sees them."""

from __future__ import annotations

import json
from typing import Any

from test_replay import at, line, replay

HEADER = {
    "recording": 1,
    "tz": "Asia/Shanghai",
    "devices": [
        {"id": "smoke", "kind": "smoke", "room": "kitchen"},
        {"id": "cellar", "kind": "flood", "room": "kitchen"},
        {"id": "t", "kind": "temperature", "room": "bedroom"},
        {"id": "water", "kind": "water_meter", "interval_s": 1800},
        {"id": "hob", "kind": "stove", "room": "kitchen"},
        {"id": "band", "kind": "health"},
    ],
}
QUIET = ("--set", "inactivity.enabled=0")


def run(*lines: str, args: tuple[str, ...] = QUIET, header: Any = HEADER) -> list[dict[str, Any]]:
    code, rows, errors = replay(*lines, header=header, args=args)
    assert code == 0, errors
    return rows


def short(rows: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """(code, state or status, time of day) of each line."""
    return [(r.get("code", r.get("notice")), r.get("state", r.get("status")), r["at"][11:19]) for r in rows]


def test_environment() -> None:
    rows = run(
        line("09:00:00", "test", True, "smoke"),
        line("09:00:00", "smoke", True, "smoke"),
        line("09:00:06", "smoke", False, "smoke"),
        line("10:00:00", "smoke", True, "smoke"),
        line("10:00:30", "smoke", False, "smoke"),
        line("10:02:00", "flood", True, "cellar"),
        line("12:00:00", "temperature", 36.5, "t"),
        line("12:10:00", "tick"),
    )
    assert short(rows) == [
        ("TEST_MANUAL", "RAISED", "09:00:00"),
        ("TEST_MANUAL", "RESTORED", "09:01:06"),
        ("SMOKE", "DETECTED", "10:00:00"),
        ("SMOKE", "RAISED", "10:00:00"),
        ("HAZARD_CLEARED", "RESTORED", "10:01:30"),
        ("FLOOD", "DETECTED", "10:02:00"),
        ("FLOOD", "RAISED", "10:02:00"),
        *[row for row in short(rows) if row[1] == "UNANSWERED"],  # nobody is listed
        ("TEMP_HIGH", "DETECTED", "12:01:00"),
        ("TEMP_HIGH", "PRE_ALARM", "12:01:00"),
        ("TEMP_HIGH", "RAISED", "12:06:00"),
    ]
    assert rows[2]["severity"] == "P0"
    assert rows[2]["room"] == "kitchen"


def test_meters() -> None:
    drip = [
        line(f"{h:02d}:{m:02d}:00", "water", 0.4, "water", day=d) for d in (1, 2) for h in range(24) for m in (0, 30)
    ]
    rows = run(*drip, line("03:00:00", "tick", day=3))
    assert [(r["notice"], r["status"], r["at"][:16]) for r in rows] == [
        ("LEAK_SUSPECTED", "RAISED", "2026-03-01T23:30"),
        ("LEAK_SUSPECTED", "RESTORED", "2026-03-03T00:15"),
    ]


def test_a_preset_of_low_use_is_set_from_the_command_line() -> None:
    lines = [line("08:00:00", "water", 20, "water"), line("20:06:00", "tick")]
    assert run(*lines) == []
    rows = run(*lines, args=(*QUIET, "--set", "water_preset.rule=1"))
    assert short(rows) == [
        ("WATER_LOW_USE", "DETECTED", "20:00:00"),
        ("WATER_LOW_USE", "PRE_ALARM", "20:00:00"),
        ("WATER_LOW_USE", "RAISED", "20:05:00"),
    ]
    assert rows[0]["evidence"]["preset"] == "Shanghai"


def test_a_shared_meter_arms_no_rule() -> None:
    shared = json.loads(json.dumps(HEADER))
    shared["devices"][3]["supply"] = "shared"
    lines = [line("08:00:00", "water", 20, "water"), line("23:00:00", "tick")]
    assert run(*lines, args=(*QUIET, "--set", "water_preset.rule=1"), header=shared) == []


def test_stove() -> None:
    rows = run(line("11:00:00", "power", 1400, "hob"), line("12:31:00", "power", 0, "hob"), line("12:36:00", "tick"))
    assert short(rows) == [
        ("STOVE_ON", "DETECTED", "12:30:00"),
        ("STOVE_ON", "PRE_ALARM", "12:30:00"),
        ("STOVE_ON", "RAISED", "12:35:00"),
    ]


def test_health() -> None:
    rows = run(
        *[line(f"10:0{m}:00", "heart_rate", 150, "band") for m in range(7)],
        *[line(f"10:0{m}:30", "heart_rate", 0, "band") for m in range(7, 9)],  # not on a wrist
        *[line(f"10:{m}:00", "spo2", 85, "band") for m in range(10, 17)],
        *[line(f"10:{m}:00", "blood_pressure", {"systolic": 125, "diastolic": 80}, "band") for m in range(17, 20)],
    )
    assert [(r["code"], r["severity"], r["state"], r["at"][11:19]) for r in rows] == [
        ("VITAL_OUT_OF_RANGE", "P2", "DETECTED", "10:05:00"),
        ("VITAL_OUT_OF_RANGE", "P2", "PRE_ALARM", "10:05:00"),
        ("VITAL_OUT_OF_RANGE", "P2", "RAISED", "10:10:00"),
    ]


def test_what_is_no_reading_is_skipped_and_said() -> None:
    code, rows, errors = replay(
        line("10:00:00", "smoke", "yes", "smoke"),
        line("10:00:01", "heart_rate", "fast", "band"),
        line("10:00:02", "body_temperature", 900, "band"),
        line("10:00:03", "worn", 1, "band"),
        line("10:00:04", "smoke", True, "smoke"),
        header=HEADER,
    )
    assert code == 2
    assert len(errors.splitlines()) == 4
    assert [r["state"] for r in rows] == ["DETECTED", "RAISED"]
    assert rows[0]["at"].startswith(at("10:00:04")[:19])
