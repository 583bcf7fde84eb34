"""A home whose every word goes to a real journal, and the archive of incidents made from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from journal_rig import opened
from virtual_home import START_WALL_MS, House

from gateway.incidents.archive import Archive
from gateway.incidents.reading import Findings, lines_of, summaries
from gateway.incidents.story import Incident, incident
from gateway.journal import Entry
from gateway.observations import LIFE_SAFETY, Kind, Observation


class Recorded(House):
    """A home whose every word goes to a real journal, as the heart would put it there."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []

    def hand(self, observation: Observation, result: Any) -> None:
        if not result and observation.kind is Kind.TICK:
            return
        urgent = bool(result.events or result.actions) or observation.kind in LIFE_SAFETY
        events = tuple(e.to_json() for e in result.events)
        wall = START_WALL_MS + observation.t
        self.entries.append(Entry(observation, events, wall, "NTP", actions=tuple(result.actions), urgent=urgent))

    def say(self, kind: Kind, value: Any = None, device: str | None = None, **more: Any) -> Any:
        result = super().say(kind, value, device, **more)
        self.hand(self.history[-1][0], result)
        return result

    def wait(self, seconds: float) -> Any:
        result = super().wait(seconds)
        self.hand(Observation(Kind.TICK, None, self.now_ms), result)
        return result


def a_call_answered(house: Recorded) -> None:
    """Pressed, raised, texted, answered, visited, closed, looked after."""
    house.press()
    house.wait(10)
    house.say(Kind.DELIVERY, {"alarm": 1, "contact": "c1", "template": "S01", "result": "sent"})
    house.say(Kind.ACK, {"stage": "RECEIVED", "seq": [1]})
    house.say(Kind.REPLY, {"contact": "c1", "answer": "1", "ref": None, "text": "我是小明，马上去"})
    house.wait(300)
    house.say(Kind.VISIT, {"event": "arrived", "by": "n1"})
    call = {"number": "120", "by": "c1", "at": "08:20"}
    house.platform(1, "CLOSED", outcome="HELPED", emergency_call=call)
    house.say(
        Kind.VISIT,
        {"event": "follow_up", "alarm": 1, "kind": "URGENT_NEED_RELIEF", "result": "DONE", "by": "town-2"},
    )


async def write(folder: Path, entries: list[Entry]) -> None:
    async with opened(folder / "journal.db") as (journal, _):
        for entry in entries:
            await journal.submit(entry).committed


async def one_call_answered(folder: Path) -> Path:
    """The state of a home where one call was pressed, answered and closed."""
    house = Recorded()
    a_call_answered(house)
    await write(folder, house.entries)
    return folder


def archived(folder: Path) -> Archive:
    archive = Archive(folder / "incidents", folder / "journal.db")
    archive.catch_up()
    return archive


def story(folder: Path, alarm: int = 1) -> tuple[Incident, Findings]:
    findings = Findings()
    (epoch,) = {e for e, _ in summaries(folder / "incidents", folder / "journal.db", Findings())}
    made = incident(alarm, epoch, lines_of(folder / "incidents", folder / "journal.db", epoch, alarm, findings))
    assert made is not None
    return made, findings


def verified(folder: Path) -> list[str]:
    findings = Findings()
    summaries(folder / "incidents", folder / "journal.db", findings)
    return findings.broken
