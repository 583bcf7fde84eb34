"""The entrance was not used for a day (DOOR_NOT_USED; the cities' "door openings < 1 in 24 h", domain 3.1).

Blunt where other sensors see people: many an elder stays in for a day. So by itself it watches only homes in which
nothing but the door tells of anybody; elsewhere it is for districts that ask for it. What falls due at night waits for
the morning: nobody is woken to be asked why they are asleep.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Observation
from gateway.parameters import Parameters
from gateway.rules.asking import AskingRule
from gateway.rules.civil import CivilTime
from gateway.rules.declared import Declared
from gateway.rules.household import Sign
from gateway.rules.inactivity.silence import Silence
from gateway.rules.night import Night
from gateway.rules.rule import NOTHING, Finding, Readiness, Signal, Status

WHERE_ALONE: Final = 1
ALWAYS: Final = 2


class DoorNotUsed(AskingRule):
    """Counts how long no entrance was opened or closed."""

    name = "door_not_used"
    declared = Declared(
        "no entrance used for a day",
        needs=("an entrance contact; nothing else that sees people, unless door_not_used.watch is 2",),
        says=("DOOR_NOT_USED",),
        parameters=("away.max_h", "door_not_used.*", "night.from_h", "night.until_h"),
        consent="MONITORING",
    )
    code = "DOOR_NOT_USED"

    def __init__(self, civil: CivilTime) -> None:
        super().__init__(civil)
        self._silence = Silence()
        self._night = Night(0, 0)
        self._limit = 0

    def _set_up(self, home: HomeView, parameters: Parameters, t: int) -> Status | None:
        self._limit = parameters.ms("door_not_used.limit_h")
        self._night = Night.of_hours(parameters["night.from_h"], parameters["night.until_h"])
        self._silence.touch(t)
        watch = parameters["door_not_used.watch"]
        alone = not self._household.inside
        self.by_door = not alone
        if watch < WHERE_ALONE:
            return Status(Readiness.OFF, "setting")
        if not self._household.presence.entrances:
            return Status(Readiness.OFF, "no_entrance_contact")
        return None if alone or watch >= ALWAYS else Status(Readiness.OFF, "others_see_more")

    def _needed(self) -> Set[str]:
        return self._household.presence.entrances

    def _take(self, observation: Observation, sign: Sign | None) -> Iterable[Signal]:
        if sign is Sign.DOOR:
            self._silence.anew(observation.t)
        return NOTHING

    def _due(self) -> int | None:
        if self._silence.since is None:
            return None
        due = self._silence.reaches(self._limit)
        return self._night.end_after(self._civil, due) if self._night.holds(self._civil, due) else due

    def _judge(self, due: int) -> Iterable[Signal]:
        evidence = {
            "limit_h": round(self._limit / 3_600_000, 1),
            "unused_h": round(self._silence.length(due) / 3_600_000, 1),
        }
        return (Finding(self.code, due, "door_not_used", None, evidence),)

    def _begin_anew(self, t: int) -> None:
        self._silence.anew(t)

    def _run(self, t: int) -> None:
        self._silence.run(t)

    def _stand(self, t: int) -> None:
        self._silence.stand(t)

    def _skip(self, start: int, end: int) -> None:
        self._silence.skip(start, end)

    def _state(self) -> dict[str, Any]:
        return {"silence": self._silence.to_json()}

    def _restore(self, data: dict[str, Any]) -> None:
        self._silence.from_json(data["silence"])
