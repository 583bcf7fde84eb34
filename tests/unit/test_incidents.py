"""The story of an alarm: who did what and when, why it was raised, and what is due after it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from incident_rig import Recorded, archived, one_call_answered, story, write

from gateway.alarms.words import load
from gateway.cli.incident_screen import as_text
from gateway.incidents.archive import file_names
from gateway.incidents.page import page
from gateway.incidents.reading import Findings, follow_ups_due
from gateway.incidents.story import FollowUp, FollowUpKind
from gateway.observations import Kind


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    return await one_call_answered(tmp_path)


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
