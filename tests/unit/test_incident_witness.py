"""Who rewrites the archive and seals it anew, head and all, is contradicted by the journal."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from click.testing import CliRunner
from incident_rig import Recorded, a_call_answered, archived, one_call_answered, verified, write

from gateway.cli.incidents import command as incidents_command
from gateway.incidents.archive import HEAD, Head, file_names, read_head, written
from gateway.incidents.chain import START, seal
from gateway.incidents.lines import Line, LineMaker
from gateway.incidents.reading import Findings, summaries
from gateway.incidents.witness import VOUCHED, against_the_journal
from gateway.journal import Entry
from gateway.journal.export import ExportedRow
from gateway.observations import Kind, Observation
from gateway.runtime.archivist import Archivist


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    return await one_call_answered(tmp_path)


def sealed_anew(folder: Path, lines: list[bytes]) -> None:
    """What somebody could do who may write the archive: these lines, a good seal under them and a good head."""
    directory = folder / "incidents"
    head = read_head(directory)
    assert head is not None
    header = next(line for line in (directory / head.file).read_bytes().splitlines(keepends=True))
    first, seal_ = seal(START, header)
    rest, last = seal(seal_, b"".join(lines)) if lines else (b"", seal_)
    (directory / head.file).write_bytes(first + rest)
    (directory / HEAD).write_bytes(written(Head(head.file, len(first + rest), last.decode(), head.row)))


def of_the_story(folder: Path) -> list[bytes]:
    """The archive's lines without header and seals."""
    path = folder / "incidents" / file_names(folder / "incidents")[0]
    return [line for line in path.read_bytes().splitlines(keepends=True)[1:] if not line.startswith(b"=")]


def witnessed(folder: Path) -> list[str]:
    findings = Findings()
    summaries(folder / "incidents", folder / "journal.db", findings)
    against_the_journal(folder / "incidents", folder / "journal.db", findings)
    return findings.broken


async def test_the_journal_bears_an_honest_archive_out_at_every_length(home: Path) -> None:
    assert witnessed(home) == [], "nothing is sealed yet"
    archived(home)
    assert witnessed(home) == []
    house = Recorded()
    a_call_answered(house)
    house.press("bathroom")
    house.wait(400)
    await write(home, house.entries)
    assert witnessed(home) == [], "the newest minute is not sealed yet"
    archived(home)
    assert witnessed(home) == []


async def test_what_was_changed_and_sealed_anew_with_its_head_is_found_by_the_journal(home: Path) -> None:
    archived(home)
    lines = of_the_story(home)
    sealed_anew(home, lines)
    assert witnessed(home) == [], "nothing was changed"
    told = [n for n, line in enumerate(lines) if b'"decided"' in line]
    taken = next(n for n, line in enumerate(lines) if b"=ACCEPTED" in line)
    closed = next(n for n, line in enumerate(lines) if b"CLOSED:HELPED" in line)

    def put(at: int, line: bytes) -> list[bytes]:
        return [*lines[:at], line, *lines[at + 1 :]]

    forged = {
        "one left out": lines[:taken] + lines[taken + 1 :],
        "the last left out": lines[: told[-1]] + lines[told[-1] + 1 :],
        "two exchanged": [*put(told[1], lines[told[2]])[: told[2]], lines[told[1]], *lines[told[2] + 1 :]],
        "another outcome": put(closed, lines[closed].replace(b"HELPED", b"FALSE_ALARM")),
        "another acceptor": put(taken, lines[taken].replace(b'"c1"', b'"c2"')),
        "an hour earlier": put(taken, lines[taken].replace(b"* 17", b"* 16", 1)),
        "no call for an ambulance": put(closed, lines[closed].replace(b'"number":"120"', b'"number":"119"')),
        "one put in": put(taken, lines[taken] + lines[taken].replace(b'"row":', b'"row":9')),
        "nothing": [],
    }
    for what, changed in forged.items():
        assert changed != lines, what
        sealed_anew(home, changed)
        assert verified(home) == [], f"{what}: every seal holds"
        assert witnessed(home), what
    sealed_anew(home, lines)
    assert witnessed(home) == []


