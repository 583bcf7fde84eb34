"""A hundred thousand incidents listed, every seal verified on the way: what `hearthwatch incidents list` reads.

Some thirty years of a home. The archive is made as the gateway makes it: lines, seals and files of 8 MiB with a head.
Each has what the record of an answered call has: pressed, raised, texted, received, accepted, attended, closed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from figures import Figure, hand_over
from spine import folder

from gateway.incidents.archive import BATCH, FILE_BYTES, HEAD, Head, written
from gateway.incidents.chain import START, line_of, seal
from gateway.incidents.reading import Findings, summaries

INCIDENTS = int(os.environ.get("BENCH_INCIDENTS", "100000"))
EPOCH = "be9c"
APART_MS = 3 * 3_600_000
RUNS = 3


def incident(number: int) -> Iterator[bytes]:
    """The lines of one, a few hundred bytes each."""
    wall = 1_772_323_200_000 + number * APART_MS
    opened = {"what": "opened", "reason": "button_pressed", "device": "bedroom", "room": "r1", "evidence": {"key": "k"}}
    steps = (
        (0, (f"{number}=DETECTED:CALL_FIXED:P0", f"{number}=PRE_ALARM"), opened),
        (10_000, (f"{number}=RAISED",), {"what": "moved", "reason": "not_cancelled", "asked": [["text", "S01", "c1"]]}),
        (10_400, (), {"received": [[3 * number, number]]}),
        (16_000, (), {"what": "sent", "reason": "c1"}),
        (70_000, (f"{number}=ACCEPTED",), {"what": "moved", "reason": "accepted_by_sms", "accepted_by": "c1"}),
        (900_000, (f"{number}=ATTENDED",), {"what": "moved", "reason": "arrived"}),
        (1_900_000, (f"{number}=CLOSED:HELPED",), {"what": "moved", "reason": "closed", "outcome": "HELPED"}),
    )
    for after, marks, body in steps:
        row = {"row": 8 * number + after % 7, "t": number * APART_MS + after, "trust": "NTP", "alarms": [number]}
        yield line_of(wall + after, marks, {**row, "decided": [body]})


def make(directory: Path) -> int:
    """An archive at `directory`; its bytes."""
    directory.mkdir()
    previous, number, total = START, 0, 0
    for file in range(1, 10_000):
        path = directory / f"{file:04d}-{EPOCH}.log"
        data = bytearray()
        lines = [line_of(0, (), {"incidents": 1, "epoch": EPOCH, "previous": previous.decode(), "row": 0})]
        while True:
            block, previous = seal(previous, b"".join(lines))
            data += block
            if len(data) > FILE_BYTES or number == INCIDENTS:
                break
            lines = []
            while len(lines) + 7 <= BATCH and number < INCIDENTS:
                number += 1
                lines += incident(number)
        path.write_bytes(data)
        total += len(data)
        if number == INCIDENTS:
            head = Head(path.name, len(data), previous.decode(), 8 * INCIDENTS)
            (directory / HEAD).write_bytes(written(head))
            return total
    raise RuntimeError("too many files")


def run() -> Sequence[Figure]:
    """The quickest of three, in this process; the command's start comes on top once."""
    walls, cpus = [], []
    with folder() as place:
        size = make(place / "incidents")
        for _ in range(RUNS):
            findings = Findings()
            began, before = time.perf_counter(), time.process_time()
            found = summaries(place / "incidents", place / "journal.db", findings)
            walls.append(time.perf_counter() - began)
            cpus.append(time.process_time() - before)
            assert not findings.broken, findings.broken
            assert len(found) == INCIDENTS
            assert all(s.state == "CLOSED" and s.outcome == "HELPED" for s in found.values())
    note = f"CPU {min(cpus):.2f} s; {size >> 20} MiB, {findings.blocks} seals"
    return [Figure("100,000 incidents listed and verified", min(walls) * 100_000 / INCIDENTS, "s", 2.0, note=note)]


if __name__ == "__main__":
    hand_over(run)
