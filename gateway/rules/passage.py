"""Whether who uses an entrance comes in or goes out, by what was seen inside before. Pure, durations in controller ms.

Who goes out was inside: the feet in the hall on the way prove nobody at home afterwards. Where nobody had been seen
inside since the entrance was used last, somebody comes in, and the first movement inside is theirs. The same judgement
as `inactivity.presence`, whose measurements bear it (148 of 152 returns); where anything went unseen, it is an exit.
"""

from __future__ import annotations

from typing import Any, Final

ABSENCE_MS: Final = 10 * 60_000  # nobody seen inside for so long after the door: the next movement is a return
SAME_PASSAGE_MS: Final = 60_000  # who comes in opens and closes more than once; later it may be the way out again


class Passage:
    """Follows the movements of the entrances and the signs from inside, day and night."""

    __slots__ = ("_absent", "_entered", "_last", "_left", "_returning")

    def __init__(self) -> None:
        self._last: int | None = None  # movement of an entrance
        self._absent: int | None = None  # the same, while nobody was seen inside since and all could be seen
        self._returning = self._entered = False
        self._left: int | None = None  # since when they were out who come in now

    def door(self, closed: bool, t: int) -> bool:
        """An entrance moved at `t`. False: it only closed behind somebody who was seen to have come in."""
        same = self._returning and self._last is not None and t - self._last <= SAME_PASSAGE_MS
        self._last = t
        if same and self._entered and closed:
            return False
        if not same:
            self._returning = self._absent is not None and t - self._absent >= ABSENCE_MS
            self._left = self._absent if self._returning else None
        self._absent, self._entered = t, False
        return True

    def inside(self, settle: int, t: int) -> bool:
        """Something moved inside at `t`; returns whether that is somebody at home. `settle`: how long feet go out."""
        if self._absent is not None and not self._returning and t - self._absent < settle:
            return False
        self._absent, self._entered = None, True
        return True

    def came_back(self) -> int | None:
        """Since when they were out whose first sign this was; None if nobody came in. Said once."""
        left, self._left = self._left, None
        return left

    def unseen(self) -> None:
        """Nobody could see for a while: whoever moves the door next may as well go out."""
        self._absent, self._left, self._returning, self._entered = None, None, False, False

    def to_json(self) -> list[Any]:
        """For a snapshot."""
        return [self._last, self._absent, self._returning, self._entered, self._left]

    def from_json(self, row: list[Any]) -> None:
        """The inverse of `to_json`."""
        last, absent, self._returning, self._entered = row[0], row[1], bool(row[2]), bool(row[3])
        self._last = None if last is None else int(last)
        self._absent = None if absent is None else int(absent)
        self._left = None if len(row) < 5 or row[4] is None else int(row[4])  # not in snapshots of 0.1
