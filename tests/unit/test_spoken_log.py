"""The spoken-text log on disk: lines of one moment are one write, and no file grows beyond its bound for that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.channels.spoken_log import MAX_WAITING, Spoken, SpokenLog


def spoken(number: int, text: str = "已收到呼叫") -> Spoken:
    return Spoken(f"2026-03-01T08:15:{number % 60:02d}+08:00", f"V{number:02d}", text, "P0", heard=True)


def prompts(path: Path) -> list[str]:
    return [json.loads(line)["prompt"] for line in path.read_text().splitlines()]


async def test_what_is_said_in_one_moment_is_written_at_once_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, writes = SpokenLog(tmp_path / "spoken.jsonl"), list[bytes]()
    write = log._write
    monkeypatch.setattr(log, "_write", lambda text: (writes.append(text), write(text)))
    for number in range(20):
        log.note(spoken(number))
    assert not (tmp_path / "spoken.jsonl").exists()  # nobody waits for the disk
    await log.flush()
    assert len(writes) == 1
    assert prompts(tmp_path / "spoken.jsonl") == [f"V{n:02d}" for n in range(20)]
    await log.close()


async def test_what_was_noted_last_is_written_when_it_closes(tmp_path: Path) -> None:
    log = SpokenLog(tmp_path / "spoken.jsonl")
    log.note(spoken(1))
    await log.flush()
    log.note(spoken(2))
    await log.close()
    assert prompts(tmp_path / "spoken.jsonl") == ["V01", "V02"]


@pytest.mark.parametrize("most", [300, 1000, 1001, 4000])
async def test_lines_written_together_fill_a_file_to_its_bound_and_not_beyond(tmp_path: Path, most: int) -> None:
    log = SpokenLog(tmp_path / "spoken.jsonl", max_bytes=most)
    for number in range(60):
        log.note(spoken(number, "字" * (number % 7)))
    await log.flush()
    files = [tmp_path / "spoken.jsonl.1", tmp_path / "spoken.jsonl"]
    kept = [prompt for file in files if file.exists() for prompt in prompts(file)]
    assert all(file.stat().st_size <= most for file in files if file.exists())
    assert kept == [f"V{n:02d}" for n in range(60)][-len(kept) :]
    assert len(kept) >= 2
    await log.close()


async def test_more_than_a_stuck_disk_can_take_is_dropped_and_counted(tmp_path: Path) -> None:
    log = SpokenLog(tmp_path / "spoken.jsonl")
    for number in range(MAX_WAITING + 5):
        log.note(spoken(number))
    assert log.counts["dropped"] == 5
    await log.flush()
    log.note(spoken(1))  # there is room again
    await log.flush()
    assert len(prompts(tmp_path / "spoken.jsonl")) == MAX_WAITING + 1
    assert log.counts["dropped"] == 5
    await log.close()


async def test_every_line_of_a_write_that_failed_is_counted(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("a file where the folder should be")
    log = SpokenLog(tmp_path / "folder" / "spoken.jsonl")
    for number in range(3):
        log.note(spoken(number))
    await log.flush()
    assert log.counts["failed"] == 3
    await log.close()
