"""Visits (探访) as a rule: check-ins and the platform's windows in, VISIT_OVERDUE and the form's renewal out.

What is due is reckoned in `gateway.visits`, which knows no clock; this keeps what it needs: when somebody was at the
door, when somebody only phoned, which days the platform closed. Telemetry closes nothing (domain 0-1). Without a
trusted clock no day is known, and nothing is told.

Of a couple each has visits of their own (domain 1.9): a check-in names the `elder` it was for, or was for both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.civil import CivilTime, date_of
from gateway.rules.declared import Declared
from gateway.rules.rule import NOTHING, Note, PlainRule, Readiness, Signal, Status, Technical
from gateway.visits.festivals import festival_windows
from gateway.visits.ledger import ON_SITE, REMOTE, Assessment, DueState, Register, Window, assess
from gateway.visits.periods import PriorityClass, Reading

CODE: Final = "VISIT_OVERDUE"
REVIEW_CODE: Final = "LEDGER_REVIEW_DUE"
DUE_CODE: Final = "VISIT_DUE"
MAX_NOTED: Final = 64  # visits kept of each kind: the last one decides, the rest is this period's count
WINDOWS: Final = ("extra_visit_window", "remote_only")
"""Commands of the platform: a window in which one visit more is wanted, one in which nobody may come to the door."""
MAX_WINDOWS: Final = 16
MAX_WINDOW_DAYS: Final = 366
MAX_CLASSES: Final = 16
_CLASSES: Final = {1: PriorityClass.GENERAL, 2: PriorityClass.KEY}


ALONE: Final = ""  # the name of the one elder of a home


@dataclass(slots=True)
class _Moment:
    """When something was noted: in controller ms, and the local day as soon as the clock is believed.

    The day is settled once: controller time stands still through an outage of unknown length, so that a later clock
    would move what was before it (a Pi without a battery clock has such a gap at every power cut).
    """

    t: int
    day: int | None = None


@dataclass(slots=True)
class _Book:
    """One elder's visits."""

    changes: list[tuple[_Moment, int]] = field(default_factory=list)  # of class: the first is the begin of the book
    on_site: list[_Moment] = field(default_factory=list)
    remote: list[_Moment] = field(default_factory=list)
    joined: bool = False  # came to a home that was registered before: the home's day of registration is not theirs
    announced: list[str] = field(default_factory=list)  # what was said to be due, and until when

    def noted(self, mode: str) -> list[_Moment]:
        return self.on_site if mode == ON_SITE else self.remote

    def settle(self, civil: CivilTime, t: int) -> None:
        """The clock is believed: what has no day yet gets the one it was by this clock.

        So does what is said to have been on a day to come: that was a clock years ahead, since set right.
        """
        today = civil.day(t)
        for moment in (*(moment for moment, _ in self.changes), *self.on_site, *self.remote):
            if moment.day is None or moment.day > today:
                moment.day = civil.day(moment.t)


