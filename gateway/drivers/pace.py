"""A bound on how fast each device may report, so that one that chatters never blocks another (A25).

Knows reports and a clock given to it. A token bucket for each device, and a separate one for its life-safety reports,
so that a chattering motion sensor never costs a press on the same device. What comes too fast is counted; only the
newest of it waits and follows as soon as the bound allows, so that the last state always arrives.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.observations import LIFE_SAFETY, Report

BURST: Final = 100  # a wearable's backlog after a gap, or a meter's table, comes at once
RATE_PER_S: Final = 20.0  # BTHome repeats a press some 10 times a second; nothing honest reports faster for long
MAX_BUCKETS: Final = 2_000  # memory bound, far above the devices one driver serves; the longest unused one is dropped


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float
    waiting: Report | None = None
    timer: asyncio.TimerHandle | None = None


class Pace:
    """Forwards at most `rate_per_s` a device after a burst. `dropped` hears of each report lost."""

    def __init__(
        self,
        forward: Callable[[Report], None],
        dropped: Callable[[Report], None],
        *,
        burst: int = BURST,
        rate_per_s: float = RATE_PER_S,
    ) -> None:
        self._forward, self._dropped = forward, dropped
        self._burst, self._rate_per_s = burst, rate_per_s
        self._buckets: OrderedDict[tuple[str | None, bool], _Bucket] = OrderedDict()

    def take(self, report: Report) -> None:
        """Forwards now, or keeps as the newest that waits."""
        bucket = self._bucket((report.device, report.kind in LIFE_SAFETY))
        if bucket.waiting is not None:
            self._dropped(bucket.waiting)
            bucket.waiting = report
        elif self._has_token(bucket):
            bucket.tokens -= 1
            self._forward(report)
        else:
            bucket.waiting = report
            delay_s = (1 - bucket.tokens) / self._rate_per_s
            bucket.timer = asyncio.get_running_loop().call_later(delay_s, self._release, bucket)

    def close(self) -> None:
        """Forwards what waits: the driver is being stopped, its last word counts."""
        for bucket in self._buckets.values():
            self._flush(bucket)

    def _bucket(self, key: tuple[str | None, bool]) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= MAX_BUCKETS:
                self._flush(self._buckets.popitem(last=False)[1])
            bucket = self._buckets[key] = _Bucket(self._burst, asyncio.get_running_loop().time())
        self._buckets.move_to_end(key)
        return bucket

    def _has_token(self, bucket: _Bucket) -> bool:
        now = asyncio.get_running_loop().time()
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.filled_at) * self._rate_per_s)
        bucket.filled_at = now
        return bucket.tokens >= 1

    def _release(self, bucket: _Bucket) -> None:
        self._has_token(bucket)
        bucket.tokens = max(0.0, bucket.tokens - 1)
        self._flush(bucket)

    def _flush(self, bucket: _Bucket) -> None:
        if bucket.timer is not None:
            bucket.timer.cancel()
            bucket.timer = None
        if bucket.waiting is not None:
            report, bucket.waiting = bucket.waiting, None
            self._forward(report)
