"""Pictures of what rules have learned, in characters, and as an image where matplotlib is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli import rules_picture as picture
from gateway.home.model import HomeView
from gateway.rules.civil import CivilTime
from gateway.rules.report import report
from gateway.rules.rule import PlainRule, Readiness, Status
from gateway.rules.table import all_rules

DAY = {
    "line_h": [9.0] * 7 + [4.0] * 15 + [9.0] * 2,
    "seen_h": [None] * 2 + [1.0] * 22,
    "days": 14,
    "notes": {"of": "me"},
}


def test_the_learned_day_is_drawn_on_one_scale_with_the_hours_below() -> None:
    lines = picture.text(DAY)
    assert len(lines) == 3
    assert lines[0] == "line_h " + "█" * 7 + "▄" * 15 + "█" * 2 + " 4 to 9"
    assert lines[1].startswith("seen_h ··▁▁")
    assert lines[2].split() == ["0", "3", "6", "9", "12", "15", "18", "21", "h"]


def test_what_is_counted_in_another_unit_has_a_scale_of_its_own() -> None:
    lines = picture.text({"line_min": [600.0] * 24, "seen_min": [300.0] * 24, "heard_pct": [96.0] * 12 + [0.0] * 12})
    assert [line.split()[1] for line in lines[:3]] == ["█" * 24, "▅" * 24, "█" * 12 + "▁" * 12]


def test_facts_are_what_is_no_curve() -> None:
    assert dict(picture.facts(DAY)) == {"days": "14", "notes.of": "me"}
    nested = {"day": {"line_h": [1] * 24, "since": "2026-03-01"}, "lost": ["a", "b"], "none": None, "empty": []}
    assert dict(picture.facts(nested)) == {"day.since": "2026-03-01", "lost": "a, b"}
    assert [name for name, _ in picture.curves(nested)] == ["day.line_h"]


def test_a_fine_curve_is_folded_into_one_line_and_keeps_its_peaks() -> None:
    values: list[float | int | None] = [0.0] * 1440
    values[700] = 5.0
    line = picture.sparkline(values, 0, 5)
    assert len(line) == 48
    assert line.count("█") == 1


@pytest.mark.parametrize(
    "learned", [{}, {"few": [1, 2, 3]}, {"words": ["a"] * 24}, {"unknown": [None] * 24}, {"b": [True] * 24}]
)
def test_what_is_no_curve_is_no_picture(learned: dict[str, object]) -> None:
    assert picture.text(learned) == []


def test_a_flat_day_is_drawn_too() -> None:
    assert picture.text({"line_h": [0.0] * 24})[0].endswith("0 to 0")


@pytest.mark.slow  # matplotlib and numpy are 100 MB: brought by the slow lanes alone
def test_an_image_where_matplotlib_is_there(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    image = tmp_path / "day.png"
    assert picture.plot([{"rule": "inactivity", "learned": DAY}, {"rule": "flat", "learned": {}}], image) == 1
    assert image.read_bytes().startswith(b"\x89PNG")
    assert picture.plot([{"rule": "flat", "learned": {}}], image) == 0


class Boastful(PlainRule):
    name = "boastful"

    def learned(self) -> dict[str, object]:
        return {"all": [0.0] * 20_000}


def test_every_rule_reports_and_one_that_says_too_much_says_nothing() -> None:
    rules = all_rules(CivilTime())
    rows = report(rules, {rule.name: rule.status() for rule in rules})
    assert [row["rule"] for row in rows] == [rule.name for rule in rules]
    assert all(row["status"] in Readiness.__members__ for row in rows)
    boastful = Boastful()
    assert report([boastful], {"boastful": Status(Readiness.ARMED)})[0]["learned"] == {}  # type: ignore[list-item]
    assert HomeView().consented("MONITORING") is False
