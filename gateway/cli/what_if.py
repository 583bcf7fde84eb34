"""What other settings would have told: one recording run twice, and the difference between the two stories.

Knows how to run a recording and how to pair what came of it; prints nothing. People's words in a journal (replies,
cancels, acknowledgements) are heard again as they were said: what they answered was the story that happened, so only
what is found, and when, is compared, and whether it went out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import IO, Any, Final

from gateway.alarms.codes import CODES, Flow
from gateway.alarms.life import State
from gateway.controller import Result
from gateway.home.model import HomeView
from gateway.observations import BadObservation, Kind
from gateway.recording import MAX_LINE_BYTES, Recording, read_header
from gateway.rules.fall.model import Model

MAX_HEADER_BYTES: Final = 16 << 20  # 10,000 devices and a snapshot
SAME_WITHIN_MS: Final = 12 * 3_600_000
"""Two alarms of one code and device so near each other are one, found earlier or later."""
MAX_NAMED: Final = 5  # unreadable lines: one says how a recording is broken, a thousand say no more
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
    reason: str = ""  # of its last move
    test: bool = False


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


@dataclass(frozen=True, slots=True)
class Scenario:
    """Settings, and models of the fall rule by placement, that a recording is run under."""

    settings: Mapping[str, float] = field(default_factory=dict)
    models: Mapping[str, Model] = field(default_factory=dict)


def run(
    source: IO[bytes],
    under: Scenario,
    home: HomeView | None = None,
    unread: Callable[[int, str], None] | None = None,
) -> list[Told]:
    """All a recording tells under these settings, in order. Raises `BadHeader`; lines it cannot read are left out."""
    return run_to_the_end(source, under, home, unread)[0]


def run_to_the_end(
    source: IO[bytes],
    under: Scenario,
    home: HomeView | None = None,
    unread: Callable[[int, str], None] | None = None,
) -> tuple[list[Told], Mapping[str, float]]:
    """The same, and the home's settings at the end of it."""
    told = _Story()
    controller = play(source, under, home, told, unread=unread).controller
    return told.told(), {} if controller is None else controller.home.settings


def play(
    source: IO[bytes],
    under: Scenario,
    home: HomeView | None,
    story: _Story | None = None,
    *,
    unread: Callable[[int, str], None] | None = None,
) -> Recording:
    """Runs a recording from its beginning to its end; what comes of it goes into `story`.

    `unread` hears the number of every line that could not be read, and why.
    """
    source.seek(0)
    tape = read_header(source.readline(MAX_HEADER_BYTES), home, under.settings, under.models)
    story = story or _Story()
    for number, line in lines_of(source):
        try:
            if isinstance(line, str):
                raise BadObservation(line)
            observation = tape.read(line)
        except BadObservation as error:
            if unread is not None:
                unread(number, str(error))
            continue
        controller = tape.controller
        assert controller is not None
        if observation.kind is not Kind.RESTART:
            while (due := controller.due_within(observation.t - 1)) is not None:
                story.add(controller.advance(due), tape)
        story.add(controller.handle(observation), tape)
    return tape


def lines_of(source: IO[bytes]) -> Iterator[tuple[int, bytes | str]]:
    """(line number, line) of every non-blank line after the header; a text instead of bytes says what is wrong."""
    number = 1
    while line := source.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            while (rest := source.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield number, f"line longer than {MAX_LINE_BYTES} bytes"
        elif not line.isspace():
            yield number, line


class Unread:
    """Counts lines that could not be read, and says of the first ones what is wrong with them."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.count = 0

    def __call__(self, number: int, why: str) -> None:
        self.count += 1
        if self.count <= MAX_NAMED:
            self._say(f"line {number}: {why}")

    def summed_up(self) -> int:
        """Says how many there were, if any; returns it."""
        if self.count:
            self._say(f"{self.count} line(s) could not be read and are left out of what follows")
        return self.count


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
                told.sent, told.test = told.sent or event.state is State.RAISED, alarm.test
                told.reason = event.reason
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
