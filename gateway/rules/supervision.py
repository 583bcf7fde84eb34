"""Missing is not nothing: which supervised devices have given no sign of life for too long (T-24 to T-27, T-29).

Any observation of a device is a sign of life; drivers see to it that only new packets, answered polls and heartbeats
become observations. `seen: false` is a driver's word that it can no longer tell, `seen: way_is_back` that it could
again: what was lost only to that is lost no longer, and its silence meanwhile is not held against it.

A device is held to the interval it states (`heartbeat_s`), else to the regular one it has shown, else, once it has
spoken by itself for a week, to a day and three times its longest silence. One that never speaks by itself (a key
without a beacon) is vouched for by whoever records: its silence tells nothing, only the monthly test does (T-17). A
wearable that went out with its wearer, as was said or as the door tells, is not lost (T-26). When all that beacon fall
silent at once it is the radio, and said once (T-29).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Any, Final

from gateway.home.model import Device, HomeView
from gateway.observations import WAY_IS_BACK, Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.declared import Declared
from gateway.rules.interference import Chorus
from gateway.rules.outing import STILL_HEARD_MS, Outing
from gateway.rules.rule import NOTHING, PlainRule, Signal, Technical
from gateway.rules.sightings import HAPPENINGS, ROUTINE, WEEK_MS, Sightings

INTERFERENCE: Final = "RADIO_INTERFERENCE"
TRIGGERS: Final = frozenset({"button", "wearable"})
ALARM_DETECTORS: Final = frozenset({"smoke", "gas", "co", "heat"})
LIFE_SAFETY_TRIGGERS: Final = TRIGGERS | ALARM_DETECTORS  # lost, they are P2 and no mere fault (domain 4.2)
SLOW_FACTOR: Final = 1.5
"""A device that states a longer interval than T-24 allows for is given half of it more; what was only learned is given
`lost_factor` all the same, for one that speaks by no clock may seem to for a while."""
STATED: Final = "stated"
MAX_LEARNING: Final = 1_000  # devices whose sightings are kept
_DECLARED: Final = frozenset({Kind.AWAY, Kind.RECORDER})
_CONDITION: Final = Kind.CONDITION
_SEEN: Final = Kind.SEEN


class Supervision(PlainRule):
    """Keeps the set of lost devices."""

    name = "supervision"
    declared = Declared(
        "devices that give no sign of life for longer than their stated or learned interval; all at once is the radio",
        needs=("devices with heartbeat_s, or that speak by themselves",),
        says=("DEVICE_LOST", "RADIO_INTERFERENCE"),
        parameters=("away.max_h", "away.notice_h", "supervision.*"),
    )

    def __init__(self) -> None:
        self._gone: set[str] = set()
        self._limit: dict[str, int] = {}  # ms without a sign of life
        self._seen: dict[str, int] = {}
        self._blind_since: dict[str, int] = {}  # devices lost because their way was
        self._devices: dict[str, Device] = {}
        self._queue: list[tuple[int, str]] = []  # lazily corrected: a device seen since is pushed back
        self._factor, self._least, self._most = 3.0, 0, {"": 0}
        self._least_irregular = 0
        self._learns = False
        self._sightings: dict[str, Sightings] = {}
        self._chorus = Chorus()
        self._away_until: int | None = None
        self._away_since = self._away_max = 0
        self._outing = Outing()
        self._wearables: set[str] = set()
        self._waived: set[str] = set()  # taken along, so that nothing is due of them
        self._unrecorded: int | None = None  # since when nobody records what is heard

    @property
    def lost(self) -> set[str]:
        """Who cannot be heard: lost one by one, or all at once."""
        return self._gone | self._chorus.deaf if self._chorus.deaf else self._gone

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """Takes up new devices (their clock starts now), drops those that are gone."""
        self._factor, self._least = parameters["supervision.lost_factor"], parameters.ms("supervision.lost_min_h")
        self._least_irregular = parameters.ms("supervision.irregular_h")
        trigger, alarm = parameters.ms("supervision.trigger_lost_h"), parameters.ms("supervision.alarm_lost_h")
        self._most = dict.fromkeys(TRIGGERS, trigger) | dict.fromkeys(ALARM_DETECTORS, alarm)
        self._learns = parameters["supervision.learn"] > 0
        self._away_max = parameters.ms("away.max_h")
        self._chorus.silence_ms = parameters.ms("supervision.interference_s")
        self._chorus.least = round(parameters["supervision.interference_devices"])
        self._devices = dict(home.devices)
        self._wearables = {d.id for d in home.devices.values() if d.kind == "wearable"}
        self._outing.configure(home, parameters)
        known = self._devices.keys()
        self._sightings = {d: s for d, s in self._sightings.items() if d in known and self._learns}
        self._limit = {d.id: limit for d in home.devices.values() if (limit := self._limit_of(d)) is not None}
        self._seen = {d: self._seen.get(d, t) for d in self._limit}
        self._rebuild_queue()
        gone = self._gone - known
        self._gone -= gone
        self._chorus.keep_only(set(known) if self._learns else set())
        self._chorus.without(self._gone)
        self._blind_since = {d: since for d, since in self._blind_since.items() if d in known}
        return [Technical("DEVICE_LOST", d, False, "removed") for d in sorted(gone)]

    def _pace(self, device: Device) -> tuple[float, int, str] | None:
        """(interval in ms, the least it may be silent, how that is known), or None where nothing is known."""
        if device.heartbeat_s is not None:
            return device.heartbeat_s * 1000, self._least, STATED
        shown = self._sightings.get(device.id)
        if shown is None:
            return None
        if shown.interval is not None:
            return shown.interval, self._least, "learned"
        if shown.longest is None or shown.longest * self._factor > WEEK_MS:
            return None
        return shown.longest, self._least_irregular, "longest silence"

    def _limit_of(self, device: Device) -> int | None:
        """How long this device may be silent, or None where nothing is known of its pace."""
        pace = self._pace(device)
        if pace is None:
            return None
        interval, least, source = pace
        limit = max(round(interval * self._factor), least)
        most = self._most.get(device.kind)
        slow = SLOW_FACTOR if source == STATED else self._factor
        return limit if most is None else min(limit, max(most, round(interval * slow)))

    def _rebuild_queue(self) -> None:
        self._queue = [(self._seen[d] + limit, d) for d, limit in self._limit.items() if d not in self._gone]
        heapq.heapify(self._queue)
        self._waived.clear()

    # ---- what is heard

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """Any word from a device proves it alive, but the word that it is not."""
        device, kind, t = observation.device, observation.kind, observation.t
        self.sooner = True
        declared, left = kind in _DECLARED, self._outing.since
        if declared:
            self._declared(observation)
        if self._outing.hear(observation):
            declared = True
            if left is not None and left != self._outing.since:
                self._back_since(left, t)
        if device is None or kind is _CONDITION:
            self.sooner = declared
            return NOTHING
        if kind is _SEEN:
            if observation.value is False:
                return self._way_is_gone(device, t)
            if observation.value == WAY_IS_BACK:
                return self._way_is_back(device, t)
        if self._blind_since:
            self._blind_since.pop(device, None)
        chorus, over, begins = self._chorus, False, False
        if device in chorus.members:
            deaf, begins = chorus.deaf, not chorus.sang
            over = chorus.heard(device, t)
            if over:  # before anything is learned: that silence was nobody's pace
                self._hear_anew(deaf, t)
        if device in self._wearables and device in self._seen and self._is_out(device):
            self._pause(device)
        waived = bool(self._waived) and device in self._waived
        learned = self._learns and (kind in ROUTINE or kind in HAPPENINGS) and self._learn(device, observation)
        if device in self._limit:
            self._seen[device] = t
            if waived:  # it is here, wherever its wearer is
                self._waived.discard(device)
                heapq.heappush(self._queue, (t + self._limit[device], device))
        if device not in self._gone and not over:  # who was heard is lost later, and that is all
            self.sooner = learned or begins or declared or waived
            return NOTHING
        signals = self._found(device, "heard_again") if device in self._gone else NOTHING
        return signals if not over else (*signals, Technical(INTERFERENCE, "", False, "heard_again"))

    def _recorded(self, on: bool, t: int) -> None:
        """What nobody recorded is no silence of a device's own."""
        if not on and self._unrecorded is None:
            self._unrecorded = t
        elif on and self._unrecorded is not None:
            since, self._unrecorded = self._unrecorded, None
            self.gap(since, t)
            self._seen = {device: min(seen, t) for device, seen in self._seen.items()}  # some were heard all the same
            self._rebuild_queue()

    def _hear_anew(self, devices: Iterable[str], t: int) -> None:
        """The silence of these was not their own: it counts from `t`."""
        for device in devices:
            self._pause(device)
            if device in self._seen:
                self._seen[device] = t
        self._rebuild_queue()

    def _pause(self, device: str) -> None:
        if device in self._sightings:
            self._sightings[device].pause()

    def _learn(self, device: str, said: Observation) -> bool:
        """Whether what is known of its pace changed."""
        kind, t = said.kind, said.t
        sightings = self._sightings.get(device)
        if sightings is None:
            known = self._devices.get(device)
            if known is None or len(self._sightings) >= MAX_LEARNING:
                return False
            sightings = self._sightings[device] = Sightings()
        if kind in ROUTINE:
            changed = sightings.seen(t, lost=device in self._gone)
        else:
            changed = sightings.happened(kind, said.value, t)
        if not changed:
            return False
        self._chorus.joins(device, sightings.interval)
        limit = self._limit_of(self._devices[device])
        if limit is None:
            self._limit.pop(device, None)
            self._seen.pop(device, None)
        elif self._limit.get(device) != limit:
            self._limit[device], self._seen[device] = limit, t
            self._rebuild_queue()
        return True

    def _declared(self, observation: Observation) -> None:
        """Nobody records; or away, for so long at most: a wearable's silence is not its own (T-26)."""
        value, t = observation.value, observation.t
        if observation.kind is Kind.RECORDER:
            self._recorded(value is True, t)
        elif value is True or (isinstance(value, dict) and value.get("away") is True):
            if self._away_until is None:
                self._away_until, self._away_since = t + self._away_max, t
        elif self._away_until is not None:
            self._at_home_again(t)

    def _at_home_again(self, t: int) -> None:
        self._away_until = None
        self._back_since(self._away_since, t)

    def _back_since(self, since: int, t: int) -> None:
        """Home again: the silence of what was taken along goes on from where it stood, and hides no dead one."""
        for device, seen in self._seen.items():
            if device in self._wearables and seen <= since + STILL_HEARD_MS and device not in self._gone:
                self._pause(device)
                self._seen[device] = seen + t - max(seen, since)
        self._rebuild_queue()

    def _found(self, device: str, reason: str) -> Iterable[Signal]:
        self._gone.discard(device)
        self._chorus.without(self._gone)
        if device in self._limit:
            heapq.heappush(self._queue, (self._seen[device] + self._limit[device], device))
        return (Technical("DEVICE_LOST", device, False, reason),)

    def _way_is_gone(self, device: str, t: int) -> Iterable[Signal]:
        """Its driver cannot tell any more whether it is there."""
        if device in self._devices and device not in self._gone:
            self._blind_since[device] = t
        self._pause(device)
        return self._lose(device, "driver_blind")

    def _way_is_back(self, device: str, t: int) -> Iterable[Signal]:
        since = self._blind_since.pop(device, None)
        self._pause(device)
        if since is None:
            return NOTHING
        if device in self._seen:
            self._seen[device] += t - since
        return self._found(device, "way_is_back")

    def _lose(self, device: str, reason: str) -> Iterable[Signal]:
        if device in self._gone or device not in self._devices:
            return NOTHING
        self._gone.add(device)
        self._chorus.without(self._gone)
        return (Technical("DEVICE_LOST", device, True, reason),)

    # ---- time

    def next_due(self) -> int | None:
        """When the first device would be lost if it stays silent, or all of them at once, or an absence ends."""
        away_until, outing = self._away_until, self._outing.next_due()
        if outing is not None and (away_until is None or outing < away_until):
            away_until = outing
        if self._unrecorded is not None:
            return away_until
        due, together = self._next_alone(), self._chorus.due()
        if together is not None and (due is None or together < due):
            due = together
        return away_until if away_until is not None and (due is None or away_until < due) else due

    def _next_alone(self) -> int | None:
        while self._queue:
            due, device = self._queue[0]
            limit = self._limit.get(device)
            if limit is None or device in self._gone:
                heapq.heappop(self._queue)
                continue
            if self._excused(device):
                self._waived.add(heapq.heappop(self._queue)[1])
                continue
            now_due = self._seen[device] + limit
            if now_due <= due:
                return due
            heapq.heapreplace(self._queue, (now_due, device))
        return None

    def _excused(self, device: str) -> bool:
        """Out with its wearer, or unheard of like all the others: back in the queue when that is over."""
        return device in self._chorus.deaf or (device in self._wearables and self._is_out(device))

    def _is_out(self, wearable: str) -> bool:
        return self._away_until is not None or self._outing.took(self._seen[wearable])

    def advance(self, t: int) -> Iterable[Signal]:
        """Declares lost what has been silent up to `t`."""
        signals: list[Signal] = []
        if self._away_until is not None and self._away_until <= t:
            self._at_home_again(self._away_until)
        left = self._outing.since
        self._outing.advance(t)
        if left is not None and self._outing.since is None:
            self._back_since(left, t)
        if self._unrecorded is not None:
            return signals
        together = self._chorus.due()
        if together is not None and together <= t:
            self._chorus.fall_silent()
            signals.append(Technical(INTERFERENCE, "", True, "all_silent"))
        while (due := self._next_alone()) is not None and due <= t:
            _, device = heapq.heappop(self._queue)
            signals.extend(self._lose(device, "silent"))
        return signals

    def gap(self, start: int, end: int) -> None:
        """Nobody could be heard while the gateway was off: that silence is not theirs."""
        slept = end - start
        for device, seen in self._seen.items():
            self._seen[device] = seen if device in self._blind_since else seen + slept  # theirs is added at its end
        for sightings in self._sightings.values():
            sightings.pause()
        self._chorus.pause(end)
        if self._away_until is not None:
            self._away_until, self._away_since = max(self._away_until, end), self._away_since + slept
        self._outing.gap(start, end)
        self._rebuild_queue()

    # ---- what people may see

    def learned(self) -> dict[str, Any]:
        """Each supervised device's interval, where it comes from, and when its silence means that it is lost."""
        rows = {}
        for device, limit in sorted(self._limit.items()):
            interval, _, source = self._pace(self._devices[device]) or (0.0, 0, "")
            rows[device] = {
                "interval_s": round(interval / 1000, 1), "source": source, "lost_after_s": round(limit / 1000),
            }  # fmt: skip
        silent = sorted(self._devices.keys() - rows.keys())  # nobody would notice if these were silent for ever
        return {"lost": sorted(self.lost), "unsupervised": silent, "devices": rows}

    # ---- snapshot

    def conditions(self) -> Iterable[tuple[str, str]]:
        """Who is lost, and the radio."""
        lost = [("DEVICE_LOST", device) for device in sorted(self._gone)]
        return [*lost, (INTERFERENCE, "")] if self._chorus.deaf else lost

    def to_json(self) -> dict[str, Any]:
        """When each device was last heard, what was learned of it, and who is lost."""
        return {
            "seen": dict(self._seen),
            "lost": sorted(self._gone),
            "blind_since": dict(self._blind_since),
            "sightings": {device: sightings.to_json() for device, sightings in self._sightings.items()},
            "chorus": self._chorus.to_json(),
            "away_until": self._away_until,
            "away_since": self._away_since,
            "outing": self._outing.to_json(),
            "unrecorded": self._unrecorded,
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """Restores what `to_json` gave, for devices that still exist."""
        rows = data.get("sightings", {}).items() if self._learns else ()
        self._sightings = {d: Sightings.from_json(row) for d, row in rows if d in self._devices}
        for device, sightings in self._sightings.items():
            self._chorus.joins(device, sightings.interval)
            if (limit := self._limit_of(self._devices[device])) is not None:
                self._limit[device] = limit
        self._seen.update({d: int(t) for d, t in data["seen"].items() if d in self._limit})
        self._limit = {d: limit for d, limit in self._limit.items() if d in self._seen}
        self._gone = set(data["lost"]) & self._devices.keys()
        self._blind_since = {d: int(t) for d, t in data.get("blind_since", {}).items() if d in self._gone}
        if "chorus" in data:
            self._chorus.from_json(data["chorus"])
        self._chorus.without(self._gone)
        until = data.get("away_until")
        self._away_until = None if until is None else int(until)
        self._away_since = int(data.get("away_since", 0))
        if "outing" in data:
            self._outing.from_json(data["outing"])
        since = data.get("unrecorded")
        self._unrecorded = None if since is None else int(since)
        self._rebuild_queue()
