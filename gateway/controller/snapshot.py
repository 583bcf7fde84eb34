"""The controller's whole state as JSON, and back: what a restart or a replay begins from. Holds no name, no number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from gateway.alarms.life import Book
from gateway.bounds import within
from gateway.home.model import view_from_json
from gateway.observations import MAX_OFFSET_MS
from gateway.rules.fall.model import Model
from gateway.rules.rule import Readiness, Rule, Status, Technical

if TYPE_CHECKING:
    from gateway.controller.controller import Controller

SNAPSHOT_VERSION: Final = 1


class BadSnapshot(ValueError):
    """A snapshot this version cannot read."""


def taken(controller: Controller) -> dict[str, Any]:
    """The whole state of `controller`, ready to be written."""
    return {
        "version": SNAPSHOT_VERSION,
        "t": controller.t,
        "offset_ms": controller.offset_ms,
        "trust": controller.trust,
        "home": _home(controller),
        "civil": controller.civil.to_json(),
        "book": controller.book.to_json(),
        "rules": {rule.name: rule.to_json() for rule in controller.rules},
        "readiness": {name: [s.readiness.value, s.reason] for name, s in controller.told_readiness().items()},
        "keys": controller.heard.to_json(),
        "muted_until": controller.desk.quiet.muted_until,
    }


def _home(controller: Controller) -> dict[str, Any]:
    """The home as JSON, made once for each: it changes seldom, and a snapshot of a day is mostly home."""
    if controller.home_written is None or controller.home_written[0] is not controller.home:
        controller.home_written = (controller.home, controller.home.to_json())
    return controller.home_written[1]


def restored(
    kind: type[Controller], data: dict[str, Any], fall_models: Mapping[str, Model] | None = None
) -> Controller:
    """The controller of a snapshot; raises `BadSnapshot` for one this version cannot read."""
    try:
        t, offset, trust = int(data["t"]), int(data["offset_ms"]), str(data["trust"])
        if abs(t) > MAX_OFFSET_MS or not 0 <= t + offset <= MAX_OFFSET_MS:
            raise BadSnapshot("snapshot: its time is not between the years 1970 and 2200")
        made = kind(view_from_json(data["home"]), t=t, offset_ms=offset, trust=trust, fall_models=fall_models)
        made.civil.from_json(data.get("civil", {}))
        made.book = made.desk.record.book = Book.from_json(data["book"])
        for alarm in made.book.live():  # a timer of the past would be caught up with, step by step
            alarm.timers = {name: max(due, t) for name, due in alarm.timers.items()}
        made.restored_empty = [rule.name for rule in made.rules if not _filled(rule, data["rules"].get(rule.name))]
        if made.daily_summary.name in made.restored_empty:  # what is on already lasts from now, as far as it knows
            for what in (what for rule in made.rules for what in made.asked(rule, rule.conditions) or ()):
                made.daily_summary.changed(Technical(*what, on=True, reason="restored"), t)
        made.heard.from_json(data["keys"], t)
        muted = data.get("muted_until")
        made.desk.quiet.muted_until = None if muted is None else int(muted)
        made.settle(_told(data.get("readiness", {})))
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BadSnapshot(f"snapshot: {error!r}") from error
    return made


def _told(rows: Any) -> dict[str, Status]:
    """What was said last of each rule: news that the snapshot came before is still to be told after it."""
    return {
        name: Status(Readiness(row[0]), str(row[1])) for name, row in rows.items() if row[0] in Readiness.__members__
    }


def _filled(rule: Rule, data: Any) -> bool:
    """Gives a rule its own state; False for one another version wrote: it starts empty, alarms and home matter more."""
    try:
        if not within(data, MAX_OFFSET_MS):
            raise ValueError("a time that no calendar has")
        rule.from_json(data)
    except (LookupError, TypeError, ValueError, AttributeError):
        return False
    return True
