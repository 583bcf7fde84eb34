"""A hundred thousand incidents listed and verified, their journal beside them: `hearthwatch incidents list | verify`.

Some thirty years of a home. The journal's rows are as the gateway writes them, the archive is made of them by its own
code: lines, seals and files of 8 MiB with a head. Each incident has what the record of an answered call has: pressed,
raised, texted, received, accepted, attended, closed. `deep` makes every line anew from the journal: what the gateway
does once before it vouches for an archive, and `verify --deep` whenever it is asked.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from figures import Figure, hand_over
from spine import folder

from gateway.incidents.archive import Archive, read_head
from gateway.incidents.reading import Findings, summaries
from gateway.incidents.witness import VOUCHED, against_the_journal
from gateway.journal import schema
from gateway.journal.encoding import crc, dump
from gateway.journal.shorthand import DECISION, shorten

INCIDENTS = int(os.environ.get("BENCH_INCIDENTS", "100000"))
EPOCH = "be9c"
APART_MS = 3 * 3_600_000
BEGAN_MS = 1_772_323_200_000
RUNS = 3

Row = tuple[int, dict[str, Any]]  # ms after the press, the journal's row


def incident(number: int) -> Iterator[Row]:
    """The rows of one answered call."""
    t, wall = number * APART_MS, BEGAN_MS + number * APART_MS

    def row(after: int, seen: dict[str, Any], *events: dict[str, Any], did: list[Any] | None = None) -> Row:
        made: dict[str, Any] = {**seen, "wall": wall + after, "trust": "NTP"}
        if events:
            made["events"] = [{"alarm": number, "t": t + after, **event} for event in events]
        return after, made | ({"did": did} if did else {})

    evidence = {"rule": "call_button", "gesture": "press", "key": f"k{number}"}
    patch = {"code": "CALL_FIXED", "severity": "P0", "device": "bedroom", "room": "r1", "evidence": evidence}
    press = {"what": "opened", "reason": "button_pressed", "state": "DETECTED", "patch": patch}
    warn = {"what": "moved", "reason": "button_pressed", "state": "PRE_ALARM", "timers": {"pre": t + 10_000}}
    raised = {"what": "moved", "reason": "not_cancelled", "state": "RAISED", "timers": {"pre": None}}
    told = {"what": "told", "reason": "c1", "patch": {"told": ["c1"], "asked": ["c1"]}}
    sent = [["publish", "alarm", 3 * number, number], ["text", "S01", "c1", number]]

    def moved(state: str, reason: str, **patch: str) -> dict[str, Any]:
        return {"what": "moved", "reason": reason, "state": state, "patch": patch}

    yield row(0, {"kind": "button", "value": "press", "device": "bedroom", "key": f"k{number}"}, press, warn)
    yield row(10_000, {"kind": "tick", "value": None}, raised, told, did=sent)
    yield row(10_400, {"kind": "ack", "value": {"stage": "RECEIVED", "seq": [3 * number]}})
    yield row(16_000, {"kind": "delivery", "value": {"alarm": number, "contact": "c1", "result": "sent"}})
    answer = {"contact": "c1", "answer": "1", "ref": None}
    yield row(70_000, {"kind": "reply", "value": answer}, moved("ACCEPTED", "accepted_by_sms", accepted_by="c1"))
    yield row(900_000, {"kind": "visit", "value": {"event": "arrived", "by": "n1"}}, moved("ATTENDED", "arrived"))
    close = {"alarm": number, "stage": "CLOSED", "by": "desk-3", "outcome": "HELPED"}
    yield row(1_900_000, {"kind": "ack", "value": close}, moved("CLOSED", "closed", outcome="HELPED"))


def make(place: Path) -> None:
    """A journal at `place`, and the archive that the gateway makes of it."""
    db = schema.create(place / "journal.db", {"epoch": EPOCH})
    db.execute("BEGIN IMMEDIATE")
    row_id = 0
    for number in range(1, INCIDENTS + 1):
        rows = []
        for after, made in incident(number):
            row_id, t = row_id + 1, number * APART_MS + after
            body = shorten(dump(made), DECISION)
            rows.append((row_id, t, body, crc("record", body, row_id, t)))
        db.executemany("INSERT INTO record VALUES(?,?,?,?)", rows)
    db.execute("COMMIT")
    Archive(place / "incidents", place / "journal.db").catch_up()
    head = read_head(place / "incidents")
    assert head is not None
    body = json.dumps(asdict(head)).encode()
    db.execute("INSERT OR REPLACE INTO memory VALUES(?,?,?)", (VOUCHED, body, crc("memory", body, VOUCHED)))
    db.close()


def timed(work: Callable[[Findings], object], runs: int = RUNS) -> tuple[float, float, Findings]:
    """(s by the clock, CPU s, findings) of the quickest run."""
    best: tuple[float, float, Findings] | None = None
    for _ in range(runs):
        findings = Findings()
        began, before = time.perf_counter(), time.process_time()
        work(findings)
        took = (time.perf_counter() - began, time.process_time() - before, findings)
        assert not findings.broken, findings.broken
        best = min(best or took, took, key=lambda run: run[0])
    assert best is not None
    return best


def run() -> Sequence[Figure]:
    """The quickest of three, in this process; the command's start comes on top once."""
    with folder() as place:
        make(place)
        archive, journal = place / "incidents", place / "journal.db"
        size = sum(path.stat().st_size for path in archive.iterdir())

        def verify(findings: Findings) -> None:
            found = summaries(archive, journal, findings)
            assert len(found) == INCIDENTS
            assert all(s.state == "CLOSED" and s.outcome == "HELPED" for s in found.values())
            against_the_journal(archive, journal, findings)

        wall, cpu, findings = timed(verify)
        deep, deep_cpu, _ = timed(lambda f: against_the_journal(archive, journal, f, deep=True), 1)
    scale = 100_000 / INCIDENTS
    note = f"CPU {cpu:.2f} s; {size >> 20} MiB, {findings.blocks} seals, journal beside it"
    return [
        Figure("100,000 incidents listed and verified", wall * scale, "s", 2.0, note=note),
        Figure("each line made anew from the journal", deep * scale, "s", note=f"CPU {deep_cpu:.2f} s; verify --deep"),
    ]


if __name__ == "__main__":
    hand_over(run)
