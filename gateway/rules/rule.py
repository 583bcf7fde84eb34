"""What a rule is: observations and time in, signals out. No alarm life, no words, no I/O.

A rule must be deterministic in (observations, time): the same code runs live, in replay and in simulation. It holds no
memory of what became of its findings but what the controller tells it (`opened`), so that recovery can rebuild it from
the record of what was decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.declared import Declared


class Readiness(StrEnum):
    """Whether a rule can do its work."""

    ARMED = "ARMED"
    LEARNING = "LEARNING"
    UNAVAILABLE = "UNAVAILABLE"
    OFF = "OFF"


class Status(NamedTuple):
    """A rule's readiness and, where it is not ARMED, why (a reason code, not a sentence).

    A tuple, for all rules are asked for theirs with every decision.
    """

    readiness: Readiness
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule has decided that something is wrong."""

    code: str
    t: int
    reason: str
    device: str | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    severity: str | None = None  # where this finding is worse or milder than its code's own severity


@dataclass(frozen=True, slots=True)
class Recovery:
    """What the rule asked about is answered, or can no longer be told: an alarm still being asked about ends.

    With `device`, only the alarm of that device.
    """

    code: str
    reason: str
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What is open turns out worse: one fall is one alarm, and becomes FALL_IMMOBILE (domain 3.2).

    With `severity` it is that bad whatever its code's own, and opens an alarm of `to` if none is open any more.
    """

    code: str
    to: str
    device: str | None
    reason: str
    evidence: dict[str, Any] = field(default_factory=dict)
    severity: str | None = None


@dataclass(frozen=True, slots=True)
class Technical:
    """A technical condition begins or ends: device lost, driver blind, network down."""

    code: str
    subject: str  # a device, a driver, "" for the gateway itself
    on: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """Something to be said at home that is no alarm: a reminder, a question of the platform's."""

    prompt: str
    t: int
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """A text to one contact that is no alarm."""

    contact: str
    template: str
    t: int
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Note:
    """Something for the platform to know that is no alarm; `code` is an INFO code."""

    code: str
    t: int
    reason: str
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Summary:
    """The daily summary to the platform; the controller adds what is other rules' to know."""

    t: int
    since: int
    body: dict[str, Any]


Signal = Finding | Recovery | Upgrade | Technical | Spoken | Line | Note | Summary
NOTHING: Final[tuple[Signal, ...]] = ()


class Rule(Protocol):
    """One rule. All times are controller ms and never run backward."""

    name: str
    declared: Declared
    sooner: bool
    """Whether what it was told last by `observe` may have brought `next_due` forward. False spares it the question, and
    one that is wrongly False loses an alarm: True where a rule does not know."""

    @property
    def hears_stillness(self) -> bool:
        """Whether it must be told that a motion sensor has fallen silent (`motion: false`), of all it hears of motion:
        half of what is said in a home, and next to nobody does anything with it."""
        ...

    @property
    def hears(self) -> Set[Kind] | None:
        """What `observe` may do something with; None: everything. Of the rest it need not be told at all."""
        ...

    @property
    def waiting(self) -> bool:
        """Whether the green key answers something this rule said, and is no wish for service now."""
        ...

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """The home or its settings changed (also called once before anything else)."""
        ...

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """Something was said."""
        ...

    def next_due(self) -> int | None:
        """When `advance` has something to do, or None."""
        ...

    def advance(self, t: int) -> Iterable[Signal]:
        """Time has reached `t`, which is at most `next_due()`'s successor: signals are stamped with their due time."""
        ...

    def blinded(self, lost: Set[str], t: int) -> Iterable[Signal]:
        """The set of devices that give no sign of life changed."""
        ...

    def gap(self, start: int, end: int) -> None:
        """The gateway was off from `start` to `end`: nothing was observed. Called before time reaches `end`."""
        ...

    def opened(self, code: str, t: int) -> None:
        """An alarm of this code was opened; a rule that asked for it need not ask again."""
        ...

    def alarmed(self, code: str, t: int) -> None:
        """An alarm was opened, by whomever: for rules that tell of the day. Said again in recovery, unlike `opened`."""
        ...

    def unconfirmed(self, code: str, t: int) -> None:
        """Recovery ended at `t`, and this finding turned out not to be on record: it may be found again."""
        ...

    def status(self) -> Status:
        """Whether the rule can do its work now."""
        ...

    def conditions(self) -> Iterable[tuple[str, str]]:
        """(code, subject) of the technical conditions that it has said are on, and are."""
        ...

    def learned(self) -> dict[str, Any]:
        """What it has learned, for people and pictures."""
        ...

    def to_json(self) -> dict[str, Any]:
        """The rule's state, for a snapshot."""
        ...

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`, called after `configure`."""
        ...


class PlainRule:
    """The answers of a rule without timers, state or a view of lost devices; others override what they need."""

    name = ""
    sooner = True
    hears: Set[Kind] | None = None
    hears_stillness = True
    declared = Declared("")

    @property
    def waiting(self) -> bool:
        """Asks for no key."""
        return False

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """Nothing to configure."""
        return NOTHING

    def next_due(self) -> int | None:
        """No timers."""
        return None

    def advance(self, t: int) -> Iterable[Signal]:
        """No timers."""
        return NOTHING

    def blinded(self, lost: Set[str], t: int) -> Iterable[Signal]:
        """Needs no sensor."""
        return NOTHING

    def gap(self, start: int, end: int) -> None:
        """Counts no time."""

    def opened(self, code: str, t: int) -> None:
        """Remembers nothing."""

    def alarmed(self, code: str, t: int) -> None:
        """Tells of no day."""

    def unconfirmed(self, code: str, t: int) -> None:
        """Remembers nothing."""

    def status(self) -> Status:
        """Always ready."""
        return Status(Readiness.ARMED)

    def conditions(self) -> Iterable[tuple[str, str]]:
        """Tells of none."""
        return ()

    def learned(self) -> dict[str, Any]:
        """What it has learned, for people and pictures."""
        return {}

    def to_json(self) -> dict[str, Any]:
        """No state."""
        return {}

    def from_json(self, data: dict[str, Any]) -> None:
        """No state."""
