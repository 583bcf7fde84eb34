"""What wearables sent in the last ten seconds, and when it is worth keeping.

Acceleration is not written down: a day of it is a hundred megabytes and somebody's every step. What lies ten seconds
around a decision is, as one observation that holds the bursts and where the fall rule put them: what arrives with
jitter is put on the wearable's grid, and nobody finds that grid again who hears only its last ten seconds. So `events |
replay` and a restart's rebuilding decide by the same samples at the same times. While a fall is asked about, everything
is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from gateway.alarms.life import AlarmEvent, Book, State
from gateway.observations import MAX_BURSTS, MAX_LAG_MS, MAX_SAMPLES, Kind, Observation
from gateway.rules.fall.stream import Stream
from gateway.rules.fall.wearable import bursts_of

AROUND_MS: Final = 10_000
"""Before a decision and after it (architecture, Recovery)."""
SIGN_OF_LIFE_MS: Final = 300_000
"""A wearable that is heard is written down as heard this often: supervision must know it after a restart, and calls
nothing lost within six minutes (`supervision.lost_min_h`)."""
Samples = list[list[float]]
MAX_WEARABLES: Final = 64  # with samples in memory; a home has one or two


class _Heard:
    """What one wearable sent and is not yet written down: where the fall rule puts each burst, and its value."""

    __slots__ = ("kept", "stream")

    def __init__(self) -> None:
        self.stream = Stream()
        self.kept: deque[tuple[float, float, Samples]] = deque()  # when its last sample was taken, its rate, samples

    def take(self, observation: Observation) -> None:
        """Another burst. One that was heard before, or that is too old, the rule does not hear either."""
        for burst in bursts_of(observation):
            run, _ = self.stream.append(burst.last_t, burst.rate_hz, burst.samples, on_grid=burst.on_grid)
            if run is not None:
                self.kept.append((run.last, burst.rate_hz, burst.samples))
        kept = self.kept
        while len(kept) > 1 and kept[0][0] < kept[-1][0] - AROUND_MS:
            kept.popleft()
        while len(kept) > 1 and (len(kept) > MAX_BURSTS or sum(len(g) for _, _, g in kept) > MAX_SAMPLES):
            kept.popleft()


class RecentSignal:
    """The last ten seconds of each wearable, not yet written down."""

    def __init__(self) -> None:
        self._heard: dict[str, _Heard] = {}
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
            return self._merged(device, t) if self._unwritten(device, t) else None
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
        devices = [device for device in named if device is not None and device != but and self._unwritten(device, t)]
        for device in devices:
            self._until[device] = t + AROUND_MS
        return [self._merged(device, t) for device in devices]

    def _unwritten(self, device: str, t: int) -> bool:
        """Whether there is something to write at `t`; samples older than an observation may hold are let go."""
        heard = self._heard.get(device)
        if heard is None:
            return False
        while heard.kept and t - heard.kept[0][0] > MAX_LAG_MS:
            heard.kept.popleft()
        return bool(heard.kept)

    def _keep(self, device: str, observation: Observation) -> None:
        heard = self._heard.pop(device) if device in self._heard else _Heard()
        self._heard[device] = heard  # the longest silent stand first
        heard.take(observation)
        while len(self._heard) > MAX_WEARABLES:
            gone = next(iter(self._heard))
            del self._heard[gone]
            self._noted.pop(gone, None)

    def _merged(self, device: str, t: int) -> Observation:
        """Everything kept of a wearable as one observation of `t`; nothing is kept twice."""
        heard, self._noted[device] = self._heard[device], t
        kept, heard.kept = heard.kept, deque()
        rate = kept[-1][1]
        bursts = [[float(t - last), samples] for last, hz, samples in kept if hz == rate]
        return Observation(Kind.ACCELERATION, {"rate_hz": rate, "bursts": bursts, "on_grid": True}, t, device)


def _device_of(event: AlarmEvent, book: Book) -> str | None:
    alarm = book.alarms.get(event.alarm)
    return None if alarm is None else alarm.device
