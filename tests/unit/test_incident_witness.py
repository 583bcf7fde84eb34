"""Who rewrites the archive and seals it anew, head and all, is contradicted by the journal."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner
from incident_rig import Recorded, a_call_answered, archived, one_call_answered, verified, write

from gateway.cli.incidents import command as incidents_command
from gateway.incidents.archive import HEAD, Head, file_names, read_head, written
from gateway.incidents.chain import START, seal
from gateway.incidents.reading import Findings, summaries
from gateway.incidents.witness import against_the_journal


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
