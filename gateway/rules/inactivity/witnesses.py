"""The devices that bear witness to life: what each one's word means, and what is lost with each.

Knows kinds and counts. A witness whose silence means nothing (a button) still proves life when it speaks. So does the
electricity meter where it shows a kettle or a cooker; its silence means nothing, for a refrigerator goes on by itself.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any, Final

from gateway.home.model import HomeView
from gateway.observations import Kind, Observation
from gateway.rules.appliance_events import ApplianceEvents
from gateway.rules.in_sight import InSight
from gateway.rules.switched import Switched

WITNESS_KINDS: Final = frozenset(
    {"motion", "occupancy", "contact", "pressure", "bed", "appliance", "flush", "light", "water_meter"}
)
"""Devices whose silence means something here."""
METERED_KINDS: Final = frozenset({"electricity_meter", "appliance"})
"""Whose power may show a kettle or a cooker: the home's meter, or the plug that one is on. A forgotten stove pulses,
and goes off by its own timer: what it draws is `stove`'s matter."""
_TRUE_IS_ACTIVITY: Final = frozenset({Kind.MOTION, Kind.FLUSH})
_ANY_IS_ACTIVITY: Final = frozenset({Kind.BUTTON, Kind.CANCEL, Kind.OK})
_STATEFUL: Final = frozenset({Kind.CONTACT, Kind.PRESSURE, Kind.BED, Kind.LIGHT})
"""Only a change is an act: a door sensor's heartbeat repeats its state."""

ACTS: Final = (
    _TRUE_IS_ACTIVITY
    | _ANY_IS_ACTIVITY
    | _STATEFUL
    | {Kind.OCCUPANCY, Kind.APPLIANCE, Kind.WATER, Kind.WATER_VOLUME, Kind.POWER}
)
"""All that may be an act of a person, or remind of one: what a rule must hear that asks `Witnesses.is_activity`."""
_POWER: Final = Kind.POWER
_OCCUPANCY: Final = Kind.OCCUPANCY

SAME_DRAW_MS: Final = 9 * 60_000  # under twice a 5-minute interval: flow in every interval is one draw
DRIP_SPANS: Final = 48  # half-hours: a day, as the leak rule has it
SPAN_MS: Final = 30 * 60_000  # who saw what is counted by half-hours
ENOUGH_SPANS: Final = 7 * 24  # about a week of waking half-hours: before that nobody knows who sees what
FORGET_SPANS: Final = 4 * ENOUGH_SPANS  # then all counts are halved: a sensor moved to another room is known in weeks
MAY_MISS: Final = 0.1
"""With at most this share of the active half-hours unseen, the other witnesses see enough to go on, at the hard cap."""


