"""What wearables sent in the last ten seconds, and when it is worth keeping.

Acceleration is not written down: a day of it is a hundred megabytes and somebody's every step. What lies ten seconds
around a decision is, as one observation that holds the bursts with their times, so that `events | replay` and a
restart's rebuilding decide by the same samples. While a fall is asked about, everything is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Final

from gateway.alarms.life import AlarmEvent, Book, State
from gateway.observations import MAX_BURSTS, MAX_SAMPLES, Kind, Observation

AROUND_MS: Final = 10_000
"""Before a decision and after it (architecture, Recovery)."""
SIGN_OF_LIFE_MS: Final = 300_000
"""A wearable that is heard is written down as heard this often: supervision must know it after a restart, and calls
nothing lost within six minutes (`supervision.lost_min_h`)."""
MAX_WEARABLES: Final = 64  # with samples in memory; a home has one or two

Burst = tuple[int, dict[str, Any]]  # when its last sample was taken, and the observation's value


class RecentSignal:
    """The last ten seconds of each wearable, not yet written down."""

    def __init__(self) -> None:
        self._kept: dict[str, deque[Burst]] = {}
        self._until: dict[str, int] = {}  # keep everything up to then
        self._noted: dict[str, int] = {}  # when a wearable was last written down as heard

    def kept_with(self, observation: Observation, events: Iterable[AlarmEvent], book: Book) -> Observation | None:
        """What to write down of this burst: all that was kept and it, now and then that it came, else None."""
        device, t = observation.device or "", observation.t
        decided = any(_device_of(event, book) == device for event in events)
        if decided:
            self._until[device] = t + AROUND_MS
        self._keep(device, observation)
        asked = any(alarm.state is State.PRE_ALARM for alarm in book.live_of(device))
        if asked or t <= self._until.get(device, -1):
            return self._merged(device, t)
        self._until.pop(device, None)
        if t - self._noted.get(device, -SIGN_OF_LIFE_MS) < SIGN_OF_LIFE_MS:
            return None
        self._noted[device] = t
        return Observation(Kind.SEEN, True, t, device)

    def decided_without(
        self, events: Iterable[AlarmEvent], book: Book, t: int, but: str | None = None
    ) -> list[Observation]:
        """Time or another device decided about a wearable: what it sent before, to be written down first."""
        named = dict.fromkeys(_device_of(event, book) for event in events)
        devices = [device for device in named if device is not None and device != but and device in self._kept]
        for device in devices:
            self._until[device] = t + AROUND_MS
        return [self._merged(device, t) for device in devices]

    def _keep(self, device: str, observation: Observation) -> None:
        kept = self._kept.setdefault(device, deque())
        kept.append((observation.t - observation.value.get("lag_ms", 0), observation.value))
        while kept[0][0] < observation.t - AROUND_MS and len(kept) > 1:
            kept.popleft()
        while len(kept) > 1 and (len(kept) > MAX_BURSTS or sum(len(v["g"]) for _, v in kept) > MAX_SAMPLES):
            kept.popleft()
        while len(self._kept) > MAX_WEARABLES:
            gone = next(iter(self._kept))
            del self._kept[gone]
            self._noted.pop(gone, None)

    def _merged(self, device: str, t: int) -> Observation:
        """Everything kept of a wearable as one observation of `t`; nothing is kept twice."""
        kept, self._noted[device] = self._kept.pop(device), t
        if len(kept) == 1 and kept[0][0] == t:
            return Observation(Kind.ACCELERATION, kept[0][1], t, device)
        rate = kept[-1][1]["rate_hz"]
        bursts = [[t - last, value["g"]] for last, value in kept if value["rate_hz"] == rate]
        return Observation(Kind.ACCELERATION, {"rate_hz": rate, "bursts": bursts}, t, device)


def _device_of(event: AlarmEvent, book: Book) -> str | None:
    alarm = book.alarms.get(event.alarm)
    return None if alarm is None else alarm.device
