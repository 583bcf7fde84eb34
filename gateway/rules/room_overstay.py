"""Long in the bathroom (ROOM_OVERSTAY, domain 4.2): somebody went in and was not seen to come out.

A radar that sees them still, or a door closed behind them, says where they are: then the limit is the home's number.
A motion sensor alone does not, for nobody sees one who goes back to a bed without a sensor. So there the home's own
stays are learned, by day and by night apart, and only a stay a quarter longer than the longest of a fortnight is asked
about; where that is longer than the rule can usefully wait it leaves the matter to the inactivity rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.asking import KEYS, AskingRule
from gateway.rules.civil import CivilTime
from gateway.rules.declared import Declared
from gateway.rules.household import Sign
from gateway.rules.night import Night
from gateway.rules.rule import NOTHING, Finding, Readiness, Signal, Status

IDS: Final = ("bath", "toilet", "lavatory", "shower", "washroom", "weishengjian", "cesuo")
LABELS: Final = ("卫", "厕", "浴", "洗手", "茅")
SEEING: Final = frozenset({"motion", "occupancy"})
WATCHING: Final = SEEING | {"bed", "pressure", "contact"}
KEPT_DAYS: Final = 14
ENOUGH_DAYS: Final = 7
LONGER: Final = 1.25  # after Cuddihy et al. 2007: a quarter over the longest
_DAY, _NIGHT = 0, 1


def is_bathroom(room: str, label: str) -> bool:
    """Whether a room's id or its label says that it is one."""
    return any(word in room.lower() for word in IDS) or room.lower() == "wc" or any(sign in label for sign in LABELS)


