"""How long nothing was heard, counted only while something could have been heard."""

from __future__ import annotations

from typing import Any


class Silence:
    """A count that runs, stands still and starts anew. All in controller ms."""

    def __init__(self) -> None:
        self._before = 0  # counted before `since`
        self.since: int | None = None  # running since, None: standing still
        self.began: int | None = None  # the last sign of life
        self.whole = False  # every moment since then was observed: such a silence can be learned

    def length(self, t: int) -> int:
        """The silence counted by `t`."""
        return self._before + (t - self.since if self.since is not None else 0)

    def reaches(self, length: int) -> int:
        """When the running count reaches `length` (never before it was set running)."""
        assert self.since is not None
        return self.since + max(length - self._before, 0)

    def anew(self, t: int) -> None:
        """A sign of life."""
        self._before, self.began, self.whole = 0, t, self.since is not None
        if self.since is not None:
            self.since = t

    def run(self, t: int) -> None:
        """The count goes on at `t`."""
        if self.since is None:
            self.since = t
            self.whole = self.whole or self.began == t

    def stand(self, t: int) -> None:
        """The count stands still from `t`."""
        if self.since is not None:
            self._before, self.since, self.whole = self._before + t - self.since, None, False

    def touch(self, t: int) -> None:
        """What becomes due by a change at `t` is due then and not in the past: the question comes first."""
        if self.since is not None:
            self._before, self.since = self._before + t - self.since, t

    def owe(self, length: int) -> None:
        """For so long the count stood still for a reason that proved wrong: somebody was taken for out."""
        self._before, self.whole = self._before + length, False

    def forget(self) -> None:
        """What was counted, nobody could have broken: who watched was blind, as is known only now."""
        self._before, self.whole = 0, False

    def skip(self, start: int, end: int) -> None:
        """Nobody watched from `start` to `end`."""
        self.whole = False
        if self.since is not None:
            self._before, self.since = self._before + start - self.since, end

    def to_json(self) -> list[Any]:
        """The count."""
        return [self._before, self.since, self.began, self.whole]

    def from_json(self, data: list[Any]) -> None:
        """The inverse of `to_json`."""
        before, since, began, whole = data
        self._before, self.whole = int(before), bool(whole)
        self.since = None if since is None else int(since)
        self.began = None if began is None else int(began)
