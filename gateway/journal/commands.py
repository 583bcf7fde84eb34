"""What the event loop hands the owner thread, and what the thread tells the loop. Shapes only."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from gateway.journal.encoding import Part, SnapshotPart
from gateway.journal.entry import Health, OutboxRow, Problem, Recovered
from gateway.journal.opening import Marks

Parts = list[Part | SnapshotPart]


class Listener(Protocol):
    """What the owner thread tells the event loop. Each call returns at once."""

    def settled(self, parts: Parts, ok: bool) -> None:
        """The parts are durable, or given up."""

    def health_changed(self, health: Health) -> None:
        """State, reason or the count of what was dropped is another."""

    def problem_found(self, problem: Problem) -> None:
        """Something stored is wrong."""

    def epoch_changed(self, epoch: str) -> None:
        """A damaged file was replaced while running."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A reader wants pending messages."""

    limit: int
    skip: Collection[int]
    answer: concurrent.futures.Future[list[OutboxRow]]


@dataclass(frozen=True, slots=True)
class ReserveIds:
    """Write these marks down before ids below them are used."""

    upto: Marks


@dataclass(frozen=True, slots=True)
class Close:
    """Commit all, write the exact marks, end."""

    marks: Marks
    done: concurrent.futures.Future[None]


Command = Parts | Ask | ReserveIds | Close
"""`Parts`: a group that is complete, to be committed now."""


@dataclass(frozen=True, slots=True)
class Start:
    """What opening found, for the loop's side."""

    recovered: Recovered
    epoch: str
    marks: Marks  # first free ids
    reserved: Marks  # ids below these may be used
