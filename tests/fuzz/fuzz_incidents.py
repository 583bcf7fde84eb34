"""A file of the incident archive, of anybody's making: what holds is listed, told and printed, the rest is a finding.

An input that begins with a seal's mark (`=`) is the file as it lies; any other is lines that were sealed as ours are,
for the chain keeps no key: a newer version or a careful forger may seal what we never write. A line that is JSON is
`{"wall", "marks", "body"}` of one, any other is the line itself.
"""

from __future__ import annotations

import atexit
import json
import tempfile
from pathlib import Path
from typing import Any

from fuzz_rig import MAX_ERROR_TEXT

from gateway.alarms.words import load
from gateway.incidents.archive import HEAD, Archive, Head, written
from gateway.incidents.chain import START, line_of, seal
from gateway.incidents.page import page
from gateway.incidents.reading import MAX_FINDINGS, Findings, follow_ups_due, lines_of, summaries
from gateway.incidents.story import incident

JSON = True
NAME = "0001-feedface.log"
ALARMS = (1, 17)
_FOLDER: list[Path] = []


def seeds() -> list[bytes]:
    at = "2026-03-01T00:15:30.000+00:00"
    header = line_of(0, (), {"incidents": 1, "epoch": "feedface", "previous": START.decode(), "row": 0})
    opened = {
        "row": 1, "t": 5, "at": at, "trust": "NTP", "alarms": [17],
        "seen": {"kind": "button", "device": "bedside", "key": "ble:1", "value": "press"},
        "decided": [{"alarm": 17, "t": 5, "what": "opened", "reason": "pressed", "state": "DETECTED",
                     "code": "CALL_FIXED", "severity": "P0", "device": "bedside", "room": "bedroom",
                     "evidence": {"presses": 1}}],
        "asked": [["say", "V01", None, 17], ["publish", "alarm", 3, 17]],
    }  # fmt: skip
    accepted = {
        "row": 2, "t": 9, "at": at, "trust": "NTP", "alarms": [17], "received": [[3, 17]],
        "seen": {"kind": "reply", "value": {"contact": "c1", "answer": "1"}},
        "decided": [{"alarm": 17, "t": 9, "what": "accepted", "state": "ACCEPTED", "accepted_by": "c1"}],
    }  # fmt: skip
    closed = {"row": 3, "t": 12, "at": at, "trust": "NTP", "alarms": [17, 1],
              "seen": {"kind": "ack", "value": {"stage": "CLOSED", "by": "desk", "outcome": "HELPED",
                                                "emergency_call": {"by": "desk", "number": "120", "at": at}}},
              "decided": [{"alarm": 17, "t": 12, "what": "closed", "reason": "closed", "state": "CLOSED"}]}  # fmt: skip
    looked = {"row": 4, "t": 20, "at": at, "trust": "NTP", "alarms": [17],
              "seen": {"kind": "visit", "value": {"event": "follow_up", "alarm": 17, "kind": "URGENT_NEED_RELIEF",
                                                  "result": "DONE", "by": "liaison"}}}  # fmt: skip
    rows: list[tuple[int, tuple[str, ...], dict[str, Any]]] = [
        (1_772_324_130_000, ("17=DETECTED:CALL_FIXED:P0", "17=PRE_ALARM"), opened),
        (1_772_324_140_000, ("17=ACCEPTED",), accepted),
        (1_772_324_150_000, ("17=CLOSED:HELPED", "1=CLOSED:TEST"), closed),
        (1_772_324_160_000, (), looked),
    ]
    lines = [header, *(line_of(*row) for row in rows)]
    documents = [json.dumps({"wall": wall, "marks": marks, "body": body}).encode() for wall, marks, body in rows]
    return [header + b"\n".join(documents), b"".join(lines), b"=" + seal(START, b"".join(lines))[0], *documents]


def _sealed(data: bytes) -> tuple[bytes, bytes]:
    lines = b""
    for text in data.removesuffix(b"\n").split(b"\n"):
        try:
            row = json.loads(text)
        except (ValueError, RecursionError):
            row = None
        lines += _line(row) if isinstance(row, dict) else text + b"\n"
    return seal(START, lines)


def _line(row: dict[str, Any]) -> bytes:
    wall, marks, body = row.get("wall"), row.get("marks"), row.get("body")
    head = ",".join(str(mark) for mark in marks) if isinstance(marks, list) else str(marks)
    return f"{'*' if marks else '-'} {wall} {head}{' ' if marks else ''}{json.dumps(body)}\n".encode("utf-8", "replace")


def one_input(data: bytes) -> None:
    if not _FOLDER:
        memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
        made = tempfile.TemporaryDirectory(prefix="fuzz-incidents-", dir=memory)
        atexit.register(made.cleanup)
        _FOLDER.append(Path(made.name))
    folder = _FOLDER[0]
    content, found = (data[1:], START) if data.startswith(b"=") else _sealed(data)
    (folder / NAME).write_bytes(content)
    (folder / HEAD).write_bytes(written(Head(NAME, len(content), found.decode(), 4)))
    journal = folder / "no-journal.db"
    findings = Findings()
    listed = summaries(folder, journal, findings)
    follow_ups_due(folder, journal, findings, 7)
    for alarm in ALARMS:
        story = incident(alarm, "feedface", lines_of(folder, journal, "feedface", alarm, findings))
        if story is not None:
            story.to_json()
            text = page(story, load(), {"c1": "王小明"}, holds=not findings.broken, seal=found.decode())
            assert "<script" not in text
            text.encode()
    assert all(alarm.opened_ms >= 0 for alarm in listed.values())
    assert len(findings.broken) <= MAX_FINDINGS
    assert sum(map(len, findings.broken)) <= MAX_ERROR_TEXT
    Archive(folder, journal)._open()  # a start goes on behind whatever lies there