class Witnesses:
    """Says what is an act of a person, and keeps count of which half-hours each device alone has seen."""

    def __init__(self) -> None:
        self.needed: frozenset[str] = frozenset()
        self._others: frozenset[str] = frozenset()  # water meters that count a neighbour's use, or a well's pump
        self._last: dict[str, Any] = {}  # last state of contacts, mats, lights; registers of water meters
        self._appliances: dict[str, ApplianceEvents] = {}  # meter or plug -> the kettle and the cooker behind it
        self._switched = Switched()
        self._radars = InSight()
        self._flow: dict[str, int] = {}  # when each water meter last saw flow
        self._wet: dict[str, tuple[int, int]] = {}  # and the half-hours since when, and in which, without a dry one
        self._span_end = 0
        self._now: set[str] = set()  # who has seen somebody in this half-hour
        self._spans = 0
        self._seen: dict[str, int] = {}
        self._alone: dict[str, int] = {}

    def configure(self, home: HomeView) -> None:
        """Takes up the devices of the home and forgets those that are gone."""
        self._others = frozenset(d.id for d in home.devices.values() if d.supply not in (None, "own"))
        self.needed = frozenset(d.id for d in home.devices.values() if d.kind in WITNESS_KINDS) - self._others
        self._last = {n: v for n, v in self._last.items() if n.partition(":")[2] in home.devices}
        self._switched.keep(home.devices)
        self._radars.keep(home.devices)
        self._flow = {d: t for d, t in self._flow.items() if d in home.devices}
        self._wet = {d: spans for d, spans in self._wet.items() if d in home.devices}
        meters = [d.id for d in home.devices.values() if d.kind in METERED_KINDS]
        self._appliances = {m: self._appliances.get(m) or ApplianceEvents() for m in meters}
        self._now &= self.needed
        self._seen = {d: n for d, n in self._seen.items() if d in self.needed}
        self._alone = {d: n for d, n in self._alone.items() if d in self.needed}

    def is_activity(self, observation: Observation) -> bool:
        """Whether somebody must be there for this to be said. Asked once for each observation: it remembers states."""
        kind, device = observation.kind, observation.device
        if kind in _TRUE_IS_ACTIVITY:
            return observation.value is True
        if kind is _POWER:
            meter = self._appliances.get(device or "")
            if meter is None or observation.late:
                return False
            return meter.observe(float(observation.value), observation.t) is not None
        if kind in _STATEFUL and device is not None:
            name = f"{kind}:{device}"  # one device may report several things
            before, self._last[name] = self._last.get(name), observation.value
            return before is None or before != observation.value
        if kind is _OCCUPANCY:
            return self._radars.is_sign(device or "", observation.value is True, observation.t)
        if kind is Kind.APPLIANCE:
            return self._switched.is_act(device or "", observation.value is True, observation.t)
        if kind is Kind.WATER:
            return observation.value > 0 and device not in self._others and self._begins(device or "", observation.t)
        if kind is Kind.WATER_VOLUME and device is not None and device not in self._others:
            name = f"{kind}:{device}"
            before, self._last[name] = self._last.get(name), observation.value
            if before is None or observation.value <= before:  # a smaller one is a swapped meter (A27)
                return False
            return self._begins(device, observation.t)
        return kind in _ANY_IS_ACTIVITY

    def passage(self, t: int) -> None:
        """An entrance was used at `t`."""
        self._radars.passage(t)

    def _begins(self, meter: str, t: int) -> bool:
        """Whether this flow is a new draw. One that goes on was begun by a person once; a leak goes on by itself."""
        before, self._flow[meter] = self._flow.get(meter), t
        return not self._drips(meter, t) and (before is None or t - before >= SAME_DRAW_MS)

    def _drips(self, meter: str, t: int) -> bool:
        """Whether no half-hour of a day was dry: no person does that, and a cistern that trickles is no sign of one."""
        span = t // SPAN_MS
        first, last = self._wet.get(meter, (span, span))
        if span - last > 1:
            first = span
        self._wet[meter] = (first, span)
        return span - first >= DRIP_SPANS

    @property
    def dripping(self) -> frozenset[str]:
        """Water meters that see people no more, for the flow never ends. Once it did, `dried` must be called."""
        return frozenset(d for d, (first, last) in self._wet.items() if last - first >= DRIP_SPANS)

    def dries(self) -> int | None:
        """When the first of them has had a whole dry half-hour, if no flow comes before."""
        return min(((self._wet[meter][1] + 2) * SPAN_MS for meter in self.dripping), default=None)

    def dried(self, t: int) -> None:
        """Believes the meters again whose flow had ended by `t`."""
        self._wet = {d: spans for d, spans in self._wet.items() if t // SPAN_MS - spans[1] <= 1}

    def gap(self, end: int) -> None:
        """Nobody read until `end`: what dripped before goes on until it is seen dry."""
        for meter in self.dripping:
            first, last = self._wet[meter]
            self._wet[meter] = (first, max(last, end // SPAN_MS))

    def saw(self, device: str | None, t: int) -> None:
        """`device` has seen somebody at `t`."""
        if t >= self._span_end:
            self._close_span()
            self._span_end = t - t % SPAN_MS + SPAN_MS
        if device in self.needed:
            self._now.add(device)

    def _close_span(self) -> None:
        if not self._now:
            return
        self._spans += 1
        for device in self._now:
            self._seen[device] = self._seen.get(device, 0) + 1
        if len(self._now) == 1:
            (only,) = self._now
            self._alone[only] = self._alone.get(only, 0) + 1
        self._now = set()
        if self._spans >= FORGET_SPANS:
            self._spans //= 2
            self._seen = {d: n // 2 for d, n in self._seen.items() if n > 1}
            self._alone = {d: n // 2 for d, n in self._alone.items() if n > 1}

    def see_enough_without(self, lost: Set[str]) -> bool:
        """Whether the others would have seen nearly every half-hour in which somebody was active.

        Of one lost device that is known exactly; of several, what each saw is added up: rather blind than wrong.
        """
        gone = self.needed & lost
        if not gone:
            return True
        if self._spans < ENOUGH_SPANS or gone == self.needed:
            return False
        counts = self._alone if len(gone) == 1 else self._seen
        return sum(counts.get(device, 0) for device in gone) <= MAY_MISS * self._spans

    def coverage(self) -> dict[str, dict[str, float]]:
        """For people: the share of active half-hours each device saw, and saw alone."""
        total = max(self._spans, 1)
        return {
            d: {"saw": round(n / total, 3), "alone": round(self._alone.get(d, 0) / total, 3)}
            for d, n in sorted(self._seen.items())
        }

    def to_json(self) -> dict[str, Any]:
        """The last states and the counts."""
        return {
            "last": dict(self._last),
            "switched": self._switched.to_json(),
            "radars": self._radars.to_json(),
            "flow": dict(self._flow),
            "wet": {meter: list(spans) for meter, spans in self._wet.items()},
            "appliances": {meter: events.to_json() for meter, events in self._appliances.items()},
            "span_end": self._span_end,
            "now": sorted(self._now),
            "spans": self._spans,
            "seen": dict(self._seen),
            "alone": dict(self._alone),
        }

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._last = dict(data["last"])
        if "switched" in data:  # not in snapshots of 0.1
            self._switched.from_json(data["switched"])
        if "radars" in data:  # nor this
            self._radars.from_json(data["radars"])
        self._flow = {str(d): int(t) for d, t in data["flow"].items()}
        self._wet = {str(d): (int(first), int(last)) for d, (first, last) in data.get("wet", {}).items()}
        for meter, state in data.get("appliances", {}).items():
            if meter in self._appliances:
                self._appliances[meter].from_json(state)
        self._span_end, self._spans = int(data["span_end"]), int(data["spans"])
        self._now = {str(d) for d in data["now"]}
        self._seen = {str(d): int(n) for d, n in data["seen"].items()}
        self._alone = {str(d): int(n) for d, n in data["alone"].items()}
