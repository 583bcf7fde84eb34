"""What of an elder's visits is done, due, overdue or impossible on a day (domain 1.4). Pure: dates in, figures out.

Two counters that never mix: telemetry and remote contacts (phone, video) are counted, and close nothing; only a person
who was at the door closes a due period. In an area closed by the platform (`remote_only`: typhoon, lock-down) a due
visit is UNABLE, not overdue.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final

from gateway.visits.periods import (
    DAY,
    Period,
    PriorityClass,
    Reading,
    calendar_period,
    first_due_period,
    months_later,
    rolling_period,
)

ON_SITE: Final = "on_site"
REMOTE: Final = frozenset({"phone", "video", "internet_av", "wechat", "other"})
REVIEW_MONTHS: Final = 6  # J-4(1)4: the form is renewed every half-year
DUE_SOON_DAYS: Final = 3
UNABLE_FREE_DAYS: Final = 3
"""A period with fewer days than this outside closed windows could not be kept: UNABLE [P]."""
MAX_PERIODS: Final = 800  # thirty years of half-months: what was overdue longer ago is still overdue


class DueState(StrEnum):
    """Where the visit of the current period stands."""

    DONE = "DONE"
    DUE = "DUE"
    DUE_SOON = "DUE_SOON"  # within three days
    OVERDUE = "OVERDUE"  # a period ended without anybody at the door, and nobody came since
    UNABLE = "UNABLE"  # remote only: nobody may go


@dataclass(frozen=True, slots=True)
class Window:
    """Days, both ends included, that the platform or the calendar named, and why."""

    start: date
    end: date
    reason: str

    def __contains__(self, day: date) -> bool:
        return self.start <= day <= self.end


@dataclass(frozen=True, slots=True)
class Register:
    """What is known of one elder's visits. `classes` is (from, class), oldest first.

    The first of them is the day from which visits were noted here: of those before it nobody here knows, so none of
    them is missing. It may be long after the day of registration, from which the form's renewal is reckoned.
    """

    classes: tuple[tuple[date, PriorityClass], ...]
    reading: Reading = Reading.CALENDAR
    on_site: tuple[date, ...] = ()
    remote: tuple[date, ...] = ()
    extra: tuple[Window, ...] = ()  # one more visit within each
    remote_only: tuple[Window, ...] = ()
    reviewed_on: date | None = None  # the registration form was last renewed; None: at registration
    registered_on: date | None = None  # None: the day the first class began


@dataclass(frozen=True, slots=True)
class Assessment:
    """How one elder's visits stand on a day."""

    day: date
    priority: PriorityClass
    period: Period
    state: DueState
    on_site_done: int  # in the current period, as the calendar has it
    remote_contacts: int  # in the same days; closes nothing
    next_due_on: date
    overdue_since: date | None
    last_on_site: date | None
    review_due: date
    extra: tuple[Window, ...] = field(default=())  # windows of today in which one visit more is wanted
    extra_open: tuple[Window, ...] = field(default=())  # those of them that have not had it

    @property
    def overdue_days(self) -> int:
        """How many days late; 0 if not."""
        return 0 if self.overdue_since is None else (self.day - self.overdue_since).days + 1

    @property
    def review_overdue(self) -> bool:
        """Whether the half-yearly renewal of the form is late."""
        return self.day > self.review_due

    def to_json(self) -> dict[str, Any]:
        """The `visits` block of the daily summary (domain 5.2)."""
        return {
            "priority_class": self.priority.value,
            "period": {
                "kind": self.period.kind,
                "start": self.period.start.isoformat(),
                "end": self.period.end.isoformat(),
            },
            "state": self.state.value,
            "on_site_required": 1 + len(self.extra),
            "on_site_done": self.on_site_done,
            "remote_contacts": self.remote_contacts,
            "next_due_on": self.next_due_on.isoformat(),
            "overdue_days": self.overdue_days,
            "last_visit_on": None if self.last_on_site is None else self.last_on_site.isoformat(),
            "extra_windows": [window.reason for window in self.extra_open],
            "ledger_review_due": self.review_due.isoformat(),
        }


def assess(register: Register, today: date) -> Assessment:
    """How the visits of `register` stand on `today`; visits noted for later days do not count yet."""
    on_site = sorted({day for day in register.on_site if day <= today})  # who checks in twice a day came once
    last = on_site[-1] if on_site else None
    past = [row for row in register.classes if row[0] <= today] or list(register.classes[:1])
    priority = past[-1][1]
    registered = register.registered_on or register.classes[0][0]
    overdue_since = _overdue_since(register, past, on_site, today)
    current = _current(register, past, on_site, today)
    shown, done = current, [day for day in on_site if day == today]  # 15 days begin with a visit, and want the next
    if not _rolls(register, priority):
        shown = calendar_period(today, priority)
        done = [day for day in on_site if day in shown]
    closed = any(today in window for window in register.remote_only)
    extra = tuple(window for window in register.extra if today in window)
    if done and current.start <= shown.end:  # who is registered from a day to come has had none of it yet
        state = DueState.DONE
    elif closed:
        state, overdue_since = DueState.UNABLE, None
    elif overdue_since is not None:
        state = DueState.OVERDUE
    else:
        state = DueState.DUE_SOON if (current.end - today).days <= DUE_SOON_DAYS else DueState.DUE
    return Assessment(
        day=today,
        priority=priority,
        period=shown,
        state=state,
        on_site_done=len(done),
        remote_contacts=sum(day in shown and day <= today for day in register.remote),
        next_due_on=_next_due(current, state),
        overdue_since=overdue_since,
        last_on_site=last,
        review_due=months_later(register.reviewed_on or registered, REVIEW_MONTHS),
        extra=extra,
        extra_open=tuple(w for w in extra if not _had_one_more(w, on_site, priority, rolls=_rolls(register, priority))),
    )


