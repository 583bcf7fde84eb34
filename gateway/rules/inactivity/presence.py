"""Whether the resident is at home, by the entrance door and what moves behind it, or by what was declared.

A door that opens and closes with nobody heard inside afterwards is a departure. It is doubted only by a witness that
cannot well be wrong: a mat that bounces in an empty flat is not enough (measured: kasteren C), one that stays pressed
and two devices are, and after a return by the door anything is. Declared absence has a limit (A10), guests have one.

Who comes back is heard inside within minutes (148 of 152 returns within half an hour, measured). Where this home's door
has proved to tell of every return, somebody who came back and was not heard yet is at home, lying in the hall at worst.
Where people turned up inside whom no door let in, the same door may as well have been a second departure: out.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation

LAG_MS: Final = 20_000
"""Activity this soon after the door still belongs to the passage: the hall sensor sees who leaves, radios repeat."""
DECLARED_LAG_MS: Final = 10 * 60_000  # who says "I am leaving" still looks for the shoes
ABSENCE_MS: Final = 10 * 60_000  # a door used again after this long without anybody inside: somebody comes back
OUTING_MS: Final = 60 * 60_000
"""Who uses the door again after less may have opened to the postman, sat still, and leave now: no return is presumed.
(Of 1,200 departures by day put into recordings 4 were raised, and 2 with this; no accident was found later.)"""
SECOND_WITNESS_MS: Final = 30 * 60_000  # two devices within this time vouch for each other
HELD_MS: Final = 3_000
"""A mat pressed for so long holds a person. In an empty flat one bounced 45 times, 1 s each (measured: kasteren C)."""
FEW_WITNESSES: Final = 3  # with fewer devices inside, one is enough: there is nobody to vouch
DOOR_OPEN_MS: Final = 3_600_000  # domain: a door open for more than 1 h makes home/away unknown
GUESTS_MAX_MS: Final = 7 * 86_400_000  # domain: GUESTS mode, 7 days at most
POLARITY_AFTER_MS: Final = 86_400_000
"""After a day with the door 'open' most of the time it is the sensor that is mounted the wrong way round."""
SAME_PASSAGE_MS: Final = 60_000  # who comes in opens and closes more than once; later it may be the way out again
RETURNS_KNOWN: Final = 8  # before so many returns nobody knows what this door tells
MAY_TURN_UP: Final = 0.1  # with a larger share of absences that ended without the door it is not believed of a return
DOUBTFUL: Final = 1 / 3
"""With such a share of them, who closed the door may as well have stayed: the notice of the absence comes sooner."""
FORGET_RETURNS: Final = 64  # then both counts are halved: a mended sensor is believed again in weeks
WEAK_KINDS: Final = frozenset({Kind.PRESSURE, Kind.WATER, Kind.WATER_VOLUME, Kind.APPLIANCE, Kind.POWER})
"""Mats bounce, taps drip and washing machines end by themselves; so does what draws power by a timer."""


class Where(StrEnum):
    """Where the resident is, as far as can be told."""

    HOME = "HOME"
    AWAY = "AWAY"  # by the door
    UNKNOWN = "UNKNOWN"  # nobody heard since the door was opened, and it stands open: who leaves for long shuts it
    DECLARED_AWAY = "DECLARED_AWAY"
    GUESTS = "GUESTS"


_HOME: Final = Where.HOME  # asked with every act: see `Kind` of what reaching a member costs


class Presence:
    """Follows passages of the entrance door, activity inside, and what is declared."""

    def __init__(self) -> None:
        self.entrances: frozenset[str] = frozenset()
        self.out_since: int | None = None  # the last passage, while nobody was heard inside since
        self.declared_until: int | None = None
        self.guests_until: int | None = None
        self._few = False
        self._returning = False
        self._by_door = False  # it was the door by which the resident is out, and not a word
        self.came_back = False  # by a door that is believed, and not heard since: presumed at home
        self._returns = 0  # absences that ended by the door
        self._turned_up = 0  # and that ended inside, with no door before
        self._ended: list[Any] | None = None  # the absence as it was before somebody was heard inside, and when
        self._deaf_until = 0  # until then activity belongs to the leaving
        self._doubt: tuple[str, int] | None = None  # the weak witness heard while out
        self._pressed: tuple[str, int] | None = None  # the mat that somebody may have sat down on while out, and when
        self._may_leave = True  # somebody was seen at home since the last declared absence
        self._open: dict[str, int] = {}  # entrance doors that stand open, since when
        self._door_known_since: int | None = None
        self.stands_open = False  # a door has been open for too long to tell who went through it
        self._judged_open = False
        self._open_ms = 0  # how long doors stood open, all in all

    def configure(self, home: HomeView, inside: int) -> None:
        """Which doors lead out; `inside` is how many witnesses there are beside them."""
        self.entrances = frozenset(d.id for d in home.devices.values() if d.kind == "contact" and d.entrance)
        self._few = inside < FEW_WITNESSES
        self._open = {d: t for d, t in self._open.items() if d in self.entrances}
        if not self.entrances:
            self._door_known_since = None

    # ---- what is heard

    def rewind(self, t: int) -> bool:
        """The door speaks at the very moment somebody was heard inside: before it, the resident was out as before.

        Returns whether there was such a moment. Within a batch it must not matter who speaks first.
        """
        ended, self._ended = self._ended, None
        if ended is None or ended[0] != t:
            return False
        _, self.out_since, self._returning, self.came_back, self._by_door, self._returns, self._turned_up = ended
        return True

    def passage(self, device: str, is_open: bool, t: int, *, heard: bool = False) -> None:
        """An entrance door was opened or closed; `heard`: at this very moment somebody was heard inside (`rewind`)."""
        heard = heard or (self._doubt is not None and self._doubt[1] == t)
        if self._door_known_since is None:
            self._door_known_since = t
        if is_open:
            self._open.setdefault(device, t)
        elif (since := self._open.pop(device, None)) is not None:
            self._open_ms += t - since
            self.stands_open = self._judged_open = False
        if self.out_since is None:
            self._returning, self._by_door = False, True
        elif t - self.out_since > ABSENCE_MS:
            outing = t - self.out_since > OUTING_MS
            self.came_back = outing and self._by_door and self._believed() and not self._returning
            self._returning = True
        elif t - self.out_since > SAME_PASSAGE_MS:
            self.came_back = False
        self.out_since, self._doubt, self._pressed = t, None, None
        self._deaf_until = t - 1 if self._returning else t + LAG_MS
        if heard and self._returning:
            self._comes_in(t)

    def inside(self, observation: Observation) -> bool:
        """Somebody seems to be inside. Returns whether that is believed; if so the resident is at home."""
        t = observation.t
        if self.out_since is None:
            self._may_leave = True
            return True
        if t <= self._deaf_until:
            return False
        weak = observation.kind in WEAK_KINDS and not (self._returning or self._few)
        if weak and not self._vouched(observation.device or "", t) and not self._held(observation):
            return False
        self._comes_in(t)
        return True

    def _comes_in(self, t: int) -> None:
        self._ended = [
            t,
            self.out_since,
            self._returning,
            self.came_back,
            self._by_door,
            self._returns,
            self._turned_up,
        ]
        self._count(t)
        self.out_since, self._doubt, self._may_leave, self.came_back = None, None, True, False
        self._pressed = None

    def _held(self, observation: Observation) -> bool:
        """Whether a mat is let go that has held somebody; pressed, it may come to that (`advance`)."""
        pressed, self._pressed = self._pressed, None
        device, t = observation.device or "", observation.t
        if observation.kind is Kind.PRESSURE and observation.value is True:
            self._pressed = (device, t)
        return pressed is not None and pressed[0] == device and t - pressed[1] >= HELD_MS

    def _count(self, t: int) -> None:
        """What this absence says of the door."""
        assert self.out_since is not None
        if not self._by_door:
            return
        self._returns += self._returning
        self._turned_up += not self._returning and t - self.out_since > ABSENCE_MS
        if self._returns + self._turned_up >= FORGET_RETURNS:
            self._returns, self._turned_up = self._returns // 2, self._turned_up // 2

    def _believed(self) -> bool:
        """Whether this door tells of every return."""
        ended = self._returns + self._turned_up
        return self._returns >= RETURNS_KNOWN and self._turned_up <= MAY_TURN_UP * ended

    @property
    def turned_up_share(self) -> float:
        """The share of the absences by the door that ended inside, with no door before."""
        return round(self._turned_up / max(self._returns + self._turned_up, 1), 2)

    @property
    def may_be_in(self) -> bool:
        """Whether this home's door has proved a poor witness of who is out."""
        ended = self._returns + self._turned_up
        return ended >= RETURNS_KNOWN and self._turned_up >= DOUBTFUL * ended

    @property
    def ended_by_door(self) -> bool:
        """Whether the absence that ended last began and ended by the door."""
        return self._by_door and self._returning

    def _vouched(self, device: str, t: int) -> bool:
        if self._doubt is not None and self._doubt[0] != device and t - self._doubt[1] <= SECOND_WITNESS_MS:
            return True
        self._doubt = (device, t)
        return False

    # ---- what is declared

    def declare(self, away: bool, t: int, longest: int) -> None:
        """Away lasts `longest` ms at most, however often it is said; only somebody at home can say it again (A10)."""
        if not away:
            self.declared_until = self.out_since = None
            self._may_leave, self.came_back = True, False
        elif self.declared_until is None and self._may_leave:
            self.declared_until, self._may_leave = t + longest, False
            if self.out_since is None:
                self.out_since, self._returning, self._doubt, self._by_door = t, False, None, False
                self._deaf_until = t + DECLARED_LAG_MS

    def guests(self, present: bool, t: int) -> None:
        """Guests fill the house, for 7 days at most unless somebody says so again after that."""
        if not present:
            self.guests_until = None
        elif self.guests_until is None:
            self.guests_until = t + GUESTS_MAX_MS

    # ---- what follows

    @property
    def said_so(self) -> bool:
        """Whether somebody said that they leave, and nobody was seen at home since."""
        return not self._may_leave

    def where(self) -> Where:
        """Where the resident is."""
        if self.guests_until is not None:
            return Where.GUESTS
        if self.declared_until is not None:
            return Where.DECLARED_AWAY
        if self.out_since is None or self.came_back:
            return _HOME
        return Where.UNKNOWN if self.stands_open and not self.said_so else Where.AWAY

    def open_due(self) -> int | None:
        """When an open door becomes one that stands open."""
        return min(self._open.values()) + DOOR_OPEN_MS if self._open and not self._judged_open else None

    def left_open(self, t: int) -> None:
        """A door has been open for an hour: that counts, unless it has been 'open' most of its life."""
        assert self._door_known_since is not None
        known, since = t - self._door_known_since, min(self._open.values())
        self._judged_open = True
        self.stands_open = known < POLARITY_AFTER_MS or 2 * (self._open_ms + t - since) < known

    def next_due(self) -> int | None:
        """When something ends by itself."""
        if not self._open and self.declared_until is None and self.guests_until is None and self._pressed is None:
            return None  # nearly always, and every rule that asks wants to know it with every observation
        held = self._pressed and self._pressed[1] + HELD_MS
        return min(filter(None, (self.open_due(), self.declared_until, self.guests_until, held)), default=None)

    def advance(self, t: int) -> None:
        """Ends what has lasted long enough at `t`."""
        if (due := self.open_due()) is not None and due <= t:
            self.left_open(t)
        if self.declared_until is not None and self.declared_until <= t:
            self.declared_until = None  # from here the door and what moves inside decide (A10)
        if self.guests_until is not None and self.guests_until <= t:
            self.guests_until = None
        if self._pressed is not None and (held := self._pressed[1] + HELD_MS) <= t:
            self._comes_in(held)

    def gap(self, start: int, end: int) -> None:
        """Nobody watched from `start` to `end`: no part of an absence; what ends meanwhile ends at `end`."""
        if self.out_since is not None:
            self.out_since += end - start
        if self.declared_until is not None:
            self.declared_until = max(self.declared_until, end)
        if self.guests_until is not None:
            self.guests_until = max(self.guests_until, end)
        if self._pressed is not None:
            self._pressed = (self._pressed[0], self._pressed[1] + end - start)

    def to_json(self) -> dict[str, Any]:
        """All that is remembered."""
        return {
            "out_since": self.out_since,
            "declared_until": self.declared_until,
            "deaf_until": self._deaf_until,
            "guests_until": self.guests_until,
            "returning": [self._returning, self.came_back, self._by_door],
            "returns": [self._returns, self._turned_up],
            "ended": None if self._ended is None else list(self._ended),
            "doubt": None if self._doubt is None else list(self._doubt),
            "pressed": None if self._pressed is None else list(self._pressed),
            "may_leave": self._may_leave,
            "open": dict(self._open),
            "door_known_since": self._door_known_since,
            "open_ms": self._open_ms,
            "stands_open": [self.stands_open, self._judged_open],
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self.out_since = _time(data["out_since"])
        self.declared_until, self._deaf_until = _time(data["declared_until"]), int(data["deaf_until"])
        self.guests_until = _time(data["guests_until"])
        self._returning, self.came_back, self._by_door = (bool(flag) for flag in data["returning"])
        self._returns, self._turned_up = (int(n) for n in data["returns"])
        self._may_leave = bool(data["may_leave"])
        self._ended = None
        if data["ended"] is not None:
            t, out_since, *flags, returns, turned_up = data["ended"]
            returning, came_back, by_door = (bool(flag) for flag in flags)
            self._ended = [int(t), _time(out_since), returning, came_back, by_door, int(returns), int(turned_up)]
        self._doubt = _witness(data["doubt"])
        self._pressed = _witness(data.get("pressed"))
        self._open = {str(d): int(t) for d, t in data["open"].items()}
        self._door_known_since = _time(data["door_known_since"])
        self._open_ms = int(data["open_ms"])
        self.stands_open, self._judged_open = (bool(flag) for flag in data["stands_open"])


def _time(value: Any) -> int | None:
    return None if value is None else int(value)


def _witness(value: Any) -> tuple[str, int] | None:
    return None if value is None else (str(value[0]), int(value[1]))
