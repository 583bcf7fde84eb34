"""The record of what was done: every alarm's story is kept whole, and nobody can change it unseen."""

from __future__ import annotations

import contextlib
import json
import random
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from journal_rig import opened
from virtual_home import START_WALL_MS, House

from gateway.alarms.words import load
from gateway.cli.incident_screen import as_text
from gateway.cli.incidents import command as incidents_command
from gateway.incidents.archive import FILE_BYTES, HEAD, Archive, Head, file_names, read_head, written
from gateway.incidents.chain import START, seal
from gateway.incidents.page import page
from gateway.incidents.reading import Findings, files, follow_ups_due, lines_of, summaries
from gateway.incidents.story import FollowUp, FollowUpKind, Incident, incident
from gateway.incidents.witness import against_the_journal
from gateway.journal import Entry
from gateway.observations import LIFE_SAFETY, Kind, Observation

SEED = random.Random().randrange(1 << 30)


class Recorded(House):
    """A home whose every word goes to a real journal, as the heart would put it there."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []

    def hand(self, observation: Observation, result: Any) -> None:
        if not result and observation.kind is Kind.TICK:
            return
        urgent = bool(result.events or result.actions) or observation.kind in LIFE_SAFETY
        events = tuple(e.to_json() for e in result.events)
        wall = START_WALL_MS + observation.t
        self.entries.append(Entry(observation, events, wall, "NTP", actions=tuple(result.actions), urgent=urgent))

    def say(self, kind: Kind, value: Any = None, device: str | None = None, **more: Any) -> Any:
        result = super().say(kind, value, device, **more)
        self.hand(self.history[-1][0], result)
        return result

    def wait(self, seconds: float) -> Any:
        result = super().wait(seconds)
        self.hand(Observation(Kind.TICK, None, self.now_ms), result)
        return result


def a_call_answered(house: Recorded) -> None:
    """Pressed, raised, texted, answered, visited, closed, looked after."""
    house.press()
    house.wait(10)
    house.say(Kind.DELIVERY, {"alarm": 1, "contact": "c1", "template": "S01", "result": "sent"})
    house.say(Kind.ACK, {"stage": "RECEIVED", "seq": [1]})
    house.say(Kind.REPLY, {"contact": "c1", "answer": "1", "ref": None, "text": "我是小明，马上去"})
    house.wait(300)
    house.say(Kind.VISIT, {"event": "arrived", "by": "n1"})
    call = {"number": "120", "by": "c1", "at": "08:20"}
    house.platform(1, "CLOSED", outcome="HELPED", emergency_call=call)
    house.say(
        Kind.VISIT,
        {"event": "follow_up", "alarm": 1, "kind": "URGENT_NEED_RELIEF", "result": "DONE", "by": "town-2"},
    )


async def write(folder: Path, entries: list[Entry]) -> None:
    async with opened(folder / "journal.db") as (journal, _):
        for entry in entries:
            await journal.submit(entry).committed


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    house = Recorded()
    a_call_answered(house)
    await write(tmp_path, house.entries)
    return tmp_path


def archived(folder: Path) -> Archive:
    archive = Archive(folder / "incidents", folder / "journal.db")
    archive.catch_up()
    return archive


def story(folder: Path, alarm: int = 1) -> tuple[Incident, Findings]:
    findings = Findings()
    (epoch,) = {e for e, _ in summaries(folder / "incidents", folder / "journal.db", Findings())}
    made = incident(alarm, epoch, lines_of(folder / "incidents", folder / "journal.db", epoch, alarm, findings))
    assert made is not None
    return made, findings


def verified(folder: Path) -> list[str]:
    findings = Findings()
    summaries(folder / "incidents", folder / "journal.db", findings)
    return findings.broken


# ---- the story


async def test_an_incident_holds_who_did_what_and_when(home: Path) -> None:
    archived(home)
    made, findings = story(home)
    assert findings.broken == []
    told = made.to_json()
    assert (told["code"], told["severity"], told["state"], told["outcome"]) == ("CALL_FIXED", "P0", "CLOSED", "HELPED")
    assert (told["device"], told["room"], told["clock_trust"]) == ("bedroom", "r1", "NTP")
    assert (told["accepted_by"], told["attended_by"], told["closed_by"]) == ("c1", "n1", "desk-3")
    assert told["emergency_call"] == {"number": "120", "by": "c1", "at": "08:20"}
    assert told["opened_at"] == "2026-03-01T08:15:30.000+08:00"
    asked = [row[:3] for body in told["lines"] for row in body.get("asked", ())]
    assert ["text", "S01", "c1"] in asked
    assert ["say", "V01", None] in asked
    assert any(row[0] == "publish" for row in asked)
    assert [row for body in told["lines"] for row in body.get("received", ())] == [[1, 1]]


async def test_the_record_and_the_screen_say_why_in_both_languages(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archived(home)
    made, _ = story(home)
    assert made.to_json()["why"] == {
        "zh": "固定按钮按了一下就算求助，给了10秒可以取消。",
        "en": "One press of a fixed button is a call; it could be cancelled for 10 s.",
    }
    as_text(made)
    shown = " ".join(capsys.readouterr().out.split())
    assert "why (zh)" in shown
    assert "One press of a fixed button is a call" in shown
    assert "rule=call_button" in shown


async def test_what_a_contact_wrote_in_their_own_words_is_not_kept(home: Path) -> None:
    archived(home)
    for name in file_names(home / "incidents"):
        assert "小明" not in (home / "incidents" / name).read_text()
        assert "\\u5c0f\\u660e" not in (home / "incidents" / name).read_text()


async def test_follow_ups_are_due_after_the_end_and_done_when_somebody_says_so(home: Path) -> None:
    made, _ = story(home)
    (relief,) = made.follow_ups
    assert (relief.kind, relief.due_on) == (FollowUpKind.URGENT_NEED_RELIEF, "2026-03-08")
    assert (relief.result, relief.by) == ("DONE", "town-2")


async def test_a_hazard_is_looked_at_again_and_a_false_alarm_of_it_too(tmp_path: Path) -> None:
    from gateway.incidents.story import Summary, due_kinds

    smoke = Summary("e", 1, "SMOKE", "P0", "CLOSED", "FALSE_ALARM")
    assert due_kinds(smoke) == (FollowUpKind.HAZARD_REMOVAL,)
    assert due_kinds(Summary("e", 1, "CALL_FIXED", "P0", "CLOSED", "REFERRED")) == (FollowUpKind.REFERRAL_FULFILMENT,)
    assert due_kinds(Summary("e", 1, "SMOKE", "P0", "CLOSED", "TEST")) == ()
    assert due_kinds(Summary("e", 1, "SMOKE", "P0", "ACCEPTED")) == ()


async def test_what_is_due_is_listed_until_somebody_settled_it(tmp_path: Path) -> None:
    house = Recorded()
    for outcome in ("REFERRED", "FALSE_ALARM", "HOSPITALISED", "TEST"):
        house.press()
        house.wait(10)
        alarm = max(house.controller.book.alarms)
        house.platform(alarm, "CLOSED", outcome=outcome)
    await write(tmp_path, house.entries)

    def due(days: int = 7) -> list[tuple[int, str, str, str | None]]:
        found = follow_ups_due(tmp_path / "incidents", tmp_path / "journal.db", findings, days)
        return [(s.alarm, f.kind.value, f.due_on, f.result) for s, f in found]

    findings = Findings()
    referral, relief = FollowUpKind.REFERRAL_FULFILMENT.value, FollowUpKind.URGENT_NEED_RELIEF.value
    assert due() == [(1, referral, "2026-03-08", None), (3, relief, "2026-03-08", None)]
    archived(tmp_path)
    assert [row[2] for row in due(days=10)] == ["2026-03-11"] * 2
    said = {"event": "follow_up", "by": "town-2"}
    for alarm, kind, result in ((1, referral, "DONE"), (3, relief, "NOT_YET")):
        house.say(Kind.VISIT, {**said, "alarm": alarm, "kind": kind, "result": result})
    await write(tmp_path, house.entries[-2:])
    assert due() == [(3, relief, "2026-03-08", "NOT_YET")]
    archived(tmp_path)
    assert due() == [(3, relief, "2026-03-08", "NOT_YET")]
    house.say(Kind.VISIT, {**said, "alarm": 3, "kind": relief, "result": "NOT_NEEDED"})
    await write(tmp_path, house.entries[-1:])
    assert due() == []
    assert findings.broken == []


async def test_what_is_not_settled_yet_stays_due_on_the_page_and_on_the_screen(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, _ = story(home)
    made.follow_ups = [FollowUp(FollowUpKind.URGENT_NEED_RELIEF, "2026-03-08", "NOT_YET", "town-2")]
    assert "应于 2026-03-08 前尚未落实（town-2）" in page(made, load(), {}, holds=True, seal="")
    as_text(made)
    assert "NOT_YET due on 2026-03-08" in capsys.readouterr().out


async def test_before_it_is_sealed_the_newest_minute_is_shown_from_the_journal(home: Path) -> None:
    made, findings = story(home)
    assert (made.summary.state, findings.broken) == ("CLOSED", [])
    assert not (home / "incidents").exists()
    before = made.to_json()
    archived(home)
    assert story(home)[0].to_json() == before


async def test_the_page_can_be_printed_and_names_whom_it_is_given(home: Path) -> None:
    made, _ = story(home)
    text = page(made, load(), {"c1": "王小明", "r1": "卧室", "n1": "<b>李婶</b>"}, holds=True, seal="ab" * 32)
    for part in (
        "应急处置记录",
        "固定按钮呼叫",
        "王小明 拨打 120",
        "卧室",
        "已帮助",
        "急需困难缓解情况",
        "校验完整",
        "固定按钮按了一下就算求助，给了10秒可以取消。",
        "One press of a fixed button is a call; it could be cancelled for 10 s.",
        "rule=call_button",
        "2026-03-01 08:15:30",
    ):
        assert part in text
    assert "&lt;b&gt;李婶" in text
    assert "<script" not in text
    assert "http" not in text
    for part in (
        "时间依据：网络",
        "通知王小明",
        "给王小明的短信 S01 已发出",
        "王小明 回复：能去",
        "desk-3：结束",
        "所用语句",
        "已收到呼叫。…秒后通知…，没事请按取消键。",
        "请马上打电话或过去看，危急先打120。",
    ):
        assert part in text
    assert not re.search(r"；王小明[；<]|回复：?1|sent|CLOSED|NTP", text), "no step is a bare name, or a word of ours"
    without = page(made, load(), {}, holds=False, seal="")
    assert "王小明" not in without
    assert "校验不通过" in without


# ---- the chain


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


# ---- who seals it anew, head and all


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