class RoomOverstay(AskingRule):
    """Follows one person in and out of the bathrooms of a home."""

    name = "room_overstay"
    hears_stillness = False
    declared = Declared(
        "somebody went into the bathroom and was not seen to come out",
        needs=(
            "motion or occupancy in a bathroom (by its room's id or label)",
            "one elsewhere, a radar, or a contact on the bathroom's door",
        ),
        says=("ROOM_OVERSTAY",),
        parameters=("away.max_h", "night.from_h", "night.until_h", "room_overstay.*"),
        consent="MONITORING",
    )
    code = "ROOM_OVERSTAY"

    def __init__(self, civil: CivilTime) -> None:
        super().__init__(civil)
        self._night = Night(0, 0)
        self._limit = self._longest = 0
        self._room_of: dict[str, str] = {}  # every device in a bathroom
        self._watching: frozenset[str] = frozenset()  # what would see them come out
        self._radars: frozenset[str] = frozenset()
        self._doors: dict[str, bool] = {}  # doors of bathrooms: whether closed, once known
        self._seen: set[str] = set()  # radars that see somebody
        self._in: str | None = None  # the room
        self._device: str | None = None  # that saw them go in
        self._since = 0
        self._last = ("", -1)  # the last sign in there
        self._elsewhere = -1  # the last sign anywhere else
        self._whole = True  # all of the stay was observed: it can be learned
        self._stays: dict[int, list[int]] = {}  # day -> [longest by day, by night], ms

    def _set_up(self, home: HomeView, parameters: Parameters, t: int) -> Status | None:
        self._limit = parameters.ms("room_overstay.limit_min")
        self._longest = parameters.ms("room_overstay.longest_min")
        self._night = Night.of_hours(parameters["night.from_h"], parameters["night.until_h"])
        inside = [home.devices[d] for d in sorted(self._household.inside)]
        rooms = {d.room: is_bathroom(d.room, home.rooms.get(d.room, "")) for d in inside if d.room}
        there = [d for d in inside if d.room and rooms[d.room]]
        self._room_of = {d.id: d.room for d in there if d.room}
        self._radars = frozenset(d.id for d in there if d.kind == "occupancy")
        self._doors = {d.id: self._doors.get(d.id, False) for d in there if d.kind == "contact"}
        self._watching = frozenset(d.id for d in inside if d.kind in WATCHING)
        self._seen &= self._radars
        if self._in not in self._room_of.values():
            self._in = self._device = None
        if parameters["room_overstay.enabled"] <= 0:
            return Status(Readiness.OFF, "setting")
        if not any(d.kind in SEEING for d in there):
            return Status(Readiness.OFF, "no_bathroom_sensor")
        elsewhere = any(d.kind in SEEING for d in inside if d.id not in self._room_of)
        return None if elsewhere or self._radars or self._doors else Status(Readiness.OFF, "no_sensor_elsewhere")

    def _needed(self) -> Set[str]:
        return self._watching

    def _ready(self) -> Status:
        learning = not (self._radars or self._doors) and len(self._stays) < ENOUGH_DAYS
        return Status(Readiness.LEARNING if learning else Readiness.ARMED)

    # ---- in and out

    def _take(self, observation: Observation, sign: Sign | None) -> Iterable[Signal]:
        device, t = observation.device or "", observation.t
        if device in self._radars and observation.kind is Kind.OCCUPANCY:
            if observation.value is not True:
                self._seen.discard(device)
                if self._room_of[device] == self._in and not self._sees(self._in):
                    self._out(t)
                return NOTHING
            self._seen.add(device)
            if sign is None and self._running and not self._household.doubted and t != self._elsewhere:
                self._seen_in(self._room_of[device], device, t)  # no sign of life, but somebody is in there
        if sign is None:
            if self._household.doubted and device not in self._room_of:
                self._elsewhere = t  # believed if another says it in this moment, and the order must not matter
            return NOTHING
        if device in self._doors and observation.kind is Kind.CONTACT:
            self._doors[device] = observation.value == "closed"
            self._out(t)  # through it somebody goes in or out: who is in is seen again
        elif (room := self._room_of.get(device)) is None:
            if observation.kind not in KEYS:  # said, not seen: nobody knows where
                self._elsewhere = t
                self._out(t)
        elif t != self._elsewhere:  # seen in both in one moment: they are not in there alone
            self._seen_in(room, device, t)
        return NOTHING

    def _seen_in(self, room: str, device: str, t: int) -> None:
        if room != self._in:
            self._out(t)
            self._in, self._device, self._since, self._whole = room, device, t, True
        elif t == self._since:
            self._device = min(device, self._device or device)  # of several in one moment, whichever comes first
        self._last = (device, t)

    def _sees(self, room: str) -> bool:
        return any(self._room_of[radar] == room for radar in self._seen)

    def _certain(self) -> bool:
        """Whether something says that they are in there still."""
        assert self._in is not None
        doors = [closed for door, closed in self._doors.items() if self._room_of[door] == self._in]
        return self._sees(self._in) or (bool(doors) and all(doors))

    def _out(self, t: int) -> None:
        if self._in is None:
            return
        if self._whole and self._civil.trusted(t) and not self._asked:
            today = self._civil.day(t)
            self._stays = {day: row for day, row in self._stays.items() if day <= today}  # no day of a wrong clock
            longest = self._stays.setdefault(today, [0, 0])
            part = self._part(self._since)
            longest[part] = max(longest[part], t - self._since)
            for old in sorted(self._stays)[:-KEPT_DAYS]:
                del self._stays[old]
        self._in = self._device = None

    def _part(self, t: int) -> int:
        return _NIGHT if self._night.holds(self._civil, t) else _DAY

    # ---- too long

    def _waits(self) -> bool:
        return self._in is not None

    def _due(self) -> int | None:
        if self._in is None:
            return None
        limit = self._limit if self._certain() else self._learned_limit()
        return None if limit is None else self._since + limit

    def _learned_limit(self) -> int | None:
        """Where nothing is certain: a quarter over the longest stay of a fortnight; None: too long to be of use."""
        if len(self._stays) < ENOUGH_DAYS or not self._civil.trusted(self._since):
            return None
        part = self._part(self._since)
        limit = max(self._limit, round(LONGER * max(longest[part] for longest in self._stays.values())))
        return limit if limit <= self._longest else None

    def _judge(self, due: int) -> Iterable[Signal]:
        certain = self._certain()
        limit = self._limit if certain else self._learned_limit() or self._limit
        evidence = {
            "stay_min": (due - self._since) // 60_000,
            "limit_min": limit // 60_000,
            "seen_to_be_in": certain,
        }
        return (Finding(self.code, due, "not_come_out", self._device, evidence),)

    def _answers(self, observation: Observation, sign: Sign | None) -> bool:
        return sign is not None and self._in is None  # a move in there may be one who cannot get up

    def _begin_anew(self, t: int) -> None:
        self._since, self._whole = t, False

    def _run(self, t: int) -> None:
        if self._in is not None and self._last[1] == t:
            self._device, self._since, self._whole = self._last[0], t, True
        else:
            self._in = self._device = None  # nobody knows what happened meanwhile

    def _skip(self, start: int, end: int) -> None:
        self._since, self._whole = self._since + end - start, False

    # ---- for people

    def learned(self) -> dict[str, Any]:
        """The longest stays of the last fortnight."""
        if not self._stays:
            return {}
        day, night = (max(longest[part] for longest in self._stays.values()) // 60_000 for part in (_DAY, _NIGHT))
        return {"days": len(self._stays), "longest_stay_by_day_min": day, "longest_stay_by_night_min": night}

    def _state(self) -> dict[str, Any]:
        return {
            "doors": dict(self._doors), "seen": sorted(self._seen), "in": self._in, "device": self._device,
            "since": self._since, "last": list(self._last), "elsewhere": self._elsewhere,
            "whole": self._whole, "stays": [[day, *row] for day, row in self._stays.items()],
        }  # fmt: skip

    def _restore(self, data: dict[str, Any]) -> None:
        self._doors = {d: bool(data["doors"].get(d, False)) for d in self._doors}
        self._seen = set(data["seen"]) & self._radars
        self._in = None if data["in"] is None else str(data["in"])
        self._device = None if data["device"] is None else str(data["device"])
        self._since, self._whole = int(data["since"]), bool(data["whole"])
        self._last = (str(data["last"][0]), int(data["last"][1]))
        self._elsewhere = int(data["elsewhere"])
        self._stays = {int(row[0]): [int(row[1]), int(row[2])] for row in data["stays"]}
