"""Missing is not nothing: which supervised devices have given no sign of life for too long (T-24, T-25, T-27).

Any observation of a device is a sign of life; drivers see to it that only new packets, answered polls and heartbeats
become observations. `seen: false` is a driver's word that it can no longer tell, `seen: way_is_back` that it could
again: what was lost only to that is lost no longer, and its silence meanwhile is not held against it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Any

from gateway.home.model import HomeView
from gateway.observations import WAY_IS_BACK, Kind, Observation
from gateway.parameters import Parameters
from gateway.rules.rule import NOTHING, PlainRule, Signal, Technical


class Supervision(PlainRule):
    """Keeps the set of lost devices. Only devices with `heartbeat_s` are supervised by time."""

    name = "supervision"

    def __init__(self) -> None:
        self.lost: set[str] = set()
        self._limit: dict[str, int] = {}  # ms without a sign of life
        self._seen: dict[str, int] = {}
        self._blind_since: dict[str, int] = {}  # devices lost because their way was
        self._known: set[str] = set()
        self._queue: list[tuple[int, str]] = []  # lazily corrected: a device seen since is pushed back

    def configure(self, home: HomeView, parameters: Parameters, t: int) -> Iterable[Signal]:
        """Takes up new devices (their clock starts now), drops those that are gone."""
        factor, least = parameters["supervision.lost_factor"], parameters.ms("supervision.lost_min_h")
        self._known = set(home.devices)
        self._limit = {
            d.id: max(round(d.heartbeat_s * 1000 * factor), least)
            for d in home.devices.values()
            if d.heartbeat_s is not None
        }
        self._seen = {d: self._seen.get(d, t) for d in self._limit}
        self._rebuild_queue()
        gone = self.lost - self._known
        self.lost -= gone
        self._blind_since = {d: since for d, since in self._blind_since.items() if d in self._known}
        return [Technical("DEVICE_LOST", d, False, "removed") for d in sorted(gone)]

    def _rebuild_queue(self) -> None:
        self._queue = [(self._seen[d] + limit, d) for d, limit in self._limit.items() if d not in self.lost]
        heapq.heapify(self._queue)

    def observe(self, observation: Observation) -> Iterable[Signal]:
        """Any word from a device proves it alive, but the word that it is not."""
        device = observation.device
        if device is None or observation.kind is Kind.CONDITION:
            return NOTHING
        if observation.kind is Kind.SEEN and observation.value is False:
            if device in self._known and device not in self.lost:
                self._blind_since[device] = observation.t
            return self._lose(device, "driver_blind")
        if observation.kind is Kind.SEEN and observation.value == WAY_IS_BACK:
            return self._way_is_back(device, observation.t)
        self._blind_since.pop(device, None)
        if device in self._limit:
            self._seen[device] = observation.t
        if device not in self.lost:
            return NOTHING
        return self._found(device, "heard_again")

    def _found(self, device: str, reason: str) -> Iterable[Signal]:
        self.lost.discard(device)
        if device in self._limit:
            heapq.heappush(self._queue, (self._seen[device] + self._limit[device], device))
        return (Technical("DEVICE_LOST", device, False, reason),)

    def _way_is_back(self, device: str, t: int) -> Iterable[Signal]:
        since = self._blind_since.pop(device, None)
        if since is None:
            return NOTHING
        if device in self._seen:
            self._seen[device] += t - since
        return self._found(device, "way_is_back")

    def _lose(self, device: str, reason: str) -> Iterable[Signal]:
        if device in self.lost or device not in self._known:
            return NOTHING
        self.lost.add(device)
        return (Technical("DEVICE_LOST", device, True, reason),)

    def next_due(self) -> int | None:
        """When the first device would be lost if it stays silent."""
        while self._queue:
            due, device = self._queue[0]
            if device in self.lost or device not in self._limit:
                heapq.heappop(self._queue)
                continue
            now_due = self._seen[device] + self._limit[device]
            if now_due == due:
                return due
            heapq.heapreplace(self._queue, (now_due, device))
        return None

    def advance(self, t: int) -> Iterable[Signal]:
        """Declares lost what has been silent up to `t`."""
        signals: list[Signal] = []
        while (due := self.next_due()) is not None and due <= t:
            _, device = heapq.heappop(self._queue)
            signals.extend(self._lose(device, "silent"))
        return signals

    def gap(self, start: int, end: int) -> None:
        """Nobody could be heard while the gateway was off: that silence is not theirs."""
        slept = end - start
        for device, seen in self._seen.items():
            self._seen[device] = seen if device in self._blind_since else seen + slept  # theirs is added at its end
        self._rebuild_queue()

    def to_json(self) -> dict[str, Any]:
        """When each device was last heard, and who is lost."""
        return {"seen": dict(self._seen), "lost": sorted(self.lost), "blind_since": dict(self._blind_since)}

    def from_json(self, data: dict[str, Any]) -> None:
        """Restores what `to_json` gave, for devices that still exist."""
        self._seen.update({d: int(t) for d, t in data["seen"].items() if d in self._limit})
        self.lost = set(data["lost"]) & self._known
        self._blind_since = {d: int(t) for d, t in data.get("blind_since", {}).items() if d in self.lost}
        self._rebuild_queue()
