"""How long nobody was heard and all was well: a home's own back-test of a wait.

A meter alone cannot tell a night at the daughter's from a night on the floor. Where such nights are usual, a call after
each of them is one nobody answers for long (measured: 3.5 a month in a one-person flat). So the wait grows until the
home's own last weeks would have called `ONE_IN_MS` apart at most: the longest spells of each month may call, what is
shorter has proved usual. One trip, or one real accident, moves nothing; and nothing moves it beyond the cap.

Knows no device and no clock; durations in controller ms.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

DAY_MS: Final = 86_400_000
KEEP_MS: Final = 56 * DAY_MS  # what was usual two months ago may be so no more
ONE_IN_MS: Final = 28 * DAY_MS  # false calls so far apart are borne: issue 5 asks for 1.5 a month at most
BEYOND: Final = 1.1  # what was usual, and a tenth
MOST_SPELLS: Final = 128  # two a day and some


class QuietSpells:
    """The spells of the last weeks that somebody ended, and the wait they teach."""

    __slots__ = ("_since", "_spells")

    def __init__(self) -> None:
        self._since: int | None = None
        self._spells: deque[tuple[int, int]] = deque(maxlen=MOST_SPELLS)  # (when it ended, how long it was)

    def watch(self, t: int) -> None:
        """From `t` on, if not before, spells are seen."""
        if self._since is None:
            self._since = t

    def ended(self, length: int, t: int) -> None:
        """Nobody was heard for `length` ms, all of it observed, and at `t` somebody was."""
        self.watch(t - length)
        while self._spells and self._spells[0][0] <= t - KEEP_MS:
            self._spells.popleft()
        self._spells.append((t, length))

    def wait_ms(self, least: int, most: int, t: int) -> int:
        """The wait at `t`: `least`, unless the home's own spells would have called too often; `most` at most."""
        lately = sorted((length for at, length in self._spells if at > t - KEEP_MS), reverse=True)
        may_call = self._may_call(t)
        if len(lately) <= may_call:
            return least
        return max(least, min(round(lately[may_call] * BEYOND), most))

    def _may_call(self, t: int) -> int:
        """So many calls may the spells of the time looked back on make."""
        known = min(t - self._since, KEEP_MS) if self._since is not None else 0
        return max(known // ONE_IN_MS, 1)

    def count(self, t: int) -> int:
        """How many spells are remembered at `t`."""
        return sum(at > t - KEEP_MS for at, _ in self._spells)

    def to_json(self) -> dict[str, Any]:
        """The spells, oldest first."""
        return {"since": self._since, "spells": [list(spell) for spell in self._spells]}

    def from_json(self, data: dict[str, Any]) -> None:
        """The inverse of `to_json`."""
        self._since = None if data["since"] is None else int(data["since"])
        self._spells = deque(((int(at), int(length)) for at, length in data["spells"]), maxlen=MOST_SPELLS)