def _had_one_more(window: Window, on_site: Sequence[date], priority: PriorityClass, *, rolls: bool) -> bool:
    """Whether a visit within the window came on top of its period's own one; who rolls has no other due just then."""
    within = [day for day in on_site if day in window]
    return bool(within) and (
        rolls or any(sum(day in calendar_period(one, priority) for day in on_site) > 1 for one in within)
    )


def _next_due(current: Period, state: DueState) -> date:
    if state is DueState.DONE and current.kind != Reading.ROLLING.value:
        return current.next().end
    return current.end


def _current(
    register: Register, past: Sequence[tuple[date, PriorityClass]], on_site: Sequence[date], today: date
) -> Period:
    """The period whose end is the next due date on `today`."""
    since, priority = past[-1]
    if _rolls(register, priority):
        return _rolling(register, since, on_site[-1] if on_site else None)
    return _holding(today, register, past, on_site)


def _holding(
    day: date, register: Register, past: Sequence[tuple[date, PriorityClass]], on_site: Sequence[date]
) -> Period:
    """The due period of the last class of `past` that holds `day`."""
    first = _first(register, past, on_site)
    return first if day <= first.end else calendar_period(day, past[-1][1])


def _first(register: Register, past: Sequence[tuple[date, PriorityClass]], on_site: Sequence[date]) -> Period:
    """The first due period of the last class of `past`: a rest of a few days is joined to the next period.

    Not so if somebody came in the period the rest is of: that one has had its visit, and the next wants its own. Nor
    after a change of class if a visit was due by then anyway: none is put off because somebody is worse, or better.
    """
    since, priority = past[-1]
    rest, joined = calendar_period(since, priority), first_due_period(since, priority)
    served = any(day in rest for day in on_site)
    before = past[:-1]
    due_anyway = (
        bool(before)
        and not _rolls(register, before[-1][1])
        and _holding(since, register, before, on_site).end <= rest.end
    )
    return Period(rest.kind, since, rest.end) if served or due_anyway else joined


def _overdue_since(
    register: Register, past: Sequence[tuple[date, PriorityClass]], on_site: Sequence[date], today: date
) -> date | None:
    """The first day after the oldest period that nobody kept and nobody made good since, or None."""
    last = on_site[-1] if on_site else None
    for i in range(len(past)):
        until = past[i + 1][0] - DAY if i + 1 < len(past) else today
        for period in _periods(register, past[: i + 1], on_site, until):
            if period.end >= min(today, until + DAY):
                continue  # not over yet, or the class changed before its end
            if last is not None and last >= period.start and period.kind != Reading.ROLLING.value:
                continue  # made good by a visit since; a rolling period begins with the last one
            if not _unable(period, register.remote_only):
                return period.end + DAY
    return None


def _periods(
    register: Register, past: Sequence[tuple[date, PriorityClass]], on_site: Sequence[date], until: date
) -> Iterable[Period]:
    """The due periods of the last class of `past`, up to `until`; those before the last visit are of no interest."""
    since, priority = past[-1]
    last = on_site[-1] if on_site else None
    if _rolls(register, priority):
        yield _rolling(register, since, last)
        return
    period = _first(register, past, on_site)
    if last is not None and last > period.end:
        period = calendar_period(last, priority)
    for _ in range(MAX_PERIODS):
        if period.start > until:
            return
        whole = calendar_period(period.start, priority)
        joined = Period(period.kind, min(whole.start, period.start), period.end)  # visits before enrolment day count
        yield joined
        period = period.next()


def _rolling(register: Register, since: date, last: date | None) -> Period:
    """The 15 days from the last visit; if nobody could go in them, until so many open days have come (`_unable`).

    A calendar's half-month that was closed is followed by another one; these 15 days are followed by nothing.
    """
    period = rolling_period(max(since, last) if last is not None else since)
    if not _unable(period, register.remote_only):
        return period
    open_days, day = 0, period.end
    while open_days < UNABLE_FREE_DAYS:
        day += DAY
        open_days += not any(day in window for window in register.remote_only)
    return Period(period.kind, period.start, day)


def _rolls(register: Register, priority: PriorityClass) -> bool:
    return priority is PriorityClass.KEY and register.reading is Reading.ROLLING


def _unable(period: Period, windows: Sequence[Window]) -> bool:
    """Whether so few of its days were open that nobody could be asked to go."""
    days = ((period.start + timedelta(days=n)) for n in range((period.end - period.start).days + 1))
    free = sum(not any(day in window for window in windows) for day in days)
    return free < UNABLE_FREE_DAYS or any(period.end in window for window in windows)
