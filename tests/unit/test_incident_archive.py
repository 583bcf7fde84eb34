"""The archive is a chain of sealed lines: each is kept once, and none can be changed unseen."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest
from incident_rig import Recorded, a_call_answered, archived, one_call_answered, story, verified, write

from gateway.incidents.archive import FILE_BYTES, HEAD, file_names, read_head
from gateway.incidents.reading import Findings, files, summaries
from gateway.observations import Kind

SEED = random.Random().randrange(1 << 30)


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    return await one_call_answered(tmp_path)


async def test_the_archive_takes_each_line_once_however_often_it_is_asked(home: Path) -> None:
    archive = archived(home)
    before = (home / "incidents" / file_names(home / "incidents")[0]).read_bytes()
    assert archive.catch_up() == 0
    assert archived(home).catch_up() == 0
    assert (home / "incidents" / file_names(home / "incidents")[0]).read_bytes() == before
    assert verified(home) == []


async def test_new_entries_follow_the_old_ones_after_a_restart(tmp_path: Path) -> None:
    house = Recorded()
    a_call_answered(house)
    half = len(house.entries) // 2
    await write(tmp_path, house.entries[:half])
    archived(tmp_path)
    await write(tmp_path, house.entries[half:])
    archived(tmp_path)
    assert verified(tmp_path) == []
    in_two = story(tmp_path)[0].to_json()
    whole = tmp_path / "whole"
    whole.mkdir()
    await write(whole, house.entries)
    archived(whole)
    assert [b["row"] for b in in_two["lines"]] == [b["row"] for b in story(whole)[0].to_json()["lines"]]


async def test_any_flipped_bit_is_found(home: Path) -> None:
    archived(home)
    path = home / "incidents" / file_names(home / "incidents")[0]
    good = path.read_bytes()
    chance = random.Random(SEED)
    print(f"seed {SEED}")
    for _ in range(300):
        at, bit = chance.randrange(len(good)), 1 << chance.randrange(8)
        path.write_bytes(good[:at] + bytes([good[at] ^ bit]) + good[at + 1 :])
        assert verified(home), f"seed {SEED}: byte {at} bit {bit}"
    path.write_bytes(good)
    assert verified(home) == []


async def test_a_flipped_bit_in_any_byte_is_found_and_in_every_bit_of_the_head(tmp_path: Path) -> None:
    house = Recorded()
    house.press()
    house.press("cancel")
    await write(tmp_path, house.entries)
    archived(tmp_path)
    directory = tmp_path / "incidents"
    (log,) = file_names(directory)

    def found() -> bool:
        findings = Findings()
        for _ in files(directory, findings):
            pass
        return bool(findings.broken)

    assert not found()
    for name, every_bit in ((log, False), (HEAD, True)):
        path = directory / name
        good = path.read_bytes()
        for at in range(len(good)):
            for bit in range(8) if every_bit else (at % 8,):
                path.write_bytes(good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1 :])
                assert found(), f"{name}: byte {at} of {len(good)}, bit {bit}"
        for cut in range(len(good)):
            path.write_bytes(good[:cut])
            assert found(), f"{name}: cut at {cut}"
        path.write_bytes(good)
    assert not found()


async def test_a_line_left_out_put_in_or_exchanged_is_found(home: Path) -> None:
    archived(home)
    path = home / "incidents" / file_names(home / "incidents")[0]
    lines = path.read_bytes().splitlines(keepends=True)
    for changed in (
        lines[:2] + lines[3:],
        [*lines[:3], lines[2], *lines[3:]],
        [*lines[:2], lines[3], lines[2], *lines[4:]],
        lines[:-1],
        lines[:1],
        [],
    ):
        path.write_bytes(b"".join(changed))
        assert verified(home)


async def test_a_file_or_a_head_that_is_gone_is_found(home: Path) -> None:
    archived(home)
    name = file_names(home / "incidents")[0]
    head = (home / "incidents" / HEAD).read_bytes()
    (home / "incidents" / HEAD).unlink()
    assert "head.json is missing" in verified(home)[0]
    (home / "incidents" / HEAD).write_bytes(head)
    (home / "incidents" / name).rename(home / "aside")
    assert verified(home) == [f"{name} is missing"]


async def test_an_archive_that_is_taken_away_whole_is_missed_while_the_journal_remembers(tmp_path: Path) -> None:
    house = Recorded()
    a_call_answered(house)
    house.wait(30 * 60)
    house.press("cancel")
    await write(tmp_path, house.entries)
    assert verified(tmp_path) == [], "half an hour: the gateway may not have come to it"
    for _ in range(2):
        house.wait(3_600)
        house.say(Kind.OK, {"via": "key"})
    await write(tmp_path, house.entries[-2:])
    archived(tmp_path)
    assert verified(tmp_path) == []
    shutil.rmtree(tmp_path / "incidents")
    (finding,) = verified(tmp_path)
    assert "taken away" in finding


async def test_a_write_torn_by_a_power_cut_is_made_again(tmp_path: Path) -> None:
    house = Recorded()
    a_call_answered(house)
    await write(tmp_path, house.entries[:3])
    archived(tmp_path)
    path = tmp_path / "incidents" / file_names(tmp_path / "incidents")[0]
    await write(tmp_path, house.entries[3:])
    head = (tmp_path / "incidents" / HEAD).read_bytes()
    archived(tmp_path)
    whole = path.read_bytes()
    for cut in (len(whole) - 1, len(whole) - 70, json.loads(head)["bytes"] + 5, json.loads(head)["bytes"]):
        path.write_bytes(whole[:cut])
        (tmp_path / "incidents" / HEAD).write_bytes(head)  # written after the lines: still the old one
        assert archived(tmp_path).problems == []
        assert path.read_bytes() == whole
    path.write_bytes(whole[: json.loads(head)["bytes"]] + b"\0" * 300)
    (tmp_path / "incidents" / HEAD).write_bytes(head)
    archived(tmp_path)
    assert path.read_bytes() == whole


async def test_damage_is_told_kept_and_the_story_goes_on_in_a_new_file(home: Path) -> None:
    archived(home)
    path = home / "incidents" / file_names(home / "incidents")[0]
    spoilt = bytearray(path.read_bytes())
    spoilt[len(spoilt) // 2] ^= 1
    path.write_bytes(spoilt)
    archive = archived(home)
    assert "does not hold" in archive.problems[0]
    assert path.read_bytes() == bytes(spoilt)
    assert len(file_names(home / "incidents")) == 2
    assert verified(home)
    made, _ = story(home)
    assert made.summary.state == "CLOSED"


async def test_a_new_journal_begins_a_new_file_in_the_same_chain(home: Path) -> None:
    archived(home)
    (home / "journal.db").rename(home / "old.db")
    for more in ("-wal", "-shm"):
        (home / f"journal.db{more}").unlink(missing_ok=True)
    house = Recorded()
    a_call_answered(house)
    await write(home, house.entries)
    archived(home)
    first, second = file_names(home / "incidents")
    assert first.partition("-")[2] != second.partition("-")[2]
    assert verified(home) == []
    found = summaries(home / "incidents", home / "journal.db", Findings())
    assert [s.alarm for s in found.values()] == [1, 1]
    (home / "incidents" / first).unlink()
    assert verified(home)


async def test_big_files_are_left_behind_and_the_chain_goes_on(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.incidents.archive.FILE_BYTES", 1)
    monkeypatch.setattr("gateway.incidents.archive.BATCH", 2)
    assert FILE_BYTES > 1
    archived(home)
    assert len(file_names(home / "incidents")) > 3
    assert verified(home) == []
    assert story(home)[0].summary.outcome == "HELPED"
    head = read_head(home / "incidents")
    assert head is not None
    assert head.file == file_names(home / "incidents")[-1]
    assert archived(home).catch_up() == 0