class Visits(PlainRule):
    """A register of visits for each elder; looked at each midnight and after each visit."""

    name = "visits"
    hears = frozenset({Kind.VISIT, Kind.COMMAND, Kind.CLOCK})
    declared = Declared(
        "visits due, overdue or unable by class and period; the registration form's renewal",
        needs=("visits.class above 0",),
        says=("VISIT_DUE", "VISIT_OVERDUE", "LEDGER_REVIEW_DUE"),
        parameters=("visits.*",),
        consent="VISITS",
        clock=True,
    )

    def __init__(self, civil: CivilTime) -> None:
        self._civil = civil
        self._consented = False
        self._class = 0
        self._reading = Reading.CALENDAR
        self._festival_days = 0
        self._enrolled = self._reviewed = None  # type: date | None
        self._books: dict[str, _Book] = {ALONE: _Book()}
        self._extra: list[Window] = []
        self._remote_only: list[Window] = []
        self._told: set[tuple[str, str]] = set()  # (code, elder)
        self._due: int | None = None  # the next local midnight
        self._t = 0

    # ---- what is set and said

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """The elders, their class and dates; a change of class begins a period of its own."""
        self._consented = home.consented("VISITS")
        self._class = round(parameters["visits.class"])
        self._reading = Reading.ROLLING if parameters["visits.rolling"] > 0 else Reading.CALENDAR
        self._festival_days = round(parameters["visits.festival_days"])
        self._enrolled = _date_of_number(parameters["visits.enrolled_yyyymmdd"])
        self._reviewed = _date_of_number(parameters["visits.reviewed_yyyymmdd"])
        self._books = self._books_of(home.residents)
        for book in self._books.values():
            if self._class and (not book.changes or book.changes[-1][1] != self._class):
                book.changes = [*book.changes, (_Moment(t), self._class)][-MAX_CLASSES:]
        return self._look(t)

    def _books_of(self, residents: tuple[str, ...]) -> dict[str, _Book]:
        """A book for each; who lived alone is the first of those who live here now, and the other way round."""
        before, registered = self._books, any(book.changes for book in self._books.values())
        first = before.get(ALONE) or before.get(residents[0]) or _Book(joined=registered)
        if len(residents) < 2:
            return {ALONE: first}
        others = {elder: before.get(elder) or _Book(joined=registered) for elder in residents[1:]}
        return {residents[0]: first, **others}

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """A check-in, a call, a window of the platform, or a clock that became trusted."""
        kind, t = observation.kind, observation.t
        if kind is Kind.VISIT:
            mode = mode_of(observation.value)
            if mode is None:
                return NOTHING
            for elder in self._visited(observation.value):
                noted = self._books[elder].noted(mode)
                noted.append(_Moment(t))
                del noted[:-MAX_NOTED]
            return self._look(t)
        if kind is Kind.COMMAND:
            return self._look(t) if self._window(observation.value) else NOTHING
        return self._look(t) if kind is Kind.CLOCK else NOTHING

    def _visited(self, value: Any) -> tuple[str, ...]:
        """For whom somebody came: the elder who was named, or all."""
        named = value.get("elder") if isinstance(value, dict) else None
        return (named,) if isinstance(named, str) and named in self._books else tuple(self._books)

    def _window(self, value: dict[str, Any]) -> bool:
        """`{"cmd":"extra_visit_window"|"remote_only","from":"2026-07-01","to":"2026-07-05","reason":…}`."""
        kept = dict(zip(WINDOWS, (self._extra, self._remote_only), strict=True)).get(str(value.get("cmd")))
        if kept is None:
            return False
        try:
            start, end = date.fromisoformat(value["from"]), date.fromisoformat(value["to"])
        except (KeyError, TypeError, ValueError):
            return False
        if not 0 <= (end - start).days < MAX_WINDOW_DAYS:
            return False
        reason = value.get("reason")
        kept[:] = [w for w in kept if w.start != start]  # the same window said again, perhaps with another end
        kept.append(Window(start, end, reason[:40] if isinstance(reason, str) else "platform"))
        del kept[:-MAX_WINDOWS]
        return True

    # ---- what it means today

    def assessments(self, t: int) -> dict[str, Assessment]:
        """How the visits of each elder stand at `t`; nothing while the rule is off or the day is not known."""
        if self._hindrance() or not self._civil.trusted(t):
            return {}
        return {elder: self._assess(book, t) for elder, book in self._books.items()}

    def _assess(self, book: _Book, t: int) -> Assessment:
        today = self._day(t)
        register = Register(
            classes=self._classes(book),
            reading=self._reading,
            on_site=tuple(self._day_of(moment) for moment in book.on_site),
            remote=tuple(self._day_of(moment) for moment in book.remote),
            extra=(*self._extra, *(Window(*window) for window in festival_windows(today, self._festival_days))),
            remote_only=tuple(self._remote_only),
            reviewed_on=self._reviewed,
            registered_on=None if book.joined else self._enrolled,
        )
        return assess(register, today)

    def _classes(self, book: _Book) -> tuple[tuple[date, PriorityClass], ...]:
        rows = [(self._day_of(moment), _CLASSES[cls]) for moment, cls in book.changes if cls in _CLASSES]
        if self._enrolled is not None and not book.joined and self._enrolled > rows[-1][0]:
            rows = [(self._enrolled, rows[-1][1])]  # registered from a day to come
        return tuple(rows)

    def _day(self, t: int) -> date:
        return date_of(self._civil.day(t))

    def _day_of(self, moment: _Moment) -> date:
        return date_of(self._civil.day(moment.t) if moment.day is None else moment.day)

    def _look(self, t: int) -> Iterable[Signal]:
        self._t = t
        if self._civil.trusted(t):
            for book in self._books.values():
                book.settle(self._civil, t)
        now = self.assessments(t)
        self._due = None
        if not now:
            if not self._hindrance():
                self._due = self._civil.distrusted_until if self._civil.trust != "NONE" else None
                return NOTHING
            return self._tell({}, {})
        self._due = self._civil.at(self._civil.day(t) + 1, 0)
        wanted = {}
        notes: list[Signal] = []
        for elder, found in now.items():
            if found.state is DueState.OVERDUE:
                wanted[CODE, elder] = f"{found.priority.value.lower()}_{found.period.kind}"
            if found.review_overdue or found.day == found.review_due:
                wanted[REVIEW_CODE, elder] = "half_year"
            notes += self._announce(self._books[elder], elder, found, t)
        unable = {e: "remote_only" if a.state is DueState.UNABLE else "done" for e, a in now.items()}
        return [*self._tell(wanted, unable), *notes]

    def _announce(self, book: _Book, elder: str, found: Assessment, t: int) -> Iterable[Signal]:
        """What is due soon, and each window that wants one visit more: said once, while there is time to go."""
        wanted = {f"{w.reason}:{w.end.isoformat()}": ("one_more", w.end, w.reason) for w in found.extra_open}
        if found.state is DueState.DUE_SOON:
            wanted[f":{found.next_due_on.isoformat()}"] = ("due_soon", found.next_due_on, "")
        if found.state is DueState.UNABLE:
            wanted = {}
        news = [row for what, row in wanted.items() if what not in book.announced]
        book.announced = [*(what for what in book.announced if what not in wanted), *wanted][-MAX_WINDOWS:]
        return [
            Note(DUE_CODE, t, reason, {"elder": elder, "due_on": until.isoformat(), "window": window})
            for reason, until, window in news
        ]

    def _tell(self, wanted: dict[tuple[str, str], str], ended: dict[str, str]) -> Iterable[Signal]:
        over = self._told - wanted.keys()
        begun = [what for what in wanted if what not in self._told]
        self._told = set(wanted)
        why = {what: ended.get(what[1], "off") for what in over}
        why |= {what: "done" for what in over if what[0] == REVIEW_CODE and what[1] in ended}
        return [Technical(*what, False, why[what]) for what in sorted(over)] + [
            Technical(*what, True, wanted[what]) for what in begun
        ]

    def next_due(self) -> int | None:
        """The next local midnight, or the moment the clock is believed again."""
        return self._due

    def advance(self, t: int) -> Iterable[Signal]:
        """A new day."""
        due = self._due
        return NOTHING if due is None or due > t else self._look(due)

    def _hindrance(self) -> str:
        if not self._class:
            return "setting"
        return "" if self._consented else "no_consent"

    def status(self) -> Status:
        """OFF without a class, without the elder's consent to visits, or without a known day."""
        reason = self._hindrance() or ("" if self._civil.trusted(self._t) else "clock")
        return Status(Readiness.OFF, reason) if reason else Status(Readiness.ARMED)

    def learned(self) -> dict[str, Any]:
        """How the visits stood when last looked at; of several elders each by name."""
        now = {elder: found.to_json() for elder, found in self.assessments(self._t).items()}
        return now.get(ALONE, now)

    # ---- snapshot

    def conditions(self) -> Iterable[tuple[str, str]]:
        """Whose visit or review is overdue."""
        return self._told

    def to_json(self) -> dict[str, Any]:
        """What was noted, and what was told."""
        return {
            "books": {elder: _row_of(book) for elder, book in self._books.items()},
            "extra": [_row(window) for window in self._extra],
            "remote_only": [_row(window) for window in self._remote_only],
            "told": [list(what) for what in sorted(self._told)],
            "due": self._due,
            "t": self._t,
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._books |= {elder: _book(row) for elder, row in data["books"].items() if elder in self._books}
        self._extra = [_window(row) for row in data["extra"]]
        self._remote_only = [_window(row) for row in data["remote_only"]]
        self._told = {(code, str(elder)) for code, elder in data["told"] if code in (CODE, REVIEW_CODE)}
        self._due = None if data["due"] is None else int(data["due"])
        self._t = int(data["t"])


def mode_of(value: Any) -> str | None:
    """How a `visit` was made: on_site, a remote mode, or None for what counts as none (leaving, an unknown word).

    A bare check-in at the door says no mode: it is on site.
    """
    if not isinstance(value, dict):
        return ON_SITE
    if value.get("event", "arrived") not in ("arrived", "contact"):
        return None
    mode = str(value.get("mode", ON_SITE)).lower()
    return mode if mode == ON_SITE or mode in REMOTE else None


def _date_of_number(number: float) -> date | None:
    """20260301.0 as a date; None for 0 or a day no calendar has."""
    whole = round(number)
    try:
        return date(whole // 10_000, whole // 100 % 100, whole % 100)
    except ValueError:
        return None


def _row(window: Window) -> list[str]:
    return [window.start.isoformat(), window.end.isoformat(), window.reason]


def _window(row: list[str]) -> Window:
    return Window(date.fromisoformat(row[0]), date.fromisoformat(row[1]), str(row[2]))


def _row_of(book: _Book) -> dict[str, Any]:
    return {
        "changes": [[[moment.t, moment.day], cls] for moment, cls in book.changes],
        "on_site": [[moment.t, moment.day] for moment in book.on_site],
        "remote": [[moment.t, moment.day] for moment in book.remote],
        "joined": book.joined,
        "announced": list(book.announced),
    }


def _book(row: dict[str, Any]) -> _Book:
    return _Book(
        [(_moment(moment), int(cls)) for moment, cls in row["changes"]],
        [_moment(moment) for moment in row["on_site"]],
        [_moment(moment) for moment in row["remote"]],
        bool(row["joined"]),
        [str(what) for what in row.get("announced", ())],
    )


def _moment(row: list[int | None] | int) -> _Moment:
    """As `_row_of` writes it; an earlier version wrote the time only."""
    t, day = row if isinstance(row, list) else (row, None)
    return _Moment(int(t or 0), None if day is None else int(day))
