"""Cuts the power after every system call of a trace and collects what the judge says. Images seen before are not
opened again; what was promised since is judged anew."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from disk_model import Image, digest
from reopening import Check, Found, Promised, reopen
from tracing import Player, Trace

MODES = ("strict", "all", "torn")


@dataclass(slots=True)
class Cut:
    """The power going off at one moment: what the disk then holds in one mode, and what had been promised."""

    number: int
    mode: str
    image: Image
    promised: Promised


@dataclass(slots=True)
class Verdict:
    """What came of all cuts."""

    cuts: Counter[str] = field(default_factory=Counter)  # by mode
    opened: int = 0
    wrong: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    tail_cut: int = 0

    def line(self, name: str) -> str:
        """For people."""
        cuts = ", ".join(f"{mode} {self.cuts[mode]}" for mode in MODES)
        return f"{name}: {sum(self.cuts.values())} cuts ({cuts}), {self.opened} different disks opened, " + (
            f"{self.tail_cut} with a cut tail said so, {len(self.wrong)} wrong {dict(self.kinds)}"
        )


def cuts(trace: Trace, rng: random.Random, torn: int, every: int = 1) -> Iterator[Cut]:
    """Every `every`th call, in each mode; `torn` images of the third."""
    player, promised, number = Player(trace), Promised(), 0
    for word in player.steps():
        if word is not None:
            promised.hear(word)
            continue
        number += 1
        if number % every:
            continue
        now = replace(promised)
        yield Cut(number, "strict", player.disk.strict(), now)
        yield Cut(number, "all", player.disk.everything(), now)
        for _ in range(torn):
            yield Cut(number, "torn", player.disk.torn(rng), now)


def cut_everywhere(trace: Trace, judge: Check, folder: Path, *, seed: int, torn: int = 1, every: int = 1) -> Verdict:
    """Opens what each cut leaves, in `folder`, and judges it."""
    verdict, known = Verdict(), dict[bytes, Found]()
    for cut in cuts(trace, random.Random(seed), torn, every):
        verdict.cuts[cut.mode] += 1
        key = digest(cut.image)
        if (found := known.get(key)) is None:
            found = known[key] = reopen(cut.image, folder)
        verdict.tail_cut += any(p.startswith("TAIL_CUT") for p in found.problems)
        for room, check in (("journal", judge.journal), ("registry", judge.registry)):
            for wrong in check(found, cut.promised):
                verdict.kinds[f"{room} {re.split(r'[:0-9]', wrong)[0].strip()}"] += 1
                verdict.wrong.append(f"cut {cut.number} {cut.mode}: {room}: {wrong}")
    verdict.opened = len(known)
    return verdict