async def test_a_line_of_another_version_is_no_forgery(home: Path) -> None:
    """It had other fields; what both say is the same."""
    archived(home)
    lines = of_the_story(home)
    older = [line.replace(b'"trust":"NTP"', b'"clock":"NTP"').replace(b'"presses":1,', b"") for line in lines]
    assert older != lines
    sealed_anew(home, older)
    assert witnessed(home) == []


async def test_without_a_journal_or_with_a_new_one_the_seals_alone_speak(home: Path) -> None:
    archived(home)
    (home / "journal.db").rename(home / "aside.db")
    assert witnessed(home) == []
    await write(home, [])
    assert witnessed(home) == []


async def test_what_the_journal_has_forgotten_nobody_can_contradict(home: Path) -> None:
    archived(home)
    (home / "journal.db-wal").unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(home / "journal.db")) as journal:
        journal.execute("DELETE FROM record WHERE id IN (SELECT id FROM record ORDER BY id LIMIT 3)")
        journal.commit()
    assert witnessed(home) == []


# ---- the seal that the journal keeps


async def vouched_for(folder: Path) -> Head:
    """As the gateway does once it has seen that both agree."""
    head = read_head(folder / "incidents")
    assert head is not None
    tick = Observation(Kind.TICK, None, 0)
    await write(folder, [Entry(tick, (), 0, "NTP", memory=(VOUCHED, asdict(head)))])
    return head


async def a_second_call(folder: Path) -> None:
    """Another night of the same home, which the journal has and the archive too."""
    house = Recorded()
    house.now_ms = 10**8
    house.press("bathroom")
    house.wait(400)
    await write(folder, house.entries)
    archived(folder)


def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The journal's rows that are made anew."""
    rows: list[int] = []
    line = LineMaker.line

    def noted(self: LineMaker, row: ExportedRow) -> Line | None:
        rows.append(row.log_id)
        return line(self, row)

    monkeypatch.setattr(LineMaker, "line", noted)
    return rows


