"""A recording as `replay` plays it: each line is an observation the heart can take, or a named refusal."""

from __future__ import annotations

import json

from fuzz_rig import honest_record, raises_only

from gateway.clock import iso
from gateway.observations import BadObservation
from gateway.recording import BadHeader, Recording, observation_line, read_header

JSON = True
MAX_LINES = 40
MAX_LEAP_MS = 30 * 86_400_000  # a silent month runs through thousands of timers: replay's own tests see to that

HEADER = {
    "recording": 1, "tz": "Asia/Shanghai",
    "devices": [
        {"id": "bed", "kind": "button", "room": "bedroom"}, {"id": "green", "kind": "button", "role": "ok"},
        {"id": "pir", "kind": "motion", "room": "hall", "heartbeat_s": 3600}, {"id": "door", "kind": "contact"},
        {"id": "pendant", "kind": "wearable", "placement": "waist"}, {"id": "w", "kind": "water_meter"},
    ],
}  # fmt: skip
HOME = {
    "residents": ["r1"], "rooms": {"hall": "客厅"}, "devices": HEADER["devices"], "consents": {"MONITORING": True},
    "contacts": [{"id": "c1", "order": 1}], "settings": {"call_button.pre_alarm_s": 5},
}  # fmt: skip
VALUES = (
    ("button", "press", "bed"), ("motion", True, "pir"), ("contact", "open", "door"), ("power", 12.5, "w"),
    ("water_volume", 1.5, "w"), ("acceleration", {"rate_hz": 50, "g": [[0, 0, 1], [0, 0, 1.5]]}, "pendant"),
    ("position", {"lat": 25.0, "lon": 118.0}, "pendant"), ("blood_pressure", {"systolic": 120}, "pendant"),
    ("tick", None, None), ("recorder", False, None), ("cancel", None, None), ("ok", None, None),
    ("reply", {"contact": "c1", "answer": "1", "ref": "01"}, None), ("away", {"away": True}, None),
    ("ack", {"alarm": 1, "stage": "ACCEPTED", "by": "x"}, None), ("config", HOME, None), ("seen", False, "pir"),
    ("delivery", {"alarm": 1, "contact": "c1", "result": "sent"}, None), ("visit", {"event": "arrived"}, None),
    ("clock", {"offset_ms": 1_772_324_130_000, "trust": "NTP"}, None), ("restart", None, None), ("mute", True, None),
    ("condition", {"code": "UPLINK_LOST", "on": True}, None), ("command", {"cmd": "x"}, None), ("smoke", True, "bed"),
    ("condition", {"code": "UNVERIFIED_PRESS"}, "bed"), ("battery", 5, "bed"), ("heart_rate", 70, "pendant"),
)  # fmt: skip


def seeds() -> list[bytes]:
    made = []
    for at in range(0, len(VALUES), 4):
        rows = [HEADER]
        for minute, (kind, value, device) in enumerate(VALUES[at : at + 4]):
            row = {"at": f"2026-03-01T08:{minute:02d}:30+08:00", "kind": kind, "value": value}
            rows.append(row if device is None else {**row, "device": device})
        rows += [
            {"at": "2026-03-02T08:00:00+08:00", "kind": "tick"},
            {**rows[1], "t": 90_000_000, "key": "k", "late": True},
        ]
        made.append("\n".join(map(json.dumps, rows)).encode())
    return [*made, _exported()]


def _exported() -> bytes:
    tape = read_header(json.dumps(HEADER))
    rows = [{"at": "2026-03-01T08:00:00+08:00", "t": 5000, "device": "bed", "kind": "button", "value": "press"}]
    observation = tape.read(json.dumps(rows[0]))
    assert tape.controller is not None
    tape.controller.handle(observation)
    header = {**HEADER, "snapshot": tape.controller.to_json()}
    rows.append({**rows[0], "at": "2026-03-01T08:01:00+08:00", "t": 65_000})
    return "\n".join(map(json.dumps, [header, *rows])).encode()


def one_input(data: bytes) -> None:
    head, *lines = data.split(b"\n")
    tape = raises_only((BadHeader,), lambda: read_header(head))
    raises_only((BadHeader,), lambda: read_header(head, None, {"call_button.pre_alarm_s": 3.0}))
    if isinstance(tape, Recording):
        for line in lines[:MAX_LINES]:
            with honest_record():
                _played(tape, line)


def _played(tape: Recording, line: bytes) -> None:
    observation = raises_only((BadObservation, BadHeader), lambda: tape.read(line))
    if observation is None or tape.controller is None or observation.t - tape.controller.t > MAX_LEAP_MS:
        return
    result = tape.controller.handle(observation)
    for event in result.events:
        printed = tape.line_of(event, tape.controller.book)
        if printed is not None:
            assert json.loads(printed.encode())["alarm"] == event.alarm
    for notice in result.notices:
        assert json.loads(tape.notice_line(notice).encode())["notice"] == notice.code
    again = observation_line(observation, tape.controller.wall_ms(observation.t), tape.tz)
    assert json.loads(again.encode())["kind"] == observation.kind.value
    iso(tape.controller.wall_ms(tape.controller.t), tape.tz)
