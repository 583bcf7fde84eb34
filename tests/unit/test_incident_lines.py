"""Lines that hold and are of another form: of a newer version, or of a forger's, for the chain keeps no key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.alarms.words import load
from gateway.incidents.archive import HEAD, Archive, Head, written
from gateway.incidents.chain import START, BadLine, line_of, read_line, seal
from gateway.incidents.page import page
from gateway.incidents.reading import Findings, lines_of, summaries
from gateway.incidents.story import incident

NAME = "0001-feedface.log"
WALL_MS = 1_772_324_130_000
AT = "2026-03-01T00:15:30.000+00:00"


def a_line(alarm: int, **changed: Any) -> bytes:
    """A call that was opened, `changed` in its JSON."""
    opened = {
        "alarm": alarm, "t": 5, "what": "opened", "reason": "pressed", "state": "DETECTED", "code": "CALL_FIXED",
        "severity": "P0", "device": "bedside", "evidence": {"presses": 1},
    }  # fmt: skip
    body = {
        "row": alarm, "t": 5, "at": AT, "trust": "NTP", "alarms": [alarm], "decided": [opened],
        "seen": {"kind": "button", "device": "bedside", "value": "press"},
        "asked": [["say", "V01", None, alarm]],
    }  # fmt: skip
    return line_of(WALL_MS, (f"{alarm}=DETECTED:CALL_FIXED:P0",), body | changed)


def archive_of(folder: Path, *lines: bytes) -> Path:
    header = line_of(0, (), {"incidents": 1, "epoch": "feedface", "previous": START.decode(), "row": 0})
    data, found = seal(START, header + b"".join(lines))
    folder.mkdir()
    (folder / NAME).write_bytes(data)
    (folder / HEAD).write_bytes(written(Head(NAME, len(data), found.decode(), 9)))
    return folder


def told(archive: Path, alarm: int) -> tuple[str, list[str]]:
    """The printed page of an alarm, or nothing, and what was found wrong on the way."""
    findings, journal = Findings(), archive / "no-journal.db"
    story = incident(alarm, "feedface", lines_of(archive, journal, "feedface", alarm, findings))
    return "" if story is None else page(story, load(), {}, holds=True, seal="0" * 64), findings.broken


@pytest.mark.parametrize(
    "changed",
    [
        {"alarms": 2}, {"alarms": ["2"]}, {"row": "2"}, {"row": 1 << 60}, {"at": None}, {"at": "yesterday"},
        {"at": "9999-12-31T23:59:59+00:00"}, {"at": "2026-03-01T00:15:30"}, {"decided": [2]}, {"decided": {}},
        {"decided": [{"alarm": 2, "evidence": [1]}]}, {"decided": [{"alarm": 2, "state": ["RAISED"]}]},
        {"asked": [["say"]]}, {"asked": [[["say"], 1, 2, 3]]}, {"received": [[3]]}, {"seen": 5}, {"seen": {"value": 1}},
        {"note": "\ud800"},
    ],
    ids=str,
)  # fmt: skip
def test_a_line_of_another_form_is_a_finding_and_hides_no_other(tmp_path: Path, changed: dict[str, Any]) -> None:
    archive = archive_of(tmp_path / "incidents", a_line(1), a_line(2, **changed), a_line(3))
    findings = Findings()
    assert {number for _, number in summaries(archive, archive / "no-journal.db", findings)} >= {1, 3}
    assert findings.broken == []
    for alarm in (1, 3):
        assert "第" in told(archive, alarm)[0]
    assert any("not a line of the archive" in wrong for wrong in told(archive, 2)[1])
    Archive(archive, archive / "no-journal.db")._open()  # and a start goes on behind it


@pytest.mark.parametrize(
    "value",
    [
        {"said": 5}, {"said": [5, [2], [2, {}, []]]}, {"event": "follow_up", "alarm": 2, "kind": []},
        {"event": "follow_up", "alarm": 2, "kind": "URGENT_NEED_RELIEF", "result": [], "by": {}}, {"stage": ["CLOSED"]},
    ],
    ids=str,
)  # fmt: skip
def test_what_an_observation_said_may_be_anything(tmp_path: Path, value: dict[str, Any]) -> None:
    archive = archive_of(tmp_path / "incidents", a_line(2, seen={"kind": "visit", "value": value}))
    text, broken = told(archive, 2)
    assert "第2号" in text
    assert broken == []


@pytest.mark.parametrize(
    "mark", [b"2=\xff", b"2=\xe5\x8d", b"9" * 40 + b"=RAISED", b"2=A,\xff=B", b"2=A," + b"7" * 5000 + b"=B"]
)
def test_marks_of_another_form_are_passed_over(tmp_path: Path, mark: bytes) -> None:
    odd = b"* %d " % WALL_MS + mark + b" {}\n"
    archive = archive_of(tmp_path / "incidents", a_line(1), odd, a_line(3))
    found = summaries(archive, archive / "no-journal.db", Findings())
    assert {number for _, number in found} >= {1, 3}
    assert all(number < 10**15 for _, number in found)


def test_a_moment_that_no_calendar_holds_is_of_another_form() -> None:
    with pytest.raises(BadLine):
        read_line(b"* 99999999999999999 1=RAISED {}")
    assert read_line(a_line(1).rstrip()).wall_ms == WALL_MS
