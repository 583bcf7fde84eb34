"""`hearthwatch replay` as a black box: formats, order, streaming, and lines that are rubbish."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPLAY = [sys.executable, "-m", "gateway.cli.main", "replay"]
HEADER = {
    "recording": 1,
    "tz": "Asia/Shanghai",
    "devices": [
        {"id": "b", "kind": "button", "room": "bedroom"},
        {"id": "x", "kind": "button", "role": "cancel"},
        {"id": "pir", "kind": "motion"},
        {"id": "odd", "kind": "something-of-next-year"},
    ],
}


def at(clock: str, day: int = 1) -> str:
    return f"2026-03-{day:02d}T{clock}+08:00"


def line(clock: str, kind: str, value: Any = None, device: str | None = None, day: int = 1, **more: Any) -> str:
    row = {"at": at(clock, day), "kind": kind, "value": value, **more}
    return json.dumps(row | ({"device": device} if device else {}))


def replay(*lines: str, header: Any = HEADER, args: tuple[str, ...] = ()) -> tuple[int, list[dict[str, Any]], str]:
    text = "\n".join([header if isinstance(header, str) else json.dumps(header), *lines]) + "\n"
    done = subprocess.run([*REPLAY, *args, "-"], input=text.encode(), capture_output=True, timeout=60, check=False)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done.returncode, [json.loads(x) for x in done.stdout.splitlines()], done.stderr.decode()


def test_a_press_becomes_three_lines_in_the_documented_format() -> None:
    code, rows, _ = replay(line("08:15:31", "button", "press", "b"), line("08:15:41", "tick"))
    assert code == 0
    assert [r["state"] for r in rows] == ["DETECTED", "PRE_ALARM", "RAISED"]
    assert rows[2] == {
        "at": "2026-03-01T08:15:41.000+08:00",
        "alarm": 1,
        "code": "CALL_FIXED",
        "severity": "P0",
        "state": "RAISED",
        "device": "b",
        "room": "bedroom",
        "reason": "not_cancelled",
        "evidence": {"rule": "call_button", "gesture": "press", "pre_alarm_s": 10},
    }


def test_the_end_of_the_file_advances_nothing() -> None:
    _, rows, _ = replay(line("08:15:31", "button", "press", "b"), line("08:15:40.999", "tick"))
    assert [r["state"] for r in rows] == ["DETECTED", "PRE_ALARM"]


def test_what_is_said_at_the_due_time_is_heard_before_the_timer() -> None:
    _, rows, _ = replay(line("08:15:31", "button", "press", "b"), line("08:15:41", "button", "press", "x"))
    assert [r["state"] for r in rows] == ["DETECTED", "PRE_ALARM", "CANCELLED_LOCAL"]


def test_late_lines_are_handled_dropped_or_marked() -> None:
    code, rows, errors = replay(
        line("08:15:31", "tick"),
        line("08:15:27", "motion", True, "pir"),  # 4 s: handled now
        line("08:15:20", "motion", True, "pir"),  # 11 s: dropped
        line("08:10:00", "button", "press", "b"),  # life depends on it
    )
    assert code == 2
    assert errors.count("line 4:") == 1
    assert rows[0]["evidence"]["late"] is True
    assert rows[0]["at"] == at("08:15:31.000")


def test_it_streams() -> None:
    with subprocess.Popen([*REPLAY, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write((json.dumps(HEADER) + "\n" + line("08:15:31", "button", "press", "b") + "\n").encode())
        child.stdin.flush()
        assert json.loads(child.stdout.readline())["state"] == "DETECTED"
        child.stdin.close()
        assert child.wait(20) == 0


@pytest.mark.parametrize(
    "bad",
    [
        "rubbish",
        "[" * 100_000,
        json.dumps({"at": at("08:16:00"), "kind": "telepathy", "value": 1}),
        json.dumps({"at": "yesterday", "kind": "tick", "value": None}),
        json.dumps({"at": "9999-12-31T23:59:59+00:00", "kind": "tick", "value": None}),
        json.dumps({"at": "0001-01-01T00:00:00+08:00", "kind": "tick", "value": None}),
        line("08:16:00", "motion", "yes", "pir"),
        line("08:16:00", "motion", True, "pir" * 40),
        line("08:16:00", "temperature", float("nan"), "pir"),
        line("08:16:00", "acceleration", {"rate_hz": 25, "g": [[0, 0]]}, "w"),
        line("08:16:00", "condition", {"code": ["x"]}),
        line("08:16:00", "clock", {"offset_ms": 9_000_000_000_000_000}),
        line("08:16:00", "tick", None, t=10**35),
        line("08:16:00", "config", {"devices": [{"id": []}]}),
        line("08:16:00", "reply", "1"),
        json.dumps({"at": at("08:16:00"), "device": "b", "kind": "button", "value": "x" * (1 << 20)}),
    ],
)
def test_a_bad_line_is_named_and_skipped_and_the_next_press_still_alarms(bad: str) -> None:
    code, rows, errors = replay(line("08:15:31", "motion", True, "pir"), bad, line("08:17:00", "button", "press", "b"))
    assert code == 2
    assert "line 3:" in errors
    assert [r["state"] for r in rows] == ["DETECTED", "PRE_ALARM"]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "rubbish",
        {"recording": 2},
        {"recording": 1, "tz": "Mars/Olympus"},
        {"recording": 1, "tz": 8},
        {"recording": 1, "devices": "many"},
        {"recording": 1, "devices": [{"id": [], "kind": "button"}]},
        {"recording": 1, "devices": [{"id": "b", "kind": []}]},
        {"recording": 1, "devices": [{"id": "b", "kind": "button", "room": []}]},
        {"recording": 1, "devices": [{"id": "b"}] * 10_001},
        {"recording": 1, "snapshot": {"t": float("inf")}},
        {"recording": 1, "snapshot": 5},
    ],
)
def test_a_bad_header_exits_one(header: Any) -> None:
    code, rows, errors = replay(line("08:15:31", "button", "press", "b"), header=header)
    assert code == 1
    assert rows == []
    assert errors.startswith(("header", "snapshot"))


def test_devices_of_other_peoples_recordings_keep_their_names() -> None:
    """'front door reed' is no id of ours; two names that would become the same id stay two devices."""
    names = ("front door reed", "front_door_reed", "front-door#reed", "门磁 1")
    header = {**HEADER, "devices": [{"id": name, "kind": "smoke"} for name in names]}
    code, rows, errors = replay(
        *(line(f"08:0{n}:00", "smoke", True, name) for n, name in enumerate(names)), header=header
    )
    assert (code, errors) == (0, "")
    assert [r["device"] for r in rows if r["state"] == "RAISED"] == list(names)


@pytest.mark.parametrize("name", ["", "x" * 201, 7, None])
def test_a_device_without_a_usable_name_is_a_bad_header(name: object) -> None:
    header = {**HEADER, "devices": [{"id": name, "kind": "smoke"}]}
    code, rows, errors = replay(line("08:00:00", "tick"), header=header)
    assert (code, rows) == (1, [])
    assert "devices[0].id" in errors


def test_notices_say_which_rule_and_device() -> None:
    header = {**HEADER, "devices": [{"id": "pir", "kind": "motion", "heartbeat_s": 600}]}
    _, rows, _ = replay(line("08:00:00", "motion", True, "pir"), line("12:00:00", "tick"), header=header)
    assert rows == [
        {"notice": "DEVICE_LOST", "at": at("09:00:00.000"), "device": "pir", "status": "LOST", "reason": "silent"},
        {
            "notice": "RULE_UNAVAILABLE",
            "at": at("09:00:00.000"),
            "rule": "inactivity",
            "status": "UNAVAILABLE",
            "reason": "sensor_lost",
        },
    ]


def test_settings_come_from_the_command_line_and_a_file(tmp_path: Path) -> None:
    silence = (line("08:00:00", "motion", True, "pir"), line("16:00:00", "tick"))
    assert replay(*silence)[1] == []
    _, rows, _ = replay(*silence, args=("--set", "inactivity.limit_h=6"))
    assert [r["state"] for r in rows][:3] == ["DETECTED", "PRE_ALARM", "RAISED"]
    (tmp_path / "p.toml").write_text("[inactivity]\nlimit_h = 7\n")
    _, rows, _ = replay(*silence, args=("--parameters", str(tmp_path / "p.toml")))
    assert rows[2]["at"] == at("15:00:00.000")
    done = subprocess.run([*REPLAY, "--set", "inactivity.limit_h=900", "-"], capture_output=True, check=False)
    assert done.returncode == 2
    assert b"1 to 72" in done.stderr


def test_settings_outlive_a_change_of_the_home_in_the_recording() -> None:
    view = {"devices": [{"id": "pir", "kind": "motion"}], "consents": {"MONITORING": True}}
    _, rows, _ = replay(
        line("08:00:00", "config", view), line("16:00:00", "tick"), args=("--set", "inactivity.limit_h=6")
    )
    assert rows[0]["code"] == "INACTIVITY"


def test_a_far_future_line_does_not_gather_in_memory() -> None:
    """An alarm nobody answers, and the next line ten years later: printed as it comes, in bounded memory."""
    future = json.dumps({"at": "2036-03-01T08:00:00+08:00", "kind": "tick", "value": None})
    text = "\n".join([json.dumps(HEADER), line("08:00:00", "button", "press", "b"), future]) + "\n"
    code = (
        "import resource,sys;resource.setrlimit(resource.RLIMIT_AS,(400<<20,400<<20));"
        "from gateway.cli.main import main;sys.argv=['hearthwatch','replay','-'];main()"
    )
    done = subprocess.run([sys.executable, "-c", code], input=text.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    states = [json.loads(x)["state"] for x in done.stdout.splitlines()]
    assert states[:4] == ["DETECTED", "PRE_ALARM", "RAISED", "UNANSWERED"]