async def test_what_the_journal_vouches_for_is_not_made_anew(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archived(home)
    head = await vouched_for(home)
    rows = looked_at(monkeypatch)
    assert witnessed(home) == []
    assert all(row > head.row for row in rows)
    await a_second_call(home)
    rows.clear()
    assert witnessed(home) == []
    assert rows, "what came since is compared"
    assert min(rows) > head.row


async def test_deep_makes_every_line_anew_all_the_same(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archived(home)
    head = await vouched_for(home)
    await a_second_call(home)
    rows, findings = looked_at(monkeypatch), Findings()
    against_the_journal(home / "incidents", home / "journal.db", findings, deep=True)
    assert findings.broken == []
    assert min(rows) < head.row < max(rows)


async def test_an_archive_sealed_anew_has_not_the_seal_the_journal_vouches_for(home: Path) -> None:
    """And what is otherwise in it is named, as without a seal."""
    archived(home)
    await vouched_for(home)
    lines = of_the_story(home)
    closed = next(n for n, line in enumerate(lines) if b"CLOSED:HELPED" in line)
    sealed_anew(home, [*lines[:closed], lines[closed].replace(b"HELPED", b"FALSE_ALARM"), *lines[closed + 1 :]])
    assert verified(home) == []
    seal_, *entries = witnessed(home)
    assert "not the seal the journal vouches for" in seal_
    assert ["tells it otherwise" in entry for entry in entries] == [True]


async def test_a_change_that_no_line_of_ours_would_show_is_found_by_the_seal_alone(home: Path) -> None:
    """A key that this version does not write is compared with nothing; and the journal forgets after three years."""
    archived(home)
    lines = of_the_story(home)
    forged = [line.replace(b'"alarms":[1]', b'"alarms":[1],"by":"nobody"') for line in lines]
    sealed_anew(home, forged)
    assert witnessed(home) == []
    sealed_anew(home, lines)
    archived(home)
    await vouched_for(home)
    sealed_anew(home, forged)
    assert witnessed(home) != []


async def test_an_archive_taken_away_or_cut_back_is_missed_by_the_journal(home: Path) -> None:
    archived(home)
    early = {p.name: p.read_bytes() for p in (home / "incidents").iterdir()}
    await a_second_call(home)
    await vouched_for(home)
    assert witnessed(home) == []
    for name, data in early.items():
        (home / "incidents" / name).write_bytes(data)
    assert "not the seal the journal vouches for" in witnessed(home)[0]
    for path in list((home / "incidents").iterdir()):
        path.unlink()
    assert "not the seal the journal vouches for" in witnessed(home)[0]


async def test_what_was_forged_behind_the_seal_is_found_line_by_line(home: Path) -> None:
    archived(home)
    head = await vouched_for(home)
    await a_second_call(home)
    path = home / "incidents" / head.file
    data = path.read_bytes()
    tail = [line for line in data[head.bytes :].splitlines(keepends=True) if not line.startswith(b"=")]

    def behind(lines: list[bytes]) -> list[str]:
        more, last = seal(head.hash.encode(), b"".join(lines)) if lines else (b"", head.hash.encode())
        whole = data[: head.bytes] + more
        now = read_head(home / "incidents")
        assert now is not None
        path.write_bytes(whole)
        (home / "incidents" / HEAD).write_bytes(written(Head(path.name, len(whole), last.decode(), now.row)))
        assert verified(home) == []
        return witnessed(home)

    assert behind(tail) == []
    assert behind([tail[0].replace(b"CALL_FIXED:P0", b"CALL_FIXED:P4"), *tail[1:]])
    assert behind(tail[1:])
    assert behind([])
    assert behind([*tail, tail[-1].replace(b'"row":', b'"row":9')])


@pytest.mark.parametrize("kept", [{}, {"file": "x"}, 7, None, {"file": "f", "bytes": "many", "hash": "0", "row": 1}])
async def test_a_seal_that_is_none_vouches_for_nothing(home: Path, kept: object) -> None:
    archived(home)
    await write(home, [Entry(Observation(Kind.TICK, None, 0), (), 0, "NTP", memory=(VOUCHED, kept))])
    assert witnessed(home) == []
    sealed_anew(home, [])
    assert all("and not in the archive" in finding for finding in witnessed(home))
    assert witnessed(home)


# ---- the archivist, who has it kept


async def run_of(folder: Path) -> list[tuple[str, object]]:
    """What one run of the gateway's archivist has the journal keep."""
    kept: list[tuple[str, object]] = []
    archivist = Archivist(folder, batch_s=0, vouch=kept.append)
    archivist.start()
    for _ in range(400):
        if kept or not archivist.looking:
            break
        await asyncio.sleep(0.05)
    await asyncio.to_thread(archivist.close)
    return kept


async def test_the_archivist_vouches_for_what_the_journal_bears_out_once(home: Path) -> None:
    kept = await run_of(home)
    head = read_head(home / "incidents")
    assert head is not None
    assert kept == [(VOUCHED, asdict(head))]


async def test_it_vouches_for_nothing_that_was_forged_while_it_was_off(home: Path) -> None:
    archived(home)
    head = await vouched_for(home)
    lines = of_the_story(home)
    sealed_anew(home, [line.replace(b"HELPED", b"FALSE_ALARM") for line in lines])
    assert await run_of(home) == []
    assert any(f"{head.file} byte {head.bytes}" in finding for finding in witnessed(home))


async def running(archivist: Archivist) -> None:
    archivist.start()
    await until(lambda: not archivist.looking)


async def until(true: Callable[[], bool]) -> None:
    for _ in range(500):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not within five seconds")


async def test_nor_for_what_was_forged_while_it_ran(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With a good head; and then comes word that makes no line, as the platform's RECEIVED of the daily summary."""
    monkeypatch.setattr("gateway.runtime.archivist.VOUCH_S", 0.0)
    kept: list[tuple[str, object]] = []
    archivist = Archivist(home, batch_s=0, vouch=kept.append)
    await running(archivist)
    await until(lambda: len(kept) == 1)
    await write(home, [Entry(Observation(Kind.TICK, None, 0), (), 0, "NTP", memory=(VOUCHED, kept[0][1]))])
    sealed_anew(home, [line.replace(b"HELPED", b"FALSE_ALARM") for line in of_the_story(home)])
    archivist.wake()
    await until(lambda: "somebody else wrote it" in caplog.text)
    archivist.wake()
    await asyncio.to_thread(archivist.close)
    assert len(kept) == 1
    assert any("not the seal the journal vouches for" in finding for finding in witnessed(home))
    assert await run_of(home) == [], "nor after a restart"


async def test_a_seal_the_journal_keeps_that_lies_nowhere_ends_no_archivist(home: Path) -> None:
    archived(home)
    head = read_head(home / "incidents")
    assert head is not None
    beyond = asdict(head) | {"bytes": 10**30}
    await write(home, [Entry(Observation(Kind.TICK, None, 0), (), 0, "NTP", memory=(VOUCHED, beyond))])
    archivist = Archivist(home, batch_s=0, vouch=[].append)
    await running(archivist)
    house = Recorded()
    house.now_ms = 10**8
    house.press("bathroom")
    await write(home, house.entries)
    archivist.wake()
    await until(lambda: (read_head(home / "incidents") or head).row > head.row)
    await asyncio.to_thread(archivist.close)


async def test_who_is_stopped_while_it_looks_takes_the_last_lines_along(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, go_on = threading.Event(), threading.Event()

    def look(*_: object) -> None:
        looking.set()
        go_on.wait(5)

    monkeypatch.setattr("gateway.runtime.archivist.against_the_journal", look)
    archivist = Archivist(home, batch_s=0, vouch=[].append)
    archivist.start()
    await asyncio.to_thread(looking.wait, 5)
    head = read_head(home / "incidents")
    house = Recorded()
    house.now_ms = 10**8
    house.press("bathroom")
    await write(home, house.entries)
    archivist.wake()
    stopping = asyncio.create_task(asyncio.to_thread(archivist.close))
    await until(archivist._closing.is_set)
    go_on.set()
    await stopping
    assert head is not None
    assert (read_head(home / "incidents") or head).row > head.row


async def test_what_is_sealed_while_it_is_compared_is_no_finding(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archived(home)
    old = read_head(home / "incidents")
    await a_second_call(home)
    monkeypatch.setattr("gateway.incidents.witness.read_head", lambda _: old)
    findings = Findings()
    against_the_journal(home / "incidents", home / "journal.db", findings, deep=True)
    assert findings.broken == []


async def test_it_vouches_for_no_empty_archive(tmp_path: Path) -> None:
    await write(tmp_path, [])
    assert await run_of(tmp_path) == []


async def test_the_command_asks_the_journal_too(home: Path, tmp_path: Path) -> None:
    archived(home)
    (home / "gw.toml").write_text(f'[gateway]\nid = "t"\nstate_dir = "{home}"\n', encoding="utf-8")
    run = CliRunner()
    honest = run.invoke(incidents_command, ["verify", "--config", str(home / "gw.toml")])
    assert (honest.exit_code, "every one holds" in honest.output) == (0, True), honest.output
    sealed_anew(home, [line.replace(b"HELPED", b"FALSE_ALARM") for line in of_the_story(home)])
    found = run.invoke(incidents_command, ["verify", "--config", str(home / "gw.toml")])
    assert found.exit_code == 1
    assert "the journal tells it otherwise" in found.output
    deep = run.invoke(incidents_command, ["verify", "--deep", "--config", str(home / "gw.toml")])
    assert (deep.exit_code, deep.output) == (1, found.output)
