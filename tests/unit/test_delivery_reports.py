"""Delivery reports: which text the centre speaks of, in whatever order its words and ours come."""

from __future__ import annotations

import json
import random
from typing import Any

from gateway.channels.delivery_reports import EARLY_S, MAX_EARLY, MAX_KEPT, DeliveryReports


def row(contact: str = "c1", alarm: int = 17) -> dict[str, Any]:
    return {"alarm": alarm, "contact": contact, "channel": "sms", "template": "S01"}


def test_a_report_finds_the_text_it_is_about() -> None:
    reports = DeliveryReports()
    assert reports.sent("modem:12", row()) is None
    assert reports.report("modem:12", True) == (row(), True)
    assert reports.report("modem:12", True) is None  # said twice, told once


def test_a_text_that_could_not_be_delivered_is_told_as_failed() -> None:
    reports = DeliveryReports()
    reports.sent("modem:12", row())
    assert reports.report("modem:12", False) == (row(), False)


def test_a_long_text_is_delivered_with_its_last_part_and_lost_with_its_first_lost_one() -> None:
    reports = DeliveryReports()
    reports.sent("modem:12,13,14", row())
    assert reports.report("modem:13", True) is None
    assert reports.report("modem:12", True) is None
    assert reports.report("modem:14", True) == (row(), True)
    reports.sent("modem:15,16", row())
    assert reports.report("modem:16", False) == (row(), False)
    assert reports.report("modem:15", True) is None


def test_a_report_may_overtake_our_own_note_of_the_text() -> None:
    reports = DeliveryReports()
    assert reports.report("modem:12", True) is None
    assert reports.sent("modem:12", row()) == (row(), True)


def test_a_report_about_nothing_we_know_says_nothing_of_a_text_that_bears_its_number_later() -> None:
    """The centre says it twice, or speaks of a text from before; 256 texts later that number comes again."""
    reports = DeliveryReports()
    reports.sent("modem:12", row(alarm=1))
    assert reports.report("modem:12", False, 100.0) == (row(alarm=1), False)
    assert reports.report("modem:12", False, 101.0) is None
    assert reports.report("modem:13", True, 102.0) is None
    later = 102.0 + EARLY_S + 1
    assert reports.sent("modem:12", row(alarm=2), later) is None
    assert reports.sent("modem:13", row(alarm=3), later) is None
    assert reports.report("modem:12", True, later + 5) == (row(alarm=2), True)


def test_how_long_a_report_may_be_ahead_of_our_own_note() -> None:
    for after, verdict in ((EARLY_S, (row(), True)), (EARLY_S + 0.1, None)):
        reports = DeliveryReports()
        reports.report("modem:12", True, 50.0)
        assert reports.sent("modem:12", row(), 50.0 + after) == verdict


def test_two_modems_count_each_for_itself() -> None:
    reports = DeliveryReports()
    reports.sent("modem:12", row("c1"))
    reports.sent("modem2:12", row("c2"))
    assert reports.report("modem2:12", True) == (row("c2"), True)
    assert reports.report("modem:12", False) == (row("c1"), False)


def test_when_the_counter_comes_round_the_newest_text_is_meant() -> None:
    reports = DeliveryReports()
    reports.sent("modem:12", row(alarm=1))
    reports.sent("modem:12", row(alarm=2))
    assert reports.report("modem:12", True) == (row(alarm=2), True)
    assert reports.report("modem:12", True) is None


def test_a_modem_that_gives_no_reference_gets_no_report() -> None:
    reports = DeliveryReports()
    for reference in (None, "modem:?", "modem:", ""):
        assert reports.sent(reference, row()) is None
    assert reports.to_json() == []


def test_a_restart_knows_what_still_waits() -> None:
    reports = DeliveryReports()
    reports.sent("modem:12,13", row("c1"))
    reports.sent("modem:14", row("c2"))
    reports.report("modem:12", True)
    after = DeliveryReports(json.loads(json.dumps(reports.to_json())))
    assert after.report("modem:13", True) == (row("c1"), True)
    assert after.report("modem:14", False) == (row("c2"), False)


def test_a_damaged_memory_is_an_empty_beginning() -> None:
    for kept in (
        None,
        7,
        "x",
        {"a": 1},
        [1, None, {"reference": 3}, {"reference": "m:1", "missing": "m:1", "row": {}}],
    ):
        assert DeliveryReports(kept).to_json() == []


def test_it_stays_small_whatever_comes() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance, reports = random.Random(seed), DeliveryReports()
    for i in range(3000):
        if chance.random() < 0.5:
            reports.sent(f"modem:{i % 256},{(i + 1) % 256}", row(alarm=i))
        else:
            reports.report(f"modem{chance.randrange(3)}:{chance.randrange(256)}", chance.random() < 0.5)
        assert len(reports.to_json()) <= MAX_KEPT
    assert len(reports._early) <= MAX_EARLY
