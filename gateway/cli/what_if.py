"""What other settings would have told: one recording run twice, and the difference between the two stories.

Knows how to run a recording and how to pair what came of it; prints nothing. People's words in a journal (replies,
cancels, acknowledgements) are heard again as they were said: what they answered was the story that happened, so only
what is found, and when, is compared, and whether it went out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import IO, Any, Final

from gateway.alarms.codes import CODES, Flow
from gateway.alarms.life import State
from gateway.controller import Result
from gateway.home.model import HomeView
from gateway.observations import BadObservation, Kind
from gateway.recording import MAX_LINE_BYTES, Recording, read_header

MAX_HEADER_BYTES: Final = 16 << 20
SAME_WITHIN_MS: Final = 12 * 3_600_000
"""Two alarms of one code and device so near each other are one, found earlier or later."""
_BEGINS: Final = frozenset({"LOST", "RAISED", "UNAVAILABLE"})


@dataclass(slots=True)
class Told:
    """One alarm, or one notice, of a run."""

    t: int
    at: str
    code: str
    subject: str | None
    severity: str = ""
    sent: bool = False  # it reached RAISED: people were told
    state: str = "NOTICE"
    outcome: str | None = None
    number: int | None = None


@dataclass(slots=True)
class Difference:
    """What B told and A did not, what A told and B did not, and what both told otherwise."""

    added: list[Told] = field(default_factory=list)
    removed: list[Told] = field(default_factory=list)
    changed: list[tuple[Told, Told]] = field(default_factory=list)
    same: int = 0

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "added": [asdict(told) for told in self.added],
            "removed": [asdict(told) for told in self.removed],
            "changed": [
                {"later_s": (b.t - a.t) / 1000, "was": asdict(a), "would_be": asdict(b)} for a, b in self.changed
            ],
            "same": self.same,
        }


def run(source: IO[bytes], settings: Mapping[str, float], home: HomeView | None = None) -> list[Told]:
    """All a recording tells under these settings, in order. Raises `BadHeader`; lines it cannot read are left out."""
    told = _Story()
    play(source, settings, home, told)
    return told.told()


def play(
    source: IO[bytes], settings: Mapping[str, float], home: HomeView | None, story: _Story | None = None
) -> Recording:
    """Runs a recording from its beginning to its end; what comes of it goes into `story`."""
    source.seek(0)
    tape = read_header(source.readline(MAX_HEADER_BYTES), home, settings)
    story = story or _Story()
    while line := source.readline(MAX_LINE_BYTES + 1):
        if line.isspace():
            continue
        try:
            observation = tape.read(line)
        except BadObservation:
            continue
        controller = tape.controller
        assert controller is not None
        if observation.kind is not Kind.RESTART:
            while (due := controller.due_within(observation.t - 1)) is not None:
                story.add(controller.advance(due), tape)
        story.add(controller.handle(observation), tape)
    return tape


class _Story:
    """Collects what a run tells."""

    def __init__(self) -> None:
        self._alarms: dict[int, Told] = {}
        self._notices: list[Told] = []

    def add(self, result: Result, tape: Recording) -> None:
        controller = tape.controller
        assert controller is not None
        for event in result.events:
            if event.what == "opened":
                patch = event.patch
                self._alarms[event.alarm] = Told(
                    event.t, tape.stamp(event.t), patch["code"], patch["device"], patch["severity"],
                    number=event.alarm,
                )  # fmt: skip
            told, alarm = self._alarms.get(event.alarm), controller.book.alarms.get(event.alarm)
            if told is not None and alarm is not None and event.state is not None:
                told.state, told.outcome, told.code = event.state.value, alarm.outcome, alarm.code
                told.sent = told.sent or event.state is State.RAISED
        for notice in result.notices:
            if notice.status in _BEGINS and CODES[notice.code].flow is not Flow.INFO:
                self._notices.append(Told(notice.t, tape.stamp(notice.t), notice.code, notice.subject or None))

    def told(self) -> list[Told]:
        return sorted(
            (*self._alarms.values(), *self._notices), key=lambda told: (told.t, told.code, told.subject or "")
        )


def compare(a: Iterable[Told], b: Iterable[Told]) -> Difference:
    """Pairs what is the same alarm in both, in order of time, and keeps the rest."""
    found = Difference()
    mine, theirs = _by_subject(a), _by_subject(b)
    for key in sorted(mine.keys() | theirs.keys()):
        _pair(mine.get(key, []), theirs.get(key, []), found)
    for rows in (found.added, found.removed):
        rows.sort(key=lambda told: told.t)
    found.changed.sort(key=lambda pair: pair[0].t)
    return found


def _by_subject(rows: Iterable[Told]) -> dict[tuple[str, str], list[Told]]:
    grouped: dict[tuple[str, str], list[Told]] = {}
    for told in rows:
        grouped.setdefault((told.code, told.subject or ""), []).append(told)
    return grouped


def _pair(mine: list[Told], theirs: list[Told], found: Difference) -> None:
    i = j = 0
    while i < len(mine) and j < len(theirs):
        one, other = mine[i], theirs[j]
        if abs(one.t - other.t) > SAME_WITHIN_MS:
            if one.t < other.t:
                found.removed.append(one)
                i += 1
            else:
                found.added.append(other)
                j += 1
            continue
        if one.t == other.t and one.sent == other.sent and one.severity == other.severity:
            found.same += 1
        else:
            found.changed.append((one, other))
        i, j = i + 1, j + 1
    found.removed += mine[i:]
    found.added += theirs[j:]
