"""What was seen of a simulated home, in order: what it was told, decided, wrote down, carried out; how it woke."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, get_args

from gateway.actions import Action, Call, Say, Text
from gateway.alarms.life import AlarmEvent
from gateway.controller import Notice
from gateway.home.model import HomeView
from gateway.observations import Observation


@dataclass(slots=True)
class Decided:
    """The controller handled one observation. `true_ms` is the time no clock of the gateway knows."""

    true_ms: int
    observation: Observation
    events: list[AlarmEvent]
    actions: list[Action]
    notices: list[Notice]
    home: HomeView


@dataclass(slots=True)
class Carried:
    """A prompt is spoken, a text handed to the modem or a number dialled, this moment. `free_ms`: since when the modem
    was free. `ended`: it came to an end that needs no further try; one that a crash cut short, or that found no
    network, did not."""

    true_ms: int
    t: int
    action: Say | Text | Call
    free_ms: int
    ended: bool = True


@dataclass(slots=True)
class Received:
    """The platform has a message."""

    true_ms: int
    seq: int
    key: str
    alarm: int | None


@dataclass(slots=True)
class Committed:
    """An entry is on the disk."""

    true_ms: int
    observation: Observation
    events: list[dict[str, Any]]
    texts: dict[int, tuple[str, int]]  # id of each text it asks for: its key, its alarm
    done: tuple[int, ...]


@dataclass(slots=True)
class Died:
    """The process ended without a word."""

    true_ms: int
    how: str


@dataclass(slots=True)
class Woke:
    """A process has rebuilt itself from the disk and has not been told anything yet."""

    true_ms: int
    how: str  # "first", "kill" or "cut"
    kept_t: int | None  # controller time of the newest committed entry
    t: int  # controller time the clock goes on from
    right: bool  # the wall clock was right at both ends of the gap
    vouched: bool  # anybody vouches for the wall clock now: NTP or a chip
    down_ms: int  # true time since the newest committed entry
    book: dict[str, Any]
    home: HomeView
    next_due: int | None


@dataclass(slots=True)
class Paths:
    """Which ways out are open from now on, whatever the gateway knows of it."""

    true_ms: int
    uplink: bool
    cell: bool


Item = Decided | Carried | Received | Committed | Died | Woke | Paths
KINDS: Final[tuple[type[Item], ...]] = get_args(Item)


@dataclass(slots=True)
class History:
    """All of it. `tolerance_ms` is how late this kind of simulation may be by its own making."""

    seed: int
    items: list[Item] = field(default_factory=list)
    accidents: list[str] = field(default_factory=list)
    end_true_ms: int = 0
    alive_at_end: bool = True
    bad_numbers: frozenset[str] = frozenset()

    def decisions(self) -> Iterator[Decided]:
        """Only what was decided."""
        return (i for i in self.items if isinstance(i, Decided))

    def transitions(self) -> list[tuple[int, int, str, str]]:
        """(controller time, alarm, state, reason) of every move."""
        return [
            (e.t, e.alarm, e.state.value, e.reason) for d in self.decisions() for e in d.events if e.state is not None
        ]


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant does not hold: which, what was seen, and when (true time)."""

    invariant: str
    text: str
    true_ms: int
