"""Waking up: from what the disk holds to a controller that goes on where it was, and a clock that knows the gap."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from gateway.alarms.life import event_from_json
from gateway.clock import Clock, Gap, GapKind, Mark, Sources, Trust
from gateway.controller import BadSnapshot, Controller
from gateway.journal import Recovered
from gateway.journal.entry import Happened
from gateway.observations import BadObservation

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Awake:
    """What a start begins with. `problems` are for the platform and `doctor`; none is for silence."""

    controller: Controller
    clock: Clock
    gap: Gap
    problems: list[str]


def last_mark(recovered: Recovered) -> Mark | None:
    """The last moment on record by all clocks: the kept clock reading, carried on to the newest row."""
    newest, kept = recovered.mark, recovered.memory.get("clock")
    if newest is None:
        return None
    trust = Trust(newest.trust) if newest.trust in Trust.__members__ else Trust.NONE
    if not _is_reading(kept):
        return Mark(newest.t, newest.wall_ms, trust, "", 0)
    assert isinstance(kept, dict)
    since = newest.t - kept["t"]
    return Mark(newest.t, newest.wall_ms, trust, kept["boot_id"], kept["boottime_ms"] + max(0, since))


def _is_reading(kept: Any) -> bool:
    return (
        isinstance(kept, dict)
        and isinstance(kept.get("boot_id"), str)
        and all(isinstance(kept.get(k), int) for k in ("t", "boottime_ms"))
    )


def awaken(recovered: Recovered, sources: Sources, history: Callable[[], Iterable[Happened]] = tuple) -> Awake:
    """Rebuilds the controller (snapshot, then tail; nothing is decided again) and resumes the clock.

    `history` gives all that is on record, for a snapshot that this version cannot read.
    """
    problems = [f"{p.code.value}: {p.text}" for p in recovered.problems]
    clock, gap = Clock.resume(last_mark(recovered), sources)
    controller, tail = _from_snapshot(recovered, problems), recovered.tail
    if controller is None:
        controller, tail = _empty(clock), history() if recovered.snapshot is not None else recovered.tail
    for observation, rows in tail:
        try:
            controller.rebuild(observation, [event_from_json(row) for row in rows])
        except BadObservation as error:
            problems.append(f"ROW_UNREADABLE: {error}")
        except Exception as error:  # noqa: BLE001 - a row of another version of ours must not keep the gateway down
            problems.append(f"ROW_UNREADABLE: {observation.kind.value}: {type(error).__name__}")
    controller.rebuilt()
    if gap.kind is not GapKind.SAME_BOOT and not recovered.fresh:
        log.info("started after a gap of %d s (%s)", gap.ms // 1000, gap.kind.value)
    return Awake(controller, clock, gap, problems)


def _from_snapshot(recovered: Recovered, problems: list[str]) -> Controller | None:
    """The newest snapshot's controller; None if there is none, or none that this version can read."""
    if recovered.snapshot is None:
        return None
    try:
        controller = Controller.from_json(recovered.snapshot)
    except BadSnapshot as error:
        problems.append(f"SNAPSHOT_UNREADABLE: {error}; everything on record is read instead")
        return None
    problems += [f"RULE_RESTARTED: {name}: what it knew was of another version" for name in controller.restored_empty]
    return controller


def _empty(clock: Clock) -> Controller:
    """A controller that knows nothing yet: the journal tells it everything, the home included."""
    accepted = clock.accepted
    return Controller(t=0, offset_ms=accepted.offset_ms, trust=str(accepted.trust))
